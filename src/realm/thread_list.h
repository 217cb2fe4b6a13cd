/* Threads that come along with something else: in a guild's snapshot, when a channel comes into sight, when a client asks. And the
 * lists of their members that people's clients watch. */
#pragma once

#include "realm/thread.h"

struct guild_show;

/* Of GUILD_CREATE and READY: what is open and visible to who is shown it; people get those they are in. */
struct channel_list threads_shown(struct realm *realm, struct arena *arena,
				  const struct guild_show *show);

/* Channels, by slot, whose threads somebody did not see before. */
struct thread_gain {
	bool any;
	bool *slots;
	bool *all_slots; /* MANAGE_THREADS is held there: private ones too */
};
/* THREAD_LIST_SYNC for a class or a user, @to says which. Nothing when no thread is open there. */
void thread_sync_gained(struct txn *txn, const struct thread_gain *gain, struct audience to);
/* The same for one member: of the channels in @slots, NULL all. */
void thread_sync_member(struct txn *txn, const struct live_member *member, const bool *slots,
			struct audience to);

/* The session watches the members of these threads from now on, and no others; it gets their lists. */
void thread_list_watch(struct txn *txn, struct subscriber *subscriber, const uint64_t *ids,
		       uint32_t count);
/* Whom the session watches: those it named (watch_name()), then those in these threads, as far as it sees them. */
void watch_renew(struct txn *txn, struct subscriber *subscriber);
/* Somebody came or went. */
void thread_list_changed(struct txn *txn, const struct live_channel *channel);
