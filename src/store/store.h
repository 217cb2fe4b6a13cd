/* The store: rows by key, written in batches that are durable before anybody hears of them.
 *
 * A key is `table u8 | partition | clustering`, big-endian, so byte order is the order of a scan; a partition's
 * length is fixed for each table (generated: model/tables.h). A batch is atomic within one partition; a
 * backend may tear it at partition borders when the machine dies (RocksDB does not, CQL and store/mem do), so
 * code above names one deciding partition and puts the rest into intents.
 * Every stored value has a header made here: version u64 (epoch << 36 | counter), flags u8, crc32c u32.
 *
 * Calls are made on a core; completions come back on that core, in the order of the commits. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "core/core.h"

struct store;

/* A realm's (or user's) fence: when one of its writes fails, its later batches are refused until the owner has
 * restarted it with a new generation. Lives at least as long as its batches are in flight (counted).
 * An owner who restarts for another reason waits first until his batches are back, else one that is just
 * being written may land after he has read. The store may close a gate a second time when it repairs
 * itself, as rows of a failed batch can come to light then: the next batch is refused, the owner restarts. */
struct store_gate;
struct store_gate *store_gate_new(void);
void store_gate_unref(struct store_gate *gate);
/* The owner's restart: batches made from now on are accepted again. */
void store_gate_reopen(struct store_gate *gate);

struct store_batch {
	struct msg msg; /* the store's while in flight */
	struct core *core;
	struct store_gate *gate; /* may be NULL */
	uint32_t generation; /* of the gate when the batch was made */
	uint32_t ops;
	struct buf data; /* encoded operations */
	/* On @core. @r: 0 durable; -ENOSPC, -EIO the write failed (rows of it may still be found after the
	 * store has repaired itself); -ESTALE refused by the gate; -E2BIG over a limit below, nothing written.
	 * All but 0 have closed the gate. The batch is the callee's to free. */
	void (*done)(struct core *core, struct store_batch *batch, int r);
	void *owner; /* the caller's */
};
enum {
	STORE_KEY_MAX = 1024, /* bytes; no key is longer */
	STORE_BATCH_MAX = 64 << 20, /* bytes of all keys and values of a batch */
	STORE_SCAN_MAX = 1000000, /* rows */
	STORE_SCAN_BYTES_MAX = 256 << 20,
};
/* Batches up to STORE_BATCH_MAX; what is put past that fails the whole batch at its commit. @gate may be NULL. */
struct store_batch *store_batch_new(struct core *core, struct store_gate *gate);
void store_batch_free(struct store_batch *batch);
void store_batch_put(struct store_batch *batch, struct str key, struct str value);
void store_batch_del(struct store_batch *batch, struct str key);
/* Drops all rows whose keys begin with @prefix (at least a whole partition). The embedded store looks for them and
 * deletes each, some microseconds a row, and other commits wait: so no huge partitions. More than a million
 * rows go in pieces, of which a crash may leave some undone. */
void store_batch_drop(struct store_batch *batch, struct str prefix);
/* The value that this batch itself would leave at @key: 1 put (in @ret, valid until the batch is changed),
 * -1 deleted, 0 not touched. */
int store_batch_peek(const struct store_batch *batch, struct str key, struct str *ret);

/* Hands the batch over; batch->done is called once, later, never from inside this call. */
void store_commit(struct store *store, struct store_batch *batch);

/* -- reads: tried at once from memory (block cache, memtable); only what needs the disk goes to a reader thread -- */
struct store_row {
	struct str key, value; /* in the arena of the read; value without its header */
};
struct store_read {
	struct msg msg; /* the store's while in flight */
	struct store_flight *flight; /* the same */
	struct core *core;
	struct arena *arena; /* rows are put here; the caller keeps it alive until done */
	struct str
		key; /* get: the key. scan: the prefix all rows must have (a partition or more) */
	bool scan;
	struct str from, to; /* scan: from <= key < to; null views: unbounded within the prefix */
	bool reverse; /* scan: from the end */
	uint32_t limit; /* scan: rows; 0, or above: STORE_SCAN_MAX */
	/* results */
	int result; /* 0; get: ENOENT (positive) when absent; -EIO; -EBADMSG when a row's checksum is wrong;
		     * scan: -E2BIG when the rows are over STORE_SCAN_BYTES_MAX */
	struct store_row *rows;
	uint32_t count;
	void (*done)(struct core *core, struct store_read *read);
	void *owner;
};
/* True: answered at once, @done is not called. False: @done will be called on the core. Identical reads in flight may share one. */
bool store_read(struct store *store, struct store_read *read);

