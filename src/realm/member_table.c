#include "realm/member_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/fiber.h"
#include "members/fold.h"
#include "realm/member_heap.h"
#include "realm/realm.h"

enum {
	PAGE_FIRST = 8, /* members; the pages after it double */
	PAGE_MAX_BITS = 9,	   /* up to this */
	DOUBLING = 7,	      /* pages until then: 8, 8, 16, ... 256 */
	SHELVES = 256,	       /* of a large guild, so that each is quick to grow */
	SHELVES_FROM = 16384, /* members */
	SHELF_MIN = 8,
	SLOT_BITS = 24,
	COMPARISONS = 2000, /* of a sort, before others have their turn */
};

_Static_assert(PAGE_FIRST << (DOUBLING - 1) == 1 << PAGE_MAX_BITS,
	       "pages double up to the largest");

struct member_shelf {
	uint32_t *entries; /* slot + 1, and eight bits of the hash above it; 0: free */
	uint32_t mask, count;
};

/* -- slots -- */

static uint32_t page_of(uint32_t slot, uint32_t *ret_index)
{
	if (slot >> PAGE_MAX_BITS) {
		*ret_index = slot & ((1u << PAGE_MAX_BITS) - 1);
		return DOUBLING - 1 + (slot >> PAGE_MAX_BITS);
	}
	if (slot < PAGE_FIRST) {
		*ret_index = slot;
		return 0;
	}
	uint32_t bits = 31 - (uint32_t)__builtin_clz(slot);
	*ret_index = slot - (1u << bits);
	return bits - 2;
}

static uint32_t page_size(uint32_t page)
{
	if (page == 0)
		return PAGE_FIRST;
	return 1u << (page < DOUBLING ? page + 2 : PAGE_MAX_BITS);
}

static struct live_member *at_slot(const struct member_table *table, uint32_t slot)
{
	uint32_t index, page = page_of(slot, &index);

	return &table->pages[page][index];
}

struct live_member *member_slot_new(struct realm *realm, uint32_t *ret_slot)
{
	struct member_table *table = &realm->members;
	uint32_t index;

	if (table->free) {
		struct live_member *member = at_slot(table, *ret_slot = table->free - 1);

		table->free = member->packed;
		member->packed = 0;
		return member;
	}
	*ret_slot = table->slots++;
	assert(*ret_slot < (1u << SLOT_BITS) - 1);
	uint32_t page = page_of(*ret_slot, &index);
	if (page == table->pages_count) {
		table->pages = region_realloc(realm->region, table->pages,
					      (page + 1ul) * sizeof(*table->pages));
		table->pages[page] = region_alloc(realm->region,
						  page_size(page) * sizeof(struct live_member));
		table->pages_count++;
	}
	if (*ret_slot / 64 >= table->words) {
		table->words = MAX(table->words * 2, 1u);
		table->used = region_realloc(realm->region, table->used,
					     table->words * sizeof(uint64_t));
		table->online = region_realloc(realm->region, table->online,
					       table->words * sizeof(uint64_t));
	}
	return at_slot(table, *ret_slot);
}

void member_slot_free(struct realm *realm, uint32_t slot)
{
	struct member_table *table = &realm->members;
	struct live_member *member = at_slot(table, slot);

	*member = (struct live_member){ .packed = table->free };
	table->free = slot + 1;
}

static void set_bit(uint64_t *bits, uint32_t at, bool on)
{
	if (on)
		bits[at / 64] |= 1ULL << at % 64;
	else
		bits[at / 64] &= ~(1ULL << at % 64);
}

static struct live_member *next_bit(const struct member_table *table, const uint64_t *bits,
				    uint32_t *at)
{
	while (*at / 64 < table->words) {
		uint64_t word = bits[*at / 64] >> *at % 64;

		if (word) {
			*at += (uint32_t)__builtin_ctzll(word);
			return at_slot(table, (*at)++);
		}
		*at = (*at / 64 + 1) * 64;
	}
	return NULL;
}

struct live_member *member_next(const struct realm *realm, uint32_t *at)
{
	return next_bit(&realm->members, realm->members.used, at);
}

struct live_member *member_next_online(const struct realm *realm, uint32_t *at)
{
	return next_bit(&realm->members, realm->members.online, at);
}

/* -- id → slot -- */

static struct member_shelf *shelf_of(const struct member_table *table, uint64_t hash)
{
	return &table->shelves[table->shelves_count == 1 ? 0 : hash >> 56];
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 48) << SLOT_BITS;
}

