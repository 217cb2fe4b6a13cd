#include <errno.h>
#include <stdlib.h>

#include "codec/row.h"
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
};

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

			*message = (struct message){};
			if (row_get(rows[i].value, &desc_message, txn->arena, message)) {
				cell_break(txn->cell, "a message's row does not decode", -EBADMSG);
				return ERR_RESTARTED;
			}
			bound = message->id;
			if (!message->deleted)
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

	int r = bucket_list_wait(txn, channel_id, &buckets, &buckets_count);
	if (r)
		return r;
	struct walk down = { txn, channel_id, false, UINT64_MAX, history->limit, 0, out };
	if (history->after) {
		struct walk up = { txn, channel_id, true, history->after, history->limit, 0, out };

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
				   out + down.count };
		if (up.limit > history->limit - history->limit / 2)
			up.limit = history->limit - history->limit / 2;
		r = walk_wait(&up, buckets, buckets_count);
		count = down.count + up.count;
	} else {
		if (history->before)
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
