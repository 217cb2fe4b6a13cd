/* Guilds. */
#include <errno.h>
#include <string.h>

#include "admin/command.h"
#include "codec/row.h"
#include "model/errors.h"
#include "realm/audit.h"
#include "realm/class.h"
#include "realm/guild_view.h"
#include "realm/realm.h"
#include "realm/sweep.h"
#include "store/store.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 5000 };

static int count_members_wait(struct admin_call *call, uint64_t id, uint32_t *ret)
{
	struct store_row *rows;
	struct arena arena;
	struct key key;

	arena_init(&arena);
	int r = store_scan_wait(call->core, &arena, prefix_member(&key, id), (struct str){},
				(struct str){}, false, 0, &rows, ret);
	arena_done(&arena);
	return r;
}

int admin_guilds_list(struct admin_call *call)
{
	uint64_t next = admin_number(call, "after") + 1, limit = admin_number(call, "limit");
	json_t *list = json_array();
	struct admin_first *rows;
	uint32_t count, members = 0;

	limit = limit ? MIN(limit, (uint64_t)LIST_MAX) : LIST_DEFAULT;
	json_object_set_new(call->result, "guilds", list);
	while (next && json_array_size(list) < limit) {
		int r = admin_walk_wait(call->core, call->arena, 32, next,
					(uint32_t)(limit - json_array_size(list)), &rows, &count,
					&next);

		if (r)
			return admin_result(call, r, "reading guilds");
		for (uint32_t i = 0; i < count; i++) {
			struct guild guild = {};
			uint64_t id;

			if (!parse_guild(rows[i].key, &id))
				continue; /* a DM */
			if (row_get(rows[i].value, &desc_guild, call->arena, &guild))
				return admin_fail(call, "the guild %lu cannot be read: run check",
						  id);
			if (guild.deleted_at)
				continue;
			r = count_members_wait(call, id, &members);
			if (r)
				return admin_result(call, r, "counting members");
			json_t *shown = json_object();
			admin_set_id(shown, "id", id);
			admin_set_str(shown, "name", guild.name);
			admin_set_id(shown, "owner_id", guild.owner_id);
			admin_set_int(shown, "members", members);
			json_array_append_new(list, shown);
		}
	}
	admin_set_id(call->result, "next", next ? next - 1 : 0);
	return 0;
}

static int run_transfer(struct txn *txn, void *arg)
{
	uint64_t owner_id = *(uint64_t *)arg;
	struct realm *realm = realm_of(txn);

	if (realm_gone(realm))
		return ENOENT;
	if (!realm_member(realm, owner_id))
		return ERR_UNKNOWN_MEMBER;
	if (realm->guild->owner_id == owner_id)
		return 0;
	struct guild row = *realm->guild;
	struct audit audit = audit_begin(txn, row.owner_id, AUDIT_GUILD_UPDATE, row.id,
					 S("by the operator"));
	audit_id(&audit, "owner_id", row.owner_id, owner_id);
	row.owner_id = owner_id;
	realm_put_guild(txn, &row);
	class_rekey(txn, 0);
	struct guild view = guild_view(realm, txn->arena);
	txn_event(txn, EVENT_GUILD_UPDATE, (struct audience){}, &view);
	audit_put(&audit);
	return 0;
}

static int guild_id_of(struct admin_call *call, uint64_t *ret)
{
	if (!str_u64(admin_text(call, "id"), ret) || !*ret)
		return admin_fail(call, "a guild is named by its id");
	return 0;
}

int admin_guilds_transfer(struct admin_call *call)
{
	uint64_t id, owner_id;

	int r = guild_id_of(call, &id);
	if (!r)
		r = admin_find_user_wait(call, admin_text(call, "name"), &owner_id);
	if (!r)
		r = admin_result(
			call, cell_call_wait(call->core, CELL_GUILD, id, run_transfer, &owner_id),
			"the guild");
	if (r)
		return r;
	admin_set_id(call->result, "id", id);
	admin_set_id(call->result, "owner_id", owner_id);
	return 0;
}

static int run_delete(struct txn *txn, void *arg)
{
	(void)arg;
	if (!realm_is_guild(realm_of(txn)) || realm_gone(realm_of(txn)))
		return ENOENT;
	int r = txn_outbox_wait(txn);
	if (r)
		return r;
	if (realm_gone(realm_of(txn)))
		return ENOENT;
	sweep_guild(txn);
	return 0;
}

int admin_guilds_delete(struct admin_call *call)
{
	uint64_t id;

	int r = guild_id_of(call, &id);
	if (!r)
		r = admin_result(call, cell_call_wait(call->core, CELL_GUILD, id, run_delete, NULL),
				 "the guild");
	if (!r)
		admin_set_id(call->result, "id", id);
	return r;
}
