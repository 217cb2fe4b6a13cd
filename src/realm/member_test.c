#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "realm/channel.h"
#include "realm/member.h"
#include "realm/test_realm.h"

static void a_page_has_the_lowest_ids_above_in_order(void **state)
{
	enum { MEMBERS = 500 };
	struct test_realm test;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	test_realm_init(&test, 0);
	for (uint64_t i = 1; i <= MEMBERS; i++)
		test_member(&test, i * 7919 % 7907 + 1, NULL, 0);
	uint64_t after = 0;
	for (uint32_t seen = 0, limit = 1; seen < MEMBERS; limit = limit * 2 + 1) {
		uint32_t count;
		struct live_member **page = members_page(test.realm, &arena, after, limit, &count);

		assert_int_equal(count, MIN(limit, MEMBERS - seen));
		for (uint32_t i = 0; i < count; i++) {
			assert_true(page[i]->row->user_id > after);
			after = page[i]->row->user_id;
		}
		seen += count;
	}
	uint32_t count;
	members_page(test.realm, &arena, after, 10, &count);
	assert_int_equal(count, 0);
	members_page(test.realm, &arena, 0, 0, &count);
	assert_int_equal(count, 0);
	test_realm_done(&test);
	arena_done(&arena);
}

static void names_match_by_their_beginning_in_any_case(void **state)
{
	struct member_row row = { .username = S("bobby.t"),
				  .global_name = S("Robert"),
				  .nick = S("The Boss") };

	(void)state;
	assert_true(member_matches(&row, S("BOB")));
	assert_true(member_matches(&row, S("rob")));
	assert_true(member_matches(&row, S("the b")));
	assert_false(member_matches(&row, S("boss")));
	assert_false(member_matches(&row, S("bobby.tee")));
}

static void a_new_channel_stands_below_those_of_its_kind(void **state)
{
	struct test_realm test;

	(void)state;
	test_realm_init(&test, 0);
	struct channel row = { .id = 99, .type = CHANNEL_TYPE_TEXT, .parent_id = 50 };
	assert_int_equal(channel_next_position(test.realm, &row), 0);
	test_channel(&test, 50, CHANNEL_TYPE_CATEGORY, 0, NULL, 0)->row->position = 9;
	test_channel(&test, 51, CHANNEL_TYPE_ANNOUNCEMENT, 50, NULL, 0)->row->position = 4;
	test_channel(&test, 52, CHANNEL_TYPE_VOICE, 50, NULL, 0)->row->position = 7;
	test_channel(&test, 53, CHANNEL_TYPE_TEXT, 0, NULL, 0)->row->position = 8;
	test_channel(&test, 54, CHANNEL_TYPE_PUBLIC_THREAD, 50, NULL, 0)->row->position = 20;
	assert_int_equal(channel_next_position(test.realm, &row), 5);
	assert_int_equal(channel_children(test.realm, 50), 2);
	row.type = CHANNEL_TYPE_STAGE;
	assert_int_equal(channel_next_position(test.realm, &row), 8);
	row.type = CHANNEL_TYPE_CATEGORY;
	row.parent_id = 0;
	assert_int_equal(channel_next_position(test.realm, &row), 10);
	test_realm_done(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_has_the_lowest_ids_above_in_order),
		cmocka_unit_test(names_match_by_their_beginning_in_any_case),
		cmocka_unit_test(a_new_channel_stands_below_those_of_its_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
