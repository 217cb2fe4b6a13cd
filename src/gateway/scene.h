/* For the tests of sessions and of the protocol: a bot in a guild, a person, another bot. */
#pragma once

#include "gateway/fake.h"

#define Q "v=10&encoding=json"
#define ALL (INTENT_GUILDS | INTENT_GUILD_MESSAGES)
enum { BOT = 1, ANN = 2, OTHER = 3, GUILD = 5 << 22, GUILD2 = 6 << 22 };

/* *state becomes a struct fake. */
int scene_setup(void **state);
int scene_teardown(void **state);
#define CASE(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)

static inline void drop(json_t *json)
{
	json_decref(json);
}
/* The bot, that has got its guild. */
struct client *bot_on(struct fake *fake, uint32_t core, const char *query);
/* Asks for a session; nothing is read yet but HELLO. */
struct client *resume_on(struct fake *fake, uint32_t core, const char *query, const char *token,
			 const char *session_id, int64_t seq);
/* A person; nothing is read yet but HELLO. */
struct client *ann_on(struct fake *fake, int capabilities);
/* The next event is fake_say() with @n. */
void expect_said(struct client *client, int n);
void expect_invalid_session(struct client *client, bool again);
/* Of all cores. */
uint64_t stat_of(struct fake *fake, size_t offset);
#define STAT(fake, name) stat_of((fake), offsetof(struct gateway_stats, name))
