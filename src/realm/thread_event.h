/* Threads and who is in them, as the world is told. */
#pragma once

#include "cell/publish.h"
#include "realm/thread.h"

/* As the wire shows it, without the receiver's own part. */
struct channel thread_view(const struct realm *realm, const struct live_channel *channel);
/* A member of it; with ids, without member and presence. */
struct thread_member thread_member_view(const struct live_channel *channel,
					const struct thread_seat *seat);
/* Adds the own part of @user_id, if it is in; in the arena. */
void thread_view_own(struct arena *arena, const struct live_channel *channel, uint64_t user_id,
		     struct channel *view);

/* THREAD_UPDATE or THREAD_DELETE. */
void thread_event(struct txn *txn, enum event_type type, const struct live_channel *channel);
/* THREAD_CREATE of a new one, and that its maker (already in it) is in. */
void thread_event_created(struct txn *txn, const struct live_channel *channel);

/* Somebody comes in or goes, and whom it concerns is told. False: nothing has changed (it is in or is not; or no room). */
bool thread_join(struct txn *txn, struct live_channel *channel, struct live_member *member);
bool thread_leave(struct txn *txn, struct live_channel *channel, uint64_t user_id);
/* No member of the guild any more: leaves all that are in memory. */
void threads_leave(struct txn *txn, uint64_t user_id);
/* A note that the server writes into the thread: of a new name, of who was added or removed (0: nobody). txn_outbox_wait() before. */
void thread_notice(struct txn *txn, const struct live_channel *channel, int64_t type,
		   struct live_member *author, struct str content, uint64_t about);
