/* Fresh ids of a core. */
#pragma once

#include "core/local.h"
#include "model/snowflake.h"

/* Above all this core made before, and above @above (0: no matter). */
static inline uint64_t id_next(struct core *core, uint64_t above)
{
	return snowflake_next(local_of(core)->ids, core_wall_us(core), above);
}
