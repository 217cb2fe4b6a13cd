#include "realm/member_heap.h"

#include <assert.h>
#include <string.h>

#include "codec/dup.h"
#include "codec/row.h"
#include "core/fiber.h"
#include "realm/member.h"

enum {
	CHUNK_BITS = 18,	 /* packed rows at once, in bytes */
	CHUNK = 1 << CHUNK_BITS,
	PACKED_MAX = 4096,	   /* longer rows stay open */
	SHARED_MAX = 64,	 /* presences without activities */
	WALK_MEMBERS = 200,    /* looked at, before others have their turn */
};

/* Before a packed row. What is wanted often lies inside it as it is, since strings and arrays of ids are stored plainly. */
struct packed {
	uint16_t len;
	uint16_t roles_at;
	uint16_t names_at[MEMBER_NAMES]; /* 0: none; before it stands its length */
	uint8_t roles_count;
	char bytes[]; /* the row: a tag, the user's id, … */
};
enum { ID_AT = 1 };

struct member_heap {
	bool packs;
	struct chunk {
		char *bytes; /* NULL: none, for now */
		uint32_t used, waste; /* waste: of rows given up */
	} *chunks;
	uint32_t chunks_count, filling; /* the chunk that rows are added to */
	uint32_t wasted; /* a chunk that is mostly waste, + 1 */
	uint64_t *opened; /* ids */
	uint32_t opened_count, opened_cap;
	struct shared {
		struct presence *presence;
		uint32_t refs;
	} *shared;
	uint32_t shared_count;
};

static struct member_heap *heap_of(struct realm *realm)
{
	if (!realm->heap)
		realm->heap = region_new(realm->region, struct member_heap);
	return realm->heap;
}

static struct packed *packed_of(const struct realm *realm, const struct live_member *member)
{
	uint32_t at = member->packed - 1;

	assert(member->packed);
	return (void *)(realm->heap->chunks[at >> (CHUNK_BITS - 2)].bytes +
			((size_t)at * 4 & (CHUNK - 1)));
}

static size_t packed_size(size_t len)
{
	return (offsetof(struct packed, bytes) + len + 3) & ~(size_t)3;
}

/* -- packing -- */

static void chunk_begin(struct realm *realm)
{
	struct member_heap *heap = heap_of(realm);
	uint32_t at = 0;

	while (at < heap->chunks_count && heap->chunks[at].bytes)
		at++;
	if (at == heap->chunks_count)
		heap->chunks = region_realloc(realm->region, heap->chunks,
					      ++heap->chunks_count * sizeof(*heap->chunks));
	heap->chunks[at] = (struct chunk){ .bytes = region_alloc(realm->region, CHUNK) };
	heap->filling = at;
}

/* Room for a packed row of @len bytes; where it is, in steps of four bytes, counted from 1. */
static uint32_t heap_take(struct realm *realm, size_t len, struct packed **ret)
{
	struct member_heap *heap = heap_of(realm);
	size_t size = packed_size(len);

	if (!heap->chunks_count || heap->chunks[heap->filling].used + size > CHUNK)
		chunk_begin(realm);
	struct chunk *chunk = &heap->chunks[heap->filling];
	*ret = (void *)(chunk->bytes + chunk->used);
	uint32_t at = (uint32_t)(((size_t)heap->filling << CHUNK_BITS | chunk->used) / 4) + 1;
	chunk->used += (uint32_t)size;
	return at;
}

static void give_up_packed(struct realm *realm, struct live_member *member)
{
	struct member_heap *heap = realm->heap;

	if (!member->packed)
		return;
	uint32_t at = (member->packed - 1) >> (CHUNK_BITS - 2);
	struct chunk *chunk = &heap->chunks[at];
	chunk->waste += (uint32_t)packed_size(packed_of(realm, member)->len);
	if (chunk->waste > CHUNK / 2 && at != heap->filling)
		heap->wasted = at + 1;
	member->packed = 0;
}

/* Where @part lies in @whole; any place with the same bytes is as good. */
static bool find_part(struct str whole, const void *part, size_t len, uint16_t *ret_at)
{
	const char *at = len ? memmem(whole.ptr, whole.len, part, len) : whole.ptr;

	*ret_at = at ? (uint16_t)(at - whole.ptr) : 0;
	return at != NULL;
}

/* False: this one cannot be packed, and stays open. @row was read from @stored, its strings lie there. */
static bool pack(struct realm *realm, struct live_member *member, const struct member_row *row,
		 struct str stored)
{
	struct packed head = { .len = (uint16_t)stored.len,
			       .roles_count = (uint8_t)row->roles.count };
	struct packed *packed;

