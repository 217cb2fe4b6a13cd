/* All lists of a guild: groups, what changes, who watches. */
#include "members/lists.h"

#include <assert.h>
#include <string.h>

#include "base/region.h"
#include "members/internal.h"

/* -- groups -- */

static uint32_t take_slot(struct lists *lists, uint64_t id)
{
	uint32_t slot = SLOT_ROLES;

	while (slot < lists->slots_count && lists->slots[slot].id)
		slot++;
	if (slot == SLOTS_MAX)
		return SLOT_ONLINE;
	if (slot == lists->slots_count) {
		lists->slots_count = MAX(slot + 1, slot + slot / 4);
		lists->slots_count = MIN(lists->slots_count, (uint32_t)SLOTS_MAX);
		lists->slots = region_realloc(lists->region, lists->slots,
					      lists->slots_count * sizeof(*lists->slots));
		for (uint32_t i = slot; i < lists->slots_count; i++)
			lists->slots[i].rank = NO_RANK;
	}
	lists->slots[slot].id = id;
	map_set(&lists->slot_of, id, (void *)(uintptr_t)slot);
	return slot;
}

static uint16_t slot_of(const struct lists *lists, const struct listed *member)
{
	struct listed_facts facts;
	uint32_t best = SLOT_ONLINE;

	lists->type->facts(lists->owner, member, &facts);
	if (!facts.online)
		return lists->offline ? SLOT_OFFLINE : SLOT_NOWHERE;
	for (uint32_t i = 0; i < facts.roles_count; i++) {
		uint32_t slot = (uint32_t)(uintptr_t)map_get(&lists->slot_of, facts.roles[i]);

		if (slot && lists->slots[slot].rank < lists->slots[best].rank)
			best = slot;
	}
	return (uint16_t)best;
}

/* Ranks for the roles as they are now; those no longer hoisted get none, but keep their slots. */
static void set_ranks(struct lists *lists, const uint64_t *hoisted, uint32_t count)
{
	for (uint32_t i = SLOT_ROLES; i < lists->slots_count; i++)
		lists->slots[i].rank = NO_RANK;
	lists->order = region_realloc(lists->region, lists->order,
				      (count + 2ul) * sizeof(*lists->order));
	lists->order_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = (uint32_t)(uintptr_t)map_get(&lists->slot_of, hoisted[i]);

		if (!slot)
			continue;
		lists->slots[slot].rank = lists->order_count;
		lists->order[lists->order_count++] = (uint16_t)slot;
	}
	lists->slots[SLOT_ONLINE] = (struct slot){ LIST_ONLINE, lists->order_count };
	lists->order[lists->order_count++] = SLOT_ONLINE;
	lists->slots[SLOT_OFFLINE] = (struct slot){ LIST_OFFLINE, lists->order_count };
	lists->order[lists->order_count++] = SLOT_OFFLINE;
}

/* Slots for roles that have none. Those of roles that are no longer hoisted are not free yet: somebody may be in their trees. */
static void take_slots(struct lists *lists, const uint64_t *hoisted, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!map_get(&lists->slot_of, hoisted[i]))
			take_slot(lists, hoisted[i]);
}

static void free_slots(struct lists *lists)
{
	for (uint32_t i = SLOT_ROLES; i < lists->slots_count; i++)
		if (lists->slots[i].rank == NO_RANK && lists->slots[i].id) {
			map_del(&lists->slot_of, lists->slots[i].id);
			lists->slots[i].id = 0;
		}
}

static bool same_groups(const struct lists *lists, const uint64_t *hoisted, uint32_t count,
			bool offline)
{
	if (lists->offline != offline || lists->order_count != count + 2)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (lists->slots[lists->order[i]].id != hoisted[i])
			return false;
	return true;
}

static void all_dirty(struct lists *lists)
{
	list_for_each (node, &lists->rosters)
		list_entry(node, struct roster, node)->dirty = true;
}

static void take_out(struct lists *lists, struct listed *member)
{
	listed_renew(lists, member);
	if (!member->group)
		return;
	list_for_each (node, &lists->rosters) {
		struct roster *roster = list_entry(node, struct roster, node);

		if (tree_remove(&roster->groups[member->group], member))
			roster->dirty = true;
	}
	member->group = SLOT_NOWHERE;
}

