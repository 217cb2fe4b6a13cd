#include "user/oauth.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#include "codec/dup.h"
#include "model/routes.h"

enum { SCOPES_MAX = 32, HEX = 2 * TOKEN_HASH_BYTES + 1 };

struct str_list oauth_scopes(struct arena *arena, struct str text)
{
	struct str_list list = { arena_array(arena, struct str, SCOPES_MAX), 0 };

	while (text.len && list.count < SCOPES_MAX) {
		size_t end = 0;

		while (end < text.len && text.ptr[end] != ' ' && text.ptr[end] != '+')
			end++;
		if (end && !oauth_scope_in(&list, (struct str){ text.ptr, end }))
			list.items[list.count++] = (struct str){ text.ptr, end };
		text = str_skip(text, end + 1);
	}
	return list;
}

bool oauth_scope_in(const struct str_list *scopes, struct str scope)
{
	for (uint32_t i = 0; i < scopes->count; i++)
		if (str_eq(scopes->items[i], scope))
			return true;
	return false;
}

struct str oauth_scope_text(struct arena *arena, const struct str_list *scopes)
{
	struct str text = S("");

	for (uint32_t i = 0; i < scopes->count; i++)
		text = arena_printf(arena, "%.*s%s%.*s", STR_FMT(text), i ? " " : "",
				    STR_FMT(scopes->items[i]));
	return text;
}

uint64_t oauth_scope_bits(const struct str_list *scopes)
{
	uint64_t bits = 0;

	for (int i = 0; i < OAUTH_SCOPE_COUNT; i++)
		if (oauth_scope_in(scopes, str_z(oauth_scope_names[i])))
			bits |= 1ULL << i;
	return bits;
}

static uint64_t now_us(struct txn *txn)
{
	return core_wall_us(txn->core);
}

void oauth_put_code(struct txn *txn, const struct grant_code_row *grant, char ret_code[TOKEN_MAX])
{
	struct grant_code_row row = *grant;
	uint8_t hash[TOKEN_HASH_BYTES];
	struct key key;

	row.user_id = txn->cell->id;
	row.expires_at = (int64_t)(now_us(txn) + OAUTH_CODE_S * 1000000ULL);
	token_make(core_random(txn->core), txn->cell->id, now_us(txn) / 1000000, ret_code, hash);
	txn_put(txn, key_grant_code(&key, txn->cell->id, hash), &desc_grant_code_row, &row);
}

static void hex(const uint8_t hash[TOKEN_HASH_BYTES], char ret[HEX])
{
	sodium_bin2hex(ret, HEX, hash, TOKEN_HASH_BYTES);
}

/* RFC 7636 4.6. */
static bool verifier_fits(const struct grant_code_row *row, struct str verifier)
{
	uint8_t hash[TOKEN_HASH_BYTES];
	char text[64];

	if (!row->code_challenge.len)
		return true;
	if (!verifier.len)
		return false;
	if (!str_eq(row->code_challenge_method, S("S256")))
		return str_eq(row->code_challenge, verifier);
	secret_hash(verifier, hash);
	sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return str_eq(row->code_challenge, str_z(text));
}

static int spend_code_wait(struct txn *txn, struct oauth_exchange *in, struct str *ret_key,
			   struct key *key)
{
	struct grant_code_row row = {};
	uint8_t hash[TOKEN_HASH_BYTES];
	uint64_t user_id;

	if (!token_parse(in->code, &user_id, hash))
		return ERR_INVALID_GRANT;
	*ret_key = key_grant_code(key, txn->cell->id, hash);
	int r = txn_lock_wait(txn, *ret_key);
	if (!r)
		r = txn_get_obj_wait(txn, *ret_key, &desc_grant_code_row, &row);
	if (r)
		return r == ENOENT ? ERR_INVALID_GRANT : r;
	if (row.application_id != in->application_id || row.expires_at < (int64_t)now_us(txn) ||
	    (row.redirect_uri.len && !str_eq(row.redirect_uri, in->redirect_uri)) ||
	    !verifier_fits(&row, in->verifier))
		return ERR_INVALID_GRANT;
	in->scopes = row.scopes;
	return 0;
}

