#include "store/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/list.h"
#include "store/internal.h"
#include "store/rows.h"

struct store_mem_image {
	struct rows rows;
	uint64_t epoch; /* of the last opening */
};

struct mem {
	struct store store;
	struct store_mem_faults faults;
	struct rows rows;
	/* What a crash leaves: the same, unless done has come before durable. */
	bool apart;
	struct rows durable;
	uint64_t counter;
	struct msg *head, *tail; /* batches handed over */
	uint32_t waiting;
	uint64_t last_due_us; /* of the newest of them */
	struct list reads;	   /* struct slow_read */
};

struct slow_read {
	struct list node;
	uint64_t due_us;
	struct store_read *read;
};

static struct mem *mem_of(const struct store *store)
{
	return container_of((struct store *)(uintptr_t)store, struct mem, store);
}

static struct store_batch *head_of(const struct mem *mem)
{
	return mem->head ? container_of(mem->head, struct store_batch, msg) : NULL;
}

static struct store_batch *pop(struct mem *mem)
{
	struct store_batch *batch = head_of(mem);

	mem->head = batch->msg.next;
	if (!mem->head)
		mem->tail = NULL;
	mem->waiting--;
	return batch;
}

static uint64_t now_us(struct core *core)
{
	return clock_mono_us(core_cores(core)->clock);
}

static uint64_t latency(struct mem *mem, uint32_t min, uint32_t max)
{
	if (!mem->faults.random || max <= min)
		return min;
	return min + random_below(mem->faults.random, (uint64_t)max - min + 1);
}

static bool chance(struct mem *mem, uint32_t percent)
{
	return percent && mem->faults.random && random_below(mem->faults.random, 100) < percent;
}

static void stat_add(_Atomic uint64_t *stat, uint64_t n)
{
	atomic_fetch_add_explicit(stat, n, memory_order_relaxed);
}

/* -- commits -- */

static void mem_commit(struct store *store, struct store_batch *batch)
{
	struct mem *mem = mem_of(store);
	uint64_t due = now_us(batch->core) +
		latency(mem, mem->faults.commit_min_us, mem->faults.commit_max_us);

	mem->last_due_us = MAX(mem->last_due_us, due);
	batch_of(batch)->due_us = mem->last_due_us;
	batch->msg.next = NULL;
	if (mem->tail)
		mem->tail->next = &batch->msg;
	else
		mem->head = &batch->msg;
	mem->tail = &batch->msg;
	mem->waiting++;
}

static void apply(struct mem *mem, struct rows *rows, const struct store_op *op)
{
	char end[STORE_KEY_MAX];

	switch (op->kind) {
	case OP_PUT:
		store_op_stamp(op, mem->store.epoch << 36 | ++mem->counter);
		rows_put(rows, op->key, (struct str){ op->row, op->row_len });
		break;
	case OP_DEL: rows_del(rows, op->key); break;
	case OP_DROP: rows_drop(rows, op->key, store_prefix_end(op->key, end)); break;
	}
}

static void apply_all(struct mem *mem, const struct store_batch *batch)
{
	struct store_op op;

	for (size_t at = 0; store_batch_next(batch, &at, &op);)
		apply(mem, &mem->rows, &op);
}

/* The batch as a dying machine may leave it: each of its partitions whole, or not at all. */
static void apply_torn(struct mem *mem, const struct store_batch *batch)
{
	struct store_op op;
	uint64_t seed;

	random_fill(mem->faults.random, &seed, sizeof(seed));
	for (size_t at = 0; store_batch_next(batch, &at, &op);) {
		struct str partition = store_partition(op.key);

		if (XXH3_64bits_withSeed(partition.ptr, partition.len, seed) & 1)
			apply(mem, &mem->rows, &op);
	}
}

static int admit(struct mem *mem, struct store_batch *batch)
{
	if (!mem->faults.ignore_gates && !store_gate_admits(batch)) {
		stat_add(&mem->store.stats.refused, 1);
		return -ESTALE;
	}
	if (batch->data.full)
		return -E2BIG;
	return mem->faults.full ? -ENOSPC : 0;
}

static void commit_one(struct mem *mem, bool failing, struct completions *completions)
{
	struct store_batch *batch = pop(mem);
	int r = admit(mem, batch);

	if (!r && failing) {
		r = mem->faults.fail_errno ? mem->faults.fail_errno : -EIO;
		if (chance(mem, mem->faults.failed_lands_percent))
			apply_all(mem, batch);
	}
	if (!r) {
		apply_all(mem, batch);
		stat_add(&mem->store.stats.batches, 1);
		stat_add(&mem->store.stats.rows, batch->ops);
		stat_add(&mem->store.stats.bytes, batch->data.len);
	} else if (r != -ESTALE) {
		store_gate_fail(batch);
		stat_add(&mem->store.stats.failed, 1);
	}
	completions_add(completions, batch, r);
}

