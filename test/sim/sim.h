/* The simulator: a whole server on three cores, its clients, its disk and its clock in one thread, every choice made by one seed.
 *
 * world.c     the server: its cores, its store, its stop, death and return
 * link.c      bytes between clients and server; rest.c HTTP calls, viewer.c gateway sessions
 * journal.c   what was written, what of it was acknowledged, and which values may be read afterwards
 * cache.c     what a session knows from events alone, checked with each event
 * ops.c       what the actors do
 * truth.c     the plain model: the guild as its rows say, who may see what
 * check.c     the end: everything is read back and compared
 * run.c       one seed; main.c many of them, the planted faults */
#pragma once

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "config/config.h"
#include "core/core.h"
#include "net/sock.h"
#include "store/mem.h"

struct world;
struct request;
struct viewer;

enum {
	CORES = 3,
	USERS = 6,
	RESTS_PER_USER = 2,
	VIEWERS = 9,
	AUDIT_OWNER = 7,
	AUDIT_BOT = 8,
	CHANNELS_MAX = 24,
	ROLES_MAX = 16,
	MESSAGES_MAX = 256,
	DMS_MAX = 8
};
enum { OWNER, ANN, BOB, CID, BOT_ALL, BOT_BARE };

/* -- journal.c -- */

enum outcome { PENDING, ACKED, REFUSED, UNKNOWN };
#define ABSENT "-"

/* A write of a register: from when it was asked for to when it cannot happen any more. In ticks of the driver. */
struct write {
	uint64_t start, end;
	enum outcome outcome;
	char value[96];
};
/* One thing that clients set: a message's text, a role, an overwrite, a membership. */
struct reg {
	char key[64];
	bool absorbing; /* once gone, gone for good */
	struct write *writes;
	uint32_t count;
};
struct journal {
	struct reg *regs;
	uint32_t count;
	struct buf tail; /* lines, for a failure */
};
__attribute__((format(printf, 2, 3))) void trace(struct world *world, const char *format, ...);
/* The first one counts; the run ends. */
__attribute__((format(printf, 2, 3))) void fail(struct world *world, const char *format, ...);
/* The register of this name, made when missing. */
struct reg *reg_get(struct world *world, const char *key);
struct reg *reg_find(struct world *world, const char *key);
/* A value that is known to be there from the start. */
void reg_begin(struct world *world, const char *key, const char *value, bool absorbing);
/* A write that @call tries. */
void reg_try(struct world *world, struct request *call, const char *key, const char *value,
	     bool absorbing);
/* Somebody was told that it happened. */
void reg_seen(struct world *world, const char *key, const char *value);
/* May a read of now, that began at @start, return @value? */
bool reg_allows(const struct reg *reg, const char *value, uint64_t start);
void reg_check(struct world *world, const char *key, const char *value, uint64_t start,
	       const char *where);
/* @content is said by message @id and by no other. */
void said(struct world *world, const char *content, const char *id);
/* Every value that could be read now is @value. */
bool reg_sure(const struct reg *reg, const char *value);
void journal_done(struct journal *journal);

/* -- rest.c -- */

struct rest {
	struct world *world;
	uint32_t user;
	struct sock *sock; /* NULL: not connected */
	struct buf in, out;
	size_t out_at;
	struct request *call; /* under way */
};
struct request {
	uint32_t number, user;
	const char *what;
	char method[8], path[160];
	char *body;
	uint64_t start, end;
	enum outcome outcome;
	int status;
	json_t *reply;
	struct {
		uint32_t reg, write;
	} tries[12];
	uint32_t tries_count;
	/* the operation's own */
	uint64_t channel, message, role, target;
	char value[96];
	void (*done)(struct world *world, struct request *call);
	bool keep; /* the driver frees it */
};
struct request *call_new(struct world *world, uint32_t user, const char *what, const char *method);
/* Hands @call to a free connection of its user; false (and the call freed) when there is none. */
bool call_send(struct world *world, struct request *call);
/* Runs the world until it is answered; the caller frees it. */
struct request *call_wait(struct world *world, uint32_t user, const char *method, const char *body,
			  const char *path_format, ...) __attribute__((format(printf, 5, 6)));
void call_free(struct request *call);
bool rest_free(const struct world *world, uint32_t user);
/* The connection breaks. */
void rest_break(struct rest *rest, bool server_died);

/* -- viewer.c, cache.c -- */

enum viewer_state { VIEWER_DOWN, VIEWER_UPGRADING, VIEWER_HELLO, VIEWER_STARTING, VIEWER_UP };
struct viewer {
	struct world *world;
	uint32_t index, user, intents;
	enum viewer_state state;
	struct sock *sock;
	struct buf in, out;
	size_t out_at;
	uint32_t resting; /* rounds until it connects again */
	uint32_t paused; /* rounds without reading */
	bool off; /* does not come back */
	uint64_t heartbeat_us; /* when the next is due */
	/* the session, over its connections */
	char session[64];
	uint32_t life; /* the server's, when it began */
	uint64_t seq, seen, confirmed;
	bool resuming;
	uint64_t *hashes; /* of the events by seq */
	uint64_t hashes_cap;
	/* what it knows */
	bool in_guild;
	json_t *channels, *roles, *members, *messages, *floors, *newest;
};
void viewer_init(struct world *world, struct viewer *viewer, uint32_t index, uint32_t user,
		 uint32_t intents);
