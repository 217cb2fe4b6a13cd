#include "realm/realm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/dup.h"
#include "codec/row.h"
#include "realm/audit.h"
#include "realm/bucket.h"
#include "realm/channel.h"
#include "realm/class.h"
#include "realm/member_heap.h"
#include "realm/member_lists.h"
#include "realm/watch.h"
#include "realm/pins.h"
#include "realm/polls.h"
#include "realm/thread.h"
#include "realm/thread_archive.h"
#include "store/store.h"

/* -- live rows: one block each in the region -- */

struct realm *realm_new(struct cell *cell)
{
	struct realm *realm = region_new(&cell->region, struct realm);

	realm->cell = cell;
	realm->region = &cell->region;
	map_init_in(&realm->channels, realm->region);
	map_init_in(&realm->roles, realm->region);
	member_table_init(realm);
	map_init_in(&realm->emojis, realm->region);
	map_init_in(&realm->sessions, realm->region);
	map_init_in(&realm->watched, realm->region);
	list_init(&realm->classes);
	list_init(&realm->crowds);
	list_init(&realm->threads);
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
	struct live_member *member = member_find(realm, user_id);

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
		if (!channel_is_thread(row))
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
	struct live_member *member = member_find(realm, row->user_id);

	if (member) {
		member_lists_out(realm, member);
		member_set_row(realm, member, row);
	} else {
		member = member_new_live(realm, row);
	}
	member_lists_in(realm, member);
	return member;
}

void realm_put_guild(struct txn *txn, const struct guild *row)
{
	struct realm *realm = realm_of(txn);
	struct guild *copy = obj_dup_region(realm->region, &desc_guild, row);
	struct key key;

	bool other_owner = realm->guild && realm->guild->owner_id != row->owner_id;
	region_free(realm->region, realm->guild);
	realm->guild = copy;
	if (other_owner)
		member_lists_stale(realm);
	txn_put(txn, key_guild(&key, txn->cell->id), &desc_guild, copy);
}

/* Who sees it is decided by the same. */
static bool same_sight(const struct channel *a, const struct channel *b)
{
	const struct overwrite_list *x = &a->permission_overwrites, *y = &b->permission_overwrites;

	if (a->type != b->type || a->parent_id != b->parent_id || x->count != y->count)
		return false;
	for (uint32_t i = 0; i < x->count; i++)
		if (x->items[i].id != y->items[i].id || x->items[i].type != y->items[i].type ||
		    x->items[i].allow != y->items[i].allow || x->items[i].deny != y->items[i].deny)
			return false;
	return true;
}

struct live_channel *realm_put_channel(struct txn *txn, const struct channel *row)
{
	struct live_channel *channel = realm_channel(realm_of(txn), row->id);
	bool seen_alike = channel && same_sight(channel->row, row);
	struct key key;

	if (channel_is_thread(row))
		return thread_put(txn, row);
	channel = realm_add_channel(realm_of(txn), row);
	if (!seen_alike)
		member_lists_stale(realm_of(txn));
	txn_put(txn, key_channel(&key, txn->cell->id, channel->row->id), &desc_channel,
		channel->row);
	return channel;
}

struct live_role *realm_put_role(struct txn *txn, const struct role *row)
{
	struct live_role *role = realm_role(realm_of(txn), row->id);
	bool alike = role && role->row->permissions == row->permissions &&
		role->row->hoist == row->hoist && role->row->position == row->position;
	struct key key;

	role = realm_add_role(realm_of(txn), row);
	if (!alike)
		member_lists_stale(realm_of(txn));
	txn_put(txn, key_role(&key, txn->cell->id, role->row->id), &desc_role, role->row);
	return role;
}

struct live_member *realm_put_member(struct txn *txn, const struct member_row *row)
{
	struct live_member *member = realm_add_member(realm_of(txn), row);
	struct key key;

	txn_put(txn, key_member(&key, txn->cell->id, member->row->user_id), &desc_member_row,
		member->row);
	return member;
}

