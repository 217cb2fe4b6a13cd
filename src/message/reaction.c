#include "message/reaction.h"

#include <assert.h>
#include <errno.h>

#include "message/emoji.h"
#include "realm/bucket.h"
#include "store/store.h"

uint64_t reaction_emoji_key(const struct partial_emoji *emoji)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	if (emoji->id)
		return emoji->id;
	for (size_t i = 0; i < emoji->name.len; i++)
		hash = (hash ^ (unsigned char)emoji->name.ptr[i]) * 0x100000001b3ULL;
	return hash | 1ULL << 63;
}

struct reaction *reaction_find(const struct message *message, const struct partial_emoji *emoji)
{
	for (uint32_t i = 0; i < message->reactions.count; i++)
		if (emoji_same(message->reactions.items[i].emoji, emoji))
			return &message->reactions.items[i];
	return NULL;
}

static struct str row_key(struct key *key, const struct message *message,
			  const struct partial_emoji *emoji, enum reaction_type type,
			  uint64_t user_id)
{
	return key_reaction(key, message->channel_id, bucket_of(message->id), message->id,
			    reaction_emoji_key(emoji), (uint8_t)type, user_id);
}

int reaction_has_wait(struct txn *txn, const struct message *message,
		      const struct partial_emoji *emoji, enum reaction_type type, uint64_t user_id,
		      bool *ret)
{
	struct str value;
	struct key key;

	int r = txn_get_wait(txn, row_key(&key, message, emoji, type, user_id), &value);
	*ret = r == 0;
	return r == ENOENT ? 0 : r;
}

static void count(struct reaction *reaction, enum reaction_type type, int64_t by)
{
	*(type == REACTION_BURST ? &reaction->count_details->burst
				 : &reaction->count_details->normal) += by;
	reaction->count = reaction->count_details->normal + reaction->count_details->burst;
}

static struct reaction *append(struct arena *arena, struct message *message,
			       const struct partial_emoji *emoji)
{
	struct reaction *items = arena_array(arena, struct reaction, message->reactions.count + 1);

	if (message->reactions.count)
		memcpy(items, message->reactions.items, message->reactions.count * sizeof(*items));
	struct reaction *reaction = &items[message->reactions.count++];
	reaction->emoji = arena_dup(arena, emoji, sizeof(*emoji));
	reaction->count_details = arena_new(arena, struct reaction_counts);
	message->reactions.items = items;
	message->has.reactions = true;
	return reaction;
}

/* Takes the emoji's entry out of the message. */
static void drop(struct message *message, const struct reaction *reaction)
{
	uint32_t at = (uint32_t)(reaction - message->reactions.items);

	message->reactions.count--;
	memmove(&message->reactions.items[at], &message->reactions.items[at + 1],
		(message->reactions.count - at) * sizeof(*reaction));
	message->has.reactions = message->reactions.count > 0;
}

void reaction_add(struct txn *txn, struct message *message, const struct partial_emoji *emoji,
		  enum reaction_type type, uint64_t user_id)
{
	struct reaction *reaction = reaction_find(message, emoji);
	struct reaction_row row = { .emoji_name = emoji->name,
				    .emoji_animated = emoji->animated,
				    .created_at = (int64_t)core_wall_us(txn->core) };
	struct key key;

	if (!reaction)
		reaction = append(txn->arena, message, emoji);
	count(reaction, type, 1);
	txn_put(txn, row_key(&key, message, emoji, type, user_id), &desc_reaction_row, &row);
	message_put(txn, message);
}

void reaction_remove(struct txn *txn, struct message *message, const struct partial_emoji *emoji,
		     enum reaction_type type, uint64_t user_id)
{
	struct reaction *reaction = reaction_find(message, emoji);
	struct key key;

	txn_del(txn, row_key(&key, message, emoji, type, user_id));
	if (!reaction)
		return;
	count(reaction, type, -1);
	if (reaction->count <= 0)
		drop(message, reaction);
	message_put(txn, message);
}

/* The empty batch is back when all that was queued before it is. */
int settle_wait(struct txn *txn)
{
	if (list_empty(&txn->cell->txns))
		return 0;
	return txn_before_wait(txn, store_batch_new(txn->core, NULL));
}

int reaction_rows_wait(struct txn *txn, const struct message *message,
		       const struct partial_emoji *emoji, struct store_row **ret_rows,
		       uint32_t *ret_count)
{
	uint32_t bucket = bucket_of(message->id);
	struct key key;
	struct str prefix = emoji
		? prefix_reaction_emoji_key(&key, message->channel_id, bucket, message->id,
					    reaction_emoji_key(emoji))
		: prefix_reaction_message(&key, message->channel_id, bucket, message->id);

	int r = settle_wait(txn);
	return r ? r
		 : txn_scan_wait(txn, prefix, (struct str){}, (struct str){}, false, 0, ret_rows,
				 ret_count);
}

void reaction_clear(struct txn *txn, struct message *message, const struct partial_emoji *emoji,
		    const struct store_row *rows, uint32_t rows_count)
{
	for (uint32_t i = 0; i < rows_count; i++)
		txn_del(txn, rows[i].key);
	if (!emoji) {
		message->reactions.count = 0;
		message->has.reactions = false;
	} else {
		struct reaction *reaction = reaction_find(message, emoji);

		if (reaction)
			drop(message, reaction);
	}
	message_put(txn, message);
}

int reaction_users_wait(struct txn *txn, uint64_t channel_id, uint64_t message_id,
			const struct partial_emoji *emoji, enum reaction_type type, uint64_t after,
			uint32_t limit, uint64_t **ret_ids, uint32_t *ret_count)
{
	uint32_t bucket = bucket_of(message_id), rows_count;
	uint64_t emoji_key = reaction_emoji_key(emoji);
	struct key prefix_key, from_key;
	struct str from = {};
	struct store_row *rows;

	*ret_count = 0;
	if (after == UINT64_MAX)
		return 0;
	if (after)
		from = key_reaction(&from_key, channel_id, bucket, message_id, emoji_key,
				    (uint8_t)type, after + 1);
	int r = txn_scan_wait(txn,
			      prefix_reaction_type(&prefix_key, channel_id, bucket, message_id,
						   emoji_key, (uint8_t)type),
			      from, (struct str){}, false, limit, &rows, &rows_count);
	if (r)
		return r;
	*ret_ids = arena_array(txn->arena, uint64_t, rows_count + 1);
	for (uint32_t i = 0; i < rows_count; i++)
		if (parse_reaction(rows[i].key, NULL, NULL, NULL, NULL, NULL,
				   &(*ret_ids)[*ret_count]))
			(*ret_count)++;
	return 0;
}
