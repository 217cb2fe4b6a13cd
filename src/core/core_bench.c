/* What the primitives cost here: a fiber's switch and life, a message to another core and back, a timer, an idle turn.
 * Figures are the best of some rounds, in nanoseconds unless said.
 *
 *	bench_core [PARTS]		(so many times shorter than usual) */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/core.h"
#include "core/fiber.h"

enum { ROUNDS = 5 };

static int parts = 1;

static uint64_t now_us(void)
{
	return clock_mono_us(&clock_real);
}

static struct cores *cores_make(uint32_t count)
{
	return cores_new(&(struct cores_config){ .count = count,
						 .fibers_max = 64,
						 .offload_threads = 1,
						 .clock = &clock_real,
						 .random = &random_real });
}

static void report(const char *what, double figure, const char *unit)
{
	printf("%-44s %10.1f %s\n", what, figure, unit);
}

static double each_ns(uint64_t start_us, double times)
{
	return (double)(now_us() - start_us) * 1000 / times;
}

/* -- fibers -- */

static void parks_for_ever(struct core *core, void *arg)
{
	*(struct fiber **)arg = fiber_self(core);
	for (;;)
		fiber_park(core);
}

static void ends_at_once(struct core *core, void *arg)
{
	(void)core;
	++*(uint64_t *)arg;
}

static void bench_fibers(void)
{
	const int times = 1000000 / parts;
	struct cores *cores = cores_make(1);
	struct core *core = cores->core[0];
	double turn = 1e9, wake = 1e9, life = 1e9;
	struct fiber *fiber;
	uint64_t lives = 0;

	fiber_start(core, parks_for_ever, &fiber);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = now_us();

		for (int i = 0; i < times; i++)
			core_turn(core, 0);
		turn = MIN(turn, each_ns(start, times));
		start = now_us();
		for (int i = 0; i < times; i++) {
			fiber_wake(core, fiber);
			core_turn(core, 0);
		}
		wake = MIN(wake, each_ns(start, times));
		start = now_us();
		for (int i = 0; i < times; i++)
			fiber_start(core, ends_at_once, &lives);
		life = MIN(life, each_ns(start, times));
	}
	report("an idle turn (clock read)", turn, "ns");
	report("wake, switch to a fiber, switch back", wake - turn, "ns");
	report("a fiber's life (start, end, pooled stack)", life, "ns");
	cores_free(cores);
}

/* -- messages -- */

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

static double bounce_us(struct cores *cores, uint32_t balls, uint32_t hops)
{
	struct bounce *bounces = mem_zalloc(sizeof(*bounces) * balls);
	uint64_t start = now_us(), took;

	for (uint32_t i = 0; i < balls; i++) {
		bounces[i].msg.run = on_bounce;
		bounces[i].left = hops;
		core_post(cores->core[0], &bounces[i].msg);
	}
	for (uint32_t i = 0; i < balls; i++)
		while (!atomic_load(&bounces[i].over))
			usleep(100);
	took = now_us() - start;
	free(bounces);
	return (double)took * 2 / ((double)balls * hops);
}

static void bench_messages(void)
{
	struct cores *cores = cores_make(2);
	double one = 1e9, many = 1e9;

	cores_start(cores);
	for (int round = 0; round < ROUNDS; round++) {
		one = MIN(one, bounce_us(cores, 1, 20000 / (uint32_t)parts));
		many = MIN(many, bounce_us(cores, 256, 4000 / (uint32_t)parts));
	}
	report("message to a sleeping core and back", one, "us");
	report("the same, 256 under way", many * 1000, "ns");
	cores_stop(cores);
	report("doorbells for each message",
	       (double)core_stats(cores->core[1])->doorbells /
		       (double)core_stats(cores->core[1])->messages,
	       "");
	cores_free(cores);
}

/* -- offloading -- */

static void no_work(void *arg)
{
	(void)arg;
}

static _Atomic bool offloads_over;

static void offloads(struct core *core, void *arg)
{
	for (int i = 0; i < *(int *)arg; i++)
		fiber_offload_wait(core, no_work, NULL);
	atomic_store(&offloads_over, true);
}

static int offload_times = 20000;

static void start_offloads(struct core *core, struct msg *msg)
{
	(void)msg;
	fiber_start(core, offloads, &offload_times);
}

static void bench_offload(void)
{
	struct cores *cores = cores_make(1);
	struct msg msg = { .run = start_offloads };
	uint64_t start;

	offload_times /= parts;
	cores_start(cores);
	start = now_us();
	core_post(cores->core[0], &msg);
	while (!atomic_load(&offloads_over))
		usleep(100);
	report("empty work on the pool and back", (double)(now_us() - start) / offload_times, "us");
	cores_stop(cores);
	cores_free(cores);
}

/* -- timers -- */

static uint64_t virtual_us = 1000000;

static uint64_t virtual_mono_us(struct clock *clock)
{
	(void)clock;
	return virtual_us;
}

static struct clock virtual_clock = { virtual_mono_us, virtual_mono_us };

static void on_beat(struct core *core, struct timer *timer)
{
	timer_set(core, timer, 41250);
}

/* Heartbeats of a hundred thousand sessions. */
static void bench_timers(void)
{
	enum { SESSIONS = 100000 };
	const uint64_t seconds = 120 / MIN((uint64_t)parts, 120);
	struct cores *cores = cores_new(&(struct cores_config){
		.count = 1, .fibers_max = 1, .clock = &virtual_clock, .random = &random_real });
	struct core *core = cores->core[0];
	struct timer *timers = mem_alloc(sizeof(*timers) * SESSIONS);
	uint64_t start, longest = 0;

	for (uint32_t i = 0; i < SESSIONS; i++) {
		timer_init(&timers[i], on_beat);
		timer_set(core, &timers[i], i * 41250ULL / SESSIONS);
	}
	start = now_us();
	for (uint64_t end = virtual_us + seconds * 1000000; virtual_us < end;) {
		uint64_t before = now_us();

		if (core_turn(core, 0) > 0)
			virtual_us += 1000;
		longest = MAX(longest, now_us() - before);
	}
	report("a timer set and fired, 100,000 set",
	       (double)(now_us() - start) * 1000 / (double)core_stats(core)->timers, "ns");
	report("the longest turn of that", (double)longest, "us");
	cores_free(cores);
	free(timers);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		parts = atoi(argv[1]);
	bench_fibers();
	bench_messages();
	bench_offload();
	bench_timers();
	return 0;
}