void realm_del_channel(struct txn *txn, uint64_t id)
{
	struct realm *realm = realm_of(txn);
	struct live_channel *channel = realm_channel(realm, id);
	struct key key;

	if (!channel)
		return;
	if (channel->thread) {
		thread_del_rows(txn, channel);
	} else {
		member_lists_stale(realm);
		realm->slots[channel->slot] = NULL;
		txn_del(txn, key_channel(&key, txn->cell->id, id));
	}
	realm_forget_channel(realm, channel);
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
	struct live_member *member = member_find(realm, user_id);
	struct key key;

	if (!member)
		return;
	member_lists_out(realm, member);
	if (member->sessions)
		class_part(realm, member);
	realm->online_count -= member->presence != NULL;
	member_del_live(realm, user_id);
	txn_del(txn, key_member(&key, txn->cell->id, user_id));
}

/* -- order -- */

static int by_position(const void *a, const void *b)
{
	const struct channel *x = (*(struct live_channel *const *)a)->row,
			     *y = (*(struct live_channel *const *)b)->row;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

struct live_channel **realm_channels_sorted(struct realm *realm, struct arena *arena,
					    uint32_t *ret_count)
{
	struct live_channel **list = arena_array(arena, struct live_channel *,
						 realm->slots_count + 1);
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
	const struct role *x = (*(struct live_role *const *)a)->row,
			  *y = (*(struct live_role *const *)b)->row;

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

	if (channel->thread)
		thread_done(realm, channel);
	map_done(&channel->slow);
	if (channel->pins)
		region_free(realm->region, channel->pins->items);
	region_free(realm->region, channel->pins);
	region_free(realm->region, channel->row);
	region_free(realm->region, channel);
}

void realm_forget_channel(struct realm *realm, struct live_channel *channel)
{
	map_del(&realm->channels, channel->row->id);
	release_channel(realm, channel);
}

static void release_role(struct realm *realm, void *value)
{
	struct live_role *role = value;

	region_free(realm->region, role->row);
	region_free(realm->region, role);
}

static void release_plain(struct realm *realm, void *value)
{
	region_free(realm->region, value);
}

void realm_empty(struct realm *realm)
{
	member_lists_end(realm);
	realm_polls_drop(realm);
	archiver_drop(realm);
	class_end(realm);
	members_clear(realm);
	empty(&realm->channels, release_channel, realm);
	empty(&realm->roles, release_role, realm);
	empty(&realm->emojis, release_plain, realm);
	watch_end(realm);
	empty(&realm->sessions, release_plain, realm);
	for (uint32_t i = 0; i < realm->slots_count; i++)
		realm->slots[i] = NULL;
	realm->online_count = realm->contentless = realm->presence_bots = 0;
	realm->thread_watchers = 0;
}

/* -- loading -- */

static int load_rows(struct realm *realm, struct arena *arena, const struct store_row *rows,
		     uint32_t count)
{
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
		case KIND_thread: {
			struct channel row = {};

			r = row_get(rows[i].value, &desc_channel, arena, &row);
			if (!r)
				thread_add(realm,
					   &row); /* not without its parent: it is being swept */
			break;
		}
		case KIND_role: {
			struct role row = {};

			r = row_get(rows[i].value, &desc_role, arena, &row);
			if (!r)
				realm_add_role(realm, &row);
			break;
		}
		case KIND_member: r = member_add_stored(realm, rows[i].value) ? 0 : -EBADMSG; break;
		case KIND_emoji: {
			struct emoji row = {};

			r = row_get(rows[i].value, &desc_emoji, arena, &row);
			if (!r)
				map_set(&realm->emojis, row.id,
					obj_dup_region(realm->region, &desc_emoji, &row));
			break;
		}
		default: /* bans, invites, audit entries, pins: read when asked for */ break;
		}
		if (r)
			return r;
	}
	return 0;
}

/* At once: so many that the store's cache is left as it is, and the first full page of members says that they are many; and
 * how many are taken in before others have their turn. */
enum { LOAD_ROWS = MEMBERS_PACK_FROM + 1, LOAD_SLICE = 128 };

typedef struct str prefix_h(struct key *key, uint64_t realm_id);

static int load_slices_wait(struct realm *realm, struct arena *arena, const struct store_row *rows,
			    uint32_t count)
{
	struct cell *cell = realm->cell;
	uint32_t generation = cell->generation;
	int r = 0;

	for (uint32_t at = 0; !r && at < count; at += LOAD_SLICE) {
		if (at)
			fiber_yield(cell->core);
		if (cell->generation != generation)
			return ERR_RESTARTED;
		r = load_rows(realm, arena, rows + at, MIN(count - at, (uint32_t)LOAD_SLICE));
	}
	return r;
}

