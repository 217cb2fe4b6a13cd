/* For tests: cores under a turned clock, a domain that remembers what it was asked, and clients
 * on in-memory sockets that speak WebSocket. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/map.h"
#include "core/core.h"
#include "core/local.h"
#include "gateway/domain.h"
#include "gateway/gateway.h"
#include "gateway/internal.h"

enum { FAKE_CORES = 2, FAKE_GUILD_MEMBERS = 16 };

struct fake_user {
	uint64_t id;
	const char *token;
	bool bot;
	int result; /* of user_open; 0 */
	int check; /* of user_check */
	uint32_t guilds_count;
	uint64_t guilds[8];
	uint32_t opened, closed, presences;
	bool away;
	uint64_t views; /* cores */
	char presence[256], resume_url[256];
};
struct fake_guild {
	uint64_t id;
	int result; /* of realm_subscribe */
	uint32_t failures; /* that many times, then 0 */
	bool slow; /* keeps the question until fake_guild_answer() */
	struct cell_work *kept;
	uint64_t views;
	uint32_t subscribed, left, members_asked, lists_asked;
	struct realm_members members;
	struct realm_lists lists;
	char members_query[64];
};

struct fake {
	struct clock clock;
	uint64_t now_us;
	struct random_seeded random;
	struct cores *cores;
	struct local locals[FAKE_CORES];
	struct gateway_config config;
	bool hasty; /* new clients do not wait for HELLO */
	bool torn; /* clients' reads and writes are torn at random places */
	struct fake_user users[8];
	uint32_t users_count;
	struct fake_guild guilds[8];
	uint32_t guilds_count;
};

/* Set by tests that run once more with it: gateway_config.fan_slowly of the default. */
extern bool fake_slowly;
/* One world at a time. @config NULL: the defaults. */
struct fake *fake_new(const struct gateway_config *config);
void fake_free(struct fake *fake);
/* Turns all cores until they are quiet. */
void fake_run(struct fake *fake);
/* The same, and the clock goes on by @ms in steps. */
void fake_pass(struct fake *fake, uint64_t ms);
struct fake_user *fake_user_add(struct fake *fake, uint64_t id, const char *token, bool bot);
struct fake_guild *fake_guild_add(struct fake *fake, uint64_t id);
struct fake_guild *fake_guild(uint64_t id);
/* Answers a slow guild's kept question. */
void fake_guild_answer(struct fake *fake, struct fake_guild *guild);
struct gateway_local *fake_gateway(struct fake *fake, uint32_t core);

/* Publishes to all cores of @views; @effects' references are taken over. */
void fake_publish(struct fake *fake, uint64_t cell_id, enum cell_kind kind, uint64_t views,
		  const struct effect *effects, uint32_t count);
/* MESSAGE_CREATE {"n":@n} with intents GUILD_MESSAGES to all of a guild. */
void fake_say(struct fake *fake, struct fake_guild *guild, int n);
struct event *fake_event(enum event_type type, uint32_t intents, const char *full, const char *alt);

/* -- clients -- */

struct client {
	struct fake *fake;
	struct core *core;
	struct sock *sock;
	struct buf in;
	bool etf, ended;
	int close_code; /* 0: none has come */
	void *inflate; /* z_stream of a zlib-stream connection */
	struct buf plain;
	char session_id[64];
	int64_t seq; /* the last that came */
};
/* @capacity: bytes on their way, 0: many. */
struct client *client_new(struct fake *fake, uint32_t core, const char *query, size_t capacity);
void client_free(struct client *client);
void client_send_frame(struct client *client, uint8_t opcode, const void *payload, size_t len);
/* Text as a frame; fake_run() is called. */
void client_send(struct client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The next payload, NULL when there is none (or a close: close_code). The caller owns it. */
json_t *client_next(struct client *client);
/* Takes the next one and checks its op and (dispatches) name; its d. */
json_t *client_expect(struct client *client, int op, const char *name);
void client_expect_nothing(struct client *client);
/* Reads on until the close code comes. */
int client_closed(struct client *client);
/* HELLO, IDENTIFY with @token, READY; session_id is set. */
void client_identify(struct client *client, const char *token, uint32_t intents);
/* Closes with @code (0: the socket breaks). */
void client_leave(struct client *client, int code);
