/* Roles of a guild. Giving and taking them: member_roles.c. */
#include <errno.h>

#include "api/images.h"
#include "api/reach.h"
#include "cell/ids.h"
#include "codec/enc.h"
#include "model/limits.h"
#include "realm/audit.h"
#include "realm/class.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/rank.h"
#include "realm/role.h"

static int find_role(struct req *req, const struct reach *reach, struct live_role **ret)
{
	*ret = realm_role(reach->realm, req->path.role_id);
	return *ret ? 0 : ERR_UNKNOWN_ROLE;
}

/* One that the caller stands above. */
static int reach_role(struct req *req, struct reach *reach, struct live_role **ret)
{
	int r = reach_guild(req, 0, reach);

	if (!r)
		r = find_role(req, reach, ret);
	if (r)
		return r;
	r = reach_need(reach, PERM_MANAGE_ROLES);
	if (r)
		return r;
	return perms_above_role(reach->realm, reach->member, (*ret)->row) ? 0
									  : ERR_MISSING_PERMISSIONS;
}

int api_list_guild_roles(struct req *req, struct role_list *out)
{
	struct reach reach;
	uint32_t count;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	struct live_role **roles = realm_roles_sorted(reach.realm, req->arena, &count);
	out->items = arena_array(req->arena, struct role, count + 1);
	for (uint32_t i = 0; i < count; i++)
		out->items[out->count++] = *roles[i]->row;
	return 0;
}

int api_get_guild_role(struct req *req, struct role *out)
{
	struct live_role *role;
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (!r)
		r = find_role(req, &reach, &role);
	if (r)
		return r;
	*out = *role->row;
	return 0;
}

/* What a body says, laid over @row. @colors is the caller's storage. */
static int apply(struct req *req, const struct role_create *in, const struct reach *reach,
		 struct image_edit *icon, struct role *row, struct role_colors *colors)
{
	if (in->has.permissions) {
		uint64_t wanted = in->permissions & PERM_SET_ALL;

		/* Nobody hands out or takes away what they do not hold. */
		if ((wanted ^ row->permissions) & ~perms_base(reach->realm, reach->member))
			return ERR_MISSING_PERMISSIONS;
		row->permissions = wanted;
	}
	if (row->id == reach->realm->guild->id)
		return 0; /* @everyone has no more than that */
	if (in->name.len)
		row->name = in->name;
	if (in->has.description) {
		row->description = in->description;
		row->has.description = in->description.len > 0;
	}
	if (in->has.hoist && !in->null.hoist)
		row->hoist = in->hoist;
	if (in->has.mentionable && !in->null.mentionable)
		row->mentionable = in->mentionable;
	if (in->has.unicode_emoji)
		row->unicode_emoji = in->unicode_emoji.len ? in->unicode_emoji : (struct str){};
	image_take(req, icon, &row->icon);
	if (in->has.color && !in->null.color)
		*colors = role_colors_of(in->color);
	if (in->colors) {
		*colors = role_colors_of(in->colors->primary_color);
		colors->null.secondary_color = !in->colors->has.secondary_color ||
			in->colors->null.secondary_color;
		colors->null.tertiary_color = !in->colors->has.tertiary_color ||
			in->colors->null.tertiary_color;
		colors->secondary_color = colors->null.secondary_color
			? 0
			: in->colors->secondary_color;
		colors->tertiary_color = colors->null.tertiary_color ? 0
								     : in->colors->tertiary_color;
	}
	row->color = colors->primary_color;
	return 0;
}

static struct str colors_json(struct arena *arena, const struct role_colors *colors)
{
	struct buf text;
	struct enc enc;

	if (!colors)
		return (struct str){};
	buf_init(&text, 512);
	enc_init(&enc, &text, ENC_JSON);
	enc_role_colors(&enc, colors);
	struct str copy = arena_str(arena, buf_str(&text));
	buf_done(&text);
	return copy;
}

static struct audit audit_role(struct req *req, enum audit_action action, const struct role *before,
			       const struct role *after)
{
	struct audit audit = audit_begin(req->txn, req->who.user_id, action,
					 before->id ? before->id : after->id, req_reason(req));
	struct str old_colors = colors_json(req->arena, before->colors),
		   new_colors = colors_json(req->arena, after->colors);

	audit_str(&audit, "name", before->name, after->name);
	audit_bits(&audit, "permissions", before->permissions, after->permissions);
	audit_int(&audit, "color", before->color, after->color);
	if (!str_eq(old_colors, new_colors))
		audit_json(&audit, "colors", old_colors, new_colors);
	audit_bool(&audit, "hoist", before->hoist, after->hoist);
	audit_bool(&audit, "mentionable", before->mentionable, after->mentionable);
	audit_str(&audit, "icon_hash", before->icon, after->icon);
	audit_str(&audit, "unicode_emoji", before->unicode_emoji, after->unicode_emoji);
	audit_str(&audit, "description", before->description, after->description);
	return audit;
}

