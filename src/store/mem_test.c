/* The store in memory: what a step does, what a crash leaves, the planted faults and bugs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/fiber.h"
#include "store/internal.h"
#include "store/testing.h"

struct world {
	struct clock clock;
	uint64_t now_us;
	struct random_seeded seeded;
	struct rig rig;
	struct store_mem_faults *faults;
};

static uint64_t now(struct clock *clock)
{
	return container_of(clock, struct world, clock)->now_us;
}

static void world_cores(struct world *w, struct store *store)
{
	w->rig.store = store;
	w->rig.mem = true;
	w->rig.cores = cores_new(&(struct cores_config){ .count = 1,
							 .fibers_max = 8,
							 .clock = &w->clock,
							 .random = &w->seeded.random,
							 .store = store });
	w->rig.core = w->rig.cores->core[0];
	w->faults = store_mem_faults(store);
}

static int set_up(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));

	w->clock = (struct clock){ now, now };
	w->now_us = 1000000;
	random_seeded_init(&w->seeded, 12);
	world_cores(w, store_mem_new(NULL));
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	rig_done(&w->rig);
	free(w);
	return 0;
}

/* Partition @p of table 32, its row @n. */
static struct str key(char room[64], uint64_t p, uint64_t n)
{
	return test_key(room, 32, p, n);
}

static void put_later(struct world *w, struct store_gate *gate, uint64_t p, uint64_t n,
		      struct rig_count *count)
{
	struct store_batch *batch = store_batch_new(w->rig.core, gate);
	char room[64];

	store_batch_put(batch, key(room, p, n), S("x"));
	rig_commit_counted(&w->rig, batch, count);
}

static bool has(struct world *w, uint64_t p, uint64_t n)
{
	struct arena arena;
	struct str value;
	char room[64];

	arena_init(&arena);
	int r = rig_get(&w->rig, &arena, key(room, p, n), &value);
	arena_done(&arena);
	assert_true(r == 0 || r == ENOENT);
	return r == 0;
}

static void turns(struct world *w)
{
	for (int i = 0; i < 3; i++)
		core_turn(w->rig.core, 0);
}

/* The machine dies, with all that is in memory, and starts again. */
static void crash(struct world *w)
{
	struct store_mem_image *image = store_mem_crash(w->rig.store);

	cores_free(w->rig.cores);
	world_cores(w, store_mem_open(NULL, image));
}

static void nothing_is_durable_before_its_step(void **state)
{
	struct world *w = *state;
	struct rig_count count = {};

	put_later(w, NULL, 1, 1, &count);
	turns(w);
	assert_int_equal(count.durable, 0);
	assert_int_equal(store_mem_waiting(w->rig.store), 1);
	assert_false(has(w, 1, 1));
	assert_int_equal(store_mem_step(w->rig.store), 1);
	assert_true(has(w, 1, 1)); /* in the store before anybody was told, */
	assert_int_equal(count.durable, 0);
	turns(w); /* and that in a turn of the core */
	assert_int_equal(count.durable, 1);
}

static void a_crash_loses_what_waits_and_keeps_what_was_done(void **state)
{
	struct world *w = *state;
	struct rig_count count = {};

	put_later(w, NULL, 1, 1, &count);
	store_mem_step(w->rig.store);
	turns(w);
	put_later(w, NULL, 1, 2, &count);
	uint64_t epoch = w->rig.store->epoch;
	crash(w);
	assert_int_equal(w->rig.store->epoch, epoch + 1);
	assert_true(has(w, 1, 1));
	assert_false(has(w, 1, 2));
	assert_int_equal(count.durable, 1);
}

static void a_crash_may_keep_some_of_what_waits_in_its_order_and_tear_one_batch(void **state)
{
	struct world *w = *state;
	bool seen_torn = false, seen_all = false, seen_none = false;

	for (uint64_t round = 1; round <= 200; round++) {
		struct rig_count count = {};
		char room[64];
		uint64_t found = 0;

		w->faults->random = &w->seeded.random;
		for (uint64_t n = 0; n < 4; n++) { /* each over two partitions, two rows in each */
			struct store_batch *batch = store_batch_new(w->rig.core, NULL);

			for (uint64_t p = 1; p <= 2; p++)
				for (uint64_t i = 0; i < 2; i++)
					store_batch_put(batch,
							key(room, p, round * 100 + n * 10 + i),
							S("x"));
			rig_commit_counted(&w->rig, batch, &count);
		}
		crash(w);
		bool ended = false;
		for (uint64_t n = 0; n < 4; n++) {
			uint32_t whole = 0;

			for (uint64_t p = 1; p <= 2; p++) {
				bool a = has(w, p, round * 100 + n * 10),
				     b = has(w, p, round * 100 + n * 10 + 1);

				assert_int_equal(a, b); /* within a partition never torn */
				whole += a;
			}
			assert_false(ended && whole); /* nothing overtakes */
			ended = ended || whole < 2;
			seen_torn = seen_torn || whole == 1;
			found += whole;
		}
		seen_all = seen_all || found == 8;
		seen_none = seen_none || found == 0;
		assert_int_equal(count.durable, 0);
	}
	assert_true(seen_torn && seen_all && seen_none);
}

