/* Presence: what a user's sessions say, merged, and told to the guilds the user is in. */
#pragma once

#include "user/user.h"

/* Decodes op 3's (or IDENTIFY's) presence into the session. Malformed parts are left out: presence never costs a session. */
void presence_set(struct txn *txn, struct user_session *session, struct str json);
/* Merges all sessions; when the result differs from what was told last, tells every guild. */
void presence_merge(struct txn *txn);
