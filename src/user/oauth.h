/* OAuth2 grants in a user's cell: codes, access and refresh tokens. RFC 6749; PKCE: RFC 7636. */
#pragma once

#include "user/token.h"
#include "user/user.h"

enum { OAUTH_CODE_S = 600, OAUTH_ACCESS_S = 604800, OAUTH_REFRESH_S = 90 * 86400 };

/* The words of a scope parameter, in @arena. */
struct str_list oauth_scopes(struct arena *arena, struct str text);
bool oauth_scope_in(const struct str_list *scopes, struct str scope);
/* Joined by spaces. */
struct str oauth_scope_text(struct arena *arena, const struct str_list *scopes);
/* Bits by enum oauth_scope (model/routes.h) of the scopes that open routes. */
uint64_t oauth_scope_bits(const struct str_list *scopes);

/* In the user's own transaction: a code for @grant, valid for ten minutes; the text is put into @ret_code. */
void oauth_put_code(struct txn *txn, const struct grant_code_row *grant, char ret_code[TOKEN_MAX]);

/* For cell_call_wait() on the user's cell: spends a code or a refresh token, or (neither given) grants outright; makes both tokens. */
struct oauth_exchange {
	struct str code, refresh_token; /* one of them, or none */
	uint64_t application_id;
	struct str redirect_uri, verifier;
	struct str_list scopes; /* in when neither is given; out */
	struct arena *arena; /* for what comes out */
	char access[TOKEN_MAX], refresh[TOKEN_MAX];
};
enum { ERR_INVALID_GRANT = 0x7f000003 };
int oauth_exchange_run(struct txn *txn, void *arg);

/* Revokes a token (and its other half): 0 also when it is none. */
struct oauth_revoke {
	uint8_t hash[TOKEN_HASH_BYTES];
	uint64_t application_id;
};
int oauth_revoke_run(struct txn *txn, void *arg);

/* Is it an access token of this user, of that application, with @scope? 0 with the user, or ERR_INVALID_OAUTH2_ACCESS_TOKEN. */
struct oauth_check {
	uint8_t hash[TOKEN_HASH_BYTES];
	uint64_t application_id;
	struct str scope;
	struct arena *arena;
	struct user user;
};
int oauth_check_run(struct txn *txn, void *arg);