	if (stored.len > PACKED_MAX || row->roles.count > UINT8_MAX || !row->user_id ||
	    !find_part(stored, row->roles.items, row->roles.count * sizeof(uint64_t),
		       &head.roles_at) ||
	    memcmp(stored.ptr + ID_AT, &row->user_id, sizeof(row->user_id)) != 0)
		return false;
	for (int which = 0; which < MEMBER_NAMES; which++) {
		struct str name = member_row_name(row, (enum member_name)which);

		if (name.len > UINT8_MAX)
			return false;
		head.names_at[which] = name.len ? (uint16_t)(name.ptr - stored.ptr) : 0;
	}
	member->packed = heap_take(realm, stored.len, &packed);
	memcpy(packed, &head, offsetof(struct packed, bytes));
	memcpy(packed->bytes, stored.ptr, stored.len);
	return true;
}

static bool pack_row(struct realm *realm, struct live_member *member)
{
	struct member_row row;
	struct arena arena;
	struct buf buf;

	arena_init(&arena);
	buf_init(&buf, ROW_MAX);
	row_put(&buf, &desc_member_row, member->row);
	bool good = !buf.full && row_get(buf_str(&buf), &desc_member_row, &arena, &row) == 0 &&
		pack(realm, member, &row, buf_str(&buf));
	buf_done(&buf);
	arena_done(&arena);
	return good;
}

static void note_open(struct realm *realm, uint64_t id)
{
	struct member_heap *heap = heap_of(realm);

	if (!heap->packs)
		return;
	if (heap->opened_count == heap->opened_cap) {
		heap->opened_cap = MAX(heap->opened_cap * 2, 64u);
		heap->opened = region_realloc(realm->region, heap->opened,
					      heap->opened_cap * sizeof(*heap->opened));
	}
	heap->opened[heap->opened_count++] = id;
}

static void close_member(struct realm *realm, struct live_member *member)
{
	if (!member->row || (!member->packed && !pack_row(realm, member)))
		return;
	region_free(realm->region, member->row);
	member->row = NULL;
}

/* -- reading -- */

/* A deletion of a role does not write the members who had it. */
static void leave_dead_roles_out(const struct realm *realm, struct member_row *row)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; realm->guild && i < row->roles.count; i++)
		if (map_get(&realm->roles, row->roles.items[i]))
			row->roles.items[kept++] = row->roles.items[i];
	if (realm->guild)
		row->roles.count = kept;
}

static void unpack(const struct realm *realm, const struct live_member *member, struct arena *arena,
		   struct member_row *ret)
{
	const struct packed *packed = packed_of(realm, member);
	int r = row_get((struct str){ packed->bytes, packed->len }, &desc_member_row, arena, ret);

	assert(r == 0); /* we wrote it */
	leave_dead_roles_out(realm, ret);
}

const struct member_row *member_read(struct realm *realm, const struct live_member *member,
				     struct arena *arena)
{
	if (member->row)
		return member->row;
	struct member_row *row = arena_new(arena, struct member_row);
	unpack(realm, member, arena, row);
	return row;
}

struct live_member *member_open(struct realm *realm, struct live_member *member)
{
	struct member_row row;
	struct arena arena;

	if (member->row)
		return member;
	arena_init(&arena);
	unpack(realm, member, &arena, &row);
	member->row = obj_dup_region(realm->region, &desc_member_row, &row);
	arena_done(&arena);
	note_open(realm, member->row->user_id);
	return member;
}

uint64_t member_id(const struct realm *realm, const struct live_member *member)
{
	uint64_t id;

	if (member->row)
		return member->row->user_id;
	memcpy(&id, packed_of(realm, member)->bytes + ID_AT, sizeof(id));
	return id;
}

struct str member_row_name(const struct member_row *row, enum member_name which)
{
	switch (which) {
	case MEMBER_USERNAME: return row->username;
	case MEMBER_GLOBAL_NAME: return row->global_name;
	case MEMBER_NICK: return row->nick;
	case MEMBER_NAMES: break;
	}
	return (struct str){};
}

struct str member_name_of(const struct realm *realm, const struct live_member *member,
			  enum member_name which)
{
	if (member->row)
		return member_row_name(member->row, which);
	const struct packed *packed = packed_of(realm, member);
	uint16_t at = packed->names_at[which];
	if (!at)
		return (struct str){};
	/* A varint, of two bytes from 128 on; then no other first byte has its top bit. */
	uint8_t len = (uint8_t)packed->bytes[at - 1], more = (uint8_t)packed->bytes[at - 2];
	return (struct str){ packed->bytes + at, len == 1 && more & 0x80 ? more : len };
}

struct str member_shown_name(const struct realm *realm, const struct live_member *member)
{
	struct str name = {};

	for (int which = MEMBER_NICK; which >= 0 && !name.len; which--)
		name = member_name_of(realm, member, (enum member_name)which);
	return name;
}

