/* Sessions over a clean stop: what one process keeps, the next one lets in again; and rows that are not as they were written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/log.h"
#include "codec/row.h"
#include "core/fiber.h"
#include "gateway/scene.h"
#include "model/objects.h"
#include "model/tables.h"
#include "store/mem.h"

enum { SAID = 3 };

struct world {
	struct fake *fake;
	struct store *store;
	uint32_t restored;
	bool done;
};

static void run(struct world *w)
{
	for (int i = 0; i < 20; i++) {
		store_mem_step(w->store);
		fake_pass(w->fake, 10);
	}
}

static void begin(struct world *w)
{
	void *fake;

	scene_setup(&fake);
	w->fake = fake;
	w->fake->cores->store = w->store;
}

static int setup(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));

	log_set_level((enum log_level) - 1);
	w->store = store_mem_new(NULL);
	begin(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fake_free(w->fake);
	w->store->ops->close(w->store);
	free(w);
	return 0;
}

/* Writes all sessions; the next opening has them. */
static void keep(struct world *w, uint32_t sessions)
{
	struct gateway_keeping keeping;

	gateway_keep(w->fake->cores, &keeping);
	run(w);
	assert_int_equal(keeping.waiting, 0);
	assert_int_equal(keeping.failed, 0);
	assert_int_equal(keeping.sessions, sessions);
}

static void reopen(struct world *w)
{
	struct store_mem_image *image = store_mem_image_of(w->store);

	w->store->ops->close(w->store);
	w->store = store_mem_open(NULL, image);
}

/* A new process: other cores, the same store. The clock stands where it was, and @away_ms later. */
static void restart(struct world *w, uint64_t away_ms)
{
	uint64_t now_us = w->fake->now_us;

	fake_free(w->fake);
	reopen(w);
	begin(w);
	w->fake->now_us = now_us + away_ms * 1000;
}

static void restore_on_fiber(struct core *core, void *arg)
{
	struct world *w = arg;

	w->restored = gateway_restore_wait(core);
	w->done = true;
}

static uint32_t restore(struct world *w)
{
	w->done = false;
	assert_int_equal(fiber_start(w->fake->cores->core[0], restore_on_fiber, w), 0);
	for (int i = 0; i < 100 && !w->done; i++)
		run(w);
	assert_true(w->done);
	run(w); /* the rows go */
	return w->restored;
}

/* The bot's session, which has missed what was said. */
struct away {
	char session_id[64];
	int64_t seq;
};

static struct away leave_and_miss(struct world *w)
{
	struct client *client = bot_on(w->fake, 0, Q);
	struct away away;

	memcpy(away.session_id, client->session_id, sizeof(away.session_id));
	away.seq = client->seq;
	client_leave(client, 0);
	client_free(client);
	for (int i = 0; i < SAID; i++)
		fake_say(w->fake, fake_guild(GUILD), i);
	fake_run(w->fake);
	return away;
}

/* What it missed, and with @more what is said now. */
static void expect_all(struct world *w, const struct away *away, bool more)
{
	struct client *client = resume_on(w->fake, 0, Q, "1.bot", away->session_id, away->seq);

	for (int i = 0; i < SAID; i++)
		expect_said(client, i);
	drop(client_expect(client, 0, "RESUMED"));
	fake_say(w->fake, fake_guild(GUILD), 77);
	fake_run(w->fake);
	if (more)
		expect_said(client, 77);
	client_free(client);
}

static void expect_refused(struct world *w, const struct away *away)
{
	struct client *client = resume_on(w->fake, 0, Q, "1.bot", away->session_id, away->seq);

	expect_invalid_session(client, false);
	client_free(client);
}

static void a_session_goes_on_over_a_stop_with_all_that_it_missed(void **state)
{
	struct world *w = *state;
	struct away away = leave_and_miss(w);

	keep(w, 1);
	restart(w, 2000);
	assert_int_equal(restore(w), 1);
	expect_all(w, &away, true);
}

