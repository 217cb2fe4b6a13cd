/* A page of messages as its reader gets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/row.h"
#include "main/testing.h"
#include "message/message.h"
#include "model/snowflake.h"
#include "realm/bucket.h"
#include "realm/realm.h"

enum {
	GUILD = 1001,
	CHANNEL = 1002,
	HOOK = 1003,
	MEMBERS = 30,
	GONE = 40,
	FIRST = 2000,
	PAGE = 100
};

struct world {
	struct testbed bed;
	uint64_t first_id;
};

static int set_up(void **state)
{
	return testbed_set_up(state, sizeof(struct world));
}

/* Who said the i-th: members in turn, some of them often, and now and then somebody who has left. */
static uint64_t author_at(uint32_t i)
{
	return FIRST + (i % 7 == 3 ? GONE + i % 2 : i * i % MEMBERS);
}

static bool by_hook(uint32_t i)
{
	return i % 10 == 9;
}

static void put_message(struct world *w, uint32_t i)
{
	struct message_author copy = { .username = i % 2 ? S("odd") : S("even") };
	struct message message = { .id = w->first_id + i,
				   .channel_id = CHANNEL,
				   .author_id = author_at(i),
				   .author_copy = &copy,
				   .content = S("x") };
	struct key key;

	if (by_hook(i)) {
		message.has.webhook_id = true;
		message.webhook_id = HOOK;
		message.webhook_name = i % 20 == 9 ? S("one") : S("other");
	}
	testbed_put(&w->bed, key_message(&key, CHANNEL, bucket_of(message.id), message.id),
		    &desc_message, &message);
}

static void store_guild(struct world *w)
{
	struct role_colors plain = role_colors_of(0);
	struct testbed *bed = &w->bed;
	struct key key;
	char name[16];

	testbed_put(bed, key_guild(&key, GUILD), &desc_guild,
		    &(struct guild){ .id = GUILD, .name = S("g"), .owner_id = FIRST });
	testbed_put(bed, key_role(&key, GUILD, GUILD), &desc_role,
		    &(struct role){ .id = GUILD, .name = S("@everyone"), .colors = &plain });
	testbed_put(bed, key_channel(&key, GUILD, CHANNEL), &desc_channel,
		    &(struct channel){ .id = CHANNEL, .name = S("c") });
	for (uint64_t i = 0; i < MEMBERS; i++) {
		snprintf(name, sizeof(name), "m%lu", FIRST + i);
		testbed_put(bed, key_member(&key, GUILD, FIRST + i), &desc_member_row,
			    &(struct member_row){ .user_id = FIRST + i, .username = str_z(name) });
	}
	w->first_id = snowflake_at(bed->clock.now_us / 1000);
	for (uint32_t i = 0; i < PAGE; i++)
		put_message(w, i);
	testbed_put_raw(bed, key_bucket(&key, GUILD, CHANNEL, bucket_of(w->first_id)), S(""));
	testbed_commit(bed);
}

static void assert_name(const struct message *message, const char *name)
{
	assert_true(str_eq(message->author->username, str_z(name)));
}

static int run_read(struct txn *txn, void *arg)
{
	struct world *w = arg;
	const struct user *seen[MEMBERS] = {};
	struct message *list;
	uint32_t count;
	char name[16];

	assert_int_equal(message_history_wait(txn, CHANNEL, &(struct history){ .limit = PAGE },
					      &list, &count),
			 0);
	assert_int_equal(count, PAGE);
	assert_int_equal(message_hydrate_wait(txn, CHANNEL, &(struct reader){ .user_id = FIRST },
					      list, count),
			 0);
	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = (uint32_t)(list[n].id - w->first_id);
		uint64_t at = author_at(i) - FIRST;

		if (by_hook(i)) {
			assert_int_equal(list[n].author->id, HOOK);
			assert_name(&list[n], i % 20 == 9 ? "one" : "other");
			continue;
		}
		assert_int_equal(list[n].author->id, FIRST + at);
		if (at >= MEMBERS) { /* the name is as it was when they wrote */
			assert_name(&list[n], i % 2 ? "odd" : "even");
			continue;
		}
		snprintf(name, sizeof(name), "m%lu", FIRST + at);
		assert_name(&list[n], name);
		assert_true(!seen[at] || seen[at] == list[n].author); /* copied once */
		seen[at] = list[n].author;
	}
	return 0;
}

static void read_back(struct core *core, void *arg)
{
	assert_int_equal(cell_call_wait(core, CELL_GUILD, GUILD, run_read, arg), 0);
}

static void a_page_says_of_each_message_who_wrote_it_and_copies_each_member_once(void **state)
{
	struct world *w = *state;

	store_guild(w);
	testbed_run(&w->bed, read_back, w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_page_says_of_each_message_who_wrote_it_and_copies_each_member_once,
			set_up, testbed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
