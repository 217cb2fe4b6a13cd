/* The database itself: its options, opening, closing, repair, the epoch, the room on its disk.
 *
 * Two column families only, as each costs memory: messages, and all the rest. What the options follow from
 * was measured: no memtable bloom (it is allocated whole at the opening), one block cache for all, filters over
 * keys and over partitions, the log of RocksDB at level FATAL, since a full disk under its log aborts the process. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "store/rocks/rocks.h"

enum {
	FORMAT = 1,
	KB = 1024,
	MB = 1024 * KB,
	CACHE_BYTES = 64 * MB,
	RESERVE_BYTES = 256 * MB,
	OPEN_ROOM = 16 * MB,	     /* below, do not even try to open */
	ROOM_LOOK_US = 20 * 1000,  /* looks at the room of the disk are this far apart, */
	ROOM_LOOK_BYTES = 1 * MB,  /* or this much was written */
	LOG_FATAL = 4,	       /* RocksDB's */
	COMPRESS_LZ4 = 4,
	COMPRESS_ZSTD = 7,
};

static const char *const cf_names[CF_COUNT] = { "default", "messages" };
static const struct str key_format = { "\0format", 7 }, key_epoch = { "\0epoch", 6 },
			key_partitions = { "\0partitions", 11 };

int rocks_error(char *err)
{
	int r = -EIO;

	if (!err)
		return 0;
	if (strstr(err, "No space left") || strstr(err, "quota"))
		r = -ENOSPC;
	else if (strstr(err, "LOCK") && strstr(err, "lock"))
		r = -EBUSY;
	else if (str_starts(str_z(err), S("Result incomplete")))
		r = -EAGAIN;
	else if (str_starts(str_z(err), S("Corruption")))
		r = -EBADMSG;
	else if (strstr(err, "Column families not opened"))
		r = -EPROTO;
	rocksdb_free(err);
	return r;
}

/* -- waiting -- */

void rocks_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

bool rocks_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t at_us)
{
	struct timespec until;

	if (!at_us) {
		pthread_cond_wait(cond, mutex);
		return true;
	}
	/* The clock's time may run on while the machine sleeps, a condition's does not: go by the difference. */
	uint64_t now = clock_mono_us(&clock_real);
	if (now >= at_us)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &until);
	uint64_t ns = (uint64_t)until.tv_nsec + (at_us - now) % 1000000 * 1000;
	until.tv_sec += (time_t)((at_us - now) / 1000000 + ns / 1000000000);
	until.tv_nsec = (long)(ns % 1000000000);
	return pthread_cond_timedwait(cond, mutex, &until) != ETIMEDOUT;
}

/* -- the prefix of a key: table and partition -- */

static char *prefix_of(void *state, const char *key, size_t len, size_t *ret_len)
{
	(void)state;
	*ret_len = store_partition((struct str){ key, len }).len;
	return (char *)(uintptr_t)key;
}

static unsigned char prefix_in_domain(void *state, const char *key, size_t len)
{
	(void)state;
	return len && len >= 1 + store_partition_len((uint8_t)key[0]);
}

static unsigned char prefix_in_range(void *state, const char *key, size_t len)
{
	(void)state;
	(void)key;
	(void)len;
	return 0;
}

/* Filters are made by prefixes, so for a table with rows they stay for ever: see partitions_open(). */
static const char *prefix_name(void *state)
{
	(void)state;
	return "partition";
}

static void prefix_free(void *state)
{
	(void)state;
}

static rocksdb_slicetransform_t *prefix_new(void)
{
	return rocksdb_slicetransform_create(NULL, prefix_free, prefix_of, prefix_in_domain,
					     prefix_in_range, prefix_name);
}

static uint64_t memtables_max(uint64_t cache_bytes)
{
	return MIN(MAX(cache_bytes / 2, (uint64_t)8 * MB), (uint64_t)64 * MB);
}

/* Of the write-ahead log, all files. */
static uint64_t log_max(uint64_t cache_bytes)
{
	return 2 * memtables_max(cache_bytes);
}

