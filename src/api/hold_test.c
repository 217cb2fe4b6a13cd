/* Writers wait for a crowd that is behind, and are let go as it comes after. */
#include "api/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/req.h"
#include "cell/flow.h"

enum { WRITERS = 100, BEHIND_MAX = 32 };

struct world {
	struct clock clock;
	uint64_t now_us;
	struct cores *cores;
	struct flow *flow;
	struct hold hold;
	struct req writers[WRITERS];
};
static uint32_t released;

static uint64_t now_us(struct clock *clock)
{
	return container_of(clock, struct world, clock)->now_us;
}

static void release(struct req *req)
{
	(void)req;
	released++;
}

static void world_new(struct world *world, int32_t behind)
{
	world->clock = (struct clock){ now_us, now_us };
	world->now_us = 1000000;
	world->cores = cores_new(&(struct cores_config){
		.count = 1, .fibers_max = 1, .clock = &world->clock, .random = &random_real });
	world->flow = flow_new();
	flow_behind(world->flow, behind);
	hold_init(&world->hold, release);
	released = 0;
	for (uint32_t i = 0; i < WRITERS; i++)
		world->writers[i] = (struct req){ .core = world->cores->core[0] };
}

static void world_end(struct world *world)
{
	hold_done(&world->hold);
	assert_int_equal(atomic_load(&world->flow->refs), 1);
	flow_unref(world->flow);
	cores_free(world->cores);
}

static void pass(struct world *world, uint32_t ms)
{
	for (; ms; ms--) {
		world->now_us += 1000;
		core_turn(world->cores->core[0], 0);
	}
}

static uint32_t hold_all(struct world *world)
{
	uint32_t held = 0;

	for (uint32_t i = 0; i < WRITERS; i++)
		held += hold_takes_for(&world->hold, &world->writers[i], world->flow);
	return held;
}

static void nobody_waits_for_a_crowd_that_keeps_up(void **state)
{
	struct world world;

	(void)state;
	world_new(&world, BEHIND_MAX - 1);
	assert_int_equal(hold_all(&world), 0);
	world_end(&world);
}

static void so_many_are_let_go_as_there_is_room_for(void **state)
{
	struct world world;

	(void)state;
	world_new(&world, BEHIND_MAX);
	assert_int_equal(hold_all(&world), WRITERS);
	pass(&world, 100);
	assert_int_equal(released, 0);
	flow_behind(world.flow, -3);
	pass(&world, 2);
	assert_int_equal(released, 3);
	/* They write again. */
	flow_behind(world.flow, 3);
	pass(&world, 100);
	assert_int_equal(released, 3);
	flow_behind(world.flow, -BEHIND_MAX);
	pass(&world, 10);
	assert_int_equal(released, WRITERS);
	world_end(&world);
}

static void nobody_waits_for_ever(void **state)
{
	struct world world;

	(void)state;
	world_new(&world, BEHIND_MAX);
	assert_int_equal(hold_all(&world), WRITERS);
	pass(&world, 4990);
	assert_int_equal(released, 0);
	pass(&world, 20);
	assert_int_equal(released, WRITERS);
	world_end(&world);
}

static void those_who_wait_when_the_core_ends_hold_nothing(void **state)
{
	struct world world;

	(void)state;
	world_new(&world, BEHIND_MAX);
	assert_int_equal(hold_all(&world), WRITERS);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_waits_for_a_crowd_that_keeps_up),
		cmocka_unit_test(so_many_are_let_go_as_there_is_room_for),
		cmocka_unit_test(nobody_waits_for_ever),
		cmocka_unit_test(those_who_wait_when_the_core_ends_hold_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
