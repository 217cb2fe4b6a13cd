#include "realm/class.h"

#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "realm/channel.h"
#include "realm/member_heap.h"
#include "realm/perms.h"
#include "realm/thread_list.h"

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool overwritten_personally(const struct realm *realm, uint64_t user_id)
{
	for (uint32_t i = 0; i < realm->slots_count; i++) {
		const struct live_channel *channel = realm->slots[i];

		for (uint32_t o = 0; channel && o < channel->row->permission_overwrites.count; o++)
			if (channel->row->permission_overwrites.items[o].type == 1 &&
			    channel->row->permission_overwrites.items[o].id == user_id)
				return true;
	}
	return false;
}

/* In the arena. */
static struct member_key key_of(struct realm *realm, struct arena *arena,
				const struct live_member *member)
{
	struct member_key key = { .owner = perms_is_owner(realm, member),
				  .roles_count = member->row->roles.count };

	if (!key.owner && overwritten_personally(realm, member->row->user_id))
		key.personal = member->row->user_id;
	key.roles = arena_array(arena, uint64_t, key.roles_count + 1);
	if (key.roles_count)
		memcpy(key.roles, member->row->roles.items, key.roles_count * sizeof(uint64_t));
	qsort(key.roles, key.roles_count, sizeof(uint64_t), compare_ids);
	return key;
}

static bool key_eq(const struct member_key *a, const struct member_key *b)
{
	return a->owner == b->owner && a->personal == b->personal &&
		a->roles_count == b->roles_count &&
		(a->roles_count == 0 ||
		 memcmp(a->roles, b->roles, a->roles_count * sizeof(uint64_t)) == 0);
}

static bool bit(const uint8_t *set, uint32_t bytes, uint32_t slot)
{
	return slot / 8 < bytes && set[slot / 8] >> slot % 8 & 1;
}

/* A member that stands for the class: same roles, same owner, same overwrites. */
static void sight(struct realm *realm, const struct member_key *key, uint8_t *see, uint8_t *manage,
		  uint8_t *threads)
{
	struct member_row row = { .user_id = key->owner && realm->guild ? realm->guild->owner_id
									: key->personal };
	struct live_member member = { .row = &row };

	row.roles.items = key->roles;
	row.roles.count = key->roles_count;
	for (uint32_t slot = 0; slot < realm->slots_count; slot++) {
		const struct live_channel *channel = realm->slots[slot];

		if (!channel)
			continue;
		uint64_t perms = perms_channel(realm, &member, channel, 0);
		if (perms & PERM_VIEW_CHANNEL || perms_sees(realm, &member, channel))
			see[slot / 8] |= (uint8_t)(1 << slot % 8);
		if (perms & PERM_MANAGE_CHANNELS)
			manage[slot / 8] |= (uint8_t)(1 << slot % 8);
		if (perms & PERM_MANAGE_THREADS)
			threads[slot / 8] |= (uint8_t)(1 << slot % 8);
	}
}

static uint64_t key_perms(struct realm *realm, const struct member_key *key)
{
	struct member_row row = { .user_id = key->owner && realm->guild ? realm->guild->owner_id
									: key->personal };
	struct live_member member = { .row = &row };

	row.roles.items = key->roles;
	row.roles.count = key->roles_count;
	return perms_base(realm, &member);
}

static void publish_class(struct txn *txn, const struct audience_class *class)
{
	txn_effect(
		txn,
		&(struct effect){
			.kind = EFFECT_CLASS,
			.class_id = class->id,
			.perms = class->perms,
			.see = bytes_from((struct str){ (char *)class->see, class->bytes }),
			.manage = bytes_from((struct str){ (char *)class->manage, class->bytes }),
			.threads = bytes_from((struct str){ (char *)class->threads, class->bytes }),
		});
}

static struct audience_class *find_or_make(struct txn *txn, const struct member_key *key)
{
	struct realm *realm = realm_of(txn);

