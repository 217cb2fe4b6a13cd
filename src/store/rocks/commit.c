/* The committer: takes all batches that wait, writes them as one with one sync, completes them in order.
 *
 * When a write fails nothing is known of the log, so the database is closed and opened again: at once when there
 * is room, and then the owners of the failed batches hear of it only afterwards and load what really is
 * there; else later, every time there may be room, while writes are refused and reads go on. In that second case rows
 * of the failed round may come to light at the opening, so its gates are closed once more. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/rocks/rocks.h"

enum {
	ROUND_BYTES = 8
		<< 20, /* a round takes no more batches after these, so that memory and waits are bounded */
	POLL_US = 250 * 1000, /* between looks for room while refusing */
	RETRY_US = 1000 * 1000, /* between openings that fail */
	DROP_PIECE = 1000000, /* rows */
};

static void stat_add(_Atomic uint64_t *stat, uint64_t n)
{
	atomic_fetch_add_explicit(stat, n, memory_order_relaxed);
}

void rocks_commit(struct store *store, struct store_batch *batch)
{
	struct rocks *r = rocks_of(store);
	bool wake;

	stat_add(&r->store.stats.queued, 1);
	batch->msg.next = NULL;
	pthread_mutex_lock(&r->mutex);
	if (r->tail)
		r->tail->next = &batch->msg;
	else
		r->head = &batch->msg;
	r->tail = &batch->msg;
	wake = r->asleep;
	r->asleep = false;
	pthread_mutex_unlock(&r->mutex);
	if (wake)
		pthread_cond_signal(&r->cond);
}

static uint64_t version_next(struct rocks *r)
{
	return r->epoch << 36 | ++r->counter;
}

/* -- drops -- */

/* Deletes what is in the database with @prefix, no more than DROP_PIECE rows, whose number is set. Not by RocksDB's
 * own range deletion: with that, iterators up to its version 8.5 lose the errors of single files (its pull request
 * 11786), "not in memory" among them, and leave out rows instead. */
static int drop_some(struct rocks *r, rocksdb_writebatch_t *writes, struct str prefix,
		     uint32_t *ret_count)
{
	rocksdb_readoptions_t *options = rocksdb_readoptions_create();
	rocksdb_column_family_handle_t *cf = rocks_cf(r, prefix);
	char end[STORE_KEY_MAX], *err = NULL;
	struct str hi = store_prefix_end(prefix, end);
	uint32_t count = 0;
	size_t len;

	rocksdb_readoptions_set_prefix_same_as_start(options, 1);
	rocksdb_readoptions_set_fill_cache(options, 0);
	if (hi.ptr)
		rocksdb_readoptions_set_iterate_upper_bound(options, hi.ptr, hi.len);
	rocksdb_iterator_t *it = rocksdb_create_iterator_cf(r->db, options, cf);
	rocksdb_iter_seek(it, prefix.ptr, prefix.len);
	for (; count < DROP_PIECE && rocksdb_iter_valid(it); rocksdb_iter_next(it), count++) {
		const char *key = rocksdb_iter_key(it, &len);

		rocksdb_writebatch_delete_cf(writes, cf, key, len);
	}
	rocksdb_iter_get_error(it, &err);
	rocksdb_iter_destroy(it);
	rocksdb_readoptions_destroy(options);
	*ret_count = count;
	return rocks_error(err);
}

static int drop_piece(struct rocks *r, struct str prefix)
{
	rocksdb_writebatch_t *piece = rocksdb_writebatch_create();
	char *err = NULL;
	uint32_t count;
	int e = drop_some(r, piece, prefix, &count);

	if (!e) {
		rocksdb_write(r->db, r->write_plain, piece, &err);
		e = rocks_error(err);
	}
	rocksdb_writebatch_destroy(piece);
	return e;
}

/* The last piece becomes part of the round. The batch is the first of its round, so that the database knows all
 * that was put before it; but for what it has put itself, up to @until. */
static int drop(struct rocks *r, const struct store_batch *batch, size_t until, struct str prefix)
{
	struct store_op op;
	uint32_t count;

	for (size_t at = 0; at < until && store_batch_next(batch, &at, &op);)
		if (op.kind == OP_PUT && str_starts(op.key, prefix))
			rocksdb_writebatch_delete_cf(r->writes, rocks_cf(r, op.key), op.key.ptr,
						     op.key.len);
	for (;;) {
		rocksdb_writebatch_set_save_point(r->writes);
		int e = drop_some(r, r->writes, prefix, &count);
		if (!e && count < DROP_PIECE) {
			rocksdb_writebatch_pop_save_point(r->writes, &(char *){ NULL });
			return 0;
		}
		rocksdb_writebatch_rollback_to_save_point(r->writes, &(char *){ NULL });
		if (!e)
			e = drop_piece(r, prefix);
		if (e)
			return e;
	}
}

/* Puts the operations of @batch into the round. On failure (of a drop, with which a round begins) the round is
 * empty as before. */
