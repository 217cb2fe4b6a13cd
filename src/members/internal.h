/* Shared by the files of members/ only. */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "members/lists.h"
#include "members/tree.h"

enum {
	SLOT_NOWHERE,
	SLOT_ONLINE,
	SLOT_OFFLINE,
	SLOT_ROLES, /* from here on */
	SLOTS_MAX = 1024, /* a guild has far fewer roles */
	NO_RANK = UINT32_MAX,
};

/* A group, under a number that stays the same however roles are ordered. */
struct slot {
	uint64_t id;
	uint32_t rank; /* NO_RANK: free */
};

struct roster;

/* What all watchers of the same ranges of a list have been sent. */
struct view {
	struct list node; /* in roster->views */
	struct roster *roster;
	uint32_t ranges_count;
	uint32_t ranges[LIST_RANGES_MAX];
	struct segment {
		uint32_t low, high; /* of ranges that touch each other */
		uint32_t count; /* rows sent, fewer at the end of the list */
	} segments[LIST_RANGES_MAX];
	uint32_t segments_count;
	uint64_t *rows; /* handles, LIST_RANGE for each range */
	uint64_t told;  /* fingerprint of the counts sent */
	uint64_t *sessions;
	uint32_t sessions_count, sessions_cap;
};

/* One member list. */
struct roster {
	struct list node; /* in lists->rosters */
	struct lists *lists;
	char id[LIST_ID_MAX];
	uint64_t channel_id, sight;
	bool all, dirty;
	/* While it is made: which members have been looked at. Its watchers see nothing of it. */
	bool building, emptied;
	uint32_t built_to;
	bool missed; /* a flush went by meanwhile: what it said of rows is not known here */
	struct list_group
		*shown; /* the groups as last said to watchers, while they are in the making */
	uint32_t shown_count;
	struct tree *groups; /* by slot */
	uint32_t groups_cap;
	struct list views;
	uint32_t pending; /* sessions that wait for it */
};

/* What a session waits for. */
struct pending {
	struct list node; /* in lists->pending */
	struct watching *watching;
	struct roster *roster;
	struct list_want want;
};

struct watching {
	uint64_t session;
	uint32_t count;
	struct watcher {
		struct view *view;
		uint32_t index; /* in view->sessions */
	} items[LIST_WANTS_MAX];
	uint32_t pending_count;
	struct pending *pending[LIST_WANTS_MAX];
};

struct lists {
	struct region *region;
	const struct lists_type *type;
	void *owner;
	uint32_t epoch;
	bool offline, totals_dirty;
	uint32_t members, online;
	bool grouping; /* which group members are in is being looked at, so far: */
	uint32_t grouped_to;
	struct slot *slots;
	uint32_t slots_count;
	struct map slot_of; /* role id → slot */
	uint16_t *order;	 /* slots in the order of rows */
	uint32_t order_count;
	struct list rosters;
	struct list pending;
	struct map sessions; /* id → struct watching */
	uint64_t *touched;   /* ids */
	uint32_t touched_count, touched_cap;
};

/* A row as a number, the same as long as it is the same row. */
enum { HANDLE_GROUP_SHIFT = 63 };

/* lists.c */
/* Nothing is left of other lists. */
static inline void listed_renew(const struct lists *lists, struct listed *member)
{
	if (member->epoch != lists->epoch)
		*member = (struct listed){ .epoch = lists->epoch & (LIST_EPOCHS - 1u) };
}

/* roster.c */
struct roster *roster_find(const struct lists *lists, const char *id);
struct roster *roster_new(struct lists *lists, const struct list_want *want);
void roster_free(struct roster *roster);
/* Whole: watchers may be sent what is in it. */
bool roster_ready(const struct roster *roster);
/* From now on it is not whole. */
void roster_hide(struct roster *roster);
/* It has to be made (anew) from all members. */
void roster_begin(struct roster *roster);
/* Some of that; how many steps are left of @steps. */
uint32_t roster_work(struct roster *roster, uint32_t steps);
void roster_groups_grow(struct roster *roster);
/* Up to @max rows from @low on. */
uint32_t roster_read(const struct roster *roster, uint32_t low, uint32_t max,
		     struct list_row *ret_rows, uint64_t *ret_handles);
/* The groups that have members; of one that is not whole, those that were last said. */
const struct list_group *roster_show_groups(const struct roster *roster, struct arena *arena,
					    uint32_t *ret_count);
bool roster_shows(const struct roster *roster, const struct listed *member);

/* diff.c */
struct op_list {
	struct arena *arena;
	struct list_op *ops;
	uint32_t count, cap;
};
void op_add(struct op_list *list, const struct list_op *op);
/* SYNC for each range of rows from @low to @high, of which @count are there. */
void op_sync(struct op_list *list, uint32_t low, uint32_t high, const struct list_row *rows,
	     uint32_t count);
/* Adds what turns @before into @after, two states of the rows from @low on; false when it is better said by SYNC. */
bool diff_rows(struct op_list *list, uint32_t low, const uint64_t *before, uint32_t before_count,
	       const uint64_t *after, const struct list_row *rows, uint32_t after_count);

/* view.c */
struct view *view_get(struct roster *roster, const uint32_t *ranges, uint32_t count, bool *ret_new);
void view_free(struct view *view);
/* Sends its watchers what they lack; @all: as if they knew no row. */
void view_flush(struct view *view, void *to, bool all);
/* Says @ops, which only the session lacks. */
void view_say(const struct view *view, void *to, uint64_t session, const struct op_list *ops);
/* Its rows as they are now, without a word; to be said by SYNC. */
void view_fill(struct view *view);
/* Adds SYNC for the range from @low on. */
void view_sync(const struct view *view, uint32_t low, struct op_list *ops);
