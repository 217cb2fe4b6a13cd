/* Registration and login. */
#include <errno.h>

#include "api/internal.h"
#include "base/log.h"
#include "config/config.h"
#include "realm/invite.h"
#include "user/account.h"
#include "user/name.h"

enum { MINUTE_MS = 60000, LOGINS = 20, LOGINS_OF_NAME = 10, REGISTRATIONS = 10 };

static struct str os_of(const struct req *req)
{
	return req->user_agent.len > 256 ? (struct str){ req->user_agent.ptr, 256 }
					 : req->user_agent;
}

static int taken(struct req *req, int r)
{
	if (r == ERR_NAME_TAKEN)
		return req_form_error(req, "username", "USERNAME_ALREADY_TAKEN",
				      "This username is already taken.");
	if (r == ERR_EMAIL_TAKEN)
		return req_form_error(req, "email", "EMAIL_ALREADY_REGISTERED",
				      "Email is already registered.");
	return r;
}

/* May strangers make accounts here? 0, or the form error that says why not. */
static int may_register(struct req *req, struct str invite)
{
	const struct config *config = config_of(req->core);
	enum registration policy = config->registration;
	uint64_t guild_id;

	if (policy == REGISTRATION_DEFAULT)
		policy = config_is_local(config) && !atomic_load(&app_of(req->core)->has_owner)
			? REGISTRATION_OPEN
			: REGISTRATION_INVITE;
	if (policy == REGISTRATION_OPEN)
		return 0;
	if (policy == REGISTRATION_CLOSED)
		return req_form_error(req, "username", "REGISTRATION_CLOSED",
				      "This server takes no new accounts.");
	int r = invite.len ? invite_find_wait(req->core, req->arena, invite, &guild_id)
			   : ERR_UNKNOWN_INVITE;
	if (r == ERR_UNKNOWN_INVITE)
		return req_form_error(req, "invite", "INVITE_REQUIRED",
				      "An invite is needed to make an account here.");
	return r;
}

/* The invite that came along: the account is made whether or not it still holds. */
static void accept_invite(struct req *req, struct str code, uint64_t user_id)
{
	struct invite shown;

	req->path.code = code;
	req->who.user_id = user_id;
	int r = api_accept_invite(req, &(struct invite_accept){}, &shown);
	if (r)
		log_debug("invite not accepted at registration r=%d", r);
}

int api_register(struct req *req, const struct account_register *in, struct register_result *out)
{
	char token[TOKEN_MAX];
	uint64_t id;

	if (req_throttled(req, S("register"), req->address, REGISTRATIONS, MINUTE_MS))
		return ERR_RATE_LIMITED;
	int r = may_register(req, in->invite);
	if (r)
		return r;
	if (!in->username.ptr)
		return req_form_error(req, "username", "BASE_TYPE_REQUIRED",
				      "This field is required");
	if (!in->password.ptr)
		return req_form_error(req, "password", "BASE_TYPE_REQUIRED",
				      "This field is required");
	if (!in->consent)
		return req_form_error(req, "consent", "BASE_TYPE_REQUIRED",
				      "The terms must be agreed to.");
	struct account_new spec = {
		.username = username_canonical(req->arena, in->username),
		.global_name = in->global_name,
		.password = in->password,
		.email = in->email.len ? in->email : (struct str){},
		.date_of_birth = in->date_of_birth,
		.address = req->address,
		.os = os_of(req),
	};
	if (!spec.username.ptr)
		return req_form_error(
			req, "username", "USERNAME_INVALID_CONTAINS",
			"Username may only use numbers, letters, underscores _ , or periods.");
	r = account_create_wait(req->core, &spec, &id, token);
	if (r)
		return taken(req, r);
	out->token = arena_str(req->arena, str_z(token));
	if (in->invite.len)
		accept_invite(req, in->invite, id);
	return 0;
}

static int wrong_login(struct req *req)
{
	req_form_error(req, "login", "INVALID_LOGIN", "Login or password is invalid.");
	return req_form_error(req, "password", "INVALID_LOGIN", "Login or password is invalid.");
}

int api_login(struct req *req, const struct login *in, struct login_result *out)
{
	struct login_try try = { .name = in->login.ptr ? in->login : in->email,
				 .password = in->password,
				 .address = req->address,
				 .os = os_of(req) };
	struct login_settings *settings = arena_new(req->arena, struct login_settings);
	enum login_outcome outcome;
	char token[TOKEN_MAX];
	uint64_t id;

	if (!try.name.ptr)
		return req_form_error(req, "login", "BASE_TYPE_REQUIRED", "This field is required");
	if (req_throttled(req, S("login"), req->address, LOGINS, MINUTE_MS) ||
	    req_throttled(req, S("login name"), try.name, LOGINS_OF_NAME, MINUTE_MS))
		return ERR_RATE_LIMITED;
	int r = account_login_wait(req->core, &try, &outcome, &id, token);
	if (r)
		return r;
	switch (outcome) {
	case LOGIN_WRONG: return wrong_login(req);
	case LOGIN_DISABLED: return ERR_ACCOUNT_DISABLED;
	case LOGIN_DELETED: return ERR_ACCOUNT_SCHEDULED_FOR_DELETION;
	case LOGIN_MFA:
		out->mfa = out->has.mfa = true;
		out->ticket = arena_str(req->arena, str_z(token));
		out->has.ticket = true;
		out->totp = out->has.totp = true;
		out->sms = false;
		out->has.sms = true;
		out->backup = out->has.backup = true;
		out->has.token = out->has.webauthn = true;
		break;
	case LOGIN_OK:
		out->token = arena_str(req->arena, str_z(token));
		out->has.token = true;
		*settings = (struct login_settings){ S("en-US"), S("dark") };
		out->user_settings = settings;
		out->has.user_settings = true;
		break;
	}
	out->user_id = id;
	out->has.user_id = true;
	return 0;
}
