/* Accounts and their logins. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/command.h"
#include "admin/owner.h"
#include "codec/dup.h"
#include "codec/row.h"
#include "model/errors.h"
#include "realm/join.h"
#include "user/account.h"
#include "user/bot.h"
#include "user/name.h"
#include "user/password.h"
#include "user/user.h"

enum {
	LIST_DEFAULT = 1000,
	LIST_MAX = 5000,
	PASSWORD_MIN = 8,
	PASSWORD_MAX = 72,
	LINK_US_DAY = 86400
};
#define LINK_US (LINK_US_DAY * 1000000LL)

static json_t *show_account(const struct account *account)
{
	json_t *shown = json_object();

	admin_set_id(shown, "id", account->id);
	admin_set_str(shown, "username", account->username);
	admin_set_str(shown, "global_name", account->global_name);
	admin_set_str(shown, "email", account->email);
	admin_set_bool(shown, "bot", account->bot);
	admin_set_bool(shown, "operator", account->operator);
	admin_set_bool(shown, "disabled", account->disabled || account->delete_at);
	admin_set_bool(shown, "mfa", account->totp_secret.len > 0);
	admin_set_time(shown, "created_at", account->created_at);
	return shown;
}

static int list_wait(struct admin_call *call, bool people, bool bots, const char *name)
{
	uint64_t next = admin_number(call, "after") + 1, limit = admin_number(call, "limit");
	json_t *list = json_array();
	struct admin_first *rows;
	uint32_t count;

	limit = limit ? MIN(limit, (uint64_t)LIST_MAX) : LIST_DEFAULT;
	json_object_set_new(call->result, name, list);
	while (next && json_array_size(list) < limit) {
		int r = admin_walk_wait(call->core, call->arena, 48, next,
					(uint32_t)(limit - json_array_size(list)), &rows, &count,
					&next);

		if (r)
			return admin_result(call, r, "reading accounts");
		for (uint32_t i = 0; i < count; i++) {
			struct account account = {};
			uint64_t id;

			if (!parse_account(rows[i].key, &id))
				continue; /* rows of one who never came to be */
			if (row_get(rows[i].value, &desc_account, call->arena, &account))
				return admin_fail(call, "the account %lu cannot be read: run check",
						  id);
			if (account.bot ? bots : people)
				json_array_append_new(list, show_account(&account));
		}
	}
	admin_set_id(call->result, "next", next ? next - 1 : 0);
	return 0;
}

int admin_users_list(struct admin_call *call)
{
	return list_wait(call, true, admin_flag(call, "bots"), "users");
}

/* -- work in the user's cell -- */

struct change {
	struct admin_call *call;
	enum {
		SHOW,
		PASSWORD,
		DISABLE,
		ENABLE,
		RESET_MFA,
		OPERATOR,
		REVOKE,
		LINK,
		TOKENS,
		DELETE
	} what;
	char hash[PASSWORD_HASH_MAX];
	char token[TOKEN_MAX];
	uint64_t *ids; /* of guilds, or of owned applications; in the arena */
	uint32_t ids_count;
	struct str username, email; /* before a deletion */
	uint32_t ended;
	bool bot;
};

static void show(struct change *change, const struct user_state *user)
{
	json_t *shown = show_account(user->account);

	json_object_update(change->call->result, shown);
	json_decref(shown);
	admin_set_int(change->call->result, "guilds", user->guilds.count);
	admin_set_int(change->call->result, "logins", user->tokens.count);
	admin_set_int(change->call->result, "sessions", user->sessions.count);
	admin_set_int(change->call->result, "applications", user->applications.count);
}

static void list_tokens(struct change *change, const struct user_state *user)
{
	static const char *const kinds[] = { "person", "bot",	"oauth2", "refresh",
					     "mail",   "reset", "mfa" };
	json_t *list = json_array();
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->tokens, &at, &id, &value)) {
		const struct token_row *row = ((struct live_token *)value)->row;
		json_t *shown = json_object();

		admin_set_str(shown, "kind",
			      row->kind >= 0 && row->kind < 7 ? str_z(kinds[row->kind]) : S("?"));
		admin_set_time(shown, "created_at", row->created_at);
		admin_set_time(shown, "expires_at", row->expires_at);
		admin_set_str(shown, "address", row->address);
		admin_set_str(shown, "os", row->os);
		json_array_append_new(list, shown);
	}
	json_object_set_new(change->call->result, "tokens", list);
}

/* A token that POST /auth/reset takes. Others of its kind are dead then. */
static void make_link(struct txn *txn, struct change *change)
{
	uint64_t now = core_wall_us(txn->core);
	struct token_row row = { .user_id = txn->cell->id,
				 .kind = TOKEN_RESET,
				 .created_at = (int64_t)now,
				 .expires_at = (int64_t)now + LINK_US };
	uint8_t hash[TOKEN_HASH_BYTES];

	token_make(core_random(txn->core), txn->cell->id, now / 1000000, change->token, hash);
	user_put_token(txn, hash, &row);
}

