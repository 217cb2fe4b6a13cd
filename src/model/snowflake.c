#include "model/snowflake.h"

enum { MAKER_BITS = 10, COUNT_BITS = 12 };

uint64_t snowflake_next(struct snowflake *snowflake, uint64_t wall_us, uint64_t above)
{
	uint64_t ms = wall_us / 1000 > SNOWFLAKE_EPOCH_MS ? wall_us / 1000 - SNOWFLAKE_EPOCH_MS : 0;
	uint64_t count = 0;
	uint64_t last_ms = snowflake->last >> (MAKER_BITS + COUNT_BITS);

	if (ms <= last_ms) {
		/* Same millisecond, or the clock stepped back: go on counting where we were. */
		ms = last_ms;
		count = (snowflake->last & ((1u << COUNT_BITS) - 1)) + 1;
		if (count >> COUNT_BITS) {
			count = 0;
			ms++;
		}
	}
	uint64_t maker = (uint64_t)(snowflake->maker & ((1u << MAKER_BITS) - 1)) << COUNT_BITS;
	uint64_t id = ms << (MAKER_BITS + COUNT_BITS) | maker | count;
	if (id <= above) {
		/* Another maker was ahead of our clock: the first millisecond that is above. */
		ms = (above >> (MAKER_BITS + COUNT_BITS)) + 1;
		id = ms << (MAKER_BITS + COUNT_BITS) | maker;
	}
	snowflake->last = id;
	return id;
}
