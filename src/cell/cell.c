#include "cell/cell.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "cell/internal.h"
#include "model/errors.h"
#include "store/store.h"

enum {
	IDLE_MS = 60 * 1000,	     /* unused this long: out of memory */
	FAILURES_MAX = 3,	  /* loads that fail in a row: then it refuses */
};
/* After so many failures the next try comes so much later. */
static const uint32_t retry_after_ms[] = { 100, 500, 5000, 10000, 20000, 40000, 60000 };

static const struct cell_type *types[CELL_KIND_COUNT];

void cell_type_register(enum cell_kind kind, const struct cell_type *type)
{
	types[kind] = type;
}

const struct cell_type *cell_type(enum cell_kind kind)
{
	assert(types[kind]);
	return types[kind];
}

struct core *cell_owner(struct cores *cores, uint64_t id)
{
	return cores->core[hash_u64(id) % cores->count];
}

struct cell_local *cell_local_new(struct core *core)
{
	struct cell_local *local = mem_zalloc(sizeof(*local));

	local->core = core;
	for (int kind = 0; kind < CELL_KIND_COUNT; kind++)
		map_init(&local->cells[kind]);
	return local;
}

static void shell_free(struct cell *cell)
{
	timer_clear(&cell->idle);
	timer_clear(&cell->retry);
	doubts_drop(cell);
	region_drop(&cell->region);
	store_gate_unref(cell->gate);
	flow_unref(cell->flow);
	list_for_each (node, &cell->intents)
		intent_free(list_entry(node, struct intent, node));
	free(cell);
}

void cell_local_free(struct cell_local *local)
{
	for (int kind = 0; local && kind < CELL_KIND_COUNT; kind++) {
		uint32_t at = 0;
		uint64_t id;
		void *value;

		while (map_next(&local->cells[kind], &at, &id, &value)) {
			struct cell *cell = value;

			if (cell->state && cell_type(cell->kind)->drop)
				cell_type(cell->kind)->drop(cell);
			shell_free(cell);
		}
		map_done(&local->cells[kind]);
	}
	free(local);
}

const struct cell_stats *cell_stats(struct core *core)
{
	return &local_of(core)->cell->stats;
}

struct cell *cell_find(struct core *core, enum cell_kind kind, uint64_t id)
{
	struct cell *cell = map_get(&local_of(core)->cell->cells[kind], id);

	return cell && cell->status == CELL_READY ? cell : NULL;
}

/* Nobody is inside, nothing is queued: its memory may be dropped and loaded anew. */
static bool quiet(const struct cell *cell)
{
	return cell->fibers == 0 && list_empty(&cell->txns);
}

static void drop_state(struct cell *cell)
{
	if (cell->state && cell_type(cell->kind)->drop)
		cell_type(cell->kind)->drop(cell);
	cell->state = NULL;
	cell->partial = false;
	region_drop(&cell->region);
	cell->status = CELL_EMPTY;
	atomic_fetch_sub_explicit(&local_of(cell->core)->cell->stats.loaded, 1,
				  memory_order_relaxed);
}

static int run_nothing(struct txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	return 0;
}

void cell_settle(struct cell *cell)
{
	if (cell->status == CELL_BROKEN && quiet(cell)) {
		drop_state(cell);
		store_gate_reopen(cell->gate);
		fiber_wait_wake(cell->core, &cell->entering, true);
		/* Watchers must be told who sees what again, and what came to light: load it for them. */
		if (cell->views || cell->doubts) {
			cell->restarted = true;
			cell_tell(cell->core, cell->kind, cell->id, false, run_nothing, NULL);
		}
	}
	if (quiet(cell) && cell->status != CELL_LOADING && !timer_is_set(&cell->idle))
		timer_set(cell->core, &cell->idle, IDLE_MS);
}

