/* Coming and going. */
#pragma once

#include "realm/realm.h"

/* A membership that begins: for cell_call_wait() on the guild's cell (realm_join_run), or realm_join_wait() in its transaction. */
struct realm_join {
	struct user user; /* who comes; alive while the caller waits */
	uint64_t inviter; /* 0: nobody */
	struct str invite_code; /* null: none */
	bool by_oauth; /* the inviter adds a bot: needs MANAGE_GUILD, makes its managed role and an audit entry */
	bool elevated; /* the inviter has a second factor */
	uint64_t permissions; /* of the bot's role */
	struct str reason;
	/* out */
	bool was_member;
};
/* 0; ERR_MISSING_PERMISSIONS, ERR_MFA_REQUIRED, ERR_USER_BANNED (the user is banned). */
int realm_join_wait(struct txn *txn, struct realm_join *join);
int realm_join_run(struct txn *txn, void *arg);

/* Before a transaction that ends memberships: realm_leave() makes intents. */
static inline int realm_leave_prepare_wait(struct txn *txn)
{
	return txn_outbox_wait(txn);
}
/* The member is gone: row, views, events GUILD_MEMBER_REMOVE and GUILD_DELETE (to itself), its guild list by intent. @actor_id: who did it, 0 nobody. No waiting. The bot's
 * managed role goes with it. Returns false when there is no such member. */
bool realm_leave(struct txn *txn, uint64_t user_id, uint64_t actor_id);
