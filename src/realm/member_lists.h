/* The member lists that people's clients watch (op 14 and 37), and what keeps them right. Nothing is kept, and no hook
 * costs more than a look, while nobody watches.
 *
 * Changes are gathered: the first one after a while of quiet is sent at once, others after at most 250 ms. Lists of many are
 * made in slices, with turns for others in between. */
#pragma once

#include "realm/realm.h"

/* Hooks (they tell realm/guild_crowd.h too): around whatever changes a member's row, roles or presence, or takes it away (no _in() then). */
void member_lists_out(struct realm *realm, struct live_member *member);
void member_lists_in(struct realm *realm, struct live_member *member);
/* Only what its row shows has changed, at most. */
void member_lists_touch(struct realm *realm, struct live_member *member);
/* Roles, channels' overwrites or the owner changed: who sees what, and which groups there are. */
void member_lists_stale(struct realm *realm);
/* A session is gone. */
void member_lists_forget(struct realm *realm, uint64_t session);
/* Nobody is here any more. */
void member_lists_end(struct realm *realm);
/* The realm's memory goes, whatever is in it: what lies outside is let go. */
void member_lists_drop(struct realm *realm);
