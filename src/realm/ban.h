/* Bans: rows of the guild, read when asked for. On the realm's core. */
#pragma once

#include "realm/realm.h"

/* The row of @user_id, locked until this transaction is queued, so that nobody joins meanwhile. 0, ENOENT. */
int ban_lock_wait(struct txn *txn, uint64_t user_id, struct ban_row *ret);
/* The banned user as they were; strings shared. */
struct user ban_user(const struct ban_row *row);
/* Who is banned by @actor_id: row, GUILD_BAN_ADD, membership ended, audit entry (realm_leave_prepare_wait() and ban_lock_wait() before). @user's
 * strings may not be the member row's. */
void ban_put(struct txn *txn, uint64_t actor_id, const struct user *user, struct str reason);
/* Lifted: row, GUILD_BAN_REMOVE, audit entry. */
void ban_del(struct txn *txn, uint64_t actor_id, const struct ban_row *row, struct str reason);
