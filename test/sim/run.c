/* One seed: a world, a few dozen operations with accidents between, then peace and the checks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/sim.h"

enum { TAIL_LINES = 120 };

static void set_faults(struct world *world)
{
	struct store_mem_faults *faults = store_mem_faults(world->store);

	faults->random = &world->random.random;
	faults->commit_min_us = 50;
	faults->commit_max_us = 100 + (uint32_t)pick(world, 4000);
	faults->read_min_us = 20;
	faults->read_max_us = 100 + (uint32_t)pick(world, 3000);
	faults->slow_read_percent = chance(world, 30) ? 0 : 10 + (uint32_t)pick(world, 60);
	faults->failed_lands_percent = chance(world, 25) ? 50 : 0;
	faults->publish_before_sync = world->options->publish_before_sync;
	world->crashes_left = (uint32_t)pick(world, 4);
	world->faults_left = (uint32_t)pick(world, 3);
}

static void act(struct world *world)
{
	uint32_t left = 60 + (uint32_t)pick(world, 90), gap = 1 + (uint32_t)pick(world, 40);

	while (left && !world->failed) {
		bool busy = world_round(world);

		if (world->full_rounds && --world->full_rounds == 0) {
			store_mem_faults(world->store)->full = false;
			trace(world, "the disk has room again");
		}
		if ((!busy || pick(world, gap) == 0) && world->serving) {
			op_random(world);
			left--;
		}
	}
}

/* No more accidents, every call answered, every session up and quiet. */
static void make_peace(struct world *world)
{
	struct store_mem_faults *faults = store_mem_faults(world->store);

	world->final = true;
	world->full_rounds = 0;
	faults->full = false;
	faults->fail_rounds = 0;
	faults->slow_read_percent = 0;
	for (uint32_t i = 0; i < VIEWERS; i++)
		viewer_pause(&world->viewers[i], 1);
	for (uint32_t i = 0; i <= CORES; i++)
		world->bias[i] = 100;
	trace(world, "peace");
	world_settle(world, 120000);
	if (world->calls_pending && !world->failed)
		fail(world, "%u calls are never answered", world->calls_pending);
}

static void print_failure(const struct world *world)
{
	const struct buf *tail = &world->journal.tail;
	size_t at = tail->len;

	for (int lines = 0; at && lines <= TAIL_LINES; at--)
		lines += tail->ptr[at - 1] == '\n';
	printf("%.*s", (int)(tail->len - at), tail->ptr ? tail->ptr + at : "");
	printf("seed %lu FAILED: %s\n", world->seed, world->failure);
	fflush(stdout);
}

bool run_seed(uint64_t seed, const struct options *options)
{
	struct world *world = mem_zalloc(sizeof(*world));

	world_from_base(world, seed, options);
	set_faults(world);
	world_start(world);
	for (uint32_t i = 0; i < AUDIT_OWNER; i++)
		world->viewers[i].resting = 1 + (uint32_t)pick(world, 100);
	if (!world->failed)
		act(world);
	if (!world->failed)
		make_peace(world);
	if (!world->failed)
		check_sessions(world);
	if (!world->failed) {
		world_crash(world);
		world_settle(world, 120000);
	}
	if (!world->failed)
		check_sessions(world);
	if (!world->failed)
		check_rows(world);
	bool fine = !world->failed;
	if (!fine)
		print_failure(world);
	else if (options->tracing)
		printf("seed %lu passed: %u calls (%u acknowledged), %u crashes, %u restarts, %u resumes, %lu rounds, %.1f s\n",
		       seed, world->calls_started, world->acked, world->crashes, world->restarts,
		       world->resumes, world->rounds, (double)world->now_us / 1e6);
	world_done(world);
	free(world);
	return fine;
}
