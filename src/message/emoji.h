/* Emoji in reactions and polls: standard ones checked against Unicode, custom ones looked up. */
#pragma once

#include "realm/realm.h"

/* The standard emoji @text means, in the form in which all its spellings are the same (with the
 * variation selectors that Unicode recommends), in @arena; the null view when it is none.
 * Unicode: UTS #51, RGI emoji; a single regional indicator counts too. */
struct str emoji_standard(struct arena *arena, struct str text);
/* What a path or a body says: a standard emoji, "name:id" or "a:name:id". False when it is
 * neither. */
bool emoji_parse(struct arena *arena, struct str text, struct partial_emoji *ret);
/* Fills in name and animated of a custom emoji that @user_id may use here: one of this guild, or,
 * with @external, one of another guild that the user is in. Waits for others. 0,
 * ERR_UNKNOWN_EMOJI, ERR_RESTARTED. */
int emoji_find_wait(struct txn *txn, uint64_t user_id, bool external, struct partial_emoji *emoji);
static inline bool emoji_same(const struct partial_emoji *a, const struct partial_emoji *b)
{
	return a->id == b->id && (a->id || str_eq(a->name, b->name));
}
