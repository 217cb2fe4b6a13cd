/* One question to many cells at once: they are asked together, so that the answer takes as long as the slowest, not as all of
 * them. */
#pragma once

#include "cell/cell.h"

/* On a fiber (of a transaction: before its first put): runs @fn in each of the cells @ids with its own argument, @args + i * @size, and
 * waits for all; an argument is touched by its cell's core only until then. @ret_r[i]: what cell_call_wait() would have
 * returned. @if_loaded: cells that are not in memory are not asked (ENOENT). */
void cell_call_many_wait(struct core *core, enum cell_kind kind, const uint64_t *ids,
			 uint32_t count, bool if_loaded, int (*fn)(struct txn *txn, void *arg),
			 void *args, size_t size, int *ret_r);
