/* What the backends share: how a batch is encoded, the header of a row, gates, the range of a scan. */
#pragma once

#include <stdatomic.h>

#include "base/mem.h"
#include "store/store.h"
#include "store/tables.h"

/* -- rows: version u64 | flags u8 | crc32c u32 | value; the checksum covers key, flags, value, version -- */
enum { ROW_HEADER = 13 };

/* 0 and the value inside @stored; -EBADMSG when header or checksum is wrong. @ret_version may be NULL. */
int store_row_open(struct str key, struct str stored, struct str *ret_value, uint64_t *ret_version);

/* -- batches -- */
enum store_op_kind { OP_PUT = 1, OP_DEL, OP_DROP };
struct store_op {
	enum store_op_kind kind;
	struct str key; /* OP_DROP: the prefix */
	char *row; /* OP_PUT: header and value, inside the batch */
	size_t row_len;
};
/* What store_batch_new() really makes. */
struct batch {
	struct store_batch pub;
	struct store_batch *chain; /* the next one to complete on the same core */
	uint64_t due_us; /* store/mem: not before */
	bool drops; /* there is an OP_DROP in it */
	int result;
};
static inline struct batch *batch_of(struct store_batch *batch)
{
	return container_of(batch, struct batch, pub);
}
/* Walks the operations; *at = 0 at first. False at the end. */
bool store_batch_next(const struct store_batch *batch, size_t *at, struct store_op *ret);
/* Finishes the header of an OP_PUT. */
void store_op_stamp(const struct store_op *op, uint64_t version);

/* A list of batches on their way back, one for each core, posted as one message each. */
struct completions {
	struct {
		struct store_batch *head, *tail;
	} of[64];
	uint64_t used; /* bit n: of[n] is not empty */
};
void completions_add(struct completions *completions, struct store_batch *batch, int result);
void completions_post(struct completions *completions);

/* -- gates: one word, generation << 1 | closed -- */
/* Is the batch of the gate's present generation, and the gate open? True without a gate. */
bool store_gate_admits(const struct store_batch *batch);
/* A write of @batch failed: closes its gate, unless the owner has restarted since. */
void store_gate_fail(struct store_batch *batch);
/* Closes whatever the generation is. */
void store_gate_close(struct store_gate *gate);
struct store_gate *store_gate_ref(struct store_gate *gate);

/* -- keys -- */
int store_key_cmp(struct str a, struct str b);
struct store_range {
	struct str lo; /* first key */
	struct str hi; /* first key past the end; null: no end */
	bool hi_is_end; /* hi is the end of the prefix, not the caller's `to` */
	char end[STORE_KEY_MAX];
};
/* The first key after all that begin with @prefix, in @end (room for @prefix); null when there is none. */
struct str store_prefix_end(struct str prefix, char *end);
/* False when nothing can lie in it. Views point into @read's strings or into the range itself. */
bool store_range_init(struct store_range *range, const struct store_read *read);
/* Adds a row to read->rows, copied into the arena; *cap starts at 0. */
void store_read_add(struct store_read *read, uint32_t *cap, struct str key, struct str value);
static inline uint32_t store_read_limit(const struct store_read *read)
{
	return read->limit && read->limit < STORE_SCAN_MAX ? read->limit : STORE_SCAN_MAX;
}
