/* What is special to the embedded store: opening, epochs, threads, repairs seen from reads, a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "core/fiber.h"
#include "store/rocks/rocks.h"
#include "store/testing.h"

enum { MB = 1 << 20 };

static int open_at(struct rig *rig, const char *dir, uint64_t reserve_bytes)
{
	struct store *store;
	int r = store_rocks_open(&(struct store_rocks_config){ .dir = dir,
							       .cache_bytes = 16 * MB,
							       .sync_interval_ms = -1,
							       .reserve_bytes = reserve_bytes },
				 &store);

	if (!r)
		rig_init(rig, store, false);
	return r;
}

static int set_up(void **state)
{
	*state = test_dir();
	return 0;
}

static int tear_down(void **state)
{
	test_dir_remove(*state);
	free(*state);
	return 0;
}

static struct str key(char room[64], uint64_t n)
{
	return test_key(room, 16, 1 + n % 7, n);
}

static void put_some(struct rig *rig, uint64_t first, uint64_t count)
{
	struct store_batch *batch = store_batch_new(rig->core, NULL);
	char room[64];

	for (uint64_t n = first; n < first + count; n++)
		store_batch_put(batch, key(room, n), S("a value"));
	assert_int_equal(rig_commit(rig, batch), 0);
}

static int get(struct rig *rig, uint64_t n)
{
	struct arena arena;
	struct str value;
	char room[64];

	arena_init(&arena);
	int r = rig_get(rig, &arena, key(room, n), &value);
	arena_done(&arena);
	return r;
}

/* -- opening -- */

static void each_opening_has_a_higher_epoch_and_rows_carry_it(void **state)
{
	struct rig rig;

	for (uint64_t epoch = 1; epoch <= 4; epoch++) {
		assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
		assert_int_equal(rig.store->epoch, epoch);
		put_some(&rig, epoch, 1);

		struct rocks *r = rocks_of(rig.store);
		char room[64], *err = NULL;
		struct str k = key(room, epoch), value;
		uint64_t version = 0;
		size_t len;
		char *row = rocksdb_get_cf(r->db, r->get_disk, rocks_cf(r, k), k.ptr, k.len, &len,
					   &err);
		assert_int_equal(store_row_open(k, (struct str){ row, len }, &value, &version), 0);
		assert_int_equal(version >> 36, epoch);
		assert_int_equal(version & 0xfffffffff, 1);
		rocksdb_free(row);
		for (uint64_t n = 1; n <= epoch; n++)
			assert_int_equal(get(&rig, n), 0);
		rig_done(&rig);
	}
}

