/* A hash map from a non-zero 64-bit id to a pointer: open addressing, grows, shrinks when emptied.
 * Owned by one core like whatever holds it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
	struct map_slot {
		uint64_t key; /* 0: free */
		void *value;
	} *slots;
	uint32_t count, mask;   /* mask + 1 slots, 0 when none are allocated */
	struct region *region; /* slots live here; NULL: malloc */
};

struct region;
void map_init(struct map *map);
/* The same with its slots in @region: dropped with it. */
void map_init_in(struct map *map, struct region *region);
void map_done(struct map *map);
/* NULL when absent. */
void *map_get(const struct map *map, uint64_t key);
/* Sets or replaces; returns what was there before, or NULL. @value is not NULL. */
void *map_set(struct map *map, uint64_t key, void *value);
/* Removes; returns what was there, or NULL. */
void *map_del(struct map *map, uint64_t key);
/* Walks all entries in no order; start with *at = 0. False at the end. The map may not change meanwhile. */
bool map_next(const struct map *map, uint32_t *at, uint64_t *ret_key, void **ret_value);
/* A well-mixed hash of a 64-bit id (also used to choose owners). */
static inline uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ (x >> 33);
}
