/* Threads in memory: which of them a load reads, who may what in them, and when they are archived by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/row.h"
#include "main/testing.h"
#include "model/snowflake.h"
#include "realm/channel.h"
#include "realm/perms.h"
#include "realm/test_realm.h"
#include "realm/thread.h"

enum {
	GUILD = 1001,
	PARENT = 1002,
	OPEN = 1003,
	ARCHIVED = 1004,
	STRAY = 1005,
	ANN = 1,
	BEA = 2,
	EVE = 3,
	HOUR_MINUTES = 60,
	SECOND_TURNS = 50,
};
static const int64_t second = 1000000, hour = 3600LL * 1000000;

struct world {
	struct testbed bed;
	/* what was seen */
	bool there[3]; /* OPEN, ARCHIVED, STRAY in memory */
	bool open_is_archived;
	uint32_t seats, active;
	int64_t archived_at;
};

static int set_up(void **state)
{
	return testbed_set_up(state, sizeof(struct world));
}

static struct channel thread_row(struct world *w, uint64_t id, uint64_t parent, int64_t age,
				 struct thread_metadata *metadata)
{
	int64_t at = (int64_t)w->bed.clock.now_us - age;
	struct channel row = { .id = id,
			       .type = CHANNEL_TYPE_PUBLIC_THREAD,
			       .name = S("t"),
			       .parent_id = parent,
			       .owner_id = ANN,
			       .created_at = at,
			       .thread_metadata = metadata };

	metadata->auto_archive_duration = HOUR_MINUTES;
	metadata->archive_timestamp = at;
	row.has.name = row.has.parent_id = row.has.owner_id = row.has.thread_metadata =
		row.has.last_message_id = row.has.member_count = true;
	return row;
}

/* A guild with an open thread that nobody has spoken in for @age, an archived one, and one whose channel is gone. */
static void store_guild(struct world *w, int64_t age)
{
	struct testbed *bed = &w->bed;
	struct role_colors plain = role_colors_of(0);
	struct thread_metadata open = {}, archived = { .archived = true }, stray = {};
	struct channel rows[] = { thread_row(w, OPEN, PARENT, age, &open),
				  thread_row(w, ARCHIVED, PARENT, age, &archived),
				  thread_row(w, STRAY, 999, age, &stray) };
	struct thread_member seat = { .join_timestamp = 5 };
	struct key key;

	rows[1].archived_at = 7 * second;
	testbed_put(bed, key_guild(&key, GUILD), &desc_guild,
		    &(struct guild){ .id = GUILD, .name = S("g"), .owner_id = ANN });
	testbed_put(bed, key_role(&key, GUILD, GUILD), &desc_role,
		    &(struct role){ .id = GUILD, .name = S("@everyone"), .colors = &plain });
	testbed_put(bed, key_channel(&key, GUILD, PARENT), &desc_channel,
		    &(struct channel){ .id = PARENT, .name = S("c") });
	for (uint64_t id = ANN; id <= BEA; id++)
		testbed_put(bed, key_member(&key, GUILD, id), &desc_member_row,
			    &(struct member_row){ .user_id = id, .joined_at = id == BEA ? 6 : 4 });
	testbed_put(bed, key_thread(&key, GUILD, OPEN), &desc_channel, &rows[0]);
	testbed_put(bed, key_archived_thread(&key, GUILD, ARCHIVED), &desc_channel, &rows[1]);
	testbed_put(bed, key_thread(&key, GUILD, STRAY), &desc_channel, &rows[2]);
	testbed_put(bed, key_thread_member(&key, GUILD, OPEN, ANN), &desc_thread_member, &seat);
	testbed_put(bed, key_thread_member(&key, GUILD, ARCHIVED, ANN), &desc_thread_member, &seat);
	testbed_put(bed, key_thread_member(&key, GUILD, ARCHIVED, BEA), &desc_thread_member, &seat);
	testbed_commit(bed);
}

static int run_look(struct txn *txn, void *arg)
{
	struct world *w = arg;
	struct realm *realm = realm_of(txn);

	for (uint64_t id = OPEN; id <= STRAY; id++)
		w->there[id - OPEN] = realm_channel(realm, id) != NULL;
	w->active = realm->threads_active;
	const struct live_channel *open = realm_channel(realm, OPEN);
	w->open_is_archived = open && thread_is_archived(open);
	w->archived_at = open ? open->row->archived_at : 0;
	w->seats = open ? open->thread->seats_count : 0;
	return 0;
}

static void look(struct core *core, void *arg)
{
	assert_int_equal(cell_call_wait(core, CELL_GUILD, GUILD, run_look, arg), 0);
}

static int run_fetch(struct txn *txn, void *arg)
{
	struct world *w = arg;
	struct realm *realm = realm_of(txn);

	for (int i = 0; i < 2; i++)
		assert_int_equal(thread_fetch_wait(txn, ARCHIVED), 0);
	assert_int_equal(thread_fetch_wait(txn, 4711), 0);
	const struct live_channel *channel = realm_channel(realm, ARCHIVED);
	assert_non_null(channel);
	assert_null(realm_channel(realm, 4711));
	assert_true(thread_is_archived(channel));
	assert_non_null(thread_seat(channel, ANN));
	assert_null(thread_seat(channel, BEA)); /* left the guild, and came back later */
	assert_null(thread_seat(channel, EVE));
	assert_int_equal(thread_members(channel)->len, sizeof(uint64_t));
	assert_int_equal(channel->slot, realm_channel(realm, PARENT)->slot);
	assert_int_equal(realm->threads_active, 1);
	(void)w;
	return 0;
}

