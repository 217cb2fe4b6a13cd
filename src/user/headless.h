/* Headless sessions: rich presence without a gateway, for applications with the scope activities.write. Each has one activity and
 * ends by itself LIMIT_HEADLESS_SESSION_MS after it was last told to go on. Kept in memory only. */
#pragma once

#include "user/token.h"
#include "user/user.h"

/* Makes one, with its token in @ret_token, or (@token not null) goes on with that one. 0, or ENOENT: no such session of this application. */
int headless_put(struct txn *txn, uint64_t application_id, struct str token,
		 const struct activity *activity, char ret_token[TOKEN_MAX]);
/* Ends one. 0 or ENOENT. */
int headless_delete(struct txn *txn, uint64_t application_id, struct str token);
