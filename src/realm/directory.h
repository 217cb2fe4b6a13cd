/* Which realm a channel belongs to: rows written before the channel's own, remembered on each core (they never change). */
#pragma once

#include "cell/cell.h"
#include "cell/txn.h"

struct directory;
struct directory *directory_new(void);
void directory_free(struct directory *directory);

/* On a fiber of any core. 0 with kind and id; ENOENT; ERR_UNAVAILABLE. */
int directory_channel_wait(struct core *core, uint64_t channel_id, enum cell_kind *ret_kind,
			   uint64_t *ret_id);
/* The same from memory only. */
bool directory_channel_cached(struct core *core, uint64_t channel_id, enum cell_kind *ret_kind,
			      uint64_t *ret_id);
/* Adds the row for a channel to come to @batch, which is written before it (txn_before_wait). */
void directory_put_channel(struct store_batch *batch, uint64_t channel_id, enum cell_kind kind,
			   uint64_t realm_id);
/* On a fiber: the same, written and durable. */
int directory_write_wait(struct core *core, uint64_t channel_id, enum cell_kind kind,
			 uint64_t realm_id);