uint32_t member_roles(const struct realm *realm, const struct live_member *member, uint64_t *roles,
		      uint32_t max)
{
	const void *from;
	uint32_t count;

	if (member->row) {
		from = member->row->roles.items;
		count = member->row->roles.count;
	} else {
		const struct packed *packed = packed_of(realm, member);

		from = packed->bytes + packed->roles_at;
		count = packed->roles_count;
	}
	count = MIN(count, max);
	if (count)
		memcpy(roles, from, count * sizeof(*roles));
	return count;
}

/* -- walking -- */

static void take_back(struct member_walk *walk)
{
	if (!walk->lent)
		return;
	walk->lent->row = NULL;
	walk->lent = NULL;
	arena_done(&walk->arena);
}

struct live_member *member_walk_next(struct member_walk *walk)
{
	take_back(walk);
	struct live_member *member = member_next(walk->realm, &walk->at);
	if (member && !member->row) {
		arena_init(&walk->arena);
		member->row = (struct member_row *)member_read(walk->realm, member, &walk->arena);
		walk->lent = member;
	}
	return member;
}

/* ERR_RESTARTED after a wait in which the realm was. */
static int walk_rest_wait(struct member_walk *walk, struct txn *txn, uint32_t members)
{
	if (++walk->seen % members)
		return 0;
	fiber_yield(txn->core);
	return txn->generation != txn->cell->generation ? ERR_RESTARTED : 0;
}

struct live_member *member_walk_next_wait(struct member_walk *walk, struct txn *txn, int *ret_r)
{
	take_back(walk);
	*ret_r = walk_rest_wait(walk, txn, WALK_MEMBERS);
	return *ret_r ? NULL : member_walk_next(walk);
}

struct live_member *member_walk_closed_wait(struct member_walk *walk, struct txn *txn, int *ret_r)
{
	*ret_r = walk_rest_wait(walk, txn, 8 * WALK_MEMBERS);
	return *ret_r ? NULL : member_next(walk->realm, &walk->at);
}

void member_walk_done(struct member_walk *walk)
{
	take_back(walk);
}

/* -- life -- */

static void presence_release(struct realm *realm, struct presence *presence);

struct live_member *member_new_live(struct realm *realm, const struct member_row *row)
{
	uint32_t slot;
	struct live_member *member = member_slot_new(realm, &slot);

	member_set_row(realm, member, row);
	member_table_add(realm, row->user_id, slot);
	return member;
}

/* Presence and row, open or packed. */
static void strip(struct realm *realm, struct live_member *member)
{
	presence_release(realm, member->presence);
	give_up_packed(realm, member);
	region_free(realm->region, member->row);
	*member = (struct live_member){};
}

void member_del_live(struct realm *realm, uint64_t id)
{
	struct live_member *member = member_find(realm, id);

	assert(member);
	uint32_t slot = member_table_del(realm, id);
	strip(realm, member);
	member_slot_free(realm, slot);
}

void member_set_row(struct realm *realm, struct live_member *member, const struct member_row *row)
{
	struct member_row *copy = obj_dup_region(realm->region, &desc_member_row, row);
	bool fresh = !member->row && !member->packed;
	uint32_t names = fresh ? 0 : member_table_names_out(realm, row->user_id, member, row);

	if (!member->row)
		note_open(realm, row->user_id);
	give_up_packed(realm, member);
	region_free(realm->region, member->row);
	member->row = copy;
	member_table_names_in(realm, row->user_id, member, names);
}

void members_expect(struct realm *realm, uint32_t count)
{
	heap_of(realm)->packs |= realm->guild && count > MEMBERS_PACK_FROM;
}

static void add_packed(struct realm *realm, const struct member_row *row, struct str stored)
{
	uint32_t slot;
	struct live_member *member = member_slot_new(realm, &slot);

	if (!pack(realm, member, row, stored))
		member_set_row(realm, member, row);
	member_table_add(realm, row->user_id, slot);
}

bool member_add_stored(struct realm *realm, struct str value)
{
	struct member_row row;
	struct arena arena;

	arena_init(&arena);
	bool good = row_get(value, &desc_member_row, &arena, &row) == 0 && row.user_id;
	bool fresh = good &&
		!member_find(realm, row.user_id); /* else somebody could not wait for it */
	if (fresh && heap_of(realm)->packs) {
		add_packed(realm, &row, value);
	} else if (fresh) {
		leave_dead_roles_out(realm, &row);
		realm_add_member(realm, &row);
	}
	arena_done(&arena);
	return good;
}

