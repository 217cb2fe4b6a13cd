/* One budget for all memory (memory_max), and what is given up when it is short, a step each second: what nobody uses (idle cells, the
 * store's cache); sessions that nobody is connected to; and then nothing new is let in until there is room again.
 *
 * What counts is what the process really has (resident), as no sum of our own would know of the allocator's and RocksDB's share. */
#pragma once

#include "core/core.h"

struct memory_watch;
/* On core 0, or before the cores run; looks once a second. */
struct memory_watch *memory_watch_new(struct core *core);
/* After the cores have stopped. NULL does nothing. */
void memory_watch_free(struct memory_watch *watch);
/* Bytes resident now; 0 when the kernel does not say. Any thread. */
uint64_t memory_resident(void);
