/* What all backends share: batches and their encoding, gates, the header of a row, waits on a fiber.
 * An operation in a batch is kind u8 | key length u32 | row length u32 | key | row, where a row begins with the
 * room for its header: a backend stamps the version in place and hands the bytes on, uncopied. */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/fiber.h"
#include "store/crc32c.h"
#include "store/internal.h"

enum { OP_HEAD = 9, ROW_FLAGS = 8, ROW_CRC = 9 };

static void put_u32(char *at, uint32_t n)
{
	n = __builtin_bswap32(n);
	memcpy(at, &n, sizeof(n));
}

static uint32_t get_u32(const char *at)
{
	uint32_t n;

	memcpy(&n, at, sizeof(n));
	return __builtin_bswap32(n);
}

static void put_u64(char *at, uint64_t n)
{
	n = __builtin_bswap64(n);
	memcpy(at, &n, sizeof(n));
}

static uint64_t get_u64(const char *at)
{
	uint64_t n;

	memcpy(&n, at, sizeof(n));
	return __builtin_bswap64(n);
}

/* -- gates -- */

struct store_gate {
	_Atomic uint32_t refs;
	_Atomic uint32_t word;
};

struct store_gate *store_gate_new(void)
{
	struct store_gate *gate = mem_zalloc(sizeof(*gate));

	atomic_store_explicit(&gate->refs, 1, memory_order_relaxed);
	return gate;
}

struct store_gate *store_gate_ref(struct store_gate *gate)
{
	if (gate)
		atomic_fetch_add_explicit(&gate->refs, 1, memory_order_relaxed);
	return gate;
}

void store_gate_unref(struct store_gate *gate)
{
	if (gate && atomic_fetch_sub_explicit(&gate->refs, 1, memory_order_acq_rel) == 1)
		free(gate);
}

void store_gate_reopen(struct store_gate *gate)
{
	uint32_t word = atomic_load(&gate->word);

	while (!atomic_compare_exchange_weak(&gate->word, &word, (word & ~1u) + 2))
		;
}

void store_gate_close(struct store_gate *gate)
{
	atomic_fetch_or(&gate->word, 1);
}

bool store_gate_admits(const struct store_batch *batch)
{
	return !batch->gate ||
		(!(batch->generation & 1) && atomic_load(&batch->gate->word) == batch->generation);
}

void store_gate_fail(struct store_batch *batch)
{
	uint32_t word = batch->generation & ~1u;

	if (batch->gate)
		atomic_compare_exchange_strong(&batch->gate->word, &word, word | 1);
}

/* -- batches -- */

struct store_batch *store_batch_new(struct core *core, struct store_gate *gate)
{
	struct batch *batch = mem_zalloc(sizeof(*batch));

	batch->pub.core = core;
	batch->pub.gate = store_gate_ref(gate);
	batch->pub.generation = gate ? atomic_load(&gate->word) : 0;
	buf_init(&batch->pub.data, STORE_BATCH_MAX);
	return &batch->pub;
}

void store_batch_free(struct store_batch *batch)
{
	if (!batch)
		return;
	store_gate_unref(batch->gate);
	buf_done(&batch->data);
	free(batch_of(batch));
}

/* Room for the whole operation or none, so that a full batch still reads well. */
static char *op_add(struct store_batch *batch, enum store_op_kind kind, struct str key,
		    size_t row_len)
{
	assert(key.len >= 1 + store_partition_len((uint8_t)key.ptr[0]));
	if (key.len > STORE_KEY_MAX || row_len > STORE_BATCH_MAX)
		batch->data.full = true;
	if (batch->data.full)
		return NULL;
	char *at = buf_reserve(&batch->data, OP_HEAD + key.len + row_len);
	if (!at)
		return NULL;
	at[0] = (char)kind;
	put_u32(at + 1, (uint32_t)key.len);
	put_u32(at + 5, (uint32_t)row_len);
	memcpy(at + OP_HEAD, key.ptr, key.len);
	batch->data.len += OP_HEAD + key.len + row_len;
	batch->ops++;
	return at + OP_HEAD + key.len;
}

