/* Messages: send, read. Edits and deletions: messages_change.c. */
#include <errno.h>

#include "api/message_body.h"
#include "realm/bucket.h"
#include "message/mentions.h"
#include "message/message.h"
#include "model/limits.h"
#include "model/snowflake.h"
#include "realm/dm.h"
#include "realm/member.h"

static bool speakable(int64_t channel_type)
{
	return channel_type != 4 && channel_type != 14 && channel_type != 15 && channel_type != 16;
}

/* Rate of speaking in this channel for those without BYPASS_SLOWMODE (bots are never slowed). */
struct slow {
	int64_t until_us;
};

static int check_slow(struct req *req, const struct reach *reach)
{
	int64_t wait_s = reach->channel->row->rate_limit_per_user, now = req_now_us(req);

	if (wait_s <= 0 || req->who.bot || reach->perms & PERM_BYPASS_SLOWMODE)
		return 0;
	const struct slow *slow = map_get(&reach->channel->slow, req->who.user_id);
	if (!slow || slow->until_us <= now)
		return 0;
	req->retry_after = (double)(slow->until_us - now) / 1e6;
	return ERR_SLOWMODE_RATE_LIMIT;
}

static void note_slow(struct req *req, const struct reach *reach)
{
	int64_t wait_s = reach->channel->row->rate_limit_per_user;

	if (wait_s <= 0 || req->who.bot || reach->perms & PERM_BYPASS_SLOWMODE)
		return;
	struct slow *slow = map_get(&reach->channel->slow, req->who.user_id);
	if (!slow) {
		slow = region_new(reach->realm->region, struct slow);
		map_set(&reach->channel->slow, req->who.user_id, slow);
	}
	slow->until_us = req_now_us(req) + wait_s * 1000000;
}

static int check_body(struct req *req, const struct message_create *in, const struct reach *reach)
{
	struct message_body body = { .content = in->content,
				     .embeds = (struct embed_list *)&in->embeds,
				     .components = (struct component_list *)&in->components,
				     .v2 = in->flags & MESSAGE_COMPONENTS_V2,
				     .other = in->sticker_ids.count || in->poll || req->files_count || in->attachments.count ||
					      (in->message_reference && in->message_reference->type == 1) };

	int r = allowed_mentions_check(req, in->allowed_mentions);
	if (!r)
		r = message_body_check(req, reach, &body);
	if (!r && body.v2 && (in->poll || in->sticker_ids.count))
		r = req_form_error(req, "flags", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
				   "The 'content', 'embeds', 'stickers' and 'poll' fields cannot be used with components v2");
	if (!r && in->tts && !(reach->perms & PERM_SEND_TTS_MESSAGES))
		r = ERR_MISSING_PERMISSIONS;
	return r;
}

/* enforce_nonce: the message that was made with it. 0 none. */
static int find_nonce_wait(struct req *req, const struct message_create *in, uint64_t *ret_id)
{
	uint32_t bucket = bucket_of(snowflake_at(core_wall_us(req->core) / 1000));
	struct nonce_row row = {};
	struct key key;

	*ret_id = 0;
	if (!in->enforce_nonce || !in->nonce.ptr)
		return 0;
	struct str at = key_nonce(&key, req->path.channel_id, bucket, req->who.user_id, in->nonce);
	int r = txn_lock_wait(req->txn, at); /* the same call, sent again, may be on its way */
	if (!r)
		r = txn_get_obj_wait(req->txn, at, &desc_nonce_row, &row);
	if (r)
		return r == ENOENT ? 0 : r;
	if (row.created_at + LIMIT_NONCE_KEEP_MS * 1000LL > req_now_us(req))
		*ret_id = row.message_id;
	return 0;
}

/* The message replied to. */
static int find_reference_wait(struct req *req, const struct message_create *in, struct message *target, bool *ret_there)
{
	const struct message_reference_create *reference = in->message_reference;

	*ret_there = false;
	if (!reference)
		return 0;
	if (reference->channel_id && reference->channel_id != req->path.channel_id && reference->type == 0)
		return req_form_error(req, "message_reference", "REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL",
				      "Cannot reply to a message in a different channel");
	if (!reference->message_id)
		return req_form_error(req, "message_reference.message_id", "BASE_TYPE_REQUIRED", "This field is required");
	int r = message_get_wait(req->txn, req->path.channel_id, reference->message_id, false, target);
	if (r == ENOENT && reference->fail_if_not_exists)
		return req_form_error(req, "message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message");
	if (r == ENOENT)
		return 0;
	*ret_there = r == 0;
	return r;
}

static int send_old(struct req *req, uint64_t id, struct message *out)
{
	struct reader reader = reader_of(req);

	int r = message_get_wait(req->txn, req->path.channel_id, id, false, out);
	if (r)
		return r == ENOENT ? ERR_UNKNOWN_MESSAGE : r;
	return message_hydrate_wait(req->txn, req->path.channel_id, &reader, out, 1);
}

static int reach_to_send(struct req *req, const struct message_create *in, struct reach *ret)
{
	int r = reach_channel(req, 0, ret);

	if (r)
		return r;
	if (!speakable(ret->channel->row->type))
		return ERR_NON_TEXT_CHANNEL;
	if (!(ret->perms & PERM_SEND_MESSAGES))
		return ERR_MISSING_PERMISSIONS;
	if (in->message_reference && in->message_reference->type == 0 && !(ret->perms & PERM_READ_MESSAGE_HISTORY))
		return ERR_CANNOT_REPLY_WITHOUT_HISTORY;
	return 0;
}

