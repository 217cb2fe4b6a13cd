#include "message/latest.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/local.h"

enum { BYTES_MAX = 8 << 20, CHANNEL_BYTES_MAX = 64 << 10 };

struct entry {
	struct list node; /* in latest->used */
	uint64_t channel_id, loaded; /* realm->loaded: a realm that was loaded again starts anew */
	size_t bytes;
	uint32_t count;
	bool whole;
	uint32_t lens[]; /* count, then their bytes */
};

struct latest {
	struct map channels; /* id → struct entry */
	struct list used; /* most recently used first */
	struct latest_stats stats;
};

static char *bytes_of(struct entry *entry)
{
	return (char *)(entry->lens + entry->count);
}

struct latest *latest_new(void)
{
	struct latest *latest = mem_zalloc(sizeof(*latest));

	map_init(&latest->channels);
	list_init(&latest->used);
	return latest;
}

static void drop(struct latest *latest, struct entry *entry)
{
	map_del(&latest->channels, entry->channel_id);
	list_del(&entry->node);
	atomic_fetch_sub_explicit(&latest->stats.bytes, entry->bytes, memory_order_relaxed);
	free(entry);
}

static void drop_down_to(struct latest *latest, uint64_t bytes)
{
	while (latest->stats.bytes > bytes)
		drop(latest, list_entry(latest->used.prev, struct entry, node));
}

void latest_free(struct latest *latest)
{
	if (!latest)
		return;
	drop_down_to(latest, 0);
	map_done(&latest->channels);
	free(latest);
}

const struct latest_stats *latest_stats(struct core *core)
{
	return &local_of(core)->latest->stats;
}

uint64_t latest_shed(struct core *core)
{
	struct latest *latest = local_of(core)->latest;
	uint64_t bytes = latest->stats.bytes;

	drop_down_to(latest, 0);
	return bytes;
}

bool latest_get(struct realm *realm, struct arena *arena, uint64_t channel_id, uint32_t limit,
		struct str **ret_rows, uint32_t *ret_count)
{
	struct latest *latest = local_of(realm->cell->core)->latest;
	struct entry *entry = map_get(&latest->channels, channel_id);

	if (!entry || entry->loaded != realm->loaded || (entry->count < limit && !entry->whole)) {
		atomic_fetch_add_explicit(&latest->stats.misses, 1, memory_order_relaxed);
		return false;
	}
	atomic_fetch_add_explicit(&latest->stats.hits, 1, memory_order_relaxed);
	list_del(&entry->node);
	list_add_head(&latest->used, &entry->node);

	uint32_t count = MIN(entry->count, limit);
	struct str *rows = arena_array(arena, struct str, count + 1);
	size_t used = 0;
	for (uint32_t i = 0; i < count; i++)
		used += entry->lens[i];
	const char *at = arena_dup(arena, bytes_of(entry), used);
	for (uint32_t i = 0; i < count; i++) {
		rows[i] = (struct str){ at, entry->lens[i] };
		at += entry->lens[i];
	}
	*ret_rows = rows;
	*ret_count = count;
	return true;
}

void latest_set(struct realm *realm, uint64_t channel_id, uint64_t writes, const struct str *rows,
		uint32_t count, bool whole)
{
	struct latest *latest = local_of(realm->cell->core)->latest;
	size_t bytes = sizeof(struct entry);

	for (uint32_t i = 0; i < count; i++)
		bytes += sizeof(uint32_t) + rows[i].len;
	latest_forget(realm, channel_id);
	if (writes != realm->message_writes || bytes > CHANNEL_BYTES_MAX)
		return;
	struct entry *entry = mem_alloc(bytes);
	*entry = (struct entry){ .channel_id = channel_id,
				 .loaded = realm->loaded,
				 .bytes = bytes,
				 .count = count,
				 .whole = whole };
	char *at = bytes_of(entry);
	for (uint32_t i = 0; i < count; i++) {
		entry->lens[i] = (uint32_t)rows[i].len;
		if (rows[i].len)
			memcpy(at, rows[i].ptr, rows[i].len);
		at += rows[i].len;
	}
	map_set(&latest->channels, channel_id, entry);
	list_add_head(&latest->used, &entry->node);
	atomic_fetch_add_explicit(&latest->stats.bytes, bytes, memory_order_relaxed);
	drop_down_to(latest, BYTES_MAX);
}

void latest_forget(struct realm *realm, uint64_t channel_id)
{
	struct latest *latest = local_of(realm->cell->core)->latest;
	struct entry *entry = map_get(&latest->channels, channel_id);

	if (entry)
		drop(latest, entry);
}
