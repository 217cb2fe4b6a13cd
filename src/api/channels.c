/* Channels: read, make, delete. Edits: channel_edit.c. */
#include <errno.h>

#include "api/channel_body.h"
#include "cell/ids.h"
#include "codec/dup.h"
#include "model/limits.h"
#include "realm/channel.h"
#include "realm/channel_audit.h"
#include "realm/channel_remove.h"
#include "realm/directory.h"
#include "realm/dm.h"
#include "realm/make.h"
#include "realm/member.h"
#include "realm/overwrite.h"
#include "realm/thread_event.h"

/* -- read -- */

/* A DM says who else is in it. */
static void add_recipients(struct req *req, const struct realm *realm, struct channel *view)
{
	const struct live_member *member;
	uint32_t at = 0;

	view->recipients.items = arena_array(req->arena, struct user, realm->members.count + 1);
	view->recipients.count = 0;
	while ((member = member_next(realm, &at)))
		if (member->row->user_id != req->who.user_id)
			view->recipients.items[view->recipients.count++] = member_user(member->row);
	view->has.recipients = true;
}

int api_get_channel(struct req *req, struct channel *out)
{
	struct reach reach;

	int r = reach_channel(req, 0, &reach);
	if (r)
		return r;
	*out = channel_view(reach.realm, reach.channel);
	if (reach.channel->thread) {
		*out = thread_view(reach.realm, reach.channel);
		thread_view_own(req->arena, reach.channel, req->who.user_id, out);
	}
	if (!realm_is_guild(reach.realm))
		add_recipients(req, reach.realm, out);
	return 0;
}

int api_list_guild_channels(struct req *req, const struct channels_query *query,
			    struct channel_list *out)
{
	struct reach reach;
	uint32_t count;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	struct live_channel **channels = realm_channels_sorted(reach.realm, req->arena, &count);
	out->items = arena_array(req->arena, struct channel, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (channel_is_thread(channels[i]->row) ||
		    !perms_sees(reach.realm, reach.member, channels[i]))
			continue;
		struct channel *item = &out->items[out->count++];
		*item = channel_view(reach.realm, channels[i]);
		if (query->permissions) {
			item->permissions = perms_channel(reach.realm, reach.member, channels[i],
							  req_now_us(req));
			item->has.permissions = true;
		}
	}
	return 0;
}

/* -- make -- */

static int check_room(const struct realm *realm, int64_t type)
{
	uint32_t channels = 0, categories = 0;

	for (uint32_t i = 0; i < realm->slots_count; i++) {
		if (!realm->slots[i] || channel_is_thread(realm->slots[i]->row))
			continue;
		channels++;
		categories += realm->slots[i]->row->type == CHANNEL_TYPE_CATEGORY;
	}
	if (channels >= LIMIT_CHANNELS ||
	    (type == CHANNEL_TYPE_CATEGORY && categories >= LIMIT_CATEGORIES))
		return ERR_MAX_CHANNELS;
	return 0;
}

/* The row to be, if it may be. */
static int draft(struct req *req, const struct channel_edit *in, uint64_t id, struct reach *reach,
		 struct channel *row)
{
	int r = reach_guild(req, PERM_MANAGE_CHANNELS, reach);

	if (r)
		return r;
	if (!in->name.ptr)
		return req_form_error(req, "name", "BASE_TYPE_REQUIRED", "This field is required");
	r = check_room(reach->realm, in->type);
	if (r)
		return r;
	*row = channel_blank(id, in->type, in->name, 0, 0);
	r = channel_body_apply(req, reach, in, row);
	if (r)
		return r;
	const struct live_channel *parent = row->parent_id
		? realm_channel(reach->realm, row->parent_id)
		: NULL;
	if (parent && !in->permission_overwrites.items)
		row->permission_overwrites = parent->row->permission_overwrites;
	if (!in->has.position || in->null.position)
		row->position = channel_next_position(reach->realm, row);
	return 0;
}

int api_create_guild_channel(struct req *req, const struct channel_edit *in, struct channel *out)
{
	uint64_t id = id_next(req->core, 0);
	struct txn *txn = req->txn;
	struct reach reach;
	struct channel row;

	int r = draft(req, in, id, &reach, &row);
	if (r)
		return r;
	struct store_batch *batch = store_batch_new(req->core, NULL);
	directory_put_channel(batch, id, CELL_GUILD, txn->cell->id);
	r = txn_before_wait(txn, batch);
	if (!r)
		r = draft(req, in, id, &reach, &row);
	if (r)
		return r;
	struct live_channel *channel = realm_put_channel(txn, &row);
	if (overwrites_personal(channel->row))
		class_rekey(txn, id);
	else
		class_refresh(txn, id);
	channel_event(txn, EVENT_CHANNEL_CREATE, channel);
	struct audit audit = audit_channel(txn, req->who.user_id, AUDIT_CHANNEL_CREATE, NULL,
					   channel->row, req_reason(req));
	audit_put(&audit);
	*out = channel_view(reach.realm, channel);
	return 0;
}

/* -- delete -- */

static bool needed(const struct guild *guild, uint64_t channel_id)
{
	if (channel_id != guild->rules_channel_id && channel_id != guild->public_updates_channel_id)
		return false;
	for (uint32_t i = 0; i < guild->features.count; i++)
		if (str_eq(guild->features.items[i], S("COMMUNITY")))
			return true;
	return false;
}

static int reach_to_delete(struct req *req, struct reach *reach)
{
	int r = reach_channel(req, 0, reach);

	if (r)
		return r;
	if (!realm_is_guild(reach->realm))
		return ERR_CANNOT_EXECUTE_ON_DM;
	r = reach_need(reach,
		       channel_is_thread(reach->channel->row) ? PERM_MANAGE_THREADS
							      : PERM_MANAGE_CHANNELS);
	if (r)
		return r;
	return needed(reach->realm->guild, req->path.channel_id)
		? ERR_CANNOT_DELETE_COMMUNITY_CHANNEL
		: 0;
}

/* A DM is only taken from one's own list. */
static int close_dm(struct req *req, struct channel *out)
{
	struct reach reach;

	int r = reach_channel(req, 0, &reach);
	if (r)
		return r;
	if (reach.channel->row->type != CHANNEL_TYPE_DM)
		return ERR_CANNOT_EXECUTE_ON_DM;
	struct channel view = channel_view(reach.realm, reach.channel);
	add_recipients(req, reach.realm, &view);
	*out = *(struct channel *)obj_dup_arena(req->arena, &desc_channel, &view);
	return dm_close_wait(req->txn, req->who.user_id, out);
}

int api_delete_channel(struct req *req, const struct channel_delete_query *query,
		       struct channel *out)
{
	struct txn *txn = req->txn;
	struct reach reach;

	(void)query; /* silent: of group DMs */
	if (req->cell->kind == CELL_DM)
		return close_dm(req, out);
	int r = reach_to_delete(req, &reach);
	if (!r)
		r = txn_outbox_wait(txn);
	if (!r)
		r = reach_to_delete(req, &reach);
	if (r)
		return r;
	struct channel view = channel_view(reach.realm, reach.channel);
	*out = *(struct channel *)obj_dup_arena(req->arena, &desc_channel, &view);
	channel_remove(txn, reach.channel);
	struct audit audit = audit_channel(txn, req->who.user_id,
					   channel_is_thread(out) ? AUDIT_THREAD_DELETE
								  : AUDIT_CHANNEL_DELETE,
					   out, NULL, req_reason(req));
	audit_put(&audit);
	return 0;
}
