/* Threads: channels that live in another one, see what it lets them see, and have members of their own.
 *
 * A thread that is not archived is in memory with its guild. An archived one is another row, that a load passes by; it comes into
 * memory when somebody names it (thread_fetch_wait), and leaves it again. What changes with each message (message_count, the newest
 * id) lies in the thread's own row. */
#pragma once

#include "base/bytes.h"
#include "realm/realm.h"

/* One who is in a thread. */
struct thread_seat {
	uint64_t user_id;
	int64_t joined_at, flags;
};
struct live_thread {
	struct list node; /* in realm->threads, those archived last at the end */
	struct live_channel *channel, *parent;
	struct thread_seat *seats; /* by user id */
	uint32_t seats_count;
	struct bytes *members; /* their ids; NULL: to be made */
};

static inline bool thread_is_archived(const struct live_channel *channel)
{
	return channel->thread && channel->row->thread_metadata->archived;
}
bool thread_is_private(const struct live_channel *channel);
/* NULL: not in it. */
const struct thread_seat *thread_seat(const struct live_channel *channel, uint64_t user_id);
/* The ids of its members in order, as an audience has them. Borrowed. */
struct bytes *thread_members(const struct live_channel *channel);

/* -- rows: nothing here tells anybody -- */

/* A fresh row, open, of @type (10, 11, 12), as its parent wants them; without a name. */
struct channel thread_blank(struct arena *arena, uint64_t id, int64_t type,
			    const struct live_channel *parent, uint64_t owner_id, int64_t now_us);
/* Replaces it, or makes it; moves its rows when it is archived or opened. */
struct live_channel *thread_put(struct txn *txn, const struct channel *row);
/* Opens or archives it, and whatever else @row (a copy of its row) says; stamps the time. */
struct live_channel *thread_put_archived(struct txn *txn, const struct channel *row, bool archived,
					 bool locked);
/* A message came into it, or was taken away. */
void thread_said(struct txn *txn, struct live_channel *channel, int64_t message_type);
void thread_unsaid(struct txn *txn, struct live_channel *channel, int64_t message_type);
/* False: is in it already, or it is full. */
bool thread_seat_add(struct txn *txn, struct live_channel *channel, uint64_t user_id);
bool thread_seat_del(struct txn *txn, struct live_channel *channel, uint64_t user_id);
/* Before realm_forget_channel(). */
void thread_del_rows(struct txn *txn, struct live_channel *channel);

/* -- memory -- */

/* A stored row into memory. NULL when its parent is not there. */
struct live_channel *thread_add(struct realm *realm, const struct channel *row);
/* While a realm loads, after all channels: the members of those that are open. On its fiber. */
int threads_load_wait(struct realm *realm);
/* Brings an archived thread into memory if @id is one; it stays while somebody is in the realm. 0 also when there is none;
 * ERR_RESTARTED, negative errno. */
int thread_fetch_wait(struct txn *txn, uint64_t id);
/* Nobody is in the realm: archived ones may leave. */
void threads_quiet(struct realm *realm);
/* What lies outside of the region. */
void thread_done(struct realm *realm, struct live_channel *channel);
void threads_drop(struct realm *realm);
