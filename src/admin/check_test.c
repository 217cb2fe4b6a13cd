/* What `check` finds: rows that do not fit together, put into a store by hand. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "admin/command.h"
#include "codec/row.h"
#include "main/testing.h"
#include "model/objects.h"
#include "model/tables.h"
#include "user/name.h"

struct world {
	struct testbed bed;
	struct admin admin;
	json_t *answer;
};

static int set_up(void **state)
{
	testbed_set_up(state, sizeof(struct world));
	struct world *w = *state;

	w->admin = (struct admin){ .cores = w->bed.cores, .data = ".", .version = "test" };
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	json_decref(w->answer);
	return testbed_tear_down(state);
}

static void put(struct world *w, struct str key, const struct obj_desc *desc, const void *row)
{
	testbed_put(&w->bed, key, desc, row);
}

static void run(struct core *core, void *arg)
{
	struct world *w = arg;
	json_t *args = json_object();

	w->answer = admin_run_wait(&w->admin, core, admin_command_find("check"), args);
	json_decref(args);
}

static json_t *check(struct world *w)
{
	testbed_commit(&w->bed);
	testbed_run(&w->bed, run, w);
	assert_non_null(w->answer);
	return w->answer;
}

static json_int_t number(const json_t *answer, const char *name)
{
	return json_integer_value(json_object_get(answer, name));
}

/* Exactly these sentences, in any order. */
static void assert_problems(const json_t *answer, size_t count, const char *const *wanted)
{
	const json_t *problems = json_object_get(answer, "problems");
	json_t *problem;
	size_t at;

	assert_int_equal(number(answer, "faults"), count);
	assert_int_equal(json_array_size(problems), count);
	for (size_t i = 0; i < count; i++) {
		bool found = false;

		json_array_foreach(problems, at, problem)
			found = found || !strcmp(json_string_value(problem), wanted[i]);
		if (!found)
			fail_msg("not said: %s", wanted[i]);
	}
}

/* -- a small instance: user 1 owns guild 10 with channel 20, user 2 is a member -- */

static struct str no_name = { "", 0 };

static void put_user(struct world *w, uint64_t id, bool deleted)
{
	struct account account = { .id = id,
				   .username = no_name,
				   .discriminator = S("0"),
				   .bot = true,
				   .delete_at = deleted };
	struct key key;

	account.null.accent_color = true;
	put(w, key_account(&key, id), &desc_account, &account);
}

static void put_guild(struct world *w, uint64_t id, uint64_t owner_id, bool deleted)
{
	struct guild guild = {
		.id = id, .name = S("g"), .owner_id = owner_id, .deleted_at = deleted
	};
	struct key key;

	put(w, key_guild(&key, id), &desc_guild, &guild);
}

static void put_member(struct world *w, uint64_t guild_id, uint64_t user_id)
{
	struct member_row row = { .user_id = user_id };
	struct key key;

	put(w, key_member(&key, guild_id, user_id), &desc_member_row, &row);
}

static void put_entry(struct world *w, uint64_t user_id, uint64_t guild_id)
{
	struct guild_entry_row row = { .guild_id = guild_id };
	struct key key;

	put(w, key_guild_entry(&key, user_id, guild_id), &desc_guild_entry_row, &row);
}

static void put_channel(struct world *w, uint64_t realm_id, uint64_t id, bool listed)
{
	struct channel channel = { .id = id };
	struct realm_entry entry = { .realm_id = realm_id, .channel_id = id, .kind = 1 };
	struct key key;

	put(w, key_channel(&key, realm_id, id), &desc_channel, &channel);
	if (listed)
		put(w, key_channel_entry(&key, id), &desc_realm_entry, &entry);
}

static void put_instance(struct world *w)
{
	put_user(w, 1, false);
	put_user(w, 2, false);
	put_guild(w, 10, 1, false);
	put_channel(w, 10, 20, true);
	for (uint64_t user = 1; user <= 2; user++) {
		put_member(w, 10, user);
		put_entry(w, user, 10);
	}
}

static void a_whole_instance_has_no_faults(void **state)
{
	struct world *w = *state;

	put_instance(w);
	json_t *answer = check(w);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	assert_int_equal(number(answer, "users"), 2);
	assert_int_equal(number(answer, "guilds"), 1);
	assert_int_equal(number(answer, "members"), 2);
	assert_int_equal(number(answer, "channels"), 1);
	assert_int_equal(number(answer, "bad_rows"), 0);
	assert_problems(answer, 0, NULL);
}

static void every_row_that_has_lost_its_other_half_is_named(void **state)
{
	static const char *const wanted[] = {
		"guild 10 has the member 3, whose list lacks it",
		"user 2 lists the guild 11, but is not in it",
		"the channel 21 of 10 is not in the directory",
		"the owner of guild 12, 1, is not in it",
		"user 2 lists the DM 30, which is not there",
	};
	struct dm_entry_row dm = { .channel_id = 30 };
	struct world *w = *state;
	struct key key;

	put_instance(w);
	put_user(w, 3, false);
	put_member(w, 10, 3);
	put_entry(w, 2, 11);
	put_channel(w, 10, 21, false);
	put_guild(w, 12, 1, false);
	put(w, key_dm_entry(&key, 2, 30), &desc_dm_entry_row, &dm);
	json_t *answer = check(w);
	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_problems(answer, ARRAY_SIZE(wanted), wanted);
}

static void a_guild_that_is_being_swept_away_is_no_fault(void **state)
{
	struct world *w = *state;

	put_instance(w);
	put_guild(w, 13, 1, true);
	put_member(w, 13, 2);	      /* not yet gone */
	put_entry(w, 1, 13);	     /* the same */
	put_channel(w, 13, 23, false); /* its entry went first */
	assert_problems(check(w), 0, NULL);
}

static void a_name_that_leads_elsewhere_is_named(void **state)
{
	static const char *const wanted[] = { "the name of user 4 leads to 0" };
	struct account account = { .id = 4, .username = S("kim"), .discriminator = S("0") };
	struct world *w = *state;
	struct key key;

	account.null.accent_color = true;
	put_instance(w);
	put(w, key_account(&key, 4), &desc_account, &account);
	assert_problems(check(w), ARRAY_SIZE(wanted), wanted);
}

static void a_row_that_does_not_decode_is_named(void **state)
{
	static const char *const wanted[] = { "the account 5 does not decode",
					      "the row of guild 14 does not decode" };
	struct world *w = *state;
	struct key key;

	put_instance(w);
	testbed_put_raw(&w->bed, key_account(&key, 5), S("\xff\xff\xff\xff"));
	testbed_put_raw(&w->bed, key_guild(&key, 14), S("\xff\xff\xff\xff"));
	assert_problems(check(w), ARRAY_SIZE(wanted), wanted);
}

static void many_users_are_walked_in_pages(void **state)
{
	struct world *w = *state;

	put_instance(w);
	for (uint64_t id = 100; id < 1300; id++) {
		put_user(w, id, false);
		put_member(w, 10, id);
		put_entry(w, id, 10);
	}
	json_t *answer = check(w);
	assert_int_equal(number(answer, "users"), 1202);
	assert_int_equal(number(answer, "members"), 1202);
	assert_problems(answer, 0, NULL);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_whole_instance_has_no_faults),
		CASE(every_row_that_has_lost_its_other_half_is_named),
		CASE(a_guild_that_is_being_swept_away_is_no_fault),
		CASE(a_name_that_leads_elsewhere_is_named),
		CASE(a_row_that_does_not_decode_is_named),
		CASE(many_users_are_walked_in_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
