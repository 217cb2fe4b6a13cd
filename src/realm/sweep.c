#include "realm/sweep.h"

#include <errno.h>

#include "cdn/files.h"
#include "cdn/image.h"
#include "cell/many.h"
#include "codec/row.h"
#include "message/attach.h"
#include "realm/class.h"
#include "realm/invite.h"
#include "realm/member.h"
#include "store/store.h"
#include "user/user.h"

enum { PIECE = 500 };

void sweep_channel(struct txn *txn, uint64_t channel_id)
{
	struct sweep_row row = { .channel_id = channel_id };

	txn_intent(txn, INTENT_CHANNEL_SWEEP, txn->cell->kind, txn->cell->id, &desc_sweep_row,
		   &row);
}

void sweep_guild(struct txn *txn)
{
	struct realm *realm = realm_of(txn);
	struct guild_unavailable gone = { .id = txn->cell->id };
	uint32_t at = 0;
	uint64_t id;
	void *value;

	txn_event(txn, EVENT_GUILD_DELETE, (struct audience){}, &gone);
	while (map_next(&realm->sessions, &at, &id, &value))
		txn_effect(txn, &(struct effect){ .kind = EFFECT_UNSUBSCRIBE, .session = id });
	struct guild row = *realm->guild;
	struct str images[] = {
		image_name(txn->arena, "icons", row.id, row.icon),
		image_name(txn->arena, "splashes", row.id, row.splash),
		image_name(txn->arena, "banners", row.id, row.banner),
		image_name(txn->arena, "discovery-splashes", row.id, row.discovery_splash),
		image_name(txn->arena, "home-headers", row.id, row.home_header),
	};
	file_drop(txn, images, ARRAY_SIZE(images));
	struct str *icons = arena_array(txn->arena, struct str, realm->roles.count + 1);
	uint32_t icons_count = 0;
	for (at = 0; map_next(&realm->roles, &at, &id, &value);)
		icons[icons_count++] = image_name(txn->arena, "role-icons", id,
						  ((struct live_role *)value)->row->icon);
	file_drop(txn, icons, icons_count);
	row.deleted_at = (int64_t)core_wall_us(txn->core);
	realm_put_guild(txn, &row);
	realm_empty(realm);
	txn_intent(txn, INTENT_GUILD_SWEEP, CELL_GUILD, txn->cell->id, NULL, NULL);
}

/* -- on intents -- */

/* The next rows, in @arena: not the transaction's, since a guild may have millions. */
static int scan_wait(struct txn *txn, struct arena *arena, struct str prefix,
		     struct store_row **rows, uint32_t *count)
{
	int r = store_scan_wait(txn->core, arena, prefix, (struct str){}, (struct str){}, false,
				PIECE, rows, count);

	return txn->generation != txn->cell->generation ? ERR_RESTARTED : r;
}

/* Gives the rows of @prefix piece by piece to @piece_wait, which deletes them, until there are none. */
static int all_wait(struct txn *txn, struct str prefix,
		    int (*piece_wait)(struct txn *txn, const void *arg,
				      const struct store_row *rows, uint32_t count),
		    const void *arg)
{
	for (;;) {
		struct store_row *rows;
		struct arena arena;
		uint32_t count;

		arena_init(&arena);
		int r = scan_wait(txn, &arena, prefix, &rows, &count);
		if (!r && count)
			r = piece_wait(txn, arg, rows, count);
		arena_done(&arena);
		if (r || !count)
			return r;
	}
}

static int del_rows_wait(struct txn *txn, const struct store_row *rows, uint32_t count)
{
	struct store_batch *batch = store_batch_new(txn->core, NULL);

	for (uint32_t i = 0; i < count; i++)
		store_batch_del(batch, rows[i].key);
	return txn_before_wait(txn, batch);
}

static int drop_bucket_wait(struct txn *txn, uint64_t channel_id, const struct store_row *row)
{
	struct key key;
	uint32_t bucket;

	if (!parse_bucket(row->key, NULL, NULL, &bucket) &&
	    !parse_thread_bucket(row->key, NULL, NULL, &bucket))
		return 0;
	struct store_batch *batch = store_batch_new(txn->core, NULL);
	store_batch_drop(batch, partition_message(&key, channel_id, bucket));
	return txn_before_wait(txn, batch);
}