/* -- reads -- */

struct scan {
	struct store_read *read;
	uint32_t cap;
};

static bool on_row(void *arg, struct str key, struct str row)
{
	struct scan *scan = arg;
	struct str value;

	scan->read->result = store_row_open(key, row, &value, NULL);
	if (scan->read->result)
		return false;
	store_read_add(scan->read, &scan->cap, key, value);
	return scan->read->count < store_read_limit(scan->read);
}

static void answer(struct mem *mem, struct store_read *read)
{
	struct scan scan = { .read = read };
	struct store_range range;
	struct str row, value;
	uint32_t cap = 0;

	if (read->scan) {
		if (store_range_init(&range, read))
			rows_walk(&mem->rows, range.lo, range.hi, read->reverse, on_row, &scan);
	} else if (!rows_get(&mem->rows, read->key, &row)) {
		read->result = ENOENT;
	} else {
		read->result = store_row_open(read->key, row, &value, NULL);
		if (!read->result)
			store_read_add(read, &cap, read->key, value);
	}
	if (read->result) {
		read->rows = NULL;
		read->count = 0;
	}
}

static bool mem_read(struct store *store, struct store_read *read)
{
	struct mem *mem = mem_of(store);

	if (!chance(mem, mem->faults.slow_read_percent)) {
		answer(mem, read);
		stat_add(&mem->store.stats.reads_memory, 1);
		return true;
	}
	struct slow_read *slow = mem_alloc(sizeof(*slow));
	slow->read = read;
	slow->due_us = now_us(read->core) +
		latency(mem, mem->faults.read_min_us, mem->faults.read_max_us);
	list_add_tail(&mem->reads, &slow->node);
	stat_add(&mem->store.stats.reads_disk, 1);
	return false;
}

static void on_answered(struct core *core, struct msg *msg)
{
	struct store_read *read = container_of(msg, struct store_read, msg);

	read->done(core, read);
}

/* The slow read that is due first, those of equal times in the order they were asked. */
static struct slow_read *next_read(const struct mem *mem)
{
	struct slow_read *first = NULL;

	list_for_each (node, &mem->reads) {
		struct slow_read *slow = list_entry(node, struct slow_read, node);

		if (!first || slow->due_us < first->due_us)
			first = slow;
	}
	return first;
}

static void read_one(struct mem *mem, struct slow_read *slow)
{
	struct store_read *read = slow->read;

	list_del(&slow->node);
	free(slow);
	answer(mem, read);
	read->msg.run = on_answered;
	core_post(read->core, &read->msg);
}

/* -- the driver's side -- */

struct store_mem_faults *store_mem_faults(struct store *store)
{
	return &mem_of(store)->faults;
}

uint32_t store_mem_waiting(const struct store *store)
{
	return mem_of(store)->waiting;
}

void store_mem_sync(struct store *store)
{
	struct mem *mem = mem_of(store);

	if (mem->apart)
		rows_done(&mem->durable);
	mem->apart = false;
}

uint64_t store_mem_next_us(struct store *store)
{
	struct mem *mem = mem_of(store);
	struct store_batch *batch = head_of(mem);
	struct slow_read *slow = next_read(mem);
	uint64_t due = slow ? slow->due_us : UINT64_MAX;

	return batch ? MIN(due, batch_of(batch)->due_us) : due;
}

uint32_t store_mem_step(struct store *store)
{
	struct mem *mem = mem_of(store);
	struct store_batch *batch = head_of(mem);
	struct slow_read *slow = next_read(mem);
	struct completions completions = {};
	uint32_t count = 0;

	if (!batch && !slow)
		return 0;
	uint64_t now = now_us(batch ? batch->core : slow->read->core);
	bool failing = mem->faults.fail_rounds && batch && batch_of(batch)->due_us <= now;
	if (failing)
		mem->faults.fail_rounds--;
	if (!mem->faults.publish_before_sync) {
		store_mem_sync(store);
	} else if (!mem->apart) {
		rows_copy(&mem->durable, &mem->rows);
		mem->apart = true;
	}
	while ((batch = head_of(mem), slow = next_read(mem), batch || slow)) {
		uint64_t batch_due = batch ? batch_of(batch)->due_us : UINT64_MAX;
		uint64_t read_due = slow ? slow->due_us : UINT64_MAX;

		if (MIN(batch_due, read_due) > now)
			break;
		if (batch_due <= read_due)
			commit_one(mem, failing, &completions);
		else
			read_one(mem, slow);
		count++;
	}
	completions_post(&completions);
	if (count)
		stat_add(&mem->store.stats.syncs, 1);
	return count;
}

