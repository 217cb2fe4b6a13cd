/* Windows of calls, on a clock of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "limit/limit.h"

enum { KEY = 7, QUARTER_MS = 250 };

static uint64_t now_us;

static uint64_t test_clock_us(struct clock *clock)
{
	(void)clock;
	return now_us;
}

static struct clock test_clock = { test_clock_us, test_clock_us };

struct world {
	struct cores *cores;
	struct limit_table *table;
};

static struct world world_new(void)
{
	now_us = 5000000;
	struct cores *cores = cores_new(&(struct cores_config){
		.count = 1, .fibers_max = 8, .clock = &test_clock, .random = &random_real });

	return (struct world){ cores, limit_table_new(cores->core[0]) };
}

static void world_done(struct world *w)
{
	limit_table_free(w->table);
	cores_free(w->cores);
}

/* Lets @ms pass; the core's idea of now comes with its turn. */
static void pass(struct world *w, uint64_t ms)
{
	now_us += ms * 1000;
	core_turn(w->cores->core[0], 0);
}

static struct limit_state hit(struct world *w, uint32_t limit, uint32_t per_ms)
{
	return limit_hit(w->table, KEY, limit, per_ms);
}

static void a_window_takes_its_calls_and_refuses_the_next(void **state)
{
	struct world w = world_new();

	(void)state;
	for (uint32_t left = 5; left--;) {
		struct limit_state now = hit(&w, 5, 5000);

		assert_false(now.over);
		assert_int_equal(now.remaining, left);
		assert_int_equal(now.reset_after_us, 5000000);
	}
	assert_true(hit(&w, 5, 5000).over);
	pass(&w, 4999);
	assert_true(hit(&w, 5, 5000).over);
	pass(&w, 1);
	assert_false(hit(&w, 5, 5000).over);
	world_done(&w);
}

/* discord.js queues the first call of a route by the route, the later ones by the bucket that the first answer named. */
static void a_short_window_of_one_forgives_a_call_that_could_not_know(void **state)
{
	struct world w = world_new();
	struct limit_state now = hit(&w, 1, QUARTER_MS);

	(void)state;
	assert_int_equal(now.remaining, 0);
	pass(&w, 5);
	now = hit(&w, 1, QUARTER_MS);
	assert_false(now.over);
	assert_int_equal(now.limit, 1);
	assert_int_equal(now.remaining, 0);
	assert_int_equal(now.reset_after_us, (2 * QUARTER_MS - 5) * 1000);
	pass(&w, 2 * QUARTER_MS - 5);
	now = hit(&w, 1, QUARTER_MS);
	assert_false(now.over);
	assert_int_equal(now.reset_after_us, QUARTER_MS * 1000);
	world_done(&w);
}

static void forgiven_calls_do_not_raise_the_rate(void **state)
{
	struct world w = world_new();
	uint32_t taken = 0;

	(void)state;
	for (int ms = 0; ms < 10000; ms += 10, pass(&w, 10))
		taken += !hit(&w, 1, QUARTER_MS).over;
	assert_in_range(taken, 40, 43);
	world_done(&w);
}

static void a_long_window_of_one_forgives_nothing(void **state)
{
	struct world w = world_new();

	(void)state;
	assert_false(hit(&w, 1, 60000).over);
	assert_true(hit(&w, 1, 60000).over);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_takes_its_calls_and_refuses_the_next),
		cmocka_unit_test(a_short_window_of_one_forgives_a_call_that_could_not_know),
		cmocka_unit_test(forgiven_calls_do_not_raise_the_rate),
		cmocka_unit_test(a_long_window_of_one_forgives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
