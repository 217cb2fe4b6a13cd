#include "cell/txn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/plant.h"
#include "cell/internal.h"
#include "codec/enc.h"
#include "model/errors.h"
#include "model/events.h"

enum { EVENT_BYTES_MAX = 64 << 20 };

struct row_lock {
	struct list node, txn_node;
	struct txn *holder;
	struct fiber_wait waiting;
	uint32_t waiters;
	size_t key_len;
	char key[];
};

void (*publish_apply)(struct core *core, struct publication *publication);
void (*publish_forward)(struct cell *cell, struct publication *publication);

void txn_init(struct txn *txn, struct cell *cell, struct cell_work *work, struct arena *arena)
{
	*txn = (struct txn){ .cell = cell,
			     .core = cell->core,
			     .arena = arena,
			     .work = work,
			     .generation = cell->generation };
	list_init(&txn->node);
	list_init(&txn->intents);
	list_init(&txn->locks);
}

/* -- rows -- */

static struct store_batch *batch_of(struct txn *txn)
{
	if (!txn->batch)
		txn->batch = store_batch_new(txn->core, txn->cell->gate);
	txn->dirty = true;
	return txn->batch;
}

bool txn_dirty(const struct txn *txn)
{
	return txn->dirty;
}

void txn_put_raw(struct txn *txn, struct str key, struct str value)
{
	store_batch_put(batch_of(txn), key, value);
}

void txn_put(struct txn *txn, struct str key, const struct obj_desc *desc, const void *obj)
{
	struct buf row;

	buf_init(&row, EVENT_BYTES_MAX);
	row_put(&row, desc, obj);
	assert(!row.full);
	txn_put_raw(txn, key, buf_str(&row));
	buf_done(&row);
}

void txn_del(struct txn *txn, struct str key)
{
	store_batch_del(batch_of(txn), key);
}

void txn_drop(struct txn *txn, struct str prefix)
{
	store_batch_drop(batch_of(txn), prefix);
}

/* What a failed write is for the caller. */
static int write_error(int r)
{
	return r == -ESTALE ? ERR_RESTARTED : r == -ENOSPC || r == -EIO ? ERR_UNAVAILABLE : r;
}

int txn_still(const struct txn *txn)
{
	return txn->generation == txn->cell->generation ? 0 : ERR_RESTARTED;
}

int txn_get_wait(struct txn *txn, struct str key, struct str *ret_value)
{
	struct cell *cell = txn->cell;

	assert(!txn->dirty);
	for (struct list *node = cell->txns.prev; node != &cell->txns; node = node->prev) {
		struct txn *queued = list_entry(node, struct txn, node);
		struct str value;

		if (!queued->batch)
			continue;
		int seen = store_batch_peek(queued->batch, key, &value);
		if (seen < 0)
			return ENOENT;
		if (seen > 0) {
			*ret_value = arena_str(txn->arena, value);
			return 0;
		}
	}
	int r = store_get_wait(txn->core, txn->arena, key, ret_value);
	if (txn_still(txn))
		return ERR_RESTARTED;
	if (r == -EBADMSG)
		cell_break(cell, "a row's checksum is wrong", r);
	return r == -EBADMSG ? ERR_RESTARTED : r;
}

int txn_get_obj_wait(struct txn *txn, struct str key, const struct obj_desc *desc, void *ret)
{
	struct str value;

	int r = txn_get_wait(txn, key, &value);
	if (r)
		return r;
	r = fault_take(txn->cell->faults, FAULT_ROW) ? -EBADMSG
						     : row_get(value, desc, txn->arena, ret);
	if (r) {
		cell_break(txn->cell, "a row does not decode", r);
		return ERR_RESTARTED;
	}
	return 0;
}

int txn_scan_wait(struct txn *txn, struct str prefix, struct str from, struct str to, bool reverse,
		  uint32_t limit, struct store_row **ret_rows, uint32_t *ret_count)
{
	assert(!txn->dirty);
	int r = store_scan_wait(txn->core, txn->arena, prefix, from, to, reverse, limit, ret_rows,
				ret_count);
	if (txn_still(txn))
		return ERR_RESTARTED;
	if (r == -EBADMSG) {
		cell_break(txn->cell, "a row's checksum is wrong", r);
		return ERR_RESTARTED;
	}
	return r;
}

bool txn_all_written(const struct txn *txn)
{
	list_for_each (node, &txn->cell->txns)
		if (list_entry(node, struct txn, node)->batch)
			return false;
	return true;
}

/* -- row locks -- */