static uint32_t slot_in(uint32_t entry)
{
	return (entry & ((1u << SLOT_BITS) - 1)) - 1;
}

static uint64_t id_in(const struct realm *realm, uint32_t entry)
{
	return member_id(realm, at_slot(&realm->members, slot_in(entry)));
}

/* Where @id is, or a free place for it. */
static uint32_t find(const struct realm *realm, const struct member_shelf *shelf, uint64_t id,
		     uint64_t hash)
{
	uint32_t at = (uint32_t)hash & shelf->mask;

	for (;; at = (at + 1) & shelf->mask) {
		uint32_t entry = shelf->entries[at];

		if (!entry ||
		    (entry >> SLOT_BITS == tag_of(hash) >> SLOT_BITS && id_in(realm, entry) == id))
			return at;
	}
}

static void put(const struct realm *realm, struct member_shelf *shelf, uint32_t entry)
{
	uint32_t at = (uint32_t)hash_u64(id_in(realm, entry)) & shelf->mask;

	while (shelf->entries[at])
		at = (at + 1) & shelf->mask;
	shelf->entries[at] = entry;
}

static void shelf_resize(struct realm *realm, struct member_shelf *shelf, uint32_t size)
{
	struct member_shelf old = *shelf;

	shelf->entries = region_alloc(realm->region, size * sizeof(uint32_t));
	shelf->mask = size - 1;
	for (uint32_t i = 0; old.entries && i <= old.mask; i++)
		if (old.entries[i])
			put(realm, shelf, old.entries[i]);
	region_free(realm->region, old.entries);
}

static void shelf_add(struct realm *realm, uint64_t id, uint32_t slot)
{
	uint64_t hash = hash_u64(id);
	struct member_shelf *shelf = shelf_of(&realm->members, hash);

	if (!shelf->entries)
		shelf_resize(realm, shelf, SHELF_MIN);
	else if ((shelf->count + 1) * 4ULL > (shelf->mask + 1ULL) * 3)
		shelf_resize(realm, shelf, (shelf->mask + 1) * 2);
	shelf->entries[find(realm, shelf, id, hash)] = (slot + 1) | tag_of(hash);
	shelf->count++;
}

/* Once in the life of a guild that grows large. */
static void shelves_split(struct realm *realm)
{
	struct member_table *table = &realm->members;
	struct member_shelf one = table->shelves[0];

	region_free(realm->region, table->shelves);
	table->shelves = region_alloc(realm->region, SHELVES * sizeof(*table->shelves));
	table->shelves_count = SHELVES;
	for (uint32_t i = 0; one.entries && i <= one.mask; i++)
		if (one.entries[i])
			shelf_add(realm, id_in(realm, one.entries[i]), slot_in(one.entries[i]));
	region_free(realm->region, one.entries);
}

/* False: there is none. */
static bool slot_of(const struct realm *realm, uint64_t id, uint32_t *ret_slot)
{
	uint64_t hash = hash_u64(id);
	const struct member_shelf *shelf = shelf_of(&realm->members, hash);

	if (!id || !shelf->entries)
		return false;
	uint32_t entry = shelf->entries[find(realm, shelf, id, hash)];
	*ret_slot = slot_in(entry);
	return entry != 0;
}

static uint32_t shelf_del(struct realm *realm, uint64_t id)
{
	uint64_t hash = hash_u64(id);
	struct member_shelf *shelf = shelf_of(&realm->members, hash);
	uint32_t hole = find(realm, shelf, id, hash), entry = shelf->entries[hole];

	assert(entry);
	/* As in base/map.c. */
	for (uint32_t at = (hole + 1) & shelf->mask; shelf->entries[at];
	     at = (at + 1) & shelf->mask) {
		uint32_t home = (uint32_t)hash_u64(id_in(realm, shelf->entries[at])) & shelf->mask;

		if (((at - home) & shelf->mask) >= ((at - hole) & shelf->mask)) {
			shelf->entries[hole] = shelf->entries[at];
			hole = at;
		}
	}
	shelf->entries[hole] = 0;
	shelf->count--;
	if (shelf->mask + 1 > SHELF_MIN && shelf->count * 8ULL < shelf->mask + 1ULL)
		shelf_resize(realm, shelf, (shelf->mask + 1) / 2);
	return slot_in(entry);
}

struct live_member *member_find(const struct realm *realm, uint64_t id)
{
	uint32_t slot;

	return slot_of(realm, id, &slot) ? at_slot(&realm->members, slot) : NULL;
}

/* -- orders -- */

