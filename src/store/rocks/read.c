/* Reads. A core tries each at once with what is in memory; what needs the disk becomes a *flight*: a copy of the
 * question in a queue for the reader threads. A question that equals one still in the queue joins it; one
 * that a reader has begun is not joined, since it may miss what was written after it began. The answer is
 * gathered in the flight's own arena, as a request's arena belongs to its core, and copied there. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "store/rocks/rocks.h"

enum {
	WAIT_US = 3000 * 1000, /* for a repair, from the question on */
	CORE_SKIPS = 1000, /* deleted rows that a core looks over, */
	CORE_ROWS = 512, /* rows, */
	CORE_BYTES = 512 * 1024, /* and bytes that it gathers, before a reader takes over */
	CACHED_ROWS = 10000, /* a scan that asks for more leaves the cache as it is */
};

struct store_flight {
	struct store_flight *next, *hash_next;
	uint64_t hash;
	uint64_t deadline_us;
	struct msg *waiters; /* store_read.msg, linked */
	_Atomic uint32_t refs; /* waiters who have not copied yet */
	struct arena arena;
	struct store_read question; /* its strings lie in the arena */
};

/* -- asking the database -- */

static int get(struct rocks *r, struct store_read *read, bool memory)
{
	char *err = NULL;
	size_t len;
	uint32_t cap = 0;
	struct str value;

	if (read->key.len > STORE_KEY_MAX)
		return ENOENT;
	rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(
		r->db, memory ? r->get_memory : r->get_disk, rocks_cf(r, read->key), read->key.ptr,
		read->key.len, &err);
	if (err)
		return rocks_error(err);
	if (!slice)
		return ENOENT;
	const char *row = rocksdb_pinnableslice_value(slice, &len);
	int e = store_row_open(read->key, (struct str){ row, len }, &value, NULL);
	if (!e)
		store_read_add(read, &cap, read->key, value);
	rocksdb_pinnableslice_destroy(slice);
	return e;
}

static void seek(rocksdb_iterator_t *it, const struct store_read *read,
		 const struct store_range *range)
{
	if (!read->reverse) {
		rocksdb_iter_seek(it, range->lo.ptr, range->lo.len);
		return;
	}
	if (!range->hi_is_end) {
		rocksdb_iter_seek_for_prev(it, range->hi.ptr, range->hi.len);
		return;
	}
	/* The end of the prefix lies in another partition, and the filters, asked for that one, would hide files
	 * that have ours. This lies in ours, and no key is above it. */
	char last[STORE_KEY_MAX];
	memcpy(last, read->key.ptr, read->key.len);
	memset(last + read->key.len, 0xff, sizeof(last) - read->key.len);
	rocksdb_iter_seek_for_prev(it, last, sizeof(last));
}

static int gather(rocksdb_iterator_t *it, struct store_read *read, const struct store_range *range,
		  bool memory)
{
	uint32_t limit = store_read_limit(read), cap = 0;
	size_t bytes = 0, len;
	char *err = NULL;

	for (; read->count < limit && rocksdb_iter_valid(it);
	     read->reverse ? rocksdb_iter_prev(it) : rocksdb_iter_next(it)) {
		struct str key, row, value;

		key.ptr = rocksdb_iter_key(it, &len);
		key.len = len;
		if (range->hi.ptr && store_key_cmp(key, range->hi) >= 0)
			continue; /* `to` itself, backwards */
		row.ptr = rocksdb_iter_value(it, &len);
		row.len = len;
		bytes += key.len + row.len;
		if (memory && (read->count == CORE_ROWS || bytes > CORE_BYTES))
			return -EAGAIN;
		if (bytes > STORE_SCAN_BYTES_MAX)
			return -E2BIG;
		int e = store_row_open(key, row, &value, NULL);
		if (e)
			return e;
		store_read_add(read, &cap, key, value);
	}
	rocksdb_iter_get_error(it, &err);
	return rocks_error(err);
}

