/* What the gateway asks of the domain, and what the domain's answers look like. The gateway (sessions, views) never
 * reads a cell's state; it posts these works and is told by effects (cell/publish.h). */
#pragma once

#include <stdio.h>

#include "base/arena.h"
#include "cell/cell.h"

/* A session's name, session_id on the wire: both its halves as 32 hexadecimal digits. */
enum { SESSION_NAME_LEN = 32 };
static inline void session_name(uint64_t id, uint64_t id2, char ret[static SESSION_NAME_LEN + 1])
{
	snprintf(ret, SESSION_NAME_LEN + 1, "%016lx%016lx", id, id2);
}

/* -- user/session_open.c: on the user's cell -- */
struct user_open {
	struct cell_work
		work; /* kind CELL_USER, id = user_id of the token; done set by the gateway */
	/* in */
	uint8_t token_hash[32];
	uint64_t session, session2; /* the halves of the session's name; the core that owns it: */
	uint32_t core;
	bool has_intents;
	uint32_t intents, capabilities, large_threshold;
	int version; /* 8, 9 or 10 */
	uint32_t shard_id, shard_count; /* count 0: no sharding */
	struct str session_id, resume_url; /* as READY says them */
	struct str presence; /* JSON of IDENTIFY's presence, or null view */
	struct str client_os, client_name;
	/* out, when done(0). Close codes come back as positive results: 4004, 4013, 4014, 4011, … */
	uint64_t user_id;
	bool bot;
	struct bytes *
		ready; /* JSON of READY's d; for people without `guilds`, `merged_members` (the session adds them) */
	struct bytes *
		friends; /* people: JSON list for READY_SUPPLEMENTAL's merged_presences.friends; NULL: none */
	uint64_t *guilds; /* malloc, those of this shard; the caller frees */
	uint32_t guilds_count;
};
int user_open_run(struct txn *txn, struct cell_work *work);
/* When run() succeeded an EFFECT_SUBSCRIBE without snapshot has reached the session's core before done() is called back. */

/* The session is gone (closed by the client, or its time ran out). @work's embedding struct is the caller's. */
struct user_close {
	struct cell_work work;
	uint64_t session;
};
int user_close_run(struct txn *txn, struct cell_work *work);

/* UPDATE PRESENCE (op 3) of one session; also "detached for good" is user_close. */
struct user_presence {
	struct cell_work work;
	uint64_t session;
	struct str presence; /* JSON of d */
};
int user_presence_run(struct txn *txn, struct cell_work *work);

/* The session has had no connection for so long that its user is not there any more by it; or has one again. */
struct user_away {
	struct cell_work work; /* if_loaded */
	uint64_t session;
	bool away;
};
int user_away_run(struct txn *txn, struct cell_work *work);

/* RESUME: is this token (still) valid? done(0) or 4004. */
struct user_check {
	struct cell_work work;
	uint8_t token_hash[32];
};
int user_check_run(struct txn *txn, struct cell_work *work);

/* -- realm/subscribe.c: on a guild's cell -- */
struct realm_subscribe {
	struct cell_work work; /* kind CELL_GUILD */
	uint64_t session, user_id;
	uint32_t core;
	bool bot, silent; /* silent: no snapshot, after EFFECT_RELOADED */
	bool joined; /* the user came in just now: GUILD_CREATE without `unavailable` */
	uint32_t intents, capabilities, large_threshold;
	int version;
};
int realm_subscribe_run(struct txn *txn, struct cell_work *work);
/* done(0): an EFFECT_SUBSCRIBE (with the snapshot) was published. ERR_UNKNOWN_GUILD / ERR_MISSING_ACCESS: not a member any more. */

struct realm_unsubscribe {
	struct cell_work work; /* if_loaded */
	uint64_t session, user_id;
};
int realm_unsubscribe_run(struct txn *txn, struct cell_work *work);

/* REQUEST_GUILD_MEMBERS (op 8): answers as GUILD_MEMBERS_CHUNK events to the session. All members come in many chunks, one for
 * each time that this is posted. */
struct realm_members {
	struct cell_work work;
	uint64_t session, user_id;
	bool bot;
	uint32_t intents;
	struct str query, nonce; /* null view: absent */
	bool has_query, nonce_is_int;
	uint32_t limit; /* of what begins with @query; 0 without one: all */
	bool presences;
	uint64_t *user_ids;
	uint32_t user_ids_count;
	/* of many chunks, the guild's own; at first zero */
	bool more; /* post it again */
	uint32_t chunk_index, chunk_count;
	uint64_t after;
	int64_t began_us;
};
int realm_members_run(struct txn *txn, struct cell_work *work);

/* GUILD SUBSCRIPTIONS (op 14, 37) of a person's session: which rows of which channels' member lists it watches, all of them
 * each time. Answers as GUILD_MEMBER_LIST_UPDATE events to the session, now and whenever these rows change. A session
 * that the guild does not know is passed over. */
enum { REALM_LISTS_CHANNELS_MAX = 8, REALM_LISTS_RANGES_MAX = 5, REALM_THREAD_LISTS_MAX = 16 };
struct realm_lists {
	struct cell_work work; /* if_loaded */
	uint64_t session, user_id;
	bool threads_now; /* `threads: true` was said just now: THREAD_LIST_SYNC answers */
	bool thread_lists_again; /* `thread_member_lists` was */
	uint32_t thread_lists_count;
	const uint64_t *thread_lists; /* threads whose members it wants to see */
	bool members_again; /* `members` was named just now */
	uint32_t members_count;
	const uint64_t *members; /* whose changes it wants */
	uint32_t channels_count; /* 0: it watches no more */
	struct realm_lists_channel {
		uint64_t channel_id;
		bool again; /* named by the client just now: it is sent all, even if it is as before */
		uint32_t ranges_count;
		uint32_t ranges[REALM_LISTS_RANGES_MAX]; /* first rows of one hundred each */
	} channels[REALM_LISTS_CHANNELS_MAX];
};
int realm_lists_run(struct txn *txn, struct cell_work *work);

/* Splits "A.B.C" (with or without a "Bot "/"Bearer " prefix): the user id in A, and the SHA-256 of the whole token. False when it is no token
 * at all. user/token.h */
bool token_parse(struct str token, uint64_t *ret_user_id, uint8_t ret_hash[32]);