static void put_in(struct lists *lists, struct listed *member)
{
	listed_renew(lists, member);
	member->group = slot_of(lists, member) & (SLOTS_MAX - 1u);
	if (!member->group)
		return;
	list_for_each (node, &lists->rosters) {
		struct roster *roster = list_entry(node, struct roster, node);

		if (roster_shows(roster, member) &&
		    tree_insert(&roster->groups[member->group], member))
			roster->dirty = true;
	}
}

void lists_set_groups(struct lists *lists, const uint64_t *hoisted, uint32_t count, bool offline)
{
	if (same_groups(lists, hoisted, count, offline))
		return;
	list_for_each (node, &lists->rosters)
		roster_hide(list_entry(node, struct roster, node));
	lists->offline = offline;
	take_slots(lists, hoisted, count);
	set_ranks(lists, hoisted, count);
	list_for_each (node, &lists->rosters)
		roster_groups_grow(list_entry(node, struct roster, node));
	lists->grouping = true;
	lists->grouped_to = 0;
}

/* Looks at some members' groups; how many steps are left of @steps. */
static uint32_t group_work(struct lists *lists, uint32_t steps)
{
	for (; steps; steps--) {
		struct listed *member = lists->type->next(lists->owner, &lists->grouped_to);

		if (!member) {
			free_slots(lists);
			lists->grouping = false;
			return steps;
		}
		listed_renew(lists, member);
		if (slot_of(lists, member) == member->group)
			continue;
		take_out(lists, member);
		put_in(lists, member);
	}
	return 0;
}

void lists_set_totals(struct lists *lists, uint32_t members, uint32_t online)
{
	lists->totals_dirty |= lists->members != members || lists->online != online;
	lists->members = members;
	lists->online = online;
}

/* -- life -- */

struct lists *lists_new(struct region *region, const struct lists_type *type, void *owner,
			uint32_t epoch, const uint64_t *hoisted, uint32_t hoisted_count,
			bool offline)
{
	struct lists *lists = region_new(region, struct lists);

	assert(epoch > 0 && epoch < LIST_EPOCHS);
	lists->epoch = epoch;
	lists->region = region;
	lists->type = type;
	lists->owner = owner;
	lists->offline = offline;
	list_init(&lists->rosters);
	list_init(&lists->pending);
	map_init_in(&lists->sessions, region);
	map_init_in(&lists->slot_of, region);
	lists->slots_count = SLOT_ROLES;
	lists->slots = region_alloc(region, SLOT_ROLES * sizeof(*lists->slots));
	take_slots(lists, hoisted, hoisted_count);
	set_ranks(lists, hoisted, hoisted_count);
	lists->grouping = true;
	return lists;
}

void lists_free(struct lists *lists)
{
	struct region *region;
	uint32_t at = 0;
	uint64_t id;
	void *watching;

	if (!lists)
		return;
	region = lists->region;
	list_for_each (node, &lists->pending)
		region_free(region, list_entry(node, struct pending, node));
	list_for_each (node, &lists->rosters)
		roster_free(list_entry(node, struct roster, node));
	while (map_next(&lists->sessions, &at, &id, &watching))
		region_free(region, watching);
	map_done(&lists->sessions);
	map_done(&lists->slot_of);
	region_free(region, lists->slots);
	region_free(region, lists->order);
	region_free(region, lists->touched);
	region_free(region, lists);
}

uint32_t lists_watchers(const struct lists *lists)
{
	return lists->sessions.count;
}

/* -- changes -- */

static void touch(struct lists *lists, struct listed *member)
{
	listed_renew(lists, member);
	if (member->touched)
		return;
	if (lists->touched_count == lists->touched_cap) {
		lists->touched_cap = MAX(lists->touched_cap * 2, 64u);
		lists->touched = region_realloc(lists->region, lists->touched,
						lists->touched_cap * sizeof(*lists->touched));
	}
	lists->touched[lists->touched_count++] = lists->type->id(lists->owner, member);
	member->touched = true;
}

