#include "realm/overwrite.h"

#include <string.h>

#include "realm/channel.h"
#include "realm/member.h"
#include "realm/perms.h"

enum { CATEGORY = 4 };

const struct overwrite *overwrite_find(const struct channel *row, uint64_t id)
{
	for (uint32_t i = 0; i < row->permission_overwrites.count; i++)
		if (row->permission_overwrites.items[i].id == id)
			return &row->permission_overwrites.items[i];
	return NULL;
}

bool overwrites_equal(const struct channel *a, const struct channel *b)
{
	if (a->permission_overwrites.count != b->permission_overwrites.count)
		return false;
	for (uint32_t i = 0; i < a->permission_overwrites.count; i++) {
		const struct overwrite *x = &a->permission_overwrites.items[i],
				       *y = overwrite_find(b, x->id);

		if (!y || x->type != y->type || x->allow != y->allow || x->deny != y->deny)
			return false;
	}
	return true;
}

struct overwrite_list overwrites_with(struct arena *arena, const struct channel *row,
				      const struct overwrite *set)
{
	struct overwrite_list list = {
		arena_array(arena, struct overwrite, row->permission_overwrites.count + 1), 0
	};
	bool placed = false;

	for (uint32_t i = 0; i < row->permission_overwrites.count; i++) {
		const struct overwrite *old = &row->permission_overwrites.items[i];

		placed |= old->id == set->id;
		list.items[list.count++] = old->id == set->id ? *set : *old;
	}
	if (!placed)
		list.items[list.count++] = *set;
	return list;
}

struct overwrite_list overwrites_without(struct arena *arena, const struct channel *row,
					 uint64_t id)
{
	struct overwrite_list list = {
		arena_array(arena, struct overwrite, row->permission_overwrites.count + 1), 0
	};

	for (uint32_t i = 0; i < row->permission_overwrites.count; i++)
		if (row->permission_overwrites.items[i].id != id)
			list.items[list.count++] = row->permission_overwrites.items[i];
	return list;
}

/* MANAGE_ROLES that comes from an overwrite for the actor or a role of theirs. */
static bool manages_here(const struct live_member *actor, const struct channel *row)
{
	for (uint32_t i = 0; i < row->permission_overwrites.count; i++) {
		const struct overwrite *o = &row->permission_overwrites.items[i];
		bool theirs = o->type == OVERWRITE_MEMBER ? o->id == actor->row->user_id
							  : member_has_role(actor->row, o->id);

		if (theirs && o->allow & PERM_MANAGE_ROLES)
			return true;
	}
	return false;
}

bool overwrite_allowed(const struct realm *realm, const struct live_member *actor,
		       const struct live_channel *channel, const struct overwrite *before,
		       const struct overwrite *after)
{
	static const struct overwrite none;
	const struct overwrite *b = before ? before : &none, *a = after ? after : &none;
	uint64_t changed = (b->allow ^ a->allow) | (b->deny ^ a->deny);
	uint64_t base = perms_base(realm, actor);

	if (base & PERM_ADMINISTRATOR)
		return true;
	if (!channel) /* only administrators make channels with it */
		return !(changed & (~base | PERM_MANAGE_ROLES));
	if (manages_here(actor, channel->row))
		return true;
	/* With it in an overwrite they could set whatever they like here from then on. */
	if (a->allow & ~b->allow & PERM_MANAGE_ROLES)
		return false;
	return !(changed & ~(base | perms_channel(realm, actor, channel, 0)));
}

bool overwrites_personal(const struct channel *row)
{
	for (uint32_t i = 0; i < row->permission_overwrites.count; i++)
		if (row->permission_overwrites.items[i].type == OVERWRITE_MEMBER)
			return true;
	return false;
}

static struct live_channel *put_list(struct txn *txn, const struct channel *old,
				     const struct overwrite_list *list)
{
	struct channel row = *old;

	row.permission_overwrites.items = list->items;
	row.permission_overwrites.count = list->count;
	return realm_put_channel(txn, &row);
}

void overwrites_put(struct txn *txn, struct live_channel *channel,
		    const struct overwrite_list *list)
{
	struct realm *realm = realm_of(txn);
	struct live_channel **children = arena_array(txn->arena, struct live_channel *,
						     realm->slots_count + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; channel->row->type == CATEGORY && i < realm->slots_count; i++) {
		struct live_channel *child = realm->slots[i];

		if (child && child->row->parent_id == channel->row->id &&
		    overwrites_equal(child->row, channel->row))
			children[count++] = child;
	}
	bool personal = overwrites_personal(channel->row);
	put_list(txn, channel->row, list);
	for (uint32_t i = 0; i < count; i++)
		put_list(txn, children[i]->row, list);
	if (personal || overwrites_personal(channel->row))
		class_rekey(txn, channel->row->id);
	else
		class_refresh(txn, channel->row->id);
	channel_event(txn, EVENT_CHANNEL_UPDATE, channel);
	for (uint32_t i = 0; i < count; i++)
		channel_event(txn, EVENT_CHANNEL_UPDATE, children[i]);
}
