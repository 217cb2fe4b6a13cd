#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/region.h"

enum { SLOTS_MIN = 8 };

void map_init(struct map *map)
{
	*map = (struct map){};
}

void map_init_in(struct map *map, struct region *region)
{
	*map = (struct map){ .region = region };
}

static void free_slots(struct region *region, struct map_slot *slots)
{
	if (region)
		region_free(region, slots);
	else
		free(slots);
}

void map_done(struct map *map)
{
	free_slots(map->region, map->slots);
	map_init_in(map, map->region);
}

static uint32_t find(const struct map *map, uint64_t key)
{
	uint32_t at = (uint32_t)hash_u64(key) & map->mask;

	while (map->slots[at].key && map->slots[at].key != key)
		at = (at + 1) & map->mask;
	return at;
}

void *map_get(const struct map *map, uint64_t key)
{
	return map->slots && key ? map->slots[find(map, key)].value : NULL;
}

static void resize(struct map *map, uint32_t slots)
{
	struct map old = *map;

	size_t size = slots * sizeof(*map->slots);
	map->slots = map->region ? region_alloc(map->region, size) : mem_zalloc(size);
	map->mask = slots - 1;
	for (uint32_t i = 0; old.slots && i <= old.mask; i++)
		if (old.slots[i].key)
			map->slots[find(map, old.slots[i].key)] = old.slots[i];
	free_slots(map->region, old.slots);
}

void *map_set(struct map *map, uint64_t key, void *value)
{
	assert(key && value);
	if (!map->slots)
		resize(map, SLOTS_MIN);
	else if ((map->count + 1) * 4ULL > (map->mask + 1ULL) * 3)
		resize(map, (map->mask + 1) * 2);
	struct map_slot *slot = &map->slots[find(map, key)];
	void *before = slot->value;
	map->count += !slot->key;
	*slot = (struct map_slot){ key, value };
	return before;
}

void *map_del(struct map *map, uint64_t key)
{
	if (!map->slots || !key)
		return NULL;
	uint32_t hole = find(map, key);
	void *before = map->slots[hole].value;
	if (!map->slots[hole].key)
		return NULL;
	/* Close the gap: move back whatever its probe would have put here (Knuth 6.4, algorithm R). */
	for (uint32_t at = (hole + 1) & map->mask; map->slots[at].key; at = (at + 1) & map->mask) {
		uint32_t home = (uint32_t)hash_u64(map->slots[at].key) & map->mask;

		if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
			map->slots[hole] = map->slots[at];
			hole = at;
		}
	}
	map->slots[hole] = (struct map_slot){};
	map->count--;
	if (map->count == 0)
		map_done(map);
	else if (map->mask + 1 > SLOTS_MIN && map->count * 8ULL < map->mask + 1ULL)
		resize(map, (map->mask + 1) / 2);
	return before;
}

bool map_next(const struct map *map, uint32_t *at, uint64_t *ret_key, void **ret_value)
{
	for (; map->slots && *at <= map->mask; (*at)++)
		if (map->slots[*at].key) {
			*ret_key = map->slots[*at].key;
			*ret_value = map->slots[*at].value;
			(*at)++;
			return true;
		}
	return false;
}