/* Moves what is still somebody's row out of a chunk, and gives that back. */
static void tidy(struct realm *realm, uint32_t at)
{
	struct member_heap *heap = realm->heap;
	struct chunk old = heap->chunks[at];
	uint32_t offset = 0;

	while (offset < old.used) {
		const struct packed *from = (void *)(old.bytes + offset);
		uint32_t packed = (uint32_t)(((size_t)at << CHUNK_BITS | offset) / 4) + 1;
		struct packed *to;
		uint64_t id;

		memcpy(&id, from->bytes + ID_AT, sizeof(id));
		struct live_member *member = member_find(realm, id);
		offset += (uint32_t)packed_size(from->len);
		if (!member || member->packed != packed)
			continue;
		member->packed = heap_take(realm, from->len, &to);
		memcpy(to, from, offsetof(struct packed, bytes) + from->len);
	}
	region_free(realm->region, old.bytes);
	heap->chunks[at] = (struct chunk){};
}

static void pack_all(struct realm *realm)
{
	struct live_member *member;
	uint32_t at = 0;

	realm->heap->packs = true;
	while ((member = member_next(realm, &at)))
		close_member(realm, member);
}

void members_quiet(struct realm *realm)
{
	struct member_heap *heap = realm->heap;

	if (!heap || !realm->guild)
		return;
	if (!heap->packs && realm->members.count > MEMBERS_PACK_FROM)
		pack_all(realm);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < heap->opened_count; i++) {
		struct live_member *member = member_find(realm, heap->opened[i]);

		if (!member || !member->row)
			continue;
		close_member(realm, member);
		if (member->row) /* it cannot be packed */
			heap->opened[kept++] = heap->opened[i];
	}
	heap->opened_count = kept;
	if (heap->wasted)
		tidy(realm, heap->wasted - 1);
	heap->wasted = 0;
}

uint32_t members_opened(const struct realm *realm, const uint64_t **ret_ids)
{
	*ret_ids = realm->heap ? realm->heap->opened : NULL;
	return realm->heap ? realm->heap->opened_count : 0;
}

bool members_packed(const struct realm *realm)
{
	return realm->heap && realm->heap->packs;
}

void members_clear(struct realm *realm)
{
	struct member_heap *heap = realm->heap;
	struct live_member *member;
	uint32_t at = 0;

	while ((member = member_next(realm, &at))) {
		presence_release(realm, member->presence);
		region_free(realm->region, member->row);
	}
	member_table_done(realm);
	member_table_init(realm);
	if (!heap)
		return;
	for (uint32_t i = 0; i < heap->chunks_count; i++)
		region_free(realm->region, heap->chunks[i].bytes);
	region_free(realm->region, heap->chunks);
	heap->chunks = NULL;
	heap->chunks_count = heap->filling = heap->wasted = 0;
	heap->opened_count = 0;
	heap->packs = false;
}

/* -- presences -- */

static bool same_client(const struct client_status *a, const struct client_status *b)
{
	return str_eq(a->desktop, b->desktop) && str_eq(a->mobile, b->mobile) &&
		str_eq(a->web, b->web) && str_eq(a->embedded, b->embedded) && str_eq(a->vr, b->vr);
}

static bool shareable(const struct presence *presence)
{
	return !presence->activities.count && presence->client_status &&
		!presence->has.processed_at_timestamp;
}

static struct presence *presence_take(struct realm *realm, const struct presence *from)
{
	struct member_heap *heap = heap_of(realm);
	struct presence plain = *from;

	plain.user = NULL; /* said where it is shown */
	if (!shareable(from))
		return obj_dup_region(realm->region, &desc_presence, &plain);
	for (uint32_t i = 0; i < heap->shared_count; i++) {
		struct shared *shared = &heap->shared[i];

		if (str_eq(shared->presence->status, from->status) &&
		    same_client(shared->presence->client_status, from->client_status)) {
			shared->refs++;
			return shared->presence;
		}
	}
	struct presence *copy = obj_dup_region(realm->region, &desc_presence, &plain);
	if (heap->shared_count < SHARED_MAX) {
		heap->shared = region_realloc(realm->region, heap->shared,
					      (heap->shared_count + 1) * sizeof(*heap->shared));
		heap->shared[heap->shared_count++] = (struct shared){ copy, 1 };
	}
	return copy;
}

static void presence_release(struct realm *realm, struct presence *presence)
{
	struct member_heap *heap = realm->heap;

	for (uint32_t i = 0; presence && i < heap->shared_count; i++)
		if (heap->shared[i].presence == presence) {
			if (--heap->shared[i].refs > 0)
				return;
			heap->shared[i] = heap->shared[--heap->shared_count];
			break;
		}
	region_free(realm->region, presence);
}

void member_set_presence(struct realm *realm, struct live_member *member,
			 const struct presence *presence)
{
	struct presence *fresh = presence ? presence_take(realm, presence) : NULL;

	presence_release(realm, member->presence);
	member->presence = fresh;
	member_table_set_online(realm, member_id(realm, member), fresh != NULL);
}
