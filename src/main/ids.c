#include "main/ids.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "codec/row.h"
#include "core/fiber.h"
#include "core/local.h"
#include "model/objects.h"
#include "model/snowflake.h"
#include "model/tables.h"
#include "store/store.h"

enum { STEP_MS = 250, LEAD_MS = 250, RETRY_MS = 10 };

struct ids_keeper {
	struct core *core;
	struct timer timer;
	uint64_t kept_ms; /* durable, or on its way */
	uint64_t batches; /* of the store when we looked last */
	void (*done)(struct core *core);
};

static struct str key_of(struct key *key)
{
	return key_counter(key, S("snowflake_ms"));
}

static void keep(struct ids_keeper *keeper, uint64_t now_ms, void (*done)(struct core *, struct store_batch *, int))
{
	struct counter_row row = { .value = (int64_t)MAX(keeper->kept_ms, now_ms + STEP_MS + LEAD_MS) };
	struct store_batch *batch = store_batch_new(keeper->core, NULL);
	struct buf value;
	struct key key;

	keeper->kept_ms = (uint64_t)row.value;
	buf_init(&value, 256);
	row_put(&value, &desc_counter_row, &row);
	store_batch_put(batch, key_of(&key), buf_str(&value));
	buf_done(&value);
	batch->done = done;
	batch->owner = keeper;
	store_commit(core_cores(keeper->core)->store, batch);
}

static void on_kept(struct core *core, struct store_batch *batch, int r)
{
	struct ids_keeper *keeper = batch->owner;

	store_batch_free(batch);
	if (!r)
		return;
	log_warn("how far ids have gone was not kept, will try again r=%d", r);
	keeper->kept_ms = keeper->batches = 0;
	timer_set(core, &keeper->timer, RETRY_MS);
}

static void on_step(struct core *core, struct timer *timer)
{
	struct ids_keeper *keeper = container_of(timer, struct ids_keeper, timer);
	uint64_t batches = atomic_load_explicit(&core_cores(core)->store->stats.batches, memory_order_relaxed);

	timer_set(core, timer, STEP_MS);
	if (batches == keeper->batches)
		return; /* nothing was written, so no id that matters was made */
	keeper->batches = batches + 1; /* ours */
	if (core_wall_us(core) / 1000 + STEP_MS + LEAD_MS > keeper->kept_ms)
		keep(keeper, core_wall_us(core) / 1000, on_kept);
}

static void on_first_retry(struct core *core, struct timer *timer);

/* Durable: whatever is made until the next step lies below it, so a death right now repeats nothing. Until then no id is made:
 * a disk that is full holds the start up. */
static void on_first_kept(struct core *core, struct store_batch *batch, int r)
{
	struct ids_keeper *keeper = batch->owner;

	store_batch_free(batch);
	if (r) {
		log_warn("how far ids may go was not kept, waiting r=%d", r);
		timer_init(&keeper->timer, on_first_retry);
		timer_set(core, &keeper->timer, RETRY_MS);
		return;
	}
	timer_init(&keeper->timer, on_step);
	timer_set(core, &keeper->timer, STEP_MS);
	keeper->done(core);
}

static void on_first_retry(struct core *core, struct timer *timer)
{
	keep(container_of(timer, struct ids_keeper, timer), core_wall_us(core) / 1000, on_first_kept);
}

static void read_back(struct core *core, void *arg)
{
	struct ids_keeper *keeper = arg;
	struct cores *cores = core_cores(core);
	struct counter_row row = {};
	struct arena arena;
	struct str value;
	struct key key;

	arena_init(&arena);
	int r = store_get_wait(core, &arena, key_of(&key), &value);
	if (!r)
		r = row_get(value, &desc_counter_row, &arena, &row);
	if (r && r != ENOENT)
		log_error("how far ids have gone cannot be read r=%d", r);
	arena_done(&arena);
	keeper->kept_ms = (uint64_t)row.value;
	uint64_t floor = snowflake_at(keeper->kept_ms);
	if (keeper->kept_ms > core_wall_us(core) / 1000 + LEAD_MS + STEP_MS)
		log_warn("the clock is behind an earlier run, ids go on from there behind_ms=%lu",
			 keeper->kept_ms - core_wall_us(core) / 1000);
	for (uint32_t i = 0; i < cores->count; i++) /* the others wait for done() */
		local_of(cores->core[i])->ids->last = floor;
	keep(keeper, MAX(keeper->kept_ms, core_wall_us(core) / 1000), on_first_kept);
}

struct ids_keeper *ids_keeper_new(struct core *core, void (*done)(struct core *core))
{
	struct ids_keeper *keeper = mem_zalloc(sizeof(*keeper));

	keeper->core = core;
	keeper->done = done;
	timer_init(&keeper->timer, on_step);
	if (fiber_start(core, read_back, keeper))
		done(core);
	return keeper;
}

void ids_keeper_free(struct ids_keeper *keeper)
{
	if (keeper)
		timer_clear(&keeper->timer);
	free(keeper);
}
