/* Mentions of roles and of everyone, as a guild keeps them: one small row for each such message, whoever many it concerns. Members count what
 * they have not read when they come (user/reads.h). The last 30 days are kept. */
#pragma once

#include "realm/realm.h"

/* In a message's transaction, once it is put: the guild's row if it has such mentions, a word to each member that it names (in a DM: to
 * all), and to its author, who has read it. */
void mention_log_put(struct txn *txn, const struct live_channel *channel,
		     const struct message *message);

/* From a member's cell: the newest of them, at most some hundred, in txn->arena. Waits. */
int mention_log_read_wait(struct txn *txn, uint64_t guild_id, struct mention_note **ret_notes,
			  uint32_t *ret_count);
/* Does it say more of @user_id than was counted elsewhere (its own message, a mention by name), as far as anybody can tell who does not know
 * the roles? */
bool mention_note_concerns(const struct mention_note *note, uint64_t user_id);

/* For cell_call_wait() on the guild: which of them mean this member, by its roles and what it sees. */
struct mention_query {
	uint64_t user_id;
	struct mention_note *notes;
	uint32_t count;
	bool *means; /* as many, of the caller; set here */
};
/* Takes rows that are too old away, too. */
int mention_query_run(struct txn *txn, void *arg);
/* Does the note mean the member? Everybody is mentioned by everyone, others by a role of theirs; who does not see the channel by
 * nothing. */
bool mention_note_means(const struct realm *realm, const struct live_member *member,
			const struct mention_note *note);
