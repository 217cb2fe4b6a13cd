/* The table of commands, and how requests become calls of them. */
#include <errno.h>
#include <string.h>

#include "admin/command.h"
#include "base/err.h"
#include "base/log.h"
#include "codec/json.h"

const struct admin_command admin_commands[] = {
	{ "status", "what the server is and how it is", {}, admin_status },
	{ "metrics",
	  "the counters of the running daemon, in Prometheus' format",
	  {},
	  admin_metrics },
	{ "users.list",
	  "people and bots, by age",
	  { { "after", ARG_NUMBER, false },
	    { "limit", ARG_NUMBER, false },
	    { "bots", ARG_FLAG, false } },
	  admin_users_list },
	{ "users.show", "one account", { { "name", ARG_TEXT, true } }, admin_users_show },
	{ "users.create",
	  "makes an account; --owner: the instance's owner, --operator: may do what operators may",
	  { { "name", ARG_TEXT, true },
	    { "password", ARG_SECRET, true },
	    { "email", ARG_TEXT, false },
	    { "operator", ARG_FLAG, false },
	    { "owner", ARG_FLAG, false } },
	  admin_users_create },
	{ "users.set-password",
	  "sets a password; all logins end",
	  { { "name", ARG_TEXT, true }, { "password", ARG_SECRET, true } },
	  admin_users_set_password },
	{ "users.set-owner",
	  "makes an account the instance's owner",
	  { { "name", ARG_TEXT, true } },
	  admin_users_set_owner },
	{ "users.disable",
	  "no login any more; all logins end",
	  { { "name", ARG_TEXT, true } },
	  admin_users_disable },
	{ "users.enable", "may log in again", { { "name", ARG_TEXT, true } }, admin_users_enable },
	{ "users.delete",
	  "leaves all guilds, loses name, mail and password; what was said stays",
	  { { "name", ARG_TEXT, true } },
	  admin_users_delete },
	{ "users.reset-mfa",
	  "takes the second factor off",
	  { { "name", ARG_TEXT, true } },
	  admin_users_reset_mfa },
	{ "users.link",
	  "a one-time token to set a new password with, good for a day",
	  { { "name", ARG_TEXT, true } },
	  admin_users_link },
	{ "tokens.list",
	  "logins of an account",
	  { { "name", ARG_TEXT, true } },
	  admin_tokens_list },
	{ "tokens.revoke",
	  "ends all logins of an account, open sessions too",
	  { { "name", ARG_TEXT, true } },
	  admin_tokens_revoke },
	{ "bots.list",
	  "bots and who they belong to",
	  { { "after", ARG_NUMBER, false }, { "limit", ARG_NUMBER, false } },
	  admin_bots_list },
	{ "bots.create",
	  "an application with its bot; the token is shown this once",
	  { { "name", ARG_TEXT, true }, { "owner", ARG_TEXT, true } },
	  admin_bots_create },
	{ "bots.reset-token",
	  "a new token; who had the old one is out",
	  { { "id", ARG_TEXT, true } },
	  admin_bots_reset_token },
	{ "bots.disable",
	  "its token ends, and it gets no new one",
	  { { "id", ARG_TEXT, true } },
	  admin_bots_disable },
	{ "bots.enable",
	  "may have a token again",
	  { { "id", ARG_TEXT, true } },
	  admin_bots_enable },
	{ "guilds.list",
	  "guilds, by age",
	  { { "after", ARG_NUMBER, false }, { "limit", ARG_NUMBER, false } },
	  admin_guilds_list },
	{ "guilds.transfer",
	  "gives a guild to one of its members",
	  { { "id", ARG_TEXT, true }, { "name", ARG_TEXT, true } },
	  admin_guilds_transfer },
	{ "guilds.delete",
	  "deletes a guild with all that was said in it",
	  { { "id", ARG_TEXT, true } },
	  admin_guilds_delete },
	{ "secrets.rotate",
	  "a new key for links to files; links made before end",
	  {},
	  admin_secrets_rotate },
	{ "fault",
	  "breaks a guild, an account (assert, behind, check, landed, load, row, write) or a session "
	  "(kept, "
	  "ring) on purpose, where the server has faults = true",
	  { { "name", ARG_TEXT, true },
	    { "id", ARG_TEXT, true },
	    { "times", ARG_NUMBER, false },
	    { "user", ARG_FLAG, false } },
	  admin_fault },
	{ "check", "reads every row of the store, and whether they fit together", {}, admin_check },
	{ "backup",
	  "a copy of everything, checked, in a new directory",
	  { { "dest", ARG_TEXT, true } },
	  admin_backup },
	{},
};

