/* A poll ends when its time is up: while its realm is in memory, and when it is loaded too late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/row.h"
#include "main/testing.h"
#include "message/poll.h"
#include "model/snowflake.h"
#include "realm/bucket.h"

enum { TURNS = 3000, GUILD = 1001, CHANNEL = 1002, AUTHOR = 1003 };

struct world {
	struct testbed bed;
	uint64_t poll_id;
	/* what was read back */
	bool final;
	int64_t expiry;
	struct str result; /* of the notice's fields: "name=value name=value" */
	uint32_t notices;
	char text[512];
};

static int set_up(void **state)
{
	return testbed_set_up(state, sizeof(struct world));
}

/* A guild with one channel and one poll in it, whose answers have @votes. */
static void store_poll(struct world *w, int64_t ends_at, const int64_t votes[2])
{
	struct testbed *bed = &w->bed;
	struct role_colors plain = role_colors_of(0);
	struct poll_media texts[] = { { .text = S("which?") },
				      { .text = S("this") },
				      { .text = S("that") } };
	struct poll_answer answers[] = { { .answer_id = 1, .poll_media = &texts[1] },
					 { .answer_id = 2, .poll_media = &texts[2] } };
	struct poll_answer_count counts[] = { { .id = 1, .count = votes[0] },
					      { .id = 2, .count = votes[1] } };
	struct poll_results results = { .answer_counts.items = counts, .answer_counts.count = 2 };
	struct poll poll = { .question = &texts[0],
			     .answers.items = answers,
			     .answers.count = 2,
			     .expiry = ends_at,
			     .results = &results,
			     .has.results = true };
	struct message_author author = { .username = S("ann") };
	struct message message = { .id = snowflake_at(w->bed.clock.now_us / 1000),
				   .channel_id = CHANNEL,
				   .author_id = AUTHOR,
				   .author_copy = &author,
				   .content = S(""),
				   .poll = &poll,
				   .has.poll = true };
	struct open_poll_row open = { .channel_id = CHANNEL, .ends_at = ends_at };
	struct key key;

	for (int i = 0; i < 3; i++)
		texts[i].has.text = true;
	w->poll_id = message.id;
	testbed_put(bed, key_guild(&key, GUILD), &desc_guild,
		    &(struct guild){ .id = GUILD, .name = S("g"), .owner_id = AUTHOR });
	testbed_put(bed, key_role(&key, GUILD, GUILD), &desc_role,
		    &(struct role){ .id = GUILD, .name = S("@everyone"), .colors = &plain });
	testbed_put(bed, key_channel(&key, GUILD, CHANNEL), &desc_channel,
		    &(struct channel){ .id = CHANNEL, .name = S("c") });
	testbed_put(bed, key_open_poll(&key, GUILD, message.id), &desc_open_poll_row, &open);
	testbed_put(bed, key_message(&key, CHANNEL, bucket_of(message.id), message.id),
		    &desc_message, &message);
	testbed_put_raw(bed, key_bucket(&key, GUILD, CHANNEL, bucket_of(message.id)), S(""));
	testbed_commit(bed);
}

static int run_nothing(struct txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	return 0;
}

static void touch(struct core *core, void *arg)
{
	(void)arg;
	assert_int_equal(cell_call_wait(core, CELL_GUILD, GUILD, run_nothing, NULL), 0);
}

static int run_read(struct txn *txn, void *arg)
{
	struct world *w = arg;
	struct message poll, *list;
	uint32_t count;
	size_t len = 0;

	assert_int_equal(message_get_wait(txn, CHANNEL, w->poll_id, false, &poll), 0);
	w->final = poll.poll->results->is_finalized;
	w->expiry = poll.poll->expiry;
	assert_int_equal(
		message_history_wait(txn, CHANNEL, &(struct history){ .limit = 10 }, &list, &count),
		0);
	w->notices = count - 1;
	if (!w->notices)
		return 0;
	assert_int_equal(list[0].type, MESSAGE_POLL_RESULT);
	assert_int_equal(list[0].message_reference->message_id, w->poll_id);
	const struct embed *embed = &list[0].embeds.items[0];
	for (uint32_t i = 0; i < embed->fields.count; i++)
		len += (size_t)snprintf(w->text + len, sizeof(w->text) - len, "%.*s=%.*s ",
					STR_FMT(embed->fields.items[i].name),
					STR_FMT(embed->fields.items[i].value));
	return 0;
}

static void read_back(struct core *core, void *arg)
{
	assert_int_equal(cell_call_wait(core, CELL_GUILD, GUILD, run_read, arg), 0);
}

static void a_poll_ends_when_its_time_is_up(void **state)
{
	struct world *w = *state;
	int64_t at = (int64_t)w->bed.clock.now_us + 30 * 1000000;

	store_poll(w, at, (int64_t[]){ 2, 1 });
	testbed_run(&w->bed, touch, NULL);
	testbed_run(&w->bed, read_back, w);
	assert_false(w->final);
	assert_int_equal(w->notices, 0);
	testbed_turns(&w->bed, TURNS);
	testbed_run(&w->bed, read_back, w);
	assert_true(w->final);
	assert_int_equal(w->expiry, at);
	assert_int_equal(w->notices, 1);
	assert_string_equal(
		w->text,
		"poll_question_text=which? victor_answer_votes=2 total_votes=3 victor_answer_id=1 "
		"victor_answer_text=this ");
	testbed_turns(&w->bed, TURNS);
	testbed_run(&w->bed, read_back, w);
	assert_int_equal(w->notices, 1);
}

static void a_poll_that_ended_while_nobody_looked_ends_on_loading_and_two_alike_have_no_winner(
	void **state)
{
	struct world *w = *state;

	store_poll(w, (int64_t)w->bed.clock.now_us - 5, (int64_t[]){ 1, 1 });
	testbed_run(&w->bed, touch, NULL);
	testbed_turns(&w->bed, TURNS / 100);
	testbed_run(&w->bed, read_back, w);
	assert_true(w->final);
	assert_string_equal(w->text,
			    "poll_question_text=which? victor_answer_votes=1 total_votes=2 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_poll_ends_when_its_time_is_up, set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(
			a_poll_that_ended_while_nobody_looked_ends_on_loading_and_two_alike_have_no_winner,
			set_up, testbed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
