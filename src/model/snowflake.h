/* Ids: 42 bits of milliseconds since 2015, 10 bits of maker, 12 bits of count. Never twice the same, always growing for
 * one maker, also when the clock steps back. https://discord.com/developers/docs/reference#snowflakes */
#pragma once

#include <stdint.h>

#define SNOWFLAKE_EPOCH_MS 1420070400000ULL

/* One for each core: @maker is unique among all that make ids at the same time (5 bits worker, 5 bits process). */
struct core;
struct snowflake {
	uint64_t last;
	uint64_t
		ceiling; /* an id that is not below this is first told to @raise (main/ids.h), NULL: to nobody */
	void (*raise)(struct core *core, uint64_t id);
	uint32_t maker;
};

/* Above every id that this one made before, and above @above. */
uint64_t snowflake_next(struct snowflake *snowflake, uint64_t wall_us, uint64_t above);
static inline uint64_t snowflake_ms(uint64_t id)
{
	return (id >> 22) + SNOWFLAKE_EPOCH_MS;
}
static inline int64_t snowflake_us(uint64_t id)
{
	return (int64_t)(snowflake_ms(id) * 1000);
}
/* The smallest id of a moment. */
static inline uint64_t snowflake_at(uint64_t wall_ms)
{
	return wall_ms <= SNOWFLAKE_EPOCH_MS ? 0 : (wall_ms - SNOWFLAKE_EPOCH_MS) << 22;
}
