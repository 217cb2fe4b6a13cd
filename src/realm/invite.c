#include "realm/invite.h"

#include <errno.h>

#include "codec/dup.h"
#include "realm/audit.h"
#include "realm/class.h"
#include "realm/member.h"
#include "store/store.h"

enum { CODE_LEN_MAX = 64 };

static uint64_t code_hash(struct str code)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < code.len; i++)
		hash = (hash ^ (unsigned char)code.ptr[i]) * 0x100000001b3ULL;
	return hash;
}

static bool holds(const struct invite_row *row, int64_t now)
{
	return (!row->expires_at || row->expires_at > now) &&
		(!row->max_uses || row->uses < row->max_uses);
}

int invite_list_wait(struct txn *txn, uint64_t channel_id, struct invite_row **ret_rows,
		     uint32_t *ret_count)
{
	int64_t now = (int64_t)core_wall_us(txn->core);
	struct store_row *rows;
	struct key key;
	uint32_t count;

	int r = txn_scan_wait(txn, prefix_invite(&key, txn->cell->id), (struct str){},
			      (struct str){}, false, 0, &rows, &count);
	if (r)
		return r;
	*ret_rows = arena_array(txn->arena, struct invite_row, count + 1);
	*ret_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct invite_row *row = &(*ret_rows)[*ret_count];

		if (row_get(rows[i].value, &desc_invite_row, txn->arena, row)) {
			cell_break(txn->cell, "an invite's row does not decode", -EBADMSG);
			return ERR_RESTARTED;
		}
		if (holds(row, now) && (!channel_id || row->channel_id == channel_id))
			(*ret_count)++;
	}
	return 0;
}

int invite_get_wait(struct txn *txn, struct arena *arena, struct str code, bool lock,
		    struct invite_row *ret)
{
	struct invite_row row = {};
	struct key key;

	if (!code.len || code.len > CODE_LEN_MAX)
		return ERR_UNKNOWN_INVITE;
	struct str at = key_invite(&key, txn->cell->id, code);
	int r = lock ? txn_lock_wait(txn, at) : 0;
	if (!r)
		r = txn_get_obj_wait(txn, at, &desc_invite_row, &row);
	if (r == ENOENT || (!r && !holds(&row, (int64_t)core_wall_us(txn->core))))
		return ERR_UNKNOWN_INVITE;
	if (!r)
		*ret = *(struct invite_row *)obj_dup_arena(arena, &desc_invite_row, &row);
	return r;
}

int invite_code_wait(struct txn *txn, uint64_t channel_id, char ret_code[INVITE_CODE_MAX])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	struct invite_entry entry = { .realm_id = txn->cell->id, .channel_id = channel_id };
	struct buf value;
	struct key key;

	for (int i = 0; i < INVITE_CODE_CHARS; i++)
		ret_code[i] = letters[random_below(core_random(txn->core), sizeof(letters) - 1)];
	ret_code[INVITE_CODE_CHARS] = '\0';
	struct str code = { ret_code, INVITE_CODE_CHARS };
	struct store_batch *batch = store_batch_new(txn->core, NULL);
	buf_init(&value, 256);
	row_put(&value, &desc_invite_entry, &entry);
	store_batch_put(batch, key_invite_entry(&key, code_hash(code), code), buf_str(&value));
	buf_done(&value);
	return txn_before_wait(txn, batch);
}

static struct audience watchers(struct txn *txn, const struct invite_row *row)
{
	struct live_channel *channel = realm_channel(realm_of(txn), row->channel_id);

	if (!channel)
		return (struct audience){ .perms_any = PERM_MANAGE_GUILD };
	struct audience to = aud_channel(channel);
	to.manage = true;
	return to;
}

