/* Lists of threads: those that are open, and the archives of a channel. */
#include <errno.h>

#include "api/reach.h"
#include "codec/row.h"
#include "realm/channel.h"
#include "realm/thread_event.h"

enum { PAGE = 50 };

int api_get_active_guild_threads(struct req *req, struct thread_list *out)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	out->threads.items = arena_array(req->arena, struct channel,
					 reach.realm->threads_active + 1);
	out->members.items = arena_array(req->arena, struct thread_member,
					 reach.realm->threads_active + 1);
	list_for_each (node, &reach.realm->threads) {
		const struct live_channel *channel =
			list_entry(node, struct live_thread, node)->channel;
		const struct thread_seat *seat = thread_seat(channel, req->who.user_id);

		if (thread_is_archived(channel) ||
		    !(perms_channel(reach.realm, reach.member, channel, 0) & PERM_VIEW_CHANNEL))
			continue;
		struct channel *item = &out->threads.items[out->threads.count++];
		*item = thread_view(reach.realm, channel);
		if (seat)
			out->members.items[out->members.count++] = thread_member_view(channel,
										      seat);
	}
	return 0;
}

/* -- archives -- */

static int reach_archive(struct req *req, uint64_t need, struct reach *ret)
{
	int r = reach_channel(req, need | PERM_READ_MESSAGE_HISTORY, ret);

	if (r)
		return r;
	if (!realm_is_guild(ret->realm))
		return ERR_CANNOT_EXECUTE_ON_DM;
	return ret->channel->thread ? ERR_CANNOT_EXECUTE_ON_CHANNEL_TYPE : 0;
}

/* Adds the thread if it is archived (and not, say, opened meanwhile). Waits. */
static int add_wait(struct req *req, uint64_t id, bool private, struct thread_list *out)
{
	struct thread_member member = {};
	struct channel row = {};
	struct key key;

	int r = txn_get_obj_wait(req->txn, key_archived_thread(&key, req->cell->id, id),
				 &desc_channel, &row);
	if (r)
		return r == ENOENT ? 0 : r;
	r = txn_get_obj_wait(req->txn, key_thread_member(&key, req->cell->id, id, req->who.user_id),
			     &desc_thread_member, &member);
	if (r && r != ENOENT)
		return r;
	/* One who left the guild and came back is in none. */
	const struct live_member *self = realm_member(realm_of(req->txn), req->who.user_id);
	if (!r && (!self || self->row->joined_at > member.join_timestamp))
		r = ENOENT;
	if (r && private)
		return 0;
	struct channel *item = &out->threads.items[out->threads.count++];
	*item = row;
	item->guild_id = req->cell->id;
	item->has.guild_id = true;
	item->member_count = MIN(row.member_count, (int64_t)50);
	if (r)
		return 0;
	member.id = id;
	member.user_id = req->who.user_id;
	member.has.id = member.has.user_id = true;
	out->members.items[out->members.count++] = member;
	return 0;
}

static void make_room(struct req *req, uint32_t limit, struct thread_list *out)
{
	out->threads.items = arena_array(req->arena, struct channel, limit);
	out->members.items = arena_array(req->arena, struct thread_member, limit);
	out->has.has_more = true;
}

/* By when they were archived, the newest first. */
static int list_wait(struct req *req, bool private, const struct archived_threads_query *query,
		     struct thread_list *out)
{
	uint32_t limit = query->has.limit ? (uint32_t)query->limit : PAGE, count;
	struct key prefix_key, from_key;
	struct str from = {};
	struct store_row *rows;

	if (query->has.before && query->before > 0)
		from = key_archive_order(&from_key, req->cell->id, req->path.channel_id, private,
					 (uint64_t)query->before - 1, 0);
	int r = txn_scan_wait(req->txn,
			      prefix_archive_order_private(&prefix_key, req->cell->id,
							   req->path.channel_id, private),
			      from, (struct str){}, false, limit + 1, &rows, &count);
	make_room(req, limit, out);
	for (uint32_t i = 0; i < MIN(count, limit) && !r; i++) {
		uint64_t id;

		if (parse_archive_order(rows[i].key, NULL, NULL, NULL, NULL, &id))
			r = add_wait(req, id, false, out);
	}
	out->has_more = count > limit;
	return r;
}

int api_list_public_archived_threads(struct req *req, const struct archived_threads_query *query,
				     struct thread_list *out)
{
	struct reach reach;

	int r = reach_archive(req, 0, &reach);
	return r ? r : list_wait(req, false, query, out);
}

int api_list_private_archived_threads(struct req *req, const struct archived_threads_query *query,
				      struct thread_list *out)
{
	struct reach reach;

	int r = reach_archive(req, PERM_MANAGE_THREADS, &reach);
	return r ? r : list_wait(req, true, query, out);
}

/* Those one is in, by id. Open ones are among the rows and passed over, so it may take more than a page of these. */
int api_list_my_private_archived_threads(struct req *req,
					 const struct my_archived_threads_query *query,
					 struct thread_list *out)
{
	uint32_t limit = query->has.limit ? (uint32_t)query->limit : PAGE, count = PAGE;
	uint64_t before = query->has.before ? query->before : UINT64_MAX;
	struct key prefix_key, from_key;
	struct store_row *rows;
	struct reach reach;

	int r = reach_archive(req, 0, &reach);
	make_room(req, limit, out);
	while (!r && count == PAGE && before && out->threads.count < limit) {
		r = txn_scan_wait(req->txn,
				  prefix_private_thread_parent(&prefix_key, req->cell->id,
							       req->who.user_id,
							       req->path.channel_id),
				  key_private_thread(&from_key, req->cell->id, req->who.user_id,
						     req->path.channel_id, before - 1),
				  (struct str){}, false, PAGE, &rows, &count);
		for (uint32_t i = 0; !r && i < count; i++) {
			if (out->threads.count == limit) {
				out->has_more = true;
				break;
			}
			if (parse_private_thread(rows[i].key, NULL, NULL, NULL, &before))
				r = add_wait(req, before, true, out);
		}
	}
	return r;
}
