#include "user/token.h"

#include <sodium.h>
#include <stdio.h>

enum { SECRET_BYTES = 32 };

static void encode(char *dst, size_t size, const void *src, size_t len)
{
	sodium_bin2base64(dst, size, src, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void secret_hash(struct str secret, uint8_t ret_hash[TOKEN_HASH_BYTES])
{
	crypto_hash_sha256(ret_hash, (const unsigned char *)secret.ptr, secret.len);
}

void token_make(struct random *random, uint64_t user_id, uint64_t now_s, char ret_token[TOKEN_MAX],
		uint8_t ret_hash[TOKEN_HASH_BYTES])
{
	uint8_t secret[SECRET_BYTES], time[4];
	char id[24], a[40], b[12], c[64];

	random_fill(random, secret, sizeof(secret));
	for (int i = 0; i < 4; i++)
		time[i] = (uint8_t)(now_s >> (24 - 8 * i));
	int n = snprintf(id, sizeof(id), "%lu", user_id);
	encode(a, sizeof(a), id, (size_t)n);
	encode(b, sizeof(b), time, sizeof(time));
	encode(c, sizeof(c), secret, sizeof(secret));
	n = snprintf(ret_token, TOKEN_MAX, "%s.%s.%s", a, b, c);
	secret_hash((struct str){ ret_token, (size_t)n }, ret_hash);
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(c, sizeof(c));
}

bool token_parse(struct str token, uint64_t *ret_user_id, uint8_t ret_hash[TOKEN_HASH_BYTES])
{
	char id[24];
	size_t len;

	if (token.len > 4 && str_ieq((struct str){ token.ptr, 4 }, S("Bot ")))
		token = str_skip(token, 4);
	else if (token.len > 7 && str_ieq((struct str){ token.ptr, 7 }, S("Bearer ")))
		token = str_skip(token, 7);
	token = str_trim(token);
	size_t dot = str_find(token, '.');
	if (dot == token.len || dot > 32 || token.len >= TOKEN_MAX ||
	    sodium_base642bin((unsigned char *)id, sizeof(id), token.ptr, dot, NULL, &len, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING) ||
	    !str_u64((struct str){ id, len }, ret_user_id) || *ret_user_id == 0)
		return false;
	secret_hash(token, ret_hash);
	return true;
}

bool token_hash_eq(const uint8_t a[TOKEN_HASH_BYTES], const uint8_t b[TOKEN_HASH_BYTES])
{
	return sodium_memcmp(a, b, TOKEN_HASH_BYTES) == 0;
}