static void audit_terms(struct audit *audit, const struct invite_row *row, bool made)
{
	struct str nothing = {};
	struct str age = audit_number(audit, (uint64_t)row->max_age),
		   uses = audit_number(audit, (uint64_t)row->max_uses);
	struct str zero = S("0"), flag = row->temporary ? S("true") : S("false");

	audit_str(audit, "code", made ? nothing : row->code, made ? row->code : nothing);
	audit_id(audit, "channel_id", made ? 0 : row->channel_id, made ? row->channel_id : 0);
	audit_id(audit, "inviter_id", made ? 0 : row->inviter_id, made ? row->inviter_id : 0);
	audit_json(audit, "uses", made ? nothing : zero, made ? zero : nothing);
	audit_json(audit, "max_uses", made ? nothing : uses, made ? uses : nothing);
	audit_json(audit, "max_age", made ? nothing : age, made ? age : nothing);
	audit_json(audit, "temporary", made ? nothing : flag, made ? flag : nothing);
}

void invite_put(struct txn *txn, const struct invite_row *row, struct str reason, bool audited)
{
	struct live_member *inviter = realm_member(realm_of(txn), row->inviter_id);
	struct user user;
	struct key key;

	txn_put(txn, key_invite(&key, txn->cell->id, row->code), &desc_invite_row, row);
	struct invite_create_event event = { .channel_id = row->channel_id,
					     .code = row->code,
					     .created_at = row->created_at,
					     .expires_at = row->expires_at,
					     .guild_id = txn->cell->id,
					     .max_age = row->max_age,
					     .max_uses = row->max_uses,
					     .temporary = row->temporary };
	event.has.guild_id = true;
	if (inviter) {
		user = member_user(inviter->row);
		event.inviter = &user;
		event.has.inviter = true;
	}
	txn_event(txn, EVENT_INVITE_CREATE, watchers(txn, row), &event);
	if (!audited)
		return;
	struct audit audit = audit_begin(txn, row->inviter_id, AUDIT_INVITE_CREATE, 0, reason);
	audit_terms(&audit, row, true);
	audit_put(&audit);
}

static void remove_row(struct txn *txn, const struct invite_row *row)
{
	struct invite_delete_event event = { .channel_id = row->channel_id,
					     .guild_id = txn->cell->id,
					     .code = row->code };
	struct key key;

	event.has.guild_id = true;
	txn_del(txn, key_invite(&key, txn->cell->id, row->code));
	txn_event(txn, EVENT_INVITE_DELETE, watchers(txn, row), &event);
}

void invite_use(struct txn *txn, const struct invite_row *row)
{
	struct invite_row used = *row;
	struct key key;

	used.uses++;
	if (used.max_uses && used.uses >= used.max_uses)
		remove_row(txn, row);
	else
		txn_put(txn, key_invite(&key, txn->cell->id, row->code), &desc_invite_row, &used);
}

void invite_del(struct txn *txn, const struct invite_row *row, uint64_t actor, struct str reason)
{
	remove_row(txn, row);
	if (!actor)
		return;
	struct audit audit = audit_begin(txn, actor, AUDIT_INVITE_DELETE, 0, reason);
	audit_terms(&audit, row, false);
	audit_put(&audit);
}

void invite_forget(struct store_batch *batch, struct str code)
{
	struct key key;

	store_batch_del(batch, key_invite_entry(&key, code_hash(code), code));
}

int invite_find_wait(struct core *core, struct arena *arena, struct str code,
		     uint64_t *ret_guild_id)
{
	struct invite_entry entry = {};
	struct str value;
	struct key key;

	if (!code.len || code.len > CODE_LEN_MAX)
		return ERR_UNKNOWN_INVITE;
	int r = store_get_wait(core, arena, key_invite_entry(&key, code_hash(code), code), &value);
	if (r == ENOENT)
		return ERR_UNKNOWN_INVITE;
	if (r || row_get(value, &desc_invite_entry, arena, &entry))
		return ERR_UNAVAILABLE;
	*ret_guild_id = entry.realm_id;
	return 0;
}

void invite_detach(struct arena *arena, struct invite *invite)
{
	*invite = *(struct invite *)obj_dup_arena(arena, &desc_invite, invite);
}
