/* One's account: name, password, second factor, logins. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#include "api/account.h"
#include "api/images.h"
#include "api/req.h"
#include "codec/dup.h"
#include "user/account.h"
#include "user/bot.h"
#include "user/name.h"
#include "user/password.h"
#include "user/totp.h"

enum { BACKUP_CODES = 10, CODES = 10, MINUTE_MS = 60000, HASH_TEXT = 2 * TOKEN_HASH_BYTES + 1 };

static struct account copy_account(struct req *req)
{
	return *(struct account *)obj_dup_arena(req->arena, &desc_account,
						user_of(req->txn)->account);
}

int account_password_check_wait(struct req *req, struct str password)
{
	bool match = false;

	if (!password.ptr)
		return req_form_error(req, "password", "PASSWORD_DOES_NOT_MATCH",
				      "Password does not match.");
	struct account account = copy_account(req);
	int r = password_verify_wait(req->core, password, account.password_hash, &match);
	if (r)
		return r;
	if (req->txn->generation != req->cell->generation)
		return ERR_RESTARTED;
	return match ? 0
		     : req_form_error(req, "password", "PASSWORD_DOES_NOT_MATCH",
				      "Password does not match.");
}

/* A token that replaces all others of this account; puts. */
static struct str new_login(struct req *req)
{
	char token[TOKEN_MAX];
	uint8_t hash[TOKEN_HASH_BYTES];
	int64_t now = (int64_t)core_wall_us(req->core);
	struct token_row row = { .user_id = req->who.user_id,
				 .kind = TOKEN_PERSON,
				 .created_at = now,
				 .last_used_at = now,
				 .address = req->address,
				 .os = req->user_agent };

	user_del_tokens(req->txn, NULL);
	token_make(core_random(req->core), req->who.user_id, (uint64_t)now / 1000000, token, hash);
	user_put_token(req->txn, hash, &row);
	return arena_str(req->arena, str_z(token));
}

static int take_username_wait(struct req *req, const struct account *account, struct str wanted,
			      struct str *ret)
{
	if (account->bot) {
		*ret = wanted;
		return 0;
	}
	*ret = username_canonical(req->arena, wanted);
	if (!ret->ptr)
		return req_form_error(
			req, "username", "USERNAME_INVALID_CONTAINS",
			"Username may only use numbers, letters, underscores _ , or periods.");
	if (str_eq(*ret, account->username))
		return 0;
	int r = name_take_wait(req->core, NAME_USERNAME, *ret, account->id);
	if (r == ERR_NAME_TAKEN)
		return req_form_error(req, "username", "USERNAME_ALREADY_TAKEN",
				      "This username is already taken.");
	return r;
}

int api_update_my_user(struct req *req, const struct user_edit *in, struct user_self *out)
{
	struct account before = copy_account(req);
	char hash[PASSWORD_HASH_MAX];
	struct str username = before.username, token = {};
	bool sensitive = in->has.username || in->has.email || in->new_password.ptr ||
		in->has.date_of_birth;

	if (!before.bot && sensitive) {
		int r = account_password_check_wait(req, in->password);

		if (r)
			return r;
	}
	if (in->has.username) {
		int r = take_username_wait(req, &before, in->username, &username);

		if (r)
			return r;
	}
	bool new_password = in->new_password.ptr && !before.bot;
	if (new_password) {
		int r = password_hash_wait(req->core, in->new_password, hash);

		if (r)
			return r;
	}
	struct image_edit images[] = {
		image_edit("avatar", "avatars", before.id, in->has.avatar, in->avatar),
		image_edit("banner", "banners", before.id, in->has.banner, in->banner),
	};
	int r = images_store_wait(req, images, ARRAY_SIZE(images));
	if (!r)
		r = txn_outbox_wait(req->txn);
	if (r)
		return r;
	struct account row = copy_account(req);
	row.username = username;
	image_take(req, &images[0], &row.avatar);
	image_take(req, &images[1], &row.banner);
	if (in->has.global_name && !row.bot)
		row.global_name = in->global_name.len ? in->global_name : (struct str){};
	if (in->has.bio)
		row.bio = in->bio;
	if (in->has.pronouns)
		row.pronouns = in->pronouns;
	if (in->has.accent_color) {
		row.accent_color = in->accent_color;
		row.null.accent_color = in->null.accent_color;
	}
	if (new_password)
		row.password_hash = str_z(hash);
	user_change_account(req->txn, &row);
	images_drop_old(req, images, ARRAY_SIZE(images));
	if (new_password)
		token = new_login(req);
	*out = user_self_view(user_of(req->txn));
	if (token.ptr) {
		out->token = token;
		out->has.token = true;
	}
	if (!row.bot && !str_eq(username, before.username))
		name_release_later(req->core, NAME_USERNAME, arena_str(req->arena, before.username),
				   row.id);
	return 0;
}

