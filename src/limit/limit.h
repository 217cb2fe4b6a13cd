/* Rate limits: fixed windows that open with the first call, as Discord's headers describe them.
 *
 * Route buckets are kept by the core that runs the route (so all calls of one channel meet in one table).
 * The global limit counts an identity over all cores in a small shared table of atomics: it is the one piece of
 * mutable memory that cores share, because a count that is only right on one core is wrong. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"

struct limit_table;

/* What the headers say after a hit. */
struct limit_state {
	uint32_t limit, remaining;
	uint64_t reset_after_us; /* until the window ends */
	bool over;	   /* refused */
};

/* Prunes itself by a timer of @core. */
struct limit_table *limit_table_new(struct core *core);
void limit_table_free(struct limit_table *table);
/* Counts one call of @key (a hash of identity, bucket and major parameter) against @limit per @per_ms. A window of one
 * call in a second or less lets a few calls through that come early, and becomes longer by each. */
struct limit_state limit_hit(struct limit_table *table, uint64_t key, uint32_t limit,
			     uint32_t per_ms);
/* The state without counting; a key that was never hit has everything left. */
struct limit_state limit_peek(const struct limit_table *table, uint64_t key, uint32_t limit,
			      uint32_t per_ms);

struct limit_global;
struct limit_global *limit_global_new(void);
void limit_global_free(struct limit_global *global);
/* Any core. One call of @identity; at most @per_second in each second of the wall clock. */
struct limit_state limit_global_hit(struct limit_global *global, uint64_t identity,
				    uint32_t per_second, uint64_t wall_us);
