/* One member list: a tree for each group. */
#include <stdlib.h>
#include <string.h>

#include "base/region.h"
#include "members/internal.h"

struct roster *roster_find(const struct lists *lists, const char *id)
{
	list_for_each (node, &lists->rosters) {
		struct roster *roster = list_entry(node, struct roster, node);

		if (strcmp(roster->id, id) == 0)
			return roster;
	}
	return NULL;
}

void roster_groups_grow(struct roster *roster)
{
	struct lists *lists = roster->lists;

	if (roster->groups_cap >= lists->slots_count)
		return;
	roster->groups = region_realloc(lists->region, roster->groups,
					lists->slots_count * sizeof(struct tree));
	for (uint32_t i = roster->groups_cap; i < lists->slots_count; i++)
		tree_init(&roster->groups[i], lists->region, &lists->type->order, lists->owner);
	roster->groups_cap = lists->slots_count;
}

bool roster_shows(const struct roster *roster, const struct listed *member)
{
	const struct lists *lists = roster->lists;

	return roster->all || lists->type->sees(lists->owner, member, roster->channel_id);
}

/* -- building -- */

struct entry {
	uint64_t key;
	struct listed *member;
	uint16_t slot;
};

static int compare(const void *a, const void *b, void *context)
{
	const struct entry *x = a, *y = b;
	const struct lists *lists = context;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->member == y->member
		? 0
		: lists->type->order.compare(lists->owner, x->member, y->member);
}

static void build_by_sorting(struct roster *roster)
{
	struct lists *lists = roster->lists;
	uint32_t count = 0, cap = 1024, at = 0;
	CLEANUP_FREE struct entry *entries = mem_alloc(cap * sizeof(*entries));

	for (struct listed *member = lists->type->next(lists->owner, &at); member;
	     member = lists->type->next(lists->owner, &at)) {
		if (!member->group || !roster_shows(roster, member))
			continue;
		if (count == cap) {
			cap *= 2;
			entries = mem_realloc(entries, cap * sizeof(*entries));
		}
		entries[count++] = (struct entry){ lists->type->order.key(lists->owner, member),
						   member, member->group };
	}
	qsort_r(entries, count, sizeof(*entries), compare, lists);
	CLEANUP_FREE void **items = mem_alloc((count + 1ul) * sizeof(*items));
	for (uint32_t i = 0; i < count; i++)
		items[i] = entries[i].member;
	for (uint32_t from = 0, to; from < count; from = to) {
		for (to = from; to < count && entries[to].slot == entries[from].slot; to++)
			;
		tree_build(&roster->groups[entries[from].slot], items + from, to - from);
	}
}

/* What everybody sees has all others in it, in order already. */
static void build_by_choosing(struct roster *roster, const struct roster *from)
{
	for (uint32_t slot = 0; slot < roster->groups_cap; slot++) {
		uint32_t count = from->groups[slot].count, kept = 0;
		CLEANUP_FREE void **items = mem_alloc((count + 1ul) * sizeof(*items));

		tree_read(&from->groups[slot], 0, items, count);
		for (uint32_t i = 0; i < count; i++)
			if (roster_shows(roster, items[i]))
				items[kept++] = items[i];
		tree_build(&roster->groups[slot], items, kept);
	}
}

void roster_build(struct roster *roster)
{
	struct lists *lists = roster->lists;

	for (uint32_t slot = 0; slot < roster->groups_cap; slot++)
		tree_done(&roster->groups[slot]);
	roster_groups_grow(roster);
	roster->dirty = true;
	list_for_each (node, &lists->rosters) {
		const struct roster *other = list_entry(node, struct roster, node);

		if (other->all && other != roster) {
			build_by_choosing(roster, other);
			return;
		}
	}
	build_by_sorting(roster);
}

struct roster *roster_new(struct lists *lists, const struct list_want *want)
{
	struct roster *roster = region_new(lists->region, struct roster);

	roster->lists = lists;
	memcpy(roster->id, want->id, sizeof(roster->id));
	roster->channel_id = want->channel_id;
	roster->sight = want->sight;
	roster->all = want->all;
	list_init(&roster->views);
	roster_build(roster);
	list_add_tail(&lists->rosters, &roster->node);
	return roster;
}

void roster_free(struct roster *roster)
{
	struct lists *lists = roster->lists;

	list_for_each (node, &roster->views)
		view_free(list_entry(node, struct view, node));
	for (uint32_t slot = 0; slot < roster->groups_cap; slot++)
		tree_done(&roster->groups[slot]);
	list_del(&roster->node);
	region_free(lists->region, roster->groups);
	region_free(lists->region, roster);
}

/* -- rows -- */

struct list_group *roster_show_groups(const struct roster *roster, struct arena *arena,
				      uint32_t *ret_count)
{
	const struct lists *lists = roster->lists;
	struct list_group *groups = arena_array(arena, struct list_group, lists->order_count + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < lists->order_count; i++) {
		uint32_t slot = lists->order[i];

		if (roster->groups[slot].count)
			groups[count++] = (struct list_group){ lists->slots[slot].id,
							       roster->groups[slot].count };
	}
	*ret_count = count;
	return groups;
}

uint32_t roster_read(const struct roster *roster, uint32_t low, uint32_t max,
		     struct list_row *ret_rows, uint64_t *ret_handles)
{
	const struct lists *lists = roster->lists;
	uint32_t done = 0;
	void *items[LIST_RANGE];

	for (uint32_t i = 0; i < lists->order_count && done < max; i++) {
		const struct tree *group = &roster->groups[lists->order[i]];
		const struct slot *slot = &lists->slots[lists->order[i]];

		if (!group->count)
			continue;
		if (low > group->count) { /* all of it comes before */
			low -= group->count + 1;
			continue;
		}
		if (low == 0) {
			ret_handles[done] = 1ULL << HANDLE_GROUP_SHIFT | slot->id;
			ret_rows[done++] = (struct list_row){ .group = { slot->id, group->count } };
			low = 1;
		}
		for (uint32_t at = low - 1; at < group->count && done < max;) {
			uint32_t count = tree_read(group, at, items,
						   MIN(max - done, (uint32_t)LIST_RANGE));

			for (uint32_t k = 0; k < count; k++) {
				ret_handles[done] = lists->type->id(lists->owner, items[k]);
				ret_rows[done++] = (struct list_row){ .member = items[k] };
			}
			at += count;
		}
		low = 0;
	}
	return done;
}
