/* Which members there are: found by id, by the order of ids, by the beginnings of their names; at a million for some 50 bytes
 * each, the struct live_member included. Each has a slot, a number that stays the same as long as it is a member; going from
 * slot to slot survives whatever changes meanwhile.
 *
 * Nothing here takes longer than some hundred microseconds at any size: tables grow piece by piece. In the realm's region. */
#pragma once

#include "base/str.h"
#include "members/roll.h"

struct live_member;
struct member_row;
struct realm;

struct member_table {
	uint32_t count; /* members */
	/* the table's own */
	struct live_member **pages;
	uint32_t pages_count, slots, free; /* slots ever handed out; a free one + 1 */
	struct member_shelf *shelves; /* id → slot */
	uint32_t shelves_count;
	uint64_t *used, *online; /* a bit for each slot */
	uint32_t words;
	struct roll ids, names;
	struct name_entry *gathered; /* while it loads: names, in no order yet */
	uint32_t gathered_count, gathered_cap;
	bool gathering;
};

void member_table_init(struct realm *realm);
/* Without their rows and presences, which are the caller's. */
void member_table_done(struct realm *realm);

/* A struct without a row, which is in nothing yet; and back when it is in nothing any more. */
struct live_member *member_slot_new(struct realm *realm, uint32_t *ret_slot);
void member_slot_free(struct realm *realm, uint32_t slot);
/* With its row, open or closed. */
void member_table_add(struct realm *realm, uint64_t id, uint32_t slot);
/* The slot, which is free now but for member_slot_free(). */
uint32_t member_table_del(struct realm *realm, uint64_t id);
/* Around a change of names: those that @after says differently go. Which, for _in(). */
uint32_t member_table_names_out(struct realm *realm, uint64_t id, const struct live_member *member,
				const struct member_row *after);
void member_table_names_in(struct realm *realm, uint64_t id, const struct live_member *member,
			   uint32_t which);
/* The presence came or went. */
void member_table_set_online(struct realm *realm, uint64_t id, bool online);

/* NULL when there is none; it may be closed. */
struct live_member *member_find(const struct realm *realm, uint64_t id);
/* All members one after the other, *at = 0 first; NULL at the end. Members may come and go meanwhile. They may be closed. */
struct live_member *member_next(const struct realm *realm, uint32_t *at);
/* The same of those who are online. */
struct live_member *member_next_online(const struct realm *realm, uint32_t *at);
/* Up to @max members with the lowest ids above @id, ascending. */
uint32_t member_range(const struct realm *realm, uint64_t id, struct live_member **ret,
		      uint32_t max);
/* Up to @max members, each once, one of whose names begins with @prefix (whatever the case, accents and width of letters). */
uint32_t member_table_search(const struct realm *realm, struct str prefix, struct live_member **ret,
			     uint32_t max);

/* Members added between these two can be found by name only after the second, which takes long for a million: on a fiber it
 * lets others in between. */
void member_table_gather(struct realm *realm);
void member_table_gathered_wait(struct realm *realm);
