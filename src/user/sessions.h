/* A person's sessions as its own clients see them: READY's `sessions` and SESSIONS_REPLACE. */
#pragma once

#include "user/user.h"

/* Those that are there, at most LIMIT_SESSIONS_PER_USER, and when there are several one more, `all`, with what others see of
 * them together (an invisible one is still called so). In the arena. */
struct session_info_list sessions_list(struct txn *txn);
/* SESSIONS_REPLACE to a person's sessions. Nothing for somebody with more of them than the list has room for. */
void sessions_tell(struct txn *txn);

/* A headless session goes. */
void headless_end(struct user_state *user, struct headless *headless);
