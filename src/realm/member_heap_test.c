#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "codec/row.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/test_realm.h"

enum { MEMBERS = MEMBERS_PACK_FROM + 500, ROLE = 7000, DEAD_ROLE = 7001 };

static void fill(struct test_realm *test)
{
	test_realm_init(test, 0);
	test_role(test, ROLE, 1, 0);
	test_role(test, DEAD_ROLE, 2, 0);
	for (uint64_t id = 1; id <= MEMBERS; id++) {
		uint64_t roles[] = { DEAD_ROLE, ROLE };
		char name[32];
		struct member_row row = { .user_id = id, .joined_at = 1000000 + (int64_t)id, .discriminator = S("0") };

		snprintf(name, sizeof(name), "user%lu", id);
		row.username = str_z(name);
		if (id % 3 == 0)
			row.nick = S("Nick");
		if (id % 2 == 0) {
			row.roles.items = roles;
			row.roles.count = 2;
		}
		realm_add_member(test->realm, &row);
	}
}

static struct live_member *closed(struct test_realm *test, uint64_t id)
{
	struct live_member *member = map_get(&test->realm->members, id);

	assert_non_null(member);
	assert_null(member->row);
	return member;
}

static void members_of_a_large_guild_are_packed_when_it_is_quiet(void **state)
{
	struct test_realm test;
	struct arena arena;
	uint64_t roles[4];

	(void)state;
	arena_init(&arena);
	fill(&test);
	assert_non_null(((struct live_member *)map_get(&test.realm->members, 5))->row);
	size_t before = test.cell.region.bytes;
	members_quiet(test.realm);
	assert_true(test.cell.region.bytes < before / 3);
	for (uint64_t id = 1; id <= MEMBERS; id++) {
		struct live_member *member = closed(&test, id);
		const struct member_row *row = member_read(test.realm, member, &arena);

		assert_int_equal(member_id(test.realm, member), id);
		assert_int_equal(row->user_id, id);
		assert_int_equal(row->joined_at, 1000000 + id);
		assert_true(str_eq(member_shown_name(test.realm, member), member_name(row)));
		assert_int_equal(row->roles.count, id % 2 ? 0 : 2);
		assert_int_equal(member_roles(test.realm, member, roles, 4), row->roles.count);
		if (row->roles.count)
			assert_memory_equal(roles, row->roles.items, 2 * sizeof(roles[0]));
	}
	arena_done(&arena);
	test_realm_done(&test);
}

static void an_opened_member_stays_until_it_is_quiet_again(void **state)
{
	struct test_realm test;

	(void)state;
	fill(&test);
	members_quiet(test.realm);
	struct live_member *member = realm_member(test.realm, 6);
	assert_true(str_eq(member->row->nick, S("Nick")));
	assert_int_equal(member->row->roles.count, 2);
	struct member_row row = *member->row;
	row.nick = S("Another");
	assert_ptr_equal(realm_add_member(test.realm, &row), member);
	assert_non_null(realm_member(test.realm, 7)->row);
	assert_null(realm_member(test.realm, MEMBERS + 1));
	members_quiet(test.realm);
	assert_true(str_eq(member_shown_name(test.realm, closed(&test, 6)), S("Another")));
	closed(&test, 7);
	/* Roles that are gone are left out. */
	region_free(test.realm->region, map_del(&test.realm->roles, DEAD_ROLE));
	member = realm_member(test.realm, 6);
	assert_int_equal(member->row->roles.count, 1);
	assert_int_equal(member->row->roles.items[0], ROLE);
	test_realm_done(&test);
}

