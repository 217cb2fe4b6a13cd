/* Shared by the files of gateway/ only. */
#pragma once

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "cell/cell.h"
#include "cell/publish.h"
#include "core/core.h"
#include "core/local.h"
#include "gateway/domain.h"
#include "gateway/gate.h"
#include "gateway/gateway.h"
#include "gateway/pace.h"
#include "gateway/ring.h"
#include "gateway/view.h"
#include "gateway/walk.h"
#include "model/closecodes.h"
#include "model/intents.h"
#include "model/limits.h"
#include "model/opcodes.h"
#include "net/sock.h"
#include "ws/compress.h"
#include "ws/frame.h"
#include "ws/share.h"

enum {
	GATEWAY_SLOT = 64 << 10,	 /* bytes gathered for one send */
	GATEWAY_INPUT = 16 << 10,	  /* bytes read at once */
	GATEWAY_ANSWERS_MAX = 1024,   /* small messages that wait for one socket */
	GATEWAY_CONN_BURST = 512 << 10, /* bytes to one socket in one go */
	GATEWAY_OPENING_MAX = 64,	  /* guilds that a session asks for at once */
	GATEWAY_OPENING_BYTES = 2 << 20, /* unsent, above which it asks for no more */
	GATEWAY_ASSEMBLE_MS = 2000,   /* then READY goes out with the late guilds unavailable */
	GATEWAY_PREFIX_MAX = 160, /* what stands before an event's body */
	GATEWAY_BODY_MAX = 256 << 20, /* READY of somebody in many guilds */
	GATEWAY_CLOSE_MS = 2000,	 /* how long the last bytes may take */
	/* HELLO comes in a packet of its own: some libraries (seyfert, by Node's `upgrade` event) drop what they read
	 * together with the answer to the upgrade, and wait for ever. Who speaks first gets it at once. */
	GATEWAY_HELLO_MS = 10,
	INTEREST_RANGES_MAX = 5,
};

struct assembly;
struct conn;
struct interest;
struct resume_ask;
struct snapshots;

struct gateway_local {
	struct core *core;
	struct gateway_config config;
	struct ring_limits ring_limits;
	/* cell_post(), but for tests. */
	void (*post)(struct core *from, struct cell_work *work);
	struct map sessions; /* id → struct session */
	struct map views; /* id of a cell → struct view */
	struct list conns;
	struct list dirty; /* connections with something to send */
	struct walks walks;
	struct pace pace;
	struct list doomed; /* sessions that could not hold what they got */
	struct deferred flush;
	struct list waiting; /* of struct ask, to be asked again */
	struct list fresh; /* sessions just detached, the longest detached first */
	struct list detached; /* and those whose users are away for it, all detached for longer */
	struct timer detached_timer;
	struct list heavies; /* events being made ready: heavy.h */
	struct snapshots *snapshots; /* taken by sockets; made with the first */
	struct gate identify_gate, members_gate; /* for the users and guilds that this core owns */
	char *slot; /* GATEWAY_SLOT bytes, going out */
	char *input; /* GATEWAY_INPUT bytes, just come */
	struct buf scratch, packed; /* for compression */
	struct ws_compress
		*payload_zlib; /* of all connections that want single payloads compressed */
	bool shut; /* memory is short: no new sessions */
	uint64_t spoiled_said_us; /* when the log was told last of one */
	/* What connections with a stream of WS_ZLIB_STREAM and WS_ZSTD_STREAM share; made with
	 * the first of them. */
	struct ws_share *shares[2];
	bool share_failed[2];
	bool draining;
	struct gateway_stats stats;
};
static inline struct gateway_local *gateway_of(struct core *core)
{
	return local_of(core)->gateway;
}
/* Only the core itself writes, so no locked instruction is needed. */
static inline void stat_add(_Atomic uint64_t *stat, uint64_t n)
{
	atomic_store_explicit(stat, atomic_load_explicit(stat, memory_order_relaxed) + n,
			      memory_order_relaxed);
}
static inline void stat_sub(_Atomic uint64_t *stat, uint64_t n)
{
	stat_add(stat, -n);
}

/* A work that is a question to a cell and comes back to the session's core. */
struct ask {
	struct msg msg; /* there and back */
	struct gateway_local *gateway; /* who asks */
	struct cell_work *work;
	/* On the owner, before the cell is entered; what it returns but 0 is the answer.
	 * Optional. */
	int (*check)(struct gateway_local *owner, struct ask *ask);
	/* On the asking core. */
	void (*answered)(struct gateway_local *gateway, struct ask *ask, int r);
	int result;
	struct timer timer; /* until it is asked again */
	struct list node; /* in gateway->waiting meanwhile */
};
/* @work is part of the same allocation as @ask; its done is set here. */
void ask_post(struct gateway_local *gateway, struct ask *ask, struct cell_work *work);
/* The same question once more, after a while. */
void ask_again(struct gateway_local *gateway, struct ask *ask, uint64_t after_ms);
/* One that waits for that is not asked any more; the caller frees it. False: it is under way. */
bool ask_withdraw(struct ask *ask);
/* The cell is there again: those that wait to ask it do so now. */
void asks_hurry(struct gateway_local *gateway, uint64_t cell_id);
enum {
	ASK_REFUSED = 1 << 20, /* for check(): no error code is that high */
};

