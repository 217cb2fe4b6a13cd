/* Bots: accounts of applications. */
#pragma once

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
