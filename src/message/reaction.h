/* Reactions: counts in the message's row, one row each of who reacted, all in one partition.
 * Callers hold the message's lock (message_get_wait(lock)), so counts and rows change together. */
#pragma once

#include "message/message.h"

enum reaction_type { REACTION_NORMAL, REACTION_BURST };

/* The key of an emoji in the table: a custom one's id, or a hash of a standard one's name with
 * the top bit set. */
uint64_t reaction_emoji_key(const struct partial_emoji *emoji);
/* The message's count of @emoji, NULL: nobody reacted with it. */
struct reaction *reaction_find(const struct message *message, const struct partial_emoji *emoji);
/* Did @user_id? Waits. */
int reaction_has_wait(struct txn *txn, const struct message *message,
		      const struct partial_emoji *emoji, enum reaction_type type, uint64_t user_id,
		      bool *ret);
/* Adds one (who has not reacted so yet): row, counts, the message's row. */
void reaction_add(struct txn *txn, struct message *message, const struct partial_emoji *emoji,
		  enum reaction_type type, uint64_t user_id);
/* Takes one away that is there. */
void reaction_remove(struct txn *txn, struct message *message, const struct partial_emoji *emoji,
		     enum reaction_type type, uint64_t user_id);
/* A scan sees only what is committed: waits until all is that this cell has queued. Under the
 * message's lock nothing new comes. */
int settle_wait(struct txn *txn);
/* The rows of all (@emoji NULL) or of one emoji, those of queued transactions too. Waits. */
int reaction_rows_wait(struct txn *txn, const struct message *message,
		       const struct partial_emoji *emoji, struct store_row **ret_rows,
		       uint32_t *ret_count);
/* Takes all of them away: @rows of reaction_rows_wait(), and the message's counts. */
void reaction_clear(struct txn *txn, struct message *message, const struct partial_emoji *emoji,
		    const struct store_row *rows, uint32_t count);
/* Ids of who reacted, ascending above @after, committed ones. Waits. */
int reaction_users_wait(struct txn *txn, uint64_t channel_id, uint64_t message_id,
			const struct partial_emoji *emoji, enum reaction_type type, uint64_t after,
			uint32_t limit, uint64_t **ret_ids, uint32_t *ret_count);
