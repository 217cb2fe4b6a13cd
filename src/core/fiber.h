/* Fibers: a REST request runs on one, so that its code reads straight down while it waits for the store
 * or another owner. Fixed stacks with a guard page, pooled; bounded for each core. Switching costs some
 * nanoseconds (own assembly on x86-64 and aarch64, ucontext elsewhere), and tells the sanitizers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core;
struct fiber;

/* Starts @main(core, arg) on a new fiber: it runs at once, until it parks or returns. 0, or -EAGAIN when fibers_max
 * are alive on this core (the caller answers 503). */
int fiber_start(struct core *core, void (*main)(struct core *core, void *arg), void *arg);
/* The running fiber, NULL on the loop itself. */
struct fiber *fiber_self(struct core *core);
/* Parks the running fiber until fiber_wake(). Wakes are remembered: one that came before the park makes
 * the park return at once. The world has moved meanwhile: look everything up again. */
void fiber_park(struct core *core);
/* On the fiber's own core, from the loop or from another fiber: it runs later in this turn. */
void fiber_wake(struct core *core, struct fiber *fiber);
/* Lets everything else have its turn, then goes on: for what would keep the core for long. */
void fiber_yield(struct core *core);
/* How many bytes of its stack the running fiber has left (for depth checks and tests). */
size_t fiber_stack_left(struct core *core);

/* Runs @work on the offload pool and parks until it is done. -EAGAIN when the pool's queue is full. */
int fiber_offload_wait(struct core *core, void (*work)(void *arg), void *arg);
/* Parks for @ms. */
void fiber_sleep(struct core *core, uint64_t ms);

/* A queue of fibers waiting for one thing, woken first come first served. */
struct fiber_wait {
	struct fiber_waiter *head, *tail;
};
void fiber_wait_on(struct core *core, struct fiber_wait *wait); /* parks until woken */
void fiber_wait_wake(struct core *core, struct fiber_wait *wait, bool all);
bool fiber_wait_empty(const struct fiber_wait *wait);
