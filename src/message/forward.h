/* Forwards: a copy of a message as it was, with files of its own, so that it outlives the first. */
#pragma once

#include "message/message.h"

struct forward {
	uint64_t guild_id; /* of the source, 0: a DM */
	struct message_snapshot_content *content; /* in the reader's arena */
};

/* Reads what is to be forwarded, in whatever realm it is, as @reader may. Waits. 0; ENOENT: there
 * is none; ERR_MISSING_ACCESS; ERR_CANNOT_FORWARD_UNREADABLE (content that this bot may not
 * have); ERR_INVALID_MESSAGE_TYPE. */
int forward_read_wait(struct txn *txn, struct arena *arena, const struct reader *reader,
		      uint64_t channel_id, uint64_t message_id, struct forward *ret);
/* Gives its files new ids and places in @channel_id; what is gone meanwhile is left out.
 * @ret_names: of the placed ones, for files_remove_later() when the message is not going to be.
 * Waits. */
int forward_files_wait(struct txn *txn, struct arena *arena, uint64_t source_channel_id,
		       uint64_t channel_id, struct forward *forward, struct str **ret_names,
		       uint32_t *ret_count);
