/* RocksDB, the store in memory and a plain array are asked the same random things, and must agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/internal.h"
#include "store/testing.h"

enum { MODEL_MAX = 4096, BIG_LEN = 9000 };

struct entry {
	size_t key_len;
	char key[64];
	uint64_t value; /* its text is made from this */
};
struct model {
	struct entry entries[MODEL_MAX]; /* sorted */
	size_t count;
};
struct world {
	struct random_seeded seeded;
	struct model model;
	struct rig rocks, mem;
	char *dir;
	uint64_t values;
	char *big;
};

static uint64_t pick(struct world *w, uint64_t below)
{
	return random_below(&w->seeded.random, below);
}

static struct str entry_key(const struct entry *entry)
{
	return (struct str){ entry->key, entry->key_len };
}

static size_t model_at(const struct model *model, struct str key)
{
	size_t at = 0;

	while (at < model->count && store_key_cmp(entry_key(&model->entries[at]), key) < 0)
		at++;
	return at;
}

static bool model_has(const struct model *model, size_t at, struct str key)
{
	return at < model->count && str_eq(entry_key(&model->entries[at]), key);
}

static void model_put(struct model *model, struct str key, uint64_t value)
{
	size_t at = model_at(model, key);
	struct entry *entry = &model->entries[at];

	if (!model_has(model, at, key)) {
		assert_true(model->count < MODEL_MAX);
		memmove(entry + 1, entry, (model->count++ - at) * sizeof(*entry));
		memcpy(entry->key, key.ptr, key.len);
		entry->key_len = key.len;
	}
	entry->value = value;
}

static void model_drop(struct model *model, struct str prefix, bool exact)
{
	size_t kept = 0;

	for (size_t i = 0; i < model->count; i++) {
		struct str key = entry_key(&model->entries[i]);

		if (!(exact ? str_eq(key, prefix) : str_starts(key, prefix)))
			model->entries[kept++] = model->entries[i];
	}
	model->count = kept;
}

/* Some values are empty, some larger than a block. */
static struct str value_of(struct world *w, uint64_t value, char room[64])
{
	if (value % 17 == 0)
		return S("");
	if (value % 23 == 0) {
		memcpy(w->big, &value, sizeof(value));
		return (struct str){ w->big, BIG_LEN };
	}
	return (struct str){ room,
			     (size_t)snprintf(room, 64, "value %llu", (unsigned long long)value) };
}

/* Tables with partitions of 12, 8 and 0 bytes; keys may have a name at the end, or 0xff bytes. */
static struct str some_key(struct world *w, char room[64])
{
	static const uint8_t tables[] = { 16, 32, 64, 80 };
	uint64_t order = pick(w, 16) ? pick(w, 40) : UINT64_MAX;
	struct str key = test_key(room, tables[pick(w, ARRAY_SIZE(tables))], 1 + pick(w, 3), order);

	if (!pick(w, 8)) {
		/* In the messages table a bucket follows, small too, so that partitions are neighbours. */
		size_t extra = 1 + pick(w, 4);

		memset(room + key.len, pick(w, 2) ? 0xff : (int)('a' + pick(w, 3)), extra);
		key.len += extra;
	}
	if (room[0] == 16)
		room[12] = (char)pick(w, 2);
	return key;
}

static void random_batch(struct world *w)
{
	struct store_batch *one = store_batch_new(w->rocks.core, NULL),
			   *two = store_batch_new(w->mem.core, NULL);
	char room[64], text[64];

	for (uint64_t ops = 1 + pick(w, 12); ops; ops--) {
		struct str key = some_key(w, room);
		uint64_t what = pick(w, 100);

		if (what < 75) {
			struct str value = value_of(w, ++w->values, text);

			model_put(&w->model, key, w->values);
			store_batch_put(one, key, value);
			store_batch_put(two, key, value);
		} else if (what < 97) {
			model_drop(&w->model, key, true);
			store_batch_del(one, key);
			store_batch_del(two, key);
		} else {
			struct str prefix = store_partition(key);

			if (pick(w, 2))
				prefix.len = key.len - pick(w, 3);
			model_drop(&w->model, prefix, false);
			store_batch_drop(one, prefix);
			store_batch_drop(two, prefix);
		}
	}
	assert_int_equal(rig_commit(&w->rocks, one), 0);
	assert_int_equal(rig_commit(&w->mem, two), 0);
}

static void check_get(struct world *w, struct rig *rig, struct str key)
{
	struct arena arena;
	char text[64];
	struct str value;
	size_t at = model_at(&w->model, key);

	arena_init(&arena);
	int r = rig_get(rig, &arena, key, &value);
	if (model_has(&w->model, at, key)) {
		assert_int_equal(r, 0);
		assert_true(str_eq(value, value_of(w, w->model.entries[at].value, text)));
	} else {
		assert_int_equal(r, ENOENT);
	}
	arena_done(&arena);
}

