/* Sessions and connections from the client's side, with a domain that says yes (gateway/fake.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "gateway/fake.h"
#include "model/errors.h"

#define Q "v=10&encoding=json"
enum { BOT = 1, ANN = 2, OTHER = 3, GUILD = 5 << 22, GUILD2 = 6 << 22 };
#define ALL INTENT_GUILDS | INTENT_GUILD_MESSAGES

static int setup(void **state)
{
	struct fake *fake = fake_new(NULL);
	struct fake_user *bot = fake_user_add(fake, BOT, "1.bot", true);

	fake_user_add(fake, ANN, "2.ann", false);
	fake_user_add(fake, OTHER, "3.other", true);
	fake_guild_add(fake, GUILD);
	bot->guilds[bot->guilds_count++] = GUILD;
	*state = fake;
	return 0;
}

static int teardown(void **state)
{
	fake_free(*state);
	return 0;
}

static void drop(json_t *json)
{
	json_decref(json);
}

/* A bot that is in its guild. */
static struct client *bot_on(struct fake *fake, uint32_t core, const char *query)
{
	struct client *client = client_new(fake, core, query, 0);

	client_identify(client, "1.bot", ALL);
	drop(client_expect(client, 0, "GUILD_CREATE"));
	fake_pass(fake, 5000); /* The next IDENTIFY of the same token may come. */
	return client;
}

static struct client *resume_on(struct fake *fake, uint32_t core, const char *query, const char *token,
				const char *session_id, int64_t seq)
{
	struct client *client = client_new(fake, core, query, 0);

	drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
	client_send(client, "{\"op\":6,\"d\":{\"token\":\"%s\",\"session_id\":\"%s\",\"seq\":%ld}}", token, session_id,
		    (long)seq);
	client->seq = seq;
	return client;
}

static void expect_said(struct client *client, int n)
{
	json_t *d = client_expect(client, 0, "MESSAGE_CREATE");

	assert_int_equal(json_integer_value(json_object_get(d, "n")), n);
	drop(d);
}

static void expect_invalid_session(struct client *client, bool again)
{
	json_t *d = client_expect(client, GATEWAY_OP_INVALID_SESSION, NULL);

	assert_int_equal(json_is_true(d), again);
	assert_true(json_is_boolean(d));
	drop(d);
	assert_int_equal(client->close_code, 0);
}

static uint64_t stat_of(struct fake *fake, size_t offset)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < FAKE_CORES; i++)
		sum += *(const uint64_t *)((const char *)gateway_stats(fake->cores->core[i]) + offset);
	return sum;
}
#define STAT(fake, name) stat_of((fake), offsetof(struct gateway_stats, name))

/* -- identify -- */

static void a_bot_gets_ready_and_then_its_guilds(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);

	assert_int_equal(strlen(client->session_id), 32);
	assert_string_equal(fake->users[0].resume_url, "ws://chat:1");
	assert_int_equal(client->seq, 2);
	fake_say(fake, fake_guild(GUILD), 1);
	fake_run(fake);
	expect_said(client, 1);
	client_free(client);
	assert_int_equal(STAT(fake, connections), 0);
	assert_int_equal(STAT(fake, detached), 1);
}

static void many_events_of_a_turn_are_one_send(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);
	uint64_t sends = STAT(fake, sends);

	for (int i = 0; i < 100; i++)
		fake_say(fake, fake_guild(GUILD), i);
	fake_run(fake);
	assert_int_equal(STAT(fake, sends), sends + 1);
	for (int i = 0; i < 100; i++)
		expect_said(client, i);
	client_free(client);
}

static void no_guild_create_without_the_guilds_intent(void **state)
{
	struct fake *fake = *state;
	struct client *client = client_new(fake, 0, Q, 0);

	client_identify(client, "Bot 1.bot", INTENT_GUILD_MESSAGES);
	client_expect_nothing(client);
	fake_say(fake, fake_guild(GUILD), 1);
	fake_run(fake);
	expect_said(client, 1);
	client_free(client);
}

static void a_guild_that_fails_is_unavailable_and_comes_later(void **state)
{
	struct fake *fake = *state;
	struct client *client = client_new(fake, 0, Q, 0);

	fake_guild(GUILD)->result = ERR_RESTARTED;
	fake_guild(GUILD)->failures = 2;
	fake->users[0].guilds[fake->users[0].guilds_count++] = 999; /* which does not exist */
	client_identify(client, "1.bot", ALL);
	for (int i = 0; i < 2; i++) {
		json_t *d = client_expect(client, 0, "GUILD_DELETE");
		bool gone = strcmp(json_string_value(json_object_get(d, "id")), "999") == 0;

		assert_int_equal(json_is_true(json_object_get(d, "unavailable")), !gone);
		drop(d);
	}
	client_expect_nothing(client);
	fake_pass(fake, 4000);
	drop(client_expect(client, 0, "GUILD_CREATE"));
	client_free(client);
}

static void identify_is_limited_to_one_in_five_seconds(void **state)
{
	struct fake *fake = *state;
	struct client *first = client_new(fake, 0, Q, 0), *second = client_new(fake, 1, Q, 0);

	client_identify(first, "1.bot", ALL);
	drop(client_expect(second, GATEWAY_OP_HELLO, NULL));
	client_send(second, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":513,\"properties\":{}}}");
	expect_invalid_session(second, false);
	fake_pass(fake, 5000);
	client_send(second, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":513,\"properties\":{}}}");
	drop(client_expect(second, 0, "READY"));
	client_free(first);
	client_free(second);
}