/* Buckets of messages first, the index that leads to them after that. */
static int buckets_wait(struct txn *txn, const void *arg, const struct store_row *rows,
			uint32_t count)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < count; i++)
		r = drop_bucket_wait(txn, *(const uint64_t *)arg, &rows[i]);
	return r ? r : del_rows_wait(txn, rows, count);
}

/* Rows of a thread's members, of pins: some hundred at most. */
static int small_wait(struct txn *txn, struct str prefix)
{
	struct store_row *rows;
	struct arena arena;
	uint32_t count;
	int r;

	do {
		arena_init(&arena);
		r = scan_wait(txn, &arena, prefix, &rows, &count);
		if (!r && count)
			r = del_rows_wait(txn, rows, count);
		arena_done(&arena);
	} while (!r && count == PIECE);
	return r;
}

/* Invites to the channel, webhooks into it. */
static int links_wait(struct txn *txn, uint64_t channel_id)
{
	struct store_row *invites, *webhooks;
	struct key key;
	uint32_t invites_count, webhooks_count;

	int r = txn_scan_wait(txn, prefix_invite(&key, txn->cell->id), (struct str){},
			      (struct str){}, false, 0, &invites, &invites_count);
	if (!r)
		r = txn_scan_wait(txn, prefix_webhook(&key, txn->cell->id), (struct str){},
				  (struct str){}, false, 0, &webhooks, &webhooks_count);
	if (r)
		return r;
	struct store_batch *batch = store_batch_new(txn->core, NULL);
	for (uint32_t i = 0; i < invites_count; i++) {
		struct invite_row row = {};

		if (row_get(invites[i].value, &desc_invite_row, txn->arena, &row) ||
		    row.channel_id != channel_id)
			continue;
		invite_forget(batch, row.code);
		store_batch_del(batch, invites[i].key);
	}
	for (uint32_t i = 0; i < webhooks_count; i++) {
		struct webhook row = {};

		if (row_get(webhooks[i].value, &desc_webhook, txn->arena, &row) ||
		    row.channel_id != channel_id)
			continue;
		store_batch_del(batch, key_webhook_entry(&key, row.id));
		store_batch_del(batch, webhooks[i].key);
	}
	store_batch_del(batch, key_channel_entry(&key, channel_id));
	store_batch_del(batch, key_stage_instance(&key, txn->cell->id, channel_id));
	return txn_before_wait(txn, batch);
}

static int channel_wait(struct txn *txn, uint64_t channel_id)
{
	struct key key;

	int r = all_wait(txn, prefix_bucket_channel(&key, txn->cell->id, channel_id), buckets_wait,
			 &channel_id);
	if (!r)
		r = all_wait(txn, prefix_thread_bucket_channel(&key, txn->cell->id, channel_id),
			     buckets_wait, &channel_id);
	if (r)
		return r;
	/* Their rows went with the buckets. */
	r = files_remove_channel_wait(txn->core, channel_id);
	if (!r)
		r = small_wait(txn, prefix_pin_channel(&key, txn->cell->id, channel_id));
	return r ? r
		 : small_wait(txn, prefix_thread_member_thread(&key, txn->cell->id, channel_id));
}

/* Nobody's list of private threads leads to it any more. */
static int seats_wait(struct txn *txn, uint64_t parent_id, uint64_t thread_id)
{
	struct store_row *rows;
	struct key key;
	uint32_t count;
	struct arena arena;

	arena_init(&arena);
	int r = store_scan_wait(txn->core, &arena,
				prefix_thread_member_thread(&key, txn->cell->id, thread_id),
				(struct str){}, (struct str){}, false, 0, &rows, &count);
	if (!r && count) {
		struct store_batch *batch = store_batch_new(txn->core, NULL);

		for (uint32_t i = 0; i < count; i++) {
			uint64_t user_id;

			if (parse_thread_member(rows[i].key, NULL, NULL, &user_id))
				store_batch_del(batch,
						key_private_thread(&key, txn->cell->id, user_id,
								   parent_id, thread_id));
		}
		r = txn_before_wait(txn, batch);
	}
	arena_done(&arena);
	return txn->generation != txn->cell->generation ? ERR_RESTARTED : r;
}

