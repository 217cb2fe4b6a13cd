/* Faults planted on purpose: the simulator must find each of them, or its checks are worth nothing (test/sim). Always 0
 * in a daemon; read where the fault would be, one condition each. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum plant {
	PLANT_REPLY_BEFORE_SYNC, /* cell/txn.c: answered when handed to the store */
	PLANT_LOST_INTENT, /* cell/intents.c: a restart does not look for them */
	PLANT_LATE_CLASS, /* realm/class.c: new sight is told with the next change */
	PLANT_REPEATED_SEQ, /* gateway/resume.c: one event again */
	PLANT_NO_ROW_LOCK, /* cell/txn.c: two fibers change one row */
	PLANT_COUNT,
};

/* Bits 1 << PLANT_X. Written before the cores run. */
extern uint32_t plants;
static inline bool planted(enum plant plant)
{
	return __builtin_expect(plants >> plant & 1, false);
}
