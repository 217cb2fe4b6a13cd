/* The sign of life for who started us: given only when every core has turned its loop since the last one, so that a process with
 * one hung core is started anew although the others still answer.
 *
 * At each interval core 0 posts a message to every core; the one that answers last gives the sign. While an answer is missing
 * nothing more is asked and no sign is given. Lives on core 0. */
#pragma once

#include "core/core.h"

struct watchdog;

/* Before the cores run. @sign is called on the core that answered last. */
struct watchdog *watchdog_new(struct cores *cores, uint64_t interval_ms, void (*sign)(void));
/* With systemd's interval (WATCHDOG_USEC) and signs to it (WATCHDOG=1), two in each; NULL when it wants none. */
struct watchdog *watchdog_new_systemd(struct cores *cores);
/* After the cores have stopped. NULL is fine. */
void watchdog_free(struct watchdog *watchdog);
