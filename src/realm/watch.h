/* Members that people's sessions asked for by name (op 14 and 37, `members`), and those in threads whose lists they watch: what
 * changes of them goes to these sessions, however big the guild is. */
#pragma once

#include "cell/publish.h"
#include "realm/realm.h"

enum { WATCHES_MAX = 400 };

/* Remembers what the session has named, for watch_renew() in realm/thread_list.h. */
void watch_name(struct realm *realm, struct subscriber *subscriber, const uint64_t *ids,
		uint32_t count);
/* The event, about this member, is for those who watch it, too. */
void watch_event(const struct realm *realm, struct event *event, uint64_t user_id);
/* The session watches these @count (at most WATCHES_MAX) from now on, and no others. */
void watch_set(struct realm *realm, struct subscriber *subscriber, const uint64_t *ids,
	       uint32_t count);
/* The sessions that watch somebody; NULL: none. Until the next watch_set(). */
const uint64_t *watch_sessions(const struct realm *realm, uint64_t user_id, uint32_t *ret_count);
/* Nobody watches anybody any more; the subscribers go. */
void watch_end(struct realm *realm);
