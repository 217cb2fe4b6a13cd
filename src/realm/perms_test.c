#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "realm/overwrite.h"
#include "realm/perms.h"
#include "realm/role.h"
#include "realm/test_realm.h"

enum { TEXT = 0, VOICE = 2, CATEGORY = 4 };
static const uint64_t sees = PERM_VIEW_CHANNEL, sends = PERM_SEND_MESSAGES;

static struct overwrite over(uint64_t id, int64_t type, uint64_t allow, uint64_t deny)
{
	return (struct overwrite){ .id = id, .type = type, .allow = allow, .deny = deny };
}

static void the_owner_and_administrators_may_do_everything(void **state)
{
	const uint64_t admin = 10;
	struct overwrite nobody = over(TEST_GUILD, 0, 0, UINT64_MAX);
	struct test_realm test;

	(void)state;
	test_realm_init(&test, 0);
	test_role(&test, admin, 1, PERM_ADMINISTRATOR);
	struct live_channel *channel = test_channel(&test, 50, TEXT, 0, &nobody, 1);
	struct live_member *owner = test_member(&test, TEST_OWNER, NULL, 0),
			   *other = test_member(&test, 2, &admin, 1);
	struct live_member *plain = test_member(&test, 3, NULL, 0);
	other->row->communication_disabled_until = INT64_MAX;
	assert_true(perms_base(test.realm, owner) == PERM_SET_ALL);
	assert_true(perms_channel(test.realm, owner, channel, 0) == PERM_SET_ALL);
	assert_true(perms_channel(test.realm, other, channel, 0) == PERM_SET_ALL);
	assert_true(perms_acting(test.realm, other, 0) == PERM_SET_ALL);
	assert_true(perms_channel(test.realm, plain, channel, 0) == 0);
	assert_true(perms_base(test.realm, NULL) == 0);
	test_realm_done(&test);
}

static void overwrites_apply_to_everyone_then_roles_then_the_member(void **state)
{
	const uint64_t roles[] = { 10, 11 };
	struct test_realm test;

	(void)state;
	test_realm_init(&test, sees | sends);
	test_role(&test, 10, 1, 0);
	test_role(&test, 11, 2, 0);
	struct live_member *member = test_member(&test, 2, roles, 2);
	struct {
		struct overwrite list[4];
		uint32_t count;
		bool sends;
	} cases[] = {
		{ { over(TEST_GUILD, 0, 0, sends) }, 1, false },
		{ { over(TEST_GUILD, 0, 0, sends), over(10, 0, sends, 0) }, 2, true },
		{ { over(10, 0, 0, sends), over(11, 0, sends, 0) },
		  2,
		  true }, /* one that allows beats any that deny */
		{ { over(11, 0, 0, sends), over(10, 0, sends, 0) }, 2, true },
		{ { over(2, 1, 0, sends), over(10, 0, sends, 0) }, 2, false },
		{ { over(2, 1, sends, 0), over(10, 0, 0, sends), over(TEST_GUILD, 0, 0, sends) },
		  3,
		  true },
		{ { over(12, 0, 0, sends), over(3, 1, 0, sends) }, 2, true }, /* not theirs */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct live_channel *channel = test_channel(&test, 50 + i, TEXT, 0, cases[i].list,
							    cases[i].count);

		assert_int_equal(perms_channel(test.realm, member, channel, 0) & sends ? 1 : 0,
				 cases[i].sends);
	}
	test_realm_done(&test);
}

static void what_needs_something_missing_is_void(void **state)
{
	struct overwrite unseen = over(TEST_GUILD, 0, 0, sees),
			 mute = over(TEST_GUILD, 0, 0, sends);
	struct overwrite out = over(TEST_GUILD, 0, 0, PERM_CONNECT);
	struct test_realm test;

	(void)state;
	test_realm_init(&test, PERM_SET_ALL & ~PERM_ADMINISTRATOR);
	struct live_member *member = test_member(&test, 2, NULL, 0);
	assert_true(perms_channel(test.realm, member, test_channel(&test, 50, TEXT, 0, &unseen, 1),
				  0) == 0);
	uint64_t perms = perms_channel(test.realm, member,
				       test_channel(&test, 51, TEXT, 0, &mute, 1), 0);
	assert_true(perms & sees && !(perms & PERM_SET_NEEDS_SEND));
	perms = perms_channel(test.realm, member, test_channel(&test, 52, VOICE, 0, &out, 1), 0);
	assert_true(perms == (PERM_VIEW_CHANNEL | PERM_READ_MESSAGE_HISTORY));
	test_realm_done(&test);
}

static void a_timed_out_member_may_only_look_until_it_ends(void **state)
{
	struct test_realm test;

	(void)state;
	test_realm_init(&test, PERM_SET_DEFAULT);
	struct live_member *member = test_member(&test, 2, NULL, 0);
	struct live_channel *channel = test_channel(&test, 50, TEXT, 0, NULL, 0);
	member->row->communication_disabled_until = 1000;
	assert_true(perms_channel(test.realm, member, channel, 999) == PERM_SET_TIMEOUT);
	assert_true(perms_acting(test.realm, member, 999) == PERM_SET_TIMEOUT);
	assert_true(perms_channel(test.realm, member, channel, 1000) & sends);
	test_realm_done(&test);
}

