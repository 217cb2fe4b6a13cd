/* Polls: votes, who voted, their end. They are made with a message (messages_send.c). */
#include <errno.h>

#include "api/message_body.h"
#include "api/people.h"
#include "message/poll.h"
#include "realm/channel.h"

/* The poll of the path, its message locked when @lock. */
static int find_wait(struct req *req, bool lock, struct reach *ret_reach, struct message *ret)
{
	int r = reach_channel(req, PERM_READ_MESSAGE_HISTORY, ret_reach);

	if (!r)
		r = message_get_wait(req->txn, req->path.channel_id, req->path.message_id, lock,
				     ret);
	if (r)
		return r == ENOENT ? ERR_UNKNOWN_MESSAGE : r;
	r = reach_channel(req, PERM_READ_MESSAGE_HISTORY, ret_reach);
	return r ? r : ret->has.poll ? 0 : ERR_NOT_A_POLL;
}

static int read_answers(struct req *req, const struct poll_vote_put *in, const struct poll *poll,
			int64_t *ret)
{
	if (in->answer_ids.count > 1 && !poll->allow_multiselect)
		return req_form_error(req, "answer_ids", "BASE_TYPE_MAX_LENGTH",
				      "Must be 1 or fewer in length.");
	for (uint32_t i = 0; i < in->answer_ids.count; i++)
		if (!str_i64(in->answer_ids.items[i], &ret[i]) || !poll_has_answer(poll, ret[i]))
			return req_form_error(req, "answer_ids", "POLL_UNKNOWN_ANSWER",
					      "The poll has no such answer.");
	return 0;
}

static bool listed(const int64_t *list, uint32_t count, int64_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i] == id)
			return true;
	return false;
}

static void tell(struct req *req, const struct reach *reach, const struct message *message,
		 int64_t answer_id, bool on)
{
	struct poll_vote_event event = { .user_id = req->who.user_id,
					 .channel_id = message->channel_id,
					 .message_id = message->id,
					 .guild_id = reach->realm->guild ? reach->realm->guild->id
									 : 0,
					 .answer_id = answer_id };

	event.has.guild_id = event.guild_id != 0;
	txn_event(req->txn, on ? EVENT_MESSAGE_POLL_VOTE_ADD : EVENT_MESSAGE_POLL_VOTE_REMOVE,
		  aud_channel(reach->channel), &event);
}

int api_vote_poll(struct req *req, const struct poll_vote_put *in)
{
	int64_t *wanted = arena_array(req->arena, int64_t, in->answer_ids.count + 1);
	struct message message;
	struct reach reach;
	bool changed = false;

	int r = find_wait(req, true, &reach, &message);
	if (!r && poll_is_over(message.poll, req_now_us(req)))
		r = ERR_POLL_EXPIRED;
	if (!r)
		r = read_answers(req, in, message.poll, wanted);
	if (r)
		return r;
	const struct poll_answer_list *answers = &message.poll->answers;
	bool *had = arena_array(req->arena, bool, answers->count);
	for (uint32_t i = 0; i < answers->count; i++) {
		r = poll_voted_wait(req->txn, &message, answers->items[i].answer_id,
				    req->who.user_id, &had[i]);
		if (r)
			return r;
	}
	r = reach_channel(req, PERM_READ_MESSAGE_HISTORY, &reach);
	if (!r && reach_timed_out(req, &reach))
		r = ERR_MISSING_PERMISSIONS;
	if (r)
		return r;
	for (uint32_t i = 0; i < answers->count; i++) {
		int64_t id = answers->items[i].answer_id;
		bool on = listed(wanted, in->answer_ids.count, id);

		if (on == had[i])
			continue;
		poll_vote(req->txn, &message, id, req->who.user_id, on);
		tell(req, &reach, &message, id, on);
		changed = true;
	}
	if (changed)
		message_put(req->txn, &message);
	return 0;
}

int api_get_answer_voters(struct req *req, const struct poll_voters_query *query,
			  struct poll_voters *out)
{
	int64_t answer_id = (int64_t)req->path.answer_id;
	struct message message;
	struct reach reach;
	uint64_t *ids;
	uint32_t count;

	int r = find_wait(req, false, &reach, &message);
	if (!r && !poll_has_answer(message.poll, answer_id))
		r = req_form_error(req, "answer_id", "POLL_UNKNOWN_ANSWER",
				   "The poll has no such answer.");
	if (!r)
		r = poll_voters_wait(req->txn, &message, answer_id, query->after,
				     (uint32_t)query->limit, &ids, &count);
	return r ? r : people_wait(req, ids, count, &out->users);
}

int api_poll_expire(struct req *req, struct message *out)
{
	struct reader whole = { req->who.user_id, false };
	struct reach reach;

	int r = find_wait(req, true, &reach, out);
	if (r)
		return r;
	if (out->author_id != req->who.user_id)
		return ERR_CANNOT_EDIT_OTHERS_MESSAGE;
	if (poll_is_over(out->poll, req_now_us(req)))
		return ERR_POLL_EXPIRED;
	poll_finish(out, req_now_us(req));
	struct message row = *out;
	r = message_hydrate_wait(req->txn, row.channel_id, &whole, out, 1);
	if (!r)
		r = txn_outbox_wait(req->txn);
	if (!r)
		r = reach_channel(req, PERM_READ_MESSAGE_HISTORY, &reach);
	if (r)
		return r;
	poll_end_put(req->txn, reach.channel, &row, out);
	return 0;
}
