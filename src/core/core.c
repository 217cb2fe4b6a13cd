/* The loop: cores made and ended, one turn, messages, deferred work, descriptors. Timers, fibers and the
 * pool are in their own files. */
#include "core/core.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "core/internal.h"

enum { CORES_MAX = 64 };

struct process {
	struct cores cores;
	struct pool pool;
	bool started, joined;
};

static void die_at_start(const char *what, int error)
{
	log_error("cannot start a core what=%s error=%s", what, strerror(error));
	exit(EXIT_FAILURE);
}

/* -- messages -- */

static void core_ring(struct core *core)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then the bell has rung. */
	if (write(core->bell_fd, &one, sizeof(one)) < 0)
		return;
}

void core_post(struct core *to, struct msg *msg)
{
	inbox_push(&to->inbox, msg);
	/* The push and this load, the sleeper's store and its look into the inbox: all are sequentially consistent, so at
	 * least one side sees the other. The exchange lets one of many writers ring. */
	if (atomic_load_explicit(&to->asleep, memory_order_seq_cst) &&
	    atomic_exchange_explicit(&to->asleep, false, memory_order_seq_cst))
		core_ring(to);
}

void core_post_first(struct core *core, struct msg *msg)
{
	msg->next = core->first;
	core->first = msg;
	if (!core->last)
		core->last = msg;
}

bool core_turn_is_long(struct core *core)
{
	return clock_mono_us(core->cores->clock) - core->now_us > TURN_MESSAGES_US;
}

static void run_messages(struct core *core)
{
	struct msg *last, *first = inbox_take(&core->inbox, &last);

	if (first) {
		if (core->last)
			core->last->next = first;
		else
			core->first = first;
		core->last = last;
	}
	for (uint32_t i = 0; i < TURN_MESSAGES && core->first; i++) {
		struct msg *msg = core->first;

		if (i > 0 && core_turn_is_long(core))
			break;
		core->first = msg->next;
		if (!core->first)
			core->last = NULL;
		stat_add(&core->stats.messages, 1);
		msg->run(core, msg);
	}
}

/* -- deferred work -- */

void deferred_init(struct deferred *deferred, void (*run)(struct core *, struct deferred *))
{
	list_init(&deferred->node);
	deferred->run = run;
}

void core_defer(struct core *core, struct deferred *deferred)
{
	if (list_empty(&deferred->node))
		list_add_tail(&core->deferred, &deferred->node);
}

void core_undefer(struct deferred *deferred)
{
	list_del(&deferred->node);
}

/* Moves all of @from behind what @to holds. */
static void list_splice_tail(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

static void run_deferred(struct core *core)
{
	struct list *node;

	/* What the last turn left over comes first; what is added from here on waits for the next turn. */
	list_splice_tail(&core->deferred_now, &core->deferred);
	for (uint32_t i = 0; i < TURN_DEFERRED && (node = list_pop(&core->deferred_now)); i++) {
		struct deferred *deferred = list_entry(node, struct deferred, node);

		deferred->run(core, deferred);
	}
}

/* -- descriptors -- */

int watch_add(struct core *core, struct watch *watch)
{
	struct epoll_event event = { .events = watch->events, .data.ptr = watch };

	if (epoll_ctl(core->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event))
		return -errno;
	core->watches++;
	return 0;
}

void watch_change(struct core *core, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };
	int r = epoll_ctl(core->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);

	assert(r == 0); /* only an fd that is not watched makes this fail */
	watch->events = events;
}

void watch_del(struct core *core, struct watch *watch)
{
	int r = epoll_ctl(core->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);

	assert(r == 0); /* as above; an fd closed before its watch is our mistake */
	assert(core->watches);
	core->watches--;
	for (int i = core->events_at; i < core->events_count; i++)
		if (core->events[i].data.ptr == watch)
			core->events[i].data.ptr = NULL;
}

static void run_events(struct core *core)
{
	while (core->events_at < core->events_count) {
		struct epoll_event *event = &core->events[core->events_at++];
		struct watch *watch = event->data.ptr;

		if (watch)
			watch->run(core, watch, event->events);
	}
}

/* -- the turn -- */

