#include "realm/join.h"

#include <errno.h>

#include "cell/ids.h"
#include "message/attach.h"
#include "model/limits.h"
#include "realm/audit.h"
#include "realm/class.h"
#include "realm/member.h"
#include "realm/member_lists.h"
#include "realm/perms.h"
#include "realm/role.h"
#include "realm/thread_event.h"
#include "realm/watch.h"

enum { SUPPRESS_JOINS = 1 << 0, MESSAGE_TYPE_JOIN = 7 };

static int check_wait(struct txn *txn, struct realm_join *join)
{
	struct realm *realm = realm_of(txn);
	struct str value;
	struct key key;

	if (join->by_oauth) {
		struct live_member *inviter = realm_member(realm, join->inviter);

		if (!inviter)
			return ERR_UNKNOWN_GUILD;
		if (!(perms_acting(realm, inviter, (int64_t)core_wall_us(txn->core)) &
		      PERM_MANAGE_GUILD))
			return ERR_MISSING_PERMISSIONS;
		if (realm->guild->mfa_level && !join->elevated)
			return ERR_MFA_REQUIRED;
	}
	join->was_member = realm_member(realm, join->user.id) != NULL;
	if (join->was_member)
		return 0;
	/* Held until the member is queued: a ban that comes meanwhile finds them here. */
	struct str at = key_ban(&key, txn->cell->id, join->user.id);
	int r = txn_lock_wait(txn, at);
	if (!r)
		r = txn_get_wait(txn, at, &value);
	if (r == 0)
		return ERR_USER_BANNED;
	if (r != ENOENT)
		return r;
	r = txn_outbox_wait(txn);
	join->was_member = realm_member(realm, join->user.id) != NULL;
	return !r && realm_gone(realm) ? ERR_UNKNOWN_GUILD : r;
}

/* The role that a bot brings: managed, with the permissions asked for that the one who adds it holds too. */
static uint64_t put_bot_role(struct txn *txn, const struct realm_join *join)
{
	struct realm *realm = realm_of(txn);
	struct role_colors plain = role_colors_of(0);
	struct role_tags tags = { .bot_id = join->user.id };
	uint64_t may = perms_base(realm, realm_member(realm, join->inviter));

	tags.has.bot_id = true;
	struct role role = { .id = id_next(txn->core, 0),
			     .name = join->user.username,
			     .permissions = join->permissions & may,
			     .colors = &plain,
			     .managed = true,
			     .tags = &tags };
	role.has.tags = true;
	return role_add(txn, &role)->row->id;
}

static void welcome(struct txn *txn, const struct realm_join *join)
{
	const struct guild *guild = realm_of(txn)->guild;
	struct message_author author = { .username = join->user.username,
					 .global_name = join->user.global_name,
					 .discriminator = join->user.discriminator,
					 .avatar = join->user.avatar,
					 .bot = join->user.has.bot && join->user.bot };
	struct message message = { .channel_id = guild->system_channel_id,
				   .type = MESSAGE_TYPE_JOIN,
				   .author_id = join->user.id,
				   .author_copy = &author };

	if (!guild->system_channel_id || guild->system_channel_flags & SUPPRESS_JOINS ||
	    !realm_channel(realm_of(txn), guild->system_channel_id))
		return;
	txn_intent(txn, INTENT_SYSTEM_MESSAGE, CELL_GUILD, txn->cell->id, &desc_message, &message);
}

/* Sessions of people get less of a guild that is not small: which it is, the cores must know while it may be. */
static void tell_size(struct txn *txn)
{
	uint32_t count = realm_of(txn)->members.count;

	if (count <= LIMIT_LARGE_THRESHOLD_MAX + 1)
		txn_effect(txn, &(struct effect){ .kind = EFFECT_SIZE, .members = count });
}

