#include "realm/dm.h"

#include <errno.h>

#include "cell/ids.h"
#include "codec/dup.h"
#include "realm/directory.h"
#include "realm/make.h"
#include "realm/member.h"
#include "store/store.h"
#include "user/relation.h"

enum { ALLOWED_US = 300 * 1000000 };

/* A recipient's row says whether its own list has this DM: `pending` (a field of members that DMs have no other use for). */

int dm_make_run(struct txn *txn, void *arg)
{
	const struct dm_making *making = arg;
	int64_t now = (int64_t)core_wall_us(txn->core);

	if (txn->cell->state)
		return 0;
	realm_new(txn->cell);
	struct channel row = { .id = making->channel_id,
			       .type = making->owner ? GROUP_DM_TYPE : DM_TYPE };
	row.has.last_message_id = row.has.last_pin_timestamp = true;
	if (making->owner) {
		row.owner_id = making->owner;
		row.has.owner_id = row.has.name = row.has.icon = true;
	}
	realm_put_channel(txn, &row);
	for (uint32_t i = 0; i < making->count; i++) {
		struct member_row member = member_new(&making->users[i], now);

		member.pending = i > 0 &&
			!making->owner; /* the other hears of it with the first message */
		realm_put_member(txn, &member);
	}
	return 0;
}

struct dm_entry_row dm_entry(uint64_t channel_id, int64_t type, uint64_t owner,
			     const struct user *users, uint32_t count, uint64_t self,
			     struct arena *arena)
{
	struct dm_entry_row row = { .channel_id = channel_id, .type = type, .owner_id = owner };

	row.recipient_ids.items = arena_array(arena, uint64_t, count + 1);
	for (uint32_t i = 0; i < count; i++)
		if (users[i].id != self)
			row.recipient_ids.items[row.recipient_ids.count++] = users[i].id;
	return row;
}

struct pairing {
	uint64_t smaller, larger, channel_id;
};

static int run_pair(struct txn *txn, void *arg)
{
	struct pairing *pairing = arg;
	struct dm_pair_entry entry = {};
	struct key key;
	struct str at = key_dm_pair_entry(&key, pairing->smaller, pairing->larger);

	int r = txn_lock_wait(txn, at);
	if (!r)
		r = txn_get_obj_wait(txn, at, &desc_dm_pair_entry, &entry);
	if (r && r != ENOENT)
		return r;
	if (!r) {
		pairing->channel_id = entry.channel_id;
		return 0;
	}
	entry.channel_id = pairing->channel_id;
	txn_put(txn, at, &desc_dm_pair_entry, &entry);
	return 0;
}

int dm_pair_wait(struct core *core, const struct user *maker, const struct user *other,
		 uint64_t *ret_channel_id)
{
	struct pairing pairing = { .smaller = MIN(maker->id, other->id),
				   .larger = MAX(maker->id, other->id),
				   .channel_id = id_next(core, 0) };
	struct user users[2] = { *maker, *other };
	struct dm_making making = { .users = users, .count = 2 };

	int r = cell_call_wait(core, CELL_USER, pairing.smaller, run_pair, &pairing);
	if (!r)
		r = directory_write_wait(core, pairing.channel_id, CELL_DM, pairing.channel_id);
	making.channel_id = pairing.channel_id;
	if (!r)
		r = cell_create_wait(core, CELL_DM, pairing.channel_id, dm_make_run, &making);
	*ret_channel_id = pairing.channel_id;
	return r;
}

struct common {
	struct arena *arena;
	uint64_t *guilds;
	uint32_t count;
	uint64_t sender, other;
	bool found, blocked;
};

static void look_at_relation(struct common *common, enum relation type)
{
	common->found |= type == RELATION_FRIEND;
	common->blocked |= type == RELATION_BLOCKED;
}

static int run_list_guilds(struct txn *txn, void *arg)
{
	struct common *common = arg;
	uint32_t at = 0;
	uint64_t id;
	void *value;

	look_at_relation(common, relation_of(user_of(txn), common->other));
	common->guilds = arena_array(common->arena, uint64_t, user_of(txn)->guilds.count + 1);
	while (map_next(&user_of(txn)->guilds, &at, &id, &value))
		common->guilds[common->count++] = id;
	return 0;
}