/* One archived thread of a channel that is gone, by its row in their order, which goes last. */
static int archived_wait(struct txn *txn, const struct store_row *row)
{
	uint64_t parent_id, id;
	struct key key;
	uint8_t secret;

	if (!parse_archive_order(row->key, NULL, &parent_id, &secret, NULL, &id))
		return 0;
	int r = secret ? seats_wait(txn, parent_id, id) : 0;
	if (!r)
		r = channel_wait(txn, id);
	if (r)
		return r;
	struct store_batch *batch = store_batch_new(txn->core, NULL);
	store_batch_del(batch, key_channel_entry(&key, id));
	store_batch_del(batch, key_archived_thread(&key, txn->cell->id, id));
	store_batch_del(batch, row->key);
	return txn_before_wait(txn, batch);
}

/* Archived threads of a channel, which are not in memory. */
static int archived_some_wait(struct txn *txn, const void *arg, const struct store_row *rows,
			      uint32_t count)
{
	int r = 0;

	(void)arg;
	for (uint32_t i = 0; i < count && !r; i++)
		r = archived_wait(txn, &rows[i]);
	return r;
}

int sweep_intent_channel(struct txn *txn, const struct intent *intent)
{
	struct sweep_row row = {};

	if (row_get(intent->payload, &desc_sweep_row, txn->arena, &row))
		return EINVAL;
	if (realm_channel(realm_of(txn), row.channel_id))
		return EINVAL; /* it is there: not ours to remove */
	struct key key;
	int r = all_wait(txn, prefix_archive_order_parent(&key, txn->cell->id, row.channel_id),
			 archived_some_wait, NULL);
	if (!r)
		r = channel_wait(txn, row.channel_id);
	return r ? r : links_wait(txn, row.channel_id);
}

/* In a user's cell. */
static int run_forget_guild(struct txn *txn, void *arg)
{
	uint64_t guild_id = *(const uint64_t *)arg;
	struct key key;

	if (!map_get(&user_of(txn)->guilds, guild_id))
		return 0;
	user_del_guild(txn, guild_id);
	txn_del(txn,
		key_user_applied(&key, txn->cell->id, 0, guild_id)); /* it has no more intents */
	txn_effect(txn, &(struct effect){ .kind = EFFECT_GUILD_LEAVE, .guild_id = guild_id });
	return 0;
}

struct kind {
	struct str (*prefix)(struct key *, uint64_t);
	/* What stands elsewhere because of a row goes before it: in other cells and partitions, in the directory. */
	int (*leave_wait)(struct txn *txn, const struct store_row *rows, uint32_t count);
	void (*forget)(struct store_batch *batch, const struct store_row *row);
};

static int piece_wait(struct txn *txn, const void *arg, const struct store_row *rows,
		      uint32_t count)
{
	const struct kind *kind = arg;
	int r = kind->leave_wait ? kind->leave_wait(txn, rows, count) : 0;

	if (!r && kind->forget) {
		struct store_batch *batch = store_batch_new(txn->core, NULL);

		for (uint32_t i = 0; i < count; i++)
			kind->forget(batch, &rows[i]);
		r = txn_before_wait(txn, batch);
	}
	return r ? r : del_rows_wait(txn, rows, count);
}

static int kind_wait(struct txn *txn, const struct kind *kind)
{
	struct key key;

	return all_wait(txn, kind->prefix(&key, txn->cell->id), piece_wait, kind);
}

static int members_images_wait(struct txn *txn, const struct store_row *rows, uint32_t count)
{
	struct str *names;
	struct arena arena;
	uint32_t found = 0;

	arena_init(&arena);
	names = arena_array(&arena, struct str, count * MEMBER_IMAGES);
	for (uint32_t i = 0; i < count; i++) {
		struct member_row row = {};
		struct str images[MEMBER_IMAGES];

		if (row_get(rows[i].value, &desc_member_row, &arena, &row))
			continue;
		member_images(&arena, txn->cell->id, &row, images);
		for (uint32_t k = 0; k < MEMBER_IMAGES; k++)
			if (images[k].ptr)
				names[found++] = images[k];
	}
	int r = found ? files_remove_wait(txn->core, names, found) : 0;
	arena_done(&arena);
	return txn->generation != txn->cell->generation ? ERR_RESTARTED : r;
}

