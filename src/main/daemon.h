/* The daemon put together: from a configuration to a serving process, and back down. Tests and the simulator make parts of
 * it by themselves. */
#pragma once

#include "config/config.h"

struct daemon;

/* Opens the store, makes cores and listeners. 0 or negative errno with a sentence in @error (malloc). Takes @config over. */
int daemon_new(struct config *config, struct daemon **ret_daemon, char **error);
/* Serves until a signal ends it; prints the ready line on stdout. The exit status. */
int daemon_run(struct daemon *daemon);
void daemon_free(struct daemon *daemon);

/* Kinds of cells and the gateway's hook: once in a process, before cores are made. */
void daemon_register(void);
/* The modules' state of one core; before it runs. @maker: of ids, unique among running makers. */
void daemon_local_new(struct core *core, uint32_t maker);
void daemon_local_free(struct core *core);
