/* A realm: a guild, or a DM channel, as it lives on its owner core. Everything here is in the cell's region and goes with it.
 * Other cores hold ids, never pointers; after any wait look up again. */
#pragma once

#include "base/map.h"
#include "cell/cell.h"
#include "cell/txn.h"
#include "members/lists.h"
#include "model/errors.h"
#include "model/objects.h"
#include "model/permissions.h"
#include "model/tables.h"
#include "realm/member_table.h"

struct realm;

/* A channel: its stored row, and what is derived from the newest messages. */
struct live_channel {
	struct channel *row;
	uint32_t slot; /* its bit in the classes' sets */
	uint64_t last_message_id; /* newest row, deleted or not: ids go on from here */
	uint32_t bucket; /* newest bucket in the index, 0: none */
	struct channel_pins *pins; /* NULL until somebody asks (realm/pins.h) */
	struct map slow; /* user id → struct slow: when they may speak again */
	struct live_thread *thread; /* NULL: it is none; then @slot is its parent's */
};

/* Its row may be closed: realm_member() opens it, those found otherwise are opened by realm/member_heap.h. */
struct live_member {
	struct member_row *row; /* NULL: closed */
	uint32_t class_id; /* while watched: realm/class.h */
	uint32_t sessions; /* subscribed */
	struct presence *presence; /* NULL: offline; in the region */
	struct listed listed; /* realm/member_lists.h */
	uint32_t packed; /* realm/member_heap.h */
};

struct live_role {
	struct role *row;
};

struct realm {
	struct cell *cell;
	struct region *region;
	struct guild *guild; /* NULL: a DM */
	struct map channels; /* id → live_channel; a DM has one */
	struct map roles; /* id → live_role */
	struct member_table members; /* of a DM: its recipients */
	struct member_heap *heap; /* realm/member_heap.h */
	struct str loaded_to; /* while it loads: the key that the next page of rows begins with */
	struct map emojis; /* id → struct emoji */
	struct list classes; /* realm/class.h */
	struct live_channel **slots; /* by slot; NULL: free */
	uint32_t slots_count, classes_next;
	struct map sessions; /* session id → struct subscriber */
	uint32_t online_count;
	uint64_t dm_allowed_until_us; /* of a DM: its people may write to each other (monotonic) */
	uint32_t dm_doubts; /* how often that was taken back */
	struct member_lists
		*member_lists; /* NULL while nobody watches them: realm/member_lists.h */
	uint32_t lists_epoch; /* of the last ones */
	uint32_t presence_bots; /* sessions of bots with the intent GUILD_PRESENCES */
	struct map
		watched; /* user id → whose sessions asked for that member by name: realm/watch.h */
	uint32_t contentless; /* sessions of bots without the intent MESSAGE_CONTENT */
	uint64_t loaded; /* the how manyeth load of this core it was; 0: made, not loaded */
	uint64_t message_writes; /* rows of messages, since it was loaded */
	struct realm_polls *polls; /* NULL while none is open: realm/polls.h */
	struct list crowds; /* GUILD_CREATEs being written: realm/guild_crowd.h */
	struct list threads; /* realm/thread.h: all that are not archived, and some that are */
	uint32_t threads_count, threads_active;
	uint32_t thread_watchers; /* sessions that watch lists of threads' members */
	uint64_t threads_deleted; /* so many, since it was loaded */
	int64_t archived_last; /* no two are archived at the same time */
	struct archiver *archiver; /* NULL while no thread is open: realm/thread_archive.h */
	bool sight_moved; /* since it was loaded: who comes back after a restart does not know what it sees */
};

enum { THREAD_LISTS_MAX = 16 };
struct subscriber {
	uint64_t session, user_id;
	uint32_t core;
	bool bot, contentless, presences; /* presences: a bot with that intent */
	uint32_t watches_count;
	uint64_t *watches; /* in the region: realm/watch.h */
	uint32_t named_count;
	uint64_t *named; /* those of them that it named; in the region */
	uint32_t thread_lists_count;
	uint64_t thread_lists[THREAD_LISTS_MAX]; /* whose members it watches: realm/thread_list.h */
};

/* Frees one that is in realm->sessions no more (realm/subscribe.c). */
void subscriber_free(struct realm *realm, struct subscriber *subscriber);

/* The realm of a transaction's cell. */
static inline struct realm *realm_of(struct txn *txn)
{
	return txn->cell->state;
}

/* At start. */
void realm_register(void);

struct live_channel *realm_channel(struct realm *realm, uint64_t id);
struct live_role *realm_role(struct realm *realm, uint64_t id);
/* With its row, until no fiber is in the realm. */
struct live_member *realm_member(struct realm *realm, uint64_t user_id);
/* For work that is let in while members are still being loaded (cell_work.early): makes sure that this one is in memory, if
 * there is such a member. 0, ERR_RESTARTED, negative errno. */
int realm_member_fetch_wait(struct txn *txn, uint64_t user_id);
static inline bool realm_is_guild(const struct realm *realm)
{
	return realm->guild != NULL;
}

/* A guild that was deleted and is being swept away: nobody is in it. */
static inline bool realm_gone(const struct realm *realm)
{
	return realm->guild && realm->guild->deleted_at;
}
/* Takes all out of memory but the guild's row, when that has deleted_at. */
void realm_empty(struct realm *realm);

/* Replace a live row by a copy of @row in the region, and put it into the transaction. */
void realm_put_guild(struct txn *txn, const struct guild *row);
struct live_channel *realm_put_channel(struct txn *txn, const struct channel *row);
struct live_role *realm_put_role(struct txn *txn, const struct role *row);
struct live_member *realm_put_member(struct txn *txn, const struct member_row *row);
/* Take a live row out and delete it in the transaction. The pointers are dead afterwards. */
void realm_del_channel(struct txn *txn, uint64_t id);
/* Takes it out of memory, and what it holds there; no rows. */
void realm_forget_channel(struct realm *realm, struct live_channel *channel);
void realm_del_role(struct txn *txn, uint64_t id);
void realm_del_member(struct txn *txn, uint64_t user_id);

/* Colours of a role with one colour. */
static inline struct role_colors role_colors_of(int64_t color)
{
	struct role_colors colors = { .primary_color = color };

	colors.null.secondary_color = colors.null.tertiary_color = true;
	return colors;
}

/* In position order (ties: lower id first), in the transaction's arena. */
struct live_channel **realm_channels_sorted(struct realm *realm, struct arena *arena,
					    uint32_t *ret_count);
struct live_role **realm_roles_sorted(struct realm *realm, struct arena *arena,
				      uint32_t *ret_count);

/* Into a realm's memory while it loads (rows already stored). */
struct live_channel *realm_add_channel(struct realm *realm, const struct channel *row);
struct live_role *realm_add_role(struct realm *realm, const struct role *row);
struct live_member *realm_add_member(struct realm *realm, const struct member_row *row);
struct realm *realm_new(struct cell *cell);
