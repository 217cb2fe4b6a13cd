#include "realm/realm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/dup.h"
#include "codec/row.h"
#include "realm/bucket.h"
#include "realm/audit.h"
#include "realm/class.h"
#include "realm/member_heap.h"
#include "realm/member_lists.h"
#include "realm/watch.h"
#include "realm/pins.h"
#include "realm/polls.h"
#include "store/store.h"

/* -- live rows: one block each in the region -- */

struct realm *realm_new(struct cell *cell)
{
	struct realm *realm = region_new(&cell->region, struct realm);

	realm->cell = cell;
	realm->region = &cell->region;
	map_init_in(&realm->channels, realm->region);
	map_init_in(&realm->roles, realm->region);
	map_init_in(&realm->members, realm->region);
	map_init_in(&realm->emojis, realm->region);
	map_init_in(&realm->sessions, realm->region);
	map_init_in(&realm->watched, realm->region);
	list_init(&realm->classes);
	realm->classes_next = 1;
	cell->state = realm;
	return realm;
}

struct live_channel *realm_channel(struct realm *realm, uint64_t id)
{
	return map_get(&realm->channels, id);
}

struct live_role *realm_role(struct realm *realm, uint64_t id)
{
	return map_get(&realm->roles, id);
}

struct live_member *realm_member(struct realm *realm, uint64_t user_id)
{
	struct live_member *member = map_get(&realm->members, user_id);

	return member ? member_open(realm, member) : NULL;
}

static uint32_t take_slot(struct realm *realm, struct live_channel *channel)
{
	uint32_t slot = 0;

	while (slot < realm->slots_count && realm->slots[slot])
		slot++;
	if (slot == realm->slots_count) {
		realm->slots = region_realloc(realm->region, realm->slots,
					      (slot + 1) * sizeof(struct live_channel *));
		realm->slots_count = slot + 1;
	}
	realm->slots[slot] = channel;
	return slot;
}

struct live_channel *realm_add_channel(struct realm *realm, const struct channel *row)
{
	struct live_channel *channel = map_get(&realm->channels, row->id);
	struct channel *copy = obj_dup_region(realm->region, &desc_channel, row);

	if (!channel) {
		channel = region_new(realm->region, struct live_channel);
		channel->slot = take_slot(realm, channel);
		map_init_in(&channel->slow, realm->region);
		map_set(&realm->channels, row->id, channel);
	} else {
		region_free(realm->region, channel->row);
	}
	channel->row = copy;
	return channel;
}

struct live_role *realm_add_role(struct realm *realm, const struct role *row)
{
	struct live_role *role = map_get(&realm->roles, row->id);
	struct role *copy = obj_dup_region(realm->region, &desc_role, row);

	if (!role) {
		role = region_new(realm->region, struct live_role);
		map_set(&realm->roles, row->id, role);
	} else {
		region_free(realm->region, role->row);
	}
	role->row = copy;
	return role;
}

struct live_member *realm_add_member(struct realm *realm, const struct member_row *row)
{
	struct live_member *member = map_get(&realm->members, row->user_id);

	if (!member) {
		member = member_slot_new(realm);
		map_set(&realm->members, row->user_id, member);
	} else {
		member_lists_out(realm, member);
	}
	member_set_row(realm, member, row);
	member_lists_in(realm, member);
	return member;
}

void realm_put_guild(struct txn *txn, const struct guild *row)
{
	struct realm *realm = realm_of(txn);
	struct guild *copy = obj_dup_region(realm->region, &desc_guild, row);
	struct key key;

	region_free(realm->region, realm->guild);
	realm->guild = copy;
	member_lists_stale(realm);
	txn_put(txn, key_guild(&key, txn->cell->id), &desc_guild, copy);
}

struct live_channel *realm_put_channel(struct txn *txn, const struct channel *row)
{
	struct live_channel *channel = realm_add_channel(realm_of(txn), row);
	struct key key;

	member_lists_stale(realm_of(txn));
	txn_put(txn, key_channel(&key, txn->cell->id, channel->row->id), &desc_channel, channel->row);
	return channel;
}

struct live_role *realm_put_role(struct txn *txn, const struct role *row)
{
	struct live_role *role = realm_add_role(realm_of(txn), row);
	struct key key;

	member_lists_stale(realm_of(txn));
	txn_put(txn, key_role(&key, txn->cell->id, role->row->id), &desc_role, role->row);
	return role;
}