static int spend_refresh(struct txn *txn, struct oauth_exchange *in, uint8_t hash[TOKEN_HASH_BYTES])
{
	uint64_t user_id;

	if (!token_parse(in->refresh_token, &user_id, hash))
		return ERR_INVALID_GRANT;
	const struct live_token *token = user_token(user_of(txn), hash);
	if (!token || token->row->kind != TOKEN_REFRESH ||
	    token->row->application_id != in->application_id ||
	    token->row->expires_at < (int64_t)now_us(txn))
		return ERR_INVALID_GRANT;
	struct token_row *copy = obj_dup_arena(txn->arena, &desc_token_row, token->row);
	in->scopes = copy->scopes;
	return 0;
}

/* The access token that a refresh token was made with. */
static void drop_pair(struct txn *txn, const uint8_t hash[TOKEN_HASH_BYTES])
{
	const struct live_token *token = user_token(user_of(txn), hash);
	uint8_t other[TOKEN_HASH_BYTES];
	size_t len;

	if (!token)
		return;
	bool paired = token->row->pair_hash.len &&
		!sodium_hex2bin(other, sizeof(other), token->row->pair_hash.ptr,
				token->row->pair_hash.len, NULL, &len, NULL);
	user_del_token(txn, hash);
	if (paired)
		user_del_token(txn, other);
}

static void put_pair(struct txn *txn, struct oauth_exchange *in)
{
	int64_t now = (int64_t)now_us(txn);
	uint8_t access[TOKEN_HASH_BYTES], refresh[TOKEN_HASH_BYTES];
	char access_hex[HEX], refresh_hex[HEX];
	struct token_row row = { .user_id = txn->cell->id,
				 .application_id = in->application_id,
				 .scopes = in->scopes,
				 .created_at = now,
				 .last_used_at = now };

	token_make(core_random(txn->core), row.user_id, (uint64_t)now / 1000000, in->access,
		   access);
	token_make(core_random(txn->core), row.user_id, (uint64_t)now / 1000000, in->refresh,
		   refresh);
	hex(access, access_hex);
	hex(refresh, refresh_hex);
	row.kind = TOKEN_OAUTH;
	row.expires_at = now + OAUTH_ACCESS_S * 1000000LL;
	row.pair_hash = str_z(refresh_hex);
	user_put_token(txn, access, &row);
	row.kind = TOKEN_REFRESH;
	row.expires_at = now + OAUTH_REFRESH_S * 1000000LL;
	row.pair_hash = str_z(access_hex);
	user_put_token(txn, refresh, &row);
}

int oauth_exchange_run(struct txn *txn, void *arg)
{
	struct oauth_exchange *in = arg;
	uint8_t spent[TOKEN_HASH_BYTES];
	struct str code_key = {};
	struct key key;
	int r = 0;

	if (in->code.len)
		r = spend_code_wait(txn, in, &code_key, &key);
	else if (in->refresh_token.len)
		r = spend_refresh(txn, in, spent);
	if (r)
		return r;
	if (in->code.len)
		txn_del(txn, code_key);
	put_pair(txn, in);
	if (in->refresh_token.len)
		drop_pair(txn, spent);
	/* What the caller reads lies in this transaction's arena: give it a copy. */
	struct token_row carrier = { .scopes = in->scopes };
	in->scopes =
		((struct token_row *)obj_dup_arena(in->arena, &desc_token_row, &carrier))->scopes;
	return 0;
}

int oauth_revoke_run(struct txn *txn, void *arg)
{
	const struct oauth_revoke *in = arg;
	const struct live_token *token = user_token(user_of(txn), in->hash);

	if (token && token->row->application_id == in->application_id &&
	    (token->row->kind == TOKEN_OAUTH || token->row->kind == TOKEN_REFRESH))
		drop_pair(txn, in->hash);
	return 0;
}

int oauth_check_run(struct txn *txn, void *arg)
{
	struct oauth_check *in = arg;
	const struct live_token *token = user_token(user_of(txn), in->hash);

	if (!token || token->row->kind != TOKEN_OAUTH ||
	    token->row->application_id != in->application_id ||
	    token->row->expires_at < (int64_t)now_us(txn) ||
	    !oauth_scope_in(&token->row->scopes, in->scope))
		return ERR_INVALID_OAUTH2_ACCESS_TOKEN;
	struct user user = user_public(user_of(txn)->account);
	in->user = *(struct user *)obj_dup_arena(in->arena, &desc_user, &user);
	return 0;
}