static int encode(struct rocks *r, struct store_batch *batch)
{
	struct store_op op;
	int e;

	for (size_t at = 0; store_batch_next(batch, &at, &op);) {
		rocksdb_column_family_handle_t *cf = rocks_cf(r, op.key);

		switch (op.kind) {
		case OP_PUT:
			store_op_stamp(&op, version_next(r));
			rocksdb_writebatch_put_cf(r->writes, cf, op.key.ptr, op.key.len, op.row,
						  op.row_len);
			break;
		case OP_DEL:
			rocksdb_writebatch_delete_cf(r->writes, cf, op.key.ptr, op.key.len);
			break;
		case OP_DROP:
			e = drop(r, batch, at, op.key);
			if (e) {
				rocksdb_writebatch_clear(r->writes);
				return e == -ENOSPC ? e : -EIO;
			}
			break;
		}
	}
	return 0;
}

static int sync_log(struct rocks *r)
{
	char *err = NULL;

	rocksdb_flush_wal(r->db, 1, &err);
	r->unsynced_us = 0;
	stat_add(&r->store.stats.syncs, 1);
	if (err)
		log_warn("store's log does not sync text=\"%s\"", err);
	return rocks_error(err);
}

static int write_round(struct rocks *r)
{
	bool sync = r->sync_interval_ms < 0;
	char *err = NULL;

	rocksdb_write(r->db, sync ? r->write_sync : r->write_plain, r->writes, &err);
	if (err) {
		log_warn("store's log does not take a write, refusing until it is repaired "
			 "text=\"%s\"",
			 err);
		return rocks_error(err) == -ENOSPC ? -ENOSPC : -EIO;
	}
	if (sync)
		stat_add(&r->store.stats.syncs, 1);
	else if (r->sync_interval_ms > 0 && !r->unsynced_us)
		r->unsynced_us = clock_mono_us(&clock_real);
	return 0;
}

/* -- trouble -- */

static void trouble_begin(struct rocks *r, int why, bool broken)
{
	if (!r->trouble && !broken)
		log_warn("no room for writes, refusing them until there is dir=%s", r->dir);
	r->trouble = why;
	r->broken = r->broken || broken;
	atomic_store(&r->refusing, true);
}

static void suspects_close(struct rocks *r)
{
	for (uint32_t i = 0; i < r->suspect_count; i++) {
		store_gate_close(r->suspects[i]);
		store_gate_unref(r->suspects[i]);
	}
	free(r->suspects);
	r->suspects = NULL;
	r->suspect_count = 0;
}

/* Tries to get back to work. True when that is done. */
static bool trouble_end(struct rocks *r)
{
	uint64_t now = clock_mono_us(&clock_real);

	if (now < r->retry_us)
		return false;
	r->retry_us = now + POLL_US;
	if (!rocks_room(r, r->refused_bytes))
		return false;
	/* Even if only room was lacking: a flush may have failed meanwhile, and writes then fail until
	 * RocksDB has tried that again. A write of our own shows it before somebody else's does. */
	if (!r->broken && rocks_raise_epoch(r))
		r->broken = true;
	if (r->broken && rocks_db_reopen(r)) {
		r->retry_us = clock_mono_us(&clock_real) + RETRY_US;
		return false;
	}
	suspects_close(r);
	r->broken = false;
	r->trouble = 0;
	r->retry_us = 0;
	r->refused_bytes = 0;
	r->repaired_us = now;
	r->unsynced_us = 0;
	atomic_store(&r->refusing, false);
	log_info("store takes writes again dir=%s epoch=%llu", r->dir,
		 (unsigned long long)r->epoch);
	return true;
}

/* The write or the sync of a round failed. */
static void log_failed(struct rocks *r, int why, struct msg *round)
{
	trouble_begin(r, why, true);
	/* A disk that fails at every write is not repaired after each of them. */
	if (r->repaired_us)
		r->retry_us = r->repaired_us + RETRY_US;
	if (trouble_end(r))
		return;
	for (struct msg *msg = round; msg; msg = msg->next) {
		struct store_batch *batch = container_of(msg, struct store_batch, msg);

		if (!batch->gate || batch_of(batch)->result)
			continue;
		r->suspects = mem_realloc(r->suspects,
					  (r->suspect_count + 1) * sizeof(*r->suspects));
		r->suspects[r->suspect_count++] = store_gate_ref(batch->gate);
	}
}

/* -- a round -- */

/* Decides what happens to @batch, and puts it into the round if it is to be written. */
static int admit(struct rocks *r, struct store_batch *batch)
{
	if (!store_gate_admits(batch)) {
		stat_add(&r->store.stats.refused, 1);
		return -ESTALE;
	}
	int e = batch->data.full ? -E2BIG : r->trouble;
	if (!e && batch->data.len && !rocks_room(r, batch->data.len)) {
		r->refused_bytes = batch->data.len; /* less room would refuse it again */
		trouble_begin(r, -ENOSPC, false);
		e = -ENOSPC;
	}
	if (!e)
		e = encode(r, batch);
	if (e) {
		/* At once, so that the next batch of the same owner is refused. */
		store_gate_fail(batch);
		stat_add(&r->store.stats.failed, 1);
	}
	return e;
}