int api_update_my_profile(struct req *req, const struct profile_edit *in,
			  struct profile_metadata *out)
{
	struct account row = copy_account(req);

	if (in->has.bio)
		row.bio = in->bio;
	if (in->has.pronouns)
		row.pronouns = in->pronouns;
	if (in->has.accent_color) {
		row.accent_color = in->accent_color;
		row.null.accent_color = in->null.accent_color;
	}
	user_put_account(req->txn, &row);
	*out = (struct profile_metadata){ .bio = row.bio.ptr ? row.bio : S(""),
					  .pronouns = row.pronouns.ptr ? row.pronouns : S(""),
					  .accent_color = row.accent_color,
					  .banner = row.banner };
	out->null.accent_color = row.null.accent_color;
	return 0;
}

/* -- logins -- */

int api_logout(struct req *req, const struct logout *in)
{
	(void)in;
	user_del_token(req->txn, req->who.token_hash);
	return 0;
}

static void hash_text(const uint8_t hash[TOKEN_HASH_BYTES], char ret[HASH_TEXT])
{
	uint8_t twice[TOKEN_HASH_BYTES];

	/* Named by a hash of the hash: the list gives nothing away. */
	secret_hash((struct str){ (const char *)hash, TOKEN_HASH_BYTES }, twice);
	sodium_bin2hex(ret, HASH_TEXT, twice, sizeof(twice));
}

int api_list_auth_sessions(struct req *req, struct auth_sessions *out)
{
	struct user_state *user = user_of(req->txn);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	out->user_sessions.items = arena_array(req->arena, struct auth_session,
					       user->tokens.count + 1);
	while (map_next(&user->tokens, &at, &id, &value)) {
		const struct live_token *token = value;
		struct auth_session_client *client = arena_new(req->arena,
							       struct auth_session_client);
		char text[HASH_TEXT];

		if (token->row->kind != TOKEN_PERSON)
			continue;
		hash_text(token->hash, text);
		client->os = token->row->os;
		client->platform = token->row->platform;
		out->user_sessions.items[out->user_sessions.count++] =
			(struct auth_session){ .id_hash = arena_str(req->arena, str_z(text)),
					       .approx_last_used_time = token->row->last_used_at,
					       .client_info = client };
	}
	return 0;
}

int api_logout_auth_sessions(struct req *req, const struct auth_sessions_logout *in)
{
	struct user_state *user = user_of(req->txn);
	uint8_t(*doomed)[TOKEN_HASH_BYTES] = arena_alloc(
		req->arena, (user->tokens.count + 1) * sizeof(*doomed));
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->tokens, &at, &id, &value)) {
		const struct live_token *token = value;
		char text[HASH_TEXT];

		hash_text(token->hash, text);
		for (uint32_t i = 0; i < in->session_id_hashes.count; i++)
			if (str_eq(in->session_id_hashes.items[i], str_z(text)))
				memcpy(doomed[count++], token->hash, TOKEN_HASH_BYTES);
	}
	for (uint32_t i = 0; i < count; i++)
		user_del_token(req->txn, doomed[i]);
	return 0;
}

static int end_account(struct req *req, const struct password_body *in, bool forever)
{
	int r = account_password_check_wait(req, in->password);
	if (r)
		return r;
	struct account row = copy_account(req);
	row.disabled = row.disabled || !forever;
	if (forever)
		row.delete_at = (int64_t)core_wall_us(req->core) + 14LL * 86400 * 1000000;
	user_put_account(req->txn, &row);
	user_del_tokens(req->txn, NULL);
	return 0;
}

int api_disable_account(struct req *req, const struct password_body *in)
{
	return end_account(req, in, false);
}