static bool has_work(struct core *core)
{
	return core->first || !inbox_empty(&core->inbox) || !list_empty(&core->fibers.ready) ||
		!list_empty(&core->deferred) || !list_empty(&core->deferred_now);
}

static uint64_t until_timer_us(struct core *core, uint64_t now_us)
{
	uint64_t next_ms = wheel_next_ms(&core->wheel);

	if (next_ms == UINT64_MAX)
		return UINT64_MAX;
	return next_ms * 1000 > now_us ? next_ms * 1000 - now_us : 0;
}

/* For epoll_wait(): rounded up, or a core would turn idly through the last millisecond before a timer. */
static int wait_ms(struct core *core, uint64_t may_sleep_us)
{
	uint64_t us = until_timer_us(core, clock_mono_us(core->cores->clock));

	us = MIN(us, may_sleep_us);
	if (us == UINT64_MAX)
		return -1;
	return (int)MIN((us + 999) / 1000, 3600 * 1000);
}

/* Fetches ready descriptors, asleep for up to @may_sleep_us if there is nothing to do. */
static void gather_events(struct core *core, uint64_t may_sleep_us)
{
	int timeout_ms = 0;

	if (may_sleep_us && !has_work(core)) {
		timeout_ms = wait_ms(core, may_sleep_us);
		if (timeout_ms) {
			/* Announce, then look again: who posted before the announcement did not ring. */
			atomic_store_explicit(&core->asleep, true, memory_order_seq_cst);
			if (!inbox_empty(&core->inbox) || atomic_load(&core->stop))
				timeout_ms = 0;
		}
	}
	core->events_at = core->events_count = 0;
	if (timeout_ms || core->watches) {
		int n = epoll_wait(core->epoll_fd, core->events, TURN_EVENTS, timeout_ms);

		assert(n >= 0 || errno == EINTR);
		core->events_count = MAX(n, 0);
	}
	atomic_store_explicit(&core->asleep, false, memory_order_relaxed);
	for (int i = 0; i < core->events_count; i++)
		if (core->events[i].data.ptr == &core->bell_fd) {
			/* Edge-triggered, so the counter need not be read down. */
			core->events[i].data.ptr = NULL;
			stat_add(&core->stats.doorbells, 1);
		}
}

static void run_timers(struct core *core)
{
	uint32_t budget = TURN_TIMERS;
	struct timer *timer;

	while ((timer = wheel_pop(&core->wheel, core->now_us / 1000, &budget))) {
		stat_add(&core->stats.timers, 1);
		timer->run(core, timer);
	}
}

const uint32_t core_turn_bounds_us[CORE_TURN_BOUNDS] = { 100,	 250,	 500,	 1000,	2500,
							 5000,	 10000,	 25000,	 50000, 100000,
							 250000, 500000, 1000000 };

static void count_turn(struct core *core)
{
	uint64_t us = clock_mono_us(core->cores->clock) - core->now_us;
	uint32_t n = 0;

	while (n < CORE_TURN_BOUNDS && us > core_turn_bounds_us[n])
		n++;
	stat_add(&core->stats.turns_took[n], 1);
	stat_add(&core->stats.turns_us, us);
}

uint64_t core_turn(struct core *core, uint64_t may_sleep_us)
{
	assert(!core->fibers.running);
	gather_events(core, may_sleep_us);
	core->now_us = clock_mono_us(core->cores->clock);
	stat_add(&core->stats.turns, 1);
	run_messages(core);
	run_timers(core);
	run_events(core);
	fibers_run(core);
	run_deferred(core);
	count_turn(core);
	return has_work(core) ? 0 : until_timer_us(core, core->now_us);
}

/* -- identity, time, counters -- */

uint32_t core_index(const struct core *core)
{
	return core->index;
}

struct cores *core_cores(struct core *core)
{
	return core->cores;
}

void core_set_local(struct core *core, void *local)
{
	core->local = local;
}

void *core_local(struct core *core)
{
	return core->local;
}

uint64_t core_now_us(const struct core *core)
{
	return core->now_us;
}

uint64_t core_wall_us(const struct core *core)
{
	return clock_wall_us(core->cores->clock);
}

struct random *core_random(const struct core *core)
{
	return core->cores->random;
}

const struct core_stats *core_stats(const struct core *core)
{
	return &core->stats;
}

/* -- life and death -- */