/* -- opening, closing, dying -- */

static int mem_checkpoint(struct store *store, const char *dest)
{
	(void)store;
	(void)dest;
	return -EOPNOTSUPP;
}

struct checked {
	uint64_t rows, bad;
};

static bool check_row(void *arg, struct str key, struct str row)
{
	struct checked *checked = arg;
	struct str value;

	checked->rows++;
	checked->bad += store_row_open(key, row, &value, NULL) != 0;
	return true;
}

static int mem_check(struct store *store, uint64_t *ret_rows, uint64_t *ret_bad)
{
	struct checked checked = {};

	rows_walk(&mem_of(store)->rows, (struct str){}, (struct str){}, false, check_row, &checked);
	*ret_rows = checked.rows;
	*ret_bad = checked.bad;
	return 0;
}

static void mem_close(struct store *store)
{
	struct mem *mem = mem_of(store);
	struct list *node;

	assert(!mem->head);
	while ((node = list_pop(&mem->reads)))
		free(list_entry(node, struct slow_read, node));
	store_mem_sync(store);
	rows_done(&mem->rows);
	free(mem);
}

static bool mem_refusing(struct store *store)
{
	const struct store_mem_faults *faults = &mem_of(store)->faults;

	return faults->full || faults->fail_rounds;
}

static const struct store_ops ops = {
	.commit = mem_commit,
	.read = mem_read,
	.checkpoint = mem_checkpoint,
	.check = mem_check,
	.close = mem_close,
	.refusing = mem_refusing,
};

static struct mem *mem_open(void)
{
	struct mem *mem = mem_zalloc(sizeof(*mem));

	mem->store.ops = &ops;
	rows_init(&mem->rows);
	list_init(&mem->reads);
	return mem;
}

struct store *store_mem_new(struct cores *cores)
{
	struct mem *mem = mem_open();

	(void)cores; /* each batch and read names its core, and that its cores */
	mem->store.epoch = 1;
	return &mem->store;
}

struct store *store_mem_open(struct cores *cores, struct store_mem_image *image)
{
	struct mem *mem = mem_open();

	(void)cores;
	mem->store.epoch = image->epoch + 1;
	mem->rows = image->rows;
	free(image);
	return &mem->store;
}

struct store_mem_image *store_mem_image_of(struct store *store)
{
	struct mem *mem = mem_of(store);
	struct store_mem_image *image = mem_zalloc(sizeof(*image));

	image->epoch = store->epoch;
	rows_copy(&image->rows, mem->apart ? &mem->durable : &mem->rows);
	return image;
}

void store_mem_image_free(struct store_mem_image *image)
{
	if (!image)
		return;
	rows_done(&image->rows);
	free(image);
}

static bool hash_row(void *arg, struct str key, struct str row)
{
	uint64_t *hash = arg;

	*hash = XXH3_64bits_withSeed(key.ptr, key.len, *hash);
	*hash = XXH3_64bits_withSeed(row.ptr, row.len, *hash);
	return true;
}

uint64_t store_mem_image_hash(const struct store_mem_image *image)
{
	uint64_t hash = 0;

	rows_walk(&image->rows, (struct str){}, (struct str){}, false, hash_row, &hash);
	return hash;
}

struct store_mem_image *store_mem_crash(struct store *store)
{
	struct mem *mem = mem_of(store);
	struct random *random = mem->faults.random;
	/* Nothing that was handed over lands when what was done before it has not. */
	uint32_t whole = random && mem->waiting && !mem->apart
		? (uint32_t)random_below(random, mem->waiting + 1)
		: 0;
	bool torn = random && !mem->apart && !mem->faults.tear_whole_batches;

	while (mem->head) {
		struct store_batch *batch = pop(mem);
		bool lands = whole || torn;

		if (lands && admit(mem, batch) == 0) {
			if (whole)
				apply_all(mem, batch);
			else
				apply_torn(mem, batch);
		}
		torn = torn && whole;
		whole -= whole > 0;
		store_batch_free(batch);
	}
	struct store_mem_image *image = store_mem_image_of(store);
	mem_close(store);
	return image;
}
