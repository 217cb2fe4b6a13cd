/* The files of messages: their rows, which say that they may be served, and their end.
 *
 * A message's attachments stand in its own row too; these rows lie beside it, found by the
 * attachment's id alone, and come and go in the message's transactions. The bytes are cdn's. */
#pragma once

#include "realm/realm.h"

/* Ids of @count new attachments in this channel, their bucket open. Waits at most once in ten
 * days. */
int attach_ids_wait(struct txn *txn, uint64_t channel_id, uint64_t *ret_ids, uint32_t count);
/* Has it any, snapshots counted in? Then txn_outbox_wait() comes before attach_drop(). */
bool attach_any(const struct message *message);
/* Rows for @count attachments of @message_id. */
void attach_put(struct txn *txn, uint64_t channel_id, uint64_t message_id,
		const struct attachment *list, uint32_t count);
/* Rows gone, and an intent to remove the files. */
void attach_drop(struct txn *txn, uint64_t channel_id, const struct attachment *list,
		 uint32_t count);
/* The same for all that @message has. */
void attach_drop_all(struct txn *txn, const struct message *message);
/* On a fiber of any core: the row. ENOENT. Strings in @arena. */
int attach_get_wait(struct core *core, struct arena *arena, uint64_t channel_id, uint64_t id,
		    struct attachment_row *ret);
/* Images and the like that a row no longer names (txn_outbox_wait() before). Null views are
 * skipped. */
void file_drop(struct txn *txn, const struct str *names, uint32_t count);