void lists_out(struct lists *lists, struct listed *member)
{
	take_out(lists, member);
}

void lists_in(struct lists *lists, struct listed *member)
{
	put_in(lists, member);
	touch(lists, member);
}

void lists_touch(struct lists *lists, struct listed *member)
{
	touch(lists,
	      member); /* in no list as well: it may come into one, unnoticed, before the next flush */
	if (member->group)
		all_dirty(lists);
}

/* -- watching -- */

static void roster_unused(struct roster *roster)
{
	if (list_empty(&roster->views) && !roster->pending)
		roster_free(roster);
}

static void leave(struct lists *lists, struct watching *watching, uint32_t at)
{
	struct view *view = watching->items[at].view;
	uint32_t index = watching->items[at].index, last = --view->sessions_count;
	struct roster *roster = view->roster;

	if (index != last) {
		struct watching *moved = map_get(&lists->sessions, view->sessions[last]);

		view->sessions[index] = view->sessions[last];
		for (uint32_t i = 0; i < moved->count; i++)
			if (moved->items[i].view == view)
				moved->items[i].index = index;
	}
	watching->items[at] = watching->items[--watching->count];
	if (view->sessions_count == 0)
		view_free(view);
	roster_unused(roster);
}

static void enter(struct lists *lists, struct watching *watching, struct view *view)
{
	if (view->sessions_count == view->sessions_cap) {
		view->sessions_cap = MAX(view->sessions_cap * 2, 4u);
		view->sessions = region_realloc(lists->region, view->sessions,
						view->sessions_cap * sizeof(*view->sessions));
	}
	watching->items[watching->count++] = (struct watcher){ view, view->sessions_count };
	view->sessions[view->sessions_count++] = watching->session;
}

static const struct list_want *find_want(const struct roster *roster, const struct list_want *wants,
					 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(wants[i].id, roster->id) == 0)
			return &wants[i];
	return NULL;
}

static void pend(struct lists *lists, struct watching *watching, struct roster *roster,
		 const struct list_want *want)
{
	struct pending *pending = region_new(lists->region, struct pending);

	*pending = (struct pending){ .watching = watching, .roster = roster, .want = *want };
	list_init(&pending->node);
	list_add_tail(&lists->pending, &pending->node);
	watching->pending[watching->pending_count++] = pending;
	roster->pending++;
}

/* The roster stays, even when nobody needs it any more. */
static struct roster *unpend(struct lists *lists, struct watching *watching, uint32_t at)
{
	struct pending *pending = watching->pending[at];
	struct roster *roster = pending->roster;

	watching->pending[at] = watching->pending[--watching->pending_count];
	list_del(&pending->node);
	region_free(lists->region, pending);
	roster->pending--;
	return roster;
}

static uint32_t find_pending(const struct watching *watching, const struct roster *roster)
{
	uint32_t at = 0;

	while (at < watching->pending_count && watching->pending[at]->roster != roster)
		at++;
	return at;
}

static bool has_range(const uint32_t *ranges, uint32_t count, uint32_t low)
{
	for (uint32_t i = 0; i < count; i++)
		if (ranges[i] == low)
			return true;
	return false;
}

static void invalidate(struct op_list *ops, uint32_t low)
{
	op_add(ops,
	       &(struct list_op){
		       .kind = LIST_INVALIDATE, .low = low, .high = low + LIST_RANGE - 1 });
}

static void leave_unwanted(struct lists *lists, void *to, struct watching *watching,
			   const struct list_want *wants, uint32_t count, struct arena *arena)
{
	for (uint32_t i = watching->pending_count; i > 0; i--)
		if (!find_want(watching->pending[i - 1]->roster, wants, count))
			roster_unused(unpend(lists, watching, i - 1));
	for (uint32_t i = watching->count; i > 0; i--) {
		struct view *view = watching->items[i - 1].view;
		struct op_list ops = { .arena = arena };

		if (find_want(view->roster, wants, count))
			continue;
		for (uint32_t k = 0; k < view->ranges_count; k++)
			invalidate(&ops, view->ranges[k]);
		view_say(view, to, watching->session, &ops);
		leave(lists, watching, i - 1);
	}
}