static void a_category_is_seen_for_its_children(void **state)
{
	struct overwrite unseen = over(TEST_GUILD, 0, 0, sees);
	struct test_realm test;

	(void)state;
	test_realm_init(&test, sees);
	struct live_member *member = test_member(&test, 2, NULL, 0);
	struct live_channel *category = test_channel(&test, 50, CATEGORY, 0, &unseen, 1);
	assert_false(perms_sees(test.realm, member, category));
	test_channel(&test, 51, TEXT, 50, &unseen, 1);
	assert_false(perms_sees(test.realm, member, category));
	test_channel(&test, 52, TEXT, 50, NULL, 0);
	assert_true(perms_sees(test.realm, member, category));
	test_realm_done(&test);
}

static void ranks_decide_who_is_above_whom(void **state)
{
	const uint64_t low = 10, high = 11, tie = 9;
	struct test_realm test;

	(void)state;
	test_realm_init(&test, 0);
	test_role(&test, low, 1, 0);
	test_role(&test, high, 2, 0);
	test_role(&test, tie, 2, 0);
	struct live_member *members[] = {
		test_member(&test, 2, NULL, 0),		 test_member(&test, 3, &low, 1),
		test_member(&test, 4, &high, 1),	 test_member(&test, 5, &tie, 1),
		test_member(&test, TEST_OWNER, NULL, 0),
	};
	/* Of two at one position the lower id is higher, as client libraries have it. */
	for (size_t a = 0; a < ARRAY_SIZE(members); a++)
		for (size_t b = 0; b < ARRAY_SIZE(members); b++)
			assert_int_equal(perms_above(test.realm, members[a], members[b]), a > b);
	assert_false(perms_above_role(test.realm, members[2], realm_role(test.realm, high)->row));
	assert_true(perms_above_role(test.realm, members[2], realm_role(test.realm, low)->row));
	assert_true(
		perms_above_role(test.realm, members[1], realm_role(test.realm, TEST_GUILD)->row));
	assert_false(
		perms_above_role(test.realm, members[0], realm_role(test.realm, TEST_GUILD)->row));
	test_realm_done(&test);
}

static void power_over_the_order_of_roles_ends_at_ones_highest(void **state)
{
	const uint64_t low = 10, high = 11;
	struct arena arena;
	struct test_realm test;
	uint32_t count;

	(void)state;
	arena_init(&arena);
	test_realm_init(&test, 0);
	test_role(&test, high, 2, 0);
	test_role(&test, low, 1, 0);
	uint64_t *order = role_order(test.realm, &arena, &count);
	assert_int_equal(count, 2);
	assert_int_equal(order[0], low);
	assert_int_equal(
		role_reach(test.realm, test_member(&test, TEST_OWNER, NULL, 0), order, count), 2);
	assert_int_equal(role_reach(test.realm, test_member(&test, 2, &high, 1), order, count), 1);
	assert_int_equal(role_reach(test.realm, test_member(&test, 3, &low, 1), order, count), 0);
	assert_int_equal(role_reach(test.realm, test_member(&test, 4, NULL, 0), order, count), 0);
	test_realm_done(&test);
	arena_done(&arena);
}

static void overwrite_lists_are_compared_and_changed(void **state)
{
	struct overwrite list[] = { over(1, 0, 1, 2), over(2, 1, 3, 4) },
			 turned[] = { list[1], list[0] };
	struct arena arena;

	(void)state;
	arena_init(&arena);
	struct channel a = { .permission_overwrites = { list, 2 } },
		       b = { .permission_overwrites = { turned, 2 } };
	assert_true(overwrites_equal(&a, &b));
	struct overwrite other = over(2, 1, 3, 5), third = over(3, 0, 0, 0);
	b.permission_overwrites = overwrites_with(&arena, &a, &other);
	assert_int_equal(b.permission_overwrites.count, 2);
	assert_false(overwrites_equal(&a, &b));
	b.permission_overwrites = overwrites_with(&arena, &a, &third);
	assert_int_equal(b.permission_overwrites.count, 3);
	b.permission_overwrites = overwrites_without(&arena, &b, 3);
	assert_true(overwrites_equal(&a, &b));
	assert_true(overwrites_personal(&a));
	b.permission_overwrites = overwrites_without(&arena, &b, 2);
	assert_false(overwrites_personal(&b));
	arena_done(&arena);
}

