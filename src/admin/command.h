/* What an operator can tell the server: commands by name, the same whether they come by the control socket of a running daemon
 * (admin/control.h) or from `rookery` with a store of its own.
 *
 * A command runs on a fiber of core 0 and may wait. It says its result as a JSON object, or why not in one sentence. */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/str.h"
#include "core/core.h"

/* What commands share in one process. Core 0's, made before the cores run. */
struct buf;
struct admin {
	struct cores *cores;
	const char *data; /* directory */
	const char *version;
	void (*metrics)(
		struct buf *buf,
		struct
		cores *cores); /* Prometheus' text of all counters; NULL: no daemon, nothing counts */
	bool busy; /* a long command runs (backup, check): one at a time */
};

enum admin_arg_kind { ARG_TEXT, ARG_NUMBER, ARG_FLAG, ARG_SECRET };
enum { ADMIN_ARGS_MAX = 6, ADMIN_REQUEST_MAX = 64 << 10, ADMIN_REPLY_MAX = 64 << 20 };

struct admin_arg {
	const char *name;
	enum admin_arg_kind
		kind; /* SECRET: never on a command line, asked for on the terminal or read from standard input */
	bool needed; /* a needed text stands without a name on the command line, in this order */
};

struct admin_call {
	struct admin *admin;
	struct core *core;
	struct arena *arena; /* scratch; dropped after the answer */
	json_t *args; /* an object; checked against the command's arguments */
	json_t *result; /* an object, empty at first */
	char error[512]; /* "" or why not */
	bool quiet; /* asked every second, and changes nothing: no line in the log */
};

struct admin_command {
	const char *name; /* "users.create" */
	const char *help;
	struct admin_arg args[ADMIN_ARGS_MAX];
	/* 0, or negative errno (-ECANCELED with a sentence in call->error). */
	int (*run)(struct admin_call *call);
};

/* All of them; ends with a name of NULL. */
extern const struct admin_command admin_commands[];
const struct admin_command *admin_command_find(const char *name);

/* Reads a request, `{"command":"users.create","args":{"name":"ann"}}`: any bytes. 0 with the command and its checked arguments (the
 * caller's reference); -EINVAL with a sentence. Any thread. */
int admin_request_parse(struct str text, const struct admin_command **ret_command,
			json_t **ret_args, char *ret_why, size_t why_size);
/* Runs a command and makes its answer: {"ok":true,...} or {"ok":false,"error":"..."}. On a fiber of core 0; @args is borrowed. */
json_t *admin_run_wait(struct admin *admin, struct core *core, const struct admin_command *command,
		       json_t *args);
/* {"ok":false,"error":why}. */
json_t *admin_refusal(const char *why);

/* -- for the commands -- */

/* Says why not: returns -ECANCELED. */
int admin_fail(struct admin_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The error of a call below in words: 0 stays 0. */
int admin_result(struct admin_call *call, int r, const char *what);
/* Arguments; the null view, 0 and false when absent. */
struct str admin_text(const struct admin_call *call, const char *name);
uint64_t admin_number(const struct admin_call *call, const char *name);
bool admin_flag(const struct admin_call *call, const char *name);
/* Adds to the result or to any object. Null views become null. */
void admin_set_str(json_t *object, const char *key, struct str value);
void admin_set_id(json_t *object, const char *key, uint64_t id);
void admin_set_int(json_t *object, const char *key, uint64_t value);
void admin_set_bool(json_t *object, const char *key, bool value);
/* Microseconds of Unix time as 2023-02-19T22:00:33Z; 0 is null. */
void admin_set_time(json_t *object, const char *key, int64_t us);
/* A user's id from what was typed: a user name, a mail address or an id. Waits. */
int admin_find_user_wait(struct admin_call *call, struct str typed, uint64_t *ret_id);

/* Puts one row, durable when it returns. On a fiber. */
int admin_put_wait(struct core *core, struct str key, struct str value);

/* -- walks over the store, in pages -- */

/* The first row of each partition of a table byte whose partition is one id, from id @from on; *ret_next is where to go on, 0 at the end. On a
 * fiber; looks at @limit partitions at most. */
struct admin_first {
	uint64_t id;
	struct str key, value; /* in the arena */
};
int admin_walk_wait(struct core *core, struct arena *arena, uint8_t table, uint64_t from,
		    uint32_t limit, struct admin_first **ret_list, uint32_t *ret_count,
		    uint64_t *ret_next);

#define ADMIN_COMMANDS(X)                                                                       \
	X(admin_status)                                                                         \
	X(admin_metrics)                                                                        \
	X(admin_users_list)                                                                     \
	X(admin_users_show)                                                                     \
	X(admin_users_create)                                                                   \
	X(admin_users_set_password)                                                             \
	X(admin_users_disable)                                                                  \
	X(admin_users_enable)                                                                   \
	X(admin_users_delete)                                                                   \
	X(admin_users_reset_mfa)                                                                \
	X(admin_users_link)                                                                     \
	X(admin_users_set_owner)                                                                \
	X(admin_tokens_list)                                                                    \
	X(admin_tokens_revoke)                                                                  \
	X(admin_bots_list) X(admin_bots_create) X(admin_bots_reset_token) X(admin_bots_disable) \
		X(admin_bots_enable) X(admin_guilds_list) X(admin_guilds_transfer)              \
			X(admin_guilds_delete) X(admin_secrets_rotate) X(admin_check)           \
				X(admin_backup) X(admin_fault)
#define DECLARE(name) int name(struct admin_call *call);
ADMIN_COMMANDS(DECLARE)
#undef DECLARE