void store_batch_put(struct store_batch *batch, struct str key, struct str value)
{
	char *row = op_add(batch, OP_PUT, key, ROW_HEADER + value.len);

	if (!row)
		return;
	if (value.len)
		memcpy(row + ROW_HEADER, value.ptr, value.len);
	/* The checksum so far: the core pays for it, the committer adds the version only. */
	row[ROW_FLAGS] = 0;
	uint32_t crc = crc32c(crc32c(0, key.ptr, key.len), row + ROW_FLAGS, 1);
	put_u32(row + ROW_CRC, crc32c(crc, row + ROW_HEADER, value.len));
}

void store_batch_del(struct store_batch *batch, struct str key)
{
	op_add(batch, OP_DEL, key, 0);
}

void store_batch_drop(struct store_batch *batch, struct str prefix)
{
	op_add(batch, OP_DROP, prefix, 0);
	batch_of(batch)->drops = true;
}

bool store_batch_next(const struct store_batch *batch, size_t *at, struct store_op *ret)
{
	if (*at >= batch->data.len)
		return false;
	char *op = batch->data.ptr + *at;
	ret->kind = (enum store_op_kind)op[0];
	ret->key = (struct str){ op + OP_HEAD, get_u32(op + 1) };
	ret->row = op + OP_HEAD + ret->key.len;
	ret->row_len = get_u32(op + 5);
	*at += OP_HEAD + ret->key.len + ret->row_len;
	return true;
}

void store_op_stamp(const struct store_op *op, uint64_t version)
{
	put_u64(op->row, version);
	put_u32(op->row + ROW_CRC, crc32c(get_u32(op->row + ROW_CRC), op->row, 8));
}

int store_batch_peek(const struct store_batch *batch, struct str key, struct str *ret)
{
	struct store_op op;
	int found = 0;

	for (size_t at = 0; store_batch_next(batch, &at, &op);) {
		if (op.kind == OP_DROP ? !str_starts(key, op.key) : !str_eq(key, op.key))
			continue;
		found = op.kind == OP_PUT ? 1 : -1;
		if (op.kind == OP_PUT)
			*ret = (struct str){ op.row + ROW_HEADER, op.row_len - ROW_HEADER };
	}
	return found;
}

void store_commit(struct store *store, struct store_batch *batch)
{
	store->ops->commit(store, batch);
}

static void on_complete(struct core *core, struct msg *msg)
{
	struct store_batch *batch = container_of(msg, struct store_batch, msg);

	while (batch) {
		struct batch *b = batch_of(batch);

		batch = b->chain;
		b->pub.done(core, &b->pub, b->result);
		/* A crowd may be told of each: others come in between. */
		if (batch && core_turn_is_long(core)) {
			core_post_first(core, &batch->msg);
			batch->msg.run = on_complete;
			break;
		}
	}
}

void completions_add(struct completions *completions, struct store_batch *batch, int result)
{
	uint32_t n = core_index(batch->core);

	assert(n < ARRAY_SIZE(completions->of));
	batch_of(batch)->chain = NULL;
	batch_of(batch)->result = result;
	if (completions->used & (1ull << n))
		batch_of(completions->of[n].tail)->chain = batch;
	else
		completions->of[n].head = batch;
	completions->of[n].tail = batch;
	completions->used |= 1ull << n;
}

void completions_post(struct completions *completions)
{
	while (completions->used) {
		int n = __builtin_ctzll(completions->used);
		struct store_batch *batch = completions->of[n].head;

		completions->used &= completions->used - 1;
		batch->msg.run = on_complete;
		core_post(batch->core, &batch->msg);
	}
}

/* -- rows and keys -- */

int store_row_open(struct str key, struct str stored, struct str *ret_value, uint64_t *ret_version)
{
	if (stored.len < ROW_HEADER || stored.ptr[ROW_FLAGS] != 0)
		return -EBADMSG;
	struct str value = str_skip(stored, ROW_HEADER);
	uint32_t crc = crc32c(crc32c(0, key.ptr, key.len), stored.ptr + ROW_FLAGS, 1);
	crc = crc32c(crc32c(crc, value.ptr, value.len), stored.ptr, 8);
	if (crc != get_u32(stored.ptr + ROW_CRC))
		return -EBADMSG;
	*ret_value = value;
	if (ret_version)
		*ret_version = get_u64(stored.ptr);
	return 0;
}