static void it_goes_on_over_a_second_stop(void **state)
{
	struct world *w = *state;
	struct away away = leave_and_miss(w);

	for (int i = 0; i < 2; i++) {
		keep(w, 1);
		restart(w, 2000);
		assert_int_equal(restore(w), 1);
	}
	expect_all(w, &away, true);
}

static void only_the_very_next_opening_has_it(void **state)
{
	struct world *w = *state;
	struct away away = leave_and_miss(w);

	keep(w, 1);
	reopen(w); /* by the operator, say */
	restart(w, 10);
	assert_int_equal(restore(w), 0);
	expect_refused(w, &away);
}

static void it_is_good_once(void **state)
{
	struct world *w = *state;
	struct away away = leave_and_miss(w);

	keep(w, 1);
	restart(w, 10);
	assert_int_equal(restore(w), 1);
	restart(w, 10); /* killed: nothing was kept again */
	assert_int_equal(restore(w), 0);
	expect_refused(w, &away);
}

static void it_waits_as_long_as_any_session_waits_for_its_client(void **state)
{
	struct world *w = *state;
	struct away away = leave_and_miss(w);

	keep(w, 1);
	restart(w, w->fake->config.detached_ms + 2000);
	assert_int_equal(restore(w), 0);
	expect_refused(w, &away);
}

static void a_clock_that_was_set_back_far_makes_it_too_old(void **state)
{
	struct world *w = *state;

	leave_and_miss(w);
	w->fake->now_us += 3600ULL * 1000000;
	keep(w, 1);
	w->fake->now_us -= 3600ULL * 1000000;
	restart(w, 0);
	assert_int_equal(restore(w), 0);
}

static void without_a_session_nothing_is_written(void **state)
{
	struct world *w = *state;
	struct store_mem_image *before = store_mem_image_of(w->store), *after;

	keep(w, 0);
	after = store_mem_image_of(w->store);
	assert_int_equal(store_mem_image_hash(before), store_mem_image_hash(after));
	store_mem_image_free(before);
	store_mem_image_free(after);
}

/* -- rows that are not as they were written -- */

struct reading {
	struct world *w;
	struct arena *arena;
	struct store_row *rows;
	uint32_t count;
};

static void read_on_fiber(struct core *core, void *arg)
{
	struct reading *reading = arg;
	struct key key;

	assert_int_equal(store_scan_wait(core, reading->arena, partition_kept_run(&key),
					 (struct str){}, (struct str){}, false, 0, &reading->rows,
					 &reading->count),
			 0);
	reading->w->done = true;
}

/* All that was kept: the run, its sessions, its events. */
static uint32_t kept_rows(struct world *w, struct arena *arena, struct store_row **ret)
{
	struct reading reading = { .w = w, .arena = arena };

	w->done = false;
	assert_int_equal(fiber_start(w->fake->cores->core[0], read_on_fiber, &reading), 0);
	for (int i = 0; i < 10 && !w->done; i++)
		run(w);
	assert_true(w->done);
	*ret = reading.rows;
	return reading.count;
}

static void on_put(struct core *core, struct store_batch *batch, int r)
{
	(void)core;
	assert_int_equal(r, 0);
	store_batch_free(batch);
}

/* @value NULL: the row goes. */
static void put_raw(struct world *w, struct str key, const struct str *value)
{
	struct store_batch *batch = store_batch_new(w->fake->cores->core[0], NULL);

	if (value)
		store_batch_put(batch, key, *value);
	else
		store_batch_del(batch, key);
	batch->done = on_put;
	store_commit(w->store, batch);
	run(w);
}

static void put(struct world *w, struct str key, const struct obj_desc *desc, const void *row)
{
	struct buf value;

	buf_init(&value, 1 << 20);
	row_put(&value, desc, row);
	put_raw(w, key, &(struct str){ value.ptr, value.len });
	buf_done(&value);
}

/* A world whose bot has been kept. */
static struct away prepare(void **state)
{
	struct away away;

	setup(state);
	away = leave_and_miss(*state);
	keep(*state, 1);
	return away;
}

