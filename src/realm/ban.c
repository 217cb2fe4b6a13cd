#include "realm/ban.h"

#include "realm/audit.h"
#include "realm/join.h"

int ban_lock_wait(struct txn *txn, uint64_t user_id, struct ban_row *ret)
{
	struct key key;
	struct str at = key_ban(&key, txn->cell->id, user_id);

	int r = txn_lock_wait(txn, at);
	return r ? r : txn_get_obj_wait(txn, at, &desc_ban_row, ret);
}

struct user ban_user(const struct ban_row *row)
{
	struct user user = { .id = row->user_id,
			     .username = row->username,
			     .global_name = row->global_name,
			     .discriminator = row->discriminator,
			     .avatar = row->avatar,
			     .bot = row->bot,
			     .public_flags = row->public_flags };

	user.has.bot = row->bot;
	return user;
}

static void tell(struct txn *txn, enum event_type type, const struct user *user)
{
	struct guild_ban_event event = { .guild_id = txn->cell->id, .user = (struct user *)user };

	txn_event(txn, type,
		  (struct audience){ .perms_any = PERM_BAN_MEMBERS | PERM_VIEW_AUDIT_LOG }, &event);
}

void ban_put(struct txn *txn, uint64_t actor_id, const struct user *user, struct str reason)
{
	struct ban_row row = { .user_id = user->id,
			       .reason = reason,
			       .banned_by = actor_id,
			       .banned_at = (int64_t)core_wall_us(txn->core),
			       .username = user->username,
			       .global_name = user->global_name,
			       .discriminator = user->discriminator,
			       .avatar = user->avatar,
			       .bot = user->has.bot && user->bot,
			       .public_flags = user->public_flags };
	struct audit audit = audit_begin(txn, actor_id, AUDIT_BAN_ADD, user->id, reason);
	struct key key;

	txn_put(txn, key_ban(&key, txn->cell->id, user->id), &desc_ban_row, &row);
	tell(txn, EVENT_GUILD_BAN_ADD, user);
	realm_leave(txn, user->id, actor_id);
	audit_put(&audit);
}

void ban_del(struct txn *txn, uint64_t actor_id, const struct ban_row *row, struct str reason)
{
	struct audit audit = audit_begin(txn, actor_id, AUDIT_BAN_REMOVE, row->user_id, reason);
	struct user user = ban_user(row);
	struct key key;

	txn_del(txn, key_ban(&key, txn->cell->id, row->user_id));
	tell(txn, EVENT_GUILD_BAN_REMOVE, &user);
	audit_put(&audit);
}
