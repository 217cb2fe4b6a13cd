/* The token endpoint (RFC 6749 4.1.3, 4.4, 6) and revocation (RFC 7009). Errors have OAuth2's own shape. */
#include <errno.h>
#include <sodium.h>

#include "api/req.h"
#include "http/server.h"
#include "user/bot.h"
#include "user/oauth.h"

static int refuse(struct req *req, uint16_t status, struct str error, struct str description)
{
	struct enc *enc = req_enc(req);

	req->status = status;
	enc_obj_begin(enc);
	enc_key(enc, "error");
	enc_str(enc, error);
	enc_key(enc, "error_description");
	enc_str(enc, description);
	enc_obj_end(enc);
	return 0;
}

/* "Basic base64(id:secret)", or the two fields of the body. */
static bool read_client(struct req *req, uint64_t body_id, struct str body_secret, uint64_t *ret_id,
			struct str *ret_secret)
{
	struct str header = http_header(req->http, S("authorization"));
	char *text;
	size_t len;

	*ret_id = body_id;
	*ret_secret = body_secret;
	if (header.len <= 6 || !str_ieq((struct str){ header.ptr, 6 }, S("Basic ")))
		return body_id != 0;
	header = str_skip(header, 6);
	text = arena_alloc(req->arena, header.len + 1);
	if (sodium_base642bin((unsigned char *)text, header.len + 1, header.ptr, header.len, NULL,
			      &len, NULL, sodium_base64_VARIANT_ORIGINAL))
		return false;
	size_t colon = str_find((struct str){ text, len }, ':');
	if (colon == len || !str_u64((struct str){ text, colon }, ret_id))
		return false;
	*ret_secret = (struct str){ text + colon + 1, len - colon - 1 };
	return true;
}

static int check_client_wait(struct req *req, uint64_t id, struct str secret,
			     struct application *ret)
{
	struct bot_reading reading = { .arena = req->arena };
	uint8_t hash[TOKEN_HASH_BYTES];
	char hex[2 * TOKEN_HASH_BYTES + 1];

	int r = cell_call_wait(req->core, CELL_USER, id, bot_read_run, &reading);
	if (r)
		return r;
	secret_hash(secret, hash);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	struct str kept = reading.application.secret_hash;
	if (kept.len != sizeof(hex) - 1 || sodium_memcmp(kept.ptr, hex, kept.len))
		return ENOENT;
	*ret = reading.application;
	return 0;
}

static int answer(struct req *req, const struct oauth_exchange *exchange)
{
	struct token_response out = { .token_type = S("Bearer"),
				      .access_token = str_z(exchange->access),
				      .expires_in = OAUTH_ACCESS_S,
				      .refresh_token = str_z(exchange->refresh),
				      .scope = oauth_scope_text(req->arena, &exchange->scopes) };

	out.has.refresh_token = true;
	enc_token_response(req_enc(req), &out);
	return 0;
}

int api_oauth2_token(struct req *req, const struct token_request *in)
{
	struct oauth_exchange exchange = { .arena = req->arena,
					   .redirect_uri = in->redirect_uri,
					   .verifier = in->code_verifier };
	struct application application;
	uint8_t hash[TOKEN_HASH_BYTES];
	uint64_t client_id, user_id;
	struct str secret;

	if (!read_client(req, in->client_id, in->client_secret, &client_id, &secret) ||
	    check_client_wait(req, client_id, secret, &application))
		return refuse(req, 401, S("invalid_client"), S("Invalid client credentials"));
	exchange.application_id = client_id;
	if (str_eq(in->grant_type, S("authorization_code"))) {
		exchange.code = in->code;
		if (!token_parse(in->code, &user_id, hash))
			return refuse(req, 400, S("invalid_grant"),
				      S("Invalid \"code\" in request."));
	} else if (str_eq(in->grant_type, S("refresh_token"))) {
		exchange.refresh_token = in->refresh_token;
		if (!token_parse(in->refresh_token, &user_id, hash))
			return refuse(req, 400, S("invalid_grant"),
				      S("Invalid \"refresh_token\" in request."));
	} else if (str_eq(in->grant_type, S("client_credentials"))) {
		user_id = application.owner_id;
		exchange.scopes = oauth_scopes(req->arena, in->scope);
	} else {
		return refuse(req, 400, S("unsupported_grant_type"),
			      S("Grant type None is not supported"));
	}
	int r = cell_call_wait(req->core, CELL_USER, user_id, oauth_exchange_run, &exchange);
	if (r == ERR_INVALID_GRANT || r == ENOENT)
		return refuse(req, 400, S("invalid_grant"),
			      S("The grant is unknown, used or expired."));
	return r ? r : answer(req, &exchange);
}

int api_oauth2_token_revoke(struct req *req, const struct token_revoke *in)
{
	struct application application;
	struct oauth_revoke revoke = {};
	uint64_t client_id, user_id;
	struct str secret;

	if (!read_client(req, in->client_id, in->client_secret, &client_id, &secret) ||
	    check_client_wait(req, client_id, secret, &application))
		return refuse(req, 401, S("invalid_client"), S("Invalid client credentials"));
	req->status = 200;
	enc_obj_begin(req_enc(req));
	enc_obj_end(&req->enc);
	revoke.application_id = client_id;
	if (!token_parse(in->token, &user_id, revoke.hash))
		return 0; /* RFC 7009 2.2: an unknown token is as good as revoked */
	int r = cell_call_wait(req->core, CELL_USER, user_id, oauth_revoke_run, &revoke);
	return r == ENOENT ? 0 : r;
}
