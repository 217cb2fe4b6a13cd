/* The order of roles: ids from the lowest up, @everyone (always position 0) left out. Positions are kept dense, 1 to n, so
 * no two are equal and nobody has to know who wins a tie. Plain arrays: nothing here knows a realm. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rank_wish {
	uint64_t id;
	int64_t position; /* wanted, from 1 */
};

/* @order with each wish at its position, everybody else in the old order around them. Wishes are sorted; where two want the same place,
 * the one that stood lower stays lower. @wishes hold each id once, all of them in @order. @ret has room for @count. */
void rank_reorder(const uint64_t *order, uint32_t count, struct rank_wish *wishes,
		  uint32_t wishes_count, uint64_t *ret);
/* True when nothing at index @from or above has moved: an actor whose highest role is there touched only what is below. */
bool rank_same_above(const uint64_t *before, const uint64_t *after, uint32_t count, uint32_t from);
