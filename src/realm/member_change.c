#include "realm/member_change.h"

#include "codec/enc.h"
#include "realm/audit.h"
#include "realm/class.h"
#include "realm/member.h"
#include "realm/watch.h"

static bool same_roles(const struct member_row *a, const struct member_row *b)
{
	if (a->roles.count != b->roles.count)
		return false;
	for (uint32_t i = 0; i < a->roles.count; i++)
		if (!member_has_role(b, a->roles.items[i]))
			return false;
	return true;
}

static bool same(const struct member_row *a, const struct member_row *b)
{
	return str_eq(a->nick, b->nick) && str_eq(a->avatar, b->avatar) &&
		str_eq(a->banner, b->banner) && str_eq(a->bio, b->bio) &&
		str_eq(a->pronouns, b->pronouns) && a->deaf == b->deaf && a->mute == b->mute &&
		a->flags == b->flags && a->pending == b->pending &&
		a->communication_disabled_until == b->communication_disabled_until &&
		same_roles(a, b);
}

/* [{"id","name"}] of the roles that @more has and @less has not. Null view: none. */
static struct str roles_json(struct txn *txn, const struct member_row *more,
			     const struct member_row *less)
{
	struct buf text;
	struct enc enc;
	uint32_t count = 0;

	buf_init(&text, 1 << 20);
	enc_init(&enc, &text, ENC_JSON);
	enc_arr_begin(&enc);
	for (uint32_t i = 0; i < more->roles.count; i++) {
		const struct live_role *role = realm_role(realm_of(txn), more->roles.items[i]);

		if (member_has_role(less, more->roles.items[i]) || !role)
			continue;
		enc_obj_begin(&enc);
		enc_key(&enc, "id");
		enc_u64(&enc, role->row->id);
		enc_key(&enc, "name");
		enc_str(&enc, role->row->name);
		enc_obj_end(&enc);
		count++;
	}
	enc_arr_end(&enc);
	struct str copy = count ? arena_str(txn->arena, buf_str(&text)) : (struct str){};
	buf_done(&text);
	return copy;
}

void member_change(struct txn *txn, uint64_t actor_id, struct live_member *member,
		   const struct member_row *row, struct str reason)
{
	const struct member_row *before = member->row;
	struct audit edit = audit_begin(txn, actor_id, AUDIT_MEMBER_UPDATE, row->user_id, reason);
	struct audit roles = audit_begin(txn, actor_id, AUDIT_MEMBER_ROLE_UPDATE, row->user_id,
					 reason);

	if (same(before, row))
		return;
	audit_str(&edit, "nick", before->nick, row->nick);
	audit_bool(&edit, "mute", before->mute, row->mute);
	audit_bool(&edit, "deaf", before->deaf, row->deaf);
	audit_time(&edit, "communication_disabled_until", before->communication_disabled_until,
		   row->communication_disabled_until);
	audit_int(&edit, "flags", before->flags, row->flags);
	struct str added = roles_json(txn, row, before), removed = roles_json(txn, before, row);
	if (added.ptr)
		audit_json(&roles, "$add", (struct str){}, added);
	if (removed.ptr)
		audit_json(&roles, "$remove", (struct str){}, removed);

	realm_put_member(txn, row);
	class_move(txn, member, 0);
	struct user user;
	struct member view = member_view(member->row, &user);
	view.guild_id = txn->cell->id;
	view.has.guild_id = true;
	struct event *event = txn_event(txn, EVENT_GUILD_MEMBER_UPDATE,
					(struct audience){ .always_user = member->row->user_id },
					&view);
	event->about = member->row->user_id;
	watch_event(realm_of(txn), event, event->about);
	event->author = actor_id;
	if (!actor_id)
		return;
	audit_put(&edit);
	audit_put(&roles);
}
