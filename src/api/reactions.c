/* Reactions: add, take away, list. */
#include <errno.h>

#include "api/people.h"
#include "api/reach.h"
#include "message/emoji.h"
#include "message/reaction.h"
#include "model/limits.h"
#include "realm/class.h"
#include "realm/member.h"

static int read_emoji(struct req *req, struct partial_emoji *ret)
{
	if (emoji_parse(req->arena, req->path.emoji_name, ret))
		return 0;
	req->status = 400; /* where everything else unknown is a 404 */
	return ERR_UNKNOWN_EMOJI;
}

/* The channel and the message, locked when @lock. Waits: the reach is made after it. */
static int find_wait(struct req *req, uint64_t need, bool lock, struct reach *ret_reach,
		     struct message *ret_message)
{
	int r = reach_channel(req, need, ret_reach);

	if (r)
		return r;
	r = message_get_wait(req->txn, req->path.channel_id, req->path.message_id, lock,
			     ret_message);
	if (r)
		return r == ENOENT ? ERR_UNKNOWN_MESSAGE : r;
	return reach_channel(req, need, ret_reach);
}

static struct reaction_event event_of(const struct reach *reach, const struct message *message,
				      const struct partial_emoji *emoji, enum reaction_type type,
				      uint64_t user_id)
{
	struct reaction_event event = { .user_id = user_id,
					.channel_id = message->channel_id,
					.message_id = message->id,
					.guild_id = reach->realm->guild ? reach->realm->guild->id
									: 0,
					.emoji = (struct partial_emoji *)emoji,
					.burst = type == REACTION_BURST,
					.type = type };

	event.has.guild_id = event.guild_id != 0;
	return event;
}

int api_add_my_message_reaction(struct req *req, const struct reaction_put_query *query)
{
	uint64_t need = PERM_READ_MESSAGE_HISTORY;
	enum reaction_type type = query->type ? REACTION_BURST : REACTION_NORMAL;
	struct partial_emoji emoji;
	struct message message;
	struct reach reach;
	bool there;

	int r = read_emoji(req, &emoji);
	if (!r)
		r = find_wait(req, need, true, &reach, &message);
	if (!r)
		r = reach_open(&reach);
	if (r)
		return r;
	const struct reaction *others = reaction_find(&message, &emoji);
	if (others) {
		emoji = *others->emoji;
	} else if (emoji.id) {
		r = emoji_find_wait(req->txn, req->who.user_id,
				    reach.perms & PERM_USE_EXTERNAL_EMOJIS, &emoji);
		if (r == ERR_UNKNOWN_EMOJI)
			req->status = 400;
	}
	if (!r)
		r = reaction_has_wait(req->txn, &message, &emoji, type, req->who.user_id, &there);
	if (!r)
		r = reach_channel(req, others ? need : need | PERM_ADD_REACTIONS, &reach);
	if (!r && reach_timed_out(req, &reach))
		r = ERR_MISSING_PERMISSIONS;
	if (r || there)
		return r;
	if (!others && message.reactions.count >= LIMIT_REACTIONS)
		return ERR_MAX_REACTIONS;

	reaction_add(req->txn, &message, &emoji, type, req->who.user_id);
	struct reaction_event event = event_of(&reach, &message, &emoji, type, req->who.user_id);
	struct member member;
	struct user user;
	event.message_author_id = message.author_id;
	event.has.message_author_id = true;
	event.has.burst_colors = event.burst;
	if (reach.realm->guild) {
		member = member_view(reach.member->row, &user);
		event.member = &member;
		event.has.member = true;
	}
	txn_event(req->txn, EVENT_MESSAGE_REACTION_ADD, aud_channel(reach.channel), &event);
	return 0;
}

/* Takes away what @user_id has; of any type when @typed is not set, an ordinary one first. What is
 * not there is taken away already: success, and no event (discord-api-docs#2896). */
static int take_away(struct req *req, uint64_t user_id, bool typed, enum reaction_type type)
{
	uint64_t need = user_id == req->who.user_id ? 0 : PERM_MANAGE_MESSAGES;
	struct partial_emoji emoji;
	struct message message;
	struct reach reach;
	bool there;

	int r = read_emoji(req, &emoji);
	if (!r)
		r = find_wait(req, need, true, &reach, &message);
	if (r)
		return r;
	const struct reaction *reaction = reaction_find(&message, &emoji);
	if (!reaction)
		return 0;
	emoji = *reaction->emoji;
	r = reaction_has_wait(req->txn, &message, &emoji, type, user_id, &there);
	if (!r && !there && !typed) {
		type = REACTION_BURST;
		r = reaction_has_wait(req->txn, &message, &emoji, type, user_id, &there);
	}
	if (!r)
		r = reach_channel(req, need, &reach);
	if (r || !there)
		return r;
	reaction_remove(req->txn, &message, &emoji, type, user_id);
	struct reaction_event event = event_of(&reach, &message, &emoji, type, user_id);
	txn_event(req->txn, EVENT_MESSAGE_REACTION_REMOVE, aud_channel(reach.channel), &event);
	return 0;
}