/* What came of it must be a whole session or none, and the next one is served. */
static void expect_whole_or_none(struct world *w, const struct away *away, bool may_be_whole)
{
	restart(w, 10);
	if (restore(w) && may_be_whole) {
		expect_all(w, away, false); /* without its guilds, perhaps */
	} else {
		assert_int_equal(w->restored, 0);
		expect_refused(w, away);
		client_free(bot_on(w->fake, 0, Q));
	}
}

static void a_row_that_ends_early_spoils_no_more_than_the_sessions(void **state)
{
	uint32_t count = 0;
	struct arena arena;
	struct store_row *rows;

	/* Each row, cut at each place; an end between two fields may be read as a row with less in it. */
	for (uint32_t i = 0; i == 0 || i < count; i++) {
		size_t len = SIZE_MAX;

		for (size_t cut = 0; cut < len; cut++) {
			struct away away = prepare(state);

			arena_init(&arena);
			count = kept_rows(*state, &arena, &rows);
			assert_int_equal(count, 1 + 1 + 1 + SAID); /* GUILD_CREATE, too */
			len = rows[i].value.len;
			put_raw(*state, rows[i].key, &(struct str){ rows[i].value.ptr, cut });
			arena_done(&arena);
			expect_whole_or_none(*state, &away, true);
			teardown(state);
		}
	}
}

static void a_row_that_is_missing_spoils_them_too(void **state)
{
	uint32_t count = 0;
	struct arena arena;
	struct store_row *rows;

	for (uint32_t i = 0; i == 0 || i < count; i++) {
		struct away away = prepare(state);

		arena_init(&arena);
		count = kept_rows(*state, &arena, &rows);
		put_raw(*state, rows[i].key, NULL);
		arena_done(&arena);
		expect_whole_or_none(*state, &away, false);
		teardown(state);
	}
}

static uint64_t zero_id[] = { 0 }, unknown_event[] = { 999 << 1, 4, 6, 8 },
		absent_form[] = { 1 << 1 | 1, 4, 6, 8 };

/* What a session's row could say that no process ever wrote. */
static void no_user(struct kept_session *row)
{
	row->user_id = 0;
}
static void hash_short(struct kept_session *row)
{
	row->token_hash.len--;
}
static void hash_empty(struct kept_session *row)
{
	row->token_hash.len = 0;
}
static void hash_odd(struct kept_session *row)
{
	row->token_hash = S("zz");
}
static void no_version(struct kept_session *row)
{
	row->version = 0;
}
static void next_version(struct kept_session *row)
{
	row->version = 11;
}
static void shard_beyond(struct kept_session *row)
{
	row->shard_id = row->shard_count = 2;
}
static void shard_of_none(struct kept_session *row)
{
	row->shard_id = 1;
}
static void shard_wraps(struct kept_session *row)
{
	row->shard_count = 1LL << 32;
}
static void shard_negative(struct kept_session *row)
{
	row->shard_id = -1, row->shard_count = 2;
}
static void first_zero(struct kept_session *row)
{
	row->first = 0;
}
static void first_negative(struct kept_session *row)
{
	row->first = -1;
}
static void first_last(struct kept_session *row)
{
	row->first = INT64_MAX;
}
static void cursor_before(struct kept_session *row)
{
	row->cursor = row->first - 1;
}
static void cursor_beyond(struct kept_session *row)
{
	row->cursor += 100;
}
static void taken_beyond(struct kept_session *row)
{
	row->taken += 100;
}
static void taken_nothing(struct kept_session *row)
{
	row->taken = -1;
}
static void confirmed_more(struct kept_session *row)
{
	row->confirmed = row->taken + 1;
}
static void guild_zero(struct kept_session *row)
{
	row->guilds = (struct u64_list){ zero_id, 1 };
}
static void opening_zero(struct kept_session *row)
{
	row->opening = (struct u64_list){ zero_id, 1 };
}
static void events_unknown(struct kept_session *row)
{
	row->events.items = unknown_event;
}
static void events_zero(struct kept_session *row)
{
	row->events = (struct u64_list){ zero_id, 1 };
}
static void form_absent(struct kept_session *row)
{
	row->events.items = absent_form;
}

