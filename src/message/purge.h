/* Deleting what somebody said lately: the second half of a ban. */
#pragma once

#include "realm/realm.h"

/* In the transaction of the bans (txn_outbox_wait() before): deletes what these people said in
 * this guild in the last @seconds, after it. */
void purge_authors(struct txn *txn, const uint64_t *user_ids, uint32_t count, int64_t seconds);