struct live_member *realm_put_member(struct txn *txn, const struct member_row *row)
{
	struct live_member *member = realm_add_member(realm_of(txn), row);
	struct key key;

	txn_put(txn, key_member(&key, txn->cell->id, member->row->user_id), &desc_member_row, member->row);
	return member;
}

void realm_del_channel(struct txn *txn, uint64_t id)
{
	struct realm *realm = realm_of(txn);
	struct live_channel *channel = map_del(&realm->channels, id);
	struct key key;

	if (!channel)
		return;
	member_lists_stale(realm);
	realm->slots[channel->slot] = NULL;
	map_done(&channel->slow);
	if (channel->pins)
		region_free(realm->region, channel->pins->items);
	region_free(realm->region, channel->pins);
	region_free(realm->region, channel->row);
	region_free(realm->region, channel);
	txn_del(txn, key_channel(&key, txn->cell->id, id));
}

void realm_del_role(struct txn *txn, uint64_t id)
{
	struct realm *realm = realm_of(txn);
	struct live_role *role = map_del(&realm->roles, id);
	struct key key;

	if (!role)
		return;
	member_lists_stale(realm);
	region_free(realm->region, role->row);
	region_free(realm->region, role);
	txn_del(txn, key_role(&key, txn->cell->id, id));
}

void realm_del_member(struct txn *txn, uint64_t user_id)
{
	struct realm *realm = realm_of(txn);
	struct live_member *member = map_del(&realm->members, user_id);
	struct key key;

	if (!member)
		return;
	member_lists_out(realm, member);
	if (member->sessions)
		class_part(realm, member);
	realm->online_count -= member->presence != NULL;
	member_slot_free(realm, member);
	txn_del(txn, key_member(&key, txn->cell->id, user_id));
}

/* -- order -- */

