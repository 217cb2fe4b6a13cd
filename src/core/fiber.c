/* Fibers: their life, parking and waking, waiting for things. How stacks are switched is in fiber_stack.c and
 * the assembly beside it.
 *
 * A stack, once made, runs one fiber after the other in a loop and never leaves its first function, so
 * a new fiber on a pooled stack costs two switches and no preparation. */
#include "core/fiber.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/internal.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* Sanitizers make frames several times as big. */
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
enum { STACK_SIZE = 256 << 10 };
#else
enum { STACK_SIZE = 64 << 10 };
#endif
/* Free stacks that a core keeps, about what it needs again at once; the others go back to the kernel. */
enum { POOL_MAX = 256 };

enum fiber_state { FIBER_FREE, FIBER_RUNNING, FIBER_READY, FIBER_PARKED };

struct fiber {
	struct core *core;
	enum fiber_state state;
	bool woken; /* a wake that no park has taken yet */
	struct fiber *back; /* who is to go on when this one stops; NULL: the loop */
	void (*main)(struct core *core, void *arg);
	void *arg;
	struct list node; /* in ready or pool */
	struct list alive; /* in alive, from start to end */
	char *stack; /* STACK_SIZE bytes, a guard page below */
	void *sp; /* while it does not run */
	void *fake; /* AddressSanitizer's second stack */
	void *tsan;
};

/* -- what the sanitizers must be told -- */

#ifdef FIBER_ASAN
static void note_leave(void **ret_fake, const void *stack, size_t size)
{
	__sanitizer_start_switch_fiber(ret_fake, stack, size);
}

static void note_arrive(void *fake, const void **ret_stack, size_t *ret_size)
{
	__sanitizer_finish_switch_fiber(fake, ret_stack, ret_size);
}

static void note_unmap(const char *stack)
{
	__asan_unpoison_memory_region(stack, STACK_SIZE);
}
#else
static void note_leave(void **ret_fake, const void *stack, size_t size)
{
	(void)ret_fake, (void)stack, (void)size;
}

static void note_arrive(void *fake, const void **ret_stack, size_t *ret_size)
{
	(void)fake, (void)ret_stack, (void)ret_size;
}

static void note_unmap(const char *stack)
{
	(void)stack;
}
#endif

#ifdef FIBER_TSAN
static void *tsan_new(void)
{
	return __tsan_create_fiber(0);
}

static void tsan_free(void *tsan)
{
	__tsan_destroy_fiber(tsan);
}

static void *tsan_here(void)
{
	return __tsan_get_current_fiber();
}

/* Inlined: a call frame of its own would be entered on one shadow stack and left on another. */
__attribute__((always_inline)) static inline void tsan_switch(void *to)
{
	__tsan_switch_to_fiber(to, 0);
}
#else
static void *tsan_new(void)
{
	return NULL;
}

static void tsan_free(void *tsan)
{
	(void)tsan;
}

static void *tsan_here(void)
{
	return NULL;
}

static inline void tsan_switch(void *to)
{
	(void)to;
}
#endif

/* The three functions below are not instrumented by AddressSanitizer: their frames are there while a fake stack ends,
 * so they must have no part on it. */
#define ON_BOTH_STACKS __attribute__((no_sanitize("address")))

/* Just switched to @self (NULL: the loop). Its resumer's stack bounds are told only now; the fibers' are known. */
ON_BOTH_STACKS static void arrive(struct core *core, const struct fiber *self, void *fake)
{
	const void *was_stack = NULL;
	size_t was_size = 0;

	note_arrive(fake, &was_stack, &was_size);
	if (self && !self->back) {
		core->fibers.loop_stack = was_stack;
		core->fibers.loop_stack_size = was_size;
	}
}

/* From the fiber @from to its resumer, or from the resumer to it. NULL is the loop. @ends: the frames on the stack are
 * over, its fake stack may go. */
ON_BOTH_STACKS static void switch_to(struct core *core, struct fiber *from, struct fiber *to,
				     bool ends)
{
	struct fibers *fibers = &core->fibers;
	void **fake = from ? &from->fake : &fibers->loop_fake;

	if (!from)
		fibers->loop_tsan = tsan_here();
	fibers->running = to;
	note_leave(ends ? NULL : fake, to ? to->stack : fibers->loop_stack,
		   to ? STACK_SIZE : fibers->loop_stack_size);
	tsan_switch(to ? to->tsan : fibers->loop_tsan);
	fiber_stack_switch(from ? &from->sp : &fibers->loop_sp, to ? to->sp : fibers->loop_sp);
	arrive(core, from, ends ? NULL : *fake);
}

