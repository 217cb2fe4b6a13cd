/* Payloads, codes, encodings and limits, as a client sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "gateway/scene.h"

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
		{ true, "{\"op\":6,\"d\":{\"token\":\"1.bot\",\"session_id\":\"x\",\"seq\":1}}",
		  4005 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"nobody\"}}", 4004 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"9.nobody\",\"intents\":1}}", 4004 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.wrong\",\"intents\":1}}", 4004 },
		{ false, "{\"op\":2,\"d\":{}}", 4002 },
		{ false, "{\"op\":2,\"d\":null}", 4002 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":1,\"shard\":[2,2]}}",
		  4010 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":1,\"shard\":[0]}}",
		  4010 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":1,\"shard\":[-1,1]}}",
		  4010 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":536870912}}", 4013 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":-1}}", 4013 },
		{ false, "{\"op\":2,\"d\":{\"token\":\"1.bot\"}}", 4013 },
		{ false,
		  "{\"op\":6,\"d\":{\"token\":\"1.bot\",\"session_id\":\"x\",\"seq\":\"1\"}}",
		  4002 },
		{ false, "{\"op\":6,\"d\":{\"token\":\"1.wrong\",\"session_id\":\"x\",\"seq\":1}}",
		  4004 },
	};
	struct fake *fake = *state;

	memset(long_text, ' ', sizeof(long_text) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct client *client = cases[i].identified ? bot_on(fake, 0, Q)
							    : client_new(fake, 0, Q, 0);

		client_send(client, "%s", cases[i].payload);
		int code = client_closed(client);
		if (code != cases[i].code)
			fail_msg("%.80s: %d instead of %d", cases[i].payload, code, cases[i].code);
		if (cases[i].identified) { /* all of these keep the session */
			struct client *next = resume_on(fake, 0, Q, "1.bot", client->session_id,
							client->seq);
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
		{ "v=7", 4012 },
		{ "v=8", 0 },
		{ "v=x", 4012 },
		{ "encoding=xml", 4002 },
		{ "compress=br", 4002 },
		{ "v=9", 0 },
		{ "", 0 },
		{ "v=10&encoding=json&compress=", 0 },
	};
	struct fake *fake = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct client *client = client_new(fake, 0, cases[i].query, 0);

		assert_int_equal(client_closed(client), cases[i].code);
		client_free(client);
	}
}

static void hello_comes_on_its_own_after_the_answer_to_the_upgrade(void **state)
{
	struct fake *fake = *state;

	fake->hasty = true;
	struct client *client = client_new(fake, 0, Q, 0);
	client_expect_nothing(client);
	fake_pass(fake, 500);
	drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
	fake_pass(fake, LIMIT_IDENTIFY_TIMEOUT_MS + 1000);
	assert_int_equal(client_closed(client), CLOSE_SESSION_TIMED_OUT);
	client_free(client);

	client = client_new(fake, 0, Q, 0);
	client_send(client, "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":%u}}", ALL);
	drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
	drop(client_expect(client, 0, "READY"));
	drop(client_expect(client, 0, "GUILD_CREATE"));
	fake_pass(fake, 500);
	client_expect_nothing(client);
	client_leave(client, 1000);
	client_free(client);

	client = client_new(fake, 0, Q, 0);
	client_leave(client, 0); /* gone before it */
	client_free(client);
	fake_pass(fake, 500);
	assert_int_equal(STAT(fake, connections), 0);
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

	fake_gateway(fake, 0)->config.rate_limits = fake_gateway(fake, 1)->config.rate_limits =
		false;
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

/* -- encodings -- */

/* As the bot, in the client's encoding; @compress: payloads too. */
static void say_identify(struct client *client, bool compress)
{
	static const char term[] =
		"\x83t\0\0\0\2m\0\0\0\2opa\2m\0\0\0\1dt\0\0\0\2m\0\0\0\5tokenm\0\0"
		"\0\0051.botm\0\0\0\7intentsb\0\0\2\1";

	if (client->etf)
		client_send_frame(client, WS_BINARY, term, sizeof(term) - 1);
	else
		client_send(client,
			    "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":513,"
			    "\"compress\":%s}}",
			    compress ? "true" : "false");
}

