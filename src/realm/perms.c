#include "realm/perms.h"

#include "realm/thread.h"

enum {
	CHANNEL_VOICE = 2,
	CHANNEL_CATEGORY = 4,
	CHANNEL_STAGE = 13,
};

bool perms_is_owner(const struct realm *realm, const struct live_member *member)
{
	return member && realm->guild && realm->guild->owner_id == member->row->user_id;
}

uint64_t perms_base(const struct realm *realm, const struct live_member *member)
{
	if (!member)
		return 0;
	if (!realm->guild)
		return PERM_SET_DM;
	if (perms_is_owner(realm, member))
		return PERM_SET_ALL;
	const struct live_role *everyone = map_get(&realm->roles, realm->guild->id);
	uint64_t perms = everyone ? everyone->row->permissions : 0;
	for (uint32_t i = 0; i < member->row->roles.count; i++) {
		const struct live_role *role = map_get(&realm->roles, member->row->roles.items[i]);

		if (role)
			perms |= role->row->permissions;
	}
	return perms & PERM_ADMINISTRATOR ? PERM_SET_ALL : perms;
}

bool perms_timed_out(const struct live_member *member, int64_t now_us)
{
	return member->row->communication_disabled_until > now_us;
}

static bool has_role(const struct live_member *member, uint64_t role_id)
{
	for (uint32_t i = 0; i < member->row->roles.count; i++)
		if (member->row->roles.items[i] == role_id)
			return true;
	return false;
}

static uint64_t overwritten(const struct realm *realm, const struct live_member *member,
			    const struct channel *row, uint64_t perms)
{
	uint64_t deny = 0, allow = 0;
	const struct overwrite *own = NULL;

	for (uint32_t i = 0; i < row->permission_overwrites.count; i++) {
		const struct overwrite *o = &row->permission_overwrites.items[i];

		if (o->type == 1) {
			if (o->id == member->row->user_id)
				own = o;
		} else if (o->id == realm->guild->id) {
			perms = (perms & ~o->deny) | o->allow;
		} else if (has_role(member, o->id)) {
			deny |= o->deny;
			allow |= o->allow;
		}
	}
	perms = (perms & ~deny) | allow;
	return own ? (perms & ~own->deny) | own->allow : perms;
}

/* What is ignored because something it needs is missing. */
static uint64_t implied(uint64_t perms, int64_t type)
{
	if (!(perms & PERM_VIEW_CHANNEL))
		return 0;
	if (type == CHANNEL_VOICE || type == CHANNEL_STAGE) {
		if (!(perms & PERM_CONNECT))
			return perms & (PERM_VIEW_CHANNEL | PERM_READ_MESSAGE_HISTORY);
	}
	if (!(perms & PERM_SEND_MESSAGES))
		perms &= ~PERM_SET_NEEDS_SEND;
	return perms;
}

uint64_t perms_channel(const struct realm *realm, const struct live_member *member,
		       const struct live_channel *channel, int64_t now_us)
{
	uint64_t perms = perms_base(realm, member);

	if (!member || !channel)
		return 0;
	if (!realm->guild)
		return perms;
	if (perms & PERM_ADMINISTRATOR)
		return perms;
	/* Threads have no overwrites of their own, and are spoken in by another permission. */
	const struct live_channel *place = channel->thread ? channel->thread->parent : channel;
	perms = overwritten(realm, member, place->row, perms);
	if (channel->thread)
		perms = perms & PERM_SEND_MESSAGES_IN_THREADS ? perms | PERM_SEND_MESSAGES
							      : perms & ~PERM_SEND_MESSAGES;
	perms = implied(perms, place->row->type);
	if (thread_is_private(channel) && !(perms & PERM_MANAGE_THREADS) &&
	    !thread_seat(channel, member->row->user_id))
		return 0;
	return perms_timed_out(member, now_us) ? perms & PERM_SET_TIMEOUT : perms;
}

uint64_t perms_acting(const struct realm *realm, const struct live_member *member, int64_t now_us)
{
	uint64_t perms = perms_base(realm, member);

	if (!member || perms & PERM_ADMINISTRATOR || !perms_timed_out(member, now_us))
		return perms;
	return perms & PERM_SET_TIMEOUT;
}

bool perms_sees(const struct realm *realm, const struct live_member *member,
		const struct live_channel *channel)
{
	if (perms_channel(realm, member, channel, 0) & PERM_VIEW_CHANNEL)
		return true;
	if (!realm->guild || channel->row->type != CHANNEL_CATEGORY)
		return false;
	for (uint32_t i = 0; i < realm->slots_count; i++) {
		const struct live_channel *child = realm->slots[i];

		if (child && child->row->parent_id == channel->row->id &&
		    perms_channel(realm, member, child, 0) & PERM_VIEW_CHANNEL)
			return true;
	}
	return false;
}

bool role_above(const struct role *a, const struct role *b)
{
	return a->position != b->position ? a->position > b->position : a->id < b->id;
}

const struct role *perms_highest(const struct realm *realm, const struct live_member *member)
{
	const struct live_role *everyone = map_get(&realm->roles, realm->guild->id);
	const struct role *best = everyone ? everyone->row : NULL;

	for (uint32_t i = 0; i < member->row->roles.count; i++) {
		const struct live_role *role = map_get(&realm->roles, member->row->roles.items[i]);

		if (role && (!best || best->id == realm->guild->id || role_above(role->row, best)))
			best = role->row;
	}
	return best;
}

bool perms_above_role(const struct realm *realm, const struct live_member *actor,
		      const struct role *role)
{
	if (perms_is_owner(realm, actor))
		return true;
	const struct role *highest = perms_highest(realm, actor);
	if (!highest || highest->id == realm->guild->id)
		return false; /* @everyone alone is above nothing */
	return role->id == realm->guild->id ||
		(highest->id != role->id && role_above(highest, role));
}

bool perms_above(const struct realm *realm, const struct live_member *actor,
		 const struct live_member *target)
{
	if (actor == target || perms_is_owner(realm, target))
		return false;
	if (perms_is_owner(realm, actor))
		return true;
	const struct role *highest = perms_highest(realm, target);
	return highest && perms_above_role(realm, actor, highest);
}
