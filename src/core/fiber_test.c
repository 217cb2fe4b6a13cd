#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/testing.h"
#include "core/internal.h"

enum { FIBERS_MAX = 8 };

static struct test_clock turned = TEST_CLOCK;
/* What happened, as letters. */
static char trace[64];
static size_t traced;

static void note(char c)
{
	assert_true(traced < sizeof(trace) - 1);
	trace[traced++] = c;
}

static int setup(void **state)
{
	turned.now_us = 7000000;
	traced = 0;
	memset(trace, 0, sizeof(trace));
	*state = cores_new(&(struct cores_config){ .count = 1,
						   .fibers_max = FIBERS_MAX,
						   .clock = &turned.clock,
						   .random = &random_real });
	return 0;
}

static int teardown(void **state)
{
	cores_free(*state);
	return 0;
}

static struct core *core_of(void **state)
{
	return ((struct cores *)*state)->core[0];
}

static struct fiber *last_self;

static void parks_twice(struct core *core, void *arg)
{
	(void)arg;
	last_self = fiber_self(core);
	note('a');
	fiber_park(core);
	note('b');
	fiber_park(core);
	note('c');
}

static void a_fiber_runs_at_once_and_after_each_wake(void **state)
{
	struct core *core = core_of(state);

	assert_null(fiber_self(core));
	assert_int_equal(fiber_start(core, parks_twice, NULL), 0);
	assert_string_equal(trace, "a");
	core_turn(core, 0);
	assert_string_equal(trace, "a");
	fiber_wake(core, last_self);
	assert_string_equal(trace, "a");
	core_turn(core, 0);
	assert_string_equal(trace, "ab");
	fiber_wake(core, last_self);
	core_turn(core, 0);
	assert_string_equal(trace, "abc");
	assert_null(fiber_self(core));
	assert_int_equal(core_stats(core)->fibers_now, 0);
	assert_int_equal(core_stats(core)->fibers_started, 1);
}

static void wakes_itself_first(struct core *core, void *arg)
{
	(void)arg;
	fiber_wake(core, fiber_self(core));
	fiber_park(core);
	note('a');
	fiber_park(core);
	note('b');
}

static void a_wake_before_the_park_is_remembered_once(void **state)
{
	fiber_start(core_of(state), wakes_itself_first, NULL);
	assert_string_equal(trace, "a");
}

static void starts_another(struct core *core, void *arg)
{
	struct fiber *self = fiber_self(core);

	(void)arg;
	note('1');
	assert_int_equal(fiber_start(core, parks_twice, NULL), 0);
	assert_ptr_equal(fiber_self(core), self);
	note('2');
	fiber_wake(core, last_self);
	fiber_wake(core, last_self); /* remembered for its second park */
	fiber_park(core);
	note('3');
}

static void a_fiber_may_start_and_wake_others(void **state)
{
	struct core *core = core_of(state);

	fiber_start(core, starts_another, NULL);
	assert_string_equal(trace, "1a2");
	core_turn(core, 0);
	assert_string_equal(trace, "1a2bc");
	assert_int_equal(core_stats(core)->fibers_now, 1);
}

static void waits_on(struct core *core, void *arg)
{
	fiber_wait_on(core, arg);
	note('w');
}

static void the_number_of_fibers_is_bounded(void **state)
{
	struct core *core = core_of(state);
	struct fiber_wait wait = { 0 };

	assert_true(fiber_wait_empty(&wait));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < FIBERS_MAX; i++)
			assert_int_equal(fiber_start(core, waits_on, &wait), 0);
		assert_int_equal(fiber_start(core, waits_on, &wait), -EAGAIN);
		assert_int_equal(core_stats(core)->fibers_now, FIBERS_MAX);
		fiber_wait_wake(core, &wait, true);
		assert_true(fiber_wait_empty(&wait));
		core_turn(core, 0);
		assert_int_equal(core_stats(core)->fibers_now, 0);
	}
	assert_string_equal(trace, "wwwwwwwwwwwwwwwwwwwwwwww");
}

struct queued {
	struct fiber_wait *wait;
	char name;
};

static void waits_by_name(struct core *core, void *arg)
{
	struct queued queued = *(struct queued *)arg;

	fiber_wait_on(core, queued.wait);
	note(queued.name);
}

static void waiters_are_woken_first_come_first_served(void **state)
{
	struct core *core = core_of(state);
	struct fiber_wait wait = { 0 };

	for (int i = 0; i < 5; i++)
		fiber_start(core, waits_by_name, &(struct queued){ &wait, "abcde"[i] });
	fiber_wait_wake(core, &wait, false);
	core_turn(core, 0);
	assert_string_equal(trace, "a");
	fiber_wait_wake(core, &wait, true);
	fiber_wait_wake(core, &wait, true);
	core_turn(core, 0);
	assert_string_equal(trace, "abcde");
}

static void sleeps(struct core *core, void *arg)
{
	(void)arg;
	last_self = fiber_self(core);
	fiber_sleep(core, 250);
	note('s');
	fiber_park(core);
	note('p');
}

