#include "main/watchdog.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "base/mem.h"

struct question {
	struct msg msg;
	struct watchdog *watchdog;
};

struct watchdog {
	struct cores *cores;
	struct timer timer;
	uint64_t interval_ms;
	void (*sign)(void);
	_Atomic uint32_t missing; /* answers; 0: the questions may be posted again */
	struct question questions[]; /* one for each core */
};

static void on_question(struct core *core, struct msg *msg)
{
	struct watchdog *watchdog = container_of(msg, struct question, msg)->watchdog;

	(void)core;
	if (atomic_fetch_sub(&watchdog->missing, 1) == 1)
		watchdog->sign();
}

static void on_interval(struct core *core, struct timer *timer)
{
	struct watchdog *watchdog = container_of(timer, struct watchdog, timer);
	struct cores *cores = watchdog->cores;

	timer_set(core, timer, watchdog->interval_ms);
	if (atomic_load(&watchdog->missing))
		return;
	atomic_store(&watchdog->missing, cores->count);
	for (uint32_t i = 0; i < cores->count; i++)
		core_post(cores->core[i], &watchdog->questions[i].msg);
}

struct watchdog *watchdog_new(struct cores *cores, uint64_t interval_ms, void (*sign)(void))
{
	struct watchdog *watchdog = mem_zalloc(sizeof(*watchdog) +
					       cores->count * sizeof(watchdog->questions[0]));

	watchdog->cores = cores;
	watchdog->interval_ms = MAX(interval_ms, 1ULL);
	watchdog->sign = sign;
	for (uint32_t i = 0; i < cores->count; i++)
		watchdog->questions[i] = (struct question){ .msg.run = on_question,
							    .watchdog = watchdog };
	timer_init(&watchdog->timer, on_interval);
	timer_set(cores->core[0], &watchdog->timer, watchdog->interval_ms);
	return watchdog;
}

static void sign_to_systemd(void)
{
	sd_notify(0, "WATCHDOG=1");
}

struct watchdog *watchdog_new_systemd(struct cores *cores)
{
	uint64_t limit_us;

	if (sd_watchdog_enabled(0, &limit_us) <= 0)
		return NULL;
	return watchdog_new(cores, limit_us / 2000, sign_to_systemd);
}

void watchdog_free(struct watchdog *watchdog)
{
	if (!watchdog)
		return;
	timer_clear(&watchdog->timer);
	free(watchdog);
}
