/* Members that people's sessions asked for by name (op 14 and 37, `members`): what changes of them goes to these sessions, however
 * big the guild is. */
#pragma once

#include "realm/realm.h"

enum { WATCHES_MAX = 100 };

/* The session watches these @count (at most WATCHES_MAX) from now on, and no others. */
void watch_set(struct realm *realm, struct subscriber *subscriber, const uint64_t *ids,
	       uint32_t count);
/* The sessions that watch somebody; NULL: none. Until the next watch_set(). */
const uint64_t *watch_sessions(const struct realm *realm, uint64_t user_id, uint32_t *ret_count);
/* Nobody watches anybody any more; the subscribers go. */
void watch_end(struct realm *realm);
