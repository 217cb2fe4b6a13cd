/* When the polls of a realm end: rows of its partition, in memory while the realm is, with one timer. A realm that nobody watches may
 * leave memory: its polls end when it is loaded again (a poll that is over by its time takes no votes meanwhile). */
#pragma once

#include "realm/realm.h"

/* While the realm loads. Waits. 0 or negative errno. */
int realm_polls_load_wait(struct realm *realm);
/* @message_id has a poll that ends at @at_us: row and memory. */
void realm_polls_put(struct txn *txn, uint64_t channel_id, uint64_t message_id, int64_t at_us);
/* It is over, or gone: row and memory. Does nothing when it is not known. */
void realm_polls_del(struct txn *txn, uint64_t message_id);
/* The timer goes with the realm. */
void realm_polls_drop(struct realm *realm);