/* -- sessions: session.c -- */

enum session_state {
	SESSION_OPENING, /* the account is asked; events are held */
	SESSION_ASSEMBLING, /* a person's READY is being put together; events are held */
	SESSION_LIVE, /* with or without a connection */
};
enum session_doom {
	DOOM_NONE,
	DOOM_SLOW, /* its connection does not keep up */
	DOOM_DEAD, /* it has lost something: it cannot go on */
};

struct session {
	struct gateway_local *gateway;
	uint64_t id; /* the first half of its name; the lowest bits are the core's index */
	uint64_t id2; /* the second half */
	uint64_t user_id;
	uint8_t token_hash[32];
	uint32_t intents; /* all bits for people */
	uint32_t capabilities;
	uint32_t shard_id, shard_count; /* count 0: none */
	uint8_t large_threshold; /* LIMIT_LARGE_THRESHOLD_MAX at most */
	uint8_t version; /* 8, 9 or 10 */
	uint8_t state, doom;
	uint8_t faults; /* of enum session_fault, still to happen */
	bool bot, has_intents;
	bool waits; /* in gateway->fresh or ->detached */
	bool away; /* the account has been told so */
	bool whole_runs; /* one of whole_asks is on its way; a chunk at a time */
	struct ring ring;
	struct conn *conn; /* NULL: detached */
	struct sub *subs; /* linked by sub->also, the account's last */
	struct list node; /* in gateway->fresh, ->detached or ->doomed */
	uint64_t detached_us;
	struct list opens; /* of struct guild_open: asked, or waiting to try again */
	struct guild_queue {
		uint32_t count, at;
		uint64_t *ids; /* from @at on */
	} *guilds; /* still to be asked for; NULL: none */
	struct assembly *assembly;
	struct interest *interest; /* op 14, 37; the first of a list */
	char *presence; /* JSON, what it said last; NULL: nothing */
	struct list
		whole_asks; /* of struct members_ask: all of a guild's members, to be asked for */
	uint32_t opens_running;
	uint32_t presences; /* op 3 since presences_ms */
	uint32_t presences_ms;
};

/* The lists and the ring of zeroed memory. */
void session_init(struct session *session);
/* In state OPENING, under a new id. */
struct session *session_new(struct gateway_local *gateway);
/* The session of that name on this core, or NULL. */
struct session *session_find(struct gateway_local *gateway, uint64_t id);
/* Ends it for good: it leaves its views, the account is told, its connection (if any) stays open
 * without it. */
void session_end(struct session *session);
/* The same, and its connection is closed with 4004: its token is void. */
void session_revoke(struct session *session);
/* The connection is gone or going: the session waits for a RESUME, or ends when none is
 * possible. */
void session_detach(struct session *session);
void session_attach(struct session *session, struct conn *conn);
/* It has no connection, and its time runs from now. */
void session_wait(struct session *session);
/* The one that is detached for longest, or NULL. */
struct session *session_detached_first(struct gateway_local *gateway);
/* The account is told that nobody is there by this session, or somebody is again. */
void session_tell_away(struct session *session, bool away);
/* Takes over a reference to @event. Never ends the session, so it may be called from any walk. */
void session_append(struct session *session, struct event *event, enum event_form form);
/* The same for something made for this session alone; @json is taken over. */
void session_dispatch(struct session *session, enum event_type type, struct bytes *json);
/* READY and all that was held may go out. */
void session_go(struct session *session);
/* Later in this turn: its connection is closed, or all of it ended. */
void session_doom(struct session *session, enum session_doom doom);
void sessions_reap(struct gateway_local *gateway);
void sessions_expire(struct core *core, struct timer *timer);
/* False when it is no session's name. */
bool session_name_parse(struct str name, uint64_t *ret_id, uint64_t *ret_id2);
/* Does this session carry this guild? */
bool session_shard_has(const struct session *session, uint64_t guild_id);
/* Which core an id names. */
uint32_t session_id_core(uint64_t id);
/* The account is told that a session is gone. */
void session_tell_close(struct gateway_local *gateway, uint64_t session_id, uint64_t user_id);
/* Without telling anybody. */
void session_free(struct session *session);
static inline bool session_held(const struct session *session)
{
	return session->state != SESSION_LIVE;
}
/* An event that the gateway makes itself; @json is taken over. */
struct event *event_new(enum event_type type, struct bytes *json);