int api_create_guild_role(struct req *req, const struct role_create *in, struct role *out)
{
	static const struct role none;
	struct role_colors colors = role_colors_of(0);
	struct role row = { .id = id_next(req->core, 0), .name = S("new role"), .colors = &colors };
	struct reach reach;

	struct image_edit icon = image_edit("icon", "role-icons", row.id, in->has.icon, in->icon);

	int r = reach_guild(req, PERM_MANAGE_ROLES, &reach);
	if (!r)
		r = images_store_wait(req, &icon, 1);
	if (!r)
		r = reach_guild(req, PERM_MANAGE_ROLES, &reach);
	if (r)
		return r;
	if (reach.realm->roles.count >= LIMIT_ROLES)
		return ERR_MAX_ROLES;
	const struct live_role *everyone = realm_role(reach.realm, reach.realm->guild->id);
	if (!in->has.permissions)
		row.permissions = everyone->row->permissions;
	r = apply(req, in, &reach, &icon, &row, &colors);
	if (r)
		return r;
	struct live_role *role = role_add(req->txn, &row);
	struct audit audit = audit_role(req, AUDIT_ROLE_CREATE, &none, role->row);
	audit_put(&audit);
	*out = *role->row;
	return 0;
}

int api_update_guild_role(struct req *req, const struct role_create *in, struct role *out)
{
	struct role_colors colors;
	struct live_role *role;
	struct reach reach;

	struct image_edit icon = image_edit("icon", "role-icons", req->path.role_id, in->has.icon,
					    in->icon);

	int r = reach_role(req, &reach, &role);
	if (!r)
		r = images_store_wait(req, &icon, 1);
	if (!r)
		r = reach_role(req, &reach, &role);
	if (r)
		return r;
	struct role row = *role->row;
	colors = *role->row->colors;
	row.colors = &colors;
	r = apply(req, in, &reach, &icon, &row, &colors);
	if (r)
		return r;
	struct audit audit = audit_role(req, AUDIT_ROLE_UPDATE, role->row, &row);
	if (audit.entry.changes.count) {
		realm_put_role(req->txn, &row);
		class_refresh(req->txn, 0);
		role_tell(req->txn, role->row);
		audit_put(&audit);
		images_drop_old(req, &icon, 1);
	}
	*out = *role->row;
	return 0;
}

int api_delete_guild_role(struct req *req)
{
	static const struct role none;
	struct live_role *role;
	struct reach reach;

	int r = reach_role(req, &reach, &role);
	if (!r)
		r = txn_outbox_wait(req->txn); /* its icon goes too */
	if (!r)
		r = reach_role(req, &reach, &role);
	if (r)
		return r;
	if (role->row->managed || role->row->id == reach.realm->guild->id)
		return ERR_INVALID_ROLE;
	struct audit audit = audit_role(req, AUDIT_ROLE_DELETE, role->row, &none);
	role_remove(req->txn, role->row->id);
	audit_put(&audit);
	return 0;
}

/* -- order -- */

static uint32_t index_in(const uint64_t *order, uint32_t count, uint64_t id)
{
	uint32_t i = 0;

	while (i < count && order[i] != id)
		i++;
	return i;
}

/* Wishes for roles that are there; @everyone stays where it is. A position is what the caller sees, so holes in the numbers
 * do not count. */
static int read_wishes(struct req *req, const struct role_position_list *in,
		       const struct reach *reach, const uint64_t *order, uint32_t count,
		       struct rank_wish *wishes, uint32_t *ret_count)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		const struct role_position *item = &in->items[i];
		int64_t below = 0;

		if (!realm_role(reach->realm, item->id))
			return ERR_UNKNOWN_ROLE;
		if (item->id == reach->realm->guild->id || !item->has.position ||
		    item->null.position)
			continue;
		for (uint32_t k = 0; k < found; k++)
			if (wishes[k].id == item->id)
				return req_form_error(req, "", "BASE_TYPE_UNIQUE",
						      "A role is named twice.");
		for (uint32_t k = 0; k < count; k++)
			below += realm_role(reach->realm, order[k])->row->position < item->position;
		wishes[found++] = (struct rank_wish){ item->id, below + 1 };
	}
	*ret_count = found;
	return 0;
}

