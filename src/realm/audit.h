/* The audit log: one entry for each act that configures or moderates, a row of the same transaction, and an event for
 * those who may read the log.
 *
 *	struct audit audit = audit_begin(txn, actor_id, AUDIT_ROLE_UPDATE, role_id, req_reason(req));
 *	audit_str(&audit, "name", before->name, after->name);     adds a change only when the values differ
 *	audit_put(&audit);                                        nothing when an _UPDATE changed nothing
 */
#pragma once

#include "realm/realm.h"

enum audit_action {
	AUDIT_GUILD_UPDATE = 1,
	AUDIT_CHANNEL_CREATE = 10,
	AUDIT_CHANNEL_UPDATE,
	AUDIT_CHANNEL_DELETE,
	AUDIT_OVERWRITE_CREATE = 13,
	AUDIT_OVERWRITE_UPDATE,
	AUDIT_OVERWRITE_DELETE,
	AUDIT_MEMBER_KICK = 20,
	AUDIT_MEMBER_PRUNE,
	AUDIT_BAN_ADD,
	AUDIT_BAN_REMOVE,
	AUDIT_MEMBER_UPDATE,
	AUDIT_MEMBER_ROLE_UPDATE,
	AUDIT_MEMBER_MOVE,
	AUDIT_MEMBER_DISCONNECT,
	AUDIT_BOT_ADD,
	AUDIT_ROLE_CREATE = 30,
	AUDIT_ROLE_UPDATE,
	AUDIT_ROLE_DELETE,
	AUDIT_INVITE_CREATE = 40,
	AUDIT_INVITE_UPDATE,
	AUDIT_INVITE_DELETE,
	AUDIT_WEBHOOK_CREATE = 50,
	AUDIT_WEBHOOK_UPDATE,
	AUDIT_WEBHOOK_DELETE,
	AUDIT_EMOJI_CREATE = 60,
	AUDIT_EMOJI_UPDATE,
	AUDIT_EMOJI_DELETE,
	AUDIT_MESSAGE_DELETE = 72,
	AUDIT_MESSAGE_BULK_DELETE,
	AUDIT_MESSAGE_PIN,
	AUDIT_MESSAGE_UNPIN,
	AUDIT_INTEGRATION_CREATE = 80,
	AUDIT_INTEGRATION_UPDATE,
	AUDIT_INTEGRATION_DELETE,
	AUDIT_THREAD_CREATE = 110,
	AUDIT_THREAD_UPDATE,
	AUDIT_THREAD_DELETE,
};

enum { AUDIT_CHANGES_MAX = 48 };
struct audit {
	struct txn *txn;
	struct audit_log_entry entry;
	struct audit_log_change changes[AUDIT_CHANGES_MAX];
	struct audit_log_options options; /* set has.* of what is said; numbers are strings */
	bool update; /* nothing is written when nothing changed */
	bool made,
		gone; /* of a _CREATE only new values are said, of a _DELETE only old ones, all that are there */
};

struct audit audit_begin(struct txn *txn, uint64_t actor_id, enum audit_action action,
			 uint64_t target_id, struct str reason);
/* Changes; a null view, 0 or an absent value is left out on its side. Keys are literals. */
void audit_str(struct audit *audit, const char *key, struct str before, struct str after);
void audit_id(struct audit *audit, const char *key, uint64_t before, uint64_t after);
/* Permissions: decimal strings, like ids, but 0 is a value. */
void audit_bits(struct audit *audit, const char *key, uint64_t before, uint64_t after);
void audit_int(struct audit *audit, const char *key, int64_t before, int64_t after);
void audit_bool(struct audit *audit, const char *key, bool before, bool after);
/* Microseconds of Unix time, 0: none. */
void audit_time(struct audit *audit, const char *key, int64_t before, int64_t after);
/* JSON text on either side, null view: absent. Always added. */
void audit_json(struct audit *audit, const char *key, struct str before, struct str after);
/* The text of a number, in the transaction's arena: for options. */
struct str audit_number(struct audit *audit, uint64_t n);
/* Adds row and event. Options are written when any has-bit is set. */
void audit_put(struct audit *audit);

/* Entries older than this id are no longer shown. */
uint64_t audit_floor(struct core *core);
/* For cell_tell() on a guild: removes some of the entries that have passed their time. */
int audit_expire_run(struct txn *txn, void *arg);
