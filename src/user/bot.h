/* Bots: accounts of applications. */
#pragma once

#include "user/token.h"
#include "user/user.h"

/* A bot's user name from its application's: 2 to 32 characters. */
struct str bot_username(struct arena *arena, struct str name);

/* For cell_call_wait() on a bot's cell: its application (whole) and its user, copied into @arena. ENOENT when the user is no bot. */
struct bot_reading {
	struct arena *arena;
	struct application application;
	struct user user;
};
int bot_read_run(struct txn *txn, void *arg);

/* A fresh application of @owner_id with its keys; the id is filled in when its account is made (account_create_wait). Strings in @arena. */
struct application bot_application(struct arena *arena, struct random *random, uint64_t now_us,
				   uint64_t owner_id, struct str name);

/* In a person's cell: their bots are told that they have a second factor (or none any more), which is theirs too. Puts; after
 * txn_outbox_wait(). */
void bot_tell_owner_mfa(struct txn *txn, bool on);

/* In a bot's cell: a new token, whoever had the old one is out; puts. 0, or ERR_ACCOUNT_DISABLED. */
int bot_reset_token(struct txn *txn, char ret_token[TOKEN_MAX]);