static int by_position(const void *a, const void *b)
{
	const struct channel *x = (*(struct live_channel *const *)a)->row, *y = (*(struct live_channel *const *)b)->row;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

struct live_channel **realm_channels_sorted(struct realm *realm, struct arena *arena, uint32_t *ret_count)
{
	struct live_channel **list = arena_array(arena, struct live_channel *, realm->slots_count + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < realm->slots_count; i++)
		if (realm->slots[i])
			list[count++] = realm->slots[i];
	qsort(list, count, sizeof(*list), by_position);
	*ret_count = count;
	return list;
}

static int by_rank(const void *a, const void *b)
{
	const struct role *x = (*(struct live_role *const *)a)->row, *y = (*(struct live_role *const *)b)->row;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

struct live_role **realm_roles_sorted(struct realm *realm, struct arena *arena, uint32_t *ret_count)
{
	struct live_role **list = arena_array(arena, struct live_role *, realm->roles.count + 1);
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	while (map_next(&realm->roles, &at, &id, &value))
		list[count++] = value;
	qsort(list, count, sizeof(*list), by_rank);
	*ret_count = count;
	return list;
}

/* -- ending -- */

static void empty(struct map *map, void (*release)(struct realm *, void *), struct realm *realm)
{
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(map, &at, &id, &value))
		release(realm, value);
	map_done(map);
	map_init_in(map, realm->region);
}

static void release_channel(struct realm *realm, void *value)
{
	struct live_channel *channel = value;

	map_done(&channel->slow);
	if (channel->pins)
		region_free(realm->region, channel->pins->items);
	region_free(realm->region, channel->pins);
	region_free(realm->region, channel->row);
	region_free(realm->region, channel);
}

static void release_role(struct realm *realm, void *value)
{
	struct live_role *role = value;

	region_free(realm->region, role->row);
	region_free(realm->region, role);
}

static void release_member(struct realm *realm, void *value)
{
	struct live_member *member = value;

	if (member->sessions)
		class_part(realm, member);
	member_slot_free(realm, member);
}

static void release_plain(struct realm *realm, void *value)
{
	region_free(realm->region, value);
}

void realm_empty(struct realm *realm)
{
	member_lists_end(realm);
	realm_polls_drop(realm);
	empty(&realm->members, release_member, realm);
	members_clear(realm);
	empty(&realm->channels, release_channel, realm);
	empty(&realm->roles, release_role, realm);
	empty(&realm->emojis, release_plain, realm);
	watch_end(realm);
	empty(&realm->sessions, release_plain, realm);
	for (uint32_t i = 0; i < realm->slots_count; i++)
		realm->slots[i] = NULL;
	realm->online_count = realm->contentless = realm->presence_bots = 0;
}

/* -- loading -- */

static int load_rows(struct realm *realm, struct arena *arena, const struct store_row *rows, uint32_t count)
{
	if (count && key_realm_kind(rows[0].key) == KIND_member)
		members_expect(realm, count);
	for (uint32_t i = 0; i < count; i++) {
		int r = 0;

		switch (key_realm_kind(rows[i].key)) {
		case KIND_guild: {
			struct guild row = {};

			r = row_get(rows[i].value, &desc_guild, arena, &row);
			if (!r)
				realm->guild = obj_dup_region(realm->region, &desc_guild, &row);
			break;
		}
		case KIND_channel: {
			struct channel row = {};

			r = row_get(rows[i].value, &desc_channel, arena, &row);
			if (!r)
				realm_add_channel(realm, &row);
			break;
		}
		case KIND_role: {
			struct role row = {};

			r = row_get(rows[i].value, &desc_role, arena, &row);
			if (!r)
				realm_add_role(realm, &row);
			break;
		}
		case KIND_member:
			r = member_add_stored(realm, rows[i].value) ? 0 : -EBADMSG;
			break;
		case KIND_emoji: {
			struct emoji row = {};

			r = row_get(rows[i].value, &desc_emoji, arena, &row);
			if (!r)
				map_set(&realm->emojis, row.id, obj_dup_region(realm->region, &desc_emoji, &row));
			break;
		}
		default: /* bans, invites, audit entries, pins: read when asked for */
			break;
		}
		if (r)
			return r;
	}
	return 0;
}

enum { LOAD_ROWS = MEMBERS_PACK_FROM + 1 }; /* at once: the first full page of members says that they are many */

/* One kind of row after the other: what is not kept in memory is never read here. */
static int load_kind(struct realm *realm, struct str (*prefix)(struct key *, uint64_t))
{
	struct cell *cell = realm->cell;
	char last[STORE_KEY_MAX + 1];
	struct str from = {};
	struct store_row *rows;
	struct arena arena;
	struct key key;
	uint32_t count;
	int r;

	do {
		arena_init(&arena);
		r = store_scan_wait(cell->core, &arena, prefix(&key, cell->id), from, (struct str){}, false, LOAD_ROWS,
				    &rows, &count);
		if (!r)
			r = load_rows(realm, &arena, rows, count);
		if (!r && count == LOAD_ROWS) { /* behind the last one */
			from = (struct str){ last, rows[count - 1].key.len + 1 };
			memcpy(last, rows[count - 1].key.ptr, rows[count - 1].key.len);
			last[from.len - 1] = 0;
		}
		arena_done(&arena);
	} while (!r && count == LOAD_ROWS);
	return r;
}

static int load_wait(struct cell *cell)
{
	struct realm *realm = realm_new(cell);
	struct str (*const prefixes[])(struct key *, uint64_t) = {
		prefix_guild, prefix_channel, prefix_role, prefix_member, prefix_emoji,
	};

	realm->loaded = cell_stats(cell->core)->loads;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		int r = load_kind(realm, prefixes[i]);

		if (r)
			return r;
		if (i == 0 && cell->kind == CELL_GUILD && !realm->guild)
			return ENOENT;
		if (i == 0 && realm_gone(realm))
			return 0; /* its sweep goes on (realm/sweep.h) */
	}
	if (cell->kind == CELL_DM && !realm->channels.count)
		return ENOENT;
	int r = bucket_load_newest_wait(realm);
	if (!r)
		r = realm_polls_load_wait(realm);
	if (!r && cell->kind == CELL_GUILD)
		cell_tell(cell->core, CELL_GUILD, cell->id, false, audit_expire_run, NULL);
	return r;
}

static bool busy(const struct cell *cell)
{
	const struct realm *realm = cell->state;

	return realm && realm->sessions.count > 0;
}

static void drop(struct cell *cell)
{
	if (!cell->state)
		return;
	member_lists_drop(cell->state);
	realm_polls_drop(cell->state);
}

static void quiet(struct cell *cell)
{
	members_quiet(cell->state);
}

void realm_register(void)
{
	static const struct cell_type guild = {
		.name = "guild", .load_wait = load_wait, .drop = drop, .busy = busy, .quiet = quiet
	};
	static const struct cell_type dm = { .name = "dm", .load_wait = load_wait, .drop = drop, .busy = busy };

	cell_type_register(CELL_GUILD, &guild);
	cell_type_register(CELL_DM, &dm);
}
