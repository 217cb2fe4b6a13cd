/* Direct messages: a realm with one channel, of two people or of a group. */
#pragma once

#include "realm/realm.h"

enum { DM_TYPE = 1, GROUP_DM_TYPE = 3, GROUP_DM_MAX = 10 };

struct dm_making {
	uint64_t channel_id;
	uint64_t owner; /* of a group; 0: two people */
	const struct user *users; /* all of them, the maker first */
	uint32_t count;
};
/* For cell_create_wait() on CELL_DM; an existing one is left as it is. */
int dm_make_run(struct txn *txn, void *arg);

/* In a user's cell: the entry that lists a DM. */
struct dm_entry_row dm_entry(uint64_t channel_id, int64_t type, uint64_t owner,
			     const struct user *users, uint32_t count, uint64_t self,
			     struct arena *arena);

/* On a fiber of any core: the DM of two people, found or made; its channel id. The pair is decided in one row. */
int dm_pair_wait(struct core *core, const struct user *maker, const struct user *other,
		 uint64_t *ret_channel_id);

/* May @sender write in this DM? Two people need a guild in common, or are friends; neither may block the other. Remembered for some
 * minutes. Waits. 0, ERR_NO_MUTUAL_GUILDS, ERR_CANNOT_MESSAGE_USER, ERR_RESTARTED. */
int dm_may_send_wait(struct txn *txn, uint64_t sender);
/* For cell_tell(): what is remembered of that may be wrong now. */
int dm_ask_again(struct txn *txn, void *arg);
/* After a message was put in a DM's transaction: recipients who have it closed get it back, all hear of the last message. Needs
 * txn_outbox_wait() before when dm_needs_outbox(). */
bool dm_needs_outbox(const struct realm *realm);
void dm_after_message(struct txn *txn, uint64_t message_id);
/* @user_id takes the DM from its list: CHANNEL_DELETE with @view (alive meanwhile) to its own sessions. The last thing of a transaction: waits,
 * then puts. */
int dm_close_wait(struct txn *txn, uint64_t user_id, const struct channel *view);
