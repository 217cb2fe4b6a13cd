/* How far the crowd of a cell is behind what the cell publishes: counted by the cores that tell it (gateway/walk.h), looked at
 * where the cell is written to (api/pipeline.c). Outlives its cell. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

struct flow {
	_Atomic uint32_t refs;
	_Atomic int32_t
		behind; /* publications that a core has not told to all, each for each such core */
	uint32_t round,
		let_go; /* of the core that writes: how many writers it has let go since it looked at @behind (api/hold.c) */
};

/* The caller's reference. */
static inline struct flow *flow_new(void)
{
	struct flow *flow = mem_zalloc(sizeof(*flow));

	atomic_init(&flow->refs, 1);
	return flow;
}
/* Any thread; NULL gives NULL. */
static inline struct flow *flow_ref(struct flow *flow)
{
	if (flow)
		atomic_fetch_add_explicit(&flow->refs, 1, memory_order_relaxed);
	return flow;
}
/* Any thread; NULL does nothing. */
static inline void flow_unref(struct flow *flow)
{
	if (flow && atomic_fetch_sub_explicit(&flow->refs, 1, memory_order_acq_rel) == 1)
		free(flow);
}
/* Any thread; NULL does nothing. */
static inline void flow_behind(struct flow *flow, int32_t by)
{
	if (flow)
		atomic_fetch_add_explicit(&flow->behind, by, memory_order_relaxed);
}
/* Any thread; a cell that has never told a crowd (NULL) is not behind. */
static inline int32_t flow_is_behind(const struct flow *flow)
{
	return flow ? atomic_load_explicit(&flow->behind, memory_order_relaxed) : 0;
}
