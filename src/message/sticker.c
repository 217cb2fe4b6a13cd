#include "message/sticker.h"

#include <errno.h>

struct finding {
	struct arena *arena;
	uint64_t user_id, id;
	struct sticker_item item;
};

static int read_wait(struct txn *txn, struct arena *arena, uint64_t id, struct sticker_item *ret)
{
	struct sticker row = {};
	struct key key;

	int r = txn_get_obj_wait(txn, key_sticker(&key, txn->cell->id, id), &desc_sticker, &row);
	if (!r)
		*ret = (struct sticker_item){ .id = id,
					      .name = arena_str(arena, row.name),
					      .format_type = row.format_type };
	return r;
}

static int run_find(struct txn *txn, void *arg)
{
	struct finding *finding = arg;

	if (!realm_member(realm_of(txn), finding->user_id))
		return ENOENT;
	return read_wait(txn, finding->arena, finding->id, &finding->item);
}

int sticker_find_wait(struct txn *txn, struct arena *arena, uint64_t user_id, uint64_t id,
		      bool external, struct sticker_item *ret)
{
	struct finding finding = { .arena = arena, .user_id = user_id, .id = id };
	struct realm_entry entry = {};
	struct key key;

	int r = realm_is_guild(realm_of(txn)) ? read_wait(txn, arena, id, ret) : ENOENT;
	if (r != ENOENT || !external)
		return r;
	r = txn_get_obj_wait(txn, key_sticker_entry(&key, id), &desc_realm_entry, &entry);
	if (r || !entry.realm_id || entry.realm_id == txn->cell->id)
		return r ? r : ENOENT;
	r = txn_call_wait(txn, CELL_GUILD, entry.realm_id, run_find, &finding);
	*ret = finding.item;
	return r;
}
