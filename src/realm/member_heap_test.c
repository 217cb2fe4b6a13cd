#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "codec/row.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/test_realm.h"

enum { MEMBERS = 2 * MEMBERS_PACK_FROM + 500, ROLE = 7000, DEAD_ROLE = 7001 };

static void fill(struct test_realm *test)
{
	test_realm_init(test, 0);
	test_role(test, ROLE, 1, 0);
	test_role(test, DEAD_ROLE, 2, 0);
	for (uint64_t id = 1; id <= MEMBERS; id++) {
		uint64_t roles[] = { DEAD_ROLE, ROLE };
		char name[32];
		struct member_row row = { .user_id = id,
					  .joined_at = 1000000 + (int64_t)id,
					  .discriminator = S("0") };

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
	struct live_member *member = member_find(test->realm, id);

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
	assert_non_null(member_find(test.realm, 5)->row);
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
	assert_non_null(member_find(test.realm, 3)->row);
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
		struct member_row row = { .user_id = id,
					  .username = S("somebody"),
					  .discriminator = S("0") };
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

static uint32_t search(struct test_realm *test, const char *prefix, uint64_t *ids, uint32_t max)
{
	struct live_member *found[1000];
	uint32_t count = member_table_search(test->realm, str_z(prefix), found, max);

	for (uint32_t i = 0; i < count; i++)
		ids[i] = member_id(test->realm, found[i]);
	return count;
}

static void put(struct test_realm *test, uint64_t id, const char *username, const char *global_name,
		const char *nick)
{
	struct member_row row = { .user_id = id,
				  .username = str_z(username),
				  .discriminator = S("0"),
				  .global_name = global_name ? str_z(global_name) : (struct str){},
				  .nick = nick ? str_z(nick) : (struct str){} };

	realm_add_member(test->realm, &row);
}

static void members_are_found_by_how_their_names_begin(void **state)
{
	struct test_realm test;
	uint64_t ids[1000];

	(void)state;
	fill(&test);
	put(&test, 900001, "zelda", "Élodie", NULL);
	put(&test, 900002, "elo", "ELO", "elo");
	put(&test, 900003, "xavier", "田中", "さくら");
	members_quiet(test.realm);
	assert_int_equal(search(&test, "user123", ids, 1000),
			 111); /* user123, user123n, user123nn */
	assert_int_equal(search(&test, "USER12345", ids, 1000), 1);
	assert_int_equal(ids[0], 12345);
	assert_int_equal(search(&test, "nick", ids, 50), 50);
	assert_int_equal(search(&test, "élo", ids, 10), 2);
	assert_int_equal(ids[0] + ids[1], 2 * 900001 + 1);
	assert_int_equal(search(&test, "田", ids, 10), 1);
	assert_int_equal(search(&test, "さく", ids, 10), 1);
	assert_int_equal(search(&test, "nobody", ids, 10), 0);
	/* Names change, people go. */
	put(&test, 900003, "xavier", NULL, "Elodie");
	assert_int_equal(search(&test, "田", ids, 10), 0);
	assert_int_equal(search(&test, "elo", ids, 10), 3);
	member_del_live(test.realm, 900002);
	members_quiet(test.realm);
	assert_int_equal(search(&test, "elo", ids, 10), 2);
	assert_int_equal(search(&test, "xav", ids, 10), 1);
	test_realm_done(&test);
}

static void names_of_any_length_are_packed(void **state)
{
	struct test_realm test;
	char name[129] = {};

	(void)state;
	fill(&test);
	for (uint32_t len = 120; len <= 128; len++) {
		memset(name, 'n', len);
		put(&test, 900000 + len, name, name, NULL);
	}
	put(&test, 900001, "x", "y", "z");
	members_quiet(test.realm);
	for (uint32_t len = 120; len <= 128; len++)
		assert_int_equal(
			member_name_of(test.realm, closed(&test, 900000 + len), MEMBER_GLOBAL_NAME)
				.len,
			len);
	assert_true(
		str_eq(member_name_of(test.realm, closed(&test, 900001), MEMBER_USERNAME), S("x")));
	assert_true(str_eq(member_shown_name(test.realm, closed(&test, 900001)), S("z")));
	test_realm_done(&test);
}

/* Against a plain array: who is there, in which order, who is online. */
static void the_table_has_who_is_there(void **state)
{
	enum { IDS = 40000 };
	static bool there[IDS + 1], online[IDS + 1];
	struct client_status nowhere = {};
	struct presence idle = { .status = S("idle"), .client_status = &nowhere };
	struct live_member *range[64];
	struct random_seeded random;
	struct test_realm test;
	uint32_t count = 0;

	(void)state;
	random_seeded_init(&random, 1);
	test_realm_init(&test, 0);
	for (uint32_t i = 0; i < 300000; i++) {
		uint64_t id = 1 + random_below(&random.random, IDS);
		bool grows = i < 150000;

		if (!there[id] && random_below(&random.random, 10) < (grows ? 8 : 1)) {
			put(&test, id, "somebody", NULL, NULL);
			there[id] = true;
			count++;
		} else if (there[id] && random_below(&random.random, 10) < (grows ? 1 : 8)) {
			member_del_live(test.realm, id);
			there[id] = online[id] = false;
			count--;
		} else if (there[id]) {
			online[id] = !online[id];
			member_set_presence(test.realm, member_find(test.realm, id),
					    online[id] ? &idle : NULL);
		}
		if (i % 1000 == 0)
			members_quiet(test.realm);
		assert_int_equal(test.realm->members.count, count);
	}
	uint32_t at = 0, seen = 0, seen_online = 0, want_online = 0;
	struct live_member *member;
	while ((member = member_next(test.realm, &at))) {
		assert_true(there[member_id(test.realm, member)]);
		seen++;
	}
	assert_int_equal(seen, count);
	for (at = 0; (member = member_next_online(test.realm, &at)); seen_online++)
		assert_true(online[member_id(test.realm, member)]);
	uint64_t next = 0;
	for (uint64_t id = 1; id <= IDS; id++) {
		want_online += online[id];
		assert_int_equal(member_find(test.realm, id) != NULL, there[id]);
		if (!there[id])
			continue;
		assert_int_equal(member_range(test.realm, next, range, 1), 1);
		assert_int_equal(member_id(test.realm, range[0]), id);
		next = id;
	}
	assert_int_equal(seen_online, want_online);
	members_clear(test.realm);
	assert_int_equal(test.realm->members.count, 0);
	assert_null(member_find(test.realm, next));
	test_realm_done(&test);
}

static void presences_without_activities_are_shared(void **state)
{
	struct client_status web = { .web = S("online") }, phone = { .mobile = S("online") };
	struct user_partial who = { .id = 1 };
	struct activity chess = { .name = S("chess") };
	struct presence online = { .user = &who, .status = S("online"), .client_status = &web },
			busy = online;
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
		cmocka_unit_test(members_are_found_by_how_their_names_begin),
		cmocka_unit_test(names_of_any_length_are_packed),
		cmocka_unit_test(the_table_has_who_is_there),
		cmocka_unit_test(presences_without_activities_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