static void on_idle(struct core *core, struct timer *timer)
{
	struct cell *cell = container_of(timer, struct cell, idle);
	const struct cell_type *type = cell_type(cell->kind);
	struct cell_local *local = local_of(core)->cell;

	if (!quiet(cell) || cell->status == CELL_LOADING || cell->waiting)
		return; /* settles again when that ends */
	intents_start(cell); /* when there was no fiber for them before */
	if (timer_is_set(&cell->retry) || intents_pending(cell) ||
	    (cell->status == CELL_READY && type->busy && type->busy(cell))) {
		timer_set(core, &cell->idle, IDLE_MS);
		return;
	}
	cell->views = 0; /* nobody watches: a core that still lists it has no session in it */
	if (cell->status == CELL_READY) {
		drop_state(cell);
		atomic_fetch_add_explicit(&local->stats.evicted, 1, memory_order_relaxed);
	}
	map_del(&local->cells[cell->kind], cell->id);
	shell_free(cell);
}

/* Whether anybody asks for it or not: who watches it waits for it, and who looks after the server sees it get well. */
static void on_retry(struct core *core, struct timer *timer)
{
	struct cell *cell = container_of(timer, struct cell, retry);

	if (cell->status == CELL_EMPTY)
		cell_tell(core, cell->kind, cell->id, false, run_nothing, NULL);
}

uint32_t cell_evict_idle(struct core *core)
{
	struct cell_local *local = local_of(core)->cell;
	uint64_t before = atomic_load_explicit(&local->stats.evicted, memory_order_relaxed);

	for (int kind = 0; kind < CELL_KIND_COUNT; kind++) {
		uint32_t at = 0, count = 0;
		struct cell **idle = mem_alloc(sizeof(*idle) * (local->cells[kind].count + 1));
		uint64_t id;
		void *value;

		/* The map may not change while it is walked. */
		while (map_next(&local->cells[kind], &at, &id, &value))
			if (timer_is_set(&((struct cell *)value)->idle))
				idle[count++] = value;
		for (uint32_t i = 0; i < count; i++) {
			timer_clear(&idle[i]->idle);
			on_idle(core, &idle[i]->idle);
		}
		free(idle);
	}
	return (uint32_t)(atomic_load_explicit(&local->stats.evicted, memory_order_relaxed) -
			  before);
}

struct cell *cell_shell(struct core *core, enum cell_kind kind, uint64_t id)
{
	struct map *cells = &local_of(core)->cell->cells[kind];
	struct cell *cell = map_get(cells, id);

	if (cell)
		return cell;
	cell = mem_zalloc(sizeof(*cell));
	cell->id = id;
	cell->kind = kind;
	cell->core = core;
	cell->gate = store_gate_new();
	region_init(&cell->region);
	list_init(&cell->txns);
	list_init(&cell->locks);
	list_init(&cell->intents);
	timer_init(&cell->idle, on_idle);
	timer_init(&cell->retry, on_retry);
	map_set(cells, id, cell);
	return cell;
}

/* What can be said of it is true again. */
static void well(struct cell *cell)
{
	struct cell_stats *stats = &local_of(cell->core)->cell->stats;

	if (cell->failures >= FAILURES_MAX) {
		atomic_fetch_sub_explicit(&stats->refusing, 1, memory_order_relaxed);
		log_info("refuses no more kind=%s id=%lu", cell_type(cell->kind)->name, cell->id);
	}
	cell->failures = 0;
	cell->refuse_until_us = 0;
	timer_clear(&cell->retry);
}

static void tell_watchers(struct cell *cell, bool landed)
{
	uint32_t cores = core_cores(cell->core)->count;

	/* Those too that wait to be let in, and are in no view yet. */
	if (cell->failures)
		cell->views = UINT64_MAX >> (64 - cores);
	if (cell->restarted || cell->away || cell->failures)
		txn_publish_reloaded(cell, landed && (!cell->away || cell->kind == CELL_USER));
	cell->restarted = cell->away = false;
}

