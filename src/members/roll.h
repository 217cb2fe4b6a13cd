/* Numbers in an order that comes from the caller, in little more memory than the numbers take: a sorted array in pieces of
 * up to a thousand bytes. No keys are kept: a search looks at some twenty items themselves, which at a million costs some
 * microseconds. (members/tree.h is faster, knows positions, and takes five times as much.)
 *
 * What items are ordered by may not change while they are in it. Memory is the given region's. Owned by one core. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct region;
struct roll_piece;

struct roll {
	struct region *region;
	/* Below or above 0; 0 for the same item only. */
	int (*compare)(void *context, uint32_t a, uint32_t b);
	void *context;
	struct roll_piece **pieces;
	uint32_t pieces_count, pieces_cap;
	uint32_t count;
};

/* A place between two items; good until the roll changes. */
struct roll_at {
	uint32_t piece, index;
};

void roll_init(struct roll *roll, struct region *region,
	       int (*compare)(void *context, uint32_t a, uint32_t b), void *context);
/* Empties it. */
void roll_done(struct roll *roll);
/* False when it is there already. */
bool roll_insert(struct roll *roll, uint32_t item);
/* False when it is not there. */
bool roll_remove(struct roll *roll, uint32_t item);
/* Behind all others, without looking at them: for filling it with what is in order already. */
void roll_append(struct roll *roll, uint32_t item);
/* Before the first item that @below does not hold for; it holds for all items before some place, and for none after it. */
struct roll_at roll_seek(const struct roll *roll,
			 bool (*below)(void *context, uint32_t item, const void *needle),
			 const void *needle);
/* The item there; the place moves on. False at the end. */
bool roll_next(const struct roll *roll, struct roll_at *at, uint32_t *ret_item);
