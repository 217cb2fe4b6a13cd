/* Writes that failed and may be on the disk nevertheless, at once or after the store has repaired itself. Its cell is read anew
 * after a failure, and so knows what is there; those who watch it do not. So a few such batches are kept while the
 * cell is in memory, and after each restart it is looked whether one has landed. */
#include <stdlib.h>

#include "base/log.h"
#include "cell/internal.h"
#include "store/store.h"

enum {
	DOUBTS_MAX = 8, /* the oldest goes, and with it the knowledge */
	DOUBT_BYTES_MAX = 256 << 10,
};

struct doubts {
	struct store_batch *batches[DOUBTS_MAX];
	uint32_t count;
	bool lost; /* one was too large to be kept: the next restart is as if it had landed */
};

static void forget(struct doubts *doubts, uint32_t i)
{
	store_batch_free(doubts->batches[i]);
	doubts->count--;
	memmove(&doubts->batches[i], &doubts->batches[i + 1],
		(doubts->count - i) * sizeof(doubts->batches[0]));
}

void doubts_add(struct cell *cell, struct store_batch *batch)
{
	if (!cell->doubts)
		cell->doubts = mem_zalloc(sizeof(*cell->doubts));
	struct doubts *doubts = cell->doubts;

	if (batch->data.len > DOUBT_BYTES_MAX) {
		doubts->lost = true;
		store_batch_free(batch);
		return;
	}
	if (doubts->count == DOUBTS_MAX)
		forget(doubts, 0);
	doubts->batches[doubts->count++] = batch;
}

bool doubts_landed_wait(struct cell *cell)
{
	struct doubts *doubts = cell->doubts;

	if (!doubts)
		return false;
	bool landed = doubts->lost;
	doubts->lost = false;
	for (uint32_t i = 0; i < doubts->count;) {
		/* One that cannot be looked up is as good as there: to be told once too often does no harm. */
		if (store_landed_wait(cell->core, doubts->batches[i])) {
			forget(doubts, i);
			landed = true;
		} else {
			i++;
		}
	}
	if (landed) {
		atomic_fetch_add_explicit(&local_of(cell->core)->cell->stats.landed, 1,
					  memory_order_relaxed);
		log_warn(
			"a write that failed is on the disk, watchers are told anew kind=%s id=%lu",
			cell_type(cell->kind)->name, cell->id);
	}
	return landed;
}

void doubts_drop(struct cell *cell)
{
	struct doubts *doubts = TAKE(cell->doubts);

	while (doubts && doubts->count)
		forget(doubts, doubts->count - 1);
	free(doubts);
}
