#include "realm/member_heap.h"

#include <assert.h>
#include <string.h>

#include "codec/dup.h"
#include "codec/row.h"
#include "realm/member.h"

enum {
	PAGE_MIN = 4,          /* struct live_member at once */
	PAGE_MAX = 512,
	CHUNK_BITS = 20,       /* packed rows at once, in bytes */
	CHUNK = 1 << CHUNK_BITS,
	PACKED_MAX = 4096,     /* longer rows stay open */
	WASTE_MIN = 4 << 20,   /* bytes that are worth a tidying */
	SHARED_MAX = 64,       /* presences without activities */
};

/* Before a packed row. What is wanted often lies inside it as it is, since strings and arrays of ids are stored plainly. */
struct packed {
	uint16_t len;
	uint16_t roles_at;
	uint8_t roles_count;
	uint8_t name_len;
	uint16_t name_at;
	char bytes[]; /* the row: a tag, the user's id, … */
};
enum { ID_AT = 1 };

struct member_heap {
	struct live_member *free; /* linked by their row */
	bool packs;
	char **chunks;
	uint32_t chunks_count;
	uint32_t used;            /* of the last chunk */
	uint64_t bytes, waste;    /* of packed rows, of those given up among them */
	uint64_t *opened;         /* ids */
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
	return (void *)(realm->heap->chunks[at >> (CHUNK_BITS - 2)] + ((size_t)at * 4 & (CHUNK - 1)));
}

static size_t packed_size(size_t len)
{
	return (sizeof(struct packed) + len + 3) & ~(size_t)3;
}

/* -- packing -- */

/* Room for a packed row of @len bytes; where it is, in steps of four bytes, counted from 1. */
static uint32_t heap_take(struct realm *realm, size_t len, struct packed **ret)
{
	struct member_heap *heap = heap_of(realm);
	size_t size = packed_size(len);

	if (!heap->chunks_count || heap->used + size > CHUNK) {
		heap->chunks = region_realloc(realm->region, heap->chunks, (heap->chunks_count + 1) * sizeof(char *));
		heap->chunks[heap->chunks_count++] = region_alloc(realm->region, CHUNK);
		heap->used = 0;
	}
	*ret = (void *)(heap->chunks[heap->chunks_count - 1] + heap->used);
	uint32_t at = (uint32_t)(((size_t)(heap->chunks_count - 1) << CHUNK_BITS | heap->used) / 4) + 1;
	heap->used += (uint32_t)size;
	heap->bytes += size;
	return at;
}

static void give_up_packed(struct realm *realm, struct live_member *member)
{
	if (!member->packed)
		return;
	realm->heap->waste += packed_size(packed_of(realm, member)->len);
	member->packed = 0;
}

/* Where @part lies in @whole; any place with the same bytes is as good. */
static bool find_part(struct str whole, const void *part, size_t len, uint16_t *ret_at)
{
	const char *at = len ? memmem(whole.ptr, whole.len, part, len) : whole.ptr;

	*ret_at = at ? (uint16_t)(at - whole.ptr) : 0;
	return at != NULL;
}

/* False: this one cannot be packed, and stays open. */
static bool pack(struct realm *realm, struct live_member *member, const struct member_row *row, struct str stored)
{
	struct str name = member_name(row);
	struct packed head = { .len = (uint16_t)stored.len,
			       .roles_count = (uint8_t)row->roles.count,
			       .name_len = (uint8_t)name.len };
	struct packed *packed;

	if (stored.len > PACKED_MAX || row->roles.count > UINT8_MAX || name.len > UINT8_MAX || !row->user_id ||
	    !find_part(stored, name.ptr, name.len, &head.name_at) ||
	    !find_part(stored, row->roles.items, row->roles.count * sizeof(uint64_t), &head.roles_at) ||
	    memcmp(stored.ptr + ID_AT, &row->user_id, sizeof(row->user_id)) != 0)
		return false;
	member->packed = heap_take(realm, stored.len, &packed);
	*packed = head;
	memcpy(packed->bytes, stored.ptr, stored.len);
	return true;
}

static bool pack_row(struct realm *realm, struct live_member *member)
{
	struct buf buf;

	buf_init(&buf, ROW_MAX);
	row_put(&buf, &desc_member_row, member->row);
	bool good = !buf.full && pack(realm, member, member->row, buf_str(&buf));
	buf_done(&buf);
	return good;
}

