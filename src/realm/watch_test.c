/* Whom sessions watch, and who shares a channel with whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "realm/channel.h"
#include "realm/presence.h"
#include "realm/sharing.h"
#include "realm/test_realm.h"
#include "realm/watch.h"

static struct subscriber *subscribe(struct test_realm *test, uint64_t session)
{
	struct subscriber *subscriber = region_new(test->realm->region, struct subscriber);

	subscriber->session = session;
	map_set(&test->realm->sessions, session, subscriber);
	return subscriber;
}

static uint32_t watchers(const struct test_realm *test, uint64_t user_id)
{
	uint32_t count;

	watch_sessions(test->realm, user_id, &count);
	return count;
}

static void who_is_watched_is_what_was_said_last(void **state)
{
	const uint64_t some[] = { 5, 6, 5, 0, 7 }, others[] = { 7, 8 };
	struct test_realm test;

	(void)state;
	test_realm_init(&test, 0);
	struct subscriber *a = subscribe(&test, 1), *b = subscribe(&test, 2);
	watch_set(test.realm, a, some, 5);
	watch_set(test.realm, b, others, 2);
	assert_int_equal(a->watches_count, 3);
	assert_int_equal(watchers(&test, 5), 1);
	assert_int_equal(watchers(&test, 7), 2);
	watch_set(test.realm, a, others, 2);
	assert_int_equal(watchers(&test, 5), 0);
	assert_int_equal(watchers(&test, 8), 2);
	watch_set(test.realm, a, NULL, 0);
	assert_int_equal(watchers(&test, 8), 1);
	watch_end(test.realm);
	assert_int_equal(watchers(&test, 8), 0);
	assert_int_equal(test.realm->watched.count, 0);
	test_realm_done(&test);
}

static void a_session_watches_so_many_and_no_more(void **state)
{
	struct test_realm test;
	uint64_t many[2 * WATCHES_MAX];

	(void)state;
	for (uint64_t i = 0; i < 2 * WATCHES_MAX; i++)
		many[i] = i + 1;
	test_realm_init(&test, 0);
	struct subscriber *a = subscribe(&test, 1);
	watch_set(test.realm, a, many, 2 * WATCHES_MAX);
	assert_int_equal(a->watches_count, WATCHES_MAX);
	test_realm_done(&test);
}

static void those_share_a_channel_who_both_see_one(void **state)
{
	const struct overwrite red[] = { { .id = 21, .allow = PERM_VIEW_CHANNEL } };
	const struct overwrite blue[] = { { .id = 22, .allow = PERM_VIEW_CHANNEL } };
	const uint64_t reds[] = { 21 }, blues[] = { 22 }, both[] = { 21, 22 };
	struct test_realm test;
	struct arena arena;
	struct sharing sharing;

	(void)state;
	arena_init(&arena);
	test_realm_init(&test, 0);
	test_role(&test, 21, 1, 0);
	test_role(&test, 22, 2, 0);
	test_channel(&test, 31, CHANNEL_TYPE_TEXT, 0, red, 1);
	test_channel(&test, 32, CHANNEL_TYPE_TEXT, 0, blue, 1);
	struct live_member *owner = test_member(&test, TEST_OWNER, NULL, 0),
			   *r = test_member(&test, 2, reds, 1),
			   *b = test_member(&test, 3, blues, 1),
			   *rb = test_member(&test, 4, both, 2),
			   *none = test_member(&test, 5, NULL, 0);
	sharing_init(&sharing, test.realm, &arena, r);
	assert_true(sharing_with(&sharing, owner));
	assert_true(sharing_with(&sharing, r));
	assert_true(sharing_with(&sharing, rb));
	assert_false(sharing_with(&sharing, b));
	assert_false(sharing_with(&sharing, none));
	sharing_init(&sharing, test.realm, &arena, none);
	assert_false(sharing_with(&sharing, owner));
	assert_false(sharing_with(&sharing, none));
	test_realm_done(&test);
	arena_done(&arena);
}

static void so_many_are_too_many(void **state)
{
	struct test_realm test;

	(void)state;
	test_realm_init(&test, 0);
	test.realm->online_count = 74999;
	assert_false(realm_presence_lazy(test.realm));
	test.realm->online_count = 75000;
	assert_true(realm_presence_lazy(test.realm));
	test_realm_done(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_watched_is_what_was_said_last),
		cmocka_unit_test(a_session_watches_so_many_and_no_more),
		cmocka_unit_test(those_share_a_channel_who_both_see_one),
		cmocka_unit_test(so_many_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