static void the_directory_is_for_its_owner_only(void **state)
{
	char *path = NULL;
	struct stat st;
	struct rig rig;

	assert_true(asprintf(&path, "%s/store", (char *)*state) > 0);
	assert_int_equal(open_at(&rig, path, 1 * MB), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	rig_done(&rig);
	free(path);
	assert_int_equal(open_at(&rig, "/var/tmp/there-is-no-such/store", 1 * MB), -ENOENT);
}

static void a_store_is_open_once(void **state)
{
	struct rig rig, second;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	assert_int_equal(open_at(&second, *state, 1 * MB), -EBUSY);
	put_some(&rig, 1, 1);
	rig_done(&rig);
}

/* Puts a row into the closed store behind its back. */
static void tamper(const char *dir, struct str k, struct str row)
{
	static const char *const names[] = { "default", "messages" };
	rocksdb_options_t *o = rocksdb_options_create();
	const rocksdb_options_t *options[] = { o, o };
	rocksdb_writeoptions_t *w = rocksdb_writeoptions_create();
	rocksdb_column_family_handle_t *cf[2];
	char *err = NULL;

	rocksdb_options_set_info_log_level(o, 4);
	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_create_missing_column_families(o, 1);
	rocksdb_t *db = rocksdb_open_column_families(o, dir, 2, names, options, cf, &err);
	assert_null(err);
	rocksdb_put_cf(db, w, cf[k.ptr[0] == 16], k.ptr, k.len, row.ptr, row.len, &err);
	assert_null(err);
	rocksdb_column_family_handle_destroy(cf[0]);
	rocksdb_column_family_handle_destroy(cf[1]);
	rocksdb_close(db);
	rocksdb_options_destroy(o);
	rocksdb_writeoptions_destroy(w);
}

/* The same with a good row. */
static void tamper_well(const char *dir, struct str k, struct str value)
{
	struct store_batch *batch = store_batch_new(NULL, NULL);
	struct store_op op;
	size_t at = 0;

	store_batch_put(batch, k, value);
	assert_true(store_batch_next(batch, &at, &op));
	store_op_stamp(&op, 1);
	tamper(dir, op.key, (struct str){ op.row, op.row_len });
	store_batch_free(batch);
}

static void a_newer_format_is_refused(void **state)
{
	struct rig rig;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	rig_done(&rig);
	tamper_well(*state, (struct str){ "\0format", 7 }, (struct str){ "\0\0\0\0\0\0\0\x2", 8 });
	assert_int_equal(open_at(&rig, *state, 1 * MB), -EPROTO);
}

static void a_table_may_come_or_go_but_not_change_its_partition(void **state)
{
	struct str k = { "\0partitions", 11 };
	uint8_t lens[256];
	struct rig rig;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	put_some(&rig, 0, 10);
	rig_done(&rig);
	memcpy(lens, store_partition_lens, sizeof(lens));
	lens[200] = 4;
	lens[64] = STORE_TABLE_NONE;
	tamper_well(*state, k, (struct str){ (char *)lens, sizeof(lens) });
	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	assert_int_equal(get(&rig, 3), 0);
	rig_done(&rig);
	lens[16] = 8;
	tamper_well(*state, k, (struct str){ (char *)lens, sizeof(lens) });
	assert_int_equal(open_at(&rig, *state, 1 * MB), -EPROTO);
}

static void somebody_elses_database_is_refused(void **state)
{
	struct rig rig;

	tamper(*state, S("their key"), S("their value"));
	assert_int_equal(open_at(&rig, *state, 1 * MB), -EPROTO);
}

/* -- rows that rot -- */

static void a_rotten_row_is_never_given_out(void **state)
{
	uint64_t rows, bad;
	struct arena arena;
	char room[64];
	struct rig rig;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	put_some(&rig, 0, 70);
	rig_done(&rig);
	tamper(*state, key(room, 8), S("0123456789012 rotten"));
	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	assert_int_equal(get(&rig, 8), -EBADMSG);
	assert_int_equal(get(&rig, 9), 0);
	arena_init(&arena);
	struct store_read read = { .arena = &arena,
				   .scan = true,
				   .key = store_partition(key(room, 8)) };
	rig_read(&rig, &read);
	assert_int_equal(read.result, -EBADMSG);
	assert_int_equal(read.count, 0);
	arena_done(&arena);
	assert_int_equal(rig.store->ops->check(rig.store, &rows, &bad), 0);
	assert_int_equal(rows, 70);
	assert_int_equal(bad, 1);
	rig_done(&rig);
}

static void a_check_finds_rows_in_the_wrong_place(void **state)
{
	uint64_t rows, bad;
	struct rig rig;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	put_some(&rig, 0, 10);
	rig_done(&rig);
	tamper(*state, S("\x20short"), S("0123456789012 too short a key"));
	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	assert_int_equal(rig.store->ops->check(rig.store, &rows, &bad), 0);
	assert_int_equal(rows, 11);
	assert_int_equal(bad, 1);
	rig_done(&rig);
}

static void a_checkpoint_is_a_store_of_its_own(void **state)
{
	struct rig rig, copy;
	char *dest = NULL;
	struct stat st;

	assert_true(asprintf(&dest, "%s-copy", (char *)*state) > 0);
	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	put_some(&rig, 0, 100);
	assert_int_equal(rig.store->ops->checkpoint(rig.store, dest), 0);
	assert_int_equal(rig.store->ops->checkpoint(rig.store, dest), -EEXIST);
	assert_int_equal(stat(dest, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	put_some(&rig, 100, 1);
	assert_int_equal(open_at(&copy, dest, 1 * MB), 0);
	for (uint64_t n = 0; n < 100; n++)
		assert_int_equal(get(&copy, n), 0);
	assert_int_equal(get(&copy, 100), ENOENT);
	rig_done(&copy);
	assert_int_equal(get(&rig, 100), 0);
	rig_done(&rig);
	test_dir_remove(dest);
	free(dest);
}

/* -- limits -- */

static void a_batch_over_the_limit_fails_alone_and_closes_its_gate(void **state)
{
	struct store_gate *gate = store_gate_new();
	char room[64], *big = mem_zalloc(40 * MB);
	struct rig_count count = {}, bystander = {};
	struct rig rig;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	struct store_batch *batch = store_batch_new(rig.core, gate),
			   *other = store_batch_new(rig.core, NULL);
	for (uint64_t n = 0; n < 2; n++)
		store_batch_put(batch, key(room, n), (struct str){ big, 40 * MB });
	store_batch_put(other, key(room, 5), (struct str){ big, 40 * MB });
	rig_commit_counted(&rig, batch, &count);
	rig_commit_counted(&rig, other, &bystander);
	while (!bystander.durable)
		rig_turn(&rig);
	assert_int_equal(count.last, -E2BIG);
	assert_int_equal(get(&rig, 0), ENOENT);
	assert_int_equal(get(&rig, 5), 0);
	batch = store_batch_new(rig.core, gate);
	store_batch_put(batch, key(room, 1), S("x"));
	assert_int_equal(rig_commit(&rig, batch), -ESTALE);
	assert_int_equal(atomic_load(&rig.store->stats.refused), 1);
	rig_done(&rig);
	store_gate_unref(gate);
	free(big);
}

static void an_empty_batch_is_done_in_its_turn(void **state)
{
	struct rig_count first = {}, empty = {};
	char room[64];
	struct rig rig;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	struct store_batch *batch = store_batch_new(rig.core, NULL);
	store_batch_put(batch, key(room, 1), S("x"));
	rig_commit_counted(&rig, batch, &first);
	rig_commit_counted(&rig, store_batch_new(rig.core, NULL), &empty);
	while (!empty.durable)
		rig_turn(&rig);
	assert_int_equal(first.durable, 1);
	rig_done(&rig);
}

/* -- reads during a repair, and reads that are alike -- */

struct counted_read {
	struct store_read read;
	struct arena arena;
	uint32_t *done;
};

static void on_counted(struct core *core, struct store_read *read)
{
	(void)core;
	++*container_of(read, struct counted_read, read)->done;
}

static void ask(struct rig *rig, struct counted_read *reads, uint32_t n, struct str k,
		uint32_t *done)
{
	reads[n] = (struct counted_read){
		.read = { .core = rig->core, .done = on_counted, .key = k }, .done = done
	};
	reads[n].read.arena = &reads[n].arena;
	assert_false(store_read(rig->store, &reads[n].read));
}

static uint32_t in_queue(struct rocks *r)
{
	uint32_t count = 0;

	pthread_mutex_lock(&r->read_mutex);
	bool full = r->flight_head != NULL;
	for (int i = 0; i < 256; i++)
		count += r->flight_hash[i] != NULL;
	pthread_mutex_unlock(&r->read_mutex);
	return full ? count : 0;
}

static void reads_wait_for_a_repair_and_equal_ones_share_a_flight(void **state)
{
	enum { SAME = 20 };
	struct counted_read reads[SAME + 3] = {};
	uint32_t done = 0;
	char a[64], b[64], c[64];
	struct rig rig;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	put_some(&rig, 0, 100);
	struct rocks *r = rocks_of(rig.store);
	atomic_store(&r->shut, true); /* as a repair does */
	/* Two that the two readers take and wait with; then nobody looks at the queue. */
	ask(&rig, reads, 0, key(a, 1), &done);
	ask(&rig, reads, 1, key(b, 2), &done);
	while (in_queue(r))
		usleep(1000);
	for (uint32_t i = 0; i < SAME; i++)
		ask(&rig, reads, 2 + i, key(c, 3), &done);
	ask(&rig, reads, SAME + 2, key(a, 1), &done); /* the first is under way: not joined */
	assert_int_equal(in_queue(r), 2);
	assert_int_equal(done, 0);
	atomic_store(&r->shut, false);
	rocks_readers_wake(r);
	while (done < SAME + 3)
		rig_turn(&rig);
	for (uint32_t i = 0; i < SAME + 3; i++) {
		assert_int_equal(reads[i].read.result, 0);
		assert_int_equal(reads[i].read.count, 1);
		assert_true(str_eq(reads[i].read.rows[0].value, S("a value")));
		assert_true(str_eq(reads[i].read.rows[0].key, reads[i].read.key));
		arena_done(&reads[i].arena);
	}
	rig_done(&rig);
}

static void reads_fail_when_a_repair_takes_too_long(void **state)
{
	struct counted_read read = {};
	uint32_t done = 0;
	char room[64];
	struct rig rig;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	put_some(&rig, 0, 10);
	struct rocks *r = rocks_of(rig.store);
	atomic_store(&r->shut, true);
	ask(&rig, &read, 0, key(room, 1), &done);
	while (!done)
		rig_turn(&rig);
	assert_int_equal(read.read.result, -EIO);
	assert_int_equal(read.read.count, 0);
	arena_done(&read.arena);
	atomic_store(&r->shut, false);
	assert_int_equal(get(&rig, 1), 0);
	rig_done(&rig);
}

/* -- scans too large for a core -- */

static void a_large_scan_goes_to_a_reader(void **state)
{
	struct arena arena;
	char room[64];
	struct rig rig;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	put_some(&rig, 0, 7 * 2000);
	arena_init(&arena);
	struct store_read small = {
		.arena = &arena, .scan = true, .key = store_partition(key(room, 0)), .limit = 50
	};
	struct store_read large = { .arena = &arena,
				    .scan = true,
				    .key = store_partition(key(room, 0)) };
	rig_read(&rig, &small);
	assert_int_equal(small.count, 50);
	assert_int_equal(atomic_load(&rig.store->stats.reads_disk), 0);
	rig_read(&rig, &large);
	assert_int_equal(large.count, 2000);
	assert_int_equal(atomic_load(&rig.store->stats.reads_disk), 1);
	for (uint32_t i = 1; i < large.count; i++)
		assert_true(store_key_cmp(large.rows[i - 1].key, large.rows[i].key) < 0);
	arena_done(&arena);
	rig_done(&rig);
}

static void a_fiber_reads_from_the_disk(struct core *core, void *arg)
{
	struct store_row *rows;
	struct arena arena;
	struct str value;
	uint32_t count;
	char room[64];

	arena_init(&arena);
	assert_int_equal(store_get_wait(core, &arena, key(room, 1), &value), 0);
	assert_true(str_eq(value, S("a value")));
	assert_int_equal(store_scan_wait(core, &arena, store_partition(key(room, 1)),
					 (struct str){}, (struct str){}, true, 10, &rows, &count),
			 0);
	assert_int_equal(count, 10);
	arena_done(&arena);
	++*(int *)arg;
}

static void fibers_wait_for_the_readers(void **state)
{
	struct rig rig;
	int done = 0;

	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	put_some(&rig, 0, 700);
	rig_done(&rig); /* nothing is in memory after that */
	assert_int_equal(open_at(&rig, *state, 1 * MB), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(fiber_start(rig.core, a_fiber_reads_from_the_disk, &done), 0);
	while (done < 50)
		rig_turn(&rig);
	assert_true(atomic_load(&rig.store->stats.reads_disk) > 0);
	rig_done(&rig);
}

/* -- two cores with threads of their own -- */

enum { PER_CORE = 2000, UNDER_WAY = 20 };

struct storm {
	struct msg msg;
	struct store *store;
	struct store_gate *gate;
	struct core *core;
	uint64_t next, done;
	_Atomic bool over;
};

static void storm_next(struct storm *storm);

static void on_storm(struct core *core, struct store_batch *batch, int r)
{
	struct storm *storm = container_of(batch->owner, struct storm, msg);
	size_t at = 0;
	struct store_op op;

	assert_int_equal(r, 0);
	assert_ptr_equal(core, storm->core);
	/* In the order of the commits. */
	assert_true(store_batch_next(batch, &at, &op));
	uint64_t n;
	memcpy(&n, op.key.ptr + 9, 8);
	assert_int_equal(__builtin_bswap64(n), storm->done);
	storm->done++;
	store_batch_free(batch);
	if (storm->next < PER_CORE)
		storm_next(storm);
	if (storm->done == PER_CORE)
		atomic_store(&storm->over, true);
}

static void storm_next(struct storm *storm)
{
	struct store_batch *batch = store_batch_new(storm->core, storm->gate);
	struct arena arena;
	char room[64];

	store_batch_put(batch, test_key(room, 32, core_index(storm->core), storm->next++),
			S("of a storm"));
	batch->owner = &storm->msg;
	batch->done = on_storm;
	store_commit(storm->store, batch);
	if (storm->done) {
		arena_init(&arena);
		struct store_read read = { .core = storm->core, .arena = &arena };
		read.key = test_key(room, 32, core_index(storm->core), storm->done - 1);
		assert_true(store_read(storm->store, &read));
		assert_int_equal(read.result, 0);
		arena_done(&arena);
	}
}

static void on_start(struct core *core, struct msg *msg)
{
	struct storm *storm = container_of(msg, struct storm, msg);

	storm->core = core;
	for (int i = 0; i < UNDER_WAY; i++)
		storm_next(storm);
}

static void two_cores_get_their_own_completions_in_order(void **state)
{
	struct storm storms[2] = {};
	struct store *store;

	assert_int_equal(store_rocks_open(&(struct store_rocks_config){ .dir = *state,
									.sync_interval_ms = -1,
									.reserve_bytes = 1 * MB },
					  &store),
			 0);
	struct cores *cores = cores_new(&(struct cores_config){ .count = 2,
								.fibers_max = 8,
								.clock = &clock_real,
								.random = &random_real,
								.store = store });
	cores_start(cores);
	for (int i = 0; i < 2; i++) {
		storms[i].store = store;
		storms[i].gate = store_gate_new();
		storms[i].msg.run = on_start;
		core_post(cores->core[i], &storms[i].msg);
	}
	while (!atomic_load(&storms[0].over) || !atomic_load(&storms[1].over))
		usleep(1000);
	cores_stop(cores);
	assert_int_equal(atomic_load(&store->stats.batches), 2 * PER_CORE);
	assert_true(atomic_load(&store->stats.syncs) < 2 * PER_CORE);
	store->ops->close(store);
	cores_free(cores);
	store_gate_unref(storms[0].gate);
	store_gate_unref(storms[1].gate);
}

/* -- a full disk: a file system in memory, of 128 MB -- */

enum { BALLAST = 56 * MB, VALUE = 4096 };

struct full {
	struct rig rig;
	char *dir, *ballast, *store;
	uint64_t acknowledged;
};

static bool full_begin(struct full *f, const char *dir, uint64_t reserve_bytes)
{
	*f = (struct full){ .dir = mem_strdup(dir) };
	if (geteuid() != 0 || mount("tmpfs", dir, "tmpfs", 0, "size=128m")) {
		print_message("# skipped: no right to mount a small file system (%s)\n",
			      strerror(errno));
		free(f->dir);
		return false;
	}
	assert_true(asprintf(&f->ballast, "%s/ballast", dir) > 0);
	assert_true(asprintf(&f->store, "%s/store", dir) > 0);
	int fd = open(f->ballast, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(posix_fallocate(fd, 0, BALLAST), 0);
	close(fd);
	assert_int_equal(open_at(&f->rig, f->store, reserve_bytes), 0);
	return true;
}

static void full_end(struct full *f)
{
	rig_done(&f->rig);
	assert_int_equal(umount(f->dir), 0);
	free(f->dir);
	free(f->ballast);
	free(f->store);
}

static struct str full_value(char room[VALUE], uint64_t n)
{
	struct random_seeded seeded; /* nothing to compress */

	random_seeded_init(&seeded, n);
	random_fill(&seeded.random, room, VALUE);
	return (struct str){ room, VALUE };
}

static int full_put(struct full *f, uint64_t n)
{
	char room[64], value[VALUE];

	return rig_put(&f->rig, key(room, n), full_value(value, n));
}

static void full_check(struct full *f)
{
	char room[64], value[VALUE];

	for (uint64_t n = 0; n < f->acknowledged; n++) {
		struct arena arena;
		struct str got;

		arena_init(&arena);
		assert_int_equal(rig_get(&f->rig, &arena, key(room, n), &got), 0);
		assert_true(str_eq(got, full_value(value, n)));
		arena_done(&arena);
	}
}

/* Writes until it is refused, and then some. */
static void fill_up(struct full *f)
{
	int r;

	while ((r = full_put(f, f->acknowledged)) == 0)
		f->acknowledged++;
	assert_int_equal(r, -ENOSPC);
	assert_true(f->acknowledged > 1000);
	assert_true(f->rig.store->ops->refusing(f->rig.store));
	for (int i = 0; i < 100; i++)
		assert_int_equal(full_put(f, f->acknowledged), -ENOSPC);
}

static void make_room_and_wait(struct full *f)
{
	uint64_t from = clock_mono_us(&clock_real);

	assert_int_equal(unlink(f->ballast), 0);
	while (f->rig.store->ops->refusing(f->rig.store))
		rig_turn(&f->rig);
	assert_int_equal(full_put(f, f->acknowledged++), 0);
	assert_in_range(clock_mono_us(&clock_real) - from, 0, 5000000);
}

static void without_room_writes_are_refused_and_reads_go_on(void **state)
{
	struct full f;

	if (!full_begin(&f, *state, 8 * MB))
		return;
	fill_up(&f);
	full_check(&f);
	make_room_and_wait(&f);
	full_check(&f);
	rig_done(&f.rig);
	assert_int_equal(open_at(&f.rig, f.store, 8 * MB), 0);
	full_check(&f);
	full_end(&f);
}

static void a_log_that_met_a_full_disk_is_repaired_when_there_is_room(void **state)
{
	struct full f;

	/* As good as no reserve, so that the writes themselves fail. */
	if (!full_begin(&f, *state, 1))
		return;
	fill_up(&f);
	full_check(&f);
	make_room_and_wait(&f);
	full_check(&f);
	rig_done(&f.rig);
	assert_int_equal(open_at(&f.rig, f.store, 1), 0);
	full_check(&f);
	full_end(&f);
}

/* A page free, and a write that wants more than one: it must not take the page for the room it waits for. */
static void a_refused_write_waits_for_room_of_its_size(void **state)
{
	struct full f;
	struct statvfs vfs;

	if (!full_begin(&f, *state, 1))
		return;
	int fd = open(f.ballast, O_WRONLY);
	assert_int_equal(fstatvfs(fd, &vfs), 0);
	assert_int_equal(
		posix_fallocate(fd, 0, BALLAST + (off_t)(vfs.f_bavail - 1) * (off_t)vfs.f_frsize),
		0);
	close(fd);
	while (full_put(&f, f.acknowledged) == 0)
		f.acknowledged++;
	for (uint64_t from = clock_mono_us(&clock_real);
	     clock_mono_us(&clock_real) - from < 600 * 1000;) {
		assert_true(f.rig.store->ops->refusing(f.rig.store));
		rig_turn(&f.rig);
	}
	make_room_and_wait(&f);
	full_check(&f);
	full_end(&f);
}

static void a_full_disk_does_not_open_and_says_so(void **state)
{
	struct full f;

	if (!full_begin(&f, *state, 1))
		return;
	rig_done(&f.rig);
	int fd = open(f.ballast, O_WRONLY);
	assert_int_equal(posix_fallocate(fd, 0, 120 * MB), 0);
	close(fd);
	assert_int_equal(open_at(&f.rig, f.store, 1), -ENOSPC);
	assert_int_equal(unlink(f.ballast), 0);
	assert_int_equal(open_at(&f.rig, f.store, 1), 0);
	full_end(&f);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(each_opening_has_a_higher_epoch_and_rows_carry_it),
		IN_DIR(the_directory_is_for_its_owner_only),
		IN_DIR(a_store_is_open_once),
		IN_DIR(a_newer_format_is_refused),
		IN_DIR(a_table_may_come_or_go_but_not_change_its_partition),
		IN_DIR(somebody_elses_database_is_refused),
		IN_DIR(a_rotten_row_is_never_given_out),
		IN_DIR(a_check_finds_rows_in_the_wrong_place),
		IN_DIR(a_checkpoint_is_a_store_of_its_own),
		IN_DIR(a_batch_over_the_limit_fails_alone_and_closes_its_gate),
		IN_DIR(an_empty_batch_is_done_in_its_turn),
		IN_DIR(reads_wait_for_a_repair_and_equal_ones_share_a_flight),
		IN_DIR(reads_fail_when_a_repair_takes_too_long),
		IN_DIR(a_large_scan_goes_to_a_reader),
		IN_DIR(fibers_wait_for_the_readers),
		IN_DIR(two_cores_get_their_own_completions_in_order),
		IN_DIR(without_room_writes_are_refused_and_reads_go_on),
		IN_DIR(a_log_that_met_a_full_disk_is_repaired_when_there_is_room),
		IN_DIR(a_refused_write_waits_for_room_of_its_size),
		IN_DIR(a_full_disk_does_not_open_and_says_so),
	};

	log_set_level(LOG_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
