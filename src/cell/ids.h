/* Fresh ids of a core. */
#pragma once

#include "core/local.h"
#include "model/snowflake.h"

/* Above all this core made before, and above @above (0: no matter). What bears it is to be committed after this call. */
static inline uint64_t id_next(struct core *core, uint64_t above)
{
	struct snowflake *ids = local_of(core)->ids;
	uint64_t id = snowflake_next(ids, core_wall_us(core), above);

	if (id >= ids->ceiling && ids->raise)
		ids->raise(core, id);
	return id;
}
