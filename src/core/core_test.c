/* Turns, messages, deferred work, descriptors, timers and the pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/testing.h"
#include "core/internal.h"

static struct test_clock turned = TEST_CLOCK;

static struct cores *cores_stepped(uint32_t count)
{
	turned.now_us = 5000000;
	return cores_new(&(struct cores_config){
		.count = count, .fibers_max = 8, .clock = &turned.clock, .random = &random_real });
}

static struct cores *cores_threaded(uint32_t count)
{
	return cores_new(&(struct cores_config){ .count = count,
						 .fibers_max = 64,
						 .offload_threads = 2,
						 .clock = &clock_real,
						 .random = &random_real });
}

/* -- timers -- */

enum { TIMERS = 400 };
struct test_timer {
	struct timer timer;
	uint64_t due_us;	 /* 0: not set */
	uint64_t ordered; /* when it was set, counting */
};
struct timer_world {
	struct test_timer timers[TIMERS];
	struct random_seeded random;
	uint64_t sets, fired, last_ms, last_order;
};
static struct timer_world timer_world;

static uint64_t pick(uint64_t below)
{
	return random_below(&timer_world.random.random, below);
}

/* Mostly short, sometimes of any length. */
static uint64_t pick_delay_ms(void)
{
	return pick(1ULL << pick(26));
}

static void set_test_timer(struct core *core, struct test_timer *t)
{
	uint64_t ms = pick_delay_ms();

	timer_set(core, &t->timer, ms);
	t->due_us = core_now_us(core) + ms * 1000;
	t->ordered = ++timer_world.sets;
}

static void on_test_timer(struct core *core, struct timer *timer)
{
	struct test_timer *t = container_of(timer, struct test_timer, timer);

	assert_true(t->due_us != 0);
	assert_true(t->due_us <= core_now_us(core));
	/* At the first turn in which it may: nothing older may stay behind, see below. */
	assert_true(timer->at_ms >= timer_world.last_ms);
	if (timer->at_ms == timer_world.last_ms)
		assert_true(t->ordered > timer_world.last_order);
	timer_world.last_ms = timer->at_ms;
	timer_world.last_order = t->ordered;
	t->due_us = 0;
	timer_world.fired++;
	if (pick(2))
		set_test_timer(core, t);
	if (pick(4) == 0) {
		struct test_timer *other = &timer_world.timers[pick(TIMERS)];

		timer_clear(&other->timer);
		other->due_us = 0;
	}
}

/* The slow plain version: look at every timer. Sub-millisecond parts are rounded up by the wheel. */
static uint64_t plain_next_ms(void)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < TIMERS; i++)
		if (timer_world.timers[i].due_us)
			next = MIN(next, timer_world.timers[i].timer.at_ms);
	return next;
}

static void timers_agree_with_a_plain_list(uint64_t seed)
{
	struct cores *cores = cores_stepped(1);
	struct core *core = cores->core[0];

	memset(&timer_world, 0, sizeof(timer_world));
	random_seeded_init(&timer_world.random, seed);
	turned.now_us = 1 + pick(1ULL << pick(62));
	core_turn(core, 0);
	for (int i = 0; i < TIMERS; i++)
		timer_init(&timer_world.timers[i].timer, on_test_timer);
	for (int step = 0; step < 3000; step++) {
		uint64_t wait_us = core_turn(core, 0), next_ms = plain_next_ms();

		if (next_ms == UINT64_MAX) {
			assert_true(wait_us == UINT64_MAX);
		} else {
			/* All that was due has fired, and the loop does not sleep past the next. */
			assert_true(next_ms > core_now_us(core) / 1000);
			assert_true(core_now_us(core) + wait_us <= next_ms * 1000);
			assert_true(wait_us > 0);
		}
		for (uint64_t n = pick(6); n > 0; n--) {
			struct test_timer *t = &timer_world.timers[pick(TIMERS)];

			if (pick(4) == 0) {
				timer_clear(&t->timer);
				t->due_us = 0;
			} else {
				set_test_timer(core, t);
			}
			assert_int_equal(timer_is_set(&t->timer), t->due_us != 0);
		}
		turned.now_us += pick(3) ? MIN(wait_us, 1ULL << 40) : pick(1ULL << pick(35));
	}
	assert_true(timer_world.fired > 500);
	cores_free(cores);
}

static void timers_fire_in_order_and_in_time_whatever_is_set_and_cleared(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		timers_agree_with_a_plain_list(seed);
}

static uint32_t counted;

static void count_timer(struct core *core, struct timer *timer)
{
	(void)core, (void)timer;
	counted++;
}

static void count_timer_again(struct core *core, struct timer *timer)
{
	counted++;
	timer_set(core, timer, 0);
}