/* The first and last function of each stack. */
ON_BOTH_STACKS static void stack_main(void *arg)
{
	struct fiber *fiber = arg;

	arrive(fiber->core, fiber, NULL);
	for (;;) {
		fiber->main(fiber->core, fiber->arg);
		fiber->state = FIBER_FREE;
		switch_to(fiber->core, fiber, fiber->back, true);
	}
}

/* -- stacks and their pool -- */

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* NULL when the kernel gives no more mappings: for the caller as good as too many fibers. */
static struct fiber *stack_new(struct core *core)
{
	size_t guard = page_size();
	char *map = mmap(NULL, guard + STACK_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	struct fiber *fiber;

	if (map == MAP_FAILED)
		return NULL;
	if (mprotect(map, guard, PROT_NONE)) {
		munmap(map, guard + STACK_SIZE);
		return NULL;
	}
	fiber = mem_zalloc(sizeof(*fiber));
	fiber->core = core;
	fiber->stack = map + guard;
	fiber->sp = fiber_stack_prepare(fiber->stack, STACK_SIZE, stack_main, fiber);
	fiber->tsan = tsan_new();
	list_init(&fiber->node);
	list_init(&fiber->alive);
	return fiber;
}

static void stack_free(struct fiber *fiber)
{
	size_t guard = page_size();

	tsan_free(fiber->tsan);
	note_unmap(fiber->stack);
	munmap(fiber->stack - guard, guard + STACK_SIZE);
	free(fiber);
}

static struct fiber *stack_take(struct core *core)
{
	struct list *node = list_pop(&core->fibers.pool);