/* -- identify.c, resume.c: return 0 or a close code -- */

int identify(struct conn *conn, const json_t *d);
/* The account was restarted and has forgotten its sessions. */
void session_reopen(struct session *session);
int resume(struct conn *conn, const json_t *d);
/* @conn is going: the answer finds nobody. */
void resume_forget(struct resume_ask *ask);

/* -- guilds.c: a session asks for its guilds -- */

/* A person's or a bot's, in the order they are asked for; @ids is taken over. */
void guilds_queue(struct session *session, uint64_t *ids, uint32_t count);
/* What is still in the queue is asked for no more. */
void guilds_drop(struct session *session);
/* Asks for as many of session->guilds as may be. */
void guilds_pump(struct session *session);
/* One more: at the start of a session; because its user came into the guild; again after the
 * guild's restart, without a snapshot; AWAY: the guild is said to be unavailable until it lets the session in anew. */
enum guild_open_why { OPEN_FIRST, OPEN_JOINED, OPEN_SILENT, OPEN_AWAY };
void guild_open_start(struct session *session, uint64_t guild_id, enum guild_open_why why);
bool guild_is_opening(const struct session *session, uint64_t guild_id);
/* Its user is no member any more, while it is on its way back into a restarted guild: says so, and lets it in as a newcomer only. */
void guild_open_lost(struct session *session, uint64_t guild_id);
/* The guild is away while the session is on its way back into it: the same, but it stays a member. */
void guild_open_away(struct session *session, uint64_t guild_id);
bool guild_open_is_lost(const struct session *session, uint64_t guild_id);
/* On its way back into a restarted guild it misses the kept publications from @first on. */
void guild_open_misses(struct session *session, uint64_t guild_id, uint32_t first);
uint32_t guild_open_missed(const struct session *session, uint64_t guild_id);
/* Is it on its way back into a guild, silently? Then what it has missed is in no ring. */
bool guild_opens_silent(const struct session *session);
/* Guilds that it waits for, into @ret (malloc, the caller's). How many. */
uint32_t guilds_waiting(const struct session *session, uint64_t **ret);
/* @session is ending: answers find nobody. */
void guild_opens_drop(struct session *session);

/* -- snapshot.c -- */

/* A socket has taken a snapshot of so many bytes whole, as event @seq of its session. May trim other sessions' rings. */
void snapshot_taken(struct session *session, uint64_t seq, size_t bytes);
void snapshots_free(struct snapshots *snapshots);

/* -- ready.c: READY of people -- */

/* Asks for all guilds; @guilds is taken over, @ready and @friends (may be NULL) too. */
void assembly_start(struct session *session, struct bytes *ready, struct bytes *friends,
		    uint64_t *guilds, uint32_t count);
/* A snapshot came by EFFECT_SUBSCRIBE. False: it is no part of READY (any more). */
bool assembly_take(struct session *session, uint64_t guild_id, const struct effect *effect);
enum guild_result { GUILD_HERE, GUILD_GONE, GUILD_UNAVAILABLE };
/* The answer for a guild. False as above. */
bool assembly_answer(struct session *session, uint64_t guild_id, enum guild_result result);
void assembly_free(struct assembly *assembly);

/* -- interest.c: op 14 and 37 -- */

struct interest {
	struct interest *next;
	uint64_t guild_id;
	bool opened, typing, threads, activities, member_updates;
	bool members_again, threads_now,
		thread_lists_again; /* in the payload that is read just now */
	uint32_t members_count, channels_count, thread_lists_count;
	uint64_t *members, *thread_lists;
	struct interest_channel {
		uint64_t channel_id;
		bool again; /* in the payload that is read just now */
		uint32_t ranges_count;
		uint32_t ranges[INTEREST_RANGES_MAX][2];
	} *channels;
};
/* What a session wants to know of a guild, or NULL. */
struct interest *interest_find(const struct session *session, uint64_t guild_id);
/* Merges a subscription object; 0 or a close code. */
int interest_merge(struct session *session, uint64_t guild_id, const json_t *subscription);
/* A guild knows the session from now on (again, perhaps): it is told what it watches. */
void interest_renew(struct session *session, uint64_t guild_id);
void interests_free(struct session *session);

/* -- connections: conn.c (life), recv.c (frames in), send.c (bytes out), ops.c -- */

/* Whole frames that go before any event, and the rest of a compressed one. */
struct conn_out {
	struct buf buf;
	size_t at; /* taken */
	uint32_t answers; /* put in */
};