	list_for_each (node, &realm->classes) {
		struct audience_class *class = list_entry(node, struct audience_class, node);

		if (key_eq(&class->key, key))
			return class;
	}
	struct audience_class *class = region_new(realm->region, struct audience_class);
	class->id = realm->classes_next++;
	class->bytes = (realm->slots_count + 7) / 8;
	class->see = region_alloc(realm->region, class->bytes);
	class->manage = region_alloc(realm->region, class->bytes);
	class->threads = region_alloc(realm->region, class->bytes);
	class->key = *key;
	class->key.roles = region_alloc(realm->region, (key->roles_count + 1) * sizeof(uint64_t));
	memcpy(class->key.roles, key->roles, key->roles_count * sizeof(uint64_t));
	class->perms = key_perms(realm, key);
	sight(realm, key, class->see, class->manage, class->threads);
	list_add_tail(&realm->classes, &class->node);
	publish_class(txn, class);
	return class;
}

static struct audience_class *by_id(struct realm *realm, uint32_t id)
{
	list_for_each (node, &realm->classes) {
		struct audience_class *class = list_entry(node, struct audience_class, node);

		if (class->id == id)
			return class;
	}
	return NULL;
}

uint32_t class_join(struct txn *txn, struct live_member *member)
{
	struct realm *realm = realm_of(txn);
	struct member_key key = key_of(realm, txn->arena, member);
	struct audience_class *class = find_or_make(txn, &key);

	if (member->sessions == 0) {
		class->members++;
		member->class_id = class->id;
	}
	/* A core that had no session of this class may not know it: defining it again is harmless. */
	publish_class(txn, class);
	return class->id;
}

const uint8_t *class_sight(struct realm *realm, struct arena *arena,
			   const struct live_member *member, uint32_t *ret_bytes)
{
	const struct audience_class *class = member->sessions ? by_id(realm, member->class_id)
							      : NULL;

	if (class) {
		*ret_bytes = class->bytes;
		return class->see;
	}
	struct live_member shown = { .row = (struct member_row *)member_read(realm, member,
									     arena) };
	struct member_key key = key_of(realm, arena, &shown);
	*ret_bytes = (realm->slots_count + 7) / 8;
	uint8_t *see = arena_alloc(arena, *ret_bytes + 1),
		*rest = arena_alloc(arena, *ret_bytes + 1);
	sight(realm, &key, see, rest, rest);
	return see;
}

static bool key_holds(const struct member_key *key, const struct u64_list *roles)
{
	for (uint32_t i = 0; i < roles->count; i++)
		for (uint32_t k = 0; k < key->roles_count; k++)
			if (key->roles[k] == roles->items[i])
				return true;
	return false;
}

uint32_t *class_with_roles(const struct realm *realm, const struct u64_list *roles,
			   uint32_t *ret_count)
{
	uint32_t *ids = NULL, count = 0;

	*ret_count = 0;
	if (!roles->count)
		return NULL;
	list_for_each (node, &realm->classes) {
		const struct audience_class *class = list_entry(node, struct audience_class, node);

		if (!key_holds(&class->key, roles))
			continue;
		if (count % 16 == 0)
			ids = mem_realloc(ids, (count + 16) * sizeof(*ids));
		ids[count++] = class->id;
	}
	*ret_count = count;
	return ids;
}

void class_tell_all(struct txn *txn, const struct live_member *member, uint64_t session)
{
	struct realm *realm = realm_of(txn);
	const struct audience_class *class = by_id(realm, member->class_id);

	for (uint32_t slot = 0; class && slot < realm->slots_count; slot++)
		if (realm->slots[slot])
			channel_event_sight(txn, realm->slots[slot],
					    (struct audience){ .session = session },
					    bit(class->see, class->bytes, slot));
	thread_sync_member(txn, member, NULL, (struct audience){ .session = session });
}

static void class_free(struct realm *realm, struct audience_class *class)
{
	list_del(&class->node);
	region_free(realm->region, class->see);
	region_free(realm->region, class->manage);
	region_free(realm->region, class->threads);
	region_free(realm->region, class->key.roles);
	region_free(realm->region, class);
}

static void release(struct realm *realm, uint32_t class_id)
{
	struct audience_class *class = by_id(realm, class_id);

	if (class && --class->members == 0)
		class_free(realm, class);
}

void class_end(struct realm *realm)
{
	list_for_each (node, &realm->classes)
		class_free(realm, list_entry(node, struct audience_class, node));
}

void class_part(struct realm *realm, struct live_member *member)
{
	release(realm, member->class_id);
	member->class_id = 0;
}

struct sight_before {
	const uint8_t *see, *threads;
	uint32_t bytes;
};

