/* Shared by the files of cell/ only. */
#pragma once

#include "base/map.h"
#include "cell/cell.h"
#include "cell/flow.h"
#include "cell/publish.h"
#include "cell/txn.h"
#include "core/local.h"

struct cell_local {
	struct core *core;
	struct map cells[CELL_KIND_COUNT]; /* id → struct cell */
	struct cell_stats stats;
	uint64_t intents_given;
	struct map *recovering;
	void (*recovered)(struct core *core);
	uint32_t recovering_left;
};

const struct cell_type *cell_type(enum cell_kind kind);
/* The shell of a cell on its owner, made when missing. */
struct cell *cell_shell(struct core *core, enum cell_kind kind, uint64_t id);
/* Parks until the cell is ready (loading it when needed) and counts this fiber in. */
int cell_enter_wait(struct core *core, const struct cell_work *work, struct cell **ret_cell);
void cell_leave(struct cell *cell);
/* Drops and frees what may go: called when something ended. */
void cell_settle(struct cell *cell);

void txn_init(struct txn *txn, struct cell *cell, struct cell_work *work, struct arena *arena);
/* Queues the transaction with run()'s result; it frees itself when answered. */
void txn_finish(struct txn *txn, int r);
/* Publishes and answers whatever stands at the head of the queue and may go. */
void cell_advance(struct cell *cell);

/* Tells the views that the cell was restarted, before anything else of it is published. @away: and that its watchers are to begin
 * anew, as it is away or came back with more than they know. */
void txn_publish_reloaded(struct cell *cell, bool away);

/* doubts.c: writes that failed, and may be on the disk nevertheless. Takes @batch over. */
void doubts_add(struct cell *cell, struct store_batch *batch);
/* On a fiber, after the cell's rows were read anew: is one of them there? It is then forgotten. The others may still come to
 * light, when the store has repaired itself. */
bool doubts_landed_wait(struct cell *cell);
void doubts_drop(struct cell *cell);

/* intents.c */
int intents_load_wait(struct cell *cell);
void intents_start(struct cell *cell);
void intent_free(struct intent *intent);
bool intents_pending(const struct cell *cell);
struct pending_intent {
	struct intent intent;
	struct txn *txn; /* waits for it; NULL after a restart of the process */
};
void txn_intent_done(struct txn *txn);