static void check_scan(struct world *w, struct rig *rig, const struct store_read *question)
{
	struct store_read read = *question;
	struct arena arena;
	uint32_t n = 0;
	char text[64];

	arena_init(&arena);
	read.arena = &arena;
	rig_read(rig, &read);
	assert_int_equal(read.result, 0);
	for (size_t i = 0; i < w->model.count && n < store_read_limit(&read); i++) {
		const struct entry *entry =
			&w->model.entries[read.reverse ? w->model.count - 1 - i : i];
		struct str key = entry_key(entry);

		if (!str_starts(key, read.key) ||
		    (read.from.ptr && store_key_cmp(key, read.from) < 0) ||
		    (read.to.ptr && store_key_cmp(key, read.to) >= 0))
			continue;
		assert_true(n < read.count);
		assert_true(str_eq(read.rows[n].key, key));
		assert_true(str_eq(read.rows[n].value, value_of(w, entry->value, text)));
		n++;
	}
	assert_int_equal(read.count, n);
	arena_done(&arena);
}

static void random_scan(struct world *w)
{
	char prefix[64], from[64], to[64];
	struct store_read read = { .scan = true, .key = some_key(w, prefix) };

	switch (pick(w, 8)) {
	case 0: /* a whole table */ read.key.len = 1; break;
	case 1: /* a part of the order too */ read.key.len -= pick(w, 2); break;
	default: read.key = store_partition(read.key);
	}
	if (pick(w, 2)) {
		read.from = some_key(w, from);
		if (pick(w, 4)) /* mostly in the partition asked for */
			memcpy(from, prefix, MIN(read.key.len, (size_t)13));
	}
	if (pick(w, 2)) {
		read.to = some_key(w, to);
		if (pick(w, 4))
			memcpy(to, prefix, MIN(read.key.len, (size_t)13));
	}
	read.reverse = pick(w, 2);
	read.limit = (uint32_t)pick(w, 12);
	check_scan(w, &w->rocks, &read);
	check_scan(w, &w->mem, &read);
}

static void open_rocks(struct world *w)
{
	struct store *store;

	assert_int_equal(store_rocks_open(&(struct store_rocks_config){ .dir = w->dir,
									.cache_bytes = 8 << 20,
									.reserve_bytes = 1 << 20 },
					  &store),
			 0);
	rig_init(&w->rocks, store, false);
}

static void reopen(struct world *w)
{
	uint64_t epoch = w->rocks.store->epoch, rows, bad;

	rig_done(&w->rocks);
	open_rocks(w);
	assert_int_equal(w->rocks.store->epoch, epoch + 1);
	assert_int_equal(w->rocks.store->ops->check(w->rocks.store, &rows, &bad), 0);
	assert_int_equal(rows, w->model.count);
	assert_int_equal(bad, 0);

	struct store_mem_image *image = store_mem_crash(w->mem.store);
	cores_free(w->mem.cores);
	rig_init(&w->mem, store_mem_open(NULL, image), true);
	assert_int_equal(w->mem.store->ops->check(w->mem.store, &rows, &bad), 0);
	assert_int_equal(rows, w->model.count);
}

static void three_stores_agree(uint64_t seed)
{
	struct world *w = mem_zalloc(sizeof(*w));
	uint64_t disk = 0;
	char room[64];

	random_seeded_init(&w->seeded, seed);
	w->dir = test_dir();
	w->big = mem_zalloc(BIG_LEN);
	open_rocks(w);
	rig_init(&w->mem, store_mem_new(NULL), true);
	store_mem_faults(w->mem.store)->random = &w->seeded.random;
	for (int step = 0; step < 1500; step++) {
		uint64_t what = pick(w, 100);

		if (what < 40) {
			random_batch(w);
		} else if (what < 60) {
			struct str key = some_key(w, room);

			check_get(w, &w->rocks, key);
			check_get(w, &w->mem, key);
		} else if (what < 99) {
			random_scan(w);
		} else {
			disk += atomic_load(&w->rocks.store->stats.reads_disk);
			reopen(w);
			store_mem_faults(w->mem.store)->slow_read_percent = (uint32_t)pick(w, 60);
			store_mem_faults(w->mem.store)->random = &w->seeded.random;
		}
	}
	assert_true(disk > 0); /* else the readers were not tested at all */
	rig_done(&w->rocks);
	rig_done(&w->mem);
	test_dir_remove(w->dir);
	free(w->dir);
	free(w->big);
	free(w);
}

static void all_stores_agree_on_random_batches_gets_and_scans(void **state)
{
	const char *seed = getenv("STORE_SEED");

	(void)state;
	if (seed) {
		three_stores_agree(strtoull(seed, NULL, 0));
		return;
	}
	for (uint64_t n = 1; n <= 4; n++)
		three_stores_agree(n);
	uint64_t any = random_below(&random_real, 1000000);
	print_message("# STORE_SEED=%llu\n", (unsigned long long)any);
	three_stores_agree(any);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_stores_agree_on_random_batches_gets_and_scans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
