/* What the files of this folder share: the insides of a core. */
#pragma once

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "core/core.h"
#include "core/fiber.h"

/* Bounds of one turn, so that no kind of work starves another. */
enum {
	TURN_MESSAGES = 1024,
	TURN_MESSAGES_US =
		500, /* then descriptors and what was deferred have their turn, and the rest comes in the next */
	TURN_TIMERS = 2048, /* fired or moved down a level */
	TURN_EVENTS = 256,
	TURN_FIBERS = 512,
	TURN_DEFERRED = 1024,
};

/* -- inbox.c: many writers, one reader, no lock --
 * A stack that the reader takes whole and turns around. One exchange takes any number of messages,
 * and no writer can hold up another half-way, as it can in a linked queue. */
struct inbox {
	alignas(64) _Atomic(struct msg *) newest;
};
void inbox_push(struct inbox *inbox, struct msg *msg);
/* Everything there, oldest first; NULL when empty. */
struct msg *inbox_take(struct inbox *inbox, struct msg **ret_last);
static inline bool inbox_empty(struct inbox *inbox)
{
	return atomic_load_explicit(&inbox->newest, memory_order_seq_cst) == NULL;
}

/* -- timer.c: the wheel --
 * Level k has 64 slots of 64^k ms. A timer stands on the level of the highest digit (base 64) in which its time
 * differs from @elapsed_ms, so lower levels are always due before higher ones; when time reaches a
 * slot of a higher level its timers move down. */
enum { WHEEL_LEVELS = 11, WHEEL_SLOTS = 64 };
struct wheel {
	uint64_t elapsed_ms;
	/* A bit for each slot; may be stale for one emptied by timer_clear(). */
	uint64_t occupied[WHEEL_LEVELS];
	struct list slot[WHEEL_LEVELS][WHEEL_SLOTS];
};
void wheel_init(struct wheel *wheel, uint64_t now_ms);
/* timer->at_ms says when; a time that has passed becomes the next millisecond. */
void wheel_add(struct wheel *wheel, struct timer *timer);
/* The next timer due at @now_ms, taken out; NULL when there is none or @budget is used up. */
struct timer *wheel_pop(struct wheel *wheel, uint64_t now_ms, uint32_t *budget);
/* Not later than the next due time (perhaps earlier: when timers move down); UINT64_MAX: no timers. */
uint64_t wheel_next_ms(struct wheel *wheel);

/* -- fiber_*: raw stacks -- */
/* Makes @size bytes at @stack ready: the first switch to the returned value calls @entry(arg), which never returns. */
void *fiber_stack_prepare(void *stack, size_t size, void (*entry)(void *arg), void *arg);
/* Leaves the present stack, noting in *ret_from how to come back, and goes on at @to. */
void fiber_stack_switch(void **ret_from, void *to);

/* -- fiber.c -- */
struct fibers {
	struct fiber *running; /* NULL: the loop */
	struct list ready, alive, pool;
	uint32_t count, max, pooled;
	void *loop_sp;
	/* For the sanitizers: the loop's own stack. */
	void *loop_fake;
	const void *loop_stack;
	size_t loop_stack_size;
	void *loop_tsan;
};
void fibers_init(struct core *core, uint32_t max);
void fibers_done(struct core *core);
/* Runs woken fibers, at most TURN_FIBERS. */
void fibers_run(struct core *core);

/* -- offload.c -- */
struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	struct msg *first, *last;
	pthread_t *threads;
	uint32_t threads_max, running;
	bool stopping;
};
void pool_init(struct pool *pool, uint32_t threads_max);
void pool_start(struct pool *pool);
/* Waits for the jobs that run; those that only wait are dropped. */
void pool_stop(struct pool *pool);
void pool_done(struct pool *pool);

struct core {
	/* Shared with other threads. */
	struct inbox inbox;
	_Atomic bool asleep; /* set: who posts must ring the bell */
	_Atomic bool stop;

	/* The core's own. */
	alignas(64) struct cores *cores;
	struct pool *pool;
	uint32_t index;
	uint64_t now_us;
	void *local;
	int epoll_fd, bell_fd;
	uint32_t watches;
	uint32_t jobs, jobs_max;
	struct msg *first, *last; /* taken from the inbox, not run yet */
	struct list deferred, deferred_now;
	struct wheel wheel;
	struct fibers fibers;
	struct epoll_event events[TURN_EVENTS];
	int events_at, events_count; /* being handed out */
	pthread_t thread;
	struct core_stats stats;
};

/* One writer, so no locked instruction is needed. */
static inline void stat_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* A thread with all signals blocked: they are for the main thread or a signalfd. Ends the process when there can be none. */
pthread_t thread_start(const char *name, void *(*main)(void *arg), void *arg);
