/* A transaction: rows to write, events to publish, intents to carry out; performed by the runtime after run()
 * has returned 0, in the cell's order: first durable, then published, then answered.
 *
 * Rules, asserted: nothing waits after the first put (so memory, rows and events change in one
 * order), and a run() that put something returns 0. Change the cell's memory only together with the puts. */
#pragma once

#include "base/arena.h"
#include "cell/cell.h"
#include "cell/publish.h"
#include "codec/row.h"
#include "store/store.h"

struct row_lock;

struct txn {
	struct cell *cell;
	struct core *core;
	struct arena *arena; /* scratch until run() returns */
	/* the runtime's own */
	struct list node;
	struct cell_work *work;
	struct store_batch *batch;
	struct publication *publication;
	uint32_t effects_cap;
	struct list intents, locks;
	uint32_t generation, intents_left;
	uint64_t view_add;
	bool dirty, durable, queued;
	int result;
};

/* -- rows -- */
void txn_put(struct txn *txn, struct str key, const struct obj_desc *desc, const void *obj);
void txn_put_raw(struct txn *txn, struct str key, struct str value);
void txn_del(struct txn *txn, struct str key);
void txn_drop(struct txn *txn, struct str prefix);
/* True after the first put. */
bool txn_dirty(const struct txn *txn);

/* After a wait that is none of those below: 0, or ERR_RESTARTED when the cell has gone meanwhile. */
int txn_still(const struct txn *txn);

/* A row as this cell sees it: its queued, undurable transactions first, then the store. 0, ENOENT, ERR_RESTARTED, negative
 * errno. The value lives in txn->arena. */
int txn_get_wait(struct txn *txn, struct str key, struct str *ret_value);
/* The same, decoded into @ret (strings in txn->arena). A row that does not decode breaks the cell. */
int txn_get_obj_wait(struct txn *txn, struct str key, const struct obj_desc *desc, void *ret);
/* Committed rows of a range (queued ones are not seen). */
int txn_scan_wait(struct txn *txn, struct str prefix, struct str from, struct str to, bool reverse,
		  uint32_t limit, struct store_row **ret_rows, uint32_t *ret_count);
/* No rows of the cell are on their way into the store: what a scan begun now finds is all that has been put. */
bool txn_all_written(const struct txn *txn);
/* Holds the row @key for this transaction, first come first served, until it is queued (or fails). For rows that are
 * not in memory: lock, get, change, put. */
int txn_lock_wait(struct txn *txn, struct str key);
/* Writes rows that must be there before this transaction (directory entries, the bucket index): idempotent, harmless
 * when the transaction never comes. Waits until durable. The batch is consumed. */
int txn_before_wait(struct txn *txn, struct store_batch *batch);
/* Runs @fn in another cell and waits (cell_call_wait with the rules of a transaction). */
int txn_call_wait(struct txn *txn, enum cell_kind kind, uint64_t id,
		  int (*fn)(struct txn *, void *), void *arg);

/* -- effects -- */
/* Encodes @obj now by the event's own encoder. The returned event belongs to the transaction. */
struct event *txn_event(struct txn *txn, enum event_type type, struct audience to, const void *obj);
/* The same with text already encoded: @full, @alt are taken over (alt may be NULL). */
struct event *txn_event_raw(struct txn *txn, enum event_type type, struct audience to,
			    struct bytes *full, struct bytes *alt);
/* Publishes an event of another cell here too (a reference is taken). */
void txn_event_again(struct txn *txn, struct audience to, struct event *event);
/* The event just put is for these sessions only, many or few, on any cores. */
void txn_event_only(struct txn *txn, const uint64_t *sessions, uint32_t count);
/* The event just put is only for those who see one of these channels; @channels is taken over. */
void txn_event_shares(struct txn *txn, struct bytes *channels);
/* Any other effect; references in it are taken over. */
void txn_effect(struct txn *txn, const struct effect *effect);
/* Adds @core to the cores that get this cell's publications, from this transaction on. */
void txn_view_add(struct txn *txn, uint32_t core_index);

/* -- intents: what another cell (or this one) must do because of this transaction; numbered, durable, idempotent -- */
enum intent_kind {
#define INTENT(name, handler, dedupe) INTENT_##name,
#include "cell/intents.def"
#undef INTENT
	INTENT_COUNT
};
struct intent {
	struct list node;
	uint64_t number; /* of this source */
	uint64_t source;
	enum intent_kind kind;
	enum cell_kind dest_kind;
	uint64_t dest;
	struct str payload; /* JSON-free: fields by the kind's handler (codec/row.h) */
};
/* Before the first put of a transaction that will have intents: makes sure that a restart will look for them. Waits only once
 * while the cell stays in memory. */
int txn_outbox_wait(struct txn *txn);
/* @payload by row_put(desc, obj). */
void txn_intent(struct txn *txn, enum intent_kind kind, enum cell_kind dest_kind, uint64_t dest,
		const struct obj_desc *desc, const void *payload);
/* The answer does not wait for the intents given so far: for a transaction that an intent of the same cell waits for, which would
 * wait for itself. */
void txn_intents_detach(struct txn *txn);
#define INTENT(name, handler, dedupe) int handler(struct txn *txn, const struct intent *intent);
#include "cell/intents.def"
#undef INTENT
/* At start, on each core, before serving: carries out what an earlier run left. */
void intents_recover(struct core *core, void (*done)(struct core *core));
