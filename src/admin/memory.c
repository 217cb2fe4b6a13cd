#include "admin/memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cell/cell.h"
#include "config/config.h"
#include "gateway/gateway.h"
#include "message/latest.h"
#include "store/store.h"

enum { LOOK_MS = 1000, CALM_PERCENT = 90, CACHE_LEAST = 4 << 20, TRIM_MS = 10000 };

struct memory_watch {
	struct core *core;
	struct timer timer;
	enum { PLENTY, DROP_IDLE, DROP_DETACHED, SHUT } step; /* what is done now */
	uint64_t trimmed_us;
};

uint64_t memory_resident(void)
{
	unsigned long long size, resident;
	char text[128];

	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return sscanf(text, "%llu %llu", &size, &resident) == 2
		? resident * (uint64_t)sysconf(_SC_PAGESIZE)
		: 0;
}

struct step_msg {
	struct msg msg;
	int step;
};

static void on_step(struct core *core, struct msg *msg)
{
	int step = container_of(msg, struct step_msg, msg)->step;

	free(container_of(msg, struct step_msg, msg));
	gateway_shut(core, step == SHUT);
	uint32_t sessions = step >= DROP_DETACHED ? gateway_shed(core) : 0;
	if (step >= DROP_IDLE)
		latest_shed(core);
	uint32_t cells = step >= DROP_IDLE ? cell_evict_idle(core) : 0;
	if (sessions || cells)
		log_debug("dropped for memory core=%u cells=%u sessions=%u", core_index(core),
			  cells, sessions);
}

static void tell_cores(struct memory_watch *watch)
{
	struct cores *cores = core_cores(watch->core);

	for (uint32_t i = 0; i < cores->count; i++) {
		struct step_msg *msg = mem_zalloc(sizeof(*msg));

		msg->msg.run = on_step;
		msg->step = watch->step;
		core_post(cores->core[i], &msg->msg);
	}
}

static void limit_cache(struct memory_watch *watch, uint64_t bytes)
{
	struct store *store = core_cores(watch->core)->store;

	if (store->ops->cache_limit)
		store->ops->cache_limit(store, bytes);
}

static void over(struct memory_watch *watch, uint64_t now, uint64_t max)
{
	if (watch->step == PLENTY) {
		limit_cache(watch, CACHE_LEAST);
		log_warn("over memory_max, dropping what is idle resident=%lu memory_max=%lu", now,
			 max);
	}
	if (watch->step == DROP_DETACHED) {
		atomic_store(&app_of(watch->core)->memory_short, true);
		log_error("memory is short, nothing new is let in resident=%lu memory_max=%lu", now,
			  max);
	}
	if (watch->step < SHUT)
		watch->step++;
	tell_cores(watch);
	/* It walks every arena of the allocator: not more often than it helps. */
	if (!watch->trimmed_us ||
	    core_now_us(watch->core) - watch->trimmed_us >= TRIM_MS * 1000ULL) {
		watch->trimmed_us = core_now_us(watch->core);
		malloc_trim(0);
	}
}

static void calm(struct memory_watch *watch, uint64_t now, uint64_t max)
{
	watch->step = PLENTY;
	limit_cache(watch, 0);
	atomic_store(&app_of(watch->core)->memory_short, false);
	tell_cores(watch);
	log_info("memory is enough again resident=%lu memory_max=%lu", now, max);
}

static void on_look(struct core *core, struct timer *timer)
{
	struct memory_watch *watch = container_of(timer, struct memory_watch, timer);
	uint64_t max = config_of(core)->memory_max, now = memory_resident();

	timer_set(core, timer, LOOK_MS);
	if (now > max)
		over(watch, now, max);
	else if (watch->step != PLENTY && now < max / 100 * CALM_PERCENT)
		calm(watch, now, max);
}

struct memory_watch *memory_watch_new(struct core *core)
{
	struct memory_watch *watch = mem_zalloc(sizeof(*watch));

	watch->core = core;
	timer_init(&watch->timer, on_look);
	timer_set(core, &watch->timer, LOOK_MS);
	return watch;
}

void memory_watch_free(struct memory_watch *watch)
{
	if (watch)
		timer_clear(&watch->timer);
	free(watch);
}