/* Rows of one kind, from where the last page ended; *@ret_more: there may be others. */
static int load_page_wait(struct realm *realm, prefix_h *prefix, bool *ret_more)
{
	struct cell *cell = realm->cell;
	uint32_t generation = cell->generation, count;
	char last[STORE_KEY_MAX];
	struct store_row *rows;
	struct str from = {};
	struct arena arena;
	struct key key;

	arena_init(&arena);
	if (realm->loaded_to.ptr) {
		memcpy(last, realm->loaded_to.ptr, realm->loaded_to.len);
		from = (struct str){ last, realm->loaded_to.len };
	}
	int r = store_scan_wait(cell->core, &arena, prefix(&key, cell->id), from, (struct str){},
				false, LOAD_ROWS, &rows, &count);
	if (cell->generation != generation)
		r = ERR_RESTARTED;
	if (r) {
		arena_done(&arena);
		return r;
	}
	if (count && key_realm_kind(rows[0].key) == KIND_member)
		members_expect(realm, count);
	region_free(realm->region, (char *)realm->loaded_to.ptr);
	realm->loaded_to = (struct str){};
	*ret_more = count == LOAD_ROWS && rows[count - 1].key.len < STORE_KEY_MAX;
	if (*ret_more) { /* a zero byte behind it: the next key that may be */
		struct str end = rows[count - 1].key;
		char *ptr = region_alloc(realm->region, end.len + 1);

		memcpy(ptr, end.ptr, end.len);
		realm->loaded_to = (struct str){ ptr, end.len + 1 };
	}
	r = load_slices_wait(realm, &arena, rows, count);
	arena_done(&arena);
	return r;
}

/* One kind of row after the other: what is not kept in memory is never read here. */
static int load_kind_wait(struct realm *realm, prefix_h *prefix)
{
	bool more = true;
	int r = 0;

	while (!r && more)
		r = load_page_wait(realm, prefix, &more);
	return r;
}

static int load_wait(struct cell *cell)
{
	struct realm *realm = realm_new(cell);
	prefix_h *const prefixes[] = { prefix_guild, prefix_channel, prefix_thread, prefix_role,
				       prefix_emoji };
	bool more;

	realm->loaded = cell_stats(cell->core)->loads;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		int r = load_kind_wait(realm, prefixes[i]);

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
	if (!r)
		r = threads_load_wait(realm);
	if (!r) {
		member_table_gather(realm);
		r = load_page_wait(realm, prefix_member, &more);
	}
	if (!r && more && cell->kind == CELL_GUILD)
		cell->partial = true; /* very many; messages need not wait for them */
	else if (!r && more)
		r = load_kind_wait(realm, prefix_member);
	if (!r && !cell->partial)
		member_table_gathered_wait(realm);
	if (!r && cell->kind == CELL_GUILD)
		cell_tell(cell->core, CELL_GUILD, cell->id, false, audit_expire_run, NULL);
	return r;
}

static int load_rest_wait(struct cell *cell)
{
	uint32_t generation = cell->generation;
	struct realm *realm = cell->state;

	int r = load_kind_wait(realm, prefix_member);
	if (!r && cell->generation == generation)
		member_table_gathered_wait(realm);
	return r;
}

int realm_member_fetch_wait(struct txn *txn, uint64_t user_id)
{
	struct member_row row = {};
	struct key key;

	if (!txn->cell->partial || !user_id || member_find(realm_of(txn), user_id))
		return 0;
	int r = txn_get_obj_wait(txn, key_member(&key, txn->cell->id, user_id), &desc_member_row,
				 &row);
	if (r)
		return r == ENOENT ? 0 : r;
	/* Nobody changes members before all are there. */
	if (!member_find(realm_of(txn), user_id))
		realm_add_member(realm_of(txn), &row);
	return 0;
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
	archiver_drop(cell->state);
	threads_drop(cell->state);
}

static void quiet(struct cell *cell)
{
	members_quiet(cell->state);
	threads_quiet(cell->state);
}

void realm_register(void)
{
	static const struct cell_type guild = { .name = "guild",
						.load_wait = load_wait,
						.load_rest_wait = load_rest_wait,
						.drop = drop,
						.busy = busy,
						.quiet = quiet };
	static const struct cell_type dm = {
		.name = "dm", .load_wait = load_wait, .drop = drop, .busy = busy
	};

	cell_type_register(CELL_GUILD, &guild);
	cell_type_register(CELL_DM, &dm);
}