static void a_walk_shows_every_row_and_leaves_none_open(void **state)
{
	struct test_realm test;
	struct live_member *member;
	uint64_t sum = 0;
	uint32_t count = 0;

	(void)state;
	fill(&test);
	members_quiet(test.realm);
	realm_member(test.realm, 3);
	struct member_walk walk = { .realm = test.realm };
	while ((member = member_walk_next(&walk))) {
		sum += member->row->user_id;
		count++;
	}
	assert_int_equal(count, MEMBERS);
	assert_int_equal(sum, (uint64_t)MEMBERS * (MEMBERS + 1) / 2);
	closed(&test, 4);
	assert_non_null(((struct live_member *)map_get(&test.realm->members, 3))->row);
	struct member_walk half = { .realm = test.realm };
	member = member_walk_next(&half);
	member_walk_done(&half);
	assert_true(member->row == NULL || member->row->user_id == 3);
	test_realm_done(&test);
}

static void what_changes_often_is_tidied_up(void **state)
{
	struct test_realm test;

	(void)state;
	fill(&test);
	members_quiet(test.realm);
	size_t before = test.cell.region.bytes;
	for (uint32_t round = 0; round < 12; round++) {
		for (uint64_t id = 1; id <= MEMBERS; id++) {
			struct member_row row = *realm_member(test.realm, id)->row;

			row.flags = round + 1;
			realm_add_member(test.realm, &row);
		}
		members_quiet(test.realm);
		assert_true(test.cell.region.bytes < before * 2 + (12 << 20));
	}
	for (uint64_t id = 1; id <= MEMBERS; id++) {
		assert_int_equal(realm_member(test.realm, id)->row->flags, 12);
		assert_int_equal(realm_member(test.realm, id)->row->joined_at, 1000000 + id);
	}
	test_realm_done(&test);
}

static void a_large_guild_loads_packed(void **state)
{
	struct test_realm test;

	(void)state;
	test_realm_init(&test, 0);
	members_expect(test.realm, MEMBERS_PACK_FROM + 1);
	for (uint64_t id = 1; id <= 100; id++) {
		struct member_row row = { .user_id = id, .username = S("somebody"), .discriminator = S("0") };
		struct buf buf;

		buf_init(&buf, 1000);
		row_put(&buf, &desc_member_row, &row);
		assert_true(member_add_stored(test.realm, buf_str(&buf)));
		buf_done(&buf);
		closed(&test, id);
	}
	assert_false(member_add_stored(test.realm, S("no row")));
	assert_true(str_eq(realm_member(test.realm, 50)->row->username, S("somebody")));
	test_realm_done(&test);
}

static void presences_without_activities_are_shared(void **state)
{
	struct client_status web = { .web = S("online") }, phone = { .mobile = S("online") };
	struct user_partial who = { .id = 1 };
	struct activity chess = { .name = S("chess") };
	struct presence online = { .user = &who, .status = S("online"), .client_status = &web }, busy = online;
	struct test_realm test;
	struct live_member *members[4];

	(void)state;
	web.has.web = phone.has.mobile = true;
	busy.activities.items = &chess;
	busy.activities.count = 1;
	test_realm_init(&test, 0);
	for (uint64_t i = 0; i < 4; i++)
		members[i] = test_member(&test, i + 1, NULL, 0);
	for (uint64_t i = 0; i < 3; i++)
		member_set_presence(test.realm, members[i], &online);
	assert_ptr_equal(members[0]->presence, members[2]->presence);
	assert_null(members[0]->presence->user);
	member_set_presence(test.realm, members[3], &busy);
	assert_int_equal(members[3]->presence->activities.count, 1);
	online.client_status = &phone;
	member_set_presence(test.realm, members[2], &online);
	assert_ptr_not_equal(members[0]->presence, members[2]->presence);
	size_t before = test.cell.region.bytes;
	for (uint64_t i = 0; i < 4; i++)
		member_set_presence(test.realm, members[i], NULL);
	assert_true(test.cell.region.bytes < before);
	assert_null(members[0]->presence);
	test_realm_done(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_a_large_guild_are_packed_when_it_is_quiet),
		cmocka_unit_test(an_opened_member_stays_until_it_is_quiet_again),
		cmocka_unit_test(a_walk_shows_every_row_and_leaves_none_open),
		cmocka_unit_test(what_changes_often_is_tidied_up),
		cmocka_unit_test(a_large_guild_loads_packed),
		cmocka_unit_test(presences_without_activities_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
