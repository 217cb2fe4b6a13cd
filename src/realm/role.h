/* Roles of a guild: their order, what a deletion takes along. On the realm's core; nothing here waits. */
#pragma once

#include "realm/realm.h"

/* Ids from the lowest up, without @everyone, in @arena. */
uint64_t *role_order(struct realm *realm, struct arena *arena, uint32_t *ret_count);
/* Where in @order @member's power ends: what is at this index or above is out of reach. The owner: @count. */
uint32_t role_reach(const struct realm *realm, const struct live_member *member,
		    const uint64_t *order, uint32_t count);
/* GUILD_ROLE_UPDATE of a row that was put; classes come before it. */
void role_tell(struct txn *txn, const struct role *row);
/* Gives the roles of @order positions from @first up; those that moved are put and told. */
void role_put_order(struct txn *txn, const uint64_t *order, uint32_t count, int64_t first);
/* A new role, right above @everyone, below all others: GUILD_ROLE_CREATE. */
struct live_role *role_add(struct txn *txn, const struct role *row);
/* Takes it from members and overwrites too: classes, GUILD_ROLE_DELETE, CHANNEL_UPDATEs. The rows of members are not written: a role that is no
 * more is left out when they are read. */
void role_remove(struct txn *txn, uint64_t role_id);