	if (!node)
		return stack_new(core);
	core->fibers.pooled--;
	return list_entry(node, struct fiber, node);
}

static void stack_give(struct core *core, struct fiber *fiber)
{
	if (core->fibers.pooled >= POOL_MAX) {
		stack_free(fiber);
		return;
	}
	/* The last used is the warmest. */
	list_add_head(&core->fibers.pool, &fiber->node);
	core->fibers.pooled++;
}

/* -- running -- */

/* Lets @fiber run until it parks or ends. */
static void resume(struct core *core, struct fiber *fiber)
{
	struct fibers *fibers = &core->fibers;

	fiber->back = fibers->running;
	fiber->state = FIBER_RUNNING;
	switch_to(core, fiber->back, fiber, false);
	if (fiber->state != FIBER_FREE)
		return;
	list_del(&fiber->alive);
	fibers->count--;
	atomic_store_explicit(&core->stats.fibers_now, fibers->count, memory_order_relaxed);
	stack_give(core, fiber);
}

int fiber_start(struct core *core, void (*fiber_main)(struct core *, void *), void *arg)
{
	struct fibers *fibers = &core->fibers;
	struct fiber *fiber;

	if (fibers->count >= fibers->max)
		return -EAGAIN;
	fiber = stack_take(core);
	if (!fiber)
		return -EAGAIN;
	fiber->main = fiber_main;
	fiber->arg = arg;
	fiber->woken = false;
	list_add_tail(&fibers->alive, &fiber->alive);
	fibers->count++;
	stat_add(&core->stats.fibers_started, 1);
	atomic_store_explicit(&core->stats.fibers_now, fibers->count, memory_order_relaxed);
	resume(core, fiber);
	return 0;
}

struct fiber *fiber_self(struct core *core)
{
	return core->fibers.running;
}

void fiber_park(struct core *core)
{
	struct fiber *self = core->fibers.running;

	assert(self); /* the loop itself must never wait */
	if (self->woken) {
		self->woken = false;
		return;
	}
	self->state = FIBER_PARKED;
	switch_to(core, self, self->back, false);
}

void fiber_wake(struct core *core, struct fiber *fiber)
{
	assert(fiber->core == core);
	assert(fiber->state != FIBER_FREE);
	if (fiber->state != FIBER_PARKED) {
		fiber->woken = true;
		return;
	}
	fiber->state = FIBER_READY;
	list_add_tail(&core->fibers.ready, &fiber->node);
}

struct yield {
	struct msg msg;
	struct fiber *fiber;
	bool over;
};

static void on_yielded(struct core *core, struct msg *msg)
{
	struct yield *yield = container_of(msg, struct yield, msg);

	yield->over = true;
	fiber_wake(core, yield->fiber);
}

void fiber_yield(struct core *core)
{
	struct yield yield = { .msg = { .run = on_yielded }, .fiber = fiber_self(core) };

	core_post(core, &yield.msg);
	while (!yield.over)
		fiber_park(core);
}

void fibers_run(struct core *core)
{
	struct list *node;

	for (uint32_t i = 0; i < TURN_FIBERS && (node = list_pop(&core->fibers.ready)); i++)
		resume(core, list_entry(node, struct fiber, node));
}

size_t fiber_stack_left(struct core *core)
{
	struct fiber *self = core->fibers.running;

	assert(self);
	return (size_t)((char *)__builtin_frame_address(0) - self->stack);
}

/* -- waiting for one's own condition --
 * Parks until *done. Wakes that were meant for somebody else's park, further out in the same fiber, are
 * kept for it. */
static void wait_until(struct core *core, const bool *done)
{
	struct fiber *self = core->fibers.running;
	bool others = false;

	assert(self);
	while (!*done) {
		fiber_park(core);
		others |= !*done;
	}
	self->woken |= others;
}

struct offload_wait {
	struct job job;
	struct fiber *fiber;
	void (*work)(void *arg);
	void *arg;
	bool done;
};

static void offload_work(struct job *job)
{
	struct offload_wait *wait = container_of(job, struct offload_wait, job);

	wait->work(wait->arg);
}

static void offload_done(struct core *core, struct job *job)
{
	struct offload_wait *wait = container_of(job, struct offload_wait, job);

	wait->done = true;
	fiber_wake(core, wait->fiber);
}

int fiber_offload_wait(struct core *core, void (*work)(void *arg), void *arg)
{
	struct offload_wait wait = {
		.job = { .work = offload_work, .done = offload_done },
		.fiber = core->fibers.running,
		.work = work,
		.arg = arg,
	};
	int r;

	assert(wait.fiber);
	r = core_offload(core, &wait.job);
	if (r)
		return r;
	wait_until(core, &wait.done);
	return 0;
}

struct sleep_wait {
	struct timer timer;
	struct fiber *fiber;
	bool done;
};

static void sleep_over(struct core *core, struct timer *timer)
{
	struct sleep_wait *wait = container_of(timer, struct sleep_wait, timer);

	wait->done = true;
	fiber_wake(core, wait->fiber);
}

void fiber_sleep(struct core *core, uint64_t ms)
{
	struct sleep_wait wait = { .fiber = core->fibers.running };

	assert(wait.fiber);
	timer_init(&wait.timer, sleep_over);
	timer_set(core, &wait.timer, ms);
	wait_until(core, &wait.done);
}

struct fiber_waiter {
	struct fiber_waiter *next;
	struct fiber *fiber;
	bool done;
};

void fiber_wait_on(struct core *core, struct fiber_wait *wait)
{
	struct fiber_waiter waiter = { .fiber = core->fibers.running };

	assert(waiter.fiber);
	if (wait->tail)
		wait->tail->next = &waiter;
	else
		wait->head = &waiter;
	wait->tail = &waiter;
	wait_until(core, &waiter.done);
}

void fiber_wait_wake(struct core *core, struct fiber_wait *wait, bool all)
{
	do {
		struct fiber_waiter *waiter = wait->head;

		if (!waiter)
			return;
		wait->head = waiter->next;
		if (!wait->head)
			wait->tail = NULL;
		waiter->done = true;
		fiber_wake(core, waiter->fiber);
	} while (all);
}

bool fiber_wait_empty(const struct fiber_wait *wait)
{
	return !wait->head;
}

/* -- with the core -- */

void fibers_init(struct core *core, uint32_t max)
{
	core->fibers = (struct fibers){ .max = max };
	list_init(&core->fibers.ready);
	list_init(&core->fibers.alive);
	list_init(&core->fibers.pool);
}

void fibers_done(struct core *core)
{
	struct list *node;

	assert(!core->fibers.running);
	while ((node = list_pop(&core->fibers.alive)))
		stack_free(list_entry(node, struct fiber, alive));
	while ((node = list_pop(&core->fibers.pool)))
		stack_free(list_entry(node, struct fiber, node));
}