static int compare_ids(void *context, uint32_t a, uint32_t b)
{
	const struct realm *realm = context;
	uint64_t x = member_id(realm, at_slot(&realm->members, a)),
		 y = member_id(realm, at_slot(&realm->members, b));

	return x < y ? -1 : x > y;
}

static bool not_above(void *context, uint32_t slot, const void *needle)
{
	const struct realm *realm = context;

	return member_id(realm, at_slot(&realm->members, slot)) <= *(const uint64_t *)needle;
}

uint32_t member_range(const struct realm *realm, uint64_t id, struct live_member **ret,
		      uint32_t max)
{
	struct roll_at at = roll_seek(&realm->members.ids, not_above, &id);
	uint32_t count = 0, slot;

	while (count < max && roll_next(&realm->members.ids, &at, &slot))
		ret[count++] = at_slot(&realm->members, slot);
	return count;
}

/* Entries of names are slot * 4 + which of them. */
static struct str name_at(const struct realm *realm, uint32_t entry)
{
	return member_name_of(realm, at_slot(&realm->members, entry / 4),
			      (enum member_name)(entry % 4));
}

static int compare_names(void *context, uint32_t a, uint32_t b)
{
	int order = name_fold_compare(name_at(context, a), name_at(context, b));

	return order ? order : a < b ? -1 : a > b;
}

static bool name_below(void *context, uint32_t entry, const void *needle)
{
	const struct str *prefix = needle;
	char folded[NAME_FOLDED_MAX];
	uint32_t len = name_fold(name_at(context, entry), folded);
	int order = memcmp(folded, prefix->ptr, MIN(len, prefix->len));

	return order ? order < 0 : len < prefix->len;
}

static bool begins_before(const struct realm *realm, uint32_t entry, struct str prefix)
{
	for (uint32_t other = entry & ~3u; other < entry; other++)
		if (name_begins(name_at(realm, other), prefix))
			return true;
	return false;
}

uint32_t member_table_search(const struct realm *realm, struct str prefix, struct live_member **ret,
			     uint32_t max)
{
	char folded[NAME_FOLDED_MAX];
	struct str needle = { folded, name_fold(prefix, folded) };
	struct roll_at at = roll_seek(&realm->members.names, name_below, &needle);
	uint32_t count = 0, entry;

	while (count < max && roll_next(&realm->members.names, &at, &entry) &&
	       name_begins(name_at(realm, entry), needle))
		if (!begins_before(realm, entry,
				   needle)) /* else it is, or was, found by that name */
			ret[count++] = at_slot(&realm->members, entry / 4);
	return count;
}

/* -- while it loads -- */

/* Sixteen bytes of each name are kept beside it: only where these are the same, names themselves are compared. */
struct name_entry {
	uint64_t key[2];
	uint32_t entry;
};

static void gather(struct realm *realm, uint32_t entry)
{
	struct member_table *table = &realm->members;
	char folded[NAME_FOLDED_MAX];
	uint8_t key[16] = {};

	if (table->gathered_count == table->gathered_cap) {
		table->gathered_cap = MAX(table->gathered_cap + table->gathered_cap / 2, 64u);
		table->gathered = region_realloc(realm->region, table->gathered,
						 table->gathered_cap * sizeof(*table->gathered));
	}
	uint32_t len = name_fold(name_at(realm, entry), folded);
	memcpy(key, folded, MIN(len, (uint32_t)sizeof(key)));
	struct name_entry *to = &table->gathered[table->gathered_count++];
	to->entry = entry;
	for (int i = 0; i < 16; i++)
		to->key[i / 8] = to->key[i / 8] << 8 | key[i];
}

void member_table_gather(struct realm *realm)
{
	realm->members.gathering = true;
}

struct sort {
	struct realm *realm;
	struct core *core;
	uint32_t compared;
};

static void let_others(struct sort *sort)
{
	if (++sort->compared % COMPARISONS == 0 && sort->core && fiber_self(sort->core))
		fiber_yield(sort->core);
}

static int compare_gathered(const void *a, const void *b, void *context)
{
	const struct name_entry *x = a, *y = b;
	struct sort *sort = context;

	let_others(sort);
	if (x->key[0] != y->key[0])
		return x->key[0] < y->key[0] ? -1 : 1;
	if (x->key[1] != y->key[1])
		return x->key[1] < y->key[1] ? -1 : 1;
	return compare_names(sort->realm, x->entry, y->entry);
}