static void a_session_that_nobody_wrote_is_not_let_in(void **state)
{
	static void (*const poisons[])(struct kept_session *row) = {
		no_user,      hash_short,     hash_empty,     hash_odd,	     no_version,
		next_version, shard_beyond,   shard_of_none,  shard_wraps,   shard_negative,
		first_zero,   first_negative, first_last,     cursor_before, cursor_beyond,
		taken_beyond, taken_nothing,  confirmed_more, guild_zero,    opening_zero,
		events_zero,  events_unknown, form_absent
	};

	for (size_t i = 0; i < ARRAY_SIZE(poisons); i++) {
		struct away away = prepare(state);
		struct kept_session row = {};
		struct store_row *rows;
		struct arena arena;

		arena_init(&arena);
		kept_rows(*state, &arena, &rows);
		assert_int_equal(row_get(rows[1].value, &desc_kept_session, &arena, &row), 0);
		assert_int_equal(row.events.count, 1 + SAID);
		poisons[i](&row);
		put(*state, rows[1].key, &desc_kept_session, &row);
		arena_done(&arena);
		expect_whole_or_none(*state, &away, false);
		teardown(state);
	}
}

static void a_session_or_an_event_without_a_number_is_not_let_in(void **state)
{
	struct away away = prepare(state);
	struct key key;
	struct kept_event event = { .name = S("MESSAGE_CREATE"), .full = S("{}") };
	struct arena arena;
	struct store_row *rows;

	put(*state, key_kept_event(&key, 0), &desc_kept_event, &event);
	expect_whole_or_none(*state, &away, false);
	teardown(state);

	away = prepare(state);
	arena_init(&arena);
	kept_rows(*state, &arena, &rows);
	put_raw(*state, key_kept_session(&key, 0), &rows[1].value);
	arena_done(&arena);
	expect_whole_or_none(*state, &away, false);
	teardown(state);
}

/* A later version may have written it, and this one was put back. */
static void an_event_of_another_version_makes_all_identify_anew(void **state)
{
	struct away away = prepare(state);
	struct kept_event event = { .name = S("GUILD_TELEPORT"), .full = S("{}") };
	struct key key;

	put(*state, key_kept_event(&key, 3), &desc_kept_event, &event);
	expect_whole_or_none(*state, &away, false);
	teardown(state);
}

static void rubbish_about_interests_is_passed_over(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"[]",
		"{\"0\":{}}",
		"{\"x\":{}}",
		"{\"20971520\":[]}",
		"{\"20971520\":{\"channels\":{\"0\":[[0,99]]},\"members\":[0]}}"
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct away away = prepare(state);
		struct kept_session row = {};
		struct store_row *rows;
		struct arena arena;

		arena_init(&arena);
		kept_rows(*state, &arena, &rows);
		assert_int_equal(row_get(rows[1].value, &desc_kept_session, &arena, &row), 0);
		row.interests = str_z(texts[i]);
		put(*state, rows[1].key, &desc_kept_session, &row);
		arena_done(&arena);
		expect_whole_or_none(*state, &away, true);
		assert_int_equal(((struct world *)*state)->restored, 1);
		teardown(state);
	}
}

#define KEPT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(a_session_goes_on_over_a_stop_with_all_that_it_missed),
		KEPT(it_goes_on_over_a_second_stop),
		KEPT(only_the_very_next_opening_has_it),
		KEPT(it_is_good_once),
		KEPT(it_waits_as_long_as_any_session_waits_for_its_client),
		KEPT(a_clock_that_was_set_back_far_makes_it_too_old),
		KEPT(without_a_session_nothing_is_written),
		cmocka_unit_test(a_row_that_ends_early_spoils_no_more_than_the_sessions),
		cmocka_unit_test(a_row_that_is_missing_spoils_them_too),
		cmocka_unit_test(a_session_that_nobody_wrote_is_not_let_in),
		cmocka_unit_test(a_session_or_an_event_without_a_number_is_not_let_in),
		cmocka_unit_test(an_event_of_another_version_makes_all_identify_anew),
		cmocka_unit_test(rubbish_about_interests_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