static int members_leave(struct txn *txn, const struct store_row *rows, uint32_t count)
{
	uint64_t ids[PIECE] = {}, guild_id = txn->cell->id;
	uint32_t found = 0;
	int results[PIECE];

	for (uint32_t i = 0; i < count; i++)
		found += parse_member(rows[i].key, NULL, &ids[found]);
	cell_call_many_wait(txn->core, CELL_USER, ids, found, false, run_forget_guild, &guild_id, 0,
			    results);
	if (txn->generation != txn->cell->generation)
		return ERR_RESTARTED;
	for (uint32_t i = 0; i < found; i++)
		if (results[i] && results[i] != ENOENT)
			return results[i];
	return members_images_wait(txn, rows, count);
}

static int channels_leave(struct txn *txn, const struct store_row *rows, uint32_t count)
{
	int r = 0;

	for (uint32_t i = 0; i < count && !r; i++) {
		uint64_t channel_id;

		if (parse_channel(rows[i].key, NULL, &channel_id))
			r = channel_wait(txn, channel_id);
	}
	return r;
}

static void channel_goes(struct store_batch *batch, const struct store_row *row)
{
	struct key key;
	uint64_t id;

	if (parse_channel(row->key, NULL, &id))
		store_batch_del(batch, key_channel_entry(&key, id));
}

static int threads_leave_wait(struct txn *txn, const struct store_row *rows, uint32_t count)
{
	int r = 0;

	for (uint32_t i = 0; i < count && !r; i++) {
		uint64_t id;

		if (parse_thread(rows[i].key, NULL, &id) ||
		    parse_archived_thread(rows[i].key, NULL, &id))
			r = channel_wait(txn, id);
	}
	return r;
}

static void thread_goes(struct store_batch *batch, const struct store_row *row)
{
	struct key key;
	uint64_t id;

	if (parse_thread(row->key, NULL, &id) || parse_archived_thread(row->key, NULL, &id))
		store_batch_del(batch, key_channel_entry(&key, id));
}

static void invite_goes(struct store_batch *batch, const struct store_row *row)
{
	struct str code;

	if (parse_invite(row->key, NULL, &code))
		invite_forget(batch, code);
}

static void webhook_goes(struct store_batch *batch, const struct store_row *row)
{
	struct key key;
	uint64_t id;

	if (parse_webhook(row->key, NULL, &id))
		store_batch_del(batch, key_webhook_entry(&key, id));
}

static void emoji_goes(struct store_batch *batch, const struct store_row *row)
{
	struct key key;
	uint64_t id;

	if (parse_emoji(row->key, NULL, &id))
		store_batch_del(batch, key_emoji_entry(&key, id));
}

static void sticker_goes(struct store_batch *batch, const struct store_row *row)
{
	struct key key;
	uint64_t id;

	if (parse_sticker(row->key, NULL, &id))
		store_batch_del(batch, key_sticker_entry(&key, id));
}

int sweep_intent_guild(struct txn *txn, const struct intent *intent)
{
	static const struct kind kinds[] = {
		{ prefix_member, members_leave, NULL },
		{ prefix_thread, threads_leave_wait, thread_goes },
		{ prefix_archived_thread, threads_leave_wait, thread_goes },
		{ prefix_channel, channels_leave, channel_goes },
		{ prefix_invite, NULL, invite_goes },
		{ prefix_webhook, NULL, webhook_goes },
		{ prefix_emoji, NULL, emoji_goes },
		{ prefix_sticker, NULL, sticker_goes },
	};
	struct key key;

	(void)intent;
	if (!realm_gone(realm_of(txn)))
		return EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int r = kind_wait(txn, &kinds[i]);

		if (r)
			return r;
	}
	/* The rest leads nowhere; the guild's own row, and this intent, go with it. */
	struct store_batch *batch = store_batch_new(txn->core, NULL);
	store_batch_drop(batch, partition_guild(&key, txn->cell->id));
	return txn_before_wait(txn, batch);
}
