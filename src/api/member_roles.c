/* Giving and taking roles, one at a time. A whole set at once: member_edit.c. */
#include <errno.h>

#include "api/reach.h"
#include "realm/member.h"
#include "realm/member_change.h"

/* The member and a role that the caller may hand out. */
static int reach_both(struct req *req, struct reach *reach, struct live_member **ret_member)
{
	int r = reach_guild(req, 0, reach);

	if (r)
		return r;
	const struct live_role *role = realm_role(reach->realm, req->path.role_id);
	*ret_member = realm_member(reach->realm, req->path.user_id);
	if (!role || role->row->id == reach->realm->guild->id)
		return ERR_UNKNOWN_ROLE;
	if (!*ret_member)
		return ERR_UNKNOWN_MEMBER;
	r = reach_need(reach, PERM_MANAGE_ROLES);
	if (r)
		return r;
	if (!perms_above_role(reach->realm, reach->member, role->row))
		return ERR_MISSING_PERMISSIONS;
	return role->row->managed ? ERR_INVALID_ROLE : 0;
}

static int change(struct req *req, bool give)
{
	struct live_member *member;
	struct reach reach;

	int r = reach_both(req, &reach, &member);
	if (r)
		return r;
	if (member_has_role(member->row, req->path.role_id) == give)
		return 0;
	struct member_row row = *member->row;
	row.roles.items = arena_array(req->arena, uint64_t, member->row->roles.count + 1);
	row.roles.count = 0;
	for (uint32_t i = 0; i < member->row->roles.count; i++)
		if (give || member->row->roles.items[i] != req->path.role_id)
			row.roles.items[row.roles.count++] = member->row->roles.items[i];
	if (give)
		row.roles.items[row.roles.count++] = req->path.role_id;
	member_change(req->txn, req->who.user_id, member, &row, req_reason(req));
	return 0;
}

int api_add_guild_member_role(struct req *req)
{
	return change(req, true);
}

int api_delete_guild_member_role(struct req *req)
{
	return change(req, false);
}
