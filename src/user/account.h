/* Making accounts and logging in: what the REST routes and the operator's command share. On a fiber of any core. */
#pragma once

#include "user/token.h"
#include "user/user.h"

struct account_new {
	struct str username; /* canonical */
	struct str global_name; /* may be null */
	struct str email; /* canonical, may be null */
	struct str password; /* null: no login by password (bots) */
	struct str date_of_birth, locale;
	bool bot, operator;
	struct application *application; /* of a bot: id is filled in here */
	struct str address, os; /* of the login that is made with it */
};
/* 0 with the id and a first token (of people; "" for bots). ERR_NAME_TAKEN (user name), ERR_EMAIL_TAKEN, ERR_UNAVAILABLE,
 * -EAGAIN. */
int account_create_wait(struct core *core, const struct account_new *spec, uint64_t *ret_id,
			char ret_token[TOKEN_MAX]);

struct login_try {
	struct str name; /* user name or mail address, as typed */
	struct str password;
	struct str address, os;
};
enum login_outcome { LOGIN_OK, LOGIN_WRONG, LOGIN_MFA, LOGIN_DISABLED, LOGIN_DELETED };
/* The same answer and time for an unknown name and a wrong password. 0 with the outcome, the id (unless WRONG), a token (OK) or a
 * ticket (MFA). */
int account_login_wait(struct core *core, const struct login_try *login, enum login_outcome *ret,
		       uint64_t *ret_id, char ret_token[TOKEN_MAX]);
/* Is this @user_id's password? 0 with *ret_match. */
int account_password_wait(struct core *core, uint64_t user_id, struct str password,
			  bool *ret_match);
/* A fresh token of @kind. */
int account_token_wait(struct core *core, uint64_t user_id, enum token_kind kind,
		       struct str address, struct str os, char ret_token[TOKEN_MAX]);

enum { ERR_EMAIL_TAKEN = 0x7f000002 };
