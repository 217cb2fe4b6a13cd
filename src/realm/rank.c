#include "realm/rank.h"

#include <string.h>

#include "base/mem.h"

static uint32_t index_of(const uint64_t *order, uint32_t count, uint64_t id)
{
	uint32_t i = 0;

	while (i < count && order[i] != id)
		i++;
	return i;
}

/* By position, then by where they stood. Insertion sort: it is stable, and there are at most some hundred. */
static void sort_wishes(const uint64_t *order, uint32_t count, struct rank_wish *wishes,
			uint32_t wishes_count)
{
	for (uint32_t i = 1; i < wishes_count; i++) {
		struct rank_wish wish = wishes[i];
		uint32_t stood = index_of(order, count, wish.id), at = i;

		while (at > 0 &&
		       (wishes[at - 1].position > wish.position ||
			(wishes[at - 1].position == wish.position &&
			 index_of(order, count, wishes[at - 1].id) > stood))) {
			wishes[at] = wishes[at - 1];
			at--;
		}
		wishes[at] = wish;
	}
}

static bool wished(const struct rank_wish *wishes, uint32_t count, uint64_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (wishes[i].id == id)
			return true;
	return false;
}

void rank_reorder(const uint64_t *order, uint32_t count, struct rank_wish *wishes,
		  uint32_t wishes_count, uint64_t *ret)
{
	uint32_t filled = 0, next = 0;

	sort_wishes(order, count, wishes, wishes_count);
	for (uint32_t i = 0; i < count; i++)
		if (!wished(wishes, wishes_count, order[i]))
			ret[filled++] = order[i];
	for (uint32_t i = 0; i < wishes_count; i++) {
		int64_t wanted = MAX(wishes[i].position - 1, (int64_t)next);
		uint32_t at = wanted > (int64_t)filled ? filled : (uint32_t)wanted;

		memmove(&ret[at + 1], &ret[at], (filled - at) * sizeof(*ret));
		ret[at] = wishes[i].id;
		filled++;
		next = at + 1;
	}
}

bool rank_same_above(const uint64_t *before, const uint64_t *after, uint32_t count, uint32_t from)
{
	return from >= count ||
		memcmp(before + from, after + from, (count - from) * sizeof(*before)) == 0;
}
