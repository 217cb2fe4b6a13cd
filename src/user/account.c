#include "user/account.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "cell/ids.h"
#include "codec/dup.h"
#include "user/name.h"
#include "user/password.h"

enum { MFA_TICKET_US = 300 * 1000000LL };

struct making {
	const struct account_new *spec;
	uint64_t id;
	char password_hash[PASSWORD_HASH_MAX];
	char *token;
};

static struct token_row token_row(struct txn *txn, enum token_kind kind, struct str address,
				  struct str os)
{
	int64_t now = (int64_t)core_wall_us(txn->core);

	return (struct token_row){ .user_id = txn->cell->id,
				   .kind = kind,
				   .created_at = now,
				   .last_used_at = now,
				   .address = address,
				   .os = os };
}

static void put_token(struct txn *txn, enum token_kind kind, struct str address, struct str os,
		      char *ret_token)
{
	struct token_row row = token_row(txn, kind, address, os);
	uint8_t hash[TOKEN_HASH_BYTES];

	if (kind == TOKEN_MFA)
		row.expires_at = row.created_at + MFA_TICKET_US;
	token_make(core_random(txn->core), txn->cell->id, core_wall_us(txn->core) / 1000000,
		   ret_token, hash);
	user_put_token(txn, hash, &row);
}

static int run_make(struct txn *txn, void *arg)
{
	struct making *making = arg;
	const struct account_new *spec = making->spec;
	struct account account = {
		.id = making->id,
		.username = spec->username,
		.global_name = spec->global_name,
		.discriminator = spec->bot
			? arena_printf(txn->arena, "%04lu", making->id % 9999 + 1)
			: S("0"),
		.bot = spec->bot,
		.email = spec->email,
		.verified = true, /* no mail is sent, so there is nothing to wait for */
		.password_hash = str_z(making->password_hash[0] ? making->password_hash : NULL),
		.date_of_birth = spec->date_of_birth,
		.locale = spec->locale,
		.created_at = (int64_t)core_wall_us(txn->core),
		.operator= spec->operator,
		.application_id = spec->bot ? making->id : 0,
	};

	account.null.accent_color = true;
	user_new(txn->cell);
	user_put_account(txn, &account);
	if (spec->application)
		user_put_application(txn, spec->application);
	if (!spec->bot)
		put_token(txn, TOKEN_PERSON, spec->address, spec->os, making->token);
	return 0;
}

int account_create_wait(struct core *core, const struct account_new *spec, uint64_t *ret_id,
			char ret_token[TOKEN_MAX])
{
	struct making making = { .spec = spec, .id = id_next(core, 0), .token = ret_token };
	int r;

	ret_token[0] = '\0';
	if (spec->password.ptr) {
		r = password_hash_wait(core, spec->password, making.password_hash);
		if (r)
			return r;
	}
	if (spec->application) {
		spec->application->id = making.id;
		spec->application->bot_id = making.id;
	}
	if (!spec->bot) { /* bots may share a name: they have a discriminator and their application */
		r = name_take_wait(core, NAME_USERNAME, spec->username, making.id);
		if (r)
			return r;
	}
	if (spec->email.ptr) {
		r = name_take_wait(core, NAME_EMAIL, spec->email, making.id);
		if (r) {
			name_release_wait(core, NAME_USERNAME, spec->username, making.id);
			return r == ERR_NAME_TAKEN ? ERR_EMAIL_TAKEN : r;
		}
	}
	r = cell_create_wait(core, CELL_USER, making.id, run_make, &making);
	if (r) {
		/* Whoever takes the name next finds that its entry leads nowhere. */
		name_release_wait(core, NAME_USERNAME, spec->username, making.id);
		if (spec->email.ptr)
			name_release_wait(core, NAME_EMAIL, spec->email, making.id);
		return r < 0 ? r : ERR_UNAVAILABLE;
	}
	*ret_id = making.id;
	return 0;
}

struct peek {
	struct arena *arena;
	struct str password_hash;
	bool disabled, deleted, mfa;
};

static int run_peek(struct txn *txn, void *arg)
{
	struct peek *peek = arg;
	const struct account *account = user_of(txn)->account;

	peek->password_hash = arena_str(peek->arena, account->password_hash);
	peek->disabled = account->disabled;
	peek->deleted = account->delete_at != 0;
	peek->mfa = account->totp_secret.len > 0;
	return 0;
}

struct minting {
	enum token_kind kind;
	struct str address, os;
	char *token;
};

static int run_mint(struct txn *txn, void *arg)
{
	struct minting *minting = arg;

	put_token(txn, minting->kind, minting->address, minting->os, minting->token);
	return 0;
}

int account_token_wait(struct core *core, uint64_t user_id, enum token_kind kind,
		       struct str address, struct str os, char ret_token[TOKEN_MAX])
{
	int r = cell_call_wait(core, CELL_USER, user_id, run_mint,
			       &(struct minting){ kind, address, os, ret_token });

	return r == ENOENT ? ERR_UNKNOWN_USER : r;
}

static int find_wait(struct core *core, struct arena *arena, struct str typed, uint64_t *ret_id)
{
	if (str_find(typed, '@') < typed.len) {
		char *lower = (char *)arena_str(arena, typed).ptr;

		for (size_t i = 0; i < typed.len; i++)
			if (lower[i] >= 'A' && lower[i] <= 'Z')
				lower[i] = (char)(lower[i] + 'a' - 'A');
		return name_find_wait(core, NAME_EMAIL, (struct str){ lower, typed.len }, ret_id);
	}
	struct str name = username_canonical(arena, str_trim(typed));
	return name.ptr ? name_find_wait(core, NAME_USERNAME, name, ret_id) : ENOENT;
}

int account_login_wait(struct core *core, const struct login_try *login, enum login_outcome *ret,
		       uint64_t *ret_id, char ret_token[TOKEN_MAX])
{
	struct arena arena;
	struct peek peek = { .arena = &arena };
	uint64_t id = 0;
	bool match;

	arena_init(&arena);
	int r = find_wait(core, &arena, login->name, &id);
	if (!r)
		r = cell_call_wait(core, CELL_USER, id, run_peek, &peek);
	if (!r || r == ENOENT)
		r = password_verify_wait(core, login->password, peek.password_hash, &match);
	arena_done(&arena);
	if (r)
		return r < 0 ? r : ERR_UNAVAILABLE;
	*ret_id = id;
	if (!match) {
		*ret = LOGIN_WRONG;
		return 0;
	}
	*ret = peek.deleted	? LOGIN_DELETED
		: peek.disabled ? LOGIN_DISABLED
		: peek.mfa	? LOGIN_MFA
				: LOGIN_OK;
	if (*ret != LOGIN_OK && *ret != LOGIN_MFA)
		return 0;
	return account_token_wait(core, id, *ret == LOGIN_OK ? TOKEN_PERSON : TOKEN_MFA,
				  login->address, login->os, ret_token);
}

int account_password_wait(struct core *core, uint64_t user_id, struct str password, bool *ret_match)
{
	struct arena arena;
	struct peek peek = { .arena = &arena };

	arena_init(&arena);
	int r = cell_call_wait(core, CELL_USER, user_id, run_peek, &peek);
	if (!r)
		r = password_verify_wait(core, password, peek.password_hash, ret_match);
	arena_done(&arena);
	return r;
}
