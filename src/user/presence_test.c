#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "codec/json.h"
#include "model/limits.h"
#include "user/activity.h"
#include "user/platform.h"
#include "user/presence.h"
#include "user/status.h"

static void statuses_fold_by_what_was_chosen_then_by_who_is_there(void **state)
{
	static const struct {
		enum user_status statuses[3];
		uint32_t count;
		enum user_status all;
	} cases[] = {
		{ {}, 0, STATUS_INVISIBLE },
		{ { STATUS_IDLE }, 1, STATUS_IDLE },
		{ { STATUS_IDLE, STATUS_ONLINE }, 2, STATUS_ONLINE },
		{ { STATUS_ONLINE, STATUS_DND, STATUS_IDLE }, 3, STATUS_DND },
		{ { STATUS_DND, STATUS_INVISIBLE, STATUS_ONLINE }, 3, STATUS_INVISIBLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(presence_fold(cases[i].statuses, cases[i].count), cases[i].all);
}

static void a_status_that_is_none_is_not_read(void **state)
{
	enum user_status status = STATUS_DND;

	(void)state;
	assert_false(presence_status_read(S("asleep"), &status));
	assert_false(presence_status_read((struct str){}, &status));
	assert_int_equal(status, STATUS_DND);
	assert_true(presence_status_read(S("offline"), &status));
	assert_int_equal(status, STATUS_INVISIBLE);
	assert_true(presence_status_read(S("unknown"), &status));
	assert_int_equal(status, STATUS_FOLLOW);
}

static struct activity_list read_list(struct arena *arena, const char *text, bool bot)
{
	json_t *tree = json_parse(str_z(text));

	assert_non_null(tree);
	struct activity_list list = activities_read(arena, tree, bot, 1000);
	json_decref(tree);
	return list;
}

static void one_bad_activity_costs_only_itself(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena);
	struct activity_list list = read_list(
		&arena,
		"[3,{},{\"name\":\"\"},{\"name\":\"ok\",\"type\":99},{\"name\":\"chess\",\"type\":0,"
		"\"created_at\":\"yesterday\",\"secrets\":{\"join\":\"x\"},\"buttons\":[\"a\"]},"
		"{\"type\":4,\"state\":\"busy\"},{\"type\":4,\"name\":\"empty\"}]",
		false);
	assert_int_equal(list.count, 2);
	assert_true(str_eq(list.items[0].name, S("chess")));
	assert_int_equal(list.items[0].created_at, 1000);
	assert_false(list.items[0].has.secrets);
	assert_int_equal(list.items[0].buttons.count, 1);
	assert_true(str_eq(list.items[1].id, S("custom")));
	arena_done(&arena);
}

static void there_are_so_many_activities_and_no_more(void **state)
{
	char text[4096] = "[";
	struct arena arena;

	(void)state;
	for (int i = 0; i < 40; i++)
		sprintf(text + strlen(text), "%s{\"name\":\"game %d\"}", i ? "," : "", i);
	strcat(text, "]");
	arena_init(&arena);
	assert_int_equal(read_list(&arena, text, true).count, LIMIT_ACTIVITIES);
	assert_int_equal(read_list(&arena, "{\"a\":1}", true).count, 0);
	arena_done(&arena);
}

static void the_same_activity_of_two_sessions_is_one(void **state)
{
	struct activity chess = { .name = S("chess") },
			level = { .name = S("chess"), .details = S("level 2") };
	struct activity busy = { .type = ACTIVITY_CUSTOM, .state = S("busy") },
			away = { .type = ACTIVITY_CUSTOM, .state = S("away") };

	(void)state;
	assert_true(activity_same(&chess, &chess));
	assert_false(activity_same(&chess, &level));
	assert_false(activity_same(&chess, &busy));
	assert_true(activity_same(&busy, &away));
}

static void clients_are_told_apart_by_their_names(void **state)
{
	(void)state;
	assert_int_equal(platform_of_client(S("Discord iOS")), PLATFORM_MOBILE);
	assert_int_equal(platform_of_client(S("Discord Client")), PLATFORM_DESKTOP);
	assert_int_equal(platform_of_client(S("discord.js")), PLATFORM_WEB);
	assert_int_equal(platform_of_client((struct str){}), PLATFORM_WEB);
	assert_true(str_eq(platform_os(S("Mac OS X")), S("osx")));
	assert_true(str_eq(platform_os(S("BeOS")), S("other")));
}

static void the_settings_say_a_status(void **state)
{
	/* 11 { 1 { 1: "dnd" } 2 { 1: "hi" 2: 5 3: "x" 4: 1000 } } */
	static const char text[] =
		"\x5a\x24\x0a\x05\x0a\x03"
		"dnd\x12\x19\x0a\x02"
		"hi\x11\x05\0\0\0\0\0\0\0\x1a\x01x\x21\xe8\x03\0\0\0\0\0\0\x28\x01";
	struct chosen chosen;

	(void)state;
	assert_true(status_read_proto((struct str){ text, sizeof(text) - 1 }, &chosen));
	assert_true(str_eq(chosen.status, S("dnd")));
	assert_true(chosen.has_custom);
	assert_true(str_eq(chosen.custom.text, S("hi")));
	assert_int_equal(chosen.custom.emoji_id, 5);
	assert_true(str_eq(chosen.custom.emoji_name, S("x")));
	assert_int_equal(chosen.custom.expires_at, 1000000);
	/* Cut anywhere it is less, and no harm. */
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		(void)status_read_proto((struct str){ text, len }, &chosen);
	assert_true(status_read_proto((struct str){ "\x5a\0", 2 }, &chosen));
	assert_true(chosen.has_custom && !chosen.status.len && !chosen.custom.text.len);
	assert_true(status_read_proto((struct str){}, &chosen));
	assert_false(chosen.has_custom);
	assert_false(status_read_proto(S("\x5a\x05\x12\x03\x0a\x01\xff"), &chosen));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses_fold_by_what_was_chosen_then_by_who_is_there),
		cmocka_unit_test(a_status_that_is_none_is_not_read),
		cmocka_unit_test(one_bad_activity_costs_only_itself),
		cmocka_unit_test(there_are_so_many_activities_and_no_more),
		cmocka_unit_test(the_same_activity_of_two_sessions_is_one),
		cmocka_unit_test(clients_are_told_apart_by_their_names),
		cmocka_unit_test(the_settings_say_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