const struct admin_command *admin_command_find(const char *name)
{
	for (const struct admin_command *command = admin_commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static const struct admin_arg *arg_find(const struct admin_command *command, const char *name)
{
	for (size_t i = 0; i < ADMIN_ARGS_MAX && command->args[i].name; i++)
		if (!strcmp(command->args[i].name, name))
			return &command->args[i];
	return NULL;
}

/* Texts are free of NULs (jansson refuses them) and not endless. */
static bool fits(const struct admin_arg *arg, const json_t *value)
{
	switch (arg->kind) {
	case ARG_TEXT:
	case ARG_SECRET:
		return json_is_string(value) && json_string_length(value) > 0 &&
			json_string_length(value) <= 4096;
	case ARG_NUMBER: return json_is_integer(value) && json_integer_value(value) >= 0;
	case ARG_FLAG: return json_is_boolean(value);
	}
	return false;
}

static int check_args(const struct admin_command *command, json_t *args, char *why, size_t size)
{
	const char *key;
	json_t *value;

	json_object_foreach(args, key, value)
	{
		const struct admin_arg *arg = arg_find(command, key);

		if (!arg) {
			snprintf(why, size, "%s takes no \"%.60s\"", command->name, key);
			return -EINVAL;
		}
		if (!fits(arg, value)) {
			snprintf(why, size, "%s: \"%s\" does not fit", command->name, arg->name);
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < ADMIN_ARGS_MAX && command->args[i].name; i++)
		if (command->args[i].needed && !json_object_get(args, command->args[i].name)) {
			snprintf(why, size, "%s needs \"%s\"", command->name,
				 command->args[i].name);
			return -EINVAL;
		}
	return 0;
}

int admin_request_parse(struct str text, const struct admin_command **ret_command,
			json_t **ret_args, char *ret_why, size_t why_size)
{
	json_t *tree = text.len <= ADMIN_REQUEST_MAX ? json_parse(text) : NULL;
	const char *name = json_string_value(json_object_get(tree, "command"));
	json_t *args = json_object_get(tree, "args");
	int r = -EINVAL;

	if (!json_is_object(tree) || !name) {
		snprintf(ret_why, why_size, "a request is {\"command\":\"...\",\"args\":{...}}");
	} else if (!admin_command_find(name)) {
		snprintf(ret_why, why_size, "there is no command \"%.60s\"", name);
	} else if (args && !json_is_object(args)) {
		snprintf(ret_why, why_size, "\"args\" is an object");
	} else {
		json_t *given = args ? json_incref(args) : json_object();

		r = check_args(admin_command_find(name), given, ret_why, why_size);
		if (!r) {
			*ret_command = admin_command_find(name);
			*ret_args = given;
		} else {
			json_decref(given);
		}
	}
	json_decref(tree);
	return r;
}

json_t *admin_refusal(const char *why)
{
	json_t *answer = json_object();

	json_object_set_new(answer, "ok", json_false());
	admin_set_str(answer, "error", str_z(why));
	return answer;
}

json_t *admin_run_wait(struct admin *admin, struct core *core, const struct admin_command *command,
		       json_t *args)
{
	struct arena arena;
	struct admin_call call = {
		.admin = admin, .core = core, .arena = &arena, .args = args, .result = json_object()
	};

	arena_init(&arena);
	json_object_set_new(call.result, "ok", json_true());
	int r = command->run(&call);
	if (!call.quiet || r)
		log_info("command name=%s r=%d", command->name, r);
	if (r) {
		json_object_set_new(call.result, "ok", json_false());
		admin_set_str(call.result, "error",
			      call.error[0] ? str_z(call.error)
					    : str_z(strerror(r < 0 ? -r : EIO)));
	}
	arena_done(&arena);
	return call.result;
}