static void commits_take_their_time_and_stay_in_order(void **state)
{
	struct world *w = *state;
	struct rig_count count = {};

	w->faults->random = &w->seeded.random;
	w->faults->commit_min_us = 100;
	w->faults->commit_max_us = 900;
	for (uint64_t n = 0; n < 50; n++)
		put_later(w, NULL, 1, n, &count);
	assert_int_equal(store_mem_step(w->rig.store), 0);
	while (store_mem_waiting(w->rig.store)) {
		uint64_t next = store_mem_next_us(w->rig.store);

		assert_in_range(next, w->now_us + 1, 1000900);
		w->now_us = next;
		assert_true(store_mem_step(w->rig.store) > 0);
		turns(w);
		uint64_t there = count.durable;
		assert_true(there == 50 || !has(w, 1, there));
		assert_true(has(w, 1, there - 1));
	}
	assert_int_equal(count.durable, 50);
	assert_int_equal(store_mem_next_us(w->rig.store), UINT64_MAX);
}

static void a_failed_round_closes_its_gates(void **state)
{
	struct world *w = *state;
	struct store_gate *gate = store_gate_new(), *other = store_gate_new();
	struct rig_count count = {}, bystander = {};

	put_later(w, gate, 1, 1, &count);
	w->faults->fail_rounds = 1;
	w->faults->fail_errno = -ENOSPC;
	assert_true(w->rig.store->ops->refusing(w->rig.store));
	store_mem_step(w->rig.store);
	turns(w);
	assert_int_equal(count.last, -ENOSPC);
	assert_false(has(w, 1, 1));
	put_later(w, gate, 1, 2, &count);
	put_later(w, other, 1, 3, &bystander);
	store_mem_step(w->rig.store);
	turns(w);
	assert_int_equal(count.last, -ESTALE);
	assert_int_equal(bystander.last, 0);
	store_gate_reopen(gate);
	put_later(w, gate, 1, 4, &count);
	store_mem_step(w->rig.store);
	turns(w);
	assert_int_equal(count.last, 0);
	store_gate_unref(gate);
	store_gate_unref(other);
}

static void a_failed_write_may_land_nevertheless(void **state)
{
	struct world *w = *state;
	struct rig_count count = {};

	w->faults->random = &w->seeded.random;
	w->faults->failed_lands_percent = 100;
	w->faults->fail_rounds = 1;
	put_later(w, NULL, 1, 1, &count);
	store_mem_step(w->rig.store);
	turns(w);
	assert_int_equal(count.last, -EIO);
	assert_true(has(w, 1, 1));
}

static void a_full_disk_refuses_until_there_is_room(void **state)
{
	struct world *w = *state;
	struct rig_count count = {};

	w->faults->full = true;
	put_later(w, NULL, 1, 1, &count);
	store_mem_step(w->rig.store);
	turns(w);
	assert_int_equal(count.last, -ENOSPC);
	assert_true(w->rig.store->ops->refusing(w->rig.store));
	w->faults->full = false;
	put_later(w, NULL, 1, 1, &count);
	store_mem_step(w->rig.store);
	turns(w);
	assert_int_equal(count.last, 0);
}

static void publishing_before_the_sync_is_found_out_by_a_crash(void **state)
{
	struct world *w = *state;
	struct rig_count count = {};

	put_later(w, NULL, 1, 1, &count);
	store_mem_step(w->rig.store);
	w->faults->publish_before_sync = true;
	put_later(w, NULL, 1, 2, &count);
	store_mem_step(w->rig.store);
	store_mem_sync(w->rig.store);
	put_later(w, NULL, 1, 3, &count);
	store_mem_step(w->rig.store);
	turns(w);
	assert_int_equal(count.durable, 3);
	assert_true(has(w, 1, 3));
	crash(w);
	assert_true(has(w, 1, 1));
	assert_true(has(w, 1, 2));
	assert_false(has(w, 1, 3)); /* and was acknowledged */
}

