#include "limit/limit.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"

enum {
	PRUNE_MS = 10000,
	WINDOWS_MAX = 1
		<< 18, /* of one core; beyond, the oldest are forgotten by a prune and the rest is refused nothing */
	SLOTS = 1 << 16,
	PROBES = 4,
	/* A library learns of a bucket by the first answer that names it. discord.js has by then another call in another
	 * queue, and one of each method that shares the bucket; with a bucket of one they would all be refused. So many
	 * are let through in a short window of one, each of which makes it longer: the rate stays what it was. */
	FORGIVEN_MAX = 3,
	FORGIVING_MS_MAX = 1000,
};

struct window {
	uint32_t used;
	uint64_t until_us;
};

struct limit_table {
	struct core *core;
	struct timer prune;
	struct map windows;
};

static void on_prune(struct core *core, struct timer *timer)
{
	struct limit_table *table = container_of(timer, struct limit_table, prune);
	struct map kept;
	uint32_t at = 0;
	uint64_t key;
	void *value;

	map_init(&kept);
	while (map_next(&table->windows, &at, &key, &value)) {
		struct window *window = value;

		if (window->until_us <= core_now_us(core))
			free(window);
		else
			map_set(&kept, key, window);
	}
	map_done(&table->windows);
	table->windows = kept;
	if (kept.count)
		timer_set(core, timer, PRUNE_MS);
}

struct limit_table *limit_table_new(struct core *core)
{
	struct limit_table *table = mem_zalloc(sizeof(*table));

	table->core = core;
	timer_init(&table->prune, on_prune);
	map_init(&table->windows);
	return table;
}

void limit_table_free(struct limit_table *table)
{
	uint32_t at = 0;
	uint64_t key;
	void *value;

	if (!table)
		return;
	timer_clear(&table->prune);
	while (map_next(&table->windows, &at, &key, &value))
		free(value);
	map_done(&table->windows);
	free(table);
}

static struct limit_state state_of(const struct window *window, uint64_t now, uint32_t limit,
				   uint32_t per_ms)
{
	if (!window || window->until_us <= now)
		return (struct limit_state){ limit, limit, per_ms * 1000ULL, false };
	return (struct limit_state){ limit, window->used < limit ? limit - window->used : 0,
				     window->until_us - now, false };
}

struct limit_state limit_peek(const struct limit_table *table, uint64_t key, uint32_t limit,
			      uint32_t per_ms)
{
	return state_of(map_get(&table->windows, key ? key : 1), core_now_us(table->core), limit,
			per_ms);
}

struct limit_state limit_hit(struct limit_table *table, uint64_t key, uint32_t limit,
			     uint32_t per_ms)
{
	uint64_t now = core_now_us(table->core);

	key = key ? key : 1;
	struct window *window = map_get(&table->windows, key);
	if (!window) {
		if (table->windows.count >= WINDOWS_MAX)
			return state_of(NULL, now, limit, per_ms);
		window = mem_zalloc(sizeof(*window));
		map_set(&table->windows, key, window);
		if (!timer_is_set(&table->prune))
			timer_set(table->core, &table->prune, PRUNE_MS);
	}
	if (window->until_us <= now)
		*window = (struct window){ 0, now + per_ms * 1000ULL };
	bool over = window->used >= limit;
	if (!over) {
		window->used++;
	} else if (limit == 1 && per_ms <= FORGIVING_MS_MAX &&
		   window->until_us - now <= FORGIVEN_MAX * per_ms * 1000ULL) {
		window->until_us += per_ms * 1000ULL;
		over = false;
	}
	struct limit_state state = state_of(window, now, limit, per_ms);
	state.over = over;
	return state;
}

/* Each slot: second (32 bits), tag (16), count (16). A slot of an earlier second is free. */
struct limit_global {
	_Atomic uint64_t slots[SLOTS];
};

struct limit_global *limit_global_new(void)
{
	return mem_zalloc(sizeof(struct limit_global));
}

void limit_global_free(struct limit_global *global)
{
	free(global);
}

struct limit_state limit_global_hit(struct limit_global *global, uint64_t identity,
				    uint32_t per_second, uint64_t wall_us)
{
	uint64_t hash = hash_u64(identity), second = wall_us / 1000000 & UINT32_MAX;
	uint64_t tag = hash >> 48, head = second << 32 | tag << 16;
	struct limit_state state = { per_second, per_second - 1, 1000000 - wall_us % 1000000,
				     false };

	for (uint32_t probe = 0; probe < PROBES; probe++) {
		_Atomic uint64_t *slot = &global->slots[(hash + probe) % SLOTS];
		uint64_t seen = atomic_load_explicit(slot, memory_order_relaxed);

		for (;;) {
			bool ours = (seen & ~0xffffULL) == head;

			if (!ours && seen >> 32 == second)
				break; /* somebody else's: next slot */
			uint32_t count = ours ? (uint32_t)(seen & 0xffff) : 0;
			if (count >= per_second) {
				state.remaining = 0;
				state.over = true;
				return state;
			}
			if (atomic_compare_exchange_weak_explicit(slot, &seen, head | (count + 1),
								  memory_order_relaxed,
								  memory_order_relaxed)) {
				state.remaining = per_second - count - 1;
				return state;
			}
		}
	}
	return state; /* a very busy second: better to let one through than to refuse the wrong one */
}
