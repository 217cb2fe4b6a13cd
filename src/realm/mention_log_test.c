#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "realm/mention_log.h"
#include "realm/overwrite.h"
#include "realm/test_realm.h"

enum { TEXT = 0, OPEN = 50, SECRET = 51, MODS = 10 };

static struct mention_note note(uint64_t channel_id, bool everyone, const uint64_t *role)
{
	struct mention_note ret = { .message_id = 900,
				    .channel_id = channel_id,
				    .author_id = TEST_OWNER,
				    .everyone = everyone };

	ret.role_ids.items = (uint64_t *)role;
	ret.role_ids.count = role != NULL;
	return ret;
}

static void everyone_means_those_who_see_it_and_a_role_those_who_hold_it(void **state)
{
	const uint64_t mods = MODS, gone = 11;
	struct overwrite hidden[] = {
		{ .id = TEST_GUILD, .type = 0, .deny = PERM_VIEW_CHANNEL },
		{ .id = MODS, .type = 0, .allow = PERM_VIEW_CHANNEL },
	};
	struct test_realm test;

	(void)state;
	test_realm_init(&test, PERM_VIEW_CHANNEL);
	test_role(&test, MODS, 1, 0);
	test_channel(&test, OPEN, TEXT, 0, NULL, 0);
	test_channel(&test, SECRET, TEXT, 0, hidden, 2);
	struct live_member *plain = test_member(&test, 2, NULL, 0),
			   *mod = test_member(&test, 3, &mods, 1);
	struct {
		struct mention_note note;
		bool plain, mod;
	} cases[] = {
		{ note(OPEN, true, NULL), true, true },
		{ note(OPEN, false, &mods), false, true },
		{ note(OPEN, false, &gone), false, false },
		{ note(OPEN, false, NULL), false, false },
		{ note(SECRET, true, NULL), false, true },
		{ note(SECRET, false, &mods), false, true },
		{ note(77, true, NULL), false, false }, /* a channel that is no more */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(mention_note_means(test.realm, plain, &cases[i].note) ==
			    cases[i].plain);
		assert_true(mention_note_means(test.realm, mod, &cases[i].note) == cases[i].mod);
	}
	test_realm_done(&test);
}

static void who_wrote_it_or_is_named_in_it_is_not_counted_again(void **state)
{
	const uint64_t named = 5, mods = MODS;
	struct mention_note all = note(OPEN, true, NULL), role = note(OPEN, false, &mods),
			    suppressed = note(OPEN, false, NULL);

	(void)state;
	assert_true(mention_note_concerns(&all, 2));
	assert_true(mention_note_concerns(&role, 2));
	assert_false(mention_note_concerns(&suppressed, 2));
	assert_false(mention_note_concerns(&all, TEST_OWNER));
	all.user_ids.items = (uint64_t *)&named;
	all.user_ids.count = 1;
	assert_false(mention_note_concerns(&all, named));
	assert_true(mention_note_concerns(&all, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everyone_means_those_who_see_it_and_a_role_those_who_hold_it),
		cmocka_unit_test(who_wrote_it_or_is_named_in_it_is_not_counted_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
