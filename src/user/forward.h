/* DMs: what a DM's cell publishes reaches people through their own cells, which know their sessions. */
#pragma once

#include "cell/publish.h"

/* publish_forward (cell/publish.h). */
void user_forward(struct cell *cell, struct publication *publication);
