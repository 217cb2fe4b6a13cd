/* The table of fuzz targets, made by test/support/fuzz_table from the files that the folders list. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One target: must take any bytes at all; returns 0. Ends with a NULL name. */
struct fuzz_target {
	const char *name;
	int (*run)(const uint8_t *data, size_t size);
};
extern const struct fuzz_target fuzz_targets[];
