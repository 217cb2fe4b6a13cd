/* What deleted channels and guilds leave behind: messages, directory entries, members' lists. It is removed after the fact by intents
 * of the realm to itself, in pieces, and taken up again after a restart; nobody can reach it meanwhile. */
#pragma once

#include "realm/realm.h"

/* After a channel's row was deleted in this transaction (txn_outbox_wait() before). */
void sweep_channel(struct txn *txn, uint64_t channel_id);
/* The guild ends in this transaction (txn_outbox_wait() before): GUILD_DELETE to all, nobody watches it any more, its memory is emptied; its row
 * stays with deleted_at until all else is gone. */
void sweep_guild(struct txn *txn);