static void count_round(struct rocks *r, uint64_t batches)
{
	uint32_t n = 0;

	while (n < STORE_ROUND_STEPS - 1 && batches > 1u << n)
		n++;
	stat_add(&r->store.stats.rounds[n], 1);
	stat_add(&r->store.stats.round_batches, batches);
	atomic_fetch_sub_explicit(&r->store.stats.queued, batches, memory_order_relaxed);
}

static void complete(struct rocks *r, struct msg *round, int why)
{
	struct completions completions = {};
	uint64_t count = 0;

	for (; round; count++) {
		struct store_batch *batch = container_of(round, struct store_batch, msg);
		int result = batch_of(batch)->result;

		round = round->next;
		if (!result && why) {
			store_gate_fail(batch);
			stat_add(&r->store.stats.failed, 1);
			result = why;
		} else if (!result) {
			stat_add(&r->store.stats.batches, 1);
			stat_add(&r->store.stats.rows, batch->ops);
			stat_add(&r->store.stats.bytes, batch->data.len);
		}
		completions_add(&completions, batch, result);
	}
	count_round(r, count); /* first: who hears of his batch finds it counted */
	completions_post(&completions);
}

/* Takes batches from *@queue for one round. One that drops rows begins a new one. */
static struct msg *take_round(struct msg **queue)
{
	struct msg *round = *queue, *last = round;
	size_t bytes = 0;

	for (struct msg *msg = round; msg && bytes < ROUND_BYTES; msg = msg->next) {
		struct store_batch *batch = container_of(msg, struct store_batch, msg);

		if (batch_of(batch)->drops && msg != round)
			break;
		bytes += batch->data.len;
		last = msg;
	}
	*queue = last->next;
	last->next = NULL;
	return round;
}

static void run_round(struct rocks *r, struct msg *round)
{
	size_t size = 0;
	int why = 0;

	if (r->counter + STORE_BATCH_MAX >= 1ull << 36) {
		/* Sixteen days of 50,000 rows a second: but it may not overflow into the epoch. */
		int e = rocks_raise_epoch(r);

		if (e)
			log_failed(r, e == -ENOSPC ? e : -EIO, NULL);
	}
	for (struct msg *msg = round; msg; msg = msg->next) {
		struct store_batch *batch = container_of(msg, struct store_batch, msg);

		batch_of(batch)->result = admit(r, batch);
	}
	if (rocksdb_writebatch_count(r->writes)) {
		rocksdb_writebatch_data(r->writes, &size);
		why = write_round(r);
	}
	if (size > 1 << 20) { /* its room would stay */
		rocksdb_writebatch_destroy(r->writes);
		r->writes = rocksdb_writebatch_create();
	} else {
		rocksdb_writebatch_clear(r->writes);
	}
	if (why)
		log_failed(r, why, round);
	complete(r, round, why);
}

/* When the committer must wake without a batch: microseconds of the monotonic clock, 0 never. */
static uint64_t wake_at(const struct rocks *r)
{
	if (r->trouble)
		return r->retry_us + 1;
	return r->unsynced_us ? r->unsynced_us + (uint64_t)r->sync_interval_ms * 1000 : 0;
}

static void on_time(struct rocks *r)
{
	uint64_t at = wake_at(r);

	if (!at || clock_mono_us(&clock_real) < at)
		return;
	if (r->trouble) {
		trouble_end(r);
		return;
	}
	int e = sync_log(r);
	if (e)
		log_failed(r, e == -ENOSPC ? e : -EIO, NULL);
}

/* All that waits, NULL when time is up or, with *ret_stop, when there will be no more. */
static struct msg *take(struct rocks *r, bool *ret_stop)
{
	uint64_t at = wake_at(r);
	bool more = true;

	pthread_mutex_lock(&r->mutex);
	while (!r->head && !r->stopping && more) {
		r->asleep = true;
		more = rocks_wait_until(&r->cond, &r->mutex, at);
	}
	struct msg *queue = r->head;
	r->head = r->tail = NULL;
	r->asleep = false;
	*ret_stop = !queue && r->stopping;
	pthread_mutex_unlock(&r->mutex);
	return queue;
}

static void *committer_main(void *arg)
{
	struct rocks *r = arg;
	bool stop = false;

	while (!stop) {
		struct msg *queue = take(r, &stop);

		while (queue) {
			run_round(r, take_round(&queue));
			on_time(r);
		}
		on_time(r);
	}
	if (r->unsynced_us)
		sync_log(r);
	suspects_close(r);
	return NULL;
}

int rocks_committer_start(struct rocks *r)
{
	pthread_mutex_init(&r->mutex, NULL);
	rocks_cond_init(&r->cond);
	return -pthread_create(&r->committer, NULL, committer_main, r);
}

void rocks_committer_stop(struct rocks *r)
{
	pthread_mutex_lock(&r->mutex);
	r->stopping = true;
	pthread_mutex_unlock(&r->mutex);
	pthread_cond_signal(&r->cond);
	pthread_join(r->committer, NULL);
	pthread_cond_destroy(&r->cond);
	pthread_mutex_destroy(&r->mutex);
}
