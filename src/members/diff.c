/* From one state of some rows to another by DELETE, INSERT and UPDATE: rows that stay are the longest ones that keep their
 * order, all others are taken out and put in. */
#include <string.h>

#include "members/internal.h"

void op_add(struct op_list *list, const struct list_op *op)
{
	if (list->count == list->cap) {
		uint32_t cap = MAX(list->cap * 2, 16u);
		struct list_op *ops = arena_array(list->arena, struct list_op, cap);

		if (list->count)
			memcpy(ops, list->ops, list->count * sizeof(*ops));
		list->ops = ops;
		list->cap = cap;
	}
	list->ops[list->count++] = *op;
}

void op_sync(struct op_list *list, uint32_t low, uint32_t high, const struct list_row *rows,
	     uint32_t count)
{
	for (uint32_t from = low; from <= high; from += LIST_RANGE) {
		uint32_t skip = MIN(from - low, count);

		op_add(list,
		       &(struct list_op){ .kind = LIST_SYNC,
					  .low = from,
					  .high = from + LIST_RANGE - 1,
					  .rows = rows + skip,
					  .rows_count = MIN(count - skip, (uint32_t)LIST_RANGE) });
	}
}

enum { NONE = UINT32_MAX };

/* For each of @before its index in @after, or NONE. */
static uint32_t *match(struct arena *arena, const uint64_t *before, uint32_t before_count,
		       const uint64_t *after, uint32_t after_count)
{
	uint32_t *found = arena_array(arena, uint32_t, before_count + 1), size = 16;
	while (size < after_count * 2)
		size *= 2;
	uint32_t *table = arena_array(arena, uint32_t, size); /* index + 1 */

	for (uint32_t i = 0; i < after_count; i++) {
		uint32_t at = (uint32_t)hash_u64(after[i]) & (size - 1);

		while (table[at])
			at = (at + 1) & (size - 1);
		table[at] = i + 1;
	}
	for (uint32_t i = 0; i < before_count; i++) {
		uint32_t at = (uint32_t)hash_u64(before[i]) & (size - 1);

		while (table[at] && after[table[at] - 1] != before[i])
			at = (at + 1) & (size - 1);
		found[i] = table[at] ? table[at] - 1 : NONE;
	}
	return found;
}

/* Sets all but a longest increasing subsequence of @places to NONE (patience sorting). How many are left. */
static uint32_t keep_longest(struct arena *arena, uint32_t *places, uint32_t count)
{
	uint32_t *ends = arena_array(arena, uint32_t,
				     count + 1); /* of sequences of each length: the lowest end */
	uint32_t *prev = arena_array(arena, uint32_t, count + 1);
	bool *kept = arena_array(arena, bool, count + 1);
	uint32_t length = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t low = 0, high = length;

		if (places[i] == NONE)
			continue;
		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (places[ends[middle]] < places[i])
				low = middle + 1;
			else
				high = middle;
		}
		prev[i] = low ? ends[low - 1] : NONE;
		ends[low] = i;
		length = MAX(length, low + 1);
	}
	for (uint32_t i = length ? ends[length - 1] : NONE; i != NONE; i = prev[i])
		kept[i] = true;
	for (uint32_t i = 0; i < count; i++)
		if (!kept[i])
			places[i] = NONE;
	return length;
}

bool diff_rows(struct op_list *list, uint32_t low, const uint64_t *before, uint32_t before_count,
	       const uint64_t *after, const struct list_row *rows, uint32_t after_count)
{
	bool *stays = arena_array(list->arena, bool, after_count + 1);
	uint32_t updates = 0;

	if (before_count == after_count &&
	    memcmp(before, after, before_count * sizeof(*before)) == 0) {
		memset(stays, true, after_count);
	} else {
		uint32_t *places = match(list->arena, before, before_count, after, after_count);
		uint32_t length = keep_longest(list->arena, places, before_count);

		if (after_count - length > after_count / 2 + 4)
			return false;
		for (uint32_t i = before_count; i > 0;
		     i--) /* from behind: the indexes before stay true */
			if (places[i - 1] == NONE)
				op_add(list,
				       &(struct list_op){ .kind = LIST_DELETE,
							  .low = low + i - 1 });
			else
				stays[places[i - 1]] = true;
	}
	for (uint32_t i = 0; i < after_count; i++) {
		struct list_op op = {
			.kind = LIST_INSERT, .low = low + i, .rows = &rows[i], .rows_count = 1
		};

		if (!stays[i]) {
			op_add(list, &op);
		} else if (rows[i].member && rows[i].member->touched) {
			op.kind = LIST_UPDATE;
			op_add(list, &op);
			updates++;
		}
	}
	return updates <= after_count / 2 + 4;
}
