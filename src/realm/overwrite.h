/* The overwrites of a channel: who is allowed and denied what in it. They live in the channel's row; lists made here lie in an
 * arena and are put with it. On the realm's core. */
#pragma once

#include "realm/realm.h"

enum overwrite_type { OVERWRITE_ROLE, OVERWRITE_MEMBER };

/* NULL: there is none for @id. */
const struct overwrite *overwrite_find(const struct channel *row, uint64_t id);
/* The same ids with the same bits, in any order: is a child in step with its category? */
bool overwrites_equal(const struct channel *a, const struct channel *b);
/* Copies of @row's list: with @set added or in the place of the old one; without @id's. */
struct overwrite_list overwrites_with(struct arena *arena, const struct channel *row,
				      const struct overwrite *set);
struct overwrite_list overwrites_without(struct arena *arena, const struct channel *row,
					 uint64_t id);
/* May @actor turn @before (NULL: none) into @after (NULL: none) in @channel (NULL: one that is being made)? Nobody hands out or takes away
 * bits that they do not hold in the guild or in the channel, unless an overwrite there gives them MANAGE_ROLES. */
bool overwrite_allowed(const struct realm *realm, const struct live_member *actor,
		       const struct live_channel *channel, const struct overwrite *before,
		       const struct overwrite *after);
/* Does any of them concern a single member? Then class_rekey() must follow a change, else class_refresh() will do. */
bool overwrites_personal(const struct channel *row);
/* Gives @channel the list and puts its row; of a category also the children that were in step with it. Then classes are
 * computed anew, and all of them are told with CHANNEL_UPDATE. */
void overwrites_put(struct txn *txn, struct live_channel *channel,
		    const struct overwrite_list *list);