int store_key_cmp(struct str a, struct str b)
{
	size_t len = MIN(a.len, b.len);
	int r = len ? memcmp(a.ptr, b.ptr, len) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

struct str store_prefix_end(struct str prefix, char *end)
{
	size_t len = prefix.len;

	while (len && (uint8_t)prefix.ptr[len - 1] == 0xff)
		len--;
	if (!len)
		return (struct str){};
	memcpy(end, prefix.ptr, len);
	end[len - 1] = (char)((uint8_t)end[len - 1] + 1);
	return (struct str){ end, len };
}

bool store_range_init(struct store_range *range, const struct store_read *read)
{
	if (read->key.len > STORE_KEY_MAX)
		return false;
	range->lo = read->key;
	range->hi = store_prefix_end(read->key, range->end);
	range->hi_is_end = true;
	if (read->from.ptr && store_key_cmp(read->from, range->lo) > 0)
		range->lo = read->from;
	if (read->to.ptr && (!range->hi.ptr || store_key_cmp(read->to, range->hi) < 0)) {
		range->hi = read->to;
		range->hi_is_end = false;
	}
	return !range->hi.ptr || store_key_cmp(range->lo, range->hi) < 0;
}

void store_read_add(struct store_read *read, uint32_t *cap, struct str key, struct str value)
{
	if (read->count == *cap) {
		uint32_t limit = read->scan ? store_read_limit(read) : 1;
		uint32_t room = *cap ? MIN(*cap * 2, limit) : MIN(limit, 64u);
		struct store_row *rows = arena_alloc(read->arena, sizeof(*rows) * room);

		if (read->count)
			memcpy(rows, read->rows, sizeof(*rows) * read->count);
		read->rows = rows;
		*cap = room;
	}
	read->rows[read->count++] = (struct store_row){ arena_str(read->arena, key),
							arena_str(read->arena, value) };
}

/* -- reads -- */

bool store_read(struct store *store, struct store_read *read)
{
	assert(read->key.len > 0);
	read->flight = NULL;
	read->result = 0;
	read->rows = NULL;
	read->count = 0;
	return store->ops->read(store, read);
}

struct waiting {
	struct fiber *fiber;
	uint32_t left;
};

static void on_read(struct core *core, struct store_read *read)
{
	struct waiting *waiting = read->owner;

	if (--waiting->left == 0)
		fiber_wake(core, waiting->fiber);
}

void store_reads_wait(struct core *core, struct store_read *reads, uint32_t count)
{
	struct waiting waiting = { .fiber = fiber_self(core) };

	assert(waiting.fiber);
	for (uint32_t i = 0; i < count; i++) {
		reads[i].core = core;
		reads[i].done = on_read;
		reads[i].owner = &waiting;
		waiting.left += !store_read(core_cores(core)->store, &reads[i]);
	}
	while (waiting.left)
		fiber_park(core);
}

int store_get_wait(struct core *core, struct arena *arena, struct str key, struct str *ret_value)
{
	struct store_read read = { .arena = arena, .key = key };

	store_reads_wait(core, &read, 1);
	if (read.result == 0)
		*ret_value = read.rows[0].value;
	return read.result;
}

enum { LANDED_ROWS = 16 }; /* a batch is whole within a partition, so a few say it */

int store_landed_wait(struct core *core, const struct store_batch *batch)
{
	struct store_op op;
	struct arena arena;
	uint32_t rows = 0;
	int landed = 0;

	arena_init(&arena);
	for (size_t at = 0; !landed && rows < LANDED_ROWS && store_batch_next(batch, &at, &op);) {
		struct str value, last;

		/* Only what the batch leaves there in the end. */
		if (op.kind != OP_PUT || store_batch_peek(batch, op.key, &last) != 1 ||
		    last.ptr != op.row + ROW_HEADER)
			continue;
		rows++;
		int r = store_get_wait(core, &arena, op.key, &value);
		landed = r < 0 || (r == 0 && str_eq(value, last));
	}
	arena_done(&arena);
	return landed || rows == 0;
}

int store_scan_wait(struct core *core, struct arena *arena, struct str prefix, struct str from,
		    struct str to, bool reverse, uint32_t limit, struct store_row **ret_rows,
		    uint32_t *ret_count)
{
	struct store_read read = {
		.arena = arena,
		.scan = true,
		.key = prefix,
		.from = from,
		.to = to,
		.reverse = reverse,
		.limit = limit,
	};

	store_reads_wait(core, &read, 1);
	if (read.result == 0) {
		*ret_rows = read.rows;
		*ret_count = read.count;
	}
	return read.result;
}
