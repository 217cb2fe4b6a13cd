/* Ids never repeat over restarts, even when the clock stepped back meanwhile: how far they may have gone is kept in the
 * store, a second ahead, written only while anything is written at all. */
#pragma once

#include "core/core.h"

struct ids_keeper;

/* On core 0, before anything makes ids: reads how far an earlier run went, sets every core's generator above it, then calls @done. */
struct ids_keeper *ids_keeper_new(struct core *core, void (*done)(struct core *core));
void ids_keeper_free(struct ids_keeper *keeper);
