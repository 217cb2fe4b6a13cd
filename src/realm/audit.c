#include "realm/audit.h"

#include <stdio.h>

#include "base/buf.h"
#include "cell/ids.h"
#include "codec/enc.h"
#include "model/limits.h"
#include "model/snowflake.h"

struct audit audit_begin(struct txn *txn, uint64_t actor_id, enum audit_action action,
			 uint64_t target_id, struct str reason)
{
	struct audit audit = { .txn = txn };

	audit.entry.user_id = actor_id;
	audit.entry.target_id = target_id;
	audit.entry.action_type = action;
	audit.entry.reason = reason;
	audit.entry.has.reason = reason.len > 0;
	audit.update = action == AUDIT_GUILD_UPDATE || action == AUDIT_CHANNEL_UPDATE ||
		action == AUDIT_OVERWRITE_UPDATE || action == AUDIT_MEMBER_UPDATE ||
		action == AUDIT_MEMBER_ROLE_UPDATE || action == AUDIT_ROLE_UPDATE ||
		action == AUDIT_WEBHOOK_UPDATE || action == AUDIT_EMOJI_UPDATE;
	audit.made = action == AUDIT_CHANNEL_CREATE || action == AUDIT_OVERWRITE_CREATE ||
		action == AUDIT_ROLE_CREATE || action == AUDIT_INVITE_CREATE ||
		action == AUDIT_WEBHOOK_CREATE || action == AUDIT_EMOJI_CREATE;
	audit.gone = action == AUDIT_CHANNEL_DELETE || action == AUDIT_OVERWRITE_DELETE ||
		action == AUDIT_ROLE_DELETE || action == AUDIT_INVITE_DELETE ||
		action == AUDIT_WEBHOOK_DELETE || action == AUDIT_EMOJI_DELETE;
	return audit;
}

void audit_json(struct audit *audit, const char *key, struct str before, struct str after)
{
	uint32_t at = audit->entry.changes.count;

	if (at == AUDIT_CHANGES_MAX)
		return;
	struct audit_log_change *change = &audit->changes[at];
	*change = (struct audit_log_change){ .key = str_z(key),
					     .old_value = before,
					     .new_value = after };
	change->has.old_value = before.ptr != NULL;
	change->has.new_value = after.ptr != NULL;
	audit->entry.changes.count++;
}

static struct str quoted(struct audit *audit, struct str s)
{
	struct buf text;
	struct enc enc;

	if (!s.ptr)
		return s;
	buf_init(&text, 1 << 20);
	enc_init(&enc, &text, ENC_JSON);
	enc_str(&enc, s);
	struct str copy = arena_str(audit->txn->arena, buf_str(&text));
	buf_done(&text);
	return copy;
}

/* What is made has no old values, what is deleted no new ones; both say all that they have. */
static void add(struct audit *audit, const char *key, bool same, struct str before,
		struct str after)
{
	if (audit->made)
		before = (struct str){};
	if (audit->gone)
		after = (struct str){};
	if (audit->made || audit->gone ? before.ptr || after.ptr : !same)
		audit_json(audit, key, before, after);
}

void audit_str(struct audit *audit, const char *key, struct str before, struct str after)
{
	add(audit, key, !before.ptr == !after.ptr && str_eq(before, after), quoted(audit, before),
	    quoted(audit, after));
}

static struct str id_text(struct audit *audit, uint64_t id, bool zero)
{
	return id || zero ? arena_printf(audit->txn->arena, "\"%lu\"", id) : (struct str){};
}

void audit_id(struct audit *audit, const char *key, uint64_t before, uint64_t after)
{
	add(audit, key, before == after, id_text(audit, before, false),
	    id_text(audit, after, false));
}

void audit_bits(struct audit *audit, const char *key, uint64_t before, uint64_t after)
{
	add(audit, key, before == after, id_text(audit, before, true), id_text(audit, after, true));
}

void audit_int(struct audit *audit, const char *key, int64_t before, int64_t after)
{
	add(audit, key, before == after, arena_printf(audit->txn->arena, "%ld", before),
	    arena_printf(audit->txn->arena, "%ld", after));
}

void audit_bool(struct audit *audit, const char *key, bool before, bool after)
{
	add(audit, key, before == after, before ? S("true") : S("false"),
	    after ? S("true") : S("false"));
}

static struct str time_text(struct audit *audit, int64_t unix_us)
{
	struct buf text;
	struct enc enc;

	if (!unix_us)
		return (struct str){};
	buf_init(&text, 64);
	enc_init(&enc, &text, ENC_JSON);
	enc_time(&enc, unix_us);
	struct str copy = arena_str(audit->txn->arena, buf_str(&text));
	buf_done(&text);
	return copy;
}

void audit_time(struct audit *audit, const char *key, int64_t before, int64_t after)
{
	add(audit, key, before == after, time_text(audit, before), time_text(audit, after));
}

struct str audit_number(struct audit *audit, uint64_t n)
{
	return arena_printf(audit->txn->arena, "%lu", n);
}

void audit_put(struct audit *audit)
{
	static const struct audit_log_options none;
	struct txn *txn = audit->txn;
	struct key key;

	if (audit->update && !audit->entry.changes.count)
		return;
	audit->entry.id = id_next(txn->core, 0);
	audit->entry.changes.items = audit->changes;
	audit->entry.has.changes = audit->entry.changes.count > 0;
	if (memcmp(audit->options.has.words, none.has.words, sizeof(none.has.words))) {
		audit->entry.options = &audit->options;
		audit->entry.has.options = true;
	}
	txn_put(txn, key_audit_log_entry(&key, txn->cell->id, audit->entry.id),
		&desc_audit_log_entry, &audit->entry);
	struct audit_log_entry event = audit->entry;
	event.guild_id = txn->cell->id;
	event.has.guild_id = true;
	txn_event(txn, EVENT_GUILD_AUDIT_LOG_ENTRY_CREATE,
		  (struct audience){ .perms_any = PERM_VIEW_AUDIT_LOG }, &event);
}

uint64_t audit_floor(struct core *core)
{
	uint64_t now_ms = core_wall_us(core) / 1000;

	return snowflake_at(now_ms > LIMIT_AUDIT_LOG_KEEP_MS ? now_ms - LIMIT_AUDIT_LOG_KEEP_MS
							     : 0);
}

int audit_expire_run(struct txn *txn, void *arg)
{
	enum { PIECE = 1000 };
	uint64_t floor = audit_floor(txn->core);
	struct key prefix_key, from_key;
	struct store_row *rows;
	uint32_t count;

	(void)arg;
	if (!floor)
		return 0;
	/* Keys hold the inverted id: what is older comes after. */
	int r = txn_scan_wait(txn, prefix_audit_log_entry(&prefix_key, txn->cell->id),
			      key_audit_log_entry(&from_key, txn->cell->id, floor - 1),
			      (struct str){}, false, PIECE, &rows, &count);
	if (r)
		return r;
	for (uint32_t i = 0; i < count; i++)
		txn_del(txn, rows[i].key);
	return 0;
}