static void anonymize(struct txn *txn, struct account *row)
{
	row->username = arena_printf(txn->arena, "deleted_user_%lx", row->id);
	row->global_name = row->avatar = row->banner = row->bio = row->pronouns = (struct str){};
	row->email = row->password_hash = row->totp_secret = row->date_of_birth = (struct str){};
	row->backup_codes.count = 0;
	row->operator= false;
	row->disabled = true;
	row->delete_at = (int64_t)core_wall_us(txn->core);
}

static int run_change(struct txn *txn, void *arg)
{
	struct change *change = arg;
	struct user_state *user = user_of(txn);

	if (change->what == SHOW) {
		show(change, user);
		return 0;
	}
	if (change->what == TOKENS) {
		list_tokens(change, user);
		return 0;
	}
	if (change->what == DELETE || change->what == RESET_MFA) {
		int r = txn_outbox_wait(txn);

		if (r)
			return r;
	}
	user = user_of(txn);
	struct account row = *(struct account *)obj_dup_arena(txn->arena, &desc_account,
							      user->account);
	change->ended = user->tokens.count;
	if (change->what == REVOKE) {
		user_del_tokens(txn, NULL);
		return 0;
	}
	if (change->what == LINK) {
		make_link(txn, change);
		return 0;
	}
	switch (change->what) {
	case PASSWORD: row.password_hash = str_z(change->hash); break;
	case DISABLE: row.disabled = true; break;
	case ENABLE:
		row.disabled = false;
		row.delete_at = 0;
		break;
	case RESET_MFA:
		row.totp_secret = (struct str){};
		row.backup_codes.count = 0;
		row.totp_last_step = 0;
		break;
	case OPERATOR: row.operator= true; break;
	case DELETE: anonymize(txn, &row); break;
	default: break;
	}
	if (change->what == DELETE)
		user_change_account(txn, &row);
	else
		user_put_account(txn, &row);
	if (change->what == RESET_MFA)
		bot_tell_owner_mfa(txn, false);
	if (change->what == PASSWORD || change->what == DISABLE || change->what == DELETE)
		user_del_tokens(txn, NULL);
	txn_effect(txn, &(struct effect){ .kind = EFFECT_FORGET });
	return 0;
}

static int change_wait(struct change *change, uint64_t id)
{
	int r = cell_call_wait(change->call->core, CELL_USER, id, run_change, change);

	return admin_result(change->call, r, "the account");
}

/* The user named by the argument @arg, changed. */
static int change_named_wait(struct admin_call *call, const char *arg, struct change *change)
{
	uint64_t id;

	change->call = call;
	int r = admin_find_user_wait(call, admin_text(call, arg), &id);
	if (r)
		return r;
	r = change_wait(change, id);
	if (!r)
		admin_set_id(call->result, "id", id);
	return r;
}

static int check_password(struct admin_call *call, struct str password)
{
	if (!str_utf8_valid(password) || str_utf8_len(password) < PASSWORD_MIN ||
	    str_utf8_len(password) > PASSWORD_MAX)
		return admin_fail(call, "a password has %d to %d characters", PASSWORD_MIN,
				  PASSWORD_MAX);
	return 0;
}

int admin_users_show(struct admin_call *call)
{
	return change_named_wait(call, "name", &(struct change){ .what = SHOW });
}

int admin_users_create(struct admin_call *call)
{
	struct str name = admin_text(call, "name"), password = admin_text(call, "password");
	bool owner = admin_flag(call, "owner");
	char token[TOKEN_MAX];
	uint64_t id;

	int r = check_password(call, password);
	if (r)
		return r;
	struct account_new spec = {
		.username = username_canonical(call->arena, name),
		.password = password,
		.email = admin_text(call, "email"),
		.operator= owner || admin_flag(call, "operator"),
	};
	if (!spec.username.ptr)
		return admin_fail(
			call, "a user name has 2 to 32 of a-z 0-9 _ . and no two dots in a row");
	r = account_create_wait(call->core, &spec, &id, token);
	if (r)
		return admin_result(call, r, "making the account");
	/* The login that comes with a registration has nobody to use it. */
	r = change_wait(&(struct change){ .call = call, .what = REVOKE }, id);
	if (!r && owner)
		r = admin_result(call, owner_set_wait(call->core, id), "writing who the owner is");
	if (r)
		return r;
	admin_set_id(call->result, "id", id);
	admin_set_str(call->result, "username", spec.username);
	admin_set_bool(call->result, "operator", spec.operator);
	admin_set_bool(call->result, "owner", owner);
	return 0;
}

int admin_users_set_owner(struct admin_call *call)
{
	uint64_t id;

	int r = admin_find_user_wait(call, admin_text(call, "name"), &id);
	if (!r)
		r = change_wait(&(struct change){ .call = call, .what = OPERATOR }, id);
	if (!r)
		r = admin_result(call, owner_set_wait(call->core, id), "writing who the owner is");
	if (!r)
		admin_set_id(call->result, "id", id);
	return r;
}