void viewer_done(struct viewer *viewer);
/* One round of the driver. */
void viewer_step(struct viewer *viewer);
void viewer_drop(struct viewer *viewer, bool server_died);
void viewer_heartbeat(struct viewer *viewer);
void viewer_close(struct viewer *viewer, int code);
void viewer_pause(struct viewer *viewer, uint32_t rounds);
void cache_forget(struct viewer *viewer);
void cache_event(struct viewer *viewer, const char *type, json_t *d);

/* NULL: no DM. */
const struct dm *dm_find(const struct world *world, uint64_t channel_id);

/* -- world.c -- */

struct actor {
	uint64_t id;
	bool bot;
	char token[128];
	/* joins that must have been, and may have been: one greeting each */
	uint32_t joins_min, joins_max;
	bool moving; /* a call that makes or ends the membership is under way */
	bool probe; /* it was not answered: ask */
};

struct options {
	bool tracing;
	bool publish_before_sync;
};

struct world {
	uint64_t seed;
	const struct options *options;
	struct random_seeded random;
	struct clock clock;
	uint64_t now_us, wall_shift_us, tick, rounds;
	struct config *config;
	struct app app;
	struct store *store;
	struct cores *server, *clients;
	struct ids_keeper *ids;
	uint32_t life, recovered;
	bool serving, failed, final, disk_failed;
	char *failure;
	uint32_t bias[CORES + 1];
	uint32_t crashes_left, faults_left;
	uint32_t full_rounds; /* the disk is full for so long */

	struct actor users[USERS];
	struct rest rests[USERS * RESTS_PER_USER];
	struct viewer viewers[VIEWERS];
	struct journal journal;
	uint32_t calls_started, calls_pending, sent;

	uint64_t guild, system_channel;
	char invite[32];
	uint64_t channels[CHANNELS_MAX], roles[ROLES_MAX], messages[MESSAGES_MAX],
		message_channels[MESSAGES_MAX];
	uint32_t message_authors[MESSAGES_MAX];
	uint32_t channels_count, roles_count, messages_count;
	struct dm {
		uint64_t id;
		uint32_t a, b; /* users */
	} dms[DMS_MAX];
	uint32_t dms_count;
	struct again {
		uint32_t user, number;
		uint64_t channel;
	} again[8]; /* not answered: to be sent again with the same nonce */
	uint32_t again_count;
	uint32_t crashes, restarts, resumes, acked; /* for the summary */
};
uint64_t pick(struct world *world, uint64_t below);
bool chance(struct world *world, uint32_t percent);
/* @store is taken over. */
void world_init(struct world *world, uint64_t seed, struct store *store,
		const struct options *options);
void world_done(struct world *world);
void world_start(struct world *world);
void world_crash(struct world *world);
/* It stops as it is asked to, and starts again. */
void world_restart(struct world *world);
/* One round: some cores turn, the disk works, time passes. True while there was something to do. */
bool world_round(struct world *world);
/* Until nothing happens any more (clients included), at most @ms of the world's time. */
void world_settle(struct world *world, uint64_t ms);

/* -- ops.c -- */

void ops_init(void);
void op_random(struct world *world);

/* -- truth.c: by the rows, as a fresh session of the owner and a bot that sees everything read them -- */

struct truth {
	json_t *channels, *roles, *members; /* by id; members: role id lists */
};
void truth_read(struct world *world, struct truth *ret);
void truth_done(struct truth *truth);
bool truth_sees(const struct world *world, const struct truth *truth, uint64_t user,
		const char *channel_id);
bool truth_member(const struct truth *truth, uint64_t user);

/* The prepared world that all seeds begin with; made once in a process. */
struct world_base {
	struct store *store;
	struct actor users[USERS];
	uint64_t guild, system_channel, channels[CHANNELS_MAX], roles[ROLES_MAX];
	uint32_t channels_count, roles_count;
	char invite[32];
	uint64_t now_us;
	struct truth truth;
};
const struct world_base *world_base(void);
void world_from_base(struct world *world, uint64_t seed, const struct options *options);

/* -- check.c -- */

/* Live sessions against the rows. */
void check_sessions(struct world *world);
/* After the last restart: acknowledged against stored. */
void check_rows(struct world *world);

/* -- run.c -- */
/* True: nothing was found. Prints what was. */
bool run_seed(uint64_t seed, const struct options *options);

static inline uint64_t json_id(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? strtoull(text, NULL, 10) : 0;
}
