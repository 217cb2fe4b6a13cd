/* Whom somebody with a thousand friends tells, and what it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "codec/dup.h"
#include "codec/row.h"
#include "main/testing.h"
#include "user/friends.h"
#include "user/presence.h"
#include "user/relation.h"

enum { HUB = 5000, FIRST = 4500, FRIENDS = 1000, WATCHERS = 3, TURNS = 50 };

struct world {
	struct testbed bed;
	uint64_t who; /* of the act */
	const char *status;
	/* what was seen */
	uint32_t watchers, friends;
	uint64_t runs;
};

static uint64_t friend_id(uint32_t i)
{
	uint64_t id = FIRST + i;

	return id < HUB ? id : id + 1; /* half of them older, half younger */
}

static void put_pair(struct testbed *bed, uint64_t one, uint64_t other, enum relation type)
{
	struct key key;

	testbed_put(bed, key_relationship(&key, one, other), &desc_relationship_row,
		    &(struct relationship_row){ .user_id = other, .type = type });
}

static void put_account(struct testbed *bed, uint64_t id)
{
	struct key key;

	testbed_put(bed, key_account(&key, id), &desc_account,
		    &(struct account){ .id = id, .username = S("somebody") });
}

static int set_up(void **state)
{
	int r = testbed_set_up(state, sizeof(struct world));
	struct world *w = *state;

	put_account(&w->bed, HUB);
	for (uint32_t i = 0; i < FRIENDS; i++) {
		put_account(&w->bed, friend_id(i));
		put_pair(&w->bed, HUB, friend_id(i), RELATION_FRIEND);
		put_pair(&w->bed, friend_id(i), HUB, RELATION_FRIEND);
	}
	testbed_commit(&w->bed);
	return r;
}

/* A session of one who says something; the first one watches. */
static int run_say(struct txn *txn, void *arg)
{
	struct world *w = arg;
	struct user_state *user = user_of(txn);
	struct user_session *session = map_get(&user->sessions, 1);
	char text[64];

	if (!session) {
		int r = friends_watch_wait(txn);

		if (r)
			return r;
		session = region_new(user->region, struct user_session);
		session->id = 1;
		map_set(&user->sessions, 1, session);
	}
	snprintf(text, sizeof(text), "{\"status\":\"%s\"}", w->status);
	presence_set(txn, session, str_z(text));
	presence_merge(txn);
	return 0;
}

static void say_it(struct core *core, void *arg)
{
	struct world *w = arg;

	assert_int_equal(cell_call_wait(core, CELL_USER, w->who, run_say, w), 0);
}

static uint64_t told(struct world *w)
{
	return cell_stats(w->bed.cores->core[0])->txns;
}

static void say(struct world *w, uint64_t who, const char *status)
{
	w->who = who;
	w->status = status;
	uint64_t before = told(w);
	testbed_run(&w->bed, say_it, w);
	testbed_turns(&w->bed, TURNS);
	w->runs = told(w) - before;
}

static int run_look(struct txn *txn, void *arg)
{
	struct world *w = arg;

	w->watchers = user_of(txn)->watchers.count;
	w->friends = user_of(txn)->friends.count;
	return 0;
}

static void look_at(struct core *core, void *arg)
{
	struct world *w = arg;

	assert_int_equal(cell_call_wait(core, CELL_USER, w->who, run_look, w), 0);
}

static void look(struct world *w, uint64_t who)
{
	w->who = who;
	testbed_run(&w->bed, look_at, w);
}

static void only_those_who_watch_are_told(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < WATCHERS; i++)
		say(w, friend_id(i * (FRIENDS - 1) / (WATCHERS - 1)), "online");
	uint64_t loads = cell_stats(w->bed.cores->core[0])->loads;
	say(w, HUB, "online");
	look(w, HUB);
	assert_int_equal(w->watchers, WATCHERS);
	assert_int_equal(w->friends, WATCHERS);
	/* Nobody was loaded into memory but itself. */
	assert_int_equal(cell_stats(w->bed.cores->core[0])->loads, loads + 1);
	say(w, HUB, "idle");
	assert_in_range(w->runs, WATCHERS, 2 * WATCHERS);
	look(w, friend_id(0));
	assert_int_equal(w->friends, 1);
	say(w, HUB, "invisible");
	look(w, HUB);
	assert_int_equal(w->watchers, 0);
	look(w, friend_id(0));
	assert_int_equal(w->friends, 0);
	say(w, HUB, "dnd");
	look(w, HUB);
	assert_int_equal(w->watchers, WATCHERS);
}

static int run_gone(struct txn *txn, void *arg)
{
	(void)arg;
	friends_unwatch(txn);
	return 0;
}

static void go(struct core *core, void *arg)
{
	struct world *w = arg;

	assert_int_equal(cell_call_wait(core, CELL_USER, w->who, run_gone, w), 0);
}

static void who_watches_no_more_is_told_no_more(void **state)
{
	struct world *w = *state;

	say(w, friend_id(0), "online");
	say(w, friend_id(1), "online");
	say(w, HUB, "online");
	w->who = friend_id(0);
	testbed_run(&w->bed, go, w);
	testbed_turns(&w->bed, TURNS);
	look(w, HUB);
	assert_int_equal(w->watchers, 1);
	say(w, HUB, "idle");
	look(w, friend_id(0));
	assert_int_equal(w->friends, 0);
	look(w, friend_id(1));
	assert_int_equal(w->friends, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_those_who_watch_are_told, set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(who_watches_no_more_is_told_no_more, set_up,
						testbed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
