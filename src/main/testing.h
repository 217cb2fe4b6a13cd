/* For tests that put rows into a store and look at what cells make of them: the daemon's modules on one core, which the test
 * turns under a clock of its own, over a store in memory. */
#pragma once

#include "base/testing.h"
#include "config/config.h"
#include "core/core.h"
#include "core/local.h"
#include "store/mem.h"

struct obj_desc;

struct testbed {
	struct test_clock clock;
	struct app app;
	struct config *config;
	struct store *store;
	struct cores *cores;
	struct store_batch *batch; /* what testbed_put() put since the last commit; NULL: nothing */
};

/* It is not to be moved afterwards. */
void testbed_init(struct testbed *bed);
void testbed_done(struct testbed *bed);
/* cmocka's fixtures: a zeroed world of @size that begins with its testbed. */
int testbed_set_up(void **state, size_t size);
int testbed_tear_down(void **state);
/* So many turns of core and store, 20 ms each. */
void testbed_turns(struct testbed *bed, int count);
/* A row for the next testbed_commit(). */
void testbed_put(struct testbed *bed, struct str key, const struct obj_desc *desc, const void *row);
void testbed_put_raw(struct testbed *bed, struct str key, struct str value);
/* Writes them, turns until they are durable. */
void testbed_commit(struct testbed *bed);
/* Runs @run on a fiber, turns until it has returned. */
void testbed_run(struct testbed *bed, void (*run)(struct core *core, void *arg), void *arg);
