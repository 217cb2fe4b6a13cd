/* Messages after they were sent: edited, deleted, published. */
#include <errno.h>
#include <stdlib.h>

#include "api/message_body.h"
#include "api/message_files.h"
#include "message/erase.h"
#include "message/mentions.h"
#include "model/limits.h"
#include "model/snowflake.h"
#include "realm/audit.h"
#include "realm/channel.h"

/* The message of the path, locked. */
static int get_wait(struct req *req, struct message *ret)
{
	int r = message_get_wait(req->txn, req->path.channel_id, req->path.message_id, true, ret);

	return r == ENOENT ? ERR_UNKNOWN_MESSAGE : r;
}

static bool is_own(const struct req *req, const struct message *message)
{
	return message->author_id == req->who.user_id && !message->has.webhook_id;
}

/* -- editing -- */

static bool is_plain(const struct message *message)
{
	return message->type == MESSAGE_DEFAULT || message->type == MESSAGE_REPLY ||
		message->type == MESSAGE_COMMAND || message->type == MESSAGE_CONTEXT_MENU;
}

/* What makes a message an edited one. */
static bool says_more(const struct req *req, const struct message_edit *in)
{
	return in->has.content || in->has.embeds || in->has.components || in->has.attachments ||
		req->files_count;
}

/* Anybody else may at most hide the embeds. */
static int check_editor(struct req *req, const struct message_edit *in,
			const struct message *message, const struct reach *reach)
{
	if (!is_plain(message))
		return ERR_CANNOT_EXECUTE_ON_SYSTEM_MESSAGE;
	if (!is_own(req, message)) {
		if (says_more(req, in) || in->has.allowed_mentions || !in->has.flags)
			return ERR_CANNOT_EDIT_OTHERS_MESSAGE;
		return reach_need(reach, PERM_MANAGE_MESSAGES);
	}
	if (!says_more(req, in))
		return 0;
	if (message->flags & MESSAGE_IS_VOICE)
		return ERR_CANNOT_EDIT_VOICE_MESSAGE;
	return message->has.poll ? ERR_CANNOT_EDIT_POLL : 0;
}

enum { OLD_MS = 3600 * 1000, OLD_EDITS = 30 };

/* Old messages are edited now and then, not as a ticker: so many an hour by one author in a channel. */
static int check_age(struct req *req, const struct message_edit *in, const struct message *message)
{
	uint64_t now_ms = core_wall_us(req->core) / 1000;

	if (!says_more(req, in) || snowflake_ms(message->id) + OLD_MS > now_ms)
		return 0;
	struct str who = arena_printf(req->arena, "%lu/%lu", req->who.user_id, message->channel_id);
	return req_limited(req, S("old edits"), who, OLD_EDITS, OLD_MS) ? ERR_MAX_OLD_MESSAGE_EDITS
									: 0;
}

static void edit_flags(const struct req *req, const struct message_edit *in,
		       struct message *message)
{
	int64_t mine = is_own(req, message) ? MESSAGE_COMPONENTS_V2 : 0;

	if (!in->has.flags)
		return;
	message->flags = (message->flags & ~(int64_t)MESSAGE_SUPPRESS_EMBEDS) |
		(in->flags & (MESSAGE_SUPPRESS_EMBEDS | mine));
}

/* Fills in what the body has; the rest stays. */
static int edit_parts(struct req *req, const struct message_edit *in, const struct reach *reach,
		      struct message *message)
{
	struct message_body body = { .v2 = message->flags & MESSAGE_COMPONENTS_V2 };

	if (in->has.content)
		message->content = in->content.ptr ? in->content : S("");
	if (in->has.embeds) {
		/* Without EMBED_LINKS they are left out, as in sending. */
		message->embeds = in->embeds;
		body.embeds = &message->embeds;
	}
	if (in->has.components) {
		message->components = in->components;
		body.components = &message->components;
	}
	body.content = message->content;
	body.other = message->attachments.count || message->sticker_items.count ||
		message->has.poll || message->message_snapshots.count;
	body.keeps = (!in->has.embeds && message->embeds.count) ||
		(!in->has.components && message->components.count);
	if (body.v2 && !body.embeds && message->embeds.count)
		body.embeds = &message->embeds; /* they may not stay either */
	int r = message_body_check(req, reach, &body);
	if (!r && in->has.embeds && !(reach->perms & PERM_EMBED_LINKS))
		message->embeds.count = 0;
	return r;
}

/* The files that stay, and new ones. Waits. */
static int edit_files_wait(struct req *req, const struct message_edit *in, uint64_t perms,
			   struct message *message, struct message_files *files)
{
	static const struct attachment_create_list none;
	const struct attachment_create_list *list = !in->has.attachments ? NULL
		: in->attachments.items					 ? &in->attachments
									 : &none;