static void a_client_that_drops_while_the_account_is_asked_leaves_nothing(void **state)
{
	struct fake *fake = *state;
	struct client *client = client_new(fake, 0, Q, 0);
	static const char text[] = "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":513}}";
	char frame[200] = { (char)0x81, (char)(0x80 | (sizeof(text) - 1)), 0, 0, 0, 0 };

	memcpy(frame + 6, text, sizeof(text) - 1);
	sock_send(client->sock, frame, 6 + sizeof(text) - 1);
	for (int i = 0; i < 50 && !STAT(fake, sessions); i++)
		core_turn(fake->cores->core[0], 0);
	assert_int_equal(STAT(fake, sessions), 1);
	sock_pair_reset(client->sock);
	fake_run(fake);
	assert_int_equal(STAT(fake, sessions), 0);
	assert_int_equal(fake->users[0].opened, fake->users[0].closed);
	client_free(client);
}

static void shards_get_their_own_guilds(void **state)
{
	struct fake *fake = *state;
	struct client *client = client_new(fake, 0, Q, 0);

	fake_guild_add(fake, GUILD2);
	drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
	client_send(client, "{\"op\":2,\"d\":{\"token\":\"3.other\",\"intents\":513,\"shard\":[0,2]}}");
	drop(client_expect(client, 0, "READY"));
	struct effect joins[] = {
		{ .kind = EFFECT_GUILD_JOIN, .guild_id = GUILD },  /* an odd one */
		{ .kind = EFFECT_GUILD_JOIN, .guild_id = GUILD2 }, /* ours */
	};
	fake_publish(fake, OTHER, CELL_USER, fake->users[2].views, joins, 2);
	fake_run(fake);
	json_t *d = client_expect(client, 0, "GUILD_CREATE");
	assert_string_equal(json_string_value(json_object_get(d, "id")), "25165824");
	drop(d);
	client_expect_nothing(client);
	struct effect leave = { .kind = EFFECT_GUILD_LEAVE, .guild_id = GUILD2 };
	fake_publish(fake, OTHER, CELL_USER, fake->users[2].views, &leave, 1);
	fake_run(fake);
	assert_int_equal(fake_guild(GUILD2)->left, 1);
	client_free(client);
}

/* -- people -- */

static struct client *ann_on(struct fake *fake, int capabilities)
{
	struct client *client = client_new(fake, 0, Q, 0);

	drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
	client_send(client, "{\"op\":2,\"d\":{\"token\":\"2.ann\",\"capabilities\":%d,\"presence\":{\"status\":\"idle\","
			    "\"game\":{\"name\":\"x\"}}}}", capabilities);
	return client;
}

static void people_get_their_guilds_inside_ready(void **state)
{
	struct fake *fake = *state;
	struct fake_user *ann = &fake->users[1];

	fake_guild_add(fake, GUILD2);
	ann->guilds[ann->guilds_count++] = GUILD;
	ann->guilds[ann->guilds_count++] = 77; /* left meanwhile */
	ann->guilds[ann->guilds_count++] = GUILD2;
	struct client *client = ann_on(fake, 1 << 5);
	assert_non_null(strstr(ann->presence, "\"activities\":[{\"name\":\"x\"}]"));
	json_t *d = client_expect(client, 0, "READY");
	json_t *guilds = json_object_get(d, "guilds"), *members = json_object_get(d, "merged_members");
	assert_int_equal(json_array_size(guilds), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(guilds, 0), "name")), "guild");
	assert_int_equal(json_array_size(members), 2);
	assert_true(json_is_object(json_array_get(json_array_get(members, 1), 0)));
	drop(d);
	d = client_expect(client, 0, "READY_SUPPLEMENTAL");
	assert_int_equal(json_array_size(json_object_get(d, "guilds")), 2);
	json_t *states = json_object_get(json_array_get(json_object_get(d, "guilds"), 0), "voice_states");
	assert_int_equal(json_integer_value(json_array_get(states, 0)), 1);
	json_t *presences = json_object_get(json_object_get(d, "merged_presences"), "guilds");
	assert_int_equal(json_integer_value(json_array_get(json_array_get(presences, 1), 0)), 2);
	drop(d);
	client_expect_nothing(client);
	client_free(client);
}

static void a_late_guild_is_unavailable_in_ready_and_held_events_come_after(void **state)
{
	struct fake *fake = *state;
	struct fake_user *ann = &fake->users[1];
	struct fake_guild *late = fake_guild_add(fake, GUILD2);

	ann->guilds[ann->guilds_count++] = GUILD;
	ann->guilds[ann->guilds_count++] = GUILD2;
	late->slow = true;
	struct client *client = ann_on(fake, 0);
	client_expect_nothing(client);
	fake_say(fake, fake_guild(GUILD), 1);
	fake_pass(fake, 1500);
	client_expect_nothing(client);
	fake_pass(fake, 1000);
	json_t *d = client_expect(client, 0, "READY");
	json_t *guilds = json_object_get(d, "guilds");
	assert_int_equal(json_array_size(guilds), 2);
	assert_true(json_is_true(json_object_get(json_array_get(guilds, 1), "unavailable")));
	drop(d);
	expect_said(client, 1);
	fake_guild_answer(fake, late);
	fake_run(fake);
	drop(client_expect(client, 0, "GUILD_CREATE"));
	client_free(client);
}