static void a_timer_that_sets_itself_with_zero_does_not_hold_the_turn(void **state)
{
	struct cores *cores = cores_stepped(1);
	struct timer timer;

	(void)state;
	counted = 0;
	timer_init(&timer, count_timer_again);
	timer_set(cores->core[0], &timer, 0);
	turned.now_us += 3000;
	core_turn(cores->core[0], 0);
	assert_true(counted <= 3);
	timer_clear(&timer);
	cores_free(cores);
}

static int long_ones;

static void take_long(struct core *core, struct msg *msg)
{
	turned.now_us += TURN_MESSAGES_US + 1;
	assert_true(core_turn_is_long(core));
	if (++long_ones == 1)
		core_post_first(core, msg);
}

static void messages_that_take_long_leave_the_rest_for_the_next_turn(void **state)
{
	struct cores *cores = cores_stepped(1);
	struct msg first = { .run = take_long }, second = { .run = take_long };

	(void)state;
	long_ones = 0;
	core_post(cores->core[0], &first);
	core_post(cores->core[0], &second);
	for (int turns = 1; turns <= 3; turns++) {
		uint64_t wait_us = core_turn(cores->core[0], 0);

		assert_int_equal(long_ones, turns);
		assert_true(wait_us == (turns < 3 ? 0 : UINT64_MAX));
	}
	cores_free(cores);
}

static void many_timers_of_one_moment_are_fired_over_several_turns(void **state)
{
	enum { MANY = 3 * TURN_TIMERS };
	struct cores *cores = cores_stepped(1);
	struct timer *timers = mem_alloc(sizeof(*timers) * MANY);

	(void)state;
	counted = 0;
	for (int i = 0; i < MANY; i++) {
		timer_init(&timers[i], count_timer);
		timer_set(cores->core[0], &timers[i], 40000);
	}
	turned.now_us += 50000000;
	for (int turns = 0; counted < MANY; turns++) {
		uint32_t before = counted;
		uint64_t wait_us = core_turn(cores->core[0], 0);

		assert_true(counted - before <= TURN_TIMERS);
		assert_true(turns < 12);
		assert_true(wait_us == (counted < MANY ? 0 : UINT64_MAX));
	}
	cores_free(cores);
	free(timers);
}

/* -- messages -- */

struct test_msg {
	struct msg msg;
	uint32_t writer, number;
};
struct inbox_test {
	struct inbox inbox;
	_Atomic bool go;
};
enum { WRITERS = 2, EACH = 20000 };
static struct inbox_test inbox_test;
static struct test_msg inbox_msgs[WRITERS][EACH];

static void *inbox_writer(void *arg)
{
	uint32_t writer = (uint32_t)(uintptr_t)arg;

	while (!atomic_load(&inbox_test.go))
		;
	for (uint32_t i = 0; i < EACH; i++) {
		inbox_msgs[writer][i] = (struct test_msg){ .writer = writer, .number = i };
		inbox_push(&inbox_test.inbox, &inbox_msgs[writer][i].msg);
	}
	return NULL;
}

