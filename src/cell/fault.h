/* Faults made on purpose in a running daemon (`rookery fault`), to see that they stay where they are. Only a daemon whose
 * configuration has `faults = true` takes them; anywhere else all counts are 0. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cell;

/* name on the command line, what it does */
#define FAULTS(X)                                                                    \
	X(CHECK, "check", "the next operation in it finds a broken invariant")       \
	X(ROW, "row", "the next row it reads does not decode")                       \
	X(WRITE, "write", "its next write fails")                                    \
	X(LANDED, "landed", "its next write fails, and is on the disk nevertheless") \
	X(BEHIND, "behind", "its next write finds too many publications waiting")    \
	X(LOAD, "load", "it is broken now, and cannot be loaded for so many times")

enum fault {
#define X(name, text, doc) FAULT_##name,
	FAULTS(X)
#undef X
		FAULT_COUNT
};

/* One of them happens here, if any are left. */
static inline bool fault_take(uint8_t faults[FAULT_COUNT], enum fault fault)
{
	if (__builtin_expect(!faults[fault], 1))
		return false;
	faults[fault]--;
	return true;
}
