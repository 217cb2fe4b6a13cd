/* Presence: what a user's sessions say, merged, and told to those who may know: the guilds the user is in, and friends.
 *
 * Status: explicit invisible from any session wins, then dnd, online, idle. Whose last session has gone is shown as before for
 * LIMIT_PRESENCE_GRACE_MS, so that nobody sees who only reconnects; that is why the session's end says nothing at once. */
#pragma once

#include "user/user.h"

/* A fresh state; one that goes. */
void presence_init(struct user_state *user);
void presence_done(struct user_state *user);
/* It changes by itself one day: the state must stay in memory. */
bool presence_pending(const struct user_state *user);
/* A state that was loaded in place of one that broke. */
void presence_after_restart(struct user_state *user);

/* Takes op 3's (or IDENTIFY's) presence into the session. Malformed parts are left out: presence never costs a session. */
void presence_set(struct txn *txn, struct user_session *session, struct str json);
/* Merges all sessions; when the result differs from what was told last, tells everybody. */
void presence_merge(struct txn *txn);
/* A session was lost, and was there until now: when it was the last one, what is shown stays for a while. */
void presence_linger(struct txn *txn);

/* What others are shown now, offline too; in one malloc block. */
struct presence *presence_shown(const struct user_state *user);
/* What a session's status comes to. */
enum user_status presence_status(const struct user_state *user, enum user_status status);
struct str presence_status_text(enum user_status status);
/* False for a text that is none. */
bool presence_status_read(struct str text, enum user_status *ret);
/* The status of all @count (0: STATUS_INVISIBLE). */
enum user_status presence_fold(const enum user_status *statuses, uint32_t count);
/* The custom status of the settings, while it lasts. */
bool presence_custom(const struct user_state *user, int64_t now_us, struct activity *ret,
		     struct partial_emoji *emoji);
/* Sessions that count, in the order they were opened, in the arena. */
struct user_session **presence_sessions(const struct user_state *user, struct arena *arena,
					uint32_t *ret_count);
struct headless **presence_headless(const struct user_state *user, struct arena *arena,
				    uint32_t *ret_count);