static int scan(struct rocks *r, struct store_read *read, bool memory)
{
	struct store_range range;

	if (!store_range_init(&range, read))
		return 0;
	bool whole = store_partition(read->key).len <
		1 + store_partition_len((uint8_t)read->key.ptr[0]);
	rocksdb_readoptions_t *options = rocksdb_readoptions_create();
	if (memory) {
		rocksdb_readoptions_set_read_tier(options, 1);
		rocksdb_readoptions_set_max_skippable_internal_keys(options, CORE_SKIPS);
	}
	/* So many rows are taken into memory by whoever asks; in the cache they would only drive out others. */
	if (read->limit > CACHED_ROWS)
		rocksdb_readoptions_set_fill_cache(options, 0);
	rocksdb_readoptions_set_total_order_seek(options, whole);
	rocksdb_readoptions_set_prefix_same_as_start(options, !whole);
	rocksdb_readoptions_set_iterate_lower_bound(options, range.lo.ptr, range.lo.len);
	/* Backwards there is none: RocksDB would seek from the bound instead of from where it is told. */
	if (range.hi.ptr && !read->reverse)
		rocksdb_readoptions_set_iterate_upper_bound(options, range.hi.ptr, range.hi.len);
	rocksdb_iterator_t *it = rocksdb_create_iterator_cf(r->db, options, rocks_cf(r, read->key));
	seek(it, read, &range);
	int e = gather(it, read, &range, memory);
	rocksdb_iter_destroy(it);
	rocksdb_readoptions_destroy(options);
	return e;
}

static int answer(struct rocks *r, struct store_read *read, bool memory)
{
	read->rows = NULL;
	read->count = 0;
	int e = read->scan ? scan(r, read, memory) : get(r, read, memory);
	if (e) {
		read->rows = NULL;
		read->count = 0;
	}
	return e;
}

/* -- flights -- */

static uint64_t hash_of(const struct store_read *read)
{
	uint64_t h = XXH3_64bits(read->key.ptr, read->key.len);

	h = XXH3_64bits_withSeed(read->from.ptr, read->from.ptr ? read->from.len : 0, h);
	h = XXH3_64bits_withSeed(read->to.ptr, read->to.ptr ? read->to.len : 0, h);
	return h ^ (read->scan | (uint64_t)read->reverse << 1 | (uint64_t)read->limit << 2);
}

static bool same_view(struct str a, struct str b)
{
	return !a.ptr == !b.ptr && str_eq(a, b);
}

static bool same_question(const struct store_read *a, const struct store_read *b)
{
	return a->scan == b->scan && a->reverse == b->reverse && a->limit == b->limit &&
		str_eq(a->key, b->key) && same_view(a->from, b->from) && same_view(a->to, b->to);
}

static struct store_flight *flight_new(const struct store_read *read, uint64_t hash)
{
	struct store_flight *flight = mem_zalloc(sizeof(*flight));

	flight->hash = hash;
	flight->deadline_us = clock_mono_us(&clock_real) + WAIT_US;
	arena_init(&flight->arena);
	flight->question = (struct store_read){
		.arena = &flight->arena,
		.key = arena_str(&flight->arena, read->key),
		.from = arena_str(&flight->arena, read->from),
		.to = arena_str(&flight->arena, read->to),
		.scan = read->scan,
		.reverse = read->reverse,
		.limit = read->limit,
	};
	return flight;
}

static void flight_unref(struct store_flight *flight)
{
	if (atomic_fetch_sub_explicit(&flight->refs, 1, memory_order_acq_rel) != 1)
		return;
	arena_done(&flight->arena);
	free(flight);
}

static void on_landed(struct core *core, struct msg *msg)
{
	struct store_read *read = container_of(msg, struct store_read, msg);
	struct store_flight *flight = read->flight;
	const struct store_read *from = &flight->question;

	read->flight = NULL;
	read->result = from->result;
	read->count = from->count;
	read->rows = arena_array(read->arena, struct store_row, from->count);
	for (uint32_t i = 0; i < from->count; i++) {
		read->rows[i].key = arena_str(read->arena, from->rows[i].key);
		read->rows[i].value = arena_str(read->arena, from->rows[i].value);
	}
	flight_unref(flight);
	read->done(core, read);
}

static void queue(struct rocks *r, struct store_read *read)
{
	uint64_t hash = hash_of(read);
	struct store_flight **slot = &r->flight_hash[hash & 255], *flight;

	pthread_mutex_lock(&r->read_mutex);
	for (flight = *slot; flight; flight = flight->hash_next)
		if (flight->hash == hash && same_question(&flight->question, read))
			break;
	if (!flight) {
		flight = flight_new(read, hash);
		flight->hash_next = *slot;
		*slot = flight;
		if (r->flight_tail)
			r->flight_tail->next = flight;
		else
			r->flight_head = flight;
		r->flight_tail = flight;
		pthread_cond_signal(&r->read_cond);
	}
	read->flight = flight;
	read->msg.run = on_landed;
	read->msg.next = flight->waiters;
	flight->waiters = &read->msg;
	atomic_fetch_add_explicit(&flight->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&r->read_mutex);
}

