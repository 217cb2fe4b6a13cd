/* Invites: rows of the guild, found by their code through the directory. */
#pragma once

#include "realm/realm.h"

enum { INVITE_CODE_CHARS = 10, INVITE_CODE_MAX = INVITE_CODE_CHARS + 1 };

/* -- in the guild's transaction -- */
/* Invites that still hold; of one channel when @channel_id is set. */
int invite_list_wait(struct txn *txn, uint64_t channel_id, struct invite_row **ret_rows,
		     uint32_t *ret_count);
/* One that still holds, its strings in @arena. @lock: it will be changed. ERR_UNKNOWN_INVITE. */
int invite_get_wait(struct txn *txn, struct arena *arena, struct str code, bool lock,
		    struct invite_row *ret);
/* A fresh code whose directory entry is written. */
int invite_code_wait(struct txn *txn, uint64_t channel_id, char ret_code[INVITE_CODE_MAX]);
/* Row, INVITE_CREATE and audit entry. */
void invite_put(struct txn *txn, const struct invite_row *row, struct str reason, bool audited);
/* Counts a use; the last one ends it. */
void invite_use(struct txn *txn, const struct invite_row *row);
/* Row gone, INVITE_DELETE and audit entry. @actor 0: by itself, no entry. */
void invite_del(struct txn *txn, const struct invite_row *row, uint64_t actor, struct str reason);

/* Takes a code out of the directory. */
void invite_forget(struct store_batch *batch, struct str code);

/* -- on a fiber of any core -- */
/* The guild of a code. ERR_UNKNOWN_INVITE, ERR_UNAVAILABLE. */
int invite_find_wait(struct core *core, struct arena *arena, struct str code,
		     uint64_t *ret_guild_id);
/* Copies all that @invite shows into @arena. */
void invite_detach(struct arena *arena, struct invite *invite);
