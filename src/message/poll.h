/* Polls: made with a message, counted in its row, one row for each vote beside it. Who changes
 * one holds the message's lock. */
#pragma once

#include "message/message.h"

/* A fresh poll of @in, which ends @in->duration hours after @now_us, in @arena. Emoji are
 * standard ones, or as the caller resolved them in @in. */
struct poll *poll_make(struct arena *arena, const struct poll_create *in, int64_t now_us);
/* Over, by time or by its author's word? */
bool poll_is_over(const struct poll *poll, int64_t now_us);
bool poll_has_answer(const struct poll *poll, int64_t answer_id);
/* Did @user_id vote for it? Waits. */
int poll_voted_wait(struct txn *txn, const struct message *message, int64_t answer_id,
		    uint64_t user_id, bool *ret);
/* A vote comes or goes: its row, and the count in @message, whose row is put by the caller. */
void poll_vote(struct txn *txn, struct message *message, int64_t answer_id, uint64_t user_id,
	       bool on);
/* Ends it in @message's copy of the row: no more votes, and no later than now. */
void poll_finish(struct message *message, int64_t now_us);
/* Puts the end: @row as it is stored, @view as everybody is told (hydrated), and the notice of who has won. After txn_outbox_wait(). */
void poll_end_put(struct txn *txn, const struct live_channel *channel, const struct message *row,
		  const struct message *view);
/* In the realm's cell, when a poll's time is up (realm/polls.h). @arg: */
struct poll_ending {
	uint64_t channel_id, message_id;
};
int poll_end_run(struct txn *txn, void *arg);
/* For a reader: me_voted (waits), and that it is over when it is. */
int poll_show_wait(struct txn *txn, struct message *message, uint64_t user_id);
/* Ids of who voted for it, ascending above @after, committed ones. Waits. */
int poll_voters_wait(struct txn *txn, const struct message *message, int64_t answer_id,
		     uint64_t after, uint32_t limit, uint64_t **ret_ids, uint32_t *ret_count);
/* All rows of votes, under the message's lock. Waits. */
int poll_rows_wait(struct txn *txn, const struct message *message, struct store_row **ret_rows,
		   uint32_t *ret_count);
