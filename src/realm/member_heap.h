/* How members are kept. Each has a small struct live_member. Its row is a struct of its own in small guilds; in guilds of
 * more than MEMBERS_PACK_FROM members it is kept packed, as it is stored, and is there as a struct only when somebody
 * looks: realm_member() opens it, and it closes again when no fiber is in the guild any more. So the rule holds as
 * everywhere: after a wait look up again.
 *
 * Whoever goes over all members (by member_next() or with a struct member_walk) finds closed ones too, whose row is NULL. */
#pragma once

#include "realm/member_table.h"
#include "realm/realm.h"

enum { MEMBERS_PACK_FROM = 10000 };

/* A new one with a copy of @row; and away, with all that it has. */
struct live_member *member_new_live(struct realm *realm, const struct member_row *row);
void member_del_live(struct realm *realm, uint64_t id);
/* Gives it another row, a copy of @row. */
void member_set_row(struct realm *realm, struct live_member *member, const struct member_row *row);
/* Makes sure that member->row is there, until the guild is quiet. */
struct live_member *member_open(struct realm *realm, struct live_member *member);
/* Its row: member->row, or read into @arena. */
const struct member_row *member_read(struct realm *realm, const struct live_member *member,
				     struct arena *arena);

/* What is at hand without opening. */
uint64_t member_id(const struct realm *realm, const struct live_member *member);
struct str member_shown_name(const struct realm *realm, const struct live_member *member);
enum member_name { MEMBER_USERNAME, MEMBER_GLOBAL_NAME, MEMBER_NICK, MEMBER_NAMES };
/* Empty when it has none. */
struct str member_name_of(const struct realm *realm, const struct live_member *member,
			  enum member_name which);
struct str member_row_name(const struct member_row *row, enum member_name which);
/* Into @roles, at most @max. */
uint32_t member_roles(const struct realm *realm, const struct live_member *member, uint64_t *roles,
		      uint32_t max);

/* All members one after the other, each with its row, only to look at, until the next is asked for:
 *	CLEANUP(member_walk_done) struct member_walk walk = { .realm = realm };
 *	while ((member = member_walk_next(&walk)))
 * In a guild of many that takes long: with member_walk_next_wait() others have their turn in between. Whoever is a member from
 * beginning to end is seen once, pointers to others are not good any more after it. */
struct member_walk {
	struct realm *realm;
	uint32_t at, seen;
	struct live_member *lent;
	struct arena arena;
};
struct live_member *member_walk_next(struct member_walk *walk);
/* NULL too when the realm was restarted meanwhile: then *@ret_r is ERR_RESTARTED, else 0. */
struct live_member *member_walk_next_wait(struct member_walk *walk, struct txn *txn, int *ret_r);
/* The same without opening anybody: what is at hand without a row. */
struct live_member *member_walk_closed_wait(struct member_walk *walk, struct txn *txn, int *ret_r);
void member_walk_done(struct member_walk *walk);

/* While a guild of at least @count members loads: a row as stored. False: it does not decode. (By name they are found after
 * member_table_gathered_wait(), when member_table_gather() came before.) */
void members_expect(struct realm *realm, uint32_t count);
bool member_add_stored(struct realm *realm, struct str value);
/* No fiber is inside: closes what is open. */
void members_quiet(struct realm *realm);
/* Those whose rows may be open; only these, when the guild is a packed one. */
bool members_packed(const struct realm *realm);
uint32_t members_opened(const struct realm *realm, const uint64_t **ret_ids);
/* Everybody is gone. */
void members_clear(struct realm *realm);

/* A presence to keep: those without activities are shared. @presence NULL: offline. */
void member_set_presence(struct realm *realm, struct live_member *member,
			 const struct presence *presence);