static void each_writers_messages_arrive_in_order(void **state)
{
	pthread_t threads[WRITERS];
	uint32_t next[WRITERS] = { 0 }, total = 0;

	(void)state;
	for (uintptr_t i = 0; i < WRITERS; i++)
		pthread_create(&threads[i], NULL, inbox_writer, (void *)i);
	atomic_store(&inbox_test.go, true);
	while (total < WRITERS * EACH) {
		struct msg *last = NULL, *msg = inbox_take(&inbox_test.inbox, &last);

		for (; msg; total++) {
			struct test_msg *t = container_of(msg, struct test_msg, msg);

			assert_int_equal(t->number, next[t->writer]);
			next[t->writer]++;
			assert_true(msg->next || msg == last);
			msg = msg->next;
		}
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
}

struct bounce {
	struct msg msg;
	uint32_t left;
	_Atomic bool over;
};

static void on_bounce(struct core *core, struct msg *msg)
{
	struct bounce *bounce = container_of(msg, struct bounce, msg);
	struct cores *cores = core_cores(core);

	if (--bounce->left == 0)
		atomic_store(&bounce->over, true);
	else
		core_post(cores->core[(core_index(core) + 1) % cores->count], msg);
}

static void sleeping_cores_wake_each_other(void **state)
{
	struct cores *cores = cores_threaded(2);
	struct bounce bounces[3];

	(void)state;
	cores_start(cores);
	for (uint32_t i = 0; i < 3; i++) {
		bounces[i] = (struct bounce){ .msg.run = on_bounce, .left = 5000 };
		core_post(cores->core[i % 2], &bounces[i].msg);
	}
	for (int i = 0; i < 3; i++)
		while (!atomic_load(&bounces[i].over))
			usleep(200);
	cores_stop(cores);
	assert_true(core_stats(cores->core[0])->messages >= 7500);
	cores_free(cores);
}

static void on_self_post(struct core *core, struct msg *msg)
{
	counted++;
	core_post(core, msg);
}

static void a_message_to_oneself_runs_in_the_next_turn(void **state)
{
	struct cores *cores = cores_stepped(1);
	struct msg msg = { .run = on_self_post };

	(void)state;
	counted = 0;
	core_post(cores->core[0], &msg);
	assert_int_equal(core_turn(cores->core[0], 0), 0);
	assert_int_equal(counted, 1);
	/* And it does not sleep meanwhile. */
	assert_int_equal(core_turn(cores->core[0], 1000000), 0);
	assert_int_equal(counted, 2);
	cores_free(cores);
}

/* -- deferred work -- */

struct test_deferred {
	struct deferred deferred;
	bool again;
	struct test_deferred *drop;
	uint32_t runs;
};

static void on_deferred(struct core *core, struct deferred *deferred)
{
	struct test_deferred *t = container_of(deferred, struct test_deferred, deferred);

	t->runs++;
	if (t->again)
		core_defer(core, deferred);
	if (t->drop)
		core_undefer(&t->drop->deferred);
}

static void deferred_work_runs_once_this_turn_and_again_only_in_the_next(void **state)
{
	struct cores *cores = cores_stepped(1);
	struct test_deferred a = { .again = true }, b = { 0 }, c = { 0 };

	(void)state;
	a.drop = &c;
	deferred_init(&a.deferred, on_deferred);
	deferred_init(&b.deferred, on_deferred);
	deferred_init(&c.deferred, on_deferred);
	core_defer(cores->core[0], &a.deferred);
	core_defer(cores->core[0], &b.deferred);
	core_defer(cores->core[0], &b.deferred);
	core_defer(cores->core[0], &c.deferred);
	assert_int_equal(core_turn(cores->core[0], 0), 0);
	assert_int_equal(a.runs, 1);
	assert_int_equal(b.runs, 1);
	assert_int_equal(c.runs, 0);
	a.again = false;
	assert_true(core_turn(cores->core[0], 0) == UINT64_MAX);
	assert_int_equal(a.runs, 2);
	assert_int_equal(b.runs, 1);
	cores_free(cores);
}

/* -- descriptors -- */

struct test_watch {
	struct watch watch;
	struct test_watch *other;
	uint32_t runs;
	bool deleted;
};

static void on_watch(struct core *core, struct watch *watch, uint32_t events)
{
	struct test_watch *t = container_of(watch, struct test_watch, watch);

	assert_true(events & EPOLLIN);
	assert_false(t->deleted);
	t->runs++;
	if (t->other) {
		watch_del(core, &t->other->watch);
		t->other->deleted = true;
		t->other->other = NULL;
		t->other = NULL;
	}
}

static void a_deleted_watch_is_silent_even_for_an_event_of_this_turn(void **state)
{
	struct cores *cores = cores_stepped(1);
	struct test_watch a = { 0 }, b = { 0 };
	int pipe_a[2], pipe_b[2];

	(void)state;
	assert_int_equal(pipe(pipe_a) | pipe(pipe_b), 0);
	a = (struct test_watch){ .watch = { pipe_a[0], EPOLLIN, on_watch }, .other = &b };
	b = (struct test_watch){ .watch = { pipe_b[0], EPOLLIN, on_watch }, .other = &a };
	assert_int_equal(watch_add(cores->core[0], &a.watch), 0);
	assert_int_equal(watch_add(cores->core[0], &b.watch), 0);
	assert_int_equal(watch_add(cores->core[0], &b.watch), -EEXIST);
	core_turn(cores->core[0], 0);
	assert_int_equal(a.runs + b.runs, 0);
	assert_int_equal(write(pipe_a[1], "x", 1), 1);
	assert_int_equal(write(pipe_b[1], "x", 1), 1);
	core_turn(cores->core[0], 0);
	assert_int_equal(a.runs + b.runs, 1); /* the first one deleted the other */
	core_turn(cores->core[0], 0);
	assert_int_equal(a.runs + b.runs, 2); /* level-triggered: the byte is still there */
	watch_change(cores->core[0], a.deleted ? &b.watch : &a.watch, 0);
	core_turn(cores->core[0], 0);
	assert_int_equal(a.runs + b.runs, 2);
	watch_del(cores->core[0], a.deleted ? &b.watch : &a.watch);
	for (int i = 0; i < 2; i++) {
		close(pipe_a[i]);
		close(pipe_b[i]);
	}
	cores_free(cores);
}

static void a_waiting_turn_ends_with_its_time_with_a_timer_or_with_a_bell(void **state)
{
	/* Not started: the machine's clock, turned by hand. */
	struct cores *cores = cores_threaded(1);
	struct core *core = cores->core[0];
	struct msg msg = { .run = on_self_post };
	struct timer timer;
	uint64_t start = clock_mono_us(&clock_real), took;

	(void)state;
	counted = 0;
	core_turn(core, 20000);
	took = clock_mono_us(&clock_real) - start;
	assert_true(took >= 19000);
	timer_init(&timer, count_timer);
	core_turn(core, 0);
	timer_set(core, &timer, 5);
	while (!counted)
		core_turn(core, UINT64_MAX);
	assert_true(core_now_us(core) >= timer.at_ms * 1000);
	core_post(core, &msg);
	core_turn(core, UINT64_MAX);
	assert_int_equal(counted, 2);
	cores_free(cores);
}

/* -- the pool -- */

struct test_job {
	struct job job;
	pthread_t worked_in, done_in;
	_Atomic uint32_t *done;
	struct test_job *all;
};

static void job_work(struct job *job)
{
	container_of(job, struct test_job, job)->worked_in = pthread_self();
}

static void job_done(struct core *core, struct job *job)
{
	struct test_job *t = container_of(job, struct test_job, job);

	(void)core;
	t->done_in = pthread_self();
	atomic_fetch_add(t->done, 1);
}

enum { JOBS = 50 };
static struct test_job test_jobs[JOBS];

static void start_jobs(struct core *core, struct msg *msg)
{
	(void)msg;
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(core_offload(core, &test_jobs[i].job), 0);
}

static void offloaded_work_runs_elsewhere_and_comes_home(void **state)
{
	struct cores *cores = cores_threaded(2);
	struct msg msg = { .run = start_jobs };
	_Atomic uint32_t done = 0;

	(void)state;
	for (int i = 0; i < JOBS; i++)
		test_jobs[i] = (struct test_job){ .job = { .work = job_work, .done = job_done },
						  .done = &done };
	cores_start(cores);
	core_post(cores->core[1], &msg);
	while (atomic_load(&done) < JOBS)
		usleep(200);
	cores_stop(cores);
	for (int i = 0; i < JOBS; i++) {
		assert_true(test_jobs[i].done_in == test_jobs[0].done_in);
		assert_false(test_jobs[i].worked_in == test_jobs[0].done_in);
		assert_false(test_jobs[i].worked_in == pthread_self());
	}
	cores_free(cores);
}

static void offload_says_when_too_much_waits(void **state)
{
	struct cores *cores = cores_stepped(1); /* fibers_max 8, no threads */
	_Atomic uint32_t done = 0;

	(void)state;
	for (int i = 0; i < 9; i++) {
		test_jobs[i] = (struct test_job){ .job = { .work = job_work, .done = job_done },
						  .done = &done };
		assert_int_equal(core_offload(cores->core[0], &test_jobs[i].job),
				 i < 8 ? 0 : -EAGAIN);
	}
	assert_int_equal(done, 0);
	core_turn(cores->core[0], 0);
	assert_int_equal(done, 8);
	assert_int_equal(core_offload(cores->core[0], &test_jobs[8].job), 0);
	core_turn(cores->core[0], 0);
	assert_int_equal(done, 9);
	cores_free(cores);
}

static void ask_to_stop(struct core *core, struct msg *msg)
{
	(void)msg;
	cores_ask_stop(core_cores(core));
}

static void a_core_may_ask_all_to_stop(void **state)
{
	struct cores *cores = cores_threaded(2);
	struct msg msg = { .run = ask_to_stop };

	(void)state;
	cores_start(cores);
	core_post(cores->core[0], &msg);
	cores_join(cores);
	cores_stop(cores); /* again, harmless */
	cores_free(cores);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_and_in_time_whatever_is_set_and_cleared),
		cmocka_unit_test(a_timer_that_sets_itself_with_zero_does_not_hold_the_turn),
		cmocka_unit_test(messages_that_take_long_leave_the_rest_for_the_next_turn),
		cmocka_unit_test(many_timers_of_one_moment_are_fired_over_several_turns),
		cmocka_unit_test(each_writers_messages_arrive_in_order),
		cmocka_unit_test(sleeping_cores_wake_each_other),
		cmocka_unit_test(a_message_to_oneself_runs_in_the_next_turn),
		cmocka_unit_test(deferred_work_runs_once_this_turn_and_again_only_in_the_next),
		cmocka_unit_test(a_deleted_watch_is_silent_even_for_an_event_of_this_turn),
		cmocka_unit_test(a_waiting_turn_ends_with_its_time_with_a_timer_or_with_a_bell),
		cmocka_unit_test(offloaded_work_runs_elsewhere_and_comes_home),
		cmocka_unit_test(offload_says_when_too_much_waits),
		cmocka_unit_test(a_core_may_ask_all_to_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
