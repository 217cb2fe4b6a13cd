/* Intents: the second half of a change that touches two cells. The first half and the intent's row are one batch; the runner
 * carries the intents of a cell out in their order, retrying while the process runs; a restart finds the cells with work
 * left by their outbox marker, which was durable before the first intent. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/plant.h"
#include "cell/internal.h"
#include "config/config.h"
#include "model/errors.h"
#include "model/objects.h"
#include "model/tables.h"
#include "store/store.h"

enum { RETRY_MIN_MS = 20, RETRY_MAX_MS = 5000, PAYLOAD_MAX = 1 << 16 };

enum { RUNTIME, SELF };
static const struct {
	int (*run)(struct txn *txn, const struct intent *intent);
	int dedupe;
} handlers[INTENT_COUNT] = {
#define INTENT(name, handler, dedupe) { handler, dedupe },
#include "cell/intents.def"
#undef INTENT
};

static struct str key_of_intent(struct key *key, enum cell_kind kind, uint64_t cell_id,
				uint64_t number)
{
	return kind == CELL_USER ? key_user_intent(key, cell_id, number)
				 : key_realm_intent(key, cell_id, number);
}

static struct str prefix_of_intents(struct key *key, enum cell_kind kind, uint64_t cell_id)
{
	return kind == CELL_USER ? prefix_user_intent(key, cell_id)
				 : prefix_realm_intent(key, cell_id);
}

static struct str key_of_applied(struct key *key, enum cell_kind kind, uint64_t cell_id,
				 uint64_t source)
{
	return kind == CELL_USER ? key_user_applied(key, cell_id, 0, source)
				 : key_realm_applied(key, cell_id, 0, source);
}

static struct pending_intent *intent_new(uint64_t source, uint64_t number,
					 const struct intent_row *row)
{
	struct pending_intent *pending = mem_zalloc(sizeof(*pending) + row->payload.len);
	char *payload = (char *)(pending + 1);

	if (row->payload.len)
		memcpy(payload, row->payload.ptr, row->payload.len);
	pending->intent = (struct intent){ .number = number,
					   .source = source,
					   .kind = (enum intent_kind)row->kind,
					   .dest_kind = (enum cell_kind)row->target_kind,
					   .dest = row->target_id,
					   .payload = { payload, row->payload.len } };
	list_init(&pending->intent.node);
	return pending;
}

void intent_free(struct intent *intent)
{
	list_del(&intent->node);
	free(container_of(intent, struct pending_intent, intent));
}

bool intents_pending(const struct cell *cell)
{
	return !list_empty(&cell->intents) || cell->intents_running;
}

/* Above all that this cell gave out before, in this run of the process (a core's counter) or an earlier one (the epoch). */
static uint64_t next_number(struct cell *cell)
{
	return (core_cores(cell->core)->store->epoch << 36) +
		++local_of(cell->core)->cell->intents_given;
}

void txn_intent(struct txn *txn, enum intent_kind kind, enum cell_kind dest_kind, uint64_t dest,
		const struct obj_desc *desc, const void *payload)
{
	struct cell *cell = txn->cell;
	struct buf text;
	struct key key;

	assert(cell->outbox_marked);
	buf_init(&text, PAYLOAD_MAX);
	if (payload)
		row_put(&text, desc, payload);
	assert(!text.full);
	struct intent_row row = {
		.kind = kind, .target_kind = dest_kind, .target_id = dest, .payload = buf_str(&text)
	};
	struct pending_intent *pending = intent_new(cell->id, next_number(cell), &row);
	pending->txn = txn;
	txn->intents_left++;
	txn_put(txn, key_of_intent(&key, cell->kind, cell->id, pending->intent.number),
		&desc_intent_row, &row);
	list_add_tail(&txn->intents, &pending->intent.node);
	buf_done(&text);
}

void txn_intents_detach(struct txn *txn)
{
	list_for_each (node, &txn->intents) {
		struct intent *intent = list_entry(node, struct intent, node);

		container_of(intent, struct pending_intent, intent)->txn = NULL;
	}
	txn->intents_left = 0;
}

int txn_outbox_wait(struct txn *txn)
{
	struct cell *cell = txn->cell;
	struct key key;

	if (cell->outbox_marked)
		return 0;
	struct store_batch *batch = store_batch_new(txn->core, NULL);
	store_batch_put(batch, key_outbox(&key, (uint8_t)cell->kind, cell->id),
			(struct str){ "", 0 });
	int r = txn_before_wait(txn, batch);
	if (r)
		return r;
	cell->outbox_marked = true;
	return 0;
}

int intents_load_wait(struct cell *cell)
{
	struct arena arena;
	struct key key;
	struct store_row *rows;
	uint32_t count;

	if (planted(PLANT_LOST_INTENT))
		return 0;
	if (intents_pending(cell))
		return 0; /* the shell has kept them over the restart of its state */
	arena_init(&arena);
	struct str prefix = prefix_of_intents(&key, cell->kind, cell->id);
	int r = store_scan_wait(cell->core, &arena, prefix, (struct str){}, (struct str){}, false,
				0, &rows, &count);
	for (uint32_t i = 0; !r && i < count; i++) {
		struct intent_row row = {};
		uint64_t number;

		/* The clustering of both tables ends in the number, big-endian. */
		memcpy(&number, rows[i].key.ptr + rows[i].key.len - 8, 8);
		number = __builtin_bswap64(number);
		r = row_get(rows[i].value, &desc_intent_row, &arena, &row);
		if (!r &&
		    ((uint64_t)row.kind >= INTENT_COUNT ||
		     (uint64_t)row.target_kind >= CELL_KIND_COUNT))
			r = -EBADMSG;
		if (r)
			break;
		list_add_tail(&cell->intents, &intent_new(cell->id, number, &row)->intent.node);
		cell->outbox_marked = true;
	}
	arena_done(&arena);
	return r;
}