int txn_lock_wait(struct txn *txn, struct str key)
{
	struct cell *cell = txn->cell;
	struct row_lock *lock = NULL;

	assert(!txn->dirty);
	if (planted(PLANT_NO_ROW_LOCK))
		return 0;
	list_for_each (node, &cell->locks) {
		struct row_lock *other = list_entry(node, struct row_lock, node);

		if (str_eq((struct str){ other->key, other->key_len }, key)) {
			lock = other;
			break;
		}
	}
	if (!lock) {
		lock = mem_zalloc(sizeof(*lock) + key.len);
		lock->key_len = key.len;
		memcpy(lock->key, key.ptr, key.len);
		list_init(&lock->txn_node);
		list_add_tail(&cell->locks, &lock->node);
	}
	lock->waiters++;
	while (lock->holder && lock->holder != txn)
		fiber_wait_on(txn->core, &lock->waiting);
	lock->waiters--;
	if (!lock->holder) {
		lock->holder = txn;
		list_add_tail(&txn->locks, &lock->txn_node);
	}
	return txn_still(txn); /* the lock goes back when the transaction ends */
}

static void unlock_all(struct txn *txn)
{
	list_for_each (node, &txn->locks) {
		struct row_lock *lock = list_entry(node, struct row_lock, txn_node);

		list_del(&lock->txn_node);
		lock->holder = NULL;
		if (lock->waiters) {
			fiber_wait_wake(txn->core, &lock->waiting, false);
		} else {
			list_del(&lock->node);
			free(lock);
		}
	}
}

struct before {
	struct fiber *fiber;
	int result;
	bool finished;
};

static void on_before(struct core *core, struct store_batch *batch, int r)
{
	struct before *before = batch->owner;

	store_batch_free(batch);
	before->result = r;
	before->finished = true;
	fiber_wake(core, before->fiber);
}

int txn_before_wait(struct txn *txn, struct store_batch *batch)
{
	struct before before = { .fiber = fiber_self(txn->core) };

	assert(!txn->dirty && before.fiber);
	batch->done = on_before;
	batch->owner = &before;
	store_commit(core_cores(txn->core)->store, batch);
	while (!before.finished)
		fiber_park(txn->core);
	return before.result ? write_error(before.result) : txn_still(txn);
}

int txn_call_wait(struct txn *txn, enum cell_kind kind, uint64_t id,
		  int (*fn)(struct txn *, void *), void *arg)
{
	assert(!txn->dirty);
	int r = cell_call_wait(txn->core, kind, id, fn, arg);
	return txn_still(txn) ? ERR_RESTARTED : r;
}

/* -- effects -- */

struct event *event_ref(struct event *event)
{
	atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);
	return event;
}

void event_unref(struct event *event)
{
	if (!event || atomic_fetch_sub_explicit(&event->refs, 1, memory_order_acq_rel) != 1)
		return;
	bytes_unref(event->full);
	bytes_unref(event->alt);
	bytes_unref(event->joined);
	bytes_unref(event->watchers);
	bytes_unref(atomic_load_explicit(&event->etf[0], memory_order_relaxed));
	bytes_unref(atomic_load_explicit(&event->etf[1], memory_order_relaxed));
	free(event->mentions);
	free(event->classes);
	free(event);
}

void txn_effect(struct txn *txn, const struct effect *effect)
{
	struct publication *pub = txn->publication;
	uint32_t count = pub ? pub->count : 0;

	if (count == txn->effects_cap) {
		txn->effects_cap = MAX(txn->effects_cap * 2, 2u);
		pub = mem_realloc(pub, sizeof(*pub) + txn->effects_cap * sizeof(pub->effects[0]));
		if (!txn->publication) {
			atomic_init(&pub->refs, 1);
			pub->cell_id = txn->cell->id;
			pub->kind = txn->cell->kind;
			pub->flow = NULL; /* publish() counts */
		}
		txn->publication = pub;
	}
	assert(pub);
	pub->effects[count] = *effect;
	if (effect->to.members)
		bytes_ref(effect->to.members);
	pub->count = count + 1;
	if (effect->kind == EFFECT_SUBSCRIBE)
		txn_view_add(txn, effect->core);
}

void txn_view_add(struct txn *txn, uint32_t core_index)
{
	txn->view_add |= 1ULL << core_index;
}

struct event *txn_event_raw(struct txn *txn, enum event_type type, struct audience to,
			    struct bytes *full, struct bytes *alt)
{
	const struct event_desc *desc = &event_descs[type];
	struct event *event = mem_zalloc(sizeof(*event));

