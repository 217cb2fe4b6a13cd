/* A copy of everything, and back: the same layout as a data directory (store/, files/, secrets), and a manifest beside it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct store;

struct backup_result {
	uint64_t files, bytes, rows; /* files and bytes copied; rows found good in the copy */
	char why[256];
};
/* Blocking, in a pool thread, while the server runs: @dest must not exist. The copy is opened and every row of it read before it is
 * given its manifest; a copy that fails is removed. 0 or negative errno with a sentence in @ret->why. */
int backup_make(struct store *store, const char *data, const char *dest, const char *version,
		struct backup_result *ret);
/* Blocking, without a server: @data must be absent or empty. Every file is compared with the manifest, the store is opened with
 * an epoch far above all that ran since the copy, and every row is read; only then it takes its place. */
int backup_restore(const char *from, const char *data, struct backup_result *ret);