static rocksdb_options_t *options_new(uint64_t cache_bytes, rocksdb_cache_t *cache, bool messages)
{
	rocksdb_options_t *o = rocksdb_options_create();
	rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
	uint64_t memtables = memtables_max(cache_bytes);

	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_create_missing_column_families(o, 1);
	rocksdb_options_set_info_log_level(o, LOG_FATAL);
	rocksdb_options_set_keep_log_file_num(o, 1);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	rocksdb_options_set_stats_persist_period_sec(o, 0);
	rocksdb_options_set_max_manifest_file_size(o, 4 * MB);
	/* More files than this are opened and closed as they are needed: 32 GB are open at once. */
	rocksdb_options_set_max_open_files(o, 512);
	rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
	rocksdb_options_set_skip_checking_sst_file_sizes_on_db_open(o, 1);

	/* One writer only. A small arena block: an idle memtable costs one. */
	rocksdb_options_set_allow_concurrent_memtable_write(o, 0);
	rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);
	rocksdb_options_set_write_buffer_size(o, memtables / 2);
	rocksdb_options_set_max_write_buffer_number(o, 4);
	rocksdb_options_set_db_write_buffer_size(o, memtables);
	rocksdb_options_set_arena_block_size(o, 128 * KB);
	/* Bounds the replay at the opening after a crash: about 200,000 rows. */
	rocksdb_options_set_max_total_wal_size(o, log_max(cache_bytes));
	rocksdb_options_set_bytes_per_sync(o, MB);

	rocksdb_options_set_max_background_jobs(o, 2);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
	rocksdb_options_set_target_file_size_base(o, 64 * MB);
	rocksdb_options_set_compression(o, COMPRESS_LZ4);
	rocksdb_options_set_bottommost_compression(o, COMPRESS_ZSTD);
	/* No rate limiter: a replayed log is flushed through it, and 64 MB took a second and a half. */

	rocksdb_options_set_prefix_extractor(o, prefix_new());
	rocksdb_block_based_options_set_format_version(t, 5);
	rocksdb_block_based_options_set_block_size(t, messages ? 16 * KB : 8 * KB);
	rocksdb_block_based_options_set_block_cache(t, cache);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(t, 1);
	rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
	rocksdb_block_based_options_set_whole_key_filtering(t, 1);
	rocksdb_block_based_options_set_filter_policy(
		t, rocksdb_filterpolicy_create_ribbon_hybrid(10, 1));
	rocksdb_options_set_block_based_table_factory(o, t);
	rocksdb_block_based_options_destroy(t);
	return o;
}

/* -- passes -- */

bool rocks_enter(struct rocks *r, uint32_t pass)
{
	atomic_fetch_add(&r->pass[pass].inside, 1);
	if (!atomic_load(&r->shut))
		return true;
	rocks_leave(r, pass);
	return false;
}

void rocks_leave(struct rocks *r, uint32_t pass)
{
	atomic_fetch_sub(&r->pass[pass].inside, 1);
}

static void pass_shut(struct rocks *r)
{
	atomic_store(&r->shut, true);
	for (uint32_t i = 0; i < PASS_COUNT; i++)
		while (atomic_load(&r->pass[i].inside))
			usleep(200); /* a repair is rare, and short beside this */
}

/* -- meta rows -- */

static int meta_get(struct rocks *r, struct str key, void *ret, size_t size)
{
	char *err = NULL;
	size_t len = 0;
	char *row = rocksdb_get_cf(r->db, r->get_disk, r->cf[CF_REST], key.ptr, key.len, &len,
				   &err);
	struct str value;
	int e = rocks_error(err);

	if (e)
		return err_trace(e);
	if (!row)
		return ENOENT;
	e = store_row_open(key, (struct str){ row, len }, &value, NULL);
	if (!e && value.len != size)
		e = -EBADMSG;
	if (!e)
		memcpy(ret, value.ptr, size);
	rocksdb_free(row);
	return err_trace(e);
}

static int meta_get_number(struct rocks *r, struct str key, uint64_t *ret)
{
	int e = meta_get(r, key, ret, sizeof(*ret));

	if (!e)
		*ret = __builtin_bswap64(*ret);
	return e;
}

static void meta_put(struct rocks *r, struct str key, struct str value)
{
	/* Through a batch, so that rows have one maker. */
	struct store_batch *batch = store_batch_new(NULL, NULL);
	struct store_op op;
	size_t at = 0;

	store_batch_put(batch, key, value);
	store_batch_next(batch, &at, &op);
	store_op_stamp(&op, r->epoch << 36);
	rocksdb_writebatch_put_cf(r->writes, r->cf[CF_REST], key.ptr, key.len, op.row, op.row_len);
	store_batch_free(batch);
}

static void meta_put_number(struct rocks *r, struct str key, uint64_t n)
{
	n = __builtin_bswap64(n);
	meta_put(r, key, (struct str){ (char *)&n, sizeof(n) });
}