static uint32_t find_watcher(const struct watching *watching, const struct roster *roster)
{
	uint32_t at = 0;

	while (at < watching->count && watching->items[at].view->roster != roster)
		at++;
	return at;
}

/* The list that is wanted, which may have to be made (anew). */
static struct roster *roster_wanted(struct lists *lists, const struct list_want *want)
{
	struct roster *roster = roster_find(lists, want->id);

	if (!roster)
		return roster_new(lists, want);
	roster->channel_id = want->channel_id;
	if (roster->sight != want->sight || roster->all != want->all) {
		roster->sight = want->sight;
		roster->all = want->all;
		roster_begin(roster);
	}
	return roster;
}

static bool same_ranges(const struct view *view, const struct list_want *want)
{
	return view->ranges_count == want->ranges_count &&
		memcmp(view->ranges, want->ranges, want->ranges_count * sizeof(*want->ranges)) == 0;
}

static void flush_roster(struct roster *roster, void *to)
{
	list_for_each (node, &roster->views)
		view_flush(list_entry(node, struct view, node), to, roster->missed);
	roster->dirty = roster->missed = false;
}

/* Of a list that is whole. */
static void want_now(struct lists *lists, void *to, struct watching *watching,
		     struct roster *roster, const struct list_want *want, struct arena *arena)
{
	uint32_t at = find_watcher(watching, roster);
	struct view *old = at < watching->count ? watching->items[at].view : NULL;
	struct op_list ops = { .arena = arena };
	bool fresh, again = want->again;

	if (roster->missed)
		flush_roster(roster, to);
	struct view *view = view_get(roster, want->ranges, want->ranges_count, &fresh);
	assert(view);
	if (view == old && !again)
		return;
	/* First all is as it is now for those who are here already, so that what is said below follows from it. */
	if (old)
		view_flush(old, to, false);
	if (fresh)
		view_fill(view);
	else if (view != old)
		view_flush(view, to, false);
	again &= view == old;
	for (uint32_t i = 0; old && i < old->ranges_count; i++)
		if (!has_range(view->ranges, view->ranges_count, old->ranges[i]))
			invalidate(&ops, old->ranges[i]);
	for (uint32_t i = 0; i < view->ranges_count; i++)
		if (again || !old || !has_range(old->ranges, old->ranges_count, view->ranges[i]))
			view_sync(view, view->ranges[i], &ops);
	if (old && view != old)
		leave(lists, watching, at);
	if (view != old)
		enter(lists, watching, view);
	view_say(view, to, watching->session, &ops);
}

/* Rows that were sent for it. */
static uint32_t want_one(struct lists *lists, void *to, struct watching *watching,
			 const struct list_want *want, uint32_t rows, struct arena *arena)
{
	struct roster *roster = roster_wanted(lists, want);
	uint32_t waits = find_pending(watching, roster), at = find_watcher(watching, roster);
	struct list_want wanted = *want;

	if (waits < watching->pending_count) {
		wanted.again |= watching->pending[waits]->want.again;
		unpend(lists, watching, waits);
	}
	if (at < watching->count && same_ranges(watching->items[at].view, want) && !wanted.again)
		return 0;
	if (!roster_ready(roster) || rows >= LIST_ROWS_AT_ONCE) {
		pend(lists, watching, roster, &wanted);
		return 0;
	}
	want_now(lists, to, watching, roster, &wanted, arena);
	return wanted.ranges_count * LIST_RANGE;
}

void lists_want(struct lists *lists, void *to, uint64_t session, const struct list_want *wants,
		uint32_t count)
{
	uint32_t rows = 0;

	struct watching *watching = map_get(&lists->sessions, session);
	struct arena arena;

	assert(count <= LIST_WANTS_MAX);
	if (!watching && !count)
		return;
	if (!watching) {
		watching = region_new(lists->region, struct watching);
		watching->session = session;
		map_set(&lists->sessions, session, watching);
	}
	arena_init(&arena);
	leave_unwanted(lists, to, watching, wants, count, &arena);
	for (uint32_t i = 0; i < count; i++)
		rows += want_one(lists, to, watching, &wants[i], rows, &arena);
	arena_done(&arena);
	if (!count)
		region_free(lists->region, map_del(&lists->sessions, session));
}

