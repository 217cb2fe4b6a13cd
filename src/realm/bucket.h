/* Where messages lie: partitions of a channel and ten days, found by the id alone; and the index of buckets that
 * makes quiet channels cheap to page through. */
#pragma once

#include "realm/realm.h"

/* The bucket of a message id. */
uint32_t bucket_of(uint64_t message_id);
/* While a realm loads: each channel's newest bucket and last message. On its fiber. */
int bucket_load_newest_wait(struct realm *realm);
/* The row of the index, of a channel or a thread. */
void bucket_put(struct store_batch *batch, uint64_t realm_id, bool thread, uint64_t channel_id,
		uint32_t bucket);
/* Makes sure that the bucket of @message_id is in the index, before the first message of it is put. Waits at most once in
 * ten days. Look the channel up again. */
int bucket_open_wait(struct txn *txn, uint64_t channel_id, uint64_t message_id);
/* The buckets that have rows, newest first, in the arena. */
int bucket_list_wait(struct txn *txn, uint64_t channel_id, uint32_t **ret_buckets,
		     uint32_t *ret_count);