static void without_gates_later_batches_of_a_failed_owner_slip_through(void **state)
{
	struct world *w = *state;
	struct store_gate *gate = store_gate_new();
	struct rig_count count = {};

	w->faults->ignore_gates = true;
	w->faults->fail_rounds = 1;
	put_later(w, gate, 1, 1, &count);
	store_mem_step(w->rig.store);
	put_later(w, gate, 1, 2, &count);
	store_mem_step(w->rig.store);
	turns(w);
	assert_int_equal(count.failed, 1);
	assert_int_equal(count.durable, 1);
	store_gate_unref(gate);
}

static void images_tell_equal_contents_from_different_ones(void **state)
{
	struct world *w = *state;
	struct rig_count count = {};

	put_later(w, NULL, 1, 1, &count);
	store_mem_step(w->rig.store);
	struct store_mem_image *before = store_mem_image_of(w->rig.store),
			       *same = store_mem_image_of(w->rig.store);
	assert_int_equal(store_mem_image_hash(before), store_mem_image_hash(same));
	put_later(w, NULL, 1, 2, &count);
	store_mem_step(w->rig.store);
	struct store_mem_image *after = store_mem_image_of(w->rig.store);
	assert_int_not_equal(store_mem_image_hash(before), store_mem_image_hash(after));
	assert_int_equal(store_mem_image_hash(before), store_mem_image_hash(same));
	turns(w);
	store_mem_image_free(before);
	store_mem_image_free(same);
	store_mem_image_free(after);
}

/* -- waits on fibers -- */

struct reader {
	int get, scan, absent;
	uint32_t count;
	bool done;
};

static void reader_main(struct core *core, void *arg)
{
	struct reader *reader = arg;
	struct store_row *rows;
	struct arena arena;
	struct str value;
	char room[64];

	arena_init(&arena);
	reader->get = store_get_wait(core, &arena, key(room, 1, 2), &value);
	assert_true(str_eq(value, S("x")));
	reader->absent = store_get_wait(core, &arena, key(room, 1, 99), &value);
	struct str partition = store_partition(key(room, 1, 0));
	reader->scan = store_scan_wait(core, &arena, partition, (struct str){}, (struct str){},
				       true, 3, &rows, &reader->count);
	assert_true(str_eq(rows[0].key, key(room, 1, 9)));
	arena_done(&arena);
	reader->done = true;
}

static void a_fiber_waits_for_slow_reads_and_not_for_fast_ones(void **state)
{
	struct world *w = *state;
	struct rig_count count = {};

	for (uint64_t n = 0; n < 10; n++)
		put_later(w, NULL, 1, n, &count);
	store_mem_step(w->rig.store);
	for (uint32_t percent = 0; percent <= 100; percent += 100) {
		struct reader reader = { -1, -1, -1, 0, false };
		int steps = 0;

		w->faults->random = &w->seeded.random;
		w->faults->slow_read_percent = percent;
		w->faults->read_min_us = 50;
		assert_int_equal(fiber_start(w->rig.core, reader_main, &reader), 0);
		assert_int_equal(reader.done, percent == 0);
		for (; !reader.done; steps++) {
			w->now_us = store_mem_next_us(w->rig.store);
			store_mem_step(w->rig.store);
			turns(w);
		}
		assert_int_equal(steps, percent ? 3 : 0);
		assert_int_equal(reader.get, 0);
		assert_int_equal(reader.absent, ENOENT);
		assert_int_equal(reader.scan, 0);
		assert_int_equal(reader.count, 3);
	}
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(nothing_is_durable_before_its_step),
		WITH_WORLD(a_crash_loses_what_waits_and_keeps_what_was_done),
		WITH_WORLD(a_crash_may_keep_some_of_what_waits_in_its_order_and_tear_one_batch),
		WITH_WORLD(commits_take_their_time_and_stay_in_order),
		WITH_WORLD(a_failed_round_closes_its_gates),
		WITH_WORLD(a_failed_write_may_land_nevertheless),
		WITH_WORLD(a_full_disk_refuses_until_there_is_room),
		WITH_WORLD(publishing_before_the_sync_is_found_out_by_a_crash),
		WITH_WORLD(without_gates_later_batches_of_a_failed_owner_slip_through),
		WITH_WORLD(images_tell_equal_contents_from_different_ones),
		WITH_WORLD(a_fiber_waits_for_slow_reads_and_not_for_fast_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
