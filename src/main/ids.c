#include "main/ids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "codec/row.h"
#include "core/fiber.h"
#include "core/local.h"
#include "model/objects.h"
#include "model/snowflake.h"
#include "model/tables.h"
#include "store/store.h"

enum { LEAD_MS = 500, RETRY_MS = 250, SAY_US = 60 * 1000 * 1000 };
static const char name[] = "snowflake_ms"; /* and "_CORE" behind it */

struct ids_keeper {
	struct timer retry;
	uint64_t first_ms, said_us; /* 0: not yet */
	void (*done)(struct core *core);
	void (*waiting)(struct core *core, int r, bool first);
};

static void put_ceiling(struct core *core, uint64_t ms,
			void (*done)(struct core *, struct store_batch *, int), void *owner)
{
	struct counter_row row = { .value = (int64_t)ms };
	struct store_batch *batch = store_batch_new(core, NULL);
	char text[sizeof(name) + 16];
	struct buf value;
	struct key key;

	snprintf(text, sizeof(text), "%s_%u", name, core_index(core));
	buf_init(&value, 256);
	row_put(&value, &desc_counter_row, &row);
	store_batch_put(batch, key_counter(&key, str_z(text)), buf_str(&value));
	buf_done(&value);
	batch->done = done;
	batch->owner = owner;
	store_commit(core_cores(core)->store, batch);
}

static void on_raised(struct core *core, struct store_batch *batch, int r)
{
	store_batch_free(batch);
	if (!r)
		return;
	log_warn("how far ids may go was not kept, will try again r=%d", r);
	local_of(core)->ids->ceiling = 0;
}

static void raise_ceiling(struct core *core, uint64_t id)
{
	uint64_t ms = snowflake_ms(id) + LEAD_MS;

	local_of(core)->ids->ceiling = snowflake_at(ms);
	put_ceiling(core, ms, on_raised, NULL);
}

/* The furthest of all cores: there may have been more of them, or fewer. */
static int read_ceiling_wait(struct core *core, uint64_t *ret_ms)
{
	struct store_row *rows;
	struct arena arena;
	struct key key;
	uint32_t count;

	*ret_ms = 0;
	arena_init(&arena);
	int r = store_scan_wait(core, &arena, prefix_counter(&key), (struct str){}, (struct str){},
				false, 0, &rows, &count);
	for (uint32_t i = 0; !r && i < count; i++) {
		struct counter_row row = {};
		struct str which;

		if (!parse_counter(rows[i].key, &which) || !str_starts(which, str_z(name)))
			continue;
		r = row_get(rows[i].value, &desc_counter_row, &arena, &row);
		*ret_ms = MAX(*ret_ms, (uint64_t)row.value);
	}
	arena_done(&arena);
	return r;
}

static void on_first(struct core *core, struct store_batch *batch, int r);

static void on_retry(struct core *core, struct timer *timer)
{
	struct ids_keeper *keeper = container_of(timer, struct ids_keeper, retry);

	put_ceiling(core, keeper->first_ms, on_first, keeper);
}

/* Durable before the first id is made: so that dying again right away repeats nothing. A disk that is full holds the start up. */
static void on_first(struct core *core, struct store_batch *batch, int r)
{
	struct ids_keeper *keeper = batch->owner;

	store_batch_free(batch);
	if (r) {
		uint64_t now_us = core_now_us(core);

		if (!keeper->said_us || now_us - keeper->said_us >= SAY_US) {
			if (keeper->waiting)
				keeper->waiting(core, r, !keeper->said_us);
			keeper->said_us = now_us;
		}
		timer_set(core, &keeper->retry, RETRY_MS);
		return;
	}
	keeper->done(core);
}

static void read_back(struct core *core, void *arg)
{
	struct ids_keeper *keeper = arg;
	struct cores *cores = core_cores(core);
	uint64_t kept_ms, now_ms = core_wall_us(core) / 1000;

	int r = read_ceiling_wait(core, &kept_ms);
	if (r)
		log_error("how far ids have gone cannot be read r=%d", r);
	if (kept_ms > now_ms + LEAD_MS)
		log_warn("the clock is behind an earlier run, ids go on from there behind_ms=%lu",
			 kept_ms - now_ms);
	keeper->first_ms = MAX(kept_ms, now_ms) + LEAD_MS;
	for (uint32_t i = 0; i < cores->count; i++) { /* the others wait for done() */
		struct snowflake *ids = local_of(cores->core[i])->ids;

		ids->last = snowflake_at(kept_ms);
		ids->ceiling = snowflake_at(keeper->first_ms);
		ids->raise = raise_ceiling;
	}
	put_ceiling(core, keeper->first_ms, on_first, keeper);
}

struct ids_keeper *ids_keeper_new(struct core *core, void (*done)(struct core *core),
				  void (*waiting)(struct core *core, int r, bool first))
{
	struct ids_keeper *keeper = mem_zalloc(sizeof(*keeper));

	keeper->done = done;
	keeper->waiting = waiting;
	timer_init(&keeper->retry, on_retry);
	if (fiber_start(core, read_back, keeper))
		done(core);
	return keeper;
}

void ids_keeper_free(struct ids_keeper *keeper)
{
	if (keeper)
		timer_clear(&keeper->retry);
	free(keeper);
}