int rocks_raise_epoch(struct rocks *r)
{
	char *err = NULL;

	if (r->epoch + 1 >= 1u << 27)
		return -EOVERFLOW; /* versions of 64 bits, signed, have 27 for it */
	r->epoch++;
	r->counter = 0;
	rocksdb_writebatch_clear(r->writes);
	meta_put_number(r, key_format, FORMAT);
	meta_put_number(r, key_epoch, r->epoch);
	meta_put(r, key_partitions,
		 (struct str){ (char *)store_partition_lens, sizeof(store_partition_lens) });
	rocksdb_write(r->db, r->write_sync, r->writes, &err);
	rocksdb_writebatch_clear(r->writes);
	return err_trace(rocks_error(err));
}

/* A database without our format is a new one, or it is somebody else's. */
static bool is_empty(struct rocks *r)
{
	bool empty = true;

	for (int i = 0; i < CF_COUNT; i++) {
		rocksdb_iterator_t *it = rocksdb_create_iterator_cf(r->db, r->get_disk, r->cf[i]);

		rocksdb_iter_seek_to_first(it);
		empty = empty && !rocksdb_iter_valid(it);
		rocksdb_iter_destroy(it);
	}
	return empty;
}

/* A table whose partition were of another length than when its rows were written would not find them. */
static int partitions_open(struct rocks *r)
{
	uint8_t lens[256] = {};
	int e = meta_get(r, key_partitions, lens, sizeof(lens));

	if (e)
		return e < 0 ? e : 0;
	for (int table = 0; table < 256; table++) {
		uint8_t now = store_partition_lens[table];

		if (lens[table] == STORE_TABLE_NONE || now == STORE_TABLE_NONE ||
		    lens[table] == now)
			continue;
		log_error("store has other partitions than this program dir=%s table=%d stored=%d "
			  "known=%d",
			  r->dir, table, lens[table], now);
		return -EPROTO;
	}
	return 0;
}

static int meta_open(struct rocks *r)
{
	uint64_t format = 0, epoch = 0;
	int e = meta_get_number(r, key_format, &format);

	if (e == ENOENT && !is_empty(r)) {
		log_error("not a store of ours dir=%s", r->dir);
		return -EPROTO;
	}
	if (e < 0)
		return e;
	if (format > FORMAT) {
		log_error("store was written by a newer version dir=%s format=%llu known=%d",
			  r->dir, (unsigned long long)format, FORMAT);
		return -EPROTO;
	}
	e = partitions_open(r);
	if (e)
		return e;
	e = meta_get_number(r, key_epoch, &epoch);
	if (e < 0)
		return e;
	r->epoch = MAX(r->epoch, epoch);
	return rocks_raise_epoch(r);
}

/* -- room -- */