static void load_failed(struct cell *cell, int r)
{
	struct cell_stats *stats = &local_of(cell->core)->cell->stats;
	uint32_t after_ms = retry_after_ms[MIN(cell->failures, ARRAY_SIZE(retry_after_ms) - 1)];

	cell->failures++;
	atomic_fetch_add_explicit(&stats->load_failures, 1, memory_order_relaxed);
	cell->refuse_until_us = core_now_us(cell->core) + after_ms * 1000ull;
	timer_set(cell->core, &cell->retry, after_ms);
	if (cell->failures < FAILURES_MAX) {
		log_warn("load failed, is tried again kind=%s id=%lu r=%d failures=%u",
			 cell_type(cell->kind)->name, cell->id, r, cell->failures);
		return;
	}
	if (cell->failures == FAILURES_MAX) {
		atomic_fetch_add_explicit(&stats->refusing, 1, memory_order_relaxed);
		log_error("load failed three times, refusing until one works kind=%s id=%lu r=%d",
			  cell_type(cell->kind)->name, cell->id, r);
	}
	if (cell->restarted && !cell->away) {
		cell->away = true;
		cell->restarted = false;
		/* An account's sessions hear all else meanwhile, and are let in again when it can. */
		txn_publish_reloaded(cell, cell->kind != CELL_USER);
	}
}

static void rest_fiber(struct core *core, void *arg)
{
	struct cell *cell = arg;
	uint32_t generation = cell->generation;

	int r = cell_type(cell->kind)->load_rest_wait(cell);
	if (cell->generation == generation && r) {
		load_failed(cell, r);
		cell_break(cell, "the rest of it did not load", r);
	} else if (cell->generation == generation) {
		cell->partial = false;
		well(cell);
		fiber_wait_wake(core, &cell->entering, true);
	}
	cell_leave(cell);
}

/* In the background, inside the cell, so that nobody drops it meanwhile. */
static void load_rest(struct cell *cell)
{
	cell->fibers++;
	if (fiber_start(cell->core, rest_fiber, cell))
		rest_fiber(cell->core, cell); /* too many: whoever loads it does that too */
}

static int load_wait(struct cell *cell, bool create)
{
	struct cell_local *local = local_of(cell->core)->cell;
	bool landed = false;

	if (cell->refuse_until_us > core_now_us(cell->core))
		return ERR_UNAVAILABLE;
	cell->status = CELL_LOADING;
	timer_clear(&cell->idle);
	atomic_fetch_add_explicit(&local->stats.loads, 1, memory_order_relaxed);
	int r = fault_take(cell->faults, FAULT_LOAD) ? -EIO
						     : cell_type(cell->kind)->load_wait(cell);
	if (r == 0 || (r == ENOENT && create)) {
		int ri = intents_load_wait(cell);

		if (ri)
			r = ri;
	}
	if (r == 0)
		landed = doubts_landed_wait(cell);
	if (r == 0 || (r == ENOENT && create)) {
		if (r == ENOENT) {
			cell->state = NULL;
			region_drop(&cell->region);
		}
		cell->status = CELL_READY;
		atomic_fetch_add_explicit(&local->stats.loaded, 1, memory_order_relaxed);
		/* What was told to an account while it was away (a DM) is not kept for it: its sessions begin anew. */
		landed |= cell->kind == CELL_USER && cell->failures;
		tell_watchers(cell, landed);
		if (!cell->partial)
			well(cell);
		intents_start(cell);
		if (cell->partial)
			load_rest(cell);
		r = 0;
	} else {
		region_drop(&cell->region);
		cell->state = NULL;
		cell->partial = false;
		cell->status = CELL_EMPTY;
		if (r != ENOENT) {
			load_failed(cell, r);
			r = ERR_UNAVAILABLE;
		} else {
			tell_watchers(cell, false); /* they ask, and hear that there is none */
			well(cell);
		}
	}
	fiber_wait_wake(cell->core, &cell->entering, true);
	return r;
}

/* In memory, or on its way there whoever asks: those who watch it must miss nothing. */
static bool present(const struct cell *cell)
{
	return cell->status == CELL_READY || cell->status == CELL_LOADING || cell->restarted ||
		(cell->status == CELL_BROKEN && cell->views);
}

static int call_run(struct txn *txn, struct cell_work *work);