int api_delete_account(struct req *req, const struct password_body *in)
{
	return end_account(req, in, true);
}

/* -- the second factor -- */

int api_totp_enable(struct req *req, const struct totp_enable *in, struct totp_enabled *out)
{
	uint64_t now_s = core_wall_us(req->core) / 1000000;

	int r = account_password_check_wait(req, in->password);
	if (!r)
		r = txn_outbox_wait(req->txn);
	if (r)
		return r;
	struct account row = copy_account(req);
	if (row.totp_secret.len)
		return ERR_MFA_ALREADY_ENABLED;
	if (!totp_secret_valid(in->secret))
		return ERR_INVALID_MFA_SECRET;
	uint64_t step = totp_check(in->secret, in->code, now_s, 0);
	if (!step)
		return ERR_INVALID_MFA_CODE;
	row.totp_secret = in->secret;
	row.totp_last_step = (int64_t)step;
	row.backup_codes.items = arena_array(req->arena, struct backup_code, BACKUP_CODES);
	row.backup_codes.count = BACKUP_CODES;
	out->backup_codes.items = arena_array(req->arena, struct wire_backup_code, BACKUP_CODES);
	out->backup_codes.count = BACKUP_CODES;
	for (uint32_t i = 0; i < BACKUP_CODES; i++) {
		struct str code = arena_printf(req->arena, "%04lx%04lx",
					       random_below(core_random(req->core), 0x10000),
					       random_below(core_random(req->core), 0x10000));

		row.backup_codes.items[i].code = code;
		out->backup_codes.items[i] = (struct wire_backup_code){ .user_id = row.id,
									.code = code };
	}
	user_put_account(req->txn, &row);
	bot_tell_owner_mfa(req->txn, true);
	out->token = new_login(req);
	return 0;
}

/* Marks what fits as used in @row. */
static bool use_code(struct req *req, struct account *row, struct str code)
{
	uint64_t step = totp_check(row->totp_secret, code, core_wall_us(req->core) / 1000000,
				   (uint64_t)row->totp_last_step);

	if (step) {
		row->totp_last_step = (int64_t)step;
		return true;
	}
	for (uint32_t i = 0; i < row->backup_codes.count; i++)
		if (!row->backup_codes.items[i].consumed &&
		    code.len == row->backup_codes.items[i].code.len &&
		    sodium_memcmp(code.ptr, row->backup_codes.items[i].code.ptr, code.len) == 0) {
			row->backup_codes.items[i].consumed = true;
			return true;
		}
	return false;
}

bool account_use_code(struct req *req, struct str code)
{
	struct account row = copy_account(req);

	if (!row.totp_secret.len || !use_code(req, &row, code))
		return false;
	user_put_account(req->txn, &row);
	return true;
}

bool account_too_many_codes(struct req *req, uint64_t user_id)
{
	return req_throttled(req, S("mfa code"), arena_printf(req->arena, "%lu", user_id), CODES,
			     MINUTE_MS);
}

int api_totp_disable(struct req *req, const struct totp_disable *in, struct mfa_token *out)
{
	int r = txn_outbox_wait(req->txn);
	if (r)
		return r;
	struct account row = copy_account(req);
	if (!row.totp_secret.len)
		return ERR_MFA_NOT_ENABLED;
	if (account_too_many_codes(req, row.id))
		return ERR_RATE_LIMITED;
	if (!use_code(req, &row, in->code))
		return ERR_INVALID_MFA_CODE;
	row.totp_secret = (struct str){};
	row.backup_codes.count = 0;
	user_put_account(req->txn, &row);
	bot_tell_owner_mfa(req->txn, false);
	out->token = new_login(req);
	return 0;
}

/* The ticket of a login names its user; the code makes it a token. */
struct second_step {
	struct req *req;
	const struct mfa_login *in;
	struct str token;
};

