/* Ids never repeat over restarts, even when the clock stepped back meanwhile: each core keeps in the store how far its ids
 * may go, half a second ahead, and raises that when an id passes it. The raise goes to the store before whatever bears
 * the id, and the store keeps its order: so no row holds an id above what was kept. */
#pragma once

#include "core/core.h"

struct ids_keeper;

/* On core 0, before anything makes ids: reads how far an earlier run went, sets every core's generator above it, then calls @done. While
 * the store refuses that (@r), it tries again several times a second and calls @waiting: at the first refusal, then once a minute (NULL: nobody). */
struct ids_keeper *ids_keeper_new(struct core *core, void (*done)(struct core *core),
				  void (*waiting)(struct core *core, int r, bool first));
void ids_keeper_free(struct ids_keeper *keeper);