static void audit_moves(struct req *req, const uint64_t *order, const uint64_t *after,
			uint32_t count, const struct rank_wish *wishes, uint32_t wishes_count)
{
	for (uint32_t i = 0; i < wishes_count; i++) {
		uint64_t id = wishes[i].id;
		struct audit audit = audit_begin(req->txn, req->who.user_id, AUDIT_ROLE_UPDATE, id,
						 req_reason(req));

		audit_int(&audit, "position", index_in(order, count, id) + 1,
			  index_in(after, count, id) + 1);
		audit_put(&audit);
	}
}

int api_bulk_update_guild_roles(struct req *req, const struct role_position_list *in,
				struct role_list *out)
{
	struct reach reach;
	uint32_t count, wishes_count = 0;

	int r = reach_guild(req, PERM_MANAGE_ROLES, &reach);
	if (r)
		return r;
	uint64_t *order = role_order(reach.realm, req->arena, &count);
	uint64_t *after = arena_array(req->arena, uint64_t, count + 1);
	if (in->count > reach.realm->roles.count)
		return req_form_error(req, "", "BASE_TYPE_MAX_LENGTH",
				      "More than there are roles.");
	struct rank_wish *wishes = arena_array(req->arena, struct rank_wish, in->count + 1);
	r = read_wishes(req, in, &reach, order, count, wishes, &wishes_count);
	if (r)
		return r;
	rank_reorder(order, count, wishes, wishes_count, after);
	if (!rank_same_above(order, after, count,
			     role_reach(reach.realm, reach.member, order, count)))
		return ERR_MISSING_PERMISSIONS;
	role_put_order(req->txn, after, count, 1);
	audit_moves(req, order, after, count, wishes, wishes_count);
	return api_list_guild_roles(req, out);
}

/* -- who has them -- */

enum { ROLES_MAX = LIMIT_ROLES + 1 };

static int count_wait(struct req *req, const uint64_t *order, uint32_t count, uint32_t *members)
{
	CLEANUP(member_walk_done) struct member_walk walk = { .realm = realm_of(req->txn) };
	uint64_t roles[ROLES_MAX];
	const struct live_member *member;
	int r;

	while ((member = member_walk_closed_wait(&walk, req->txn, &r))) {
		uint32_t has = member_roles(walk.realm, member, roles, ROLES_MAX);

		for (uint32_t i = 0; i < has; i++)
			members[index_in(order, count, roles[i])]++;
	}
	return r;
}

int api_guild_role_member_counts(struct req *req)
{
	struct reach reach;
	uint32_t count;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	uint64_t *order = role_order(reach.realm, req->arena, &count);
	uint32_t *members = arena_array(req->arena, uint32_t, count + 1);
	r = count_wait(req, order, count, members);
	if (r)
		return r;
	struct enc *enc = req_enc(req);
	enc_obj_begin(enc);
	for (uint32_t i = 0; i < count; i++) {
		enc_key_str(enc, arena_printf(req->arena, "%lu", order[i]));
		enc_int(enc, members[i]);
	}
	enc_obj_end(enc);
	return 0;
}

enum { IDS_MAX = 100 };

static int find_holders_wait(struct req *req, uint64_t role_id, uint64_t *ids, uint32_t *ret_count)
{
	CLEANUP(member_walk_done) struct member_walk walk = { .realm = realm_of(req->txn) };
	uint64_t roles[ROLES_MAX];
	const struct live_member *member;
	int r = 0;

	*ret_count = 0;
	while (*ret_count < IDS_MAX && (member = member_walk_closed_wait(&walk, req->txn, &r))) {
		uint32_t has = member_roles(walk.realm, member, roles, ROLES_MAX);

		for (uint32_t i = 0; i < has; i++)
			if (roles[i] == role_id) {
				ids[(*ret_count)++] = member_id(walk.realm, member);
				break;
			}
	}
	return r;
}

int api_role_member_ids(struct req *req)
{
	uint64_t ids[IDS_MAX];
	struct live_role *role;
	struct reach reach;
	uint32_t count;

	int r = reach_guild(req, PERM_MANAGE_ROLES, &reach);
	if (!r)
		r = find_role(req, &reach, &role);
	if (!r)
		r = find_holders_wait(req, role->row->id, ids, &count);
	if (r)
		return r;
	struct enc *enc = req_enc(req);
	enc_arr_begin(enc);
	for (uint32_t i = 0; i < count; i++)
		enc_u64(enc, ids[i]);
	enc_arr_end(enc);
	return 0;
}
