/* Messages sent: checks, what they refer to and bring along, then one transaction. */
#include <errno.h>
#include <stdio.h>

#include "api/message_body.h"
#include "api/message_files.h"
#include "cdn/files.h"
#include "message/attach.h"
#include "message/emoji.h"
#include "message/forward.h"
#include "message/mentions.h"
#include "message/poll.h"
#include "message/sticker.h"
#include "model/limits.h"
#include "model/snowflake.h"
#include "realm/bucket.h"
#include "realm/dm.h"
#include "realm/member.h"
#include "realm/mention_log.h"
#include "realm/polls.h"
#include "realm/thread_event.h"

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

static bool is_forward(const struct message_create *in)
{
	return in->message_reference && in->message_reference->type == 1;
}

static int check_poll(struct req *req, const struct poll_create *poll)
{
	if (!poll->question || !poll->question->text.len)
		return req_form_error(req, "poll.question.text", "BASE_TYPE_REQUIRED",
				      "This field is required");
	for (uint32_t i = 0; i < poll->answers.count; i++) {
		const struct poll_media *media = poll->answers.items[i].poll_media;
		char path[64];

		snprintf(path, sizeof(path), "poll.answers.%u.poll_media.text", i);
		if (!media || !media->text.len)
			return req_form_error(req, path, "BASE_TYPE_REQUIRED",
					      "This field is required");
		if (str_utf8_len(media->text) > LIMIT_POLL_ANSWER)
			return req_form_error(req, path, "BASE_TYPE_MAX_LENGTH",
					      "Must be %d or fewer in length.", LIMIT_POLL_ANSWER);
	}
	return 0;
}

/* Kinds of messages that are one thing only. */
static int check_alone(struct req *req, const struct message_create *in, const struct reach *reach,
		       bool files)
{
	bool legacy = in->content.len || in->embeds.count,
	     more = in->components.count || in->sticker_ids.count || in->poll;

	if (in->flags & MESSAGE_COMPONENTS_V2 && (in->poll || in->sticker_ids.count))
		return legacy_field_error(req, in->poll ? "poll" : "sticker_ids");
	if (is_forward(in) && (legacy || more || files))
		return req_form_error(req, "message_reference", "MESSAGE_FORWARD_HAS_CONTENT",
				      "A forward cannot have content of its own.");
	if (!(in->flags & MESSAGE_IS_VOICE))
		return 0;
	if (!(reach->perms & PERM_SEND_VOICE_MESSAGES))
		return ERR_CANNOT_SEND_VOICE_MESSAGES;
	return legacy || more || is_forward(in) ? ERR_VOICE_MESSAGE_HAS_CONTENT : 0;
}