int api_create_message(struct req *req, const struct message_create *in, struct message *out)
{
	struct txn *txn = req->txn;
	struct mentions mentions;
	struct message target;
	struct reach reach;
	uint64_t old, id;
	bool replied;

	int r = reach_to_send(req, in, &reach);
	if (!r)
		r = check_body(req, in, &reach);
	if (!r)
		r = check_slow(req, &reach);
	if (!r)
		r = dm_may_send_wait(req->txn, req->who.user_id);
	if (!r)
		r = find_nonce_wait(req, in, &old);
	if (r)
		return r;
	if (old)
		return send_old(req, old, out);
	r = find_reference_wait(req, in, &target, &replied);
	if (r)
		return r;
	bool everyone = reach.perms & PERM_MENTION_EVERYONE;
	r = mentions_find_wait(txn, in->content, in->allowed_mentions, replied ? target.author_id : 0, everyone, &mentions);
	if (!r && replied)
		r = message_hydrate_wait(txn, req->path.channel_id, &(struct reader){ req->who.user_id, false }, &target, 1);
	if (!r && dm_needs_outbox(realm_of(txn)))
		r = txn_outbox_wait(txn);
	if (!r) /* last of all that may wait: nobody takes a later id meanwhile */
		r = message_id_wait(txn, req->path.channel_id, &id);
	if (!r) /* the world has moved: look again */
		r = reach_to_send(req, in, &reach);
	if (r)
		return r;

	struct message_reference reference = {};
	*out = (struct message){
		.id = id,
		.channel_id = req->path.channel_id,
		.type = replied ? MESSAGE_REPLY : MESSAGE_DEFAULT,
		.content = in->content.ptr ? in->content : S(""),
		.timestamp = snowflake_us(id),
		.tts = in->tts,
		.mention_everyone = mentions.everyone,
		.mention_here = mentions.here,
		.flags = in->flags & MESSAGE_FLAGS_CREATE, /* others cannot be set by hand, which nobody is told */
		.author_id = req->who.user_id,
		.author_copy = message_author_copy(req->arena, reach.member->row),
		.components = in->components,
		.nonce = in->nonce,
		.nonce_is_int = in->nonce_is_int,
	};
	out->has.nonce = in->nonce.ptr != NULL;
	out->mention_ids = mentions.users;
	out->mention_roles = mentions.roles;
	if (reach.perms & PERM_EMBED_LINKS)
		out->embeds = in->embeds;
	if (req->who.bot) {
		out->application_id = req->who.user_id;
		out->has.application_id = false; /* only messages of interactions and webhooks say it */
	}
	if (replied) {
		reference.message_id = target.id;
		reference.channel_id = req->path.channel_id;
		reference.guild_id = reach.realm->guild ? reach.realm->guild->id : 0;
		reference.has.message_id = reference.has.channel_id = true;
		reference.has.guild_id = reference.guild_id != 0;
		reference.has.type = true;
		out->message_reference = arena_dup(req->arena, &reference, sizeof(reference));
		out->has.message_reference = true;
		out->referenced_message = arena_dup(req->arena, &target, sizeof(target));
		out->has.referenced_message = true;
		for (uint32_t i = 0; i < mentions.users.count; i++)
			out->mention_replied |= mentions.users.items[i] == target.author_id;
	}
	message_take_id(reach.channel, id);
	note_slow(req, &reach);
	message_put(txn, out);
	if (in->enforce_nonce && in->nonce.ptr) {
		struct nonce_row row = { .message_id = id, .created_at = req_now_us(req) };
		struct key key;

		txn_put(txn, key_nonce(&key, out->channel_id, bucket_of(id), req->who.user_id, in->nonce), &desc_nonce_row, &row);
	}
	message_hydrate(txn, reach.channel, out, &mentions.strangers);
	message_event(txn, EVENT_MESSAGE_CREATE, reach.channel, out);
	if (!reach.realm->guild)
		dm_after_message(txn, id);
	return 0;
}

int api_list_messages(struct req *req, const struct messages_query *query, struct message_list *out)
{
	struct reader reader = reader_of(req);
	struct reach reach;

	int r = reach_channel(req, 0, &reach);
	if (r)
		return r;
	if (query->has.around + query->has.before + query->has.after > 1)
		return req_form_error(req, "", "MUTUALLY_EXCLUSIVE", "Only one of around, before and after may be given.");
	if (!(reach.perms & PERM_READ_MESSAGE_HISTORY))
		return 0; /* an empty list, not a refusal */
	struct history history = { .before = query->before,
				   .after = query->after,
				   .around = query->around,
				   .limit = (uint32_t)query->limit };
	if (query->has.after && !query->after)
		history.after = 1;
	r = message_history_wait(req->txn, req->path.channel_id, &history, &out->items, &out->count);
	if (r)
		return r;
	return message_hydrate_wait(req->txn, req->path.channel_id, &reader, out->items, out->count);
}

int api_get_message(struct req *req, struct message *out)
{
	struct reader reader = reader_of(req);
	struct reach reach;

	int r = reach_channel(req, PERM_READ_MESSAGE_HISTORY, &reach);
	if (r)
		return r;
	r = message_get_wait(req->txn, req->path.channel_id, req->path.message_id, false, out);
	if (r)
		return r == ENOENT ? ERR_UNKNOWN_MESSAGE : r;
	return message_hydrate_wait(req->txn, req->path.channel_id, &reader, out, 1);
}