void lists_forget(struct lists *lists, uint64_t session)
{
	struct watching *watching = map_get(&lists->sessions, session);

	if (!watching)
		return;
	while (watching->pending_count)
		roster_unused(unpend(lists, watching, watching->pending_count - 1));
	while (watching->count)
		leave(lists, watching, watching->count - 1);
	region_free(lists->region, map_del(&lists->sessions, session));
}

/* -- work -- */

/* Somebody who waits for a list that is whole. */
static struct pending *next_pending(const struct lists *lists)
{
	list_for_each (node, &lists->pending) {
		struct pending *pending = list_entry(node, struct pending, node);

		if (roster_ready(pending->roster))
			return pending;
	}
	return NULL;
}

static struct roster *next_building(const struct lists *lists)
{
	list_for_each (node, &lists->rosters) {
		struct roster *roster = list_entry(node, struct roster, node);

		if (roster->building)
			return roster;
	}
	return NULL;
}

static uint32_t pending_work(struct lists *lists, void *to, struct pending *pending, uint32_t steps)
{
	struct watching *watching = pending->watching;
	struct list_want want = pending->want;
	struct arena arena;

	arena_init(&arena);
	struct roster *roster = unpend(lists, watching, find_pending(watching, pending->roster));
	want_now(lists, to, watching, roster, &want, &arena);
	arena_done(&arena);
	return steps - MIN(steps, want.ranges_count * LIST_RANGE);
}

bool lists_busy(const struct lists *lists)
{
	return lists->grouping || next_pending(lists) || next_building(lists);
}

bool lists_work(struct lists *lists, void *to, uint32_t steps)
{
	struct pending *pending;
	struct roster *roster;

	while (steps) {
		if (lists->grouping)
			steps = group_work(lists, steps);
		else if ((pending = next_pending(lists)))
			steps = pending_work(lists, to, pending, steps);
		else if ((roster = next_building(lists)))
			steps = roster_work(roster, steps);
		else
			return false;
	}
	return lists_busy(lists);
}

/* -- flushing -- */

static bool to_flush(const struct roster *roster)
{
	return roster_ready(roster) && (roster->dirty || roster->lists->totals_dirty);
}

bool lists_dirty(const struct lists *lists)
{
	list_for_each (node, &lists->rosters)
		if (to_flush(list_entry(node, struct roster, node)))
			return true;
	return false;
}

void lists_flush(struct lists *lists, void *to)
{
	list_for_each (node, &lists->rosters) {
		struct roster *roster = list_entry(node, struct roster, node);

		if (to_flush(roster))
			flush_roster(roster, to);
		else if (!roster_ready(roster))
			roster->missed |= lists->touched_count > 0;
	}
	lists->totals_dirty = false;
	for (uint32_t i = 0; i < lists->touched_count; i++) {
		struct listed *member = lists->type->find(lists->owner, lists->touched[i]);

		if (member)
			member->touched = false;
	}
	lists->touched_count = 0;
}

/* -- for measuring -- */

uint32_t lists_position(const struct lists *lists, const char *id, const struct listed *member)
{
	const struct roster *roster = roster_find(lists, id);
	uint32_t before = 0;

	if (!roster || !member->group)
		return UINT32_MAX;
	uint32_t position = tree_position(&roster->groups[member->group], member);
	if (position == TREE_NOWHERE)
		return UINT32_MAX;
	for (uint32_t i = 0; lists->order[i] != member->group; i++)
		if (roster->groups[lists->order[i]].count)
			before += roster->groups[lists->order[i]].count + 1;
	return before + 1 + position;
}

struct list_row lists_at(const struct lists *lists, const char *id, uint32_t position)
{
	const struct roster *roster = roster_find(lists, id);
	struct list_row row = {};
	uint64_t handle;

	if (roster)
		roster_read(roster, position, 1, &row, &handle);
	return row;
}