static int run_find_common(struct txn *txn, void *arg)
{
	struct common *common = arg;

	look_at_relation(common, relation_of(user_of(txn), common->sender));
	for (uint32_t i = 0; i < common->count && !common->found; i++)
		common->found = map_get(&user_of(txn)->guilds, common->guilds[i]) != NULL;
	return 0;
}

int dm_may_send_wait(struct txn *txn, uint64_t sender)
{
	struct realm *realm = realm_of(txn);
	struct live_channel *channel = realm_channel(realm, txn->cell->id);
	struct common common = { .arena = txn->arena, .sender = sender };
	const struct live_member *member;
	uint32_t at = 0, doubts = realm->dm_doubts;

	if (realm->guild || !channel || channel->row->type != DM_TYPE ||
	    realm->dm_allowed_until_us > core_now_us(txn->core))
		return 0;
	while ((member = member_next(realm, &at)))
		if (member->row->user_id != sender)
			common.other = member->row->user_id;
	int r = txn_call_wait(txn, CELL_USER, sender, run_list_guilds, &common);
	if (!r)
		r = txn_call_wait(txn, CELL_USER, common.other, run_find_common, &common);
	if (r && r != ENOENT)
		return r;
	if (common.blocked)
		return ERR_CANNOT_MESSAGE_USER;
	if (!common.found)
		return ERR_NO_MUTUAL_GUILDS;
	if (realm->dm_doubts == doubts)
		realm->dm_allowed_until_us = core_now_us(txn->core) + ALLOWED_US;
	return 0;
}

int dm_ask_again(struct txn *txn, void *arg)
{
	(void)arg;
	realm_of(txn)->dm_allowed_until_us = 0;
	realm_of(txn)->dm_doubts++;
	return 0;
}

bool dm_needs_outbox(const struct realm *realm)
{
	const struct live_member *member;
	uint32_t at = 0;

	while (!realm->guild && (member = member_next(realm, &at)))
		if (member->row->pending)
			return true;
	return false;
}

struct touch {
	uint64_t channel_id, message_id;
};

/* A DM's newest message in its entry: READY says it. When it is lost the DM itself still knows. */
static int run_touch(struct txn *txn, void *arg)
{
	const struct touch *touch = arg;
	const struct dm_entry_row *entry = map_get(&user_of(txn)->dms, touch->channel_id);

	if (!entry || entry->last_message_id >= touch->message_id)
		return 0;
	struct dm_entry_row row = *entry;
	row.last_message_id = touch->message_id;
	row.closed = false;
	user_put_dm(txn, &row);
	return 0;
}

void dm_after_message(struct txn *txn, uint64_t message_id)
{
	struct realm *realm = realm_of(txn);
	struct user *users = arena_array(txn->arena, struct user, realm->members.count + 1);
	uint64_t *ids = arena_array(txn->arena, uint64_t, realm->members.count + 1);
	struct live_channel *channel = realm_channel(realm, txn->cell->id);
	const struct live_member *recipient;
	uint32_t at = 0, count = 0;

	while ((recipient = member_next(realm, &at))) {
		struct user user = member_user(recipient->row);

		users[count] = *(struct user *)obj_dup_arena(
			txn->arena, &desc_user, &user); /* the rows are replaced below */
		ids[count++] = user.id;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct live_member *member = realm_member(realm, ids[i]);

		if (member->row->pending) {
			struct member_row row = *member->row;
			struct dm_entry_row entry = dm_entry(txn->cell->id, channel->row->type,
							     channel->row->owner_id, users, count,
							     ids[i], txn->arena);

			row.pending = false;
			entry.last_message_id = message_id;
			realm_put_member(txn, &row);
			txn_intent(txn, INTENT_DM_OPEN, CELL_USER, ids[i], &desc_dm_entry_row,
				   &entry);
			continue;
		}
		struct touch *touch = mem_alloc(sizeof(*touch));
		*touch = (struct touch){ txn->cell->id, message_id };
		cell_tell(txn->core, CELL_USER, ids[i], false, run_touch, touch);
	}
}