static void fetch(struct core *core, void *arg)
{
	assert_int_equal(cell_call_wait(core, CELL_GUILD, GUILD, run_fetch, arg), 0);
}

static void a_load_reads_open_threads_and_archived_ones_come_when_named(void **state)
{
	struct world *w = *state;

	store_guild(w, 0);
	testbed_run(&w->bed, look, w);
	assert_true(w->there[0]);
	assert_false(w->there[1] || w->there[2]);
	assert_int_equal(w->seats, 1);
	assert_int_equal(w->active, 1);
	testbed_run(&w->bed, fetch, w);
	testbed_run(&w->bed, look, w);
	assert_true(w->there[1]);
}

static void a_thread_that_nobody_speaks_in_is_archived_when_its_time_is_up(void **state)
{
	struct world *w = *state;

	store_guild(w, hour - 10 * second);
	testbed_run(&w->bed, look, w);
	assert_false(w->open_is_archived);
	testbed_turns(&w->bed, 5 * SECOND_TURNS);
	testbed_run(&w->bed, look, w);
	assert_false(w->open_is_archived);
	testbed_turns(&w->bed, 10 * SECOND_TURNS);
	testbed_run(&w->bed, look, w);
	assert_true(w->open_is_archived);
	assert_int_equal(w->active, 0);
	assert_true(w->archived_at > 0 && w->archived_at % 1000 == 0);
}

static void one_whose_time_ran_out_while_the_guild_was_away_is_archived_when_it_is_loaded(
	void **state)
{
	struct world *w = *state;

	store_guild(w, 2 * hour);
	testbed_run(&w->bed, look, w);
	testbed_turns(&w->bed, SECOND_TURNS);
	testbed_run(&w->bed, look, w);
	assert_true(w->open_is_archived);
}

/* -- permissions -- */

static struct live_channel *test_thread(struct test_realm *test, uint64_t id, int64_t type)
{
	struct thread_metadata metadata = {};
	struct channel row = {
		.id = id, .type = type, .parent_id = PARENT, .thread_metadata = &metadata
	};

	row.has.thread_metadata = true;
	return thread_add(test->realm, &row);
}

static void threads_have_their_channels_permissions_and_a_word_of_their_own(void **state)
{
	struct overwrite deny[] = {
		{ .id = TEST_GUILD, .type = 0, .deny = PERM_SEND_MESSAGES },
		{ .id = EVE, .type = 1, .deny = PERM_VIEW_CHANNEL },
	};
	uint64_t talk = PERM_VIEW_CHANNEL | PERM_SEND_MESSAGES_IN_THREADS | PERM_SEND_MESSAGES |
		PERM_ATTACH_FILES;
	struct test_realm test;

	(void)state;
	test_realm_init(&test, talk);
	struct live_channel *parent = test_channel(&test, PARENT, CHANNEL_TYPE_TEXT, 0, deny, 2);
	struct live_channel *thread = test_thread(&test, OPEN, CHANNEL_TYPE_PUBLIC_THREAD);
	struct live_member *bea = test_member(&test, BEA, NULL, 0),
			   *eve = test_member(&test, EVE, NULL, 0);
	assert_int_equal(perms_channel(test.realm, bea, parent, 0) & PERM_SEND_MESSAGES, 0);
	uint64_t perms = perms_channel(test.realm, bea, thread, 0);
	assert_true(perms & PERM_SEND_MESSAGES && perms & PERM_ATTACH_FILES);
	assert_int_equal(perms_channel(test.realm, eve, thread, 0), 0);
	realm_forget_channel(test.realm, thread);
	test_realm_done(&test);
}

static void a_private_thread_is_for_its_members_and_wardens(void **state)
{
	uint64_t warden = 50;
	struct test_realm test;

	(void)state;
	test_realm_init(&test, PERM_VIEW_CHANNEL);
	test_role(&test, warden, 1, PERM_MANAGE_THREADS);
	test_channel(&test, PARENT, CHANNEL_TYPE_TEXT, 0, NULL, 0);
	struct live_channel *thread = test_thread(&test, OPEN, CHANNEL_TYPE_PRIVATE_THREAD);
	struct live_member *bea = test_member(&test, BEA, NULL, 0),
			   *eve = test_member(&test, EVE, &warden, 1);
	assert_int_equal(perms_channel(test.realm, bea, thread, 0), 0);
	assert_true(perms_channel(test.realm, eve, thread, 0) & PERM_VIEW_CHANNEL);
	assert_null(thread_add(test.realm,
			       &(struct channel){ .id = STRAY,
						  .type = CHANNEL_TYPE_PRIVATE_THREAD,
						  .parent_id = 4711 }));
	realm_forget_channel(test.realm, thread);
	test_realm_done(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_load_reads_open_threads_and_archived_ones_come_when_named, set_up,
			testbed_tear_down),
		cmocka_unit_test_setup_teardown(
			a_thread_that_nobody_speaks_in_is_archived_when_its_time_is_up, set_up,
			testbed_tear_down),
		cmocka_unit_test_setup_teardown(
			one_whose_time_ran_out_while_the_guild_was_away_is_archived_when_it_is_loaded,
			set_up, testbed_tear_down),
		cmocka_unit_test(threads_have_their_channels_permissions_and_a_word_of_their_own),
		cmocka_unit_test(a_private_thread_is_for_its_members_and_wardens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