static int run_intent(struct txn *txn, void *arg)
{
	const struct intent *intent = arg;
	struct cell *cell = txn->cell;
	struct applied_row applied = {};
	struct key key;

	if (handlers[intent->kind].dedupe == SELF)
		return handlers[intent->kind].run(txn, intent);
	struct str at = key_of_applied(&key, cell->kind, cell->id, intent->source);
	int r = txn_get_obj_wait(txn, at, &desc_applied_row, &applied);
	if (r && r != ENOENT)
		return r;
	if (!r && (uint64_t)applied.number >= intent->number)
		return 0;
	r = handlers[intent->kind].run(txn, intent);
	if (r)
		return r;
	applied.number = (int64_t)intent->number;
	txn_put(txn, at, &desc_applied_row, &applied);
	return 0;
}

static void on_forgotten(struct core *core, struct store_batch *batch, int r)
{
	(void)core;
	(void)r; /* when it failed the intent is applied again one day, and found done */
	store_batch_free(batch);
}

static void forget(struct core *core, struct cell *cell, const struct intent *intent)
{
	struct store_batch *batch = store_batch_new(core, NULL);
	struct key key;

	store_batch_del(batch, key_of_intent(&key, cell->kind, cell->id, intent->number));
	batch->done = on_forgotten;
	store_commit(core_cores(core)->store, batch);
}

/* A cell, or the look through the outbox, which counts as one. */
static void recovery_step(struct core *core)
{
	struct cell_local *local = local_of(core)->cell;

	if (--local->recovering_left)
		return;
	map_done(local->recovering);
	free(TAKE(local->recovering));
	local->recovered(core);
}

static void recovered_one(struct core *core, struct cell *cell)
{
	struct cell_local *local = local_of(core)->cell;

	if (local->recovering && map_del(local->recovering, cell->id))
		recovery_step(core);
}

static void run_intents(struct core *core, void *arg)
{
	struct cell *cell = arg;
	uint64_t retry_ms = RETRY_MIN_MS;

	while (!list_empty(&cell->intents)) {
		struct intent *intent = list_entry(cell->intents.next, struct intent, node);
		struct pending_intent *pending = container_of(intent, struct pending_intent,
							      intent);

		int r = cell_call_wait(core, intent->dest_kind, intent->dest, run_intent, intent);
		if (r < 0 || r == ERR_RESTARTED || r == ERR_UNAVAILABLE) {
			fiber_sleep(core, retry_ms);
			retry_ms = MIN(retry_ms * 2, (uint64_t)RETRY_MAX_MS);
			continue;
		}
		if (r &&
		    r != ENOENT) /* gone meanwhile: a user deleted, a guild dissolved; or refused for good */
			log_debug("intent dropped kind=%d dest=%lu r=%d", intent->kind,
				  intent->dest, r);
		retry_ms = RETRY_MIN_MS;
		atomic_fetch_add_explicit(&local_of(core)->cell->stats.intents, 1,
					  memory_order_relaxed);
		forget(core, cell, intent);
		struct txn *txn = pending->txn;
		intent_free(intent);
		if (txn)
			txn_intent_done(txn);
	}
	cell->intents_running = false;
	recovered_one(core, cell);
	cell_settle(cell);
}

void intents_start(struct cell *cell)
{
	/* Those of an earlier run have to wait: recover() starts them. */
	if (cell->intents_running || list_empty(&cell->intents) || app_returning(cell->core))
		return;
	cell->intents_running = true;
	if (fiber_start(cell->core, run_intents, cell)) {
		/* Too many fibers: the next transaction of this cell starts them, or its timer. */
		cell->intents_running = false;
		timer_set(cell->core, &cell->idle, RETRY_MAX_MS / 10);
	}
}

/* -- recovery -- */

static int run_nothing(struct txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	return 0;
}

static void recover(struct core *core, void *arg)
{
	struct cell_local *local = local_of(core)->cell;
	struct cores *cores = core_cores(core);
	struct arena arena;
	struct key key;
	struct store_row *rows;
	uint32_t count;

	(void)arg;
	arena_init(&arena);
	int r = store_scan_wait(core, &arena, prefix_outbox(&key), (struct str){}, (struct str){},
				false, 0, &rows, &count);
	if (r)
		log_error("outbox cannot be read r=%d", r);
	local->recovering = mem_zalloc(sizeof(*local->recovering));
	map_init(local->recovering);
	local->recovering_left = 1;
	for (uint32_t i = 0; !r && i < count; i++) {
		uint8_t kind;
		uint64_t id;

		if (!parse_outbox(rows[i].key, &kind, &id) || kind >= CELL_KIND_COUNT ||
		    cell_owner(cores, id) != core)
			continue;
		int rc = cell_call_wait(core, (enum cell_kind)kind, id, run_nothing, NULL);
		struct cell *cell = map_get(&local->cells[kind], id);
		if (!rc && cell && intents_pending(cell)) {
			if (!map_set(local->recovering, id, cell))
				local->recovering_left++;
			intents_start(cell);
		} else if (!rc || rc == ENOENT) {
			struct store_batch *batch = store_batch_new(core, NULL);

			store_batch_del(batch, rows[i].key);
			batch->done = on_forgotten;
			store_commit(cores->store, batch);
			if (cell)
				cell->outbox_marked = false;
		}
	}
	arena_done(&arena);
	recovery_step(core);
}

void intents_recover(struct core *core, void (*done)(struct core *core))
{
	local_of(core)->cell->recovered = done;
	if (fiber_start(core, recover, NULL))
		done(core);
}
