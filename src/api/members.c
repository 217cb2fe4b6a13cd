/* Members: read, kick, leave. Edits: member_edit.c. */
#include <errno.h>

#include "api/reach.h"
#include "model/limits.h"
#include "realm/audit.h"
#include "realm/join.h"
#include "realm/member.h"
#include "realm/member_change.h"
#include "realm/member_heap.h"
#include "user/oauth.h"

enum {
	/* Flags of an application that may see members' lists. */
	GUILD_MEMBERS_FLAGS = 1 << 14 | 1 << 15,
};

static struct member view_of(struct req *req, const struct live_member *member)
{
	return member_view(member->row, arena_new(req->arena, struct user));
}

static void fill(struct req *req, struct live_member **members, uint32_t count,
		 struct member_list *out)
{
	out->items = arena_array(req->arena, struct member, count + 1);
	for (uint32_t i = 0; i < count; i++)
		out->items[out->count++] = view_of(req, members[i]);
}

int api_list_guild_members(struct req *req, const struct members_query *query,
			   struct member_list *out)
{
	struct reach reach;
	uint32_t count;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	if (req->who.bot && !(req->who.app_flags & GUILD_MEMBERS_FLAGS))
		return ERR_MISSING_ACCESS;
	struct live_member **page = members_page(reach.realm, req->arena, query->after,
						 (uint32_t)query->limit, &count);
	fill(req, page, count, out);
	return 0;
}

int api_search_guild_members(struct req *req, const struct members_search_query *query,
			     struct member_list *out)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	struct live_member **found = arena_array(req->arena, struct live_member *,
						 query->limit + 1);
	uint32_t count = member_table_search(reach.realm, query->query, found,
					     (uint32_t)query->limit);
	for (uint32_t i = 0; i < count; i++)
		member_open(reach.realm, found[i]);
	fill(req, found, count, out);
	return 0;
}

int api_get_guild_member(struct req *req, struct member *out)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	const struct live_member *member = realm_member(reach.realm, req->path.user_id);
	if (!member)
		return ERR_UNKNOWN_MEMBER;
	*out = view_of(req, member);
	return 0;
}

int api_get_my_guild_member(struct req *req, struct member *out)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	*out = view_of(req, reach.member);
	out->bio = reach.member->row->bio;
	out->pronouns = reach.member->row->pronouns;
	out->has.bio = out->has.pronouns = true;
	return 0;
}

/* -- going -- */

static int check_kick(struct req *req)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	const struct live_member *member = realm_member(reach.realm, req->path.user_id);
	r = reach_need(&reach, PERM_KICK_MEMBERS);
	if (r)
		return r;
	if (!member)
		return ERR_UNKNOWN_MEMBER;
	return perms_above(reach.realm, reach.member, member) ? 0 : ERR_MISSING_PERMISSIONS;
}

int api_delete_guild_member(struct req *req)
{
	int r = check_kick(req);

	if (!r)
		r = realm_leave_prepare_wait(req->txn);
	if (!r)
		r = check_kick(req);
	if (r)
		return r;
	struct audit audit = audit_begin(req->txn, req->who.user_id, AUDIT_MEMBER_KICK,
					 req->path.user_id, req_reason(req));
	realm_leave(req->txn, req->path.user_id, req->who.user_id);
	audit_put(&audit);
	return 0;
}

static int check_leave(struct req *req)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	return r ? r : perms_is_owner(reach.realm, reach.member) ? ERR_INVALID_GUILD : 0;
}

int api_leave_guild(struct req *req)
{
	int r = check_leave(req);

	if (!r)
		r = realm_leave_prepare_wait(req->txn);
	if (!r)
		r = check_leave(req);
	if (r)
		return r;
	realm_leave(req->txn, req->who.user_id, req->who.user_id);
	return 0;
}

/* What a newcomer is given at once: each needs the permission that giving it later would need. */
static int check_gifts(struct req *req, const struct member_add *in, const struct reach *reach)
{
	if ((in->nick.len && !(reach->perms & PERM_MANAGE_NICKNAMES)) ||
	    (in->roles.count && !(reach->perms & PERM_MANAGE_ROLES)) ||
	    (in->mute && !(reach->perms & PERM_MUTE_MEMBERS)) ||
	    (in->deaf && !(reach->perms & PERM_DEAFEN_MEMBERS)))
		return ERR_MISSING_PERMISSIONS;
	for (uint32_t i = 0; i < in->roles.count; i++) {
		const struct live_role *role = realm_role(reach->realm, in->roles.items[i]);

		if (!role)
			return req_form_error(req, "roles", "INVALID_ROLE", "Unknown role");
		if (role->row->managed || role->row->id == reach->realm->guild->id)
			return ERR_INVALID_ROLE;
		if (!perms_above_role(reach->realm, reach->member, role->row))
			return ERR_MISSING_PERMISSIONS;
	}
	return 0;
}

static void give(struct req *req, const struct member_add *in, struct live_member *member)
{
	struct member_row row = *member->row;

	if (in->nick.len)
		row.nick = in->nick;
	if (in->roles.count) {
		row.roles.items = in->roles.items;
		row.roles.count = in->roles.count;
	}
	row.mute |= in->mute;
	row.deaf |= in->deaf;
	member_change(req->txn, req->who.user_id, member, &row, req_reason(req));
}

/* A bot brings in somebody who has let it (scope guilds.join). */
int api_add_guild_member(struct req *req, const struct member_add *in, struct member *out)
{
	struct oauth_check check = { .application_id = req->who.user_id,
				     .scope = S("guilds.join"),
				     .arena = req->arena };
	struct realm_join join = {};
	struct reach reach;
	uint64_t user_id;

	int r = reach_guild(req, PERM_CREATE_INSTANT_INVITE, &reach);
	if (r)
		return r;
	if (!token_parse(in->access_token, &user_id, check.hash) || user_id != req->path.user_id)
		return ERR_INVALID_OAUTH2_ACCESS_TOKEN;
	r = txn_call_wait(req->txn, CELL_USER, user_id, oauth_check_run, &check);
	if (r)
		return r == ENOENT ? ERR_INVALID_OAUTH2_ACCESS_TOKEN : r;
	join.user = check.user;
	r = txn_outbox_wait(req->txn); /* no wait is left in joining but for the ban's row */
	if (!r)
		r = reach_guild(req, PERM_CREATE_INSTANT_INVITE, &reach);
	if (!r)
		r = check_gifts(req, in, &reach);
	if (!r)
		r = realm_join_wait(req->txn, &join);
	if (r)
		return r;
	if (join.was_member) {
		req->status = 204;
		return 0;
	}
	struct live_member *member = realm_member(realm_of(req->txn), user_id);
	give(req, in, member);
	*out = view_of(req, member);
	return 0;
}