static uint64_t room_free(const struct rocks *r)
{
	struct statvfs vfs;

	if (statvfs(r->dir, &vfs))
		return UINT64_MAX; /* then the write itself will tell */
	return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

bool rocks_room(struct rocks *r, uint64_t extra)
{
	uint64_t now = clock_mono_us(&clock_real);

	r->room_written += extra;
	if (!r->trouble && now - r->room_checked_us < ROOM_LOOK_US &&
	    r->room_written < ROOM_LOOK_BYTES)
		return true;
	r->room_checked_us = now;
	r->room_written = extra;
	uint64_t need = r->reserve_bytes + extra;
	/* Somewhat more to come back than to stay, so that nobody is restarted time and again; and to open,
	 * what is in the log must become a file of its own before the log can go. */
	if (r->trouble)
		need += r->reserve_bytes / 8;
	if (r->broken)
		need = MAX(need, r->log_bytes_max + OPEN_ROOM);
	return room_free(r) >= need;
}

/* -- opening and closing -- */

int rocks_db_open(struct rocks *r)
{
	const rocksdb_options_t *options[CF_COUNT] = { r->options[0], r->options[1] };
	char *err = NULL;

	if (room_free(r) < OPEN_ROOM) {
		log_error("no room to open the store dir=%s", r->dir);
		return -ENOSPC;
	}
	r->db = rocksdb_open_column_families(r->options[CF_REST], r->dir, CF_COUNT, cf_names,
					     options, r->cf, &err);
	if (err) {
		char *text = mem_strdup(err);
		int e = rocks_error(err);

		/* In a repair this comes every second, and that writes are refused was said. */
		log_at(r->broken ? LOG_DEBUG : LOG_ERROR, "%s dir=%s text=\"%s\"",
		       e == -EBUSY ? "the store is open already, in this process or another"
				   : "store does not open",
		       r->dir, text);
		free(text);
		r->db = NULL;
		return e;
	}
	int e = meta_open(r);
	if (e)
		rocks_db_close(r);
	return e;
}

void rocks_db_close(struct rocks *r)
{
	if (!r->db)
		return;
	rocksdb_cancel_all_background_work(r->db, 1);
	for (int i = 0; i < CF_COUNT; i++)
		rocksdb_column_family_handle_destroy(r->cf[i]);
	rocksdb_close(r->db);
	r->db = NULL;
}

int rocks_db_reopen(struct rocks *r)
{
	pass_shut(r);
	rocks_db_close(r);
	int e = rocks_db_open(r);
	if (e)
		return e;
	atomic_store(&r->shut, false);
	rocks_readers_wake(r);
	return 0;
}

static bool is_refusing(struct store *store)
{
	return atomic_load(&rocks_of(store)->refusing);
}

static void rocks_free(struct rocks *r)
{
	for (int i = 0; i < CF_COUNT; i++)
		if (r->options[i])
			rocksdb_options_destroy(r->options[i]);
	rocksdb_writeoptions_destroy(r->write_plain);
	rocksdb_writeoptions_destroy(r->write_sync);
	rocksdb_readoptions_destroy(r->get_memory);
	rocksdb_readoptions_destroy(r->get_disk);
	rocksdb_writebatch_destroy(r->writes);
	rocksdb_cache_destroy(r->cache);
	free(r->dir);
	free(r);
}

static void rocks_close(struct store *store)
{
	struct rocks *r = rocks_of(store);
	rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();

	rocks_readers_stop(r);
	rocks_committer_stop(r);
	/* So that the next opening has no log to replay. When it fails the log is still there. */
	rocksdb_flushoptions_set_wait(flush, 1);
	for (int i = 0; r->db && !r->trouble && i < CF_COUNT; i++) {
		char *err = NULL;

		rocksdb_flush_cf(r->db, flush, r->cf[i], &err);
		if (rocks_error(err))
			log_warn("store not flushed, the next opening replays its log dir=%s",
				 r->dir);
	}
	rocksdb_flushoptions_destroy(flush);
	rocks_db_close(r);
	rocks_free(r);
}

static void limit_cache(struct store *store, uint64_t bytes)
{
	struct rocks *r = rocks_of(store);

	rocksdb_cache_set_capacity(r->cache, bytes ? MIN(bytes, r->cache_bytes) : r->cache_bytes);
}

static const struct store_ops ops = {
	.commit = rocks_commit,
	.read = rocks_read,
	.checkpoint = rocks_checkpoint,
	.check = rocks_check,
	.close = rocks_close,
	.refusing = is_refusing,
	.cache_limit = limit_cache,
};

static void rocks_configure(struct rocks *r, const struct store_rocks_config *config)
{
	uint64_t cache_bytes = config->cache_bytes ? config->cache_bytes : CACHE_BYTES;
	rocksdb_cache_t *cache = rocksdb_cache_create_lru(cache_bytes / 2);

	r->store.ops = &ops;
	r->dir = mem_strdup(config->dir);
	r->reserve_bytes = config->reserve_bytes ? config->reserve_bytes : RESERVE_BYTES;
	r->sync_interval_ms = config->sync_interval_ms;
	for (int i = 0; i < CF_COUNT; i++)
		r->options[i] = options_new(cache_bytes, cache, i == CF_MESSAGES);
	r->cache = cache;
	r->cache_bytes = cache_bytes / 2;
	r->epoch = config->epoch_min;
	r->log_bytes_max = log_max(cache_bytes);
	r->write_plain = rocksdb_writeoptions_create();
	r->write_sync = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(r->write_sync, 1);
	r->get_memory = rocksdb_readoptions_create();
	rocksdb_readoptions_set_read_tier(r->get_memory, 1); /* kBlockCacheTier */
	r->get_disk = rocksdb_readoptions_create();
	rocksdb_readoptions_set_total_order_seek(r->get_disk, 1);
	r->writes = rocksdb_writebatch_create();
}

int store_rocks_open(const struct store_rocks_config *config, struct store **ret_store)
{
	if (mkdir(config->dir, 0700) && errno != EEXIST) {
		int e = -errno;

		log_error("cannot make the store's directory dir=%s text=\"%s\"", config->dir,
			  strerror(-e));
		return e;
	}
	struct rocks *r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);
	if (!r)
		abort();
	memset(r, 0, sizeof(*r));
	rocks_configure(r, config);
	int e = rocks_db_open(r);
	if (!e)
		e = rocks_readers_start(r, config->readers ? config->readers : 2);
	if (!e) {
		e = rocks_committer_start(r);
		if (e)
			rocks_readers_stop(r);
	}
	if (e) {
		rocks_db_close(r);
		rocks_free(r);
		return e;
	}
	r->store.epoch = r->epoch;
	*ret_store = &r->store;
	return 0;
}