/* -- heartbeats -- */

static void heartbeats_are_answered_and_their_lack_closes_with_4009(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);
	char session_id[64];

	for (int i = 0; i < 4; i++) {
		fake_pass(fake, 41000);
		client_send(client, i % 2 ? "{\"op\":1,\"d\":2}" : "{\"op\":40,\"d\":{\"seq\":2}}");
		drop(client_expect(client, GATEWAY_OP_HEARTBEAT_ACK, NULL));
	}
	fake_pass(fake, 59000);
	client_expect_nothing(client);
	fake_pass(fake, 2000);
	assert_int_equal(client_closed(client), CLOSE_SESSION_TIMED_OUT);
	strcpy(session_id, client->session_id);
	client_free(client);
	fake_say(fake, fake_guild(GUILD), 5);
	client = resume_on(fake, 0, Q, "1.bot", session_id, 2);
	expect_said(client, 5);
	drop(client_expect(client, 0, "RESUMED"));
	client_free(client);
}

static void who_neither_identifies_nor_resumes_is_closed_after_a_minute(void **state)
{
	struct fake *fake = *state;
	struct client *client = client_new(fake, 0, Q, 0);

	fake_pass(fake, 50000);
	client_send(client, "{\"op\":1,\"d\":null}");
	fake_pass(fake, 11000);
	assert_int_equal(client_closed(client), CLOSE_SESSION_TIMED_OUT);
	client_free(client);
}

/* -- resume -- */

static void what_was_missed_comes_once_and_then_resumed(void **state)
{
	struct fake *fake = *state;

	for (uint32_t core = 0; core < FAKE_CORES; core++) {
		struct client *client = bot_on(fake, 0, Q);
		char session_id[64];

		for (int i = 0; i < 10; i++)
			fake_say(fake, fake_guild(GUILD), i);
		fake_run(fake);
		for (int i = 0; i < 10; i++)
			expect_said(client, i);
		strcpy(session_id, client->session_id);
		client_leave(client, core ? 4200 : 0);
		client_free(client);
		for (int i = 10; i < 20; i++)
			fake_say(fake, fake_guild(GUILD), i);
		fake_run(fake);
		/* It had got the events up to 4 (seq 7). The socket comes to one core or another. */
		client = resume_on(fake, core, Q, "Bot 1.bot", session_id, 7);
		for (int i = 5; i < 20; i++)
			expect_said(client, i);
		json_t *d = client_expect(client, 0, "RESUMED");
		assert_true(json_is_object(d));
		drop(d);
		client_expect_nothing(client);
		fake_say(fake, fake_guild(GUILD), 99);
		fake_run(fake);
		expect_said(client, 99);
		client_leave(client, 1000);
		client_free(client);
	}
	assert_int_equal(STAT(fake, moves), 1);
	assert_int_equal(STAT(fake, resumes), 2);
	assert_int_equal(STAT(fake, sessions), 0);
}

static void an_empty_replay_still_ends_in_resumed(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);
	struct client *next = resume_on(fake, 0, Q, "1.bot", client->session_id, 2);

	drop(client_expect(next, 0, "RESUMED"));
	/* One session never feeds two sockets. */
	assert_int_equal(client_closed(client), CLOSE_UNKNOWN_ERROR);
	fake_say(fake, fake_guild(GUILD), 1);
	fake_run(fake);
	expect_said(next, 1);
	client_free(client);
	client_free(next);
}

static void nobody_resumes_what_is_not_theirs(void **state)
{
	struct fake *fake = *state;
	struct client *owner = bot_on(fake, 0, Q);
	struct client *thief = resume_on(fake, 0, Q, "3.other", owner->session_id, 2);

	expect_invalid_session(thief, false);
	client_free(thief);
	thief = resume_on(fake, 1, Q, "3.wrong", owner->session_id, 2);
	assert_int_equal(client_closed(thief), CLOSE_AUTHENTICATION_FAILED);
	client_free(thief);
	thief = resume_on(fake, 1, Q, "garbage", owner->session_id, 2);
	assert_int_equal(client_closed(thief), CLOSE_AUTHENTICATION_FAILED);
	client_free(thief);
	thief = resume_on(fake, 1, Q, "3.other", "0123456789abcdef0123456789abcdef", 2);
	expect_invalid_session(thief, false);
	client_free(thief);
	thief = resume_on(fake, 1, Q, "3.other", "what", 2);
	expect_invalid_session(thief, false);
	client_free(thief);
	fake_say(fake, fake_guild(GUILD), 1);
	fake_run(fake);
	expect_said(owner, 1);
	client_free(owner);
}

static void a_seq_never_sent_is_4007_and_the_session_is_forgotten(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q), *next;
	char session_id[64];

	strcpy(session_id, client->session_id);
	client_leave(client, 0);
	client_free(client);
	fake_say(fake, fake_guild(GUILD), 1); /* has a number, but was not sent */
	next = resume_on(fake, 0, Q, "1.bot", session_id, 3);
	assert_int_equal(client_closed(next), CLOSE_INVALID_SEQ);
	client_free(next);
	next = resume_on(fake, 0, Q, "1.bot", session_id, 2);
	expect_invalid_session(next, false);
	client_free(next);
	assert_int_equal(fake->users[0].closed, 1);
	assert_int_equal(fake_guild(GUILD)->left, 1);
}