	int r = message_files_wait(req, perms, list, &message->attachments, files);
	if (!r)
		message->attachments = files->all;
	return r;
}

/* Whom it mentions now. Waits. */
static int edit_mentions_wait(struct req *req, const struct message_edit *in, uint64_t perms,
			      struct message *message)
{
	struct mentions mentions;
	uint64_t replied = 0;

	if (!in->has.content && !in->has.allowed_mentions)
		return 0;
	if (message->type == MESSAGE_REPLY && message->has.message_reference &&
	    (message->mention_replied ||
	     (in->allowed_mentions && in->allowed_mentions->has.replied_user))) {
		struct message target = {};
		int r = message_get_wait(req->txn, message->channel_id,
					 message->message_reference->message_id, false, &target);

		if (r && r != ENOENT)
			return r;
		replied = target.author_id; /* a deleted one still says whose it was */
	}
	int r = mentions_find_wait(req->txn, message->content, in->allowed_mentions, replied,
				   perms & PERM_MENTION_EVERYONE, &mentions);
	if (r)
		return r;
	message->mention_ids = mentions.users;
	message->mention_roles = mentions.roles;
	message->mention_everyone = mentions.everyone;
	message->mention_here = mentions.here;
	message->mention_replied = false;
	for (uint32_t i = 0; replied && i < mentions.users.count; i++)
		message->mention_replied |= mentions.users.items[i] == replied;
	return 0;
}

int api_update_message(struct req *req, const struct message_edit *in, struct message *out)
{
	struct reader reader = reader_of(req), whole = { req->who.user_id, false };
	struct reach reach;

	int r = reach_channel(req, 0, &reach);
	if (!r)
		r = reach_open(&reach);
	if (!r)
		r = allowed_mentions_check(req, in->allowed_mentions);
	if (!r)
		r = get_wait(req, out);
	if (!r)
		r = reach_channel(req, 0, &reach);
	if (!r)
		r = check_editor(req, in, out, &reach);
	if (!r)
		r = check_age(req, in, out);
	if (r)
		return r;
	edit_flags(req, in, out);
	struct message_files files = {};
	bool with_files = in->has.attachments || req->files_count;
	if (with_files)
		r = edit_files_wait(req, in, reach.perms, out, &files);
	if (!r)
		r = edit_parts(req, in, &reach, out);
	if (!r)
		r = edit_mentions_wait(req, in, reach.perms, out);
	if (r) {
		message_files_undo(req, &files);
		return r;
	}
	if (says_more(req, in))
		out->edited_timestamp = req_now_us(req);
	struct message row = *out; /* what is shown may be less */
	r = message_hydrate_wait(req->txn, row.channel_id, &whole, out, 1);
	if (!r)
		r = reach_channel(req, 0, &reach);
	if (r) {
		message_files_undo(req, &files);
		return r;
	}
	message_put(req->txn, &row);
	if (with_files)
		message_files_put(req, &files, row.id);
	message_event(req->txn, EVENT_MESSAGE_UPDATE, reach.channel, out);
	reader_mask(&reader, &reach, out);
	return 0;
}

/* -- deleting -- */

/* Notices that are the channel's history. */
static bool stays(const struct message *message)
{
	return (message->type >= MESSAGE_RECIPIENT_ADD && message->type <= MESSAGE_ICON_CHANGE) ||
		message->type == MESSAGE_THREAD_STARTER;
}

static int check_deleter(struct req *req, const struct message *message, const struct reach *reach)
{
	if (stays(message))
		return ERR_CANNOT_EXECUTE_ON_SYSTEM_MESSAGE;
	if (is_own(req, message) && message->type != MESSAGE_AUTOMOD)
		return 0;
	if (!realm_is_guild(reach->realm))
		return ERR_CANNOT_EXECUTE_ON_DM;
	return reach_need(reach, PERM_MANAGE_MESSAGES);
}

static void audit_delete(struct req *req, const struct message *message)
{
	struct audit audit = audit_begin(req->txn, req->who.user_id, AUDIT_MESSAGE_DELETE,
					 message->author_id, req_reason(req));

	audit.options.channel_id = message->channel_id;
	audit.options.count = S("1");
	audit.options.has.channel_id = audit.options.has.count = true;
	audit_put(&audit);
}

