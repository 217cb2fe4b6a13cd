#include "main/testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/row.h"
#include "core/fiber.h"
#include "limit/limit.h"
#include "main/daemon.h"

enum { STEP_US = 20000, TURNS_MAX = 100000, ROW_BYTES_MAX = 1 << 16, SETTLE_TURNS = 20 };

void testbed_init(struct testbed *bed)
{
	static bool registered;

	if (!registered)
		daemon_register();
	registered = true;
	*bed = (struct testbed){ .clock = TEST_CLOCK };
	bed->clock.now_us = 1700000000ULL * 1000000;
	bed->config = config_new();
	bed->app.limits = limit_global_new();
	atomic_store(&bed->app.config, bed->config);
	bed->store = store_mem_new(NULL);
	bed->cores = cores_new(&(struct cores_config){ .count = 1,
						       .fibers_max = 64,
						       .clock = &bed->clock.clock,
						       .random = &random_real,
						       .store = bed->store,
						       .app = &bed->app });
	daemon_local_new(bed->cores->core[0], 0);
}

void testbed_done(struct testbed *bed)
{
	testbed_turns(bed, SETTLE_TURNS); /* what cells have still to tell each other */
	store_batch_free(bed->batch);
	bed->store->ops->close(bed->store);
	daemon_local_free(bed->cores->core[0]);
	cores_free(bed->cores);
	limit_global_free(bed->app.limits);
	config_free(bed->config);
}

int testbed_set_up(void **state, size_t size)
{
	*state = mem_zalloc(size);
	testbed_init(*state);
	return 0;
}

int testbed_tear_down(void **state)
{
	testbed_done(*state);
	free(*state);
	return 0;
}

void testbed_turns(struct testbed *bed, int count)
{
	while (count-- > 0) {
		bed->clock.now_us += STEP_US;
		store_mem_step(bed->store);
		core_turn(bed->cores->core[0], 0);
	}
}

static void turn_until(struct testbed *bed, const bool *done)
{
	for (int i = 0; !*done && i < TURNS_MAX; i++)
		testbed_turns(bed, 1);
	assert_true(*done);
}

void testbed_put_raw(struct testbed *bed, struct str key, struct str value)
{
	if (!bed->batch)
		bed->batch = store_batch_new(bed->cores->core[0], NULL);
	store_batch_put(bed->batch, key, value);
}

void testbed_put(struct testbed *bed, struct str key, const struct obj_desc *desc, const void *row)
{
	struct buf value;

	buf_init(&value, ROW_BYTES_MAX);
	row_put(&value, desc, row);
	testbed_put_raw(bed, key, buf_str(&value));
	buf_done(&value);
}

static void on_put(struct core *core, struct store_batch *batch, int r)
{
	(void)core;
	assert_int_equal(r, 0);
	*(bool *)batch->owner = true;
	store_batch_free(batch);
}

void testbed_commit(struct testbed *bed)
{
	bool done = false;

	if (!bed->batch)
		return;
	bed->batch->owner = &done;
	bed->batch->done = on_put;
	store_commit(bed->store, TAKE(bed->batch));
	turn_until(bed, &done);
}

struct on_fiber {
	void (*run)(struct core *core, void *arg);
	void *arg;
	bool done;
};

static void run_on_fiber(struct core *core, void *arg)
{
	struct on_fiber *on = arg;

	on->run(core, on->arg);
	on->done = true;
}

void testbed_run(struct testbed *bed, void (*run)(struct core *core, void *arg), void *arg)
{
	struct on_fiber on = { .run = run, .arg = arg };

	assert_int_equal(fiber_start(bed->cores->core[0], run_on_fiber, &on), 0);
	turn_until(bed, &on.done);
}
