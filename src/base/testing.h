/* For tests: a clock that stands still until the test turns it. */
#pragma once

#include "base/clock.h"
#include "base/mem.h"

struct test_clock {
	struct clock clock;
	uint64_t now_us;
};

static inline uint64_t test_clock_us(struct clock *clock)
{
	return container_of(clock, struct test_clock, clock)->now_us;
}

#define TEST_CLOCK                                        \
	{                                                 \
		.clock = { test_clock_us, test_clock_us } \
	}
