/* Permission overwrites of a channel. */
#include <errno.h>

#include "api/reach.h"
#include "model/limits.h"
#include "realm/audit.h"
#include "realm/overwrite.h"

/* The channel, one that has overwrites of its own, and MANAGE_ROLES there. */
static int reach_overwrites(struct req *req, struct reach *ret)
{
	int r = reach_channel(req, 0, ret);

	if (r)
		return r;
	if (!realm_is_guild(ret->realm))
		return ERR_CANNOT_EXECUTE_ON_DM;
	if (!ret->channel->row->has.permission_overwrites)
		return ERR_CANNOT_EXECUTE_ON_CHANNEL_TYPE;
	return reach_need(ret, PERM_MANAGE_ROLES);
}

static struct audit audit_overwrite(struct req *req, enum audit_action action,
				    const struct realm *realm, const struct overwrite *before,
				    const struct overwrite *after)
{
	static const struct overwrite none;
	const struct overwrite *any = after ? after : before;
	struct audit audit = audit_begin(req->txn, req->who.user_id, action, req->path.channel_id,
					 req_reason(req));

	audit.options.id = any->id;
	audit.options.type = any->type == OVERWRITE_ROLE ? S("0") : S("1");
	audit.options.has.id = audit.options.has.type = true;
	const struct live_role *role = any->type == OVERWRITE_ROLE ? map_get(&realm->roles, any->id)
								   : NULL;
	if (role) {
		audit.options.role_name = role->row->name;
		audit.options.has.role_name = true;
	}
	if (!before)
		before = &none;
	if (!after)
		after = &none;
	audit_id(&audit, "id", before->id, after->id);
	if (!before->id || !after->id)
		audit_int(&audit, "type", before->type, after->type);
	audit_bits(&audit, "allow", before->allow, after->allow);
	audit_bits(&audit, "deny", before->deny, after->deny);
	return audit;
}

int api_set_channel_permission_overwrite(struct req *req, const struct overwrite_edit *in)
{
	struct overwrite after = { .id = req->path.overwrite_id,
				   .type = in->type,
				   .allow = in->allow & PERM_SET_ALL,
				   .deny = in->deny & PERM_SET_ALL };
	struct reach reach;

	int r = reach_overwrites(req, &reach);
	if (r)
		return r;
	if (!in->has.type || in->null.type)
		return req_form_error(req, "type", "BASE_TYPE_REQUIRED", "This field is required");
	const struct channel *row = reach.channel->row;
	const struct overwrite *before = overwrite_find(row, after.id);
	if (!before && after.type == OVERWRITE_ROLE && !realm_role(reach.realm, after.id))
		return ERR_UNKNOWN_ROLE;
	if (!before && after.type == OVERWRITE_MEMBER && !realm_member(reach.realm, after.id))
		return ERR_UNKNOWN_MEMBER;
	if (before)
		after.type = before->type; /* an id is one thing */
	if (!before && row->permission_overwrites.count >= LIMIT_OVERWRITES)
		return ERR_MAX_OVERWRITES;
	if (!overwrite_allowed(reach.realm, reach.member, reach.channel, before, &after))
		return ERR_MISSING_PERMISSIONS;
	struct audit audit = audit_overwrite(
		req, before ? AUDIT_OVERWRITE_UPDATE : AUDIT_OVERWRITE_CREATE, reach.realm, before,
		&after);
	if (!audit.entry.changes.count)
		return 0;
	struct overwrite_list list = overwrites_with(req->arena, row, &after);
	overwrites_put(req->txn, reach.channel, &list);
	audit_put(&audit);
	return 0;
}

int api_delete_channel_permission_overwrite(struct req *req)
{
	struct reach reach;

	int r = reach_overwrites(req, &reach);
	if (r)
		return r;
	const struct channel *row = reach.channel->row;
	const struct overwrite *before = overwrite_find(row, req->path.overwrite_id);
	if (!before)
		return ERR_UNKNOWN_PERMISSION_OVERWRITE;
	if (!overwrite_allowed(reach.realm, reach.member, reach.channel, before, NULL))
		return ERR_MISSING_PERMISSIONS;
	struct audit audit = audit_overwrite(req, AUDIT_OVERWRITE_DELETE, reach.realm, before,
					     NULL);
	struct overwrite_list list = overwrites_without(req->arena, row, before->id);
	overwrites_put(req->txn, reach.channel, &list);
	audit_put(&audit);
	return 0;
}