static struct core *core_new(struct process *process, const struct cores_config *config,
			     uint32_t index)
{
	struct core *core = aligned_alloc(alignof(struct core), sizeof(*core));
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	if (!core)
		die_at_start("memory", ENOMEM);
	memset(core, 0, sizeof(*core));
	core->cores = &process->cores;
	core->pool = &process->pool;
	core->index = index;
	core->jobs_max = config->fibers_max;
	core->now_us = clock_mono_us(config->clock);
	list_init(&core->deferred);
	list_init(&core->deferred_now);
	wheel_init(&core->wheel, core->now_us / 1000);
	fibers_init(core, config->fibers_max);
	core->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (core->epoll_fd < 0)
		die_at_start("epoll", errno);
	core->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (core->bell_fd < 0)
		die_at_start("eventfd", errno);
	event.data.ptr = &core->bell_fd;
	if (epoll_ctl(core->epoll_fd, EPOLL_CTL_ADD, core->bell_fd, &event))
		die_at_start("doorbell", errno);
	return core;
}

struct cores *cores_new(const struct cores_config *config)
{
	struct process *process = mem_zalloc(sizeof(*process));
	struct cores *cores = &process->cores;

	assert(config->count >= 1);
	assert(config->count <= CORES_MAX);
	pool_init(&process->pool, config->offload_threads);
	cores->core = mem_zalloc(sizeof(struct core *) * config->count);
	cores->count = config->count;
	cores->clock = config->clock;
	cores->random = config->random;
	cores->store = config->store;
	cores->app = config->app;
	for (uint32_t i = 0; i < cores->count; i++)
		cores->core[i] = core_new(process, config, i);
	return cores;
}

pthread_t thread_start(const char *name, void *(*thread_main)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, thread_main, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		die_at_start("thread", r);
	pthread_setname_np(thread, name); /* for top and debuggers */
	return thread;
}

/* Puts each core on a processor of its own when the process may use that many. A single core is left alone: the
 * kernel places it better, and several servers on one machine would all sit on the first processor. */
static void pin_threads(struct cores *cores)
{
	cpu_set_t allowed;
	uint32_t at = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) || cores->count < 2 ||
	    (uint32_t)CPU_COUNT(&allowed) < cores->count)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE && at < cores->count; cpu++) {
		cpu_set_t one;

		if (!CPU_ISSET(cpu, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		/* A refusal (a sandbox) costs speed, nothing else. */
		pthread_setaffinity_np(cores->core[at++]->thread, sizeof(one), &one);
	}
}

static void *core_main(void *arg)
{
	struct core *core = arg;

	while (!atomic_load_explicit(&core->stop, memory_order_acquire))
		core_turn(core, UINT64_MAX);
	return NULL;
}

void cores_start(struct cores *cores)
{
	struct process *process = container_of(cores, struct process, cores);

	assert(!process->started);
	process->started = true;
	pool_start(&process->pool);
	for (uint32_t i = 0; i < cores->count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "core-%u", i);
		cores->core[i]->thread = thread_start(name, core_main, cores->core[i]);
	}
	pin_threads(cores);
}

void cores_ask_stop(struct cores *cores)
{
	for (uint32_t i = 0; i < cores->count; i++) {
		atomic_store(&cores->core[i]->stop, true);
		core_ring(cores->core[i]);
	}
}

void cores_join(struct cores *cores)
{
	struct process *process = container_of(cores, struct process, cores);

	if (!process->started || process->joined)
		return;
	for (uint32_t i = 0; i < cores->count; i++)
		pthread_join(cores->core[i]->thread, NULL);
	pool_stop(&process->pool);
	process->joined = true;
}

void cores_stop(struct cores *cores)
{
	cores_ask_stop(cores);
	cores_join(cores);
}

static void core_free(struct core *core)
{
	fibers_done(core);
	close(core->bell_fd);
	close(core->epoll_fd);
	free(core);
}

void cores_free(struct cores *cores)
{
	struct process *process;

	if (!cores)
		return;
	process = container_of(cores, struct process, cores);
	assert(!process->started || process->joined);
	for (uint32_t i = 0; i < cores->count; i++)
		core_free(cores->core[i]);
	pool_done(&process->pool);
	free(cores->core);
	free(process);
}