static void every_encoding_carries_the_same(void **state)
{
	static const char *queries[] = {
		"v=10&encoding=json",
		"v=9&encoding=etf",
		"v=10&encoding=json&compress=zlib-stream",
		"v=10&encoding=etf&compress=zlib-stream",
	};
	struct fake *fake = *state;
	static char text[30000];

	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		struct client *client = client_new(fake, 0, queries[i],
						   3000); /* torn in many pieces */

		json_t *d = client_expect(client, GATEWAY_OP_HELLO, NULL);
		assert_int_equal(json_integer_value(json_object_get(d, "heartbeat_interval")),
				 41250);
		drop(d);
		say_identify(client, true);
		d = client_expect(client, 0, "READY");
		assert_int_equal(json_integer_value(json_object_get(d, "v")), i == 1 ? 9 : 10);
		drop(d);
		drop(client_expect(client, 0, "GUILD_CREATE"));
		memset(text, 'x', sizeof(text) - 1);
		memcpy(text, "{\"long\":\"", 9);
		strcpy(text + sizeof(text) - 3, "\"}");
		for (int k = 0; k < 3; k++) {
			struct effect effect = { .kind = EFFECT_EVENT,
						 .event = fake_event(EVENT_MESSAGE_CREATE, 0, text,
								     NULL) };
			fake_publish(fake, GUILD, CELL_GUILD, 1, &effect, 1);
			fake_say(fake, fake_guild(GUILD), k);
		}
		fake_run(fake);
		for (int k = 0; k < 3; k++) {
			d = client_expect(client, 0, "MESSAGE_CREATE");
			assert_int_equal(json_string_length(json_object_get(d, "long")),
					 sizeof(text) - 12);
			drop(d);
			expect_said(client, k);
		}
		if (client->etf)
			client_send_frame(client, WS_BINARY,
					  "\x83t\0\0\0\2m\0\0\0\2opa\1m\0\0\0\1ds\3nil", 25);
		if (client->etf)
			assert_int_equal(client_closed(client),
					 CLOSE_DECODE_ERROR); /* that atom was no atom */
		client_free(client);
		fake_pass(fake, 5000);
	}
}

/* Such are made ready elsewhere (heavy.h): what comes behind them stays behind them, answers need not. */
static void large_events_arrive_whole_and_in_their_turn(void **state)
{
	static const char *queries[] = {
		"v=10&encoding=json",
		"v=10&encoding=etf",
		"v=10&encoding=json&compress=zlib-stream",
		"v=10&encoding=etf&compress=zlib-stream",
		"v=10&encoding=json&compress=", /* and payloads compressed */
	};
	enum { LARGE = 400000, ROUNDS = 4 };
	struct fake *fake = *state;
	char *text = mem_alloc(LARGE + 1);
	struct client *clients[2 * ARRAY_SIZE(queries)];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		struct client *client = clients[i] = client_new(fake, i % 2, queries[i / 2],
								100000);

		drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
		say_identify(client, i / 2 == 4);
		drop(client_expect(client, 0, "READY"));
		drop(client_expect(client, 0, "GUILD_CREATE"));
		fake_pass(fake, 5000);
	}
	for (int k = 0; k < ROUNDS; k++) {
		/* Little of it can be compressed. */
		random_fill(&fake->random.random, text, LARGE);
		for (size_t at = 0; at < LARGE; at++)
			text[at] = (char)('a' + (text[at] & 15));
		memcpy(text, "{\"long\":\"", 9);
		strcpy(text + LARGE - 2, "\"}");
		fake_say(fake, fake_guild(GUILD), 2 * k);
		struct effect effect = { .kind = EFFECT_EVENT,
					 .event = fake_event(EVENT_MESSAGE_CREATE, 0, text, NULL) };
		fake_publish(fake, GUILD, CELL_GUILD, 3, &effect, 1);
		fake_say(fake, fake_guild(GUILD), 2 * k + 1);
		fake_run(fake);
		for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
			expect_said(clients[i], 2 * k);
			json_t *d = client_expect(clients[i], 0, "MESSAGE_CREATE");
			assert_int_equal(json_string_length(json_object_get(d, "long")),
					 LARGE - 11);
			assert_memory_equal(json_string_value(json_object_get(d, "long")), text + 9,
					    LARGE - 11);
			drop(d);
			expect_said(clients[i], 2 * k + 1);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		assert_null(clients[i]->close_code ? clients[i] : NULL);
		client_free(clients[i]);
	}
	free(text);
}