/* Works enter in the order in which they came, also those that wait while the cell is restarted: who was woken goes before who
 * comes just now, though that one's fiber may run earlier. */
static bool comes_behind(const struct cell *cell, bool waited)
{
	return !waited && cell->waiting &&
		(cell->status == CELL_READY || cell->status == CELL_EMPTY);
}

static int enter_wait(struct core *core, struct cell *cell, const struct cell_work *work,
		      bool *waited)
{
	for (;;) {
		if (work->if_loaded && !present(cell))
			return ENOENT;
		if (comes_behind(cell, *waited)) {
			*waited = true;
			cell->waiting++;
			fiber_yield(core);
			continue;
		}
		switch (cell->status) {
		case CELL_READY:
			if (!cell->state && !work->create)
				return ENOENT; /* somebody is making it just now */
			if (cell->partial && !work->early)
				break;
			return 0;
		case CELL_EMPTY: {
			int r = load_wait(cell, work->create);

			if (r)
				return r;
			continue;
		}
		case CELL_BROKEN:
			/* It is restarted when all fibers have left it, and the caller may be one of them. */
			if (work->run == call_run)
				return ERR_RESTARTED;
			break;
		case CELL_LOADING: break;
		}
		cell->waiting += !*waited;
		*waited = true;
		fiber_wait_on(core, &cell->entering);
	}
}

int cell_enter_wait(struct core *core, const struct cell_work *work, struct cell **ret_cell)
{
	bool waited = false;

	if (!work->id)
		return ENOENT;
	struct cell *cell = cell_shell(core, work->kind, work->id);
	int r = enter_wait(core, cell, work, &waited);
	cell->waiting -= waited;
	if (r) {
		cell_settle(cell);
		return r;
	}
	cell->fibers++;
	timer_clear(&cell->idle);
	*ret_cell = cell;
	return 0;
}

void cell_leave(struct cell *cell)
{
	cell->fibers--;
	if (cell->fibers == 0 && cell->status == CELL_READY && cell->state &&
	    cell_type(cell->kind)->quiet)
		cell_type(cell->kind)->quiet(cell);
	if (!cell->state && cell->status == CELL_READY && quiet(cell))
		drop_state(cell); /* it was to be made, and was not (or was deleted) */
	cell_settle(cell);
}

void cell_break(struct cell *cell, const char *why, int r)
{
	if (cell->status != CELL_READY)
		return;
	log_error("restarting kind=%s id=%lu why=\"%s\" r=%d", cell_type(cell->kind)->name,
		  cell->id, why, r);
	cell->status = CELL_BROKEN;
	cell->generation++;
	atomic_fetch_add_explicit(&local_of(cell->core)->cell->stats.restarts, 1,
				  memory_order_relaxed);
	cell_settle(cell);
}

void cell_fault(struct core *core, enum cell_kind kind, uint64_t id, enum fault fault,
		uint8_t times)
{
	struct cell *cell = cell_shell(core, kind, id);

	cell->faults[fault] = times;
	if (fault == FAULT_LOAD)
		cell_break(cell, "asked for", 0);
	cell_settle(cell);
}

/* -- work -- */

static int run_checked(struct txn *txn, struct cell_work *work)
{
	realm_check(txn->cell, !fault_take(txn->cell->faults, FAULT_CHECK));
	return work->run(txn, work);
}

static void work_fiber(struct core *core, void *arg)
{
	struct cell_work *work = arg;
	struct arena arena;
	struct cell *cell;

	int r = cell_enter_wait(core, work, &cell);
	if (r) {
		work->done(core, work, r);
		return;
	}
	struct txn *txn = mem_alloc(sizeof(*txn));
	arena_init(&arena);
	txn_init(txn, cell, work, &arena);
	r = run_checked(txn, work);
	txn->arena = NULL;
	txn_finish(txn, r);
	arena_done(&arena);
	cell_leave(cell);
}

