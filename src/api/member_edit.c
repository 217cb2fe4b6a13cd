/* Members: nicknames, roles, timeouts, of others and of oneself. */
#include <errno.h>

#include "api/images.h"
#include "api/reach.h"
#include "model/limits.h"
#include "realm/member.h"
#include "realm/member_change.h"
#include "realm/role.h"

enum { FLAG_BYPASSES_VERIFICATION = 1 << 2 };

static int edit_nick(const struct reach *reach, const struct live_member *target, struct str nick,
		     struct member_row *row)
{
	if (target == reach->member) {
		if (!(reach->perms & (PERM_CHANGE_NICKNAME | PERM_MANAGE_NICKNAMES)))
			return ERR_MISSING_PERMISSIONS;
	} else if (!(reach->perms & PERM_MANAGE_NICKNAMES) ||
		   !perms_above(reach->realm, reach->member, target)) {
		return ERR_MISSING_PERMISSIONS;
	}
	row->nick = nick.len ? nick : (struct str){};
	return 0;
}

/* May @role be given or taken by the caller? */
static int check_role(const struct reach *reach, const struct role *role)
{
	if (role->managed)
		return ERR_INVALID_ROLE;
	return perms_above_role(reach->realm, reach->member, role) ? 0 : ERR_MISSING_PERMISSIONS;
}

static bool listed(const struct u64_list *list, uint64_t id)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->items[i] == id)
			return true;
	return false;
}

static int edit_roles(struct req *req, const struct reach *reach, const struct live_member *target,
		      const struct u64_list *in, struct member_row *row)
{
	struct u64_list wanted = { arena_array(req->arena, uint64_t, in->count + 1), 0 };

	int need = reach_need(reach, PERM_MANAGE_ROLES);
	if (need)
		return need;
	for (uint32_t i = 0; i < in->count; i++) {
		const struct live_role *role = realm_role(reach->realm, in->items[i]);

		if (!role) {
			struct str path = arena_printf(req->arena, "roles.%u", i);

			return req_form_error(req, path.ptr, "INVALID_ROLE", "Unknown role");
		}
		if (role->row->id == reach->realm->guild->id || listed(&wanted, role->row->id))
			continue;
		int r = member_has_role(target->row, role->row->id) ? 0
								    : check_role(reach, role->row);
		if (r)
			return r;
		wanted.items[wanted.count++] = role->row->id;
	}
	for (uint32_t i = 0; i < target->row->roles.count; i++) {
		const struct live_role *role = realm_role(reach->realm,
							  target->row->roles.items[i]);
		int r = !role || listed(&wanted, role->row->id) ? 0 : check_role(reach, role->row);

		if (r)
			return r;
	}
	row->roles.items = wanted.items;
	row->roles.count = wanted.count;
	return 0;
}

static int edit_timeout(struct req *req, const struct reach *reach,
			const struct live_member *target, int64_t until, struct member_row *row)
{
	if (!(reach->perms & PERM_MODERATE_MEMBERS) ||
	    !perms_above(reach->realm, reach->member, target))
		return ERR_MISSING_PERMISSIONS;
	if (until && perms_base(reach->realm, target) & PERM_ADMINISTRATOR)
		return ERR_MISSING_PERMISSIONS;
	/* Clocks differ: somebody who asks for exactly 28 days shall have them. */
	if (until > req_now_us(req) + (LIMIT_TIMEOUT_MS + 60000LL) * 1000)
		return req_form_error(req, "communication_disabled_until", "TIMEOUT_TOO_LONG",
				      "Communication disabled timestamp cannot be more than 28 "
				      "days in the future.");
	row->communication_disabled_until = until > req_now_us(req) ? until : 0;
	return 0;
}

static int edit_flags(struct req *req, const struct reach *reach, int64_t flags,
		      struct member_row *row)
{
	uint64_t moderating = PERM_MODERATE_MEMBERS | PERM_KICK_MEMBERS | PERM_BAN_MEMBERS;