int realm_join_wait(struct txn *txn, struct realm_join *join)
{
	struct realm *realm = realm_of(txn);
	int64_t now = (int64_t)core_wall_us(txn->core);

	if (!realm->guild || realm_gone(realm))
		return ERR_UNKNOWN_GUILD;
	int r = check_wait(txn, join);
	if (r || join->was_member)
		return r;
	struct member_row row = member_new(&join->user, now);
	uint64_t role;

	row.inviter_id = join->inviter;
	row.invite_code = join->invite_code;
	if (join->by_oauth && join->permissions) {
		role = put_bot_role(txn, join);
		row.roles.items = &role;
		row.roles.count = 1;
	}
	struct live_member *member = realm_put_member(txn, &row);
	struct user user;
	struct member view = member_view(member->row, &user);
	view.guild_id = txn->cell->id;
	view.has.guild_id = true;
	txn_event(txn, EVENT_GUILD_MEMBER_ADD, (struct audience){}, &view)->about = join->user.id;
	tell_size(txn);
	struct guild_entry_row entry = { .guild_id = txn->cell->id, .joined_at = now };
	txn_intent(txn, INTENT_USER_GUILD_ADD, CELL_USER, join->user.id, &desc_guild_entry_row,
		   &entry);
	welcome(txn, join);
	if (join->by_oauth) {
		struct audit audit = audit_begin(txn, join->inviter, AUDIT_BOT_ADD, join->user.id,
						 join->reason);

		audit_put(&audit);
	}
	return 0;
}

int realm_join_run(struct txn *txn, void *arg)
{
	return realm_join_wait(txn, arg);
}

/* The managed role that came with a bot, 0 none. */
static uint64_t bot_role(struct realm *realm, const struct live_member *member)
{
	for (uint32_t i = 0; i < member->row->roles.count; i++) {
		struct live_role *role = realm_role(realm, member->row->roles.items[i]);

		if (role && role->row->managed && role->row->tags &&
		    role->row->tags->bot_id == member->row->user_id)
			return role->row->id;
	}
	return 0;
}

bool realm_leave(struct txn *txn, uint64_t user_id, uint64_t actor_id)
{
	struct realm *realm = realm_of(txn);
	struct live_member *member = realm_member(realm, user_id);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	if (!member)
		return false;
	threads_leave(txn, user_id);
	struct user user = member_user(member->row);
	struct guild_member_remove removed = { .guild_id = realm->guild->id, .user = &user };
	struct guild_unavailable gone = { .id = realm->guild->id };
	struct event *told = txn_event(txn, EVENT_GUILD_MEMBER_REMOVE,
				       (struct audience){ .not_user = user_id }, &removed);
	told->about = user_id;
	watch_event(realm, told, user_id);
	told->author = actor_id;
	txn_event(txn, EVENT_GUILD_DELETE, (struct audience){ .user = user_id }, &gone);
	txn_effect(txn, &(struct effect){ .kind = EFFECT_UNSUBSCRIBE, .user = user_id });
	struct guild_entry_row entry = { .guild_id = realm->guild->id };
	txn_intent(txn, INTENT_USER_GUILD_REMOVE, CELL_USER, user_id, &desc_guild_entry_row,
		   &entry);
	uint64_t role_id = bot_role(realm, member);
	struct str images[MEMBER_IMAGES];
	member_images(txn->arena, txn->cell->id, member->row, images);
	file_drop(txn, images, MEMBER_IMAGES);
	/* Its subscriptions end with the effect above. */
	uint64_t *sessions = arena_array(txn->arena, uint64_t, realm->sessions.count + 1);
	uint32_t count = 0;
	while (map_next(&realm->sessions, &at, &id, &value))
		if (((struct subscriber *)value)->user_id == user_id)
			sessions[count++] = id;
	for (uint32_t i = 0; i < count; i++) {
		struct subscriber *subscriber = map_del(&realm->sessions, sessions[i]);

		member_lists_forget(realm, sessions[i]);
		subscriber_free(realm, subscriber);
	}
	realm_del_member(txn, user_id);
	tell_size(txn);
	if (role_id)
		role_remove(txn, role_id);
	return true;
}