static void ready_cannot_be_replayed(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q), *next;

	next = resume_on(fake, 0, Q, "1.bot", client->session_id, 0);
	expect_invalid_session(next, false);
	client_free(next);
	client_expect_nothing(client);
	client_free(client);
}

static void a_detached_session_ends_after_five_minutes(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);

	client_leave(client, 0);
	fake_pass(fake, 299000);
	assert_int_equal(fake->users[0].closed, 0);
	fake_pass(fake, 2000);
	assert_int_equal(fake->users[0].closed, 1);
	assert_int_equal(STAT(fake, sessions), 0);
	client_free(client);
}

static void a_goodbye_ends_the_session_at_once_and_other_codes_do_not(void **state)
{
	static const struct {
		int code;
		bool ends;
	} cases[] = { { 1000, true }, { 1001, true }, { 4000, false }, { 4200, false }, { 3000, false }, { 0, false } };
	struct fake *fake = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct client *client = bot_on(fake, 0, Q);
		uint32_t closed = fake->users[0].closed;

		client_leave(client, cases[i].code);
		assert_int_equal(fake->users[0].closed - closed, cases[i].ends);
		if (cases[i].code)
			assert_int_equal(client->close_code, cases[i].code);
		client_free(client);
	}
}

static void too_many_detached_sessions_of_a_user_push_out_the_oldest(void **state)
{
	struct fake *fake = *state;
	uint32_t max = fake_gateway(fake, 0)->config.detached_per_user;
	char first[64] = "";

	for (uint32_t i = 0; i < max + 1; i++) {
		struct client *client = bot_on(fake, 0, Q);

		if (!i)
			strcpy(first, client->session_id);
		client_leave(client, 0);
		client_free(client);
	}
	assert_int_equal(STAT(fake, sessions), max);
	struct client *client = resume_on(fake, 0, Q, "1.bot", first, 2);
	expect_invalid_session(client, false);
	client_free(client);
}

/* -- close codes -- */

static void wrong_payloads_have_their_close_codes(void **state)
{
	static char long_text[16000];
	static const struct {
		bool identified;
		const char *payload;
		int code;
	} cases[] = {
		{ false, "{\"op\":3,\"d\":{\"status\":\"online\"}}", 4003 },
		{ false, "{\"op\":8,\"d\":{}}", 4003 },
		{ false, "{\"op\":99,\"d\":{}}", 4001 },
		{ false, "{\"op\":0,\"d\":{}}", 4001 },
		{ true, "{\"op\":-1}", 4001 },
		{ true, "{\"op\":11}", 4001 },
		{ true, "{\"op\":14,\"d\":{\"guild_id\":\"5\"}}", 4001 }, /* for people */
		{ false, "{\"op\":\"2\"}", 4002 },
		{ false, "not json", 4002 },
		{ false, "[1]", 4002 },
		{ false, "{}", 4002 },
		{ true, "{\"op\":1,\"d\":\"x\"}", 4002 },
		{ true, "{\"op\":3,\"d\":[]}", 4002 },
		{ true, "{\"op\":8,\"d\":{\"guild_id\":\"20971520\"}}", 4002 },
		{ true, "{\"op\":8,\"d\":{\"guild_id\":[1,2],\"query\":\"\"}}", 4002 },
		{ true, long_text, 4002 },
		{ true, "{\"op\":2,\"d\":{\"token\":\"1.bot\"}}", 4005 },
		{ true, "{\"op\":6,\"d\":{\"token\":\"1.bot\",\"session_id\":\"x\",\"seq\":1}}", 4005 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"nobody\"}}", 4004 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"9.nobody\",\"intents\":1}}", 4004 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.wrong\",\"intents\":1}}", 4004 },
		{ false, "{\"op\":2,\"d\":{}}", 4002 },
		{ false, "{\"op\":2,\"d\":null}", 4002 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":1,\"shard\":[2,2]}}", 4010 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":1,\"shard\":[0]}}", 4010 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":1,\"shard\":[-1,1]}}", 4010 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":536870912}}", 4013 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":-1}}", 4013 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\"}}", 4013 },
		{ false, "{\"op\":6,\"d\":{\"token\":\"1.bot\",\"session_id\":\"x\",\"seq\":\"1\"}}", 4002 },
		{ false, "{\"op\":6,\"d\":{\"token\":\"1.wrong\",\"session_id\":\"x\",\"seq\":1}}", 4004 },
	};
	struct fake *fake = *state;

	memset(long_text, ' ', sizeof(long_text) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct client *client = cases[i].identified ? bot_on(fake, 0, Q) : client_new(fake, 0, Q, 0);

		client_send(client, "%s", cases[i].payload);
		int code = client_closed(client);
		if (code != cases[i].code)
			fail_msg("%.80s: %d instead of %d", cases[i].payload, code, cases[i].code);
		if (cases[i].identified) { /* all of these keep the session */
			struct client *next = resume_on(fake, 0, Q, "1.bot", client->session_id, client->seq);
			drop(client_expect(next, 0, "RESUMED"));
			client_leave(next, 1000);
			client_free(next);
		}
		client_free(client);
		fake_pass(fake, 5000);
	}
	assert_int_equal(STAT(fake, sessions), 0);
}

