/* The clock seam: all time comes from here, so that a simulator can turn it. */
#pragma once

#include <stdint.h>

struct clock {
	/* Monotonic, in microseconds from any start. */
	uint64_t (*mono_us)(struct clock *clock);
	/* Unix time in microseconds; may step back. */
	uint64_t (*wall_us)(struct clock *clock);
};

/* The machine's clock; any thread. */
extern struct clock clock_real;
static inline uint64_t clock_mono_us(struct clock *clock)
{
	return clock->mono_us(clock);
}
static inline uint64_t clock_wall_us(struct clock *clock)
{
	return clock->wall_us(clock);
}
