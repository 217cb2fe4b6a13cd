#include "realm/role.h"

#include <string.h>

#include "cdn/image.h"
#include "message/attach.h"
#include "realm/channel.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/overwrite.h"
#include "realm/perms.h"

uint64_t *role_order(struct realm *realm, struct arena *arena, uint32_t *ret_count)
{
	uint32_t count, kept = 0;
	struct live_role **sorted = realm_roles_sorted(realm, arena, &count);
	uint64_t *order = arena_array(arena, uint64_t, count + 1);

	for (uint32_t i = 0; i < count; i++)
		if (sorted[i]->row->id != realm->guild->id)
			order[kept++] = sorted[i]->row->id;
	*ret_count = kept;
	return order;
}

uint32_t role_reach(const struct realm *realm, const struct live_member *member,
		    const uint64_t *order, uint32_t count)
{
	if (perms_is_owner(realm, member))
		return count;
	for (uint32_t i = count; i > 0; i--)
		if (member_has_role(member->row, order[i - 1]))
			return i - 1;
	return 0;
}

static void tell(struct txn *txn, enum event_type type, const struct role *row)
{
	struct guild_role_event event = { .guild_id = txn->cell->id, .role = (struct role *)row };

	txn_event(txn, type, (struct audience){}, &event);
}

void role_tell(struct txn *txn, const struct role *row)
{
	tell(txn, EVENT_GUILD_ROLE_UPDATE, row);
}

void role_put_order(struct txn *txn, const uint64_t *order, uint32_t count, int64_t first)
{
	for (uint32_t i = 0; i < count; i++) {
		struct role row = *realm_role(realm_of(txn), order[i])->row;

		if (row.position == first + i)
			continue;
		row.position = first + i;
		role_tell(txn, realm_put_role(txn, &row)->row);
	}
}

struct live_role *role_add(struct txn *txn, const struct role *row)
{
	uint32_t count;
	uint64_t *order = role_order(realm_of(txn), txn->arena, &count);
	struct role placed = *row;

	role_put_order(txn, order, count, 2);
	placed.position = 1;
	struct live_role *role = realm_put_role(txn, &placed);
	tell(txn, EVENT_GUILD_ROLE_CREATE, role->row);
	return role;
}

static void strip_member(struct live_member *member, uint64_t role_id)
{
	uint32_t kept = 0;

	if (!member || !member->row)
		return;
	for (uint32_t i = 0; i < member->row->roles.count; i++)
		if (member->row->roles.items[i] != role_id)
			member->row->roles.items[kept++] = member->row->roles.items[i];
	member->row->roles.count = kept;
}

static void strip_members(struct realm *realm, uint64_t role_id)
{
	struct live_member *member;
	const uint64_t *opened;
	uint32_t at = 0, count = members_opened(realm, &opened);

	if (members_packed(
		    realm)) { /* dead roles of closed ones are left out when they are opened */
		for (uint32_t i = 0; i < count; i++)
			strip_member(member_find(realm, opened[i]), role_id);
		return;
	}
	while ((member = member_next(realm, &at)))
		strip_member(member, role_id);
}

void role_remove(struct txn *txn, uint64_t role_id)
{
	struct realm *realm = realm_of(txn);
	struct live_channel **changed = arena_array(txn->arena, struct live_channel *,
						    realm->slots_count + 1);
	struct guild_role_delete event = { .guild_id = txn->cell->id, .role_id = role_id };
	uint32_t changed_count = 0, count;

	const struct live_role *role = realm_role(realm, role_id);
	if (role) {
		struct str icon = image_name(txn->arena, "role-icons", role_id, role->row->icon);

		file_drop(txn, &icon, 1);
	}
	realm_del_role(txn, role_id);
	strip_members(realm, role_id);
	for (uint32_t i = 0; i < realm->slots_count; i++) {
		struct live_channel *channel = realm->slots[i];

		if (!channel || !overwrite_find(channel->row, role_id))
			continue;
		struct channel row = *channel->row;
		row.permission_overwrites = overwrites_without(txn->arena, channel->row, role_id);
		realm_put_channel(txn, &row);
		changed[changed_count++] = channel;
	}
	class_rekey(txn, 0);
	txn_event(txn, EVENT_GUILD_ROLE_DELETE, (struct audience){}, &event);
	for (uint32_t i = 0; i < changed_count; i++)
		channel_event(txn, EVENT_CHANNEL_UPDATE, changed[i]);
	uint64_t *order = role_order(realm, txn->arena, &count);
	role_put_order(txn, order, count, 1);
}
