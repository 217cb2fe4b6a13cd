/* Who the instance belongs to: one row, and whether there is such a row in app.has_owner. */
#pragma once

#include <stdint.h>

#include "core/core.h"

/* On a fiber, at the start: reads the row, sets app.has_owner. 0, ENOENT when there is no owner yet, negative errno. */
int owner_load_wait(struct core *core, uint64_t *ret_user_id);
/* On a fiber: writes the row, durable when it returns. */
int owner_set_wait(struct core *core, uint64_t user_id);