static void nobody_hands_out_bits_they_lack(void **state)
{
	const uint64_t role = 10;
	struct overwrite trusted = over(3, 1, PERM_MANAGE_ROLES, 0),
			 harmless = over(role, 0, sends, 0);
	struct overwrite strong = over(role, 0, PERM_BAN_MEMBERS, 0),
			 taken = over(role, 0, 0, PERM_BAN_MEMBERS);
	struct overwrite manage = over(role, 0, PERM_MANAGE_ROLES, 0);
	struct test_realm test;

	(void)state;
	test_realm_init(&test, sees | sends | PERM_MANAGE_ROLES);
	test_role(&test, role, 1, 0);
	struct live_channel *channel = test_channel(&test, 50, TEXT, 0, &trusted, 1);
	struct live_member *plain = test_member(&test, 2, NULL, 0),
			   *third = test_member(&test, 3, NULL, 0);
	struct live_member *owner = test_member(&test, TEST_OWNER, NULL, 0);
	assert_true(overwrite_allowed(test.realm, plain, channel, NULL, &harmless));
	assert_false(overwrite_allowed(test.realm, plain, channel, NULL, &strong));
	assert_false(overwrite_allowed(test.realm, plain, channel, &strong, NULL));
	assert_false(overwrite_allowed(test.realm, plain, channel, NULL, &taken));
	assert_true(overwrite_allowed(test.realm, plain, channel, &strong, &strong));
	assert_true(overwrite_allowed(test.realm, third, channel, NULL, &strong));
	assert_true(overwrite_allowed(test.realm, owner, channel, NULL, &strong));
	/* In a channel that is being made only administrators give MANAGE_ROLES. */
	assert_false(overwrite_allowed(test.realm, plain, NULL, NULL, &manage));
	assert_true(overwrite_allowed(test.realm, owner, NULL, NULL, &manage));
	test_realm_done(&test);
}

/* -- the sum, against a slow plain version -- */

static uint64_t seed;
static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Bits that nothing is implied by. */
static const uint64_t bits = PERM_ADD_REACTIONS | PERM_MANAGE_MESSAGES | PERM_MANAGE_CHANNELS |
	PERM_CREATE_INSTANT_INVITE;

static bool plain_bit(const struct test_realm *test, const struct member_row *row,
		      const struct channel *channel, uint64_t bit)
{
	bool has = realm_role(test->realm, TEST_GUILD)->row->permissions & bit, allowed = false,
	     denied = false;
	const struct overwrite *everyone = overwrite_find(channel, TEST_GUILD),
			       *own = overwrite_find(channel, row->user_id);

	for (uint32_t i = 0; i < row->roles.count; i++)
		has |= (realm_role(test->realm, row->roles.items[i])->row->permissions & bit) != 0;
	if (everyone && everyone->deny & bit)
		has = false;
	if (everyone && everyone->allow & bit)
		has = true;
	for (uint32_t i = 0; i < row->roles.count; i++) {
		const struct overwrite *o = overwrite_find(channel, row->roles.items[i]);

		denied |= o && o->deny & bit;
		allowed |= o && o->allow & bit;
	}
	has = (has && !denied) || allowed;
	if (own && own->deny & bit)
		has = false;
	return has || (own && own->allow & bit);
}

static void the_sum_agrees_with_a_plain_one(void **state)
{
	enum { ROLES = 5, ROUNDS = 2000 };

	(void)state;
	seed = 0x5eed;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t held[ROLES];
		struct overwrite list[ROLES + 2];
		uint32_t held_count = 0, count = 0;
		struct test_realm test;

		test_realm_init(&test, sees | (next() & bits));
		for (uint32_t i = 0; i < ROLES; i++) {
			test_role(&test, 10 + i, i + 1, next() & bits);
			if (next() & 1)
				held[held_count++] = 10 + i;
			if (next() & 1)
				list[count++] = over(10 + i, 0, next() & bits, next() & bits);
		}
		if (next() & 1)
			list[count++] = over(TEST_GUILD, 0, next() & bits, next() & bits);
		if (next() & 1)
			list[count++] = over(2, 1, next() & bits, next() & bits);
		struct live_member *member = test_member(&test, 2, held, held_count);
		struct live_channel *channel = test_channel(&test, 50, TEXT, 0, list, count);
		uint64_t got = perms_channel(test.realm, member, channel, 0), want = sees;
		for (uint64_t left = bits; left; left &= left - 1)
			if (plain_bit(&test, member->row, channel->row, left & -left))
				want |= left & -left;
		assert_true(got == want);
		test_realm_done(&test);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owner_and_administrators_may_do_everything),
		cmocka_unit_test(overwrites_apply_to_everyone_then_roles_then_the_member),
		cmocka_unit_test(what_needs_something_missing_is_void),
		cmocka_unit_test(a_timed_out_member_may_only_look_until_it_ends),
		cmocka_unit_test(a_category_is_seen_for_its_children),
		cmocka_unit_test(ranks_decide_who_is_above_whom),
		cmocka_unit_test(power_over_the_order_of_roles_ends_at_ones_highest),
		cmocka_unit_test(overwrite_lists_are_compared_and_changed),
		cmocka_unit_test(nobody_hands_out_bits_they_lack),
		cmocka_unit_test(the_sum_agrees_with_a_plain_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
