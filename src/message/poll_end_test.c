/* A poll ends when its time is up: while its realm is in memory, and when it is loaded too late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/row.h"
#include "config/config.h"
#include "core/fiber.h"
#include "core/local.h"
#include "limit/limit.h"
#include "main/daemon.h"
#include "message/poll.h"
#include "model/snowflake.h"
#include "realm/bucket.h"
#include "store/mem.h"

enum { STEP_US = 20000, TURNS = 3000, GUILD = 1001, CHANNEL = 1002, AUTHOR = 1003 };

struct world {
	struct clock clock;
	uint64_t now_us, poll_id;
	struct app app;
	struct config *config;
	struct store *store;
	struct cores *cores;
	/* what was read back */
	bool final;
	int64_t expiry;
	struct str result; /* of the notice's fields: "name=value name=value" */
	uint32_t notices;
	char text[512];
};

static uint64_t now(struct clock *clock)
{
	return container_of(clock, struct world, clock)->now_us;
}

static void turns(struct world *w, int count)
{
	while (count-- > 0) {
		w->now_us += STEP_US;
		store_mem_step(w->store);
		core_turn(w->cores->core[0], 0);
	}
}

static int set_up(void **state)
{
	static bool registered;
	struct world *w = mem_zalloc(sizeof(*w));

	if (!registered)
		daemon_register();
	registered = true;
	w->clock = (struct clock){ .mono_us = now, .wall_us = now };
	w->now_us = 1700000000ULL * 1000000;
	w->config = config_new();
	w->app.limits = limit_global_new();
	atomic_store(&w->app.config, w->config);
	w->store = store_mem_new(NULL);
	w->cores = cores_new(&(struct cores_config){ .count = 1,
						     .fibers_max = 64,
						     .clock = &w->clock,
						     .random = &random_real,
						     .store = w->store,
						     .app = &w->app });
	daemon_local_new(w->cores->core[0], 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	w->store->ops->close(w->store);
	daemon_local_free(w->cores->core[0]);
	cores_free(w->cores);
	limit_global_free(w->app.limits);
	config_free(w->config);
	free(w);
	return 0;
}

static void put(struct store_batch *batch, struct str key, const struct obj_desc *desc,
		const void *row)
{
	struct buf value;

	buf_init(&value, 1 << 16);
	row_put(&value, desc, row);
	store_batch_put(batch, key, buf_str(&value));
	buf_done(&value);
}

static void on_put(struct core *core, struct store_batch *batch, int r)
{
	(void)core;
	assert_int_equal(r, 0);
	store_batch_free(batch);
}

/* A guild with one channel and one poll in it, whose answers have @votes. */
static void store_poll(struct world *w, int64_t ends_at, const int64_t votes[2])
{
	struct store_batch *batch = store_batch_new(w->cores->core[0], NULL);
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
	struct message message = { .id = snowflake_at(w->now_us / 1000),
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
	put(batch, key_guild(&key, GUILD), &desc_guild,
	    &(struct guild){ .id = GUILD, .name = S("g"), .owner_id = AUTHOR });
	put(batch, key_role(&key, GUILD, GUILD), &desc_role,
	    &(struct role){ .id = GUILD, .name = S("@everyone"), .colors = &plain });
	put(batch, key_channel(&key, GUILD, CHANNEL), &desc_channel,
	    &(struct channel){ .id = CHANNEL, .name = S("c") });
	put(batch, key_open_poll(&key, GUILD, message.id), &desc_open_poll_row, &open);
	put(batch, key_message(&key, CHANNEL, bucket_of(message.id), message.id), &desc_message,
	    &message);
	store_batch_put(batch, key_bucket(&key, GUILD, CHANNEL, bucket_of(message.id)), S(""));
	batch->done = on_put;
	store_commit(w->store, batch);
	turns(w, 10);
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

static void on_fiber(struct world *w, void (*run)(struct core *, void *))
{
	assert_int_equal(fiber_start(w->cores->core[0], run, w), 0);
	turns(w, 20);
}

static void a_poll_ends_when_its_time_is_up(void **state)
{
	struct world *w = *state;
	int64_t at = (int64_t)w->now_us + 30 * 1000000;

	store_poll(w, at, (int64_t[]){ 2, 1 });
	on_fiber(w, touch);
	on_fiber(w, read_back);
	assert_false(w->final);
	assert_int_equal(w->notices, 0);
	turns(w, TURNS);
	on_fiber(w, read_back);
	assert_true(w->final);
	assert_int_equal(w->expiry, at);
	assert_int_equal(w->notices, 1);
	assert_string_equal(
		w->text,
		"poll_question_text=which? victor_answer_votes=2 total_votes=3 victor_answer_id=1 "
		"victor_answer_text=this ");
	turns(w, TURNS);
	on_fiber(w, read_back);
	assert_int_equal(w->notices, 1);
}

static void a_poll_that_ended_while_nobody_looked_ends_on_loading_and_two_alike_have_no_winner(
	void **state)
{
	struct world *w = *state;

	store_poll(w, (int64_t)w->now_us - 5, (int64_t[]){ 1, 1 });
	on_fiber(w, touch);
	turns(w, TURNS / 100);
	on_fiber(w, read_back);
	assert_true(w->final);
	assert_string_equal(w->text,
			    "poll_question_text=which? victor_answer_votes=1 total_votes=2 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_poll_ends_when_its_time_is_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_poll_that_ended_while_nobody_looked_ends_on_loading_and_two_alike_have_no_winner,
			set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
