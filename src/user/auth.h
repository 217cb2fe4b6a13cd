/* Who calls, and the question put to a user's cell for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct txn;

/* Known before a handler runs. */
struct who {
	uint64_t user_id; /* 0: nobody (auth none) */
	bool bot;
	bool oauth;	    /* a Bearer token of OAuth2: only what its scopes open */
	uint64_t scopes;	 /* bits by enum oauth_scope */
	uint64_t application_id; /* whose token it is, with oauth */
	bool elevated;      /* MFA is on for this account; of a bot: for its owner's */
	uint64_t app_flags; /* bots: the application's flags (privileged intents) */
	uint64_t token_id;  /* first bytes of the token's hash: names the login */
	uint8_t token_hash[32];
};

/* For cell_call_wait() on the user's cell: fills who for a token hash. 0 or ERR_UNAUTHORIZED. */
struct auth_query {
	uint8_t hash[32];
	struct who who;
};
int user_auth(struct txn *txn, void *arg);
