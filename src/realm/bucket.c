#include "realm/bucket.h"

#include <errno.h>

#include "model/limits.h"
#include "store/store.h"

uint32_t bucket_of(uint64_t message_id)
{
	return (uint32_t)((message_id >> 22) / LIMIT_MESSAGE_BUCKET_MS);
}

/* The newest row of a bucket, deleted or not. */
static int newest_of(struct core *core, struct arena *arena, uint64_t channel_id, uint32_t bucket,
		     uint64_t *ret_id)
{
	struct store_row *rows;
	struct key key;
	uint32_t count;

	int r = store_scan_wait(core, arena, prefix_message(&key, channel_id, bucket),
				(struct str){}, (struct str){}, false, 1, &rows, &count);
	if (r)
		return r;
	*ret_id = 0;
	uint64_t channel;
	uint32_t in;
	if (count && !parse_message(rows[0].key, &channel, &in, ret_id))
		return -EBADMSG;
	return 0;
}

int bucket_load_newest_wait(struct realm *realm)
{
	struct core *core = realm->cell->core;
	struct store_row *rows;
	struct arena arena;
	struct key key;
	uint32_t count;

	arena_init(&arena);
	int r = store_scan_wait(core, &arena, prefix_bucket(&key, realm->cell->id), (struct str){},
				(struct str){}, false, 0, &rows, &count);
	for (uint32_t i = 0; !r && i < count; i++) {
		uint64_t realm_id, channel_id;
		uint32_t bucket;

		if (!parse_bucket(rows[i].key, &realm_id, &channel_id, &bucket)) {
			r = -EBADMSG;
			break;
		}
		struct live_channel *channel = realm_channel(realm, channel_id);
		if (!channel)
			continue; /* deleted; its rows go with the sweep */
		channel->bucket = MAX(channel->bucket, bucket);
		if (channel->last_message_id)
			continue; /* buckets come newest first */
		uint64_t newest = 0;
		r = newest_of(core, &arena, channel_id, bucket, &newest);
		channel->last_message_id = newest;
	}
	arena_done(&arena);
	return r;
}

/* Threads have an index of their own (schema/tables.toml). */
static bool threaded(struct txn *txn, uint64_t channel_id)
{
	const struct live_channel *channel = realm_channel(realm_of(txn), channel_id);

	return channel && channel->thread;
}

void bucket_put(struct store_batch *batch, uint64_t realm_id, bool thread, uint64_t channel_id,
		uint32_t bucket)
{
	struct key key;

	store_batch_put(batch,
			thread ? key_thread_bucket(&key, realm_id, channel_id, bucket)
			       : key_bucket(&key, realm_id, channel_id, bucket),
			S(""));
}

int bucket_open_wait(struct txn *txn, uint64_t channel_id, uint64_t message_id)
{
	struct live_channel *channel = realm_channel(realm_of(txn), channel_id);
	uint32_t bucket = bucket_of(message_id);

	if (channel->bucket >= bucket)
		return 0;
	struct store_batch *batch = store_batch_new(txn->core, NULL);
	bucket_put(batch, txn->cell->id, channel->thread, channel_id, bucket);
	int r = txn_before_wait(txn, batch);
	if (r)
		return r;
	channel = realm_channel(realm_of(txn), channel_id);
	if (!channel)
		return ERR_UNKNOWN_CHANNEL;
	channel->bucket = MAX(channel->bucket, bucket);
	return 0;
}

int bucket_list_wait(struct txn *txn, uint64_t channel_id, uint32_t **ret_buckets,
		     uint32_t *ret_count)
{
	struct store_row *rows;
	struct key key;
	uint32_t count;

	bool thread = threaded(txn, channel_id);
	int r = txn_scan_wait(txn,
			      thread ? prefix_thread_bucket_channel(&key, txn->cell->id, channel_id)
				     : prefix_bucket_channel(&key, txn->cell->id, channel_id),
			      (struct str){}, (struct str){}, false, 0, &rows, &count);
	if (r)
		return r;
	uint32_t *buckets = arena_array(txn->arena, uint32_t, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t realm_id, channel;
		uint32_t bucket;

		if (!(thread ? parse_thread_bucket(rows[i].key, &realm_id, &channel, &bucket)
			     : parse_bucket(rows[i].key, &realm_id, &channel, &bucket)))
			return -EBADMSG;
		buckets[i] = bucket;
	}
	*ret_buckets = buckets;
	*ret_count = count;
	return 0;
}