int admin_users_set_password(struct admin_call *call)
{
	struct change change = { .what = PASSWORD };

	int r = check_password(call, admin_text(call, "password"));
	if (!r)
		r = admin_result(
			call,
			password_hash_wait(call->core, admin_text(call, "password"), change.hash),
			"hashing");
	if (!r)
		r = change_named_wait(call, "name", &change);
	if (!r)
		admin_set_int(call->result, "logins_ended", change.ended);
	return r;
}

int admin_users_disable(struct admin_call *call)
{
	struct change change = { .what = DISABLE };
	int r = change_named_wait(call, "name", &change);

	if (!r)
		admin_set_int(call->result, "logins_ended", change.ended);
	return r;
}

int admin_users_enable(struct admin_call *call)
{
	return change_named_wait(call, "name", &(struct change){ .what = ENABLE });
}

int admin_users_reset_mfa(struct admin_call *call)
{
	return change_named_wait(call, "name", &(struct change){ .what = RESET_MFA });
}

int admin_users_link(struct admin_call *call)
{
	struct change change = { .what = LINK };
	int r = change_named_wait(call, "name", &change);

	if (r)
		return r;
	admin_set_str(call->result, "token", str_z(change.token));
	admin_set_str(call->result, "use",
		      S("POST /api/v10/auth/reset {\"token\":\"...\",\"password\":\"...\"}"));
	admin_set_int(call->result, "valid_s", LINK_US_DAY);
	return 0;
}

int admin_tokens_list(struct admin_call *call)
{
	return change_named_wait(call, "name", &(struct change){ .what = TOKENS });
}

int admin_tokens_revoke(struct admin_call *call)
{
	struct change change = { .what = REVOKE };
	int r = change_named_wait(call, "name", &change);

	if (!r)
		admin_set_int(call->result, "logins_ended", change.ended);
	return r;
}

/* -- the end of an account -- */

static int run_collect(struct txn *txn, void *arg)
{
	struct change *change = arg;
	struct user_state *user = user_of(txn);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	change->bot = user->account->bot;
	change->username = arena_str(change->call->arena, user->account->username);
	change->email = arena_str(change->call->arena, user->account->email);
	change->ids = arena_array(change->call->arena, uint64_t,
				  user->guilds.count + user->applications.count + 1);
	while (map_next(&user->guilds, &at, &id, &value))
		change->ids[change->ids_count++] = id;
	return 0;
}

struct leaving {
	uint64_t user_id;
	bool check; /* only look whether it owns the guild */
	bool owns;
};

static int run_leave(struct txn *txn, void *arg)
{
	struct leaving *leaving = arg;

	if (realm_gone(realm_of(txn)))
		return 0;
	leaving->owns = realm_of(txn)->guild->owner_id == leaving->user_id;
	if (leaving->check || leaving->owns)
		return 0;
	int r = realm_leave_prepare_wait(txn);
	if (r)
		return r;
	if (!realm_gone(realm_of(txn)) && realm_of(txn)->guild->owner_id != leaving->user_id)
		realm_leave(txn, leaving->user_id, 0);
	return 0;
}

int admin_users_delete(struct admin_call *call)
{
	struct change change = { .call = call, .what = DELETE };
	uint64_t id;

	int r = admin_find_user_wait(call, admin_text(call, "name"), &id);
	if (!r)
		r = admin_result(call,
				 cell_call_wait(call->core, CELL_USER, id, run_collect, &change),
				 "the account");
	/* What it owns has to go to somebody first: all of that is looked at before anything is changed. */
	for (int check = 1; check >= 0; check--)
		for (uint32_t i = 0; !r && i < change.ids_count; i++) {
			struct leaving leaving = { .user_id = id, .check = check };

			r = cell_call_wait(call->core, CELL_GUILD, change.ids[i], run_leave,
					   &leaving);
			if (r == ENOENT)
				r = 0;
			if (!r && leaving.owns)
				return admin_fail(
					call,
					"it owns the guild %lu: transfer or delete that first",
					change.ids[i]);
			r = admin_result(call, r, "leaving a guild");
		}
	if (!r)
		r = change_wait(&change, id);
	if (!r && !change.bot)
		name_release_wait(call->core, NAME_USERNAME, change.username, id);
	if (!r && change.email.len)
		name_release_wait(call->core, NAME_EMAIL, change.email, id);
	if (r)
		return r;
	admin_set_id(call->result, "id", id);
	admin_set_int(call->result, "guilds_left", change.ids_count);
	admin_set_int(call->result, "logins_ended", change.ended);
	return 0;
}

/* -- bots: accounts of applications -- */

int admin_bots_list(struct admin_call *call)
{
	return list_wait(call, false, true, "bots");
}

int admin_bots_disable(struct admin_call *call)
{
	struct change change = { .what = DISABLE };
	int r = change_named_wait(call, "id", &change);

	if (!r)
		admin_set_int(call->result, "logins_ended", change.ended);
	return r;
}

int admin_bots_enable(struct admin_call *call)
{
	return change_named_wait(call, "id", &(struct change){ .what = ENABLE });
}
