/* One member list: a tree for each group. */
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

bool roster_ready(const struct roster *roster)
{
	return !roster->building && !roster->lists->grouping;
}

void roster_hide(struct roster *roster)
{
	struct lists *lists = roster->lists;
	struct list_group *shown;
	struct arena arena;

	roster->dirty = true;
	if (!roster_ready(roster) || list_empty(&roster->views))
		return;
	arena_init(&arena);
	const struct list_group *groups = roster_show_groups(roster, &arena, &roster->shown_count);
	shown = region_alloc(lists->region, (roster->shown_count + 1ul) * sizeof(*shown));
	memcpy(shown, groups, roster->shown_count * sizeof(*shown));
	arena_done(&arena);
	region_free(lists->region, roster->shown);
	roster->shown = shown;
}

void roster_begin(struct roster *roster)
{
	roster_hide(roster);
	roster->building = true;
	roster->emptied = false;
}

static void roster_empty(struct roster *roster)
{
	for (uint32_t slot = 0; slot < roster->groups_cap; slot++)
		tree_done(&roster->groups[slot]);
	roster->emptied = true;
	roster->built_to = 0;
}

/* Those who changed meanwhile are in it already. */
uint32_t roster_work(struct roster *roster, uint32_t steps)
{
	struct lists *lists = roster->lists;

	if (!roster->emptied)
		roster_empty(roster);
	for (; steps; steps--) {
		struct listed *member = lists->type->next(lists->owner, &roster->built_to);

		if (!member) {
			roster->building = false;
			return steps;
		}
		listed_renew(lists, member);
		if (member->group && roster_shows(roster, member))
			tree_insert(&roster->groups[member->group], member);
	}
	return 0;
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
	roster_groups_grow(roster);
	roster_begin(roster);
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
	region_free(lists->region, roster->shown);
	region_free(lists->region, roster->groups);
	region_free(lists->region, roster);
}

/* -- rows -- */

const struct list_group *roster_show_groups(const struct roster *roster, struct arena *arena,
					    uint32_t *ret_count)
{
	const struct lists *lists = roster->lists;

	if (!roster_ready(roster)) {
		*ret_count = roster->shown_count;
		return roster->shown;
	}
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