	atomic_init(&event->refs, 1);
	event->type = type;
	event->intents = txn->cell->kind == CELL_DM ? desc->dm_intents : desc->intents;
	event->full = full;
	event->alt = alt;
	txn_effect(txn, &(struct effect){ .kind = EFFECT_EVENT, .to = to, .event = event });
	return event;
}

void txn_event_again(struct txn *txn, struct audience to, struct event *event)
{
	txn_effect(txn,
		   &(struct effect){ .kind = EFFECT_EVENT, .to = to, .event = event_ref(event) });
}

void txn_event_only(struct txn *txn, const uint64_t *sessions, uint32_t count)
{
	struct publication *pub = txn->publication;

	assert(pub && pub->count && pub->effects[pub->count - 1].kind == EFFECT_EVENT);
	pub->effects[pub->count - 1].sessions = bytes_from(
		(struct str){ (const char *)sessions, count * sizeof(*sessions) });
}

void txn_event_shares(struct txn *txn, struct bytes *channels)
{
	struct publication *pub = txn->publication;

	assert(pub && pub->count && pub->effects[pub->count - 1].kind == EFFECT_EVENT);
	pub->effects[pub->count - 1].see = channels;
	pub->effects[pub->count - 1].to.shares = channels;
}

struct event *txn_event(struct txn *txn, enum event_type type, struct audience to, const void *obj)
{
	struct buf text;
	struct enc enc;

	buf_init(&text, EVENT_BYTES_MAX);
	enc_init(&enc, &text, ENC_JSON);
	event_descs[type].enc(&enc, obj);
	assert(!text.full);
	struct bytes *full = bytes_from(buf_str(&text));
	buf_done(&text);
	return txn_event_raw(txn, type, to, full, NULL);
}

void publication_unref(struct publication *pub)
{
	if (!pub || atomic_fetch_sub_explicit(&pub->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i < pub->count; i++) {
		struct effect *effect = &pub->effects[i];

		event_unref(effect->event);
		bytes_unref(effect->sessions);
		bytes_unref(effect->see);
		bytes_unref(effect->manage);
		bytes_unref(effect->threads);
		bytes_unref(effect->to.members);
		bytes_unref(effect->snapshot);
		bytes_unref(effect->own_member);
		bytes_unref(effect->presences);
	}
	flow_unref(pub->flow);
	free(pub);
}

struct delivery {
	struct msg msg;
	struct publication *publication;
	struct txn *txn; /* waits until all cores have applied it; NULL: it does not */
};

static void on_applied(struct core *core, struct msg *msg)
{
	struct delivery *delivery = container_of(msg, struct delivery, msg);

	(void)core;
	txn_intent_done(delivery->txn);
	free(delivery);
}

static void on_delivery(struct core *core, struct msg *msg)
{
	struct delivery *delivery = container_of(msg, struct delivery, msg);

	publish_apply(core, delivery->publication);
	publication_unref(delivery->publication);
	if (delivery->txn) {
		msg->run = on_applied;
		core_post(delivery->txn->core, msg);
		return;
	}
	free(delivery);
}

static bool must_reach_all(const struct publication *pub)
{
	for (uint32_t i = 0; i < pub->count; i++)
		if (pub->effects[i].kind == EFFECT_LOGOUT || pub->effects[i].kind == EFFECT_FORGET)
			return true;
	return false;
}

static void count_events(struct core *core, const struct publication *pub)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < pub->count; i++)
		count += pub->effects[i].kind == EFFECT_EVENT;
	atomic_fetch_add_explicit(&local_of(core)->cell->stats.events, count, memory_order_relaxed);
}

/* One message to each core that has a view; our own is served at once. */
static void publish(struct txn *txn)
{
	struct cell *cell = txn->cell;
	struct publication *pub = TAKE(txn->publication);
	struct cores *cores = core_cores(cell->core);
	uint32_t own = core_index(cell->core);
	bool all = must_reach_all(pub);
	uint64_t mask = all ? UINT64_MAX >> (64 - cores->count) : cell->views;

	if (cell->kind == CELL_GUILD) {
		if (!cell->flow)
			cell->flow = flow_new();
		pub->flow = flow_ref(cell->flow);
	}
	count_events(cell->core, pub);
	if (cell->kind == CELL_DM && publish_forward)
		publish_forward(cell, pub);
	for (uint64_t rest = mask & ~(1ULL << own); rest; rest &= rest - 1) {
		struct delivery *delivery = mem_zalloc(sizeof(*delivery));

		atomic_fetch_add_explicit(&pub->refs, 1, memory_order_relaxed);
		delivery->msg.run = on_delivery;
		delivery->publication = pub;
		if (all) {
			delivery->txn = txn;
			txn->intents_left++;
		}
		atomic_fetch_add_explicit(&local_of(cell->core)->cell->stats.hops, 1,
					  memory_order_relaxed);
		core_post(cores->core[__builtin_ctzll(rest)], &delivery->msg);
	}
	if (mask & (1ULL << own))
		publish_apply(cell->core, pub);
	publication_unref(pub);
}

