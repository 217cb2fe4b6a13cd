/* Audience classes: the watched members of a realm grouped by what they may see. Members with the same roles and no
 * overwrite of their own share one class, one bit set of visible channels, and on every core one list of sessions.
 *
 * Call class_refresh() after anything that may change sight (roles, overwrites, owner, channels) and class_move() after a
 * member's roles changed, in the same transaction; they add the effects: new bit sets first, then a
 * CHANNEL_UPDATE, whole or obfuscated, for each channel gained or lost (reference: hidden channels). */
#pragma once

#include "realm/thread.h"

struct audience_class {
	struct list node;
	uint32_t id;
	uint32_t members; /* watched members in it */
	uint64_t perms; /* guild-wide */
	uint32_t bytes; /* of each set */
	uint8_t *see, *manage, *threads; /* threads: MANAGE_THREADS is held there */
	struct member_key {
		bool owner;
		uint64_t personal; /* user id when it has an overwrite of its own */
		uint32_t roles_count;
		uint64_t *roles; /* sorted */
	} key;
};

/* The class of a member who begins to be watched (made when new, with its effect). */
uint32_t class_join(struct txn *txn, struct live_member *member);
/* Every channel to one session as its member, in a class already, sees it now: CHANNEL_UPDATEs. */
void class_tell_all(struct txn *txn, const struct live_member *member, uint64_t session);
/* What a member sees, watched or not: bits by slot, @ret_bytes of them, in the class or in @arena. */
const uint8_t *class_sight(struct realm *realm, struct arena *arena,
			   const struct live_member *member, uint32_t *ret_bytes);
/* Nobody is watched any more. */
void class_end(struct realm *realm);
/* The classes of those who hold one of these roles, in a malloc block; NULL: none. */
uint32_t *class_with_roles(const struct realm *realm, const struct u64_list *roles,
			   uint32_t *ret_count);
/* The member is watched no more. */
void class_part(struct realm *realm, struct live_member *member);
/* Recomputes every class; adds CLASS effects and CHANNEL_UPDATEs for sight gained and lost. @quiet_channel (0: none) is left to the
 * caller, who sends an event of its own for it. */
void class_refresh(struct txn *txn, uint64_t quiet_channel);
/* After the roles (or a personal overwrite) of a watched member changed: moves it to the class it now belongs to. */
void class_move(struct txn *txn, struct live_member *member, uint64_t quiet_channel);
/* Moves every watched member whose key no longer fits (overwrites for members came or went), then refreshes. */
void class_rekey(struct txn *txn, uint64_t quiet_channel);

/* Audiences in the terms of a channel. */
static inline struct audience aud_channel(const struct live_channel *channel)
{
	return (struct audience){ .channel_slot = channel->slot + 1,
				  .members = thread_is_private(channel) ? thread_members(channel)
									: NULL };
}
/* Whole to those who see it, obfuscated to the rest. */
static inline struct audience aud_channel_or_hidden(const struct live_channel *channel)
{
	return (struct audience){ .channel_slot = channel->slot + 1, .alt_for_hidden = true };
}