static int check_body(struct req *req, const struct message_create *in, const struct reach *reach)
{
	bool files = req->files_count || in->attachments.count;
	struct message_body body = { .content = in->content,
				     .embeds = (struct embed_list *)&in->embeds,
				     .components = (struct component_list *)&in->components,
				     .v2 = in->flags & MESSAGE_COMPONENTS_V2,
				     .other = files || in->sticker_ids.count || in->poll ||
					     is_forward(in) };

	int r = allowed_mentions_check(req, in->allowed_mentions);
	if (!r)
		r = check_alone(req, in, reach, files);
	if (!r)
		r = message_body_check(req, reach, &body);
	if (!r && in->poll)
		r = check_poll(req, in->poll);
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

/* What goes into a message besides its body, gathered before anything is put. */
struct sending {
	const struct message_create *in;
	struct reach reach;
	struct mentions mentions;
	struct message target; /* replied to */
	bool replied;
	struct forward forward;
	bool forwarded;
	struct message_files files;
	struct str *forward_names; /* files of the forward, placed */
	uint32_t forward_names_count;
	struct sticker_item_list stickers;
	struct poll *poll;
	uint64_t id;
};

static int unknown_reference(struct req *req)
{
	return req_form_error(req, "message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE",
			      "Unknown message");
}

static int find_forward_wait(struct req *req, struct sending *sending)
{
	const struct message_reference_create *reference = sending->in->message_reference;
	struct reader reader = reader_of(req);

	if (!reference->channel_id)
		return req_form_error(req, "message_reference.channel_id", "BASE_TYPE_REQUIRED",
				      "This field is required");
	int r = forward_read_wait(req->txn, req->arena, &reader, reference->channel_id,
				  reference->message_id, &sending->forward);
	if (r == ENOENT)
		return unknown_reference(req);
	if (!r)
		r = forward_files_wait(req->txn, req->arena, reference->channel_id,
				       req->path.channel_id, &sending->forward,
				       &sending->forward_names, &sending->forward_names_count);
	sending->forwarded = r == 0;
	return r;
}

/* The message replied to, or forwarded. */
static int find_reference_wait(struct req *req, struct sending *sending)
{
	const struct message_reference_create *reference = sending->in->message_reference;

	if (!reference)
		return 0;
	if (!reference->message_id)
		return req_form_error(req, "message_reference.message_id", "BASE_TYPE_REQUIRED",
				      "This field is required");
	if (is_forward(sending->in))
		return find_forward_wait(req, sending);
	if (reference->channel_id && reference->channel_id != req->path.channel_id)
		return req_form_error(req, "message_reference",
				      "REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL",
				      "Cannot reply to a message in a different channel");
	int r = message_get_wait(req->txn, req->path.channel_id, reference->message_id, false,
				 &sending->target);
	if (r == ENOENT)
		return reference->fail_if_not_exists ? unknown_reference(req) : 0;
	sending->replied = r == 0;
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

/* A thread that is archived is opened by who speaks in it, unless it is locked. */
static int check_thread(const struct reach *reach)
{
	const struct channel *row = reach->channel->row;

	if (!reach->channel->thread)
		return 0;
	if (row->thread_metadata->locked && reach_need(reach, PERM_MANAGE_THREADS))
		return row->thread_metadata->archived ? ERR_THREAD_ARCHIVED : ERR_THREAD_LOCKED;
	return row->thread_metadata->archived &&
			reach->realm->threads_active >= LIMIT_ACTIVE_THREADS
		? ERR_MAX_ACTIVE_THREADS
		: 0;
}

/* What a message does to the thread before it is there: opens it, and brings in who speaks and who is mentioned. */
static void enter_thread(struct req *req, const struct sending *sending)
{
	const struct reach *reach = &sending->reach;
	struct live_channel *channel = reach->channel;

	if (!channel->thread)
		return;
	if (thread_is_archived(channel)) {
		thread_put_archived(req->txn, channel->row, false,
				    channel->row->thread_metadata->locked);
		thread_event(req->txn, EVENT_THREAD_UPDATE, channel);
	}
	thread_join(req->txn, channel, reach->member);
	if (thread_is_private(channel) && !channel->row->thread_metadata->invitable &&
	    reach_need(reach, PERM_MANAGE_THREADS))
		return;
	for (uint32_t i = 0; i < sending->mentions.users.count; i++) {
		struct live_member *member = realm_member(reach->realm,
							  sending->mentions.users.items[i]);

		if (member &&
		    perms_channel(reach->realm, member, channel->thread->parent, 0) &
			    PERM_VIEW_CHANNEL)
			thread_join(req->txn, channel, member);
	}
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
	r = check_thread(ret);
	if (r)
		return r;
	if (in->message_reference && in->message_reference->type == 0 &&
	    !(ret->perms & PERM_READ_MESSAGE_HISTORY))
		return ERR_CANNOT_REPLY_WITHOUT_HISTORY;
	return 0;
}

/* Custom emoji of the answers get their names. */
static int find_poll_wait(struct req *req, struct sending *sending)
{
	const struct poll_create *in = sending->in->poll;

	if (!in)
		return 0;
	if (!(sending->reach.perms & PERM_SEND_POLLS))
		return ERR_MISSING_PERMISSIONS;
	for (uint32_t i = 0; i < in->answers.count; i++) {
		struct partial_emoji *emoji = in->answers.items[i].poll_media->emoji;

		if (!emoji)
			continue;
		int r = 0;
		if (emoji->id)
			r = emoji_find_wait(req->txn, req->who.user_id,
					    sending->reach.perms & PERM_USE_EXTERNAL_EMOJIS, emoji);
		else
			emoji->name = emoji_standard(req->arena, emoji->name);
		if (r && r != ERR_UNKNOWN_EMOJI)
			return r;
		if (r || !emoji->name.len)
			return ERR_INVALID_EMOJI;
	}
	sending->poll = poll_make(req->arena, in, req_now_us(req));
	return 0;
}

static int find_stickers_wait(struct req *req, struct sending *sending)
{
	const struct message_create *in = sending->in;

	sending->stickers.items = arena_array(req->arena, struct sticker_item,
					      in->sticker_ids.count + 1);
	for (uint32_t i = 0; i < in->sticker_ids.count; i++) {
		int r = sticker_find_wait(req->txn, req->arena, req->who.user_id,
					  in->sticker_ids.items[i],
					  sending->reach.perms & PERM_USE_EXTERNAL_STICKERS,
					  &sending->stickers.items[sending->stickers.count]);

		if (r)
			return r == ENOENT ? ERR_INVALID_STICKER_SENT : r;
		sending->stickers.count++;
	}
	return 0;
}

/* A voice message is one file with its length and its shape, and nothing else. */
static int check_voice(const struct sending *sending)
{
	if (!(sending->in->flags & MESSAGE_IS_VOICE))
		return 0;
	if (sending->files.all.count != 1 ||
	    !str_starts(sending->files.all.items[0].content_type, S("audio/")))
		return ERR_VOICE_MESSAGE_NEEDS_ONE_ATTACHMENT;
	const struct attachment *sound = &sending->files.all.items[0];
	return sound->has.duration_secs && sound->has.waveform ? 0
							       : ERR_VOICE_MESSAGE_NEEDS_METADATA;
}

static int find_files_wait(struct req *req, struct sending *sending)
{
	const struct message_create *in = sending->in;

	if (!req->files_count && !in->attachments.count)
		return check_voice(sending);
	int r = message_files_wait(req, sending->reach.perms,
				   in->attachments.items
					   ? (const struct attachment_create_list *)&in->attachments
					   : NULL,
				   NULL, &sending->files);
	return r ? r : check_voice(sending);
}

/* All that waits. */
static int gather_wait(struct req *req, struct sending *sending)
{
	const struct message_create *in = sending->in;
	uint64_t channel_id = req->path.channel_id;
	struct txn *txn = req->txn;

	int r = find_reference_wait(req, sending);
	if (!r)
		r = find_poll_wait(req, sending);
	if (!r)
		r = find_stickers_wait(req, sending);
	if (!r)
		r = mentions_find_wait(txn, in->content, in->allowed_mentions,
				       sending->replied ? sending->target.author_id : 0,
				       sending->reach.perms & PERM_MENTION_EVERYONE,
				       &sending->mentions);
	if (!r && sending->replied)
		r = message_hydrate_wait(txn, channel_id,
					 &(struct reader){ req->who.user_id, false },
					 &sending->target, 1);
	if (!r)
		r = find_files_wait(req, sending);
	if (!r && dm_needs_outbox(realm_of(txn)))
		r = txn_outbox_wait(txn);
	if (!r) /* last of all that may wait: nobody takes a later id meanwhile */
		r = message_id_wait(txn, channel_id, &sending->id);
	if (!r) /* the world has moved: look again */
		r = reach_to_send(req, in, &sending->reach);
	return r;
}

static void refer(struct req *req, const struct sending *sending, struct message *out)
{
	struct message_reference *reference = arena_new(req->arena, struct message_reference);
	bool forwarded = sending->forwarded;

	*reference = (struct message_reference){
		.type = forwarded,
		.message_id = sending->in->message_reference->message_id,
		.channel_id = forwarded ? sending->in->message_reference->channel_id
					: out->channel_id,
		.guild_id = forwarded		      ? sending->forward.guild_id
			: sending->reach.realm->guild ? sending->reach.realm->guild->id
						      : 0,
	};
	reference->has.message_id = reference->has.channel_id = reference->has.type = true;
	reference->has.guild_id = reference->guild_id != 0;
	out->message_reference = reference;
	out->has.message_reference = true;
	if (!forwarded) {
		out->referenced_message = arena_dup(req->arena, &sending->target,
						    sizeof(sending->target));
		out->has.referenced_message = true;
		for (uint32_t i = 0; i < sending->mentions.users.count; i++)
			out->mention_replied |= sending->mentions.users.items[i] ==
				sending->target.author_id;
		return;
	}
	out->message_snapshots.items = arena_new(req->arena, struct message_snapshot);
	out->message_snapshots.items[0].message = sending->forward.content;
	out->message_snapshots.count = 1;
	out->has.message_snapshots = true;
	out->flags |= MESSAGE_HAS_SNAPSHOT;
}

static struct message compose(struct req *req, const struct sending *sending)
{
	const struct message_create *in = sending->in;
	struct message message = {
		.id = sending->id,
		.channel_id = req->path.channel_id,
		.type = sending->replied ? MESSAGE_REPLY : MESSAGE_DEFAULT,
		.content = in->content.ptr ? in->content : S(""),
		.timestamp = snowflake_us(sending->id),
		.tts = in->tts,
		.mention_everyone = sending->mentions.everyone,
		.mention_here = sending->mentions.here,
		.flags = in->flags & MESSAGE_FLAGS_CREATE, /* others are left out without a word */
		.author_id = req->who.user_id,
		.author_copy = message_author_copy(req->arena, sending->reach.member->row),
		.components = in->components,
		.attachments = sending->files.all,
		.poll = sending->poll,
		.nonce = in->nonce,
		.nonce_is_int = in->nonce_is_int,
	};

	message.has.nonce = in->nonce.ptr != NULL;
	message.has.poll = sending->poll != NULL;
	message.mention_ids = sending->mentions.users;
	message.mention_roles = sending->mentions.roles;
	if (sending->stickers.count) {
		message.sticker_items = sending->stickers;
		message.has.sticker_items = true;
	}
	if (sending->reach.perms & PERM_EMBED_LINKS)
		message.embeds = in->embeds;
	if (req->who.bot)
		message.application_id =
			req->who.user_id; /* only messages of interactions and webhooks show it */
	if (sending->replied || sending->forwarded)
		refer(req, sending, &message);
	return message;
}

static void put(struct req *req, const struct sending *sending, const struct message *message)
{
	const struct message_create *in = sending->in;
	struct key key;

	message_take_id(sending->reach.channel, message->id);
	note_slow(req, &sending->reach);
	message_put(req->txn, message);
	thread_said(req->txn, sending->reach.channel, message->type);
	if (message->has.poll)
		realm_polls_put(req->txn, message->channel_id, message->id, message->poll->expiry);
	message_files_put(req, &sending->files, message->id);
	if (sending->forwarded)
		attach_put(req->txn, message->channel_id, message->id,
			   sending->forward.content->attachments.items,
			   sending->forward.content->attachments.count);
	if (in->enforce_nonce && in->nonce.ptr) {
		struct nonce_row row = { .message_id = message->id, .created_at = req_now_us(req) };

		txn_put(req->txn,
			key_nonce(&key, message->channel_id, bucket_of(message->id),
				  req->who.user_id, in->nonce),
			&desc_nonce_row, &row);
	}
}

int api_create_message(struct req *req, const struct message_create *in, struct message *out)
{
	struct sending *sending = arena_new(req->arena, struct sending);
	uint64_t old;

	sending->in = in;
	int r = reach_to_send(req, in, &sending->reach);
	if (!r)
		r = check_body(req, in, &sending->reach);
	if (!r)
		r = check_slow(req, &sending->reach);
	if (!r)
		r = dm_may_send_wait(req->txn, req->who.user_id);
	if (!r)
		r = find_nonce_wait(req, in, &old);
	if (r)
		return r;
	if (old)
		return send_old(req, old, out);
	r = gather_wait(req, sending);
	if (r) {
		message_files_undo(req, &sending->files);
		files_remove_later(req->core, sending->forward_names, sending->forward_names_count);
		return r;
	}
	enter_thread(req, sending);
	*out = compose(req, sending);
	put(req, sending, out);
	message_hydrate(req->txn, sending->reach.channel, out, &sending->mentions.strangers);
	message_event(req->txn, EVENT_MESSAGE_CREATE, sending->reach.channel, out);
	mention_log_put(req->txn, sending->reach.channel, out);
	if (!sending->reach.realm->guild)
		dm_after_message(req->txn, out->id);
	return 0;
}