bool rocks_read(struct store *store, struct store_read *read)
{
	struct rocks *r = rocks_of(store);
	uint32_t pass = core_index(read->core);

	assert(pass < PASS_SHARED);
	if (rocks_enter(r, pass)) {
		int e = answer(r, read, true);

		rocks_leave(r, pass);
		if (e != -EAGAIN) {
			read->result = e == -ENOSPC ? -EIO : e;
			atomic_fetch_add_explicit(&r->store.stats.reads_memory, 1,
						  memory_order_relaxed);
			return true;
		}
	}
	atomic_fetch_add_explicit(&r->store.stats.reads_disk, 1, memory_order_relaxed);
	queue(r, read);
	return false;
}

/* -- reader threads -- */

/* Waits for the store to be open, until the flight's deadline. */
static int answer_wait(struct rocks *r, struct store_flight *flight)
{
	while (!rocks_enter(r, PASS_SHARED)) {
		bool more = true;

		pthread_mutex_lock(&r->read_mutex);
		while (atomic_load(&r->shut) && more && !r->read_stopping)
			more = rocks_wait_until(&r->open_cond, &r->read_mutex, flight->deadline_us);
		bool stopping = r->read_stopping;
		pthread_mutex_unlock(&r->read_mutex);
		if (!more || (stopping && atomic_load(&r->shut)))
			return -EIO;
	}
	int e = answer(r, &flight->question, false);
	rocks_leave(r, PASS_SHARED);
	return e == -EAGAIN || e == -ENOSPC ? -EIO : e;
}

/* The next flight, which from now on nobody joins. NULL at the end. */
static struct store_flight *take(struct rocks *r)
{
	pthread_mutex_lock(&r->read_mutex);
	while (!r->flight_head && !r->read_stopping)
		pthread_cond_wait(&r->read_cond, &r->read_mutex);
	struct store_flight *flight = r->flight_head;
	if (flight) {
		struct store_flight **at = &r->flight_hash[flight->hash & 255];

		r->flight_head = flight->next;
		if (!r->flight_head)
			r->flight_tail = NULL;
		while (*at != flight)
			at = &(*at)->hash_next;
		*at = flight->hash_next;
	}
	pthread_mutex_unlock(&r->read_mutex);
	return flight;
}

static void *reader_main(void *arg)
{
	struct rocks *r = arg;
	struct store_flight *flight;

	while ((flight = take(r))) {
		flight->question.result = answer_wait(r, flight);
		for (struct msg *msg = flight->waiters, *next; msg; msg = next) {
			/* The last post may free the flight. */
			next = msg->next;
			core_post(container_of(msg, struct store_read, msg)->core, msg);
		}
	}
	return NULL;
}

void rocks_readers_wake(struct rocks *r)
{
	pthread_mutex_lock(&r->read_mutex);
	pthread_cond_broadcast(&r->open_cond);
	pthread_mutex_unlock(&r->read_mutex);
}

int rocks_readers_start(struct rocks *r, uint32_t count)
{
	pthread_mutex_init(&r->read_mutex, NULL);
	rocks_cond_init(&r->read_cond);
	rocks_cond_init(&r->open_cond);
	r->readers = mem_zalloc(count * sizeof(*r->readers));
	for (; r->reader_count < count; r->reader_count++) {
		int e = pthread_create(&r->readers[r->reader_count], NULL, reader_main, r);

		if (e) {
			rocks_readers_stop(r);
			return -e;
		}
	}
	return 0;
}

void rocks_readers_stop(struct rocks *r)
{
	pthread_mutex_lock(&r->read_mutex);
	r->read_stopping = true;
	pthread_cond_broadcast(&r->read_cond);
	pthread_cond_broadcast(&r->open_cond);
	pthread_mutex_unlock(&r->read_mutex);
	while (r->reader_count)
		pthread_join(r->readers[--r->reader_count], NULL);
	free(r->readers);
	pthread_cond_destroy(&r->read_cond);
	pthread_cond_destroy(&r->open_cond);
	pthread_mutex_destroy(&r->read_mutex);
}
