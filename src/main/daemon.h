/* The daemon put together: from a configuration to a serving process, and back down. Tests and the simulator make parts of
 * it by themselves. */
#pragma once

#include "config/config.h"

struct admin;
struct core;
struct cores;
struct daemon;

struct daemon_options {
	/* Reads the configuration again, after SIGHUP, in a pool thread: a new one, or NULL with a sentence in @error (malloc). */
	struct config *(*reread)(void *owner, char **error);
	/* Not NULL: nothing listens; this runs once, on a fiber of core 0, and then all ends. */
	void (*offline)(struct core *core, struct admin *admin, void *owner);
	/* It serves: for programs that measure it from inside. Optional; on any core. */
	void (*ready)(struct cores *cores, void *owner);
	void *owner;
};

/* Opens the store, makes cores and listeners. 0 or negative errno with a sentence in @error (malloc). Takes @config over; in
 * either case *ret_daemon is to be daemon_free()d. */
int daemon_new(struct config *config, const struct daemon_options *options,
	       struct daemon **ret_daemon, char **error);
/* Serves until a signal ends it; prints the ready line on stdout. The exit status. */
int daemon_run(struct daemon *daemon);
void daemon_free(struct daemon *daemon);

/* Kinds of cells and the gateway's hook: once in a process, before cores are made. */
void daemon_register(void);
/* The modules' state of one core; before it runs. @maker: of ids, unique among running makers. */
void daemon_local_new(struct core *core, uint32_t maker);
void daemon_local_free(struct core *core);