static void torn_reads_and_writes_change_nothing(void **state)
{
	static const char *queries[] = { Q, "encoding=etf", "compress=zlib-stream" };
	struct fake *fake = *state;

	fake->torn = true;
	fake_gateway(fake, 0)->config.rate_limits = fake_gateway(fake, 1)->config.rate_limits =
		false;
	struct client *client = bot_on(fake, 0, Q);
	int said = 0, heard = 0;
	for (uint32_t round = 0; round < 30; round++) {
		for (uint64_t n = random_below(&fake->random.random, 20); n; n--)
			fake_say(fake, fake_guild(GUILD), said++);
		if (round % 3 ==
		    1) /* a heartbeat's answer comes between events, never inside one */
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
			buf_put(&term,
				"\x83t\0\0\0\2m\0\0\0\2opa\6m\0\0\0\1dt\0\0\0\3m\0\0\0\5tokenm\0\0"
				"\0\5"
				"1.bot"
				"m\0\0\0\3seqb",
				55);
			buf_put_u32(&term, (uint32_t)seq);
			buf_put(&term, "m\0\0\0\nsession_idm\0\0\0\x20", 20);
			buf_put(&term, session_id, 32);
			client_send_frame(client, WS_BINARY, term.ptr, term.len);
			buf_done(&term);
		} else {
			client_send(client,
				    "{\"op\":6,\"d\":{\"token\":\"1.bot\",\"session_id\":\"%s\","
				    "\"seq\":%ld}}",
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
	struct client *next = resume_on(fake, 1, Q "&compress=zlib-stream", "1.bot",
					client->session_id, 2);
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

	client_send(client,
		    "{\"op\":8,\"d\":{\"guild_id\":[\"%d\"],\"query\":\"an\",\"limit\":5000,"
		    "\"nonce\":\"abc\"}}",
		    GUILD);
	assert_int_equal(guild->members_asked, 1);
	assert_string_equal(guild->members_query, "an");
	assert_int_equal(guild->members.limit, 100);
	client_send(
		client,
		"{\"op\":8,\"d\":{\"guild_id\":\"%d\",\"user_ids\":9007199254740993,\"limit\":0}}",
		GUILD);
	assert_int_equal(guild->members_asked, 2);
	assert_int_equal(guild->members.user_ids_count, 1);
	client_send(
		client,
		"{\"op\":8,\"d\":{\"guild_id\":\"123\",\"query\":\"\",\"limit\":0}}"); /* not its guild */
	client_send(
		client,
		"{\"op\":8,\"d\":{\"guild_id\":\"1\",\"query\":\"\",\"limit\":0}}"); /* its own account */
	client_expect_nothing(client);
	for (int i = 0; i < 2; i++)
		client_send(client,
			    "{\"op\":8,\"d\":{\"guild_id\":\"%d\",\"query\":\"\",\"limit\":0,"
			    "\"nonce\":\"n\"}}",
			    GUILD);
	assert_int_equal(guild->members_asked, 3);
	json_t *d = client_expect(client, 0, "RATE_LIMITED");
	assert_int_equal(json_integer_value(json_object_get(d, "opcode")), 8);
	assert_true(json_is_real(json_object_get(d, "retry_after")));
	assert_true(json_real_value(json_object_get(d, "retry_after")) > 29);
	assert_string_equal(json_string_value(json_object_get(json_object_get(d, "meta"), "nonce")),
			    "n");
	drop(d);
	fake_pass(fake, 30000);
	client_send(client, "{\"op\":8,\"d\":{\"guild_id\":\"%d\",\"query\":\"\",\"limit\":0}}",
		    GUILD);
	assert_int_equal(guild->members_asked, 4);
	client_free(client);
}

static void presences_go_to_the_account_but_not_too_many(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);

	for (int i = 0; i < 8; i++)
		client_send(client,
			    "{\"op\":3,\"d\":{\"status\":\"dnd\",\"activities\":[],\"since\":%d,"
			    "\"afk\":false}}",
			    i);
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
	client_send(client,
		    "{\"op\":14,\"d\":{\"guild_id\":\"%d\",\"typing\":true,\"members\":[\"7\"],"
		    "\"channels\":{\"9\":[[0,99],[100,199],[5,10]]}}}",
		    GUILD);
	client_expect_nothing(client);
	struct fake_guild *guild = fake_guild(GUILD);
	assert_int_equal(guild->lists_asked, 1);
	assert_true(guild->lists.channels[0].again && !guild->lists.threads_now);
	client_send(client, "{\"op\":37,\"d\":{\"subscriptions\":{\"%d\":{\"threads\":true}}}}",
		    GUILD);
	client_expect_nothing(client);
	assert_int_equal(guild->lists_asked, 2);
	assert_true(!guild->lists.channels[0].again && guild->lists.threads_now);
	client_send(client, "{\"op\":37,\"d\":{\"subscriptions\":{\"%d\":{\"activities\":true}}}}",
		    GUILD);
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
	assert_int_equal(guild->lists_asked, 2); /* the last one asked nothing of the guild */
	assert_int_equal(guild->lists.session, id);
	assert_int_equal(guild->lists.channels_count, 1);
	assert_int_equal(guild->lists.channels[0].channel_id, 9);
	assert_int_equal(guild->lists.channels[0].ranges[1], 100);
	client_free(client);
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
	client_send(client,
		    "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":513,\"compress\":true}}");
	drop(client_expect(client, 0, "READY"));
	drop(client_expect(client, 0, "GUILD_CREATE"));
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "{\"long\":\"", 9);
	strcpy(text + sizeof(text) - 3, "\"}");
	struct effect effect = { .kind = EFFECT_EVENT,
				 .event = fake_event(EVENT_MESSAGE_CREATE, 0, text, NULL) };
	fake_publish(fake, GUILD, CELL_GUILD, 1, &effect, 1);
	uint64_t bytes = STAT(fake, bytes);
	fake_run(fake);
	assert_true(STAT(fake, bytes) - bytes < 200);
	drop(client_expect(client, 0, "MESSAGE_CREATE"));
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(wrong_payloads_have_their_close_codes),
		CASE(wrong_urls_have_their_close_codes),
		CASE(hello_comes_on_its_own_after_the_answer_to_the_upgrade),
		CASE(more_than_120_frames_in_a_minute_close_with_4008),
		CASE(limits_can_be_off),
		CASE(a_revoked_token_closes_its_sessions_with_4004),
		CASE(every_encoding_carries_the_same),
		CASE(large_events_arrive_whole_and_in_their_turn),
		CASE(torn_reads_and_writes_change_nothing),
		CASE(atoms_as_keys_and_text_are_refused_in_etf),
		CASE(a_session_may_change_its_encoding_with_its_socket),
		CASE(members_are_asked_for_by_the_rules),
		CASE(presences_go_to_the_account_but_not_too_many),
		CASE(people_say_what_they_look_at),
		CASE(pings_are_answered),
		CASE(payload_compression_is_for_large_payloads),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	/* Once more, so that even few are a crowd. */
	fake_slowly = true;
	return failed + cmocka_run_group_tests_name("slowly", tests, NULL, NULL);
}
