/* A core: one thread's loop, and everything alive that it owns.
 *
 * A core never shares an object with another; it sends messages. All that the thread does is
 * core_turn(), with no thread-local state and no clock but the seam's, so a simulator can step many cores
 * in one thread in any order. Unless a comment says otherwise, every function here may be called
 * only on the core it is given. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/random.h"

struct core;
struct fiber;
struct store;

/* All cores of the process and the seams they see the world through. */
struct cores {
	struct core **core; /* count of them */
	uint32_t count;
	struct clock *clock;
	struct random *random;
	struct store *store;
	void *app; /* the program above (main/app.h); read-only after the start */
};

struct cores_config {
	uint32_t count; /* 1..64 */
	uint32_t fibers_max;     /* parked or running fibers on each core */
	uint32_t offload_threads; /* slow work: hashing, files; shared by all cores */
	struct clock *clock;
	struct random *random;
	struct store *store;
	void *app;
};
/* Makes the cores; nothing runs yet. Ends the process only when memory or descriptors are missing at start. */
struct cores *cores_new(const struct cores_config *config);
/* Starts a thread for each core (pinned when there are enough processors). */
void cores_start(struct cores *cores);
/* Any thread: asks every loop to leave after its turn, joins the threads. */
void cores_stop(struct cores *cores);
/* The two halves of it. Any thread, a core too (a signal's handler): asks, and returns at once. */
void cores_ask_stop(struct cores *cores);
/* Not on a core: waits until every loop has left, so the main thread can sleep here. */
void cores_join(struct cores *cores);
/* After cores_stop(): fibers still parked are dropped with their stacks. */
void cores_free(struct cores *cores);

/* Identity. Any thread. */
uint32_t core_index(const struct core *core);
struct cores *core_cores(struct core *core);
/* One slot for the modules that keep per-core state (see main/app.h). */
void core_set_local(struct core *core, void *local);
void *core_local(struct core *core);

/* Time, read once at the start of a turn (monotonic); wall time is read when asked. */
uint64_t core_now_us(const struct core *core);
uint64_t core_wall_us(const struct core *core);
struct random *core_random(const struct core *core);

/* One turn: inbox, due timers, ready descriptors, ready fibers, deferred work. Returns microseconds until
 * the next timer (UINT64_MAX: none), 0 when there is more to do at once. @may_sleep_us bounds the
 * wait for descriptors and doorbells; 0 polls. The simulator calls this with 0. */
uint64_t core_turn(struct core *core, uint64_t may_sleep_us);

/* -- messages between cores: intrusive, first in first out for each pair of sender and receiver -- */
struct msg {
	struct msg *next;
	/* On the receiver; it owns @msg from then on. */
	void (*run)(struct core *core, struct msg *msg);
};
/* Any thread. Rings the receiver's doorbell only if it sleeps. */
void core_post(struct core *to, struct msg *msg);
/* The same to one's own core is allowed and runs in the next turn. */
/* From a message's run(): @msg is the rest of its work, and runs before all others in the next turn (in this one, if that is not
 * long yet). */
void core_post_first(struct core *core, struct msg *msg);
/* Messages have taken so much of this turn that what is left of them should wait for the next. */
bool core_turn_is_long(struct core *core);

/* -- deferred work: runs at the end of this turn (or of the next, when added by deferred work) -- */
struct deferred {
	struct list node;
	void (*run)(struct core *core, struct deferred *deferred);
};
void deferred_init(struct deferred *deferred, void (*run)(struct core *, struct deferred *));
/* Adding one that already waits does nothing. */
void core_defer(struct core *core, struct deferred *deferred);
void core_undefer(struct deferred *deferred);

/* -- timers: a hierarchical wheel, one millisecond steps, O(1) to set and clear -- */
struct timer {
	struct list node;
	uint64_t at_ms;
	void (*run)(struct core *core, struct timer *timer);
};
void timer_init(struct timer *timer, void (*run)(struct core *, struct timer *));
/* Sets or moves it to @after_ms from now. One shot. */
void timer_set(struct core *core, struct timer *timer, uint64_t after_ms);
void timer_clear(struct timer *timer);
bool timer_is_set(const struct timer *timer);

/* -- descriptors (level-triggered epoll) -- */
struct watch {
	int fd;
	uint32_t events; /* EPOLLIN | EPOLLOUT */
	void (*run)(struct core *core, struct watch *watch, uint32_t events);
};
/* 0 or negative errno. */
int watch_add(struct core *core, struct watch *watch);
void watch_change(struct core *core, struct watch *watch, uint32_t events);
/* After this the handler is not called again, not even for an event of this same turn. Does not close the fd. */
void watch_del(struct core *core, struct watch *watch);

/* -- slow work off the loop, in a bounded pool of threads -- */
struct job {
	struct msg msg; /* for the pool */
	struct core *core;
	void (*work)(struct job *job); /* in a pool thread; touches nothing of a core */
	void (*done)(struct core *core, struct job *job); /* back on the core that asked */
};
/* At most @fibers_max jobs of a core wait; -EAGAIN beyond (answer 503). */
int core_offload(struct core *core, struct job *job);

/* -- counters, for /metrics and the bars: monotonic, written by the core, read by anybody -- */
/* How long turns took, without their sleep: turns_took[n] those up to core_turn_bounds_us[n], the last one the rest. */
enum { CORE_TURN_BOUNDS = 13 };
extern const uint32_t core_turn_bounds_us[CORE_TURN_BOUNDS];
struct core_stats {
	_Atomic uint64_t turns, messages, doorbells, timers, fibers_started, fibers_now, offloads;
	_Atomic uint64_t turns_us, turns_took[CORE_TURN_BOUNDS + 1];
};
const struct core_stats *core_stats(const struct core *core);