static void a_sleeper_is_not_disturbed_and_keeps_the_wakes_of_others(void **state)
{
	struct core *core = core_of(state);

	fiber_start(core, sleeps, NULL);
	turned.now_us += 100000;
	fiber_wake(core, last_self); /* for somebody else's park */
	core_turn(core, 0);
	assert_string_equal(trace, "");
	turned.now_us += 151000;
	core_turn(core, 0);
	assert_string_equal(trace, "sp");
}

static void slow_work(void *arg)
{
	*(int *)arg = 42;
}

static void offloads(struct core *core, void *arg)
{
	int result = 0;

	(void)arg;
	assert_int_equal(fiber_offload_wait(core, slow_work, &result), 0);
	assert_int_equal(result, 42);
	note('o');
}

static void a_fiber_waits_for_offloaded_work(void **state)
{
	struct core *core = core_of(state);

	fiber_start(core, offloads, NULL);
	core_turn(core, 0);
	assert_string_equal(trace, "o");
}

/* The address sanitizer catches the overflow first; either way the process must not go on. */
__attribute__((noinline)) static uint32_t dig(uint32_t depth)
{
	volatile char room[512];

	room[0] = (char)depth;
	if (depth == 0)
		return 0;
	return dig(depth - 1) + (uint32_t)room[0];
}

static void digs(struct core *core, void *arg)
{
	size_t left = fiber_stack_left(core);

	assert_true(left > 60 * 1024);
	assert_true(left <= 256 * 1024);
	dig(*(uint32_t *)arg);
	note('d');
}

static void a_stack_that_overflows_ends_the_process_and_nothing_else(void **state)
{
	struct core *core = core_of(state);
	uint32_t fits = 50, overflows = 100000;
	int status;
	pid_t child;

	fiber_start(core, digs, &fits);
	assert_string_equal(trace, "d");
	child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		close(STDERR_FILENO);
		fiber_start(core, digs, &overflows);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void holds_a_value(struct core *core, void *arg)
{
	volatile double f = *(int *)arg * 1.5;
	volatile uint64_t n = (uint64_t)*(int *)arg * 0x0123456789abcdefULL;
	double f_before = f;
	uint64_t n_before = n;

	for (int i = 0; i < 20; i++) {
		fiber_sleep(core, 1);
		assert_true(f == f_before);
		assert_true(n == n_before);
	}
	note('v');
}

static void fibers_keep_their_values_across_switches(void **state)
{
	struct core *core = core_of(state);

	for (int i = 1; i <= FIBERS_MAX; i++)
		fiber_start(core, holds_a_value, &(int){ i });
	for (int i = 0; i < 60; i++) {
		turned.now_us += 1000;
		core_turn(core, 0);
	}
	assert_string_equal(trace, "vvvvvvvv");
}

/* -- on threads -- */

struct threaded {
	struct msg msg;
	_Atomic uint32_t *finished;
};

static void adds(void *arg)
{
	++*(uint64_t *)arg;
}

static void works_for_a_while(struct core *core, void *arg)
{
	_Atomic uint32_t *finished = arg;
	uint64_t sum = 0;

	for (int i = 0; i < 50; i++) {
		assert_int_equal(fiber_offload_wait(core, adds, &sum), 0);
		if (i % 16 == 0)
			fiber_sleep(core, 1);
	}
	assert_int_equal(sum, 50);
	atomic_fetch_add(finished, 1);
}

static void start_workers(struct core *core, struct msg *msg)
{
	struct threaded *t = container_of(msg, struct threaded, msg);

	for (int i = 0; i < FIBERS_MAX; i++)
		assert_int_equal(fiber_start(core, works_for_a_while, t->finished), 0);
}

static void fibers_of_two_cores_use_the_pool(void **state)
{
	struct cores *cores = cores_new(&(struct cores_config){ .count = 2,
								.fibers_max = FIBERS_MAX,
								.offload_threads = 2,
								.clock = &clock_real,
								.random = &random_real });
	_Atomic uint32_t finished = 0;
	struct threaded starts[2];

	(void)state;
	cores_start(cores);
	for (int i = 0; i < 2; i++) {
		starts[i] = (struct threaded){ { .run = start_workers }, &finished };
		core_post(cores->core[i], &starts[i].msg);
	}
	while (atomic_load(&finished) < 2 * FIBERS_MAX)
		usleep(500);
	cores_stop(cores);
	cores_free(cores);
}

#define FIBER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIBER_TEST(a_fiber_runs_at_once_and_after_each_wake),
		FIBER_TEST(
			a_wake_before_the_park_is_remembered_once), /* and dropped while parked */
		FIBER_TEST(a_fiber_may_start_and_wake_others),
		FIBER_TEST(the_number_of_fibers_is_bounded),
		FIBER_TEST(waiters_are_woken_first_come_first_served),
		FIBER_TEST(a_sleeper_is_not_disturbed_and_keeps_the_wakes_of_others),
		FIBER_TEST(a_fiber_waits_for_offloaded_work),
		FIBER_TEST(a_stack_that_overflows_ends_the_process_and_nothing_else),
		FIBER_TEST(fibers_keep_their_values_across_switches),
		cmocka_unit_test(fibers_of_two_cores_use_the_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
