/* What the watchers of some ranges have been sent, and what they lack. */
#include <string.h>

#include "base/region.h"
#include "members/internal.h"

/* Ranges that touch each other move rows to each other. */
static void join_ranges(struct view *view)
{
	for (uint32_t i = 0; i < view->ranges_count; i++) {
		struct segment *last = view->segments_count
			? &view->segments[view->segments_count - 1]
			: NULL;
		uint32_t low = view->ranges[i], high = low + LIST_RANGE - 1;

		if (last && last->high + 1 == low)
			last->high = high;
		else
			view->segments[view->segments_count++] = (struct segment){ .low = low,
										   .high = high };
	}
}

struct view *view_get(struct roster *roster, const uint32_t *ranges, uint32_t count, bool *ret_new)
{
	struct region *region = roster->lists->region;

	*ret_new = false;
	list_for_each (node, &roster->views) {
		struct view *view = list_entry(node, struct view, node);

		if (view->ranges_count == count &&
		    memcmp(view->ranges, ranges, count * sizeof(*ranges)) == 0)
			return view;
	}
	struct view *view = region_new(region, struct view);
	view->roster = roster;
	view->ranges_count = count;
	memcpy(view->ranges, ranges, count * sizeof(*ranges));
	view->rows = region_alloc(region, count * LIST_RANGE * sizeof(*view->rows));
	join_ranges(view);
	list_add_tail(&roster->views, &view->node);
	*ret_new = true;
	return view;
}

void view_free(struct view *view)
{
	struct region *region = view->roster->lists->region;

	list_del(&view->node);
	region_free(region, view->rows);
	region_free(region, view->sessions);
	region_free(region, view);
}

static uint32_t segment_size(const struct segment *segment)
{
	return segment->high - segment->low + 1;
}

/* A fingerprint of all counts. */
static uint64_t counts_hash(const struct roster *roster)
{
	const struct lists *lists = roster->lists;
	uint64_t hash = hash_u64((uint64_t)lists->members << 32 | lists->online);

	for (uint32_t i = 0; i < lists->order_count; i++) {
		uint32_t slot = lists->order[i], count = roster->groups[slot].count;

		if (count)
			hash = hash_u64(hash_u64(hash ^ lists->slots[slot].id) + count);
	}
	return hash;
}

void view_fill(struct view *view)
{
	uint64_t *handles = view->rows;
	struct arena arena;

	arena_init(&arena);
	view->told = counts_hash(view->roster);
	struct list_row *rows = arena_array(&arena, struct list_row,
					    view->ranges_count * LIST_RANGE);
	for (uint32_t i = 0; i < view->segments_count; i++) {
		struct segment *segment = &view->segments[i];

		segment->count = roster_read(view->roster, segment->low, segment_size(segment),
					     rows, handles);
		handles += segment_size(segment);
	}
	arena_done(&arena);
}

void view_sync(const struct view *view, uint32_t low, struct op_list *ops)
{
	struct list_row *rows = arena_array(ops->arena, struct list_row, LIST_RANGE);
	uint64_t handles[LIST_RANGE];
	uint32_t count = roster_read(view->roster, low, LIST_RANGE, rows, handles);

	op_sync(ops, low, low + LIST_RANGE - 1, rows, count);
}

static void say(const struct view *view, void *to, const struct op_list *ops,
		const uint64_t *sessions, uint32_t count)
{
	const struct roster *roster = view->roster;
	struct list_update update = { .id = roster->id,
				      .ops = ops->ops,
				      .ops_count = ops->count,
				      .sessions = sessions,
				      .sessions_count = count };

	if (!count)
		return;
	update.groups = roster_show_groups(roster, ops->arena, &update.groups_count);
	roster->lists->type->send(roster->lists->owner, to, &update);
}

void view_say(const struct view *view, void *to, uint64_t session, const struct op_list *ops)
{
	if (ops->count)
		say(view, to, ops, &session, 1);
}

/* One segment. *@sync: a segment before it does not keep its length, so nothing behind it is where it was. */
static void flush_segment(struct view *view, struct segment *segment, uint64_t *handles,
			  struct op_list *ops, bool *sync)
{
	uint32_t size = segment_size(segment), before = ops->count;
	struct list_row *rows = arena_array(ops->arena, struct list_row, size);
	uint64_t *after = arena_array(ops->arena, uint64_t, size);
	uint32_t count = roster_read(view->roster, segment->low, size, rows, after);
	/* Rows that were pushed out behind the end are known to the client, but not how they are by now: they may not come
	 * back by themselves. */
	bool shorter = count < segment->count && segment->count == size;
	bool last = segment == &view->segments[view->segments_count - 1];

	*sync |= shorter || (count != segment->count && !last);
	if (*sync || !diff_rows(ops, segment->low, handles, segment->count, after, rows, count)) {
		ops->count = before;
		op_sync(ops, segment->low, segment->high, rows, count);
	}
	memcpy(handles, after, count * sizeof(*after));
	segment->count = count;
}

void view_flush(struct view *view, void *to, bool all)
{
	uint64_t *handles = view->rows, counts = counts_hash(view->roster);
	struct arena arena;
	bool sync = all;

	arena_init(&arena);
	struct op_list ops = { .arena = &arena };
	for (uint32_t i = 0; i < view->segments_count; i++) {
		flush_segment(view, &view->segments[i], handles, &ops, &sync);
		handles += segment_size(&view->segments[i]);
	}
	if (ops.count || counts != view->told)
		say(view, to, &ops, view->sessions, view->sessions_count);
	view->told = counts;
	arena_done(&arena);
}