int api_delete_message(struct req *req)
{
	struct erasure *erasures;
	struct reach reach;
	uint32_t count;

	int r = reach_channel(req, 0, &reach);
	if (!r)
		r = erase_read_wait(req->txn, req->path.channel_id, &req->path.message_id, 1,
				    &erasures, &count);
	if (!r && !count)
		r = ERR_UNKNOWN_MESSAGE;
	if (!r)
		r = reach_channel(req, 0, &reach);
	if (!r)
		r = check_deleter(req, &erasures->message, &reach);
	if (r)
		return r;
	const struct message *message = &erasures->message;
	struct message_delete event = { .id = message->id,
					.channel_id = message->channel_id,
					.guild_id = reach.realm->guild ? reach.realm->guild->id
								       : 0 };
	event.has.guild_id = event.guild_id != 0;
	erase_put(req->txn, reach.channel, erasures);
	txn_event(req->txn, EVENT_MESSAGE_DELETE, aud_channel(reach.channel), &event);
	if (reach.realm->guild && !is_own(req, message))
		audit_delete(req, message);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int check_bulk(struct req *req, const struct bulk_delete *in)
{
	uint64_t now_ms = core_wall_us(req->core) / 1000;
	uint64_t oldest = snowflake_at(
		now_ms > LIMIT_BULK_DELETE_AGE_MS ? now_ms - LIMIT_BULK_DELETE_AGE_MS : 0);

	if (in->messages.count < LIMIT_BULK_DELETE_MIN ||
	    in->messages.count > LIMIT_BULK_DELETE_MAX)
		return ERR_BULK_DELETE_COUNT;
	for (uint32_t i = 0; i < in->messages.count; i++)
		if (in->messages.items[i] < oldest)
			return ERR_MESSAGE_TOO_OLD_FOR_BULK_DELETE;
	return 0;
}

int api_bulk_delete_messages(struct req *req, const struct bulk_delete *in)
{
	struct message_delete_bulk event = { .channel_id = req->path.channel_id };
	struct erasure *erasures;
	struct reach reach;
	uint32_t count;

	int r = reach_channel(req, 0, &reach);
	if (r)
		return r;
	if (!realm_is_guild(reach.realm))
		return ERR_CANNOT_EXECUTE_ON_DM;
	r = reach_need(&reach, PERM_MANAGE_MESSAGES);
	if (!r)
		r = check_bulk(req, in);
	if (r)
		return r;
	uint64_t *ids = arena_dup(req->arena, in->messages.items,
				  in->messages.count * sizeof(uint64_t));
	qsort(ids, in->messages.count, sizeof(*ids), compare_ids);
	r = erase_read_wait(req->txn, req->path.channel_id, ids, in->messages.count, &erasures,
			    &count);
	if (!r)
		r = reach_channel(req, PERM_MANAGE_MESSAGES, &reach);
	if (r)
		return r;
	event.ids.items = arena_array(req->arena, uint64_t, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (stays(&erasures[i].message))
			continue;
		event.ids.items[event.ids.count++] = erasures[i].message.id;
		erase_put(req->txn, reach.channel, &erasures[i]);
	}
	if (!event.ids.count)
		return 0;
	event.guild_id = reach.realm->guild->id;
	event.has.guild_id = true;
	txn_event(req->txn, EVENT_MESSAGE_DELETE_BULK, aud_channel(reach.channel), &event);
	struct audit audit = audit_begin(req->txn, req->who.user_id, AUDIT_MESSAGE_BULK_DELETE,
					 req->path.channel_id, req_reason(req));
	audit.options.count = audit_number(&audit, event.ids.count);
	audit.options.has.count = true;
	audit_put(&audit);
	return 0;
}

/* -- publishing -- */

int api_crosspost_message(struct req *req, struct message *out)
{
	struct reader reader = reader_of(req), whole = { req->who.user_id, false };
	struct reach reach;

	int r = reach_channel(req, 0, &reach);
	if (!r && reach.channel->row->type != CHANNEL_TYPE_ANNOUNCEMENT)
		r = ERR_CANNOT_EXECUTE_ON_CHANNEL_TYPE;
	if (!r)
		r = get_wait(req, out);
	if (!r)
		r = reach_channel(req, is_own(req, out) ? PERM_SEND_MESSAGES : PERM_MANAGE_MESSAGES,
				  &reach);
	if (r)
		return r;
	if (out->flags & MESSAGE_CROSSPOSTED)
		return ERR_ALREADY_CROSSPOSTED;
	if (out->type != MESSAGE_DEFAULT)
		return ERR_INVALID_MESSAGE_TYPE;
	out->flags |= MESSAGE_CROSSPOSTED;
	struct message row = *out;
	r = message_hydrate_wait(req->txn, row.channel_id, &whole, out, 1);
	if (!r)
		r = reach_channel(req, 0, &reach);
	if (r)
		return r;
	message_put(req->txn, &row);
	message_event(req->txn, EVENT_MESSAGE_UPDATE, reach.channel, out);
	reader_mask(&reader, &reach, out);
	return 0;
}