/* On a fiber: begins all of @reads, and parks until each has its result. What and where to is the caller's to say; core, done and owner
 * are set here. */
void store_reads_wait(struct core *core, struct store_read *reads, uint32_t count);
/* On a fiber: reads and parks as needed. Strings in the results live in @arena. */
int store_get_wait(struct core *core, struct arena *arena, struct str key, struct str *ret_value);
int store_scan_wait(struct core *core, struct arena *arena, struct str prefix, struct str from,
		    struct str to, bool reverse, uint32_t limit, struct store_row **ret_rows,
		    uint32_t *ret_count);

/* On a fiber: has @batch, whose write failed, come to the disk nevertheless? 1: rows of it are there (or may be: it only deletes, or
 * they cannot be read), 0: not up to now. */
int store_landed_wait(struct core *core, const struct store_batch *batch);

/* -- whole-store matters; any thread unless said -- */
enum { STORE_ROUND_STEPS = 12 };
struct store_stats {
	_Atomic uint64_t batches, syncs, rows, bytes, reads_memory, reads_disk, failed, refused;
	/* The embedded store's: batches handed over and not decided on yet; rounds, each of which is one write of all that waited:
	 * rounds[n] those of up to 2^n batches, the last one the rest; the batches in them. */
	_Atomic uint64_t queued, rounds[STORE_ROUND_STEPS], round_batches;
};
struct store_ops {
	void (*commit)(struct store *store, struct store_batch *batch);
	bool (*read)(struct store *store, struct store_read *read);
	/* Writes a consistent copy to the directory @dest (-EEXIST when there is such a one). Blocking: call off the loop. */
	int (*checkpoint)(struct store *store, const char *dest);
	/* Reads every row, checks key, header and checksum; counts. 0, also when there are bad ones; -EIO,
	 * -EBADMSG when reading ended early. Blocking. */
	int (*check)(struct store *store, uint64_t *ret_rows, uint64_t *ret_bad);
	/* Flushes and closes; no commits may be in flight. After cores_stop(), before cores_free(). */
	void (*close)(struct store *store);
	/* True while writes are refused for lack of room or after an error that is being repaired. */
	bool (*refusing)(struct store *store);
	/* Holds the cache of blocks to this many bytes, 0: as configured. For times when memory is short. May be NULL. */
	void (*cache_limit)(struct store *store, uint64_t bytes);
};
struct store {
	const struct store_ops *ops;
	uint64_t epoch; /* of this opening (a repair raises it further, for versions only) */
	struct store_stats stats;
};

/* The embedded store. @dir is made when missing, for its owner only. Zero stands for the default where one is named. */
struct store_rocks_config {
	const char *dir;
	uint64_t cache_bytes; /* block cache + memtables; default 64 MB */
	uint32_t readers; /* threads, default 2 */
	int sync_interval_ms; /* -1: every batch is synced before done; 0: never; n: at least every n ms */
	uint64_t reserve_bytes; /* refuse writes below this much free room; default 256 MB */
	uint64_t
		epoch_min; /* the epoch of this opening lies above it: for a store that was put back from a copy */
};
/* 0 or negative errno; -EPROTO when the store was written by a newer format (or is not ours); -EBUSY when a
 * process has it open; -ENOSPC when there is no room to open it. Says why at log level error. */
int store_rocks_open(const struct store_rocks_config *config, struct store **ret_store);

/* In memory, for tests and the simulator, stepped by hand: see store/mem.h. @cores may be NULL, as cores_new() wants
 * the store first. */
struct store *store_mem_new(struct cores *cores);
