/* Who may do what: Discord's computation over roles and overwrites, and the order of ranks.
 * https://discord.com/developers/docs/topics/permissions */
#pragma once

#include "realm/realm.h"

/* Guild-wide permissions of a member, without overwrites and without the effect of a timeout. NULL: none. */
uint64_t perms_base(const struct realm *realm, const struct live_member *member);
/* In a channel: overwrites, implicit denials, timeouts. In DMs what both may do. */
uint64_t perms_channel(const struct realm *realm, const struct live_member *member,
		       const struct live_channel *channel, int64_t now_us);
/* Guild-wide with a timeout's effect: for acting. */
uint64_t perms_acting(const struct realm *realm, const struct live_member *member, int64_t now_us);
/* Sees it: VIEW_CHANNEL, or for a category that of any child. */
bool perms_sees(const struct realm *realm, const struct live_member *member,
		const struct live_channel *channel);

bool perms_timed_out(const struct live_member *member, int64_t now_us);
/* Position of the highest role, 0 for @everyone alone; ties by the lower id are higher. Use rank_above(). */
const struct role *perms_highest(const struct realm *realm, const struct live_member *member);
/* Is @actor above @target (owner above all; nobody above the owner; not above oneself)? */
bool perms_above(const struct realm *realm, const struct live_member *actor,
		 const struct live_member *target);
/* Is @role below the actor's highest role (owner: always, but not for the managed flag, which the caller checks)? */
bool perms_above_role(const struct realm *realm, const struct live_member *actor,
		      const struct role *role);
bool perms_is_owner(const struct realm *realm, const struct live_member *member);
/* a before b in rank (a is higher)? */
bool role_above(const struct role *a, const struct role *b);
