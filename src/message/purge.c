#include "message/purge.h"

#include <errno.h>
#include <stdlib.h>

#include "codec/row.h"
#include "message/erase.h"
#include "model/limits.h"
#include "model/snowflake.h"
#include "realm/bucket.h"
#include "realm/class.h"
#include "realm/thread.h"
#include "store/store.h"

enum { PAGE = 500, PIECE = LIMIT_BULK_DELETE_MAX };

void purge_authors(struct txn *txn, const uint64_t *user_ids, uint32_t count, int64_t seconds)
{
	uint64_t now_ms = core_wall_us(txn->core) / 1000, age_ms = (uint64_t)seconds * 1000;
	struct purge_row row = { .from_id = snowflake_at(now_ms > age_ms ? now_ms - age_ms : 0),
				 .to_id = snowflake_at(now_ms + 1) };

	if (seconds <= 0 || !count)
		return;
	row.user_ids.items = (uint64_t *)user_ids;
	row.user_ids.count = count;
	txn_intent(txn, INTENT_MESSAGE_PURGE, txn->cell->kind, txn->cell->id, &desc_purge_row,
		   &row);
}

/* -- on the intent -- */

struct piece {
	uint64_t channel_id;
	uint64_t ids[PIECE]; /* ascending: rows are always locked in this order */
	uint32_t count;
};

static int delete_piece(struct txn *txn, void *arg)
{
	struct piece *piece = arg;
	struct message_delete_bulk event = { .channel_id = piece->channel_id,
					     .guild_id = txn->cell->id };
	struct erasure *erasures;
	uint32_t count;

	int r = erase_read_wait(txn, piece->channel_id, piece->ids, piece->count, &erasures,
				&count);
	struct live_channel *channel = realm_channel(realm_of(txn), piece->channel_id);
	if (r || !channel || !count)
		return r == ERR_UNKNOWN_CHANNEL ? 0 : r;
	event.has.guild_id = true;
	event.ids.items = arena_array(txn->arena, uint64_t, count);
	for (uint32_t i = 0; i < count; i++) {
		event.ids.items[event.ids.count++] = erasures[i].message.id;
		erase_put(txn, channel, &erasures[i]);
	}
	txn_event(txn, EVENT_MESSAGE_DELETE_BULK, aud_channel(channel), &event);
	txn_intents_detach(txn); /* files: the runner of this cell's intents waits for us */
	return 0;
}

struct purge {
	struct txn *txn;
	const struct purge_row *row;
	struct piece piece;
};

static bool theirs(const struct purge_row *row, uint64_t author_id)
{
	for (uint32_t i = 0; i < row->user_ids.count; i++)
		if (row->user_ids.items[i] == author_id)
			return true;
	return false;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int flush_wait(struct purge *purge)
{
	struct piece *piece = &purge->piece;

	if (!piece->count)
		return 0;
	qsort(piece->ids, piece->count, sizeof(piece->ids[0]), compare_ids);
	int r = txn_call_wait(purge->txn, purge->txn->cell->kind, purge->txn->cell->id,
			      delete_piece, piece);
	piece->count = 0;
	return r;
}

/* The rows of one page; where the next one begins in @bound, 0: no more. */
static int page_wait(struct purge *purge, uint32_t bucket, uint64_t *bound)
{
	struct key prefix_key, from_key, to_key;
	struct store_row *rows;
	struct arena arena;
	uint64_t channel_id = purge->piece.channel_id;
	uint32_t count;

	/* Keys hold the inverted id: a scan goes from newer to older. */
	arena_init(&arena);
	int r = store_scan_wait(purge->txn->core, &arena,
				prefix_message(&prefix_key, channel_id, bucket),
				key_message(&from_key, channel_id, bucket, *bound - 1),
				key_message(&to_key, channel_id, bucket, purge->row->from_id - 1),
				false, PAGE, &rows, &count);
	*bound = 0;
	for (uint32_t i = 0; !r && i < count; i++) {
		struct message message = {};

		if (row_get(rows[i].value, &desc_message, &arena, &message))
			continue; /* whoever reads it breaks the cell over it */
		*bound = message.id;
		if (message.deleted || !theirs(purge->row, message.author_id))
			continue;
		purge->piece.ids[purge->piece.count++] = message.id;
		if (purge->piece.count == PIECE)
			r = flush_wait(purge);
	}
	if (count < PAGE)
		*bound = 0;
	arena_done(&arena);
	return r;
}

static int channel_wait(struct purge *purge)
{
	uint32_t *buckets, count;

	int r = bucket_list_wait(purge->txn, purge->piece.channel_id, &buckets, &count);
	for (uint32_t i = 0; !r && i < count; i++) {
		uint64_t bound = purge->row->to_id;

		if (buckets[i] < bucket_of(purge->row->from_id))
			break; /* newest first */
		while (!r && bound)
			r = page_wait(purge, buckets[i], &bound);
	}
	return r ? r : flush_wait(purge);
}

/* Archived threads in which something was said since then; they come into memory for it. */
static int archives_wait(struct purge *purge)
{
	struct txn *txn = purge->txn;
	struct key prefix_key, from_key;
	uint64_t next = 0;
	uint32_t count = PAGE;
	int r = 0;

	while (!r && count == PAGE) {
		struct store_row *rows;
		struct arena arena;

		arena_init(&arena);
		r = store_scan_wait(txn->core, &arena,
				    prefix_archived_thread(&prefix_key, txn->cell->id),
				    key_archived_thread(&from_key, txn->cell->id, next),
				    (struct str){}, false, PAGE, &rows, &count);
		if (txn_still(txn))
			r = ERR_RESTARTED;
		for (uint32_t i = 0; !r && i < count; i++) {
			struct channel row = {};

			if (!parse_archived_thread(rows[i].key, NULL, &next) ||
			    row_get(rows[i].value, &desc_channel, &arena, &row) ||
			    row.last_message_id < purge->row->from_id)
				continue;
			purge->piece.channel_id = next;
			r = thread_fetch_wait(txn, next);
			if (!r)
				r = channel_wait(purge);
		}
		next++;
		arena_done(&arena);
	}
	return r;
}

int purge_intent(struct txn *txn, const struct intent *intent)
{
	struct realm *realm = realm_of(txn);
	struct purge_row row = {};
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	if (row_get(intent->payload, &desc_purge_row, txn->arena, &row) || !row.from_id)
		return EINVAL;
	uint64_t *ids = arena_array(txn->arena, uint64_t, realm->channels.count + 1);
	while (map_next(&realm->channels, &at, &id, &value))
		ids[count++] = id;
	struct purge *purge = arena_new(txn->arena, struct purge);
	purge->txn = txn;
	purge->row = &row;
	for (uint32_t i = 0; i < count; i++) {
		purge->piece.channel_id = ids[i];
		int r = channel_wait(purge);
		if (r)
			return r;
	}
	return txn->cell->kind == CELL_GUILD ? archives_wait(purge) : 0;
}