static int run_second_step(struct txn *txn, void *arg)
{
	struct second_step *step = arg;
	struct req *req = step->req;
	uint8_t hash[TOKEN_HASH_BYTES];
	char token[TOKEN_MAX];
	uint64_t user_id;

	if (!token_parse(step->in->ticket, &user_id, hash))
		return ERR_INVALID_MFA_TICKET;
	struct live_token *ticket = user_token(user_of(txn), hash);
	int64_t now = (int64_t)core_wall_us(txn->core);
	if (!ticket || ticket->row->kind != TOKEN_MFA || ticket->row->expires_at < now)
		return ERR_INVALID_MFA_TICKET;
	struct account row = *(struct account *)obj_dup_arena(txn->arena, &desc_account,
							      user_of(txn)->account);
	if (!use_code(req, &row, step->in->code))
		return ERR_INVALID_MFA_CODE;
	struct token_row login = { .user_id = user_id,
				   .kind = TOKEN_PERSON,
				   .created_at = now,
				   .last_used_at = now,
				   .address = req->address,
				   .os = req->user_agent };
	user_put_account(txn, &row);
	user_del_token(txn, hash);
	token_make(core_random(txn->core), user_id, (uint64_t)now / 1000000, token, hash);
	user_put_token(txn, hash, &login);
	step->token = arena_str(req->arena, str_z(token));
	return 0;
}

int api_verify_mfa_login(struct req *req, const struct mfa_login *in, struct login_result *out)
{
	struct second_step step = { .req = req, .in = in };
	struct login_settings *settings = arena_new(req->arena, struct login_settings);
	uint8_t hash[TOKEN_HASH_BYTES];
	uint64_t user_id;

	if (!token_parse(in->ticket, &user_id, hash))
		return ERR_INVALID_MFA_TICKET;
	if (account_too_many_codes(req, user_id))
		return ERR_RATE_LIMITED;
	int r = cell_call_wait(req->core, CELL_USER, user_id, run_second_step, &step);
	if (r)
		return r == ENOENT ? ERR_INVALID_MFA_TICKET : r;
	*settings = (struct login_settings){ S("en-US"), S("dark") };
	out->token = step.token;
	out->user_id = user_id;
	out->user_settings = settings;
	out->has.token = out->has.user_id = out->has.user_settings = true;
	return 0;
}

/* -- a lost password: without mail, the operator's command makes the link -- */

int api_forgot_password(struct req *req, const struct forgot_password *in,
			struct forgot_password_result *out)
{
	(void)req;
	(void)in;
	out->method = S("password_reset"); /* the same for every name */
	return 0;
}

struct resetting {
	struct req *req;
	char hash[PASSWORD_HASH_MAX];
	struct str link;
	struct str token;
};

static int run_reset(struct txn *txn, void *arg)
{
	struct resetting *resetting = arg;
	struct req *req = resetting->req;
	uint8_t hash[TOKEN_HASH_BYTES];
	uint64_t user_id;
	char token[TOKEN_MAX];
	int64_t now = (int64_t)core_wall_us(txn->core);

	if (!token_parse(resetting->link, &user_id, hash))
		return ERR_INVALID_TOKEN;
	struct live_token *link = user_token(user_of(txn), hash);
	if (!link || link->row->kind != TOKEN_RESET || link->row->expires_at < now)
		return ERR_INVALID_TOKEN;
	struct account row = *(struct account *)obj_dup_arena(txn->arena, &desc_account,
							      user_of(txn)->account);
	row.password_hash = str_z(resetting->hash);
	user_put_account(txn, &row);
	user_del_tokens(txn, NULL);
	struct token_row login = {
		.user_id = user_id, .kind = TOKEN_PERSON, .created_at = now, .last_used_at = now
	};
	token_make(core_random(txn->core), user_id, (uint64_t)now / 1000000, token, hash);
	user_put_token(txn, hash, &login);
	resetting->token = arena_str(req->arena, str_z(token));
	return 0;
}

int api_reset_password(struct req *req, const struct reset_password *in, struct login_result *out)
{
	struct resetting resetting = { .req = req, .link = in->token };
	uint8_t hash[TOKEN_HASH_BYTES];
	uint64_t user_id;

	if (!token_parse(in->token, &user_id, hash))
		return ERR_INVALID_TOKEN;
	int r = password_hash_wait(req->core, in->password, resetting.hash);
	if (!r)
		r = cell_call_wait(req->core, CELL_USER, user_id, run_reset, &resetting);
	if (r)
		return r == ENOENT ? ERR_INVALID_TOKEN : r;
	out->token = resetting.token;
	out->has.token = true;
	return 0;
}