static void start_work(struct core *core, struct cell_work *work)
{
	/* Ids come from outside, and 0 is nobody's. */
	if (!work->id) {
		work->done(core, work, ENOENT);
		return;
	}
	const struct cell *cell = map_get(&local_of(core)->cell->cells[work->kind], work->id);

	if (work->if_loaded && (!cell || !present(cell))) {
		work->done(core, work, ENOENT);
		return;
	}
	int r = fiber_start(core, work_fiber, work);
	if (r)
		work->done(core, work, r);
}

static void on_work(struct core *core, struct msg *msg)
{
	start_work(core, container_of(msg, struct cell_work, msg));
}

void cell_post(struct core *from, struct cell_work *work)
{
	struct core *owner = cell_owner(core_cores(from), work->id);

	work->msg.run = on_work;
	if (owner == from && !fiber_self(from)) {
		start_work(from, work);
		return;
	}
	if (owner != from)
		atomic_fetch_add_explicit(&local_of(from)->cell->stats.hops, 1,
					  memory_order_relaxed);
	core_post(owner, &work->msg);
}

/* -- calls: the caller's fiber waits, its frame holds the work -- */

struct call {
	struct cell_work work;
	struct msg back;
	struct core *caller;
	struct fiber *fiber;
	int (*fn)(struct txn *txn, void *arg);
	void *arg;
	int result;
	bool finished;
};

static int call_run(struct txn *txn, struct cell_work *work)
{
	struct call *call = container_of(work, struct call, work);

	return call->fn(txn, call->arg);
}

static void on_call_back(struct core *core, struct msg *msg)
{
	struct call *call = container_of(msg, struct call, back);

	call->finished = true;
	fiber_wake(core, call->fiber);
}

static void call_done(struct core *core, struct cell_work *work, int r)
{
	struct call *call = container_of(work, struct call, work);

	call->result = r;
	if (core == call->caller) {
		on_call_back(core, &call->back);
		return;
	}
	call->back.run = on_call_back;
	core_post(call->caller, &call->back);
}

static int call_wait(struct core *core, enum cell_kind kind, uint64_t id, bool create,
		     int (*fn)(struct txn *txn, void *arg), void *arg)
{
	struct call call = {
		.work = { .kind = kind,
			  .id = id,
			  .create = create,
			  .run = call_run,
			  .done = call_done },
		.caller = core,
		.fiber = fiber_self(core),
		.fn = fn,
		.arg = arg,
	};

	assert(call.fiber);
	cell_post(core, &call.work);
	while (!call.finished)
		fiber_park(core);
	return call.result;
}

int cell_call_wait(struct core *core, enum cell_kind kind, uint64_t id,
		   int (*fn)(struct txn *txn, void *arg), void *arg)
{
	return call_wait(core, kind, id, false, fn, arg);
}

int cell_create_wait(struct core *core, enum cell_kind kind, uint64_t id,
		     int (*fn)(struct txn *txn, void *arg), void *arg)
{
	return call_wait(core, kind, id, true, fn, arg);
}

struct tell {
	struct cell_work work;
	int (*fn)(struct txn *txn, void *arg);
	void *arg;
};

static int tell_run(struct txn *txn, struct cell_work *work)
{
	struct tell *tell = container_of(work, struct tell, work);

	return tell->fn(txn, tell->arg);
}

static void tell_done(struct core *core, struct cell_work *work, int r)
{
	struct tell *tell = container_of(work, struct tell, work);

	(void)core;
	if (r < 0 || r == ERR_RESTARTED || r == ERR_UNAVAILABLE)
		log_debug("told in vain kind=%d id=%lu r=%d", work->kind, work->id, r);
	free(tell->arg);
	free(tell);
}

void cell_tell(struct core *from, enum cell_kind kind, uint64_t id, bool if_loaded,
	       int (*fn)(struct txn *txn, void *arg), void *arg)
{
	struct tell *tell = mem_zalloc(sizeof(*tell));

	tell->work = (struct cell_work){
		.kind = kind, .id = id, .if_loaded = if_loaded, .run = tell_run, .done = tell_done
	};
	tell->fn = fn;
	tell->arg = arg;
	cell_post(from, &tell->work);
}
