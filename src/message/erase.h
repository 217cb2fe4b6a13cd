/* Deleting messages: the row stays as a marker with id, channel and author, so that ids go on and
 * no edit can bring it back; reactions, votes, the pin and the files go. */
#pragma once

#include "message/message.h"

struct erasure {
	struct message message; /* as it was */
	struct store_row *reactions;
	uint32_t reactions_count;
	struct store_row *votes; /* of its poll */
	uint32_t votes_count;
};

/* Locks and reads what is to be deleted; those that are gone already are left out. @ids
 * ascending: locks are always taken in that order. Look the channel up again. */
int erase_read_wait(struct txn *txn, uint64_t channel_id, const uint64_t *ids, uint32_t count,
		    struct erasure **ret, uint32_t *ret_count);
/* Rows only; events are the caller's. */
void erase_put(struct txn *txn, struct live_channel *channel, const struct erasure *erasure);
