/* The member lists of one guild, kept while somebody watches: for each distinct visibility one list, whose rows are the
 * hoisted roles, "online" and "offline", each with its members in order of their names.
 *
 * The owner (a guild) keeps the lists right by telling of each change: lists_out() before, lists_in() after. What watchers
 * have been sent is remembered for each set of ranges; lists_flush() compares that with what is there now and says the
 * difference, so that many changes in between cost one comparison. When to flush is the owner's choice.
 *
 * A list that somebody begins to watch is made step by step, and so is the change of all when roles are ordered anew: the owner
 * calls lists_work() until there is no more to do. Changes of members go into a list that is being made as into any other;
 * who watches it is sent nothing of it until it is whole.
 *
 * All of it lives in the guild's region, on its core. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "members/list_id.h"
#include "members/tree.h"

struct lists;
struct region;

/* What a member carries for the lists of its guild; part of the owner's own struct, zero at first. */
struct listed {
	uint32_t group : 10; /* where it is in all lists that it is in; 0: nowhere */
	uint32_t touched : 1; /* its row changed since the last flush */
	uint32_t epoch : 21; /* of other lists than these: what it carries means nothing */
};

enum {
	LIST_RANGE = 100, /* rows of a range */
	LIST_RANGES_MAX = 10, /* of one list, for one session */
	LIST_WANTS_MAX = 8, /* lists of one session */
	LIST_ROWS_AT_ONCE = 500, /* that one session is sent; more come by lists_work() */
	LIST_EPOCHS = 1 << 21,
};

/* Groups that are no roles. */
enum { LIST_ONLINE = 1, LIST_OFFLINE = 2 };

struct list_group {
	uint64_t id; /* a role's, LIST_ONLINE, LIST_OFFLINE */
	uint32_t count;
};

struct list_row {
	struct listed *member; /* NULL: the header of a group */
	struct list_group group;
};

enum list_op_kind { LIST_SYNC, LIST_INVALIDATE, LIST_INSERT, LIST_UPDATE, LIST_DELETE };

struct list_op {
	enum list_op_kind kind;
	uint32_t low, high; /* SYNC, INVALIDATE: the range; else low is the index */
	const struct list_row *rows; /* SYNC: some; INSERT, UPDATE: one */
	uint32_t rows_count;
};

/* What some sessions are to be sent. */
struct list_update {
	const char *id;
	const struct list_group *groups;
	uint32_t groups_count;
	const struct list_op
		*ops; /* to be applied one after the other; none: only counts changed */
	uint32_t ops_count;
	const uint64_t *sessions;
	uint32_t sessions_count;
};

struct listed_facts {
	bool online;
	const uint64_t *roles;
	uint32_t roles_count;
};

/* What the lists ask of their owner. */
struct lists_type {
	/* Of struct listed: by name, then by anything. Changes only between lists_out() and lists_in(). Its context is
	 * the owner. */
	struct tree_order order;
	uint64_t (*id)(void *owner, const struct listed *member); /* not 0, below 2^63 */
	void (*facts)(void *owner, const struct listed *member, struct listed_facts *ret);
	/* May it see the channel? */
	bool (*sees)(void *owner, const struct listed *member, uint64_t channel_id);
	struct listed *(*find)(void *owner, uint64_t id);
	/* All members who are, or belong, in lists, one after the other, *at = 0 first; NULL at the end. Others too, as may be:
	 * not the offline of a guild whose lists leave them out. Members come, go and change meanwhile: who is there from
	 * beginning to end is passed. */
	struct listed *(*next)(void *owner, uint32_t *at);
	/* @to comes from the call that led here. */
	void (*send)(void *owner, void *to, const struct list_update *update);
};

/* @epoch: from 1 to LIST_EPOCHS - 1, and not that of other lists of the same members, whose marks they may still carry.
 * @hoisted: roles with a group of their own, highest first. @offline: those who are offline are in the lists. */
struct lists *lists_new(struct region *region, const struct lists_type *type, void *owner,
			uint32_t epoch, const uint64_t *hoisted, uint32_t hoisted_count,
			bool offline);
/* NULL does nothing. */
void lists_free(struct lists *lists);
/* Sessions that watch. */
uint32_t lists_watchers(const struct lists *lists);

/* A member is about to change: its name, its roles, whether it is online or here at all. */
void lists_out(struct lists *lists, struct listed *member);
/* It has changed, or has come. */
void lists_in(struct lists *lists, struct listed *member);
/* Its row shows something else, at the same place. */
void lists_touch(struct lists *lists, struct listed *member);
/* Roles or the cut-off may be different now; cheap when they are not, else nobody is sent anything until lists_work() is
 * done with it. */
void lists_set_groups(struct lists *lists, const uint64_t *hoisted, uint32_t hoisted_count,
		      bool offline);
/* The totals that come with every update. */
void lists_set_totals(struct lists *lists, uint32_t members, uint32_t online);

/* One list that a session watches. */
struct list_want {
	char id[LIST_ID_MAX];
	uint64_t channel_id; /* a channel of that list */
	bool all; /* everybody sees it */
	uint64_t
		sight; /* a fingerprint of all that decides who sees it: when it differs the list is made anew */
	bool again; /* said once more, although it may be as before */
	uint32_t ranges_count; /* at least 1 */
	uint32_t ranges[LIST_RANGES_MAX]; /* first rows, ascending, multiples of LIST_RANGE */
};
/* From now on the session watches these (at most LIST_WANTS_MAX; none: it watches no more); sends INVALIDATE for what is no
 * longer kept up, and what is new to it: at once, or from lists_work() when the list has to be made first. */
void lists_want(struct lists *lists, void *to, uint64_t session, const struct list_want *wants,
		uint32_t count);
/* The session is gone; nothing is sent. */
void lists_forget(struct lists *lists, uint64_t session);

/* Makes up to about @steps steps (each a member looked at, or a row sent) of what is not done yet. True: there is more. */
bool lists_work(struct lists *lists, void *to, uint32_t steps);
/* There is work left. */
bool lists_busy(const struct lists *lists);

/* Is there something to flush? Lists that are being made do not count. */
bool lists_dirty(const struct lists *lists);
/* Sends every watcher what it lacks. */
void lists_flush(struct lists *lists, void *to);

/* For measuring: a member's place in the list of that name, UINT32_MAX: not in it, or no such list; and the row there. */
uint32_t lists_position(const struct lists *lists, const char *id, const struct listed *member);
struct list_row lists_at(const struct lists *lists, const char *id, uint32_t position);