static void wrong_urls_have_their_close_codes(void **state)
{
	static const struct {
		const char *query;
		int code;
	} cases[] = {
		{ "v=8", 4012 }, { "v=x", 4012 }, { "encoding=xml", 4002 }, { "compress=br", 4002 },
		{ "v=9", 0 }, { "", 0 }, { "v=10&encoding=json&compress=", 0 },
	};
	struct fake *fake = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct client *client = client_new(fake, 0, cases[i].query, 0);

		assert_int_equal(client_closed(client), cases[i].code);
		client_free(client);
	}
}

static void more_than_120_frames_in_a_minute_close_with_4008(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q); /* one frame: IDENTIFY */

	for (int i = 0; i < 119; i++) {
		client_send(client, "{\"op\":1,\"d\":null}");
		drop(client_expect(client, GATEWAY_OP_HEARTBEAT_ACK, NULL));
	}
	client_send(client, "{\"op\":1,\"d\":null}");
	assert_int_equal(client_closed(client), CLOSE_RATE_LIMITED);
	client_free(client);
}

static void limits_can_be_off(void **state)
{
	struct fake *fake = *state;

	fake_gateway(fake, 0)->config.rate_limits = fake_gateway(fake, 1)->config.rate_limits = false;
	struct client *clients[3];
	for (uint32_t i = 0; i < 3; i++) {
		clients[i] = client_new(fake, i % 2, Q, 0);
		client_identify(clients[i], "1.bot", ALL);
		drop(client_expect(clients[i], 0, "GUILD_CREATE"));
	}
	for (int i = 0; i < 200; i++)
		client_send(clients[0], "{\"op\":1,\"d\":null}");
	for (int i = 0; i < 200; i++)
		drop(client_expect(clients[0], GATEWAY_OP_HEARTBEAT_ACK, NULL));
	for (uint32_t i = 0; i < 3; i++)
		client_free(clients[i]);
}

static void a_revoked_token_closes_its_sessions_with_4004(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q), *second = bot_on(fake, 1, Q);
	struct effect logout = { .kind = EFFECT_LOGOUT, .token_hash = "1.not this one" };

	fake_publish(fake, BOT, CELL_USER, fake->users[0].views, &logout, 1);
	fake_run(fake);
	client_expect_nothing(client);
	memset(logout.token_hash, 0, 32);
	fake_publish(fake, BOT, CELL_USER, fake->users[0].views, &logout, 1);
	fake_run(fake);
	assert_int_equal(client_closed(client), CLOSE_AUTHENTICATION_FAILED);
	assert_int_equal(client_closed(second), CLOSE_AUTHENTICATION_FAILED);
	assert_int_equal(STAT(fake, sessions), 0);
	client_free(client);
	client_free(second);
}

/* -- slow ones -- */

static void a_reader_that_is_too_slow_is_closed_and_may_resume(void **state)
{
	struct gateway_config config;

	teardown(state);
	gateway_config_init(&config);
	config.ring_events = 100;
	struct fake *fake = fake_new(&config);
	*state = fake;
	struct fake_user *bot = fake_user_add(fake, BOT, "1.bot", true);
	fake_guild_add(fake, GUILD);
	bot->guilds[bot->guilds_count++] = GUILD;

	struct client *client = client_new(fake, 0, Q, 2000);
	client_identify(client, "1.bot", ALL);
	drop(client_expect(client, 0, "GUILD_CREATE"));
	int said = 0;
	while (fake->locals[0].gateway->stats.too_slow == 0 && said < 1000) {
		fake_say(fake, fake_guild(GUILD), said++);
		fake_run(fake);
	}
	assert_in_range(said, 101, 200);
	assert_int_equal(STAT(fake, detached), 1);
	/* What it reads at last is a whole beginning. */
	client_closed(client);
	int64_t got = client->seq - 2;
	assert_true(got < said);
	struct client *next = resume_on(fake, 0, Q, "1.bot", client->session_id, client->seq);
	for (int i = (int)got; i < said; i++)
		expect_said(next, i);
	drop(client_expect(next, 0, "RESUMED"));
	client_free(client);
	client_free(next);
}

static void a_detached_session_that_cannot_hold_more_ends(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);

	client_leave(client, 0);
	for (uint32_t i = 0; i < 11000 && fake->users[0].closed == 0; i++) {
		fake_say(fake, fake_guild(GUILD), (int)i);
		if (i % 100 == 0)
			fake_run(fake);
	}
	fake_run(fake);
	assert_int_equal(fake->users[0].closed, 1);
	struct client *next = resume_on(fake, 0, Q, "1.bot", client->session_id, client->seq);
	expect_invalid_session(next, false);
	client_free(client);
	client_free(next);
}

static void what_fell_out_of_the_ring_cannot_be_resumed(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);

	for (int i = 0; i < 12000; i++) {
		fake_say(fake, fake_guild(GUILD), i);
		if (i % 1000 == 0)
			for (fake_run(fake); client->seq < 2 + i;)
				drop(client_next(client));
	}
	fake_run(fake);
	client_closed(client);
	client_leave(client, 0);
	struct client *next = resume_on(fake, 0, Q, "1.bot", client->session_id, 100);
	expect_invalid_session(next, false);
	client_free(next);
	next = resume_on(fake, 0, Q, "1.bot", client->session_id, client->seq - 1);
	expect_said(next, 11999);
	drop(client_expect(next, 0, "RESUMED"));
	client_free(client);
	client_free(next);
}

