/* Channels: edit one, move many. */
#include <errno.h>

#include "api/channel_body.h"
#include "api/thread_edit.h"
#include "codec/dup.h"
#include "model/limits.h"
#include "realm/channel.h"
#include "realm/channel_audit.h"
#include "realm/overwrite.h"

static int reach_to_edit(struct req *req, struct reach *reach)
{
	int r = reach_channel(req, 0, reach);

	if (r)
		return r;
	if (!realm_is_guild(reach->realm))
		return ERR_CANNOT_EXECUTE_ON_DM;
	if (channel_is_thread(reach->channel->row))
		return ERR_CANNOT_EXECUTE_ON_CHANNEL_TYPE;
	return reach_need(reach, PERM_MANAGE_CHANNELS);
}

static bool text_like(int64_t type)
{
	return type == CHANNEL_TYPE_TEXT || type == CHANNEL_TYPE_ANNOUNCEMENT;
}

/* Only text and announcement channels turn into each other. */
static int apply_type(struct req *req, const struct channel_edit *in, struct channel *row)
{
	if (!in->has.type || in->null.type || in->type == row->type)
		return 0;
	if (!text_like(row->type) || !text_like(in->type))
		return req_form_error(req, "type", "CHANNEL_TYPE_INVALID",
				      "Channel cannot be converted to this type.");
	row->type = in->type;
	return 0;
}

/* Puts the new row and tells it, with all that follows from it. */
static void change(struct txn *txn, struct live_channel *channel, struct channel *row)
{
	struct overwrite_list list = row->permission_overwrites;
	bool moved = row->parent_id != channel->row->parent_id;

	if (!overwrites_equal(channel->row, row)) {
		row->permission_overwrites = channel->row->permission_overwrites;
		realm_put_channel(txn, row);
		overwrites_put(txn, channel, &list);
		return;
	}
	realm_put_channel(txn, row);
	if (moved)
		class_refresh(txn, channel->row->id); /* categories are seen for their children */
	channel_event(txn, EVENT_CHANNEL_UPDATE, channel);
}

int api_update_channel(struct req *req, const struct channel_edit *in, struct channel *out)
{
	struct reach reach;

	int r = reach_channel(req, 0, &reach);
	if (!r && reach.channel->thread)
		return thread_edit(req, in, out);
	if (!r)
		r = reach_to_edit(req, &reach);
	if (r)
		return r;
	struct channel row = *reach.channel->row;
	r = apply_type(req, in, &row);
	if (!r)
		r = channel_body_apply(req, &reach, in, &row);
	if (r)
		return r;
	struct audit audit = audit_channel(req->txn, req->who.user_id, AUDIT_CHANNEL_UPDATE,
					   reach.channel->row, &row, req_reason(req));
	if (audit.entry.changes.count) {
		change(req->txn, reach.channel, &row);
		audit_put(&audit);
	}
	*out = channel_view(reach.realm, reach.channel);
	return 0;
}

/* -- many at once -- */

struct move {
	struct live_channel *channel;
	struct channel row;
	struct audit *audit;
};

static int read_move(struct req *req, const struct reach *reach, const struct channel_position *in,
		     uint32_t at, struct move *move)
{
	move->channel = realm_channel(reach->realm, in->id);
	if (!move->channel || channel_is_thread(move->channel->row))
		return ERR_UNKNOWN_CHANNEL;
	move->row = *(struct channel *)obj_dup_arena(req->arena, &desc_channel, move->channel->row);
	if (in->has.position && !in->null.position)
		move->row.position = in->position;
	/* Its place in the list is the guild's; where it belongs and who may what in it is its own. */
	bool own = in->has.parent_id || in->lock_permissions;
	struct reach here = *reach;
	int r = own ? reach_channel_id(req, in->id, PERM_MANAGE_CHANNELS, &here) : 0;
	if (r)
		return r;
	if (in->has.parent_id) {
		struct str path = arena_printf(req->arena, "%u.parent_id", at);

		r = channel_body_parent(req, &here, &move->row, in->parent_id, path.ptr);
		if (r)
			return r;
		move->row.parent_id = in->parent_id;
	}
	const struct live_channel *parent = move->row.parent_id
		? realm_channel(reach->realm, move->row.parent_id)
		: NULL;
	if (!in->lock_permissions || !parent || overwrites_equal(&move->row, parent->row))
		return 0;
	struct overwrite_list list = overwrites_without(req->arena, parent->row, 0);
	r = channel_body_may_overwrite(&here, &move->row, &list);
	if (!r)
		move->row.permission_overwrites = list;
	return r;
}

/* Those that change something, each channel once. */
static int read_moves(struct req *req, const struct reach *reach,
		      const struct channel_position_list *in, struct move *moves,
		      uint32_t *ret_count)
{
	uint32_t count = 0, parents = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		struct move *move = &moves[count];
		bool again = false;

		int r = read_move(req, reach, &in->items[i], i, move);
		if (r)
			return r;
		for (uint32_t k = 0; k < count; k++)
			again |= moves[k].channel == move->channel;
		if (again)
			return req_form_error(req, "", "BASE_TYPE_UNIQUE",
					      "A channel is named twice.");
		struct audit audit = audit_channel(req->txn, req->who.user_id, AUDIT_CHANNEL_UPDATE,
						   move->channel->row, &move->row, req_reason(req));
		if (!audit.entry.changes.count)
			continue;
		move->audit = arena_dup(req->arena, &audit, sizeof(audit));
		parents += move->row.parent_id != move->channel->row->parent_id;
		count++;
	}
	if (parents > 1)
		return ERR_ONLY_ONE_PARENT_CHANGE;
	*ret_count = count;
	return 0;
}

int api_bulk_update_guild_channels(struct req *req, const struct channel_position_list *in)
{
	struct reach reach;
	uint32_t count = 0;

	int r = reach_guild(req, PERM_MANAGE_CHANNELS, &reach);
	if (r)
		return r;
	if (in->count > LIMIT_CHANNELS)
		return req_form_error(req, "", "BASE_TYPE_MAX_LENGTH",
				      "Must be %d or fewer in length.", LIMIT_CHANNELS);
	struct move *moves = arena_array(req->arena, struct move, in->count + 1);
	r = read_moves(req, &reach, in, moves, &count);
	if (r)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		change(req->txn, moves[i].channel, &moves[i].row);
		audit_put(moves[i].audit);
	}
	return 0;
}