static void note_open(struct realm *realm, uint64_t id)
{
	struct member_heap *heap = heap_of(realm);

	if (!heap->packs)
		return;
	if (heap->opened_count == heap->opened_cap) {
		heap->opened_cap = MAX(heap->opened_cap * 2, 64u);
		heap->opened = region_realloc(realm->region, heap->opened, heap->opened_cap * sizeof(*heap->opened));
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

const struct member_row *member_read(struct realm *realm, const struct live_member *member, struct arena *arena)
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

struct str member_shown_name(const struct realm *realm, const struct live_member *member)
{
	if (member->row)
		return member_name(member->row);
	const struct packed *packed = packed_of(realm, member);
	return (struct str){ packed->bytes + packed->name_at, packed->name_len };
}

uint32_t member_roles(const struct realm *realm, const struct live_member *member, uint64_t *roles, uint32_t max)
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
	struct live_member *member;
	uint64_t id;
	void *value;

	take_back(walk);
	if (!map_next(&walk->realm->members, &walk->at, &id, &value))
		return NULL;
	member = value;
	if (!member->row) {
		arena_init(&walk->arena);
		member->row = (struct member_row *)member_read(walk->realm, member, &walk->arena);
		walk->lent = member;
	}
	return member;
}

void member_walk_done(struct member_walk *walk)
{
	take_back(walk);
}

/* -- life -- */

struct live_member *member_slot_new(struct realm *realm)
{
	struct member_heap *heap = heap_of(realm);

	if (!heap->free) {
		uint32_t size = MIN(MAX(realm->members.count / 4, (uint32_t)PAGE_MIN), (uint32_t)PAGE_MAX);
		struct live_member *page = region_alloc(realm->region, size * sizeof(*page));

		for (uint32_t i = size; i > 0; i--) {
			page[i - 1].row = (void *)heap->free;
			heap->free = &page[i - 1];
		}
	}
	struct live_member *member = heap->free;
	heap->free = (void *)member->row;
	*member = (struct live_member){};
	return member;
}

void member_slot_free(struct realm *realm, struct live_member *member)
{
	member_set_presence(realm, member, NULL);
	give_up_packed(realm, member);
	region_free(realm->region, member->row);
	member->row = (void *)realm->heap->free;
	realm->heap->free = member;
}

void member_set_row(struct realm *realm, struct live_member *member, const struct member_row *row)
{
	struct member_row *copy = obj_dup_region(realm->region, &desc_member_row, row);

	give_up_packed(realm, member);
	if (!member->row)
		note_open(realm, row->user_id);
	region_free(realm->region, member->row);
	member->row = copy;
}

void members_expect(struct realm *realm, uint32_t count)
{
	heap_of(realm)->packs |= realm->guild && count > MEMBERS_PACK_FROM;
}

bool member_add_stored(struct realm *realm, struct str value)
{
	struct live_member *member;
	struct member_row row;
	struct arena arena;

	arena_init(&arena);
	bool good = row_get(value, &desc_member_row, &arena, &row) == 0 && row.user_id;
	if (good && heap_of(realm)->packs && !map_get(&realm->members, row.user_id)) {
		member = member_slot_new(realm);
		map_set(&realm->members, row.user_id, member);
		if (!pack(realm, member, &row, value))
			member_set_row(realm, member, &row);
	} else if (good) {
		leave_dead_roles_out(realm, &row);
		realm_add_member(realm, &row);
	}
	arena_done(&arena);
	return good;
}

static void tidy(struct realm *realm)
{
	struct member_heap *heap = realm->heap;
	char **chunks = heap->chunks;
	uint32_t chunks_count = heap->chunks_count, at = 0;
	uint64_t id;
	void *value;

	heap->chunks = NULL;
	heap->chunks_count = 0;
	heap->bytes = heap->waste = 0;
	while (map_next(&realm->members, &at, &id, &value)) {
		struct live_member *member = value;
		struct packed *to;

		if (!member->packed)
			continue;
		uint32_t from_at = member->packed - 1;
		const struct packed *from =
			(void *)(chunks[from_at >> (CHUNK_BITS - 2)] + ((size_t)from_at * 4 & (CHUNK - 1)));
		member->packed = heap_take(realm, from->len, &to);
		memcpy(to, from, sizeof(*from) + from->len);
	}
	for (uint32_t i = 0; i < chunks_count; i++)
		region_free(realm->region, chunks[i]);
	region_free(realm->region, chunks);
}

void members_quiet(struct realm *realm)
{
	struct member_heap *heap = realm->heap;
	uint32_t at = 0;
	uint64_t id;
	void *value;

	if (!heap || !realm->guild)
		return;
	if (!heap->packs && realm->members.count > MEMBERS_PACK_FROM) {
		heap->packs = true;
		while (map_next(&realm->members, &at, &id, &value))
			close_member(realm, value);
	}
	for (uint32_t i = 0; i < heap->opened_count; i++) {
		struct live_member *member = map_get(&realm->members, heap->opened[i]);

		if (member)
			close_member(realm, member);
	}
	heap->opened_count = 0;
	if (heap->waste > WASTE_MIN && heap->waste > heap->bytes / 2)
		tidy(realm);
}

void members_clear(struct realm *realm)
{
	struct member_heap *heap = realm->heap;

	if (!heap)
		return;
	for (uint32_t i = 0; i < heap->chunks_count; i++)
		region_free(realm->region, heap->chunks[i]);
	region_free(realm->region, heap->chunks);
	heap->chunks = NULL;
	heap->chunks_count = 0;
	heap->bytes = heap->waste = 0;
	heap->opened_count = 0;
	heap->packs = false;
}

/* -- presences -- */

static bool same_client(const struct client_status *a, const struct client_status *b)
{
	return str_eq(a->desktop, b->desktop) && str_eq(a->mobile, b->mobile) && str_eq(a->web, b->web) &&
	       str_eq(a->embedded, b->embedded) && str_eq(a->vr, b->vr);
}

static bool shareable(const struct presence *presence)
{
	return !presence->activities.count && presence->client_status && !presence->has.processed_at_timestamp;
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

void member_set_presence(struct realm *realm, struct live_member *member, const struct presence *presence)
{
	struct presence *fresh = presence ? presence_take(realm, presence) : NULL;

	presence_release(realm, member->presence);
	member->presence = fresh;
}