/* -- encodings -- */

static void every_encoding_carries_the_same(void **state)
{
	static const char *queries[] = {
		"v=10&encoding=json", "v=9&encoding=etf", "v=10&encoding=json&compress=zlib-stream",
		"v=10&encoding=etf&compress=zlib-stream",
	};
	struct fake *fake = *state;
	static char text[30000];

	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		struct client *client = client_new(fake, 0, queries[i], 3000); /* torn in many pieces */

		json_t *d = client_expect(client, GATEWAY_OP_HELLO, NULL);
		assert_int_equal(json_integer_value(json_object_get(d, "heartbeat_interval")), 41250);
		drop(d);
		if (client->etf) {
			static const char identify[] =
				"\x83t\0\0\0\2m\0\0\0\2opa\2m\0\0\0\1dt\0\0\0\2m\0\0\0\5tokenm\0\0\0\0051.botm\0\0\0\7intentsb\0\0\2\1";
			client_send_frame(client, WS_BINARY, identify, sizeof(identify) - 1);
		} else {
			client_send(client, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":513,\"compress\":true}}");
		}
		d = client_expect(client, 0, "READY");
		assert_int_equal(json_integer_value(json_object_get(d, "v")), i == 1 ? 9 : 10);
		drop(d);
		drop(client_expect(client, 0, "GUILD_CREATE"));
		memset(text, 'x', sizeof(text) - 1);
		memcpy(text, "{\"long\":\"", 9);
		strcpy(text + sizeof(text) - 3, "\"}");
		for (int k = 0; k < 3; k++) {
			struct effect effect = { .kind = EFFECT_EVENT,
						 .event = fake_event(EVENT_MESSAGE_CREATE, 0, text, NULL) };
			fake_publish(fake, GUILD, CELL_GUILD, 1, &effect, 1);
			fake_say(fake, fake_guild(GUILD), k);
		}
		fake_run(fake);
		for (int k = 0; k < 3; k++) {
			d = client_expect(client, 0, "MESSAGE_CREATE");
			assert_int_equal(json_string_length(json_object_get(d, "long")), sizeof(text) - 12);
			drop(d);
			expect_said(client, k);
		}
		if (client->etf)
			client_send_frame(client, WS_BINARY, "\x83t\0\0\0\2m\0\0\0\2opa\1m\0\0\0\1ds\3nil", 25);
		if (client->etf)
			assert_int_equal(client_closed(client), CLOSE_DECODE_ERROR); /* that atom was no atom */
		client_free(client);
		fake_pass(fake, 5000);
	}
}

static void torn_reads_and_writes_change_nothing(void **state)
{
	static const char *queries[] = { Q, "encoding=etf", "compress=zlib-stream" };
	struct fake *fake = *state;

	fake->torn = true;
	fake_gateway(fake, 0)->config.rate_limits = fake_gateway(fake, 1)->config.rate_limits = false;
	struct client *client = bot_on(fake, 0, Q);
	int said = 0, heard = 0;
	for (uint32_t round = 0; round < 30; round++) {
		for (uint64_t n = random_below(&fake->random.random, 20); n; n--)
			fake_say(fake, fake_guild(GUILD), said++);
		if (round % 3 == 1) /* a heartbeat's answer comes between events, never inside one */
			client_send_frame(client, WS_PING, "x", 1);
		for (uint64_t n = random_below(&fake->random.random, 4); n && heard < said; n--)
			expect_said(client, heard++);
		/* Comes back somewhere else, in another encoding, with all that it has not seen. */
		char session_id[64];
		int64_t seq = client->seq;
		uint32_t core = round % 2;
		strcpy(session_id, client->session_id);
		client_leave(client, 0);
		client_free(client);
		client = client_new(fake, core, queries[round % 3], 700);
		drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
		strcpy(client->session_id, session_id);
		client->seq = seq;
		if (client->etf) {
			struct buf term;
			buf_init(&term, 1000);
			buf_put(&term, "\x83t\0\0\0\2m\0\0\0\2opa\6m\0\0\0\1dt\0\0\0\3m\0\0\0\5tokenm\0\0\0\5""1.bot"
				       "m\0\0\0\3seqb", 55);
			buf_put_u32(&term, (uint32_t)seq);
			buf_put(&term, "m\0\0\0\nsession_idm\0\0\0\x20", 20);
			buf_put(&term, session_id, 32);
			client_send_frame(client, WS_BINARY, term.ptr, term.len);
			buf_done(&term);
		} else {
			client_send(client, "{\"op\":6,\"d\":{\"token\":\"1.bot\",\"session_id\":\"%s\",\"seq\":%ld}}",
				    session_id, (long)seq);
		}
		while (heard < said)
			expect_said(client, heard++);
		drop(client_expect(client, 0, "RESUMED"));
	}
	client_free(client);
}

static void atoms_as_keys_and_text_are_refused_in_etf(void **state)
{
	struct fake *fake = *state;
	struct client *client = client_new(fake, 0, "encoding=etf", 0);

	client_send_frame(client, WS_BINARY, "\x83t\0\0\0\1d\0\2opa\1", 13);
	assert_int_equal(client_closed(client), CLOSE_DECODE_ERROR);
	client_free(client);
	client = client_new(fake, 0, "encoding=etf", 0);
	client_send(client, "{\"op\":1,\"d\":null}");
	assert_int_equal(client_closed(client), CLOSE_DECODE_ERROR);
	client_free(client);
}

