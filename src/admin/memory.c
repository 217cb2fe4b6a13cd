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
#include "store/store.h"

/* The last resort is reached when a second of shedding was not enough. */
enum { LOOK_MS = 1000, CALM_PERCENT = 90, CACHE_LEAST = 4 << 20, TRIM_MS = 10000 };

struct memory_watch {
	struct core *core;
	struct timer timer;
	bool shedding;
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
	return sscanf(text, "%llu %llu", &size, &resident) == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void on_shed(struct core *core, struct msg *msg)
{
	free(msg);
	uint32_t count = cell_evict_idle(core);
	if (count)
		log_debug("idle cells left memory core=%u count=%u", core_index(core), count);
}

static void shed(struct memory_watch *watch)
{
	struct cores *cores = core_cores(watch->core);

	for (uint32_t i = 0; i < cores->count; i++) {
		struct msg *msg = mem_zalloc(sizeof(*msg));

		msg->run = on_shed;
		core_post(cores->core[i], msg);
	}
	if (cores->store->ops->cache_limit)
		cores->store->ops->cache_limit(cores->store, CACHE_LEAST);
	/* It walks every arena of the allocator: not more often than it helps. */
	if (core_now_us(watch->core) - watch->trimmed_us >= TRIM_MS * 1000ULL || !watch->trimmed_us) {
		watch->trimmed_us = core_now_us(watch->core);
		malloc_trim(0);
	}
}

static void on_look(struct core *core, struct timer *timer)
{
	struct memory_watch *watch = container_of(timer, struct memory_watch, timer);
	struct app *app = app_of(core);
	uint64_t max = config_of(core)->memory_max, now = memory_resident();
	struct store *store = core_cores(core)->store;

	timer_set(core, timer, LOOK_MS);
	if (now > max) {
		if (watch->shedding && !atomic_load(&app->memory_short)) {
			atomic_store(&app->memory_short, true);
			log_error("memory is short, nothing new is let in resident=%lu memory_max=%lu", now, max);
		} else if (!watch->shedding) {
			log_warn("over memory_max, dropping what is idle resident=%lu memory_max=%lu", now, max);
		}
		watch->shedding = true;
		shed(watch);
	} else if (watch->shedding && now < max / 100 * CALM_PERCENT) {
		watch->shedding = false;
		if (store->ops->cache_limit)
			store->ops->cache_limit(store, 0);
		if (atomic_exchange(&app->memory_short, false))
			log_info("memory is enough again resident=%lu memory_max=%lu", now, max);
	}
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
	free(watch);
}
