#include <errno.h>
#include <stdlib.h>

#include "codec/row.h"
#include "message/latest.h"
#include "message/message.h"
#include "realm/bucket.h"

/* Up to @limit live messages of one bucket: ids below @before (or above @after), appended in the
 * direction read. */
struct walk {
	struct txn *txn;
	uint64_t channel_id;
	bool up; /* towards newer ones */
	uint64_t bound; /* exclusive */
	uint32_t limit, count;
	struct message *out;
	struct str *rows; /* theirs; NULL: nobody wants them */
};

static int decode(struct txn *txn, struct str row, struct message *ret)
{
	*ret = (struct message){};
	if (!row_get(row, &desc_message, txn->arena, ret))
		return 0;
	cell_break(txn->cell, "a message's row does not decode", -EBADMSG);
	return ERR_RESTARTED;
}

static int read_bucket(struct walk *walk, uint32_t bucket)
{
	struct txn *txn = walk->txn;
	uint64_t bound = walk->bound;

	while (walk->count < walk->limit) {
		struct store_row *rows;
		struct key prefix_key, bound_key;
		uint32_t count, want = walk->limit - walk->count;
		struct str prefix = prefix_message(&prefix_key, walk->channel_id, bucket);
		struct str from = {}, to = {};

		/* Keys hold the inverted id: a scan forward goes from newer to older. */
		if (walk->up)
			to = key_message(&bound_key, walk->channel_id, bucket, bound);
		else if (bound < UINT64_MAX)
			from = key_message(&bound_key, walk->channel_id, bucket,
					   bound ? bound - 1 : 0);
		if (!walk->up && bound == 0)
			return 0;
		int r = txn_scan_wait(txn, prefix, from, to, walk->up, want, &rows, &count);
		if (r)
			return r;
		for (uint32_t i = 0; i < count; i++) {
			struct message *message = &walk->out[walk->count];

			r = decode(txn, rows[i].value, message);
			if (r)
				return r;
			bound = message->id;
			if (message->deleted)
				continue;
			if (walk->rows)
				walk->rows[walk->count] = rows[i].value;
			walk->count++;
		}
		if (count < want)
			return 0;
	}
	return 0;
}

static int walk_wait(struct walk *walk, const uint32_t *buckets, uint32_t count)
{
	uint32_t edge = walk->bound == UINT64_MAX ? UINT32_MAX : bucket_of(walk->bound);

	/* @buckets are newest first. */
	for (uint32_t i = 0; i < count && walk->count < walk->limit; i++) {
		uint32_t bucket = buckets[walk->up ? count - 1 - i : i];

		if (walk->up ? bucket < edge : bucket > edge)
			continue;
		int r = read_bucket(walk, bucket);
		if (r)
			return r;
	}
	return 0;
}

/* Mostly a channel's newest bucket holds all that is asked for, and the index need not be read. */
static int read_newest_wait(struct walk *walk)
{
	const struct live_channel *channel = realm_channel(realm_of(walk->txn), walk->channel_id);
	uint32_t newest = channel ? channel->bucket : 0, *buckets, count, older = 0;

	int r = newest ? read_bucket(walk, newest) : 0;
	if (r || walk->count == walk->limit)
		return r;
	r = bucket_list_wait(walk->txn, walk->channel_id, &buckets, &count);
	if (r)
		return r;
	while (older < count && buckets[older] >= newest)
		older++;
	return walk_wait(walk, buckets + older, count - older);
}

/* What a channel is opened with. */
static int newest_wait(struct walk *walk)
{
	struct txn *txn = walk->txn;
	struct realm *realm = realm_of(txn);

	if (latest_get(realm, txn->arena, walk->channel_id, walk->limit, &walk->rows,
		       &walk->count)) {
		for (uint32_t i = 0; i < walk->count; i++) {
			int r = decode(txn, walk->rows[i], &walk->out[i]);

			if (r)
				return r;
		}
		return 0;
	}
	/* A scan does not see rows that are still on their way, but they would count as seen. */
	bool keep = txn_all_written(txn);
	uint64_t writes = realm->message_writes;
	walk->rows = arena_array(txn->arena, struct str, walk->limit + 1);
	int r = read_newest_wait(walk);
	if (!r && keep)
		latest_set(realm_of(txn), walk->channel_id, writes, walk->rows, walk->count,
			   walk->count < walk->limit);
	return r;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = ((const struct message *)a)->id, y = ((const struct message *)b)->id;

	return x > y ? -1 : x < y;
}

int message_history_wait(struct txn *txn, uint64_t channel_id, const struct history *history,
			 struct message **ret_messages, uint32_t *ret_count)
{
	struct message *out = arena_array(txn->arena, struct message, history->limit + 2);
	uint32_t *buckets, buckets_count, count = 0;
	struct walk down = { txn, channel_id, false, UINT64_MAX, history->limit, 0, out, NULL };
	int r;

	if (!history->after && !history->around && !history->before) {
		r = newest_wait(&down);
		*ret_messages = out;
		*ret_count = down.count;
		return r;
	}
	r = bucket_list_wait(txn, channel_id, &buckets, &buckets_count);
	if (r)
		return r;
	if (history->after) {
		struct walk up = { txn, channel_id, true, history->after, history->limit,
				   0,	out,	    NULL };

		r = walk_wait(&up, buckets, buckets_count);
		count = up.count;
	} else if (history->around) {
		/* Half of them older, the message itself and the rest newer. */
		down.limit = history->limit / 2;
		down.bound = history->around;
		r = walk_wait(&down, buckets, buckets_count);
		if (r)
			return r;
		struct walk up = { txn,
				   channel_id,
				   true,
				   history->around - 1,
				   history->limit - down.count,
				   0,
				   out + down.count,
				   NULL };
		if (up.limit > history->limit - history->limit / 2)
			up.limit = history->limit - history->limit / 2;
		r = walk_wait(&up, buckets, buckets_count);
		count = down.count + up.count;
	} else {
		down.bound = history->before;
		r = walk_wait(&down, buckets, buckets_count);
		count = down.count;
	}
	if (r)
		return r;
	qsort(out, count, sizeof(*out), newest_first);
	*ret_messages = out;
	*ret_count = count;
	return 0;
}