static void a_session_may_change_its_encoding_with_its_socket(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);

	fake_say(fake, fake_guild(GUILD), 1);
	fake_run(fake);
	struct client *next = resume_on(fake, 1, Q "&compress=zlib-stream", "1.bot", client->session_id, 2);
	expect_said(next, 1);
	drop(client_expect(next, 0, "RESUMED"));
	client_send(next, "{\"op\":1,\"d\":null}");
	drop(client_expect(next, GATEWAY_OP_HEARTBEAT_ACK, NULL));
	client_send(next, "{\"op\":1,\"d\":null}"); /* the history is dropped in between */
	drop(client_expect(next, GATEWAY_OP_HEARTBEAT_ACK, NULL));
	client_free(client);
	client_free(next);
}

/* -- requests -- */

static void members_are_asked_for_by_the_rules(void **state)
{
	struct fake *fake = *state;
	struct fake_guild *guild = fake_guild(GUILD);
	struct client *client = bot_on(fake, 0, Q);

	client_send(client, "{\"op\":8,\"d\":{\"guild_id\":[\"%d\"],\"query\":\"an\",\"limit\":5000,\"nonce\":\"abc\"}}", GUILD);
	assert_int_equal(guild->members_asked, 1);
	assert_string_equal(guild->members_query, "an");
	assert_int_equal(guild->members.limit, 100);
	client_send(client, "{\"op\":8,\"d\":{\"guild_id\":\"%d\",\"user_ids\":9007199254740993,\"limit\":0}}", GUILD);
	assert_int_equal(guild->members_asked, 2);
	assert_int_equal(guild->members.user_ids_count, 1);
	client_send(client, "{\"op\":8,\"d\":{\"guild_id\":\"123\",\"query\":\"\",\"limit\":0}}"); /* not its guild */
	client_send(client, "{\"op\":8,\"d\":{\"guild_id\":\"1\",\"query\":\"\",\"limit\":0}}"); /* its own account */
	client_expect_nothing(client);
	for (int i = 0; i < 2; i++)
		client_send(client, "{\"op\":8,\"d\":{\"guild_id\":\"%d\",\"query\":\"\",\"limit\":0,\"nonce\":\"n\"}}", GUILD);
	assert_int_equal(guild->members_asked, 3);
	json_t *d = client_expect(client, 0, "RATE_LIMITED");
	assert_int_equal(json_integer_value(json_object_get(d, "opcode")), 8);
	assert_true(json_is_real(json_object_get(d, "retry_after")));
	assert_true(json_real_value(json_object_get(d, "retry_after")) > 29);
	assert_string_equal(json_string_value(json_object_get(json_object_get(d, "meta"), "nonce")), "n");
	drop(d);
	fake_pass(fake, 30000);
	client_send(client, "{\"op\":8,\"d\":{\"guild_id\":\"%d\",\"query\":\"\",\"limit\":0}}", GUILD);
	assert_int_equal(guild->members_asked, 4);
	client_free(client);
}

static void presences_go_to_the_account_but_not_too_many(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);

	for (int i = 0; i < 8; i++)
		client_send(client, "{\"op\":3,\"d\":{\"status\":\"dnd\",\"activities\":[],\"since\":%d,\"afk\":false}}", i);
	assert_int_equal(fake->users[0].presences, 5);
	assert_non_null(strstr(fake->users[0].presence, "\"since\":4"));
	client_expect_nothing(client);
	client_free(client);
}

static void people_say_what_they_look_at(void **state)
{
	struct fake *fake = *state;
	struct fake_user *ann = &fake->users[1];

	ann->guilds[ann->guilds_count++] = GUILD;
	struct client *client = ann_on(fake, 0);
	drop(client_expect(client, 0, "READY"));
	client_send(client, "{\"op\":14,\"d\":{\"guild_id\":\"%d\",\"typing\":true,\"members\":[\"7\"],"
			    "\"channels\":{\"9\":[[0,99],[100,199],[5,10]]}}}", GUILD);
	client_send(client, "{\"op\":37,\"d\":{\"subscriptions\":{\"%d\":{\"threads\":true}}}}", GUILD);
	client_send(client, "{\"op\":41,\"d\":{}}");
	client_send(client, "{\"op\":36,\"d\":{\"guild_id\":\"1\"}}");
	client_expect_nothing(client);
	uint64_t id, id2;
	uint32_t at = 0;
	void *session;
	(void)id2;
	assert_true(map_next(&fake_gateway(fake, 0)->sessions, &at, &id, &session));
	struct interest *interest = interest_find(session, GUILD);
	assert_true(interest->typing && interest->threads && interest->opened);
	assert_int_equal(interest->members[0], 7);
	assert_int_equal(interest->channels_count, 1);
	assert_int_equal(interest->channels[0].ranges_count, 2);
	client_free(client);
}

/* -- restarts -- */