struct conn {
	struct gateway_local *gateway;
	struct sock *sock;
	struct session *session;
	struct resume_ask *resuming; /* while there is no session */
	struct list node; /* in gateway->conns */
	struct list dirty; /* in gateway->dirty */
	struct timer timer; /* HELLO; no IDENTIFY, no heartbeat, the last bytes do not leave */
	struct ws_parser *parser; /* only while a message is incomplete */
	struct ws_compress *compress; /* the whole stream, with a context of its own; NULL: none */
	struct ws_link link; /* of a stream of shared pieces */
	struct conn_out *out; /* NULL: nothing waits */
	struct heavy *heavy; /* the event at the cursor, being made ready; NULL: none */
	char *base_url; /* for READY; NULL after it */
	uint32_t part; /* of the event at the ring's cursor: bytes taken of its frame */
	uint32_t window_ms;
	uint32_t window_frames; /* since window_ms */
	uint8_t version;
	uint8_t share_kind; /* of @shared */
	bool shared; /* a stream of shared pieces, with this core's share for share_kind */
	bool etf, blocked, closing;
	bool greeted; /* HELLO was sent */
	bool payload_zlib; /* single payloads are compressed, when they are large */
	bool quiet; /* nothing was dispatched since the last heartbeat */
	bool catching_up; /* after a RESUME that had much to say */
};

/* Starts to own a connection: new, or from another core. */
void conn_adopt(struct gateway_local *gateway, struct conn *conn);
/* The opposite, before it is sent to another core. */
void conn_release(struct conn *conn);
/* Says why and ends it; the session ends or stays as the code demands. @conn is not to be used
 * afterwards. */
void conn_close(struct conn *conn, int code);
/* The socket is broken or at its end. The same. */
void conn_lost(struct conn *conn);
/* The client said goodbye with @code (1005: none). The same. */
void conn_left(struct conn *conn, int code);
/* Frees it without a word. The session must be off it. */
void conn_free(struct conn *conn);
/* It is closing and its last byte has gone. The same. */
void conn_sent(struct conn *conn);
/* Sends HELLO. False: the connection is gone. */
bool conn_greet(struct conn *conn);
/* A heartbeat came, or something as good: the time begins again. */
void conn_alive(struct conn *conn);

static inline struct ws_share *conn_share(const struct conn *conn)
{
	return conn->shared ? conn->gateway->shares[conn->share_kind] : NULL;
}
/* Where to put what goes first. */
struct buf *conn_out(struct conn *conn);
void conn_out_drop(struct conn *conn);
/* It has something to send: it does so at the end of this turn. */
void conn_mark(struct conn *conn);
/* Sends what it can. False: the connection broke and is gone. */
bool conn_flush(struct conn *conn);
/* What stands before the body of the event with number @seq; its length. */
size_t conn_prefix(const struct conn *conn, uint64_t seq, char ret[static GATEWAY_PREFIX_MAX]);
/* Queues a message that is no dispatch; @d is JSON text. False: too much waits. */
[[nodiscard]] bool conn_send_op(struct conn *conn, int op, struct str d);
/* The same for a control frame or an uncompressed message. */
[[nodiscard]] bool conn_send_frame(struct conn *conn, enum ws_opcode opcode, struct str payload);
/* Bytes from the client; @conn may be gone afterwards. */
void conn_input(struct conn *conn, struct str bytes);
/* The ETF of an event's body, made once for all cores; without the version byte. Lives as long
 * as @event. */
struct str event_etf(struct event *event, enum event_form form);
void conn_on_deferred(struct core *core, struct deferred *deferred);
/* sock_event_h */
void conn_on_event(struct core *core, struct sock *sock, uint32_t events);

/* One payload, already parsed. 0 or a close code. */
int ops_run(struct conn *conn, const json_t *root);
/* The same from the wire. */
int ops_payload(struct conn *conn, bool binary, struct str payload);

/* -- members.c: op 8 -- */
int members_request(struct conn *conn, const json_t *d);
/* Goes on with requests for all members, as far as the socket takes what came of them. */
void members_pump(struct session *session);
void members_asks_drop(struct session *session);

/* -- json.c: reading payloads -- */

/* An id: a string of digits or an integer, not 0. */
bool json_id(const json_t *json, uint64_t *ret);
/* A presence as text, to be freed. Some libraries still say `game` for a list of one activity. */
char *json_presence(json_t *presence);
static inline struct str json_text(const json_t *json)
{
	return json_is_string(json)
		? (struct str){ json_string_value(json), json_string_length(json) }
		: (struct str){};
}
/* Absent and null are the same here. */
static inline bool json_absent(const json_t *json)
{
	return !json || json_is_null(json);
}