static int read_type(struct req *req, enum reaction_type *ret)
{
	struct str text = req->path.reaction_type;

	if (!str_eq(text, S("0")) && !str_eq(text, S("1")))
		return req_form_error(req, "reaction_type", "BASE_TYPE_CHOICES",
				      "Value must be one of (0, 1).");
	*ret = text.ptr[0] == '1' ? REACTION_BURST : REACTION_NORMAL;
	return 0;
}

int api_delete_my_message_reaction(struct req *req)
{
	return take_away(req, req->who.user_id, false, REACTION_NORMAL);
}

int api_delete_user_message_reaction(struct req *req)
{
	return take_away(req, req->path.user_id, false, REACTION_NORMAL);
}

int api_delete_my_message_reaction_by_type(struct req *req)
{
	enum reaction_type type = REACTION_NORMAL;

	int r = read_type(req, &type);
	return r ? r : take_away(req, req->who.user_id, true, type);
}

int api_delete_user_message_reaction_by_type(struct req *req)
{
	enum reaction_type type = REACTION_NORMAL;

	int r = read_type(req, &type);
	return r ? r : take_away(req, req->path.user_id, true, type);
}

int api_delete_all_message_reactions(struct req *req)
{
	struct store_row *rows;
	struct message message;
	struct reach reach;
	uint32_t count;

	int r = find_wait(req, PERM_MANAGE_MESSAGES, true, &reach, &message);
	if (!r)
		r = reaction_rows_wait(req->txn, &message, NULL, &rows, &count);
	if (!r)
		r = reach_channel(req, PERM_MANAGE_MESSAGES, &reach);
	if (r)
		return r;
	reaction_clear(req->txn, &message, NULL, rows, count);
	struct reaction_remove_all event = { .channel_id = message.channel_id,
					     .message_id = message.id,
					     .guild_id = reach.realm->guild ? reach.realm->guild->id
									    : 0 };
	event.has.guild_id = event.guild_id != 0;
	txn_event(req->txn, EVENT_MESSAGE_REACTION_REMOVE_ALL, aud_channel(reach.channel), &event);
	return 0;
}

int api_delete_all_message_reactions_by_emoji(struct req *req)
{
	struct partial_emoji emoji;
	struct store_row *rows;
	struct message message;
	struct reach reach;
	uint32_t count;

	int r = read_emoji(req, &emoji);
	if (!r)
		r = find_wait(req, PERM_MANAGE_MESSAGES, true, &reach, &message);
	if (r)
		return r;
	const struct reaction *reaction = reaction_find(&message, &emoji);
	if (!reaction)
		return ERR_UNKNOWN_EMOJI;
	emoji = *reaction->emoji;
	r = reaction_rows_wait(req->txn, &message, &emoji, &rows, &count);
	if (!r)
		r = reach_channel(req, PERM_MANAGE_MESSAGES, &reach);
	if (r)
		return r;
	reaction_clear(req->txn, &message, &emoji, rows, count);
	struct reaction_remove_emoji event = { .channel_id = message.channel_id,
					       .message_id = message.id,
					       .guild_id = reach.realm->guild
						       ? reach.realm->guild->id
						       : 0,
					       .emoji = &emoji };
	event.has.guild_id = event.guild_id != 0;
	txn_event(req->txn, EVENT_MESSAGE_REACTION_REMOVE_EMOJI, aud_channel(reach.channel),
		  &event);
	return 0;
}

int api_list_message_reactions_by_emoji(struct req *req, const struct reactions_query *query,
					struct user_list *out)
{
	struct partial_emoji emoji;
	struct message message;
	struct reach reach;
	uint64_t *ids;
	uint32_t count;

	int r = read_emoji(req, &emoji);
	if (!r)
		r = find_wait(req, PERM_READ_MESSAGE_HISTORY, false, &reach, &message);
	if (!r)
		r = reaction_users_wait(req->txn, message.channel_id, message.id, &emoji,
					query->type ? REACTION_BURST : REACTION_NORMAL,
					query->after, (uint32_t)query->limit, &ids, &count);
	if (r)
		return r;
	return people_wait(req, ids, count, out);
}
