/* How members are kept. Each has a small struct live_member. Its row is a struct of its own in small guilds; in guilds of
 * more than MEMBERS_PACK_FROM members it is kept packed, as it is stored, and is there as a struct only when somebody
 * looks: realm_member() opens it, and it closes again when no fiber is in the guild any more. So the rule holds as
 * everywhere: after a wait look up again.
 *
 * Whoever goes over all members (by map_next() or with a struct member_walk) finds closed ones too, whose row is NULL. */
#pragma once

#include "realm/realm.h"

enum { MEMBERS_PACK_FROM = 20000 };

/* A new one without a row; and back, with all that it has. */
struct live_member *member_slot_new(struct realm *realm);
void member_slot_free(struct realm *realm, struct live_member *member);
/* Gives it a copy of @row. */
void member_set_row(struct realm *realm, struct live_member *member, const struct member_row *row);
/* Makes sure that member->row is there, until the guild is quiet. */
struct live_member *member_open(struct realm *realm, struct live_member *member);
/* Its row: member->row, or read into @arena. */
const struct member_row *member_read(struct realm *realm, const struct live_member *member, struct arena *arena);

/* What is at hand without opening. */
uint64_t member_id(const struct realm *realm, const struct live_member *member);
struct str member_shown_name(const struct realm *realm, const struct live_member *member);
/* Into @roles, at most @max. */
uint32_t member_roles(const struct realm *realm, const struct live_member *member, uint64_t *roles, uint32_t max);

/* All members one after the other, each with its row, only to look at, until the next is asked for:
 *	CLEANUP(member_walk_done) struct member_walk walk = { .realm = realm };
 *	while ((member = member_walk_next(&walk))) */
struct member_walk {
	struct realm *realm;
	uint32_t at;
	struct live_member *lent;
	struct arena arena;
};
struct live_member *member_walk_next(struct member_walk *walk);
void member_walk_done(struct member_walk *walk);

/* While a guild of at least @count members loads: a row as stored. False: it does not decode. */
void members_expect(struct realm *realm, uint32_t count);
bool member_add_stored(struct realm *realm, struct str value);
/* No fiber is inside: closes what is open. */
void members_quiet(struct realm *realm);
/* Everybody is gone. */
void members_clear(struct realm *realm);

/* A presence to keep: those without activities are shared. @presence NULL: offline. */
void member_set_presence(struct realm *realm, struct live_member *member, const struct presence *presence);
