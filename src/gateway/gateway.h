/* The gateway: what speaks op codes over WebSockets (v9 and v10), and remembers sessions.
 *
 * Three things, each in its own file, live on a core:
 *  - a connection (conn.c): a socket that was upgraded, its frames, its compression.
 *  - a session (session.c): identified once, lives on one core as its id says; keeps events for
 *    RESUME while it has no connection. A RESUME that arrives elsewhere moves the connection to it.
 *  - a view of a cell (view.c): which sessions here see what of a guild or an account; moved only by
 *    publications.
 * What the domain answers to the gateway's questions is in gateway/domain.h. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct core;
struct cores;
struct gateway_local;
struct publication;
struct sock;

struct gateway_config {
	bool rate_limits;	  /* frames, IDENTIFY, op 3, whole member lists */
	uint32_t heartbeat_ms;   /* said in HELLO */
	/* Said in READY as resume_gateway_url: "wss://chat.example.org". NULL or empty: where
	 * the client came to. */
	const char *public_url;
	uint32_t connections_max; /* on a core; more are closed with 1012 */
	/* Sessions without a connection: for how long, and how many and how much of them. */
	uint32_t detached_ms;
	uint32_t detached_per_user; /* on a core */
	uint64_t detached_user_bytes; /* of one user, on a core */
	uint32_t detached_max; /* on a core */
	uint64_t detached_bytes; /* on a core */
	/* What a session holds at most for a slow or absent client. */
	uint32_t ring_events;
	uint32_t ring_bytes;
	/* For tests: each piece of a walk through a crowd (walk.h) is one session. */
	bool fan_slowly;
};
/* What a server with default settings does; limits are on. */
void gateway_config_init(struct gateway_config *config);

/* The state of a core, kept in local_of(core)->gateway (core/local.h); made on each core before
 * it serves. @config is copied, its public_url must stay. */
struct gateway_local *gateway_local_new(struct core *core, const struct gateway_config *config);
/* Takes over what may change while it serves: rate_limits, public_url. On the core; @config's public_url must stay. */
void gateway_local_change(struct gateway_local *gateway, const struct gateway_config *config);
/* After the cores have stopped: drops every session and connection without a word. NULL does
 * nothing. */
void gateway_local_free(struct gateway_local *gateway);

/* What main knows of the upgrade request. All views; copied. */
struct gateway_upgrade {
	struct str leftover; /* bytes that came behind the request */
	struct str query; /* without '?' */
	struct str host; /* of the Host header, for the resume URL */
	bool secure; /* the client came by TLS, ours or a trusted proxy's */
};
/* Takes over a socket right after the 101 answer, on the core that has it. */
void gateway_serve(struct core *core, struct sock *sock, const struct gateway_upgrade *upgrade);

/* Any thread: every connection is asked to come back (op 7), later ones are turned away.
 * Sessions stay as they are; gateway_stats()->connections goes to zero as the clients leave. */
void gateway_drain(struct cores *cores);

/* After the cores have stopped, on the thread that turns them by hand now: all that was published is with its sessions. */
void gateway_finish(struct core *core);

/* -- over a clean stop (keep.c): sessions with their rings are written into the store, and taken up by the next start -- */

/* After the cores have stopped, on the thread that turns them by hand now. Hands everything to the store; the caller
 * turns core 0 until state->waiting is 0, then *failed says whether it is there. @state stays until then. */
struct gateway_keeping {
	uint32_t sessions, left_out,
		events; /* written; such as could not be resumed, or were too much */
	uint64_t bytes;
	uint32_t waiting;
	int failed;
};
void gateway_keep(struct cores *cores, struct gateway_keeping *state);
/* On a fiber of core 0 at start, before anything else publishes: makes the sessions of the last run, and waits until they
 * are let in again (a few seconds at most; who is not is ended). How many there are. */
uint32_t gateway_restore_wait(struct core *core);

/* For when memory is short, on this core. Ends every session that nobody is connected to: it is
 * asked to IDENTIFY again when its client comes back. How many there were. */
uint32_t gateway_shed(struct core *core);
/* While @shut, an IDENTIFY is answered by closing with 1012; sessions that are there go on and are
 * resumed. */
void gateway_shut(struct core *core, bool shut);

/* For tests (gateway_config.fan_slowly), on a core that was made already. */
void gateway_fan_slowly(struct core *core);

/* Applies a cell's publication to this core's view, at once or (to a crowd) bit by bit; publish_apply (cell/publish.h) is to be set
 * to this at start. */
void view_apply(struct core *core, struct publication *publication);

/* Monotonic but for the first four, which say how many there are now. Written by the core, read
 * by any thread. */
struct gateway_stats {
	_Atomic uint64_t connections, sessions, detached, detached_bytes;
	_Atomic uint64_t identifies, resumes, resumes_refused, moves, expired;
	_Atomic uint64_t restored; /* sessions of an earlier run */
	_Atomic uint64_t
		spoiled; /* sessions that ended since they had lost something, or could not be read */
	_Atomic uint64_t events; /* appended to sessions */
	_Atomic uint64_t deliveries; /* dispatches handed to sockets */
	_Atomic uint64_t sends, bytes; /* calls of send, what they took */
	_Atomic uint64_t frames; /* received */
	_Atomic uint64_t too_slow;
	_Atomic uint64_t walking; /* publications that have not reached all yet, now */
	_Atomic uint64_t closes[32]; /* by gateway_close_slot() */
};
const struct gateway_stats *gateway_stats(struct core *core);

/* Faults made on purpose in one session, as those of cell/fault.h. */
enum session_fault {
	SESSION_FAULT_RING = 1, /* its next event finds no room in its ring */
	SESSION_FAULT_KEPT = 2, /* what a clean stop keeps of it cannot be read */
};
/* False when it is no session's name. */
bool gateway_session_parse(struct str name, uint64_t *ret_id, uint32_t *ret_core);
/* On the session's core. False: there is none. */
bool gateway_fault(struct core *core, uint64_t session, enum session_fault fault);
/* 0..31 for 1000..1015 and 4000..4015, slot 0 (1000) for what is none of these; and back. */
uint32_t gateway_close_slot(int code);
int gateway_close_code(uint32_t slot);
