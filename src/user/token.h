/* Tokens in Discord's three parts A.B.C: the user's id, the time of issue, a secret of 256 random bits; base64url
 * without padding. Only SHA-256 of the whole token is kept. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/str.h"

enum { TOKEN_HASH_BYTES = 32, TOKEN_MAX = 128 };

/* Writes a fresh token for @user_id (NUL-terminated) and its hash. @now_s: Unix seconds. */
void token_make(struct random *random, uint64_t user_id, uint64_t now_s, char ret_token[TOKEN_MAX],
		uint8_t ret_hash[TOKEN_HASH_BYTES]);
/* Takes "A.B.C", alone or after "Bot " or "Bearer ": the id in A and the hash of the token. False when it is no token at
 * all. */
bool token_parse(struct str token, uint64_t *ret_user_id, uint8_t ret_hash[TOKEN_HASH_BYTES]);
/* Constant time. */
bool token_hash_eq(const uint8_t a[TOKEN_HASH_BYTES], const uint8_t b[TOKEN_HASH_BYTES]);
/* Any secret's hash: SHA-256. */
void secret_hash(struct str secret, uint8_t ret_hash[TOKEN_HASH_BYTES]);
