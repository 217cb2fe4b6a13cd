/* Signs of life, with cores that are turned by hand: one that is not turned is one that hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/testing.h"
#include "main/watchdog.h"

enum { CORES = 3, INTERVAL_MS = 100 };

static struct test_clock turned = TEST_CLOCK;
static uint32_t signs;

static void on_sign(void)
{
	signs++;
}

/* @ms pass, one by one; all cores turn but @hung. */
static void pass(struct cores *cores, uint32_t ms, uint32_t hung)
{
	for (; ms; ms--) {
		turned.now_us += 1000;
		for (uint32_t i = 0; i < cores->count; i++)
			if (i != hung)
				core_turn(cores->core[i], 0);
	}
}

static struct cores *begin(struct watchdog **ret_watchdog)
{
	turned.now_us = 5000000;
	signs = 0;
	struct cores *cores = cores_new(&(struct cores_config){
		.count = CORES, .fibers_max = 1, .clock = &turned.clock, .random = &random_real });
	*ret_watchdog = watchdog_new(cores, INTERVAL_MS, on_sign);
	return cores;
}

static void a_sign_at_each_interval_when_all_cores_turn(void **state)
{
	struct watchdog *watchdog;
	struct cores *cores = begin(&watchdog);

	(void)state;
	pass(cores, INTERVAL_MS / 2, CORES);
	assert_int_equal(signs, 0);
	for (uint32_t n = 1; n <= 20; n++) {
		pass(cores, INTERVAL_MS, CORES);
		assert_int_equal(signs, n);
	}
	watchdog_free(watchdog);
	cores_free(cores);
}

static void no_sign_while_any_one_core_hangs_and_one_at_once_when_it_goes_on(void **state)
{
	(void)state;
	for (uint32_t hung = 0; hung < CORES; hung++) {
		struct watchdog *watchdog;
		struct cores *cores = begin(&watchdog);

		pass(cores, 3 * INTERVAL_MS + 10, CORES);
		assert_int_equal(signs, 3);
		pass(cores, 20 * INTERVAL_MS, hung);
		assert_int_equal(signs, 3);
		pass(cores, 3, CORES); /* the answer comes late, the sign with it */
		assert_int_equal(signs, 4);
		pass(cores, 5 * INTERVAL_MS, CORES);
		assert_in_range(signs, 8, 9);
		watchdog_free(watchdog);
		cores_free(cores);
	}
}

static void none_is_wanted_without_the_interval_in_the_environment(void **state)
{
	struct watchdog *watchdog;
	struct cores *cores = begin(&watchdog);

	(void)state;
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	assert_null(watchdog_new_systemd(cores));
	setenv("WATCHDOG_USEC", "400000", 1);
	struct watchdog *wanted = watchdog_new_systemd(cores);
	unsetenv("WATCHDOG_USEC");
	assert_non_null(wanted);
	watchdog_free(wanted);
	watchdog_free(NULL);
	watchdog_free(watchdog);
	cores_free(cores);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sign_at_each_interval_when_all_cores_turn),
		cmocka_unit_test(no_sign_while_any_one_core_hangs_and_one_at_once_when_it_goes_on),
		cmocka_unit_test(none_is_wanted_without_the_interval_in_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
