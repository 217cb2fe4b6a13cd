#include "base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t real_mono_us(struct clock *clock)
{
	(void)clock;
	return read_us(CLOCK_BOOTTIME);
}

static uint64_t real_wall_us(struct clock *clock)
{
	(void)clock;
	return read_us(CLOCK_REALTIME);
}

struct clock clock_real = { real_mono_us, real_wall_us };
