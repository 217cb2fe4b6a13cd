/* Friends' presence. Who has sessions watches its friends; who is there tells those who watch, and nobody else.
 *
 * Somebody who comes tells all friends; those with sessions answer that they watch, and from then on only they are told. Who opens
 * its first session asks its friends, none of whom is loaded into memory for it: they answer as they tell any change, on one way,
 * so that what comes later is newer. Both forget a friend at once when the friendship ends. */
#pragma once

#include "user/user.h"

/* Others are shown something else now. @anew: it may be that nobody knows, or watches, yet. */
void friends_tell(struct txn *txn, bool anew);
/* Before a session of a person opens: has all its friends' presences. Waits. 0, ERR_RESTARTED. */
int friends_watch_wait(struct txn *txn);
/* The last session has gone. */
void friends_unwatch(struct txn *txn);
/* @other's row has become a friend's, or is none any more. */
void friends_came(struct txn *txn, uint64_t other);
void friends_left(struct txn *txn, uint64_t other);

/* Friends that are there: views into the cell; the same as READY_SUPPLEMENTAL says them (JSON), NULL when there are none. */
struct presence_list friends_list(struct txn *txn);
struct bytes *friends_merged(struct txn *txn);