/* The events of a change of sight from @before to @class, for @to. */
static void tell_sight(struct txn *txn, const struct audience_class *class,
		       const struct sight_before *before, struct audience to,
		       uint64_t quiet_channel)
{
	struct realm *realm = realm_of(txn);
	struct thread_gain gain = {
		.slots = arena_array(txn->arena, bool, realm->slots_count + 1),
		.all_slots = arena_array(txn->arena, bool, realm->slots_count + 1),
	};

	for (uint32_t slot = 0; slot < realm->slots_count; slot++) {
		const struct live_channel *channel = realm->slots[slot];
		bool saw = bit(before->see, before->bytes, slot),
		     sees = bit(class->see, class->bytes, slot),
		     all = bit(class->threads, class->bytes, slot);

		if (!channel)
			continue;
		gain.all_slots[slot] = all;
		gain.slots[slot] = (sees && !saw) ||
			(all && !bit(before->threads, before->bytes, slot));
		gain.any |= gain.slots[slot];
		if (saw != sees && channel->row->id != quiet_channel)
			channel_event_sight(txn, channel, to, sees);
	}
	if (gain.any)
		thread_sync_gained(txn, &gain, to);
}

void class_refresh(struct txn *txn, uint64_t quiet_channel)
{
	struct realm *realm = realm_of(txn);
	uint32_t bytes = (realm->slots_count + 7) / 8;

	realm->sight_moved = true;
	list_for_each (node, &realm->classes) {
		struct audience_class *class = list_entry(node, struct audience_class, node);
		uint8_t *see = arena_alloc(txn->arena, bytes + 1),
			*manage = arena_alloc(txn->arena, bytes + 1),
			*threads = arena_alloc(txn->arena, bytes + 1);
		uint64_t perms = key_perms(realm, &class->key);

		sight(realm, &class->key, see, manage, threads);
		if (bytes == class->bytes && perms == class->perms &&
		    memcmp(see, class->see, bytes) == 0 &&
		    memcmp(manage, class->manage, bytes) == 0 &&
		    memcmp(threads, class->threads, bytes) == 0)
			continue;
		struct sight_before before = {
			.see = arena_dup(txn->arena, class->see, class->bytes),
			.threads = arena_dup(txn->arena, class->threads, class->bytes),
			.bytes = class->bytes,
		};
		class->see = region_realloc(realm->region, class->see, bytes);
		class->manage = region_realloc(realm->region, class->manage, bytes);
		class->threads = region_realloc(realm->region, class->threads, bytes);
		memcpy(class->see, see, bytes);
		memcpy(class->manage, manage, bytes);
		memcpy(class->threads, threads, bytes);
		class->bytes = bytes;
		class->perms = perms;
		if (!planted(PLANT_LATE_CLASS))
			publish_class(txn, class);
		tell_sight(txn, class, &before, (struct audience){ .class_id = class->id + 1 },
			   quiet_channel);
	}
}

void class_move(struct txn *txn, struct live_member *member, uint64_t quiet_channel)
{
	struct realm *realm = realm_of(txn);

	realm->sight_moved = true;
	if (!member->sessions)
		return;
	member_open(realm, member);
	struct audience_class *before = by_id(realm, member->class_id);
	struct member_key key = key_of(realm, txn->arena, member);
	if (before && key_eq(&before->key, &key))
		return;
	struct audience_class *after = find_or_make(txn, &key);
	publish_class(txn, after);
	after->members++;
	member->class_id = after->id;
	txn_effect(txn,
		   &(struct effect){ .kind = EFFECT_USER_CLASS,
				     .user = member->row->user_id,
				     .class_id = after->id });
	if (before) {
		tell_sight(txn, after,
			   &(struct sight_before){ before->see, before->threads, before->bytes },
			   (struct audience){ .user = member->row->user_id }, quiet_channel);
		release(realm, before->id);
	}
}

void class_rekey(struct txn *txn, uint64_t quiet_channel)
{
	struct realm *realm = realm_of(txn);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	/* Only members who are watched are in a class. One with several sessions is in its new one after the first. */
	while (map_next(&realm->sessions, &at, &id, &value)) {
		struct live_member *member = member_find(
			realm, ((const struct subscriber *)value)->user_id);

		if (member)
			class_move(txn, member, quiet_channel);
	}
	class_refresh(txn, quiet_channel);
}
