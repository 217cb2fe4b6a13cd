/* Stickers that a message brings: of this guild, or of another that the sender is in. */
#pragma once

#include "message/message.h"

/* What a message keeps of sticker @id, in @arena; those of other guilds only with @external.
 * Waits. 0, ENOENT, ERR_RESTARTED. */
int sticker_find_wait(struct txn *txn, struct arena *arena, uint64_t user_id, uint64_t id,
		      bool external, struct sticker_item *ret);
