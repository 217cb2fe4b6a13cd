/* Who is in a thread: join, leave, add, remove, look. */
#include "api/reach.h"
#include "message/message.h"
#include "model/limits.h"
#include "realm/channel.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/member_table.h"
#include "realm/thread_event.h"

static int reach_thread(struct req *req, struct reach *ret)
{
	int r = reach_channel(req, 0, ret);

	if (r)
		return r;
	return ret->channel->thread ? 0 : ERR_CANNOT_EXECUTE_ON_CHANNEL_TYPE;
}

static int reach_open_thread(struct req *req, struct reach *ret)
{
	int r = reach_thread(req, ret);

	return r ? r : reach_open(ret);
}

static int come_in(struct req *req, struct live_channel *channel, struct live_member *member)
{
	if (thread_seat(channel, member->row->user_id))
		return 0;
	return thread_join(req->txn, channel, member) ? 0 : ERR_MAX_THREAD_MEMBERS;
}

int api_join_thread(struct req *req)
{
	struct reach reach;

	int r = reach_open_thread(req, &reach);
	return r ? r : come_in(req, reach.channel, reach.member);
}

int api_leave_thread(struct req *req)
{
	struct reach reach;

	int r = reach_open_thread(req, &reach);
	if (!r)
		thread_leave(req->txn, reach.channel, req->who.user_id);
	return r;
}

/* May the caller add others? */
static int reach_to_add(struct req *req, struct reach *reach, struct live_member **ret_member)
{
	int r = reach_open_thread(req, reach);

	if (r)
		return r;
	const struct thread_metadata *metadata = reach->channel->row->thread_metadata;
	bool closed = metadata->locked ||
		(thread_is_private(reach->channel) && !metadata->invitable);
	r = reach_need(reach, closed ? PERM_MANAGE_THREADS : PERM_SEND_MESSAGES);
	if (r)
		return r;
	*ret_member = realm_member(reach->realm, req->path.user_id);
	if (!*ret_member)
		return ERR_UNKNOWN_USER;
	/* Only those who see the channel. */
	return perms_channel(reach->realm, *ret_member, reach->channel->thread->parent, 0) &
			PERM_VIEW_CHANNEL
		? 0
		: ERR_MISSING_ACCESS;
}

int api_add_thread_member(struct req *req)
{
	struct live_member *member;
	struct reach reach;

	int r = txn_outbox_wait(req->txn);
	if (!r)
		r = reach_to_add(req, &reach, &member);
	if (r || thread_seat(reach.channel, req->path.user_id))
		return r;
	r = come_in(req, reach.channel, member);
	if (!r && member != reach.member)
		thread_notice(req->txn, reach.channel, MESSAGE_RECIPIENT_ADD, reach.member, S(""),
			      req->path.user_id);
	return r;
}

int api_delete_thread_member(struct req *req)
{
	struct reach reach;

	int r = txn_outbox_wait(req->txn);
	if (!r)
		r = reach_open_thread(req, &reach);
	if (r)
		return r;
	bool self = req->path.user_id == req->who.user_id,
	     host = thread_is_private(reach.channel) &&
		reach.channel->row->owner_id == req->who.user_id;
	if (!self && !host)
		r = reach_need(&reach, PERM_MANAGE_THREADS);
	if (r)
		return r;
	if (!thread_leave(req->txn, reach.channel, req->path.user_id))
		return ERR_UNKNOWN_USER;
	if (!self)
		thread_notice(req->txn, reach.channel, MESSAGE_RECIPIENT_REMOVE, reach.member,
			      S(""), req->path.user_id);
	return 0;
}

/* -- look -- */

static struct thread_member show(struct req *req, const struct reach *reach,
				 const struct thread_seat *seat, bool with_member)
{
	struct thread_member view = thread_member_view(reach->channel, seat);
	struct live_member *member = with_member ? member_find(reach->realm, seat->user_id) : NULL;

	if (!member)
		return view;
	view.member = arena_new(req->arena, struct member);
	*view.member = member_view(member_read(reach->realm, member, req->arena),
				   arena_new(req->arena, struct user));
	view.has.member = true;
	return view;
}

int api_get_thread_member(struct req *req, const struct thread_member_query *query,
			  struct thread_member *out)
{
	struct reach reach;

	int r = reach_thread(req, &reach);
	if (r)
		return r;
	const struct thread_seat *seat = thread_seat(reach.channel, req->path.user_id);
	if (!seat)
		return ERR_UNKNOWN_USER;
	*out = show(req, &reach, seat, query->with_member);
	return 0;
}

int api_list_thread_members(struct req *req, const struct thread_members_query *query,
			    struct thread_member_list *out)
{
	struct reach reach;

	int r = reach_thread(req, &reach);
	if (r)
		return r;
	/* Only with members it comes in pages. */
	const struct live_thread *thread = reach.channel->thread;
	uint32_t limit = query->with_member ? (uint32_t)query->limit : LIMIT_THREAD_MEMBERS;
	uint64_t after = query->with_member && query->has.after ? query->after : 0;
	out->items = arena_array(req->arena, struct thread_member, thread->seats_count + 1);
	for (uint32_t i = 0; i < thread->seats_count && out->count < limit; i++)
		if (thread->seats[i].user_id > after)
			out->items[out->count++] = show(req, &reach, &thread->seats[i],
							query->with_member);
	return 0;
}