static void a_restarted_guild_takes_its_sessions_back_without_a_gap(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);
	struct fake_guild *guild = fake_guild(GUILD);
	struct effect reloaded = { .kind = EFFECT_RELOADED };

	guild->slow = true;
	fake_publish(fake, GUILD, CELL_GUILD, guild->views, &reloaded, 1);
	fake_run(fake);
	fake_say(fake, guild, 1);
	fake_say(fake, guild, 2);
	fake_run(fake);
	client_expect_nothing(client);
	fake_guild_answer(fake, guild);
	fake_say(fake, guild, 3);
	fake_run(fake);
	for (int i = 1; i <= 3; i++)
		expect_said(client, i);
	client_expect_nothing(client);
	client_free(client);
}

static void a_restarted_account_is_told_of_its_sessions(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);
	struct effect reloaded = { .kind = EFFECT_RELOADED };

	fake_publish(fake, BOT, CELL_USER, fake->users[0].views, &reloaded, 1);
	fake_run(fake);
	assert_int_equal(fake->users[0].opened, 2);
	client_expect_nothing(client);
	client_free(client);
}

static void draining_asks_everybody_to_reconnect(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q), *second = bot_on(fake, 1, Q);

	gateway_drain(fake->cores);
	fake_run(fake);
	json_t *d = client_expect(client, GATEWAY_OP_RECONNECT, NULL);
	assert_true(json_is_null(d));
	drop(d);
	drop(client_expect(second, GATEWAY_OP_RECONNECT, NULL));
	struct client *late = client_new(fake, 0, Q, 0);
	assert_int_equal(client_closed(late), CLOSE_SERVICE_RESTART);
	client_free(client);
	client_free(second);
	client_free(late);
}

static void pings_are_answered(void **state)
{
	struct client *client = client_new(*state, 0, Q, 0);

	drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
	client_send_frame(client, WS_PING, "hi", 2);
	char bytes[16];
	assert_int_equal(sock_recv(client->sock, bytes, sizeof(bytes)), 4);
	assert_memory_equal(bytes, "\x8a\2hi", 4);
	client_free(client);
}

static void payload_compression_is_for_large_payloads(void **state)
{
	struct fake *fake = *state;
	struct client *client = client_new(fake, 0, Q, 0);
	static char text[4000];

	drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
	client_send(client, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":513,\"compress\":true}}");
	drop(client_expect(client, 0, "READY"));
	drop(client_expect(client, 0, "GUILD_CREATE"));
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "{\"long\":\"", 9);
	strcpy(text + sizeof(text) - 3, "\"}");
	struct effect effect = { .kind = EFFECT_EVENT, .event = fake_event(EVENT_MESSAGE_CREATE, 0, text, NULL) };
	fake_publish(fake, GUILD, CELL_GUILD, 1, &effect, 1);
	uint64_t bytes = STAT(fake, bytes);
	fake_run(fake);
	assert_true(STAT(fake, bytes) - bytes < 200);
	drop(client_expect(client, 0, "MESSAGE_CREATE"));
	client_free(client);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_bot_gets_ready_and_then_its_guilds),
		CASE(many_events_of_a_turn_are_one_send),
		CASE(no_guild_create_without_the_guilds_intent),
		CASE(a_guild_that_fails_is_unavailable_and_comes_later),
		CASE(identify_is_limited_to_one_in_five_seconds),
		CASE(a_client_that_drops_while_the_account_is_asked_leaves_nothing),
		CASE(shards_get_their_own_guilds),
		CASE(people_get_their_guilds_inside_ready),
		CASE(a_late_guild_is_unavailable_in_ready_and_held_events_come_after),
		CASE(heartbeats_are_answered_and_their_lack_closes_with_4009),
		CASE(who_neither_identifies_nor_resumes_is_closed_after_a_minute),
		CASE(what_was_missed_comes_once_and_then_resumed),
		CASE(an_empty_replay_still_ends_in_resumed),
		CASE(nobody_resumes_what_is_not_theirs),
		CASE(a_seq_never_sent_is_4007_and_the_session_is_forgotten),
		CASE(ready_cannot_be_replayed),
		CASE(a_detached_session_ends_after_five_minutes),
		CASE(a_goodbye_ends_the_session_at_once_and_other_codes_do_not),
		CASE(too_many_detached_sessions_of_a_user_push_out_the_oldest),
		CASE(wrong_payloads_have_their_close_codes),
		CASE(wrong_urls_have_their_close_codes),
		CASE(more_than_120_frames_in_a_minute_close_with_4008),
		CASE(limits_can_be_off),
		CASE(a_revoked_token_closes_its_sessions_with_4004),
		CASE(a_reader_that_is_too_slow_is_closed_and_may_resume),
		CASE(a_detached_session_that_cannot_hold_more_ends),
		CASE(what_fell_out_of_the_ring_cannot_be_resumed),
		CASE(every_encoding_carries_the_same),
		CASE(torn_reads_and_writes_change_nothing),
		CASE(atoms_as_keys_and_text_are_refused_in_etf),
		CASE(a_session_may_change_its_encoding_with_its_socket),
		CASE(members_are_asked_for_by_the_rules),
		CASE(presences_go_to_the_account_but_not_too_many),
		CASE(people_say_what_they_look_at),
		CASE(a_restarted_guild_takes_its_sessions_back_without_a_gap),
		CASE(a_restarted_account_is_told_of_its_sessions),
		CASE(draining_asks_everybody_to_reconnect),
		CASE(pings_are_answered),
		CASE(payload_compression_is_for_large_payloads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