void member_table_gathered_wait(struct realm *realm)
{
	struct member_table *table = &realm->members;
	struct sort sort = { .realm = realm, .core = realm->cell->core };

	if (table->gathered_count)
		qsort_r(table->gathered, table->gathered_count, sizeof(*table->gathered),
			compare_gathered, &sort);
	for (uint32_t i = 0; i < table->gathered_count; i++) {
		roll_append(&table->names, table->gathered[i].entry);
		let_others(&sort);
	}
	region_free(realm->region, table->gathered);
	table->gathered = NULL;
	table->gathered_count = table->gathered_cap = 0;
	table->gathering = false;
}

/* -- members -- */

void member_table_init(struct realm *realm)
{
	struct member_table *table = &realm->members;

	*table = (struct member_table){ .shelves = region_new(realm->region, struct member_shelf),
					.shelves_count = 1 };
	roll_init(&table->ids, realm->region, compare_ids, realm);
	roll_init(&table->names, realm->region, compare_names, realm);
}

void member_table_done(struct realm *realm)
{
	struct member_table *table = &realm->members;

	for (uint32_t i = 0; i < table->pages_count; i++)
		region_free(realm->region, table->pages[i]);
	region_free(realm->region, table->pages);
	for (uint32_t i = 0; i < table->shelves_count; i++)
		region_free(realm->region, table->shelves[i].entries);
	region_free(realm->region, table->shelves);
	region_free(realm->region, table->used);
	region_free(realm->region, table->online);
	region_free(realm->region, table->gathered);
	roll_done(&table->ids);
	roll_done(&table->names);
	*table = (struct member_table){};
}

static void name_goes(struct realm *realm, uint32_t slot, const struct live_member *member,
		      uint32_t which)
{
	if (member_name_of(realm, member, (enum member_name)which).len)
		roll_remove(&realm->members.names, slot * 4 + which);
}

static void name_comes(struct realm *realm, uint32_t slot, const struct live_member *member,
		       uint32_t which)
{
	if (!member_name_of(realm, member, (enum member_name)which).len)
		return;
	if (realm->members.gathering)
		gather(realm, slot * 4 + which);
	else
		roll_insert(&realm->members.names, slot * 4 + which);
}

uint32_t member_table_names_out(struct realm *realm, uint64_t id, const struct live_member *member,
				const struct member_row *after)
{
	uint32_t slot, changed = 0;

	if (realm->cell->kind != CELL_GUILD || !slot_of(realm, id, &slot))
		return 0;
	for (uint32_t which = 0; which < MEMBER_NAMES; which++) {
		if (str_eq(member_name_of(realm, member, (enum member_name)which),
			   member_row_name(after, (enum member_name)which)))
			continue;
		name_goes(realm, slot, member, which);
		changed |= 1u << which;
	}
	return changed;
}

void member_table_names_in(struct realm *realm, uint64_t id, const struct live_member *member,
			   uint32_t which)
{
	uint32_t slot;

	if (!which || !slot_of(realm, id, &slot))
		return;
	for (uint32_t i = 0; i < MEMBER_NAMES; i++)
		if (which >> i & 1)
			name_comes(realm, slot, member, i);
}

void member_table_add(struct realm *realm, uint64_t id, uint32_t slot)
{
	struct member_table *table = &realm->members;

	if (table->shelves_count == 1 && table->count == SHELVES_FROM)
		shelves_split(realm);
	shelf_add(realm, id, slot);
	set_bit(table->used, slot, true);
	table->count++;
	if (realm->cell->kind != CELL_GUILD)
		return;
	roll_insert(&table->ids, slot);
	for (uint32_t which = 0; which < MEMBER_NAMES; which++)
		name_comes(realm, slot, at_slot(table, slot), which);
}

uint32_t member_table_del(struct realm *realm, uint64_t id)
{
	struct member_table *table = &realm->members;
	uint32_t slot;
	bool found = slot_of(realm, id, &slot);

	assert(found);
	for (uint32_t which = 0; realm->cell->kind == CELL_GUILD && which < MEMBER_NAMES; which++)
		name_goes(realm, slot, at_slot(table, slot), which);
	if (realm->cell->kind == CELL_GUILD)
		roll_remove(&table->ids, slot);
	set_bit(table->used, slot, false);
	set_bit(table->online, slot, false);
	table->count--;
	return shelf_del(realm, id);
}

void member_table_set_online(struct realm *realm, uint64_t id, bool online)
{
	uint32_t slot;

	if (slot_of(realm, id, &slot))
		set_bit(realm->members.online, slot, online);
}