	if ((flags ^ row->flags) & ~(int64_t)FLAG_BYPASSES_VERIFICATION)
		return req_form_error(req, "flags", "BASE_TYPE_BAD_FLAGS",
				      "Some of these flags cannot be set.");
	if (!(reach->perms & (PERM_MANAGE_GUILD | PERM_MANAGE_ROLES)) &&
	    (reach->perms & moderating) != moderating)
		return reach_need(reach,
				  reach->barred & PERM_MANAGE_GUILD ? PERM_MANAGE_GUILD
								    : PERM_MANAGE_ROLES);
	row->flags = flags;
	return 0;
}

/* Who is not in a voice channel cannot be muted, deafened or moved there. */
static int edit_voice(const struct reach *reach, const struct member_edit *in)
{
	bool mute = in->has.mute && !in->null.mute, deaf = in->has.deaf && !in->null.deaf;

	if ((mute && !(reach->perms & PERM_MUTE_MEMBERS)) ||
	    (deaf && !(reach->perms & PERM_DEAFEN_MEMBERS)) ||
	    (in->has.channel_id && !(reach->perms & PERM_MOVE_MEMBERS)))
		return ERR_MISSING_PERMISSIONS;
	return mute || deaf || in->has.channel_id ? ERR_TARGET_NOT_IN_VOICE : 0;
}

int api_update_guild_member(struct req *req, const struct member_edit *in, struct member *out)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	struct live_member *target = realm_member(reach.realm, req->path.user_id);
	if (!target)
		return ERR_UNKNOWN_MEMBER;
	struct member_row row = *target->row;
	if (in->has.nick)
		r = edit_nick(&reach, target, in->nick, &row);
	if (!r && in->has.roles)
		r = edit_roles(req, &reach, target, &in->roles, &row);
	if (!r && in->has.communication_disabled_until)
		r = edit_timeout(req, &reach, target, in->communication_disabled_until, &row);
	if (!r && in->has.flags && !in->null.flags)
		r = edit_flags(req, &reach, in->flags, &row);
	if (!r)
		r = edit_voice(&reach, in);
	if (r)
		return r;
	member_change(req->txn, req->who.user_id, target, &row, req_reason(req));
	*out = member_view(target->row, arena_new(req->arena, struct user));
	return 0;
}

/* -- oneself -- */

int api_update_my_guild_member(struct req *req, const struct member_self_edit *in,
			       struct member *out)
{
	struct reach reach;

	const char *avatars = arena_printf(req->arena, "member-avatars/%lu", req->cell->id).ptr;
	const char *banners = arena_printf(req->arena, "member-banners/%lu", req->cell->id).ptr;
	struct image_edit images[] = {
		image_edit("avatar", avatars, req->who.user_id, in->has.avatar, in->avatar),
		image_edit("banner", banners, req->who.user_id, in->has.banner, in->banner),
	};

	int r = reach_guild(req, 0, &reach);
	if (!r)
		r = images_store_wait(req, images, ARRAY_SIZE(images));
	if (!r)
		r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	struct member_row row = *reach.member->row;
	if (in->has.nick)
		r = edit_nick(&reach, reach.member, in->nick, &row);
	if (r)
		return r;
	image_take(req, &images[0], &row.avatar);
	image_take(req, &images[1], &row.banner);
	if (in->has.bio)
		row.bio = in->bio.len ? in->bio : (struct str){};
	if (in->has.pronouns)
		row.pronouns = in->pronouns.len ? in->pronouns : (struct str){};
	member_change(req->txn, req->who.user_id, reach.member, &row, req_reason(req));
	images_drop_old(req, images, ARRAY_SIZE(images));
	*out = member_view(reach.member->row, arena_new(req->arena, struct user));
	out->bio = reach.member->row->bio;
	out->pronouns = reach.member->row->pronouns;
	out->has.bio = out->has.pronouns = true;
	return 0;
}

int api_modify_current_user_nick(struct req *req, const struct nick_edit *in, struct nick *out)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	struct member_row row = *reach.member->row;
	if (in->has.nick)
		r = edit_nick(&reach, reach.member, in->nick, &row);
	if (r)
		return r;
	member_change(req->txn, req->who.user_id, reach.member, &row, req_reason(req));
	out->nick = reach.member->row->nick;
	return 0;
}
