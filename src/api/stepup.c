#include "api/stepup.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "api/account.h"
#include "codec/json.h"
#include "config/config.h"
#include "core/local.h"
#include "http/server.h"

enum { TICKET_S = 600, PROOF_S = 300, MAC_BYTES = 32, JWT_MAX = 512 };

#define JWT_HEAD "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" /* {"alg":"HS256","typ":"JWT"} */

static struct str base64url(struct arena *arena, const void *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *text = arena_alloc(arena, size);

	sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return str_z(text);
}

/* With the key that signs links to files; those texts begin otherwise. */
static struct str signature(struct core *core, struct arena *arena, struct str signed_text)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	HMAC(EVP_sha256(), file_key_of(app_of(core)), FILE_KEY_BYTES,
	     (const unsigned char *)signed_text.ptr, signed_text.len, mac, &len);
	return base64url(arena, mac, MAC_BYTES);
}

static struct str jwt_make(struct req *req, const char *use, uint64_t life_s)
{
	struct str claims = arena_printf(
		req->arena, "{\"use\":\"%s\",\"sub\":\"%lu\",\"sid\":\"%lu\",\"exp\":%lu}", use,
		req->who.user_id, req->who.token_id, core_wall_us(req->core) / 1000000 + life_s);
	struct str text = arena_printf(req->arena, JWT_HEAD ".%.*s",
				       STR_FMT(base64url(req->arena, claims.ptr, claims.len)));

	return arena_printf(req->arena, "%.*s.%.*s", STR_FMT(text),
			    STR_FMT(signature(req->core, req->arena, text)));
}

static bool claims_fit(const struct req *req, const json_t *claims, const char *use)
{
	const char *is_use = json_string_value(json_object_get(claims, "use"));
	const char *sub = json_string_value(json_object_get(claims, "sub"));
	const char *sid = json_string_value(json_object_get(claims, "sid"));
	json_int_t exp = json_integer_value(json_object_get(claims, "exp"));
	uint64_t user_id, token_id;

	return is_use && str_eq(str_z(is_use), str_z(use)) && sub &&
		str_u64(str_z(sub), &user_id) && user_id == req->who.user_id && sid &&
		str_u64(str_z(sid), &token_id) && token_id == req->who.token_id &&
		exp > (json_int_t)(core_wall_us(req->core) / 1000000);
}

static bool jwt_check(const struct req *req, struct str jwt, const char *use)
{
	const size_t head = sizeof(JWT_HEAD); /* and the dot */
	size_t dot = jwt.len;
	char claims[JWT_MAX];
	size_t len;

	if (jwt.len > JWT_MAX || !str_starts(jwt, S(JWT_HEAD ".")))
		return false;
	while (dot > head && jwt.ptr[dot - 1] != '.')
		dot--;
	if (dot <= head)
		return false;
	struct str made = signature(req->core, req->arena, (struct str){ jwt.ptr, dot - 1 });
	if (jwt.len - dot != made.len || sodium_memcmp(jwt.ptr + dot, made.ptr, made.len))
		return false;
	if (sodium_base642bin((unsigned char *)claims, sizeof(claims), jwt.ptr + head,
			      dot - 1 - head, NULL, &len, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return false;
	json_t *tree = json_parse((struct str){ claims, len });
	bool fits = tree && claims_fit(req, tree, use);
	json_decref(tree);
	return fits;
}

bool stepup_proven(const struct req *req)
{
	struct str header = http_header(req->http, S("x-discord-mfa-authorization"));

	return header.ptr && jwt_check(req, header, "proof");
}

void stepup_enc(struct req *req, struct enc *enc)
{
	enc_key(enc, "mfa");
	enc_obj_begin(enc);
	enc_key(enc, "ticket");
	enc_str(enc, jwt_make(req, "ticket", TICKET_S));
	enc_key(enc, "methods");
	enc_arr_begin(enc);
	enc_obj_begin(enc);
	enc_key(enc, "type");
	enc_str(enc, req->who.elevated ? S("totp") : S("password"));
	if (req->who.elevated) {
		enc_key(enc, "backup_codes_allowed");
		enc_bool(enc, true);
	}
	enc_obj_end(enc);
	enc_arr_end(enc);
	enc_obj_end(enc);
}

/* The password only where there is no second factor. */
static int prove_wait(struct req *req, const struct mfa_finish *in)
{
	bool factor = user_of(req->txn)->account->totp_secret.len > 0;
	bool code = str_eq(in->mfa_type, S("totp")) || str_eq(in->mfa_type, S("backup"));

	if (factor ? !code : !str_eq(in->mfa_type, S("password")))
		return req_form_error(req, "mfa_type", "BASE_TYPE_CHOICES",
				      "Value must be one of (%s).",
				      factor ? "'totp', 'backup'" : "'password'");
	if (account_too_many_codes(req, req->who.user_id))
		return ERR_RATE_LIMITED;
	if (code)
		return account_use_code(req, in->data) ? 0 : ERR_INVALID_MFA_CODE;
	int r = account_password_check_wait(req, in->data);
	if (r == ERR_INVALID_FORM_BODY) {
		dec_init(&req->dec, req->arena);
		return ERR_INVALID_MFA_CODE;
	}
	return r;
}

int api_mfa_finish(struct req *req, const struct mfa_finish *in, struct mfa_token *out)
{
	if (!jwt_check(req, in->ticket, "ticket"))
		return ERR_INVALID_MFA_TICKET;
	int r = prove_wait(req, in);
	if (!r)
		out->token = jwt_make(req, "proof", PROOF_S);
	return r;
}
