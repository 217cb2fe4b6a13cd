/* Sessions from the client's side, with a domain that says yes (gateway/fake.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "gateway/scene.h"
#include "model/errors.h"

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
	client_send(second,
		    "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":513,\"properties\":{}}}");
	expect_invalid_session(second, false);
	fake_pass(fake, 5000);
	client_send(second,
		    "{\"op\":2,\"d\":{\"token\":\"1.bot\",\"intents\":513,\"properties\":{}}}");
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
	client_send(client,
		    "{\"op\":2,\"d\":{\"token\":\"3.other\",\"intents\":513,\"shard\":[0,2]}}");
	drop(client_expect(client, 0, "READY"));
	struct effect joins[] = {
		{ .kind = EFFECT_GUILD_JOIN, .guild_id = GUILD }, /* an odd one */
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
	json_t *guilds = json_object_get(d, "guilds"),
	       *members = json_object_get(d, "merged_members");
	assert_int_equal(json_array_size(guilds), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(guilds, 0), "name")),
			    "guild");
	assert_int_equal(json_array_size(members), 2);
	assert_true(json_is_object(json_array_get(json_array_get(members, 1), 0)));
	drop(d);
	d = client_expect(client, 0, "READY_SUPPLEMENTAL");
	assert_int_equal(json_array_size(json_object_get(d, "guilds")), 2);
	json_t *states = json_object_get(json_array_get(json_object_get(d, "guilds"), 0),
					 "voice_states");
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
		/* It had got the events up to 4 (seq 7). The socket comes to one core or
		 * another. */
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

static void a_snapshot_is_kept_until_a_thousand_younger_ones_were_taken(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q), *next;
	struct session *session =
		list_entry(fake_gateway(fake, 0)->conns.next, struct conn, node)->session;

	client_leave(client, 0);
	next = resume_on(fake, 0, Q, "1.bot", client->session_id, 1);
	client_free(client);
	drop(client_expect(next, 0, "GUILD_CREATE"));
	drop(client_expect(next, 0, "RESUMED"));
	for (uint32_t i = 0; i < 1022; i++) /* two were taken before, by either socket */
		snapshot_taken(session, 0, 100);
	assert_int_equal(ring_peek(&session->ring, 1), RING_OK);
	snapshot_taken(session, 0, 100);
	assert_int_equal(ring_peek(&session->ring, 1), RING_TOO_OLD);
	assert_int_equal(ring_peek(&session->ring, 2), RING_OK);
	/* One that is larger than all may be stays as long as it is the youngest. */
	fake_say(fake, fake_guild(GUILD), 1);
	fake_run(fake);
	expect_said(next, 1);
	snapshot_taken(session, 4, 100 << 20);
	assert_int_equal(ring_peek(&session->ring, 3), RING_OK);
	snapshot_taken(session, 0, 100);
	assert_int_equal(ring_peek(&session->ring, 3), RING_TOO_OLD);
	client_free(next);
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

static void after_a_while_without_a_connection_its_user_is_away(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q), *again;

	client_leave(client, 0);
	fake_pass(fake, 9000);
	assert_false(fake->users[0].away);
	fake_pass(fake, 2000);
	assert_true(fake->users[0].away);
	again = resume_on(fake, 1, Q, "Bot 1.bot", client->session_id, client->seq);
	fake_run(fake);
	assert_false(fake->users[0].away);
	client_leave(again, 0);
	fake_pass(fake, 301000);
	assert_true(fake->users[0].away);
	assert_int_equal(fake->users[0].closed, 1);
	client_free(client);
	client_free(again);
}

