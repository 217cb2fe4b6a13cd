/* Cells: the unit of ownership, order and restart. A guild, a DM channel and a user's account are cells.
 *
 * Each cell is owned by one core (chosen by its id); only fibers of that core touch its state. Work for a cell is
 * posted to its owner, runs there on a fiber inside a transaction (cell/txn.h), and answers when all its
 * effects are durable and published. When a cell's state cannot be trusted (a failed write, a row that
 * does not decode, a broken invariant) it is broken: its fibers leave with ERR_RESTARTED, its memory is dropped
 * whole and loaded again from the store, at once when somebody watches it. A load that fails is tried again by itself, ever
 * more slowly; after three in a row the cell refuses (503) and its watchers are told that it is away, until a load works. When a
 * failed write is found on the disk all the same, the watchers are told anew what there is. The process and the other
 * cells go on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/region.h"
#include "cell/fault.h"
#include "core/core.h"
#include "core/fiber.h"

struct cell;
struct flow;
struct txn;
struct store_gate;

/* CELL_NAME: a name that only one may have (user/name.h); its ids have the top bit, which no snowflake has. */
enum cell_kind { CELL_USER, CELL_GUILD, CELL_DM, CELL_NAME, CELL_KIND_COUNT };

/* What a domain module (user/, realm/) provides for its kind. */
struct cell_type {
	const char *name;
	/* On a fiber of the owner: reads rows and builds cell->state in cell->region. 0, ENOENT (positive) when there is no
	 * such thing, negative errno. On failure whatever was built is dropped with the region. */
	int (*load_wait)(struct cell *cell);
	/* On a fiber of its own, after load_wait() has set cell->partial: reads the rest. Meanwhile only work that says
	 * `early` is let in. Returns as load_wait() does; looks at cell->generation after each wait and gives up when that has
	 * changed. Optional. */
	int (*load_rest_wait)(struct cell *cell);
	/* Releases what lies outside the region (timers, counted bytes). May find half-built state. Optional. */
	void (*drop)(struct cell *cell);
	/* The last fiber inside has left, of a cell with state: nobody holds a pointer into it. Optional. */
	void (*quiet)(struct cell *cell);
	/* True while it must not leave memory (somebody watches). */
	bool (*busy)(const struct cell *cell);
};
/* At start, before any core runs. */
void cell_type_register(enum cell_kind kind, const struct cell_type *type);

struct cell {
	uint64_t id;
	enum cell_kind kind;
	struct core *core;
	void *state; /* the domain's; NULL until loaded */
	struct region region;
	/* the runtime's own */
	enum cell_status { CELL_EMPTY, CELL_LOADING, CELL_READY, CELL_BROKEN } status;
	struct store_gate *gate;
	uint32_t fibers; /* inside now */
	uint32_t failures; /* loads that failed, in a row */
	uint64_t refuse_until_us; /* after one: not tried again before */
	struct timer retry; /* then by itself */
	struct list txns; /* queued, oldest first */
	struct list locks; /* row locks held (cell/txn.h) */
	struct fiber_wait entering;
	uint32_t waiting; /* fibers that have waited to enter, and are not in yet */
	struct flow
		*flow; /* how far those who watch it are behind (cell/flow.h); NULL: never asked */
	uint64_t views; /* cores that have a view of it (bit mask) */
	struct list intents; /* waiting to be carried out, in order */
	bool intents_running, outbox_marked;
	bool partial; /* in memory, but for what load_rest_wait() is reading */
	bool restarted; /* watchers must be told when it is back */
	bool away; /* they were told that it is not there */
	struct doubts *doubts; /* cell/doubts.c; NULL: none */
	uint32_t generation; /* grows with each restart */
	struct timer idle;
	uint8_t faults[FAULT_COUNT]; /* still to happen */
};

/* The core that owns @id. Any thread. */
struct core *cell_owner(struct cores *cores, uint64_t id);

/* Work for a cell. Made by anybody, posted to the owner. The struct is embedded in the caller's own and stays the
 * caller's; it is handed back by done(). */
struct cell_work {
	struct msg msg;
	enum cell_kind kind;
	uint64_t id;
	bool if_loaded; /* do not load it for this: done(ENOENT) when it is not in memory, nor coming back after a restart */
	bool early; /* can do with a cell of which some is still being loaded */
	bool create; /* when there is no such cell: enter it with state NULL, run() makes it */
	/* On the owner, on a fiber, inside the cell. Returns 0 (its effects count), a positive outcome or negative errno (no
	 * effects were made: put nothing before the last check). */
	int (*run)(struct txn *txn, struct cell_work *work);
	/* On the owner, when what run() did is durable, published and its intents carried out; or with its error; or -EAGAIN
	 * (too many fibers), ENOENT (no such cell; none has the id 0), ERR_RESTARTED. */
	void (*done)(struct core *core, struct cell_work *work, int r);
};
/* Called on @from, any core: runs at once when it owns the cell and is on its loop, else by message. */
void cell_post(struct core *from, struct cell_work *work);

/* On a fiber (not inside a transaction that has put anything): runs @fn in another cell and waits for all of it. @arg
 * is only touched there while we wait. ERR_RESTARTED too while that cell is broken: it may wait for the caller. */
int cell_call_wait(struct core *core, enum cell_kind kind, uint64_t id,
		   int (*fn)(struct txn *txn, void *arg), void *arg);

/* The same for a cell that may not exist yet (cell_work.create). */
int cell_create_wait(struct core *core, enum cell_kind kind, uint64_t id,
		     int (*fn)(struct txn *txn, void *arg), void *arg);

/* Posts without waiting; @arg is a malloc block that is freed after @fn ran (or could not). @if_loaded as above. */
void cell_tell(struct core *from, enum cell_kind kind, uint64_t id, bool if_loaded,
	       int (*fn)(struct txn *txn, void *arg), void *arg);

/* Marks the cell broken, logs once with @why. Waits of its fibers return ERR_RESTARTED. */
void cell_break(struct cell *cell, const char *why, int r);
/* For invariants and rows that spoil only one realm: breaks the cell and returns ERR_RESTARTED from the caller. */
#define realm_check(cell, condition)                                        \
	do {                                                                \
		if (!(condition)) {                                         \
			cell_break((cell), "check failed: " #condition, 0); \
			return ERR_RESTARTED;                               \
		}                                                           \
	} while (0)

/* Makes @times of these happen in the cell (cell/fault.h). On the owner's loop or a fiber of it, not inside the cell. */
void cell_fault(struct core *core, enum cell_kind kind, uint64_t id, enum fault fault,
		uint8_t times);

/* The cell when it is in memory on this core, else NULL. Loop or fiber of the owner. */
struct cell *cell_find(struct core *core, enum cell_kind kind, uint64_t id);
/* Takes every cell of this core out of memory that nobody uses just now, without waiting until it has been idle for long: for when memory
 * is short. How many. On the core's loop. */
uint32_t cell_evict_idle(struct core *core);
/* Per-core state of this module. */
struct cell_local;
struct cell_local *cell_local_new(struct core *core);
void cell_local_free(struct cell_local *local);

struct cell_stats {
	_Atomic uint64_t loaded, loads, restarts, evicted, txns, commits, events, intents;
	_Atomic uint64_t load_failures, refusing; /* refusing: how many cells, now */
	_Atomic uint64_t hops; /* work and publications handed to other cores */
	_Atomic uint64_t landed; /* failed writes that were found on the disk */
};
const struct cell_stats *cell_stats(struct core *core);