void txn_publish_reloaded(struct cell *cell, bool away)
{
	struct txn txn;

	assert(list_empty(&cell->txns));
	txn_init(&txn, cell, NULL, NULL);
	txn_effect(&txn, &(struct effect){ .kind = EFFECT_RELOADED, .away = away });
	publish(&txn);
}

/* -- the queue: durable, published, answered, in order -- */

static void txn_free(struct txn *txn)
{
	list_for_each (node, &txn->intents)
		intent_free(list_entry(node, struct intent, node));
	publication_unref(txn->publication);
	store_batch_free(txn->batch);
	free(txn);
}

static void answer(struct txn *txn)
{
	struct cell_work *work = txn->work;
	int r = txn->result;
	struct core *core = txn->core;

	txn_free(txn);
	if (work)
		work->done(core, work, r);
}

void txn_intent_done(struct txn *txn)
{
	if (--txn->intents_left == 0)
		answer(txn);
}

void cell_advance(struct cell *cell)
{
	struct cell_stats *stats = &local_of(cell->core)->cell->stats;

	while (!list_empty(&cell->txns)) {
		struct txn *txn = list_entry(cell->txns.next, struct txn, node);

		if (!txn->durable)
			break;
		list_del(&txn->node);
		if (txn->result == 0) {
			cell->views |= txn->view_add;
			if (txn->publication)
				publish(txn);
			list_for_each (node, &txn->intents) {
				list_del(node);
				list_add_tail(&cell->intents, node);
			}
			intents_start(cell);
			if (txn->intents_left) /* it is answered when these are carried out */
				continue;
		}
		atomic_fetch_add_explicit(&stats->txns, 1, memory_order_relaxed);
		answer(txn);
	}
}

static void on_committed(struct core *core, struct store_batch *batch, int r)
{
	struct txn *txn = batch->owner;
	struct cell *cell = txn->cell;

	atomic_fetch_add_explicit(&local_of(core)->cell->stats.commits, 1, memory_order_relaxed);
	txn->durable = true;
	if (r) {
		txn->result = write_error(r);
		if (r == -EIO || r == -ENOSPC)
			doubts_add(cell, TAKE(txn->batch));
		/* What stands behind it has read memory that never became true. Transactions with rows are refused by the gate;
		 * those without are marked here. */
		for (struct list *node = txn->node.next; node != &cell->txns; node = node->next) {
			struct txn *later = list_entry(node, struct txn, node);

			if (!later->batch)
				later->result = ERR_RESTARTED;
		}
		cell_break(cell, "a write failed", r);
	}
	cell_advance(cell);
	cell_settle(cell);
}

/* Whatever the store says of it. */
static void on_faulty(struct core *core, struct store_batch *batch, int r)
{
	on_committed(core, batch, r ? r : -EIO);
}

static void on_refused(struct core *core, struct store_batch *batch, int r)
{
	on_committed(core, batch, r == -E2BIG ? -EIO : r);
}

static void plant_faults(struct txn *txn)
{
	if (fault_take(txn->cell->faults, FAULT_LANDED)) {
		txn->batch->done = on_faulty;
	} else if (fault_take(txn->cell->faults, FAULT_WRITE)) {
		txn->batch->data.full = true; /* so that the store refuses it */
		txn->batch->done = on_refused;
	}
}

void txn_finish(struct txn *txn, int r)
{
	struct cell *cell = txn->cell;

	if (!r && txn_still(txn))
		r = ERR_RESTARTED;
	if (r && txn->dirty)
		cell_break(cell, "an operation failed after it had changed memory", r);
	if (r && txn->batch)
		store_batch_free(TAKE(txn->batch));
	if (r)
		txn->intents_left = 0;
	txn->result = r;
	list_add_tail(&cell->txns, &txn->node);
	unlock_all(txn);
	if (txn->batch) {
		txn->batch->owner = txn;
		txn->batch->done = on_committed;
		plant_faults(txn);
		store_commit(core_cores(txn->core)->store, txn->batch);
		if (planted(PLANT_REPLY_BEFORE_SYNC)) {
			struct cell_work *work = TAKE(txn->work);

			work->done(txn->core, work, r);
		}
		return;
	}
	txn->durable = true;
	cell_advance(cell);
}