static void a_goodbye_ends_the_session_at_once_and_other_codes_do_not(void **state)
{
	static const struct {
		int code;
		bool ends;
	} cases[] = { { 1000, true },  { 1001, true },	{ 4000, false },
		      { 4200, false }, { 3000, false }, { 0, false } };
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
	uint32_t max = 16;
	char first[64] = "";

	fake_gateway(fake, 0)->config.detached_per_user = max;

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

/* -- slow ones -- */

static void a_reader_that_is_too_slow_is_closed_and_may_resume(void **state)
{
	struct gateway_config config;

	scene_teardown(state);
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

/* More than are sent back at once: what is said meanwhile comes behind, to all. */
static void a_restarted_guild_takes_a_crowd_back(void **state)
{
	enum { CROWD = 10, LEAVING = 2 };
	struct fake *fake = *state;
	struct client *clients[CROWD];
	struct fake_guild *guild = fake_guild(GUILD);
	struct effect reloaded = { .kind = EFFECT_RELOADED };
	int said = 0;

	fake_gateway(fake, 0)->config.rate_limits = fake_gateway(fake, 1)->config.rate_limits =
		false;
	for (uint32_t i = 0; i < CROWD; i++)
		clients[i] = bot_on(fake, i % FAKE_CORES, Q);
	for (int round = 0; round < 3; round++) {
		fake_say(fake, guild, said);
		fake_publish(fake, GUILD, CELL_GUILD, guild->views, &reloaded, 1);
		fake_say(fake, guild, said + 1);
		fake_say(fake, guild, said + 2);
		for (uint32_t i = 0; i < LEAVING; i++) /* some leave while it goes on */
			client_free(clients[(uint32_t)round * LEAVING + i]);
		fake_run(fake);
		for (uint32_t i = (uint32_t)(round + 1) * LEAVING; i < CROWD; i++) {
			for (int k = 0; k < 3; k++)
				expect_said(clients[i], said + k);
			client_expect_nothing(clients[i]);
		}
		said += 3;
	}
	for (uint32_t i = 3 * LEAVING; i < CROWD; i++)
		client_free(clients[i]);
}

static void expect_deleted(struct client *client, bool unavailable)
{
	json_t *d = client_expect(client, GATEWAY_OP_DISPATCH, "GUILD_DELETE");

	assert_int_equal(json_is_true(json_object_get(d, "unavailable")), unavailable);
	drop(d);
}

static void a_guild_that_is_away_is_unavailable_and_comes_anew(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);
	struct fake_guild *guild = fake_guild(GUILD);
	struct effect away = { .kind = EFFECT_RELOADED, .away = true },
		      back = { .kind = EFFECT_RELOADED };

	guild->failures = 1000;
	guild->result = ERR_UNAVAILABLE;
	fake_publish(fake, GUILD, CELL_GUILD, guild->views, &away, 1);
	fake_pass(fake, 20000);
	expect_deleted(client, true);
	client_expect_nothing(client);
	guild->failures = 0;
	/* As soon as it is there, not when they would have asked again. */
	fake_publish(fake, GUILD, CELL_GUILD, guild->views, &back, 1);
	fake_run(fake);
	drop(client_expect(client, GATEWAY_OP_DISPATCH, "GUILD_CREATE"));
	fake_say(fake, guild, 1);
	fake_run(fake);
	expect_said(client, 1);
	client_expect_nothing(client);
	client_free(client);
}

static void a_guild_that_goes_away_on_its_way_back_comes_anew(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);
	struct fake_guild *guild = fake_guild(GUILD);
	struct effect reloaded = { .kind = EFFECT_RELOADED },
		      away = { .kind = EFFECT_RELOADED, .away = true };

	guild->slow = true;
	fake_publish(fake, GUILD, CELL_GUILD, guild->views, &reloaded, 1);
	fake_run(fake);
	fake_say(fake, guild, 1); /* is in what comes anew */
	fake_publish(fake, GUILD, CELL_GUILD, guild->views, &away, 1);
	fake_run(fake);
	expect_deleted(client, true);
	guild->slow = false;
	fake_guild_answer(fake, guild);
	fake_run(fake);
	drop(client_expect(client, GATEWAY_OP_DISPATCH, "GUILD_CREATE"));
	fake_say(fake, guild, 2);
	fake_run(fake);
	expect_said(client, 2);
	client_expect_nothing(client);
	client_free(client);
}

static void an_account_that_came_back_with_more_begins_anew(void **state)
{
	struct fake *fake = *state;
	struct client *client = bot_on(fake, 0, Q);
	struct effect away = { .kind = EFFECT_RELOADED, .away = true };

	fake_publish(fake, BOT, CELL_USER, fake->users[0].views, &away, 1);
	fake_run(fake);
	assert_int_equal(client_closed(client), CLOSE_UNKNOWN_ERROR);
	assert_int_equal(STAT(fake, sessions), 0);
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

static void many_are_greeted_in_one_turn(void **state)
{
	struct fake *fake = *state;
	struct client *clients[8];

	fake->hasty = true;
	for (uint32_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = client_new(fake, 0, Q, 0);
	fake_pass(fake, 500);
	for (uint32_t i = 0; i < ARRAY_SIZE(clients); i++) {
		drop(client_expect(clients[i], GATEWAY_OP_HELLO, NULL));
		client_free(clients[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_bot_gets_ready_and_then_its_guilds),
		CASE(many_events_of_a_turn_are_one_send),
		CASE(no_guild_create_without_the_guilds_intent),
		CASE(a_guild_that_fails_is_unavailable_and_comes_later),
		CASE(identify_is_limited_to_one_in_five_seconds),
		CASE(a_client_that_drops_while_the_account_is_asked_leaves_nothing),
		CASE(shards_get_their_own_guilds),
		CASE(people_get_their_guilds_inside_ready),
		CASE(a_snapshot_is_kept_until_a_thousand_younger_ones_were_taken),
		CASE(a_late_guild_is_unavailable_in_ready_and_held_events_come_after),
		CASE(heartbeats_are_answered_and_their_lack_closes_with_4009),
		CASE(who_neither_identifies_nor_resumes_is_closed_after_a_minute),
		CASE(what_was_missed_comes_once_and_then_resumed),
		CASE(an_empty_replay_still_ends_in_resumed),
		CASE(nobody_resumes_what_is_not_theirs),
		CASE(a_seq_never_sent_is_4007_and_the_session_is_forgotten),
		CASE(ready_cannot_be_replayed),
		CASE(a_detached_session_ends_after_five_minutes),
		CASE(after_a_while_without_a_connection_its_user_is_away),
		CASE(a_goodbye_ends_the_session_at_once_and_other_codes_do_not),
		CASE(too_many_detached_sessions_of_a_user_push_out_the_oldest),
		CASE(a_reader_that_is_too_slow_is_closed_and_may_resume),
		CASE(a_detached_session_that_cannot_hold_more_ends),
		CASE(what_fell_out_of_the_ring_cannot_be_resumed),
		CASE(a_restarted_guild_takes_its_sessions_back_without_a_gap),
		CASE(a_restarted_guild_takes_a_crowd_back),
		CASE(a_guild_that_is_away_is_unavailable_and_comes_anew),
		CASE(a_guild_that_goes_away_on_its_way_back_comes_anew),
		CASE(an_account_that_came_back_with_more_begins_anew),
		CASE(a_restarted_account_is_told_of_its_sessions),
		CASE(draining_asks_everybody_to_reconnect),
		CASE(many_are_greeted_in_one_turn),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	/* Once more, so that even few are a crowd. */
	fake_slowly = true;
	return failed + cmocka_run_group_tests_name("slowly", tests, NULL, NULL);
}
