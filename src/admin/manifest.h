/* What a backup holds: the file `manifest` in it names every other with its SHA-256 and size, a line each:
 *
 *	rookery-backup 1
 *	version 0.1
 *	epoch 7
 *	made_at_us 1700000000000000
 *	9f86d0…0a08 4096 store/000012.sst
 *	end 1
 *
 * It is read from a place that others may have written to, so nothing in it is believed: names stay inside, sizes are compared. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "admin/disk.h"
#include "base/buf.h"

struct manifest_file {
	char *name; /* "store/CURRENT", "files/…", "secrets" */
	uint64_t size;
	uint8_t sha256[DISK_SHA256];
};
struct manifest {
	uint64_t epoch; /* of the store that was copied */
	int64_t made_at_us;
	struct manifest_file *files;
	uint32_t count;
};

enum { MANIFEST_TEXT_MAX = 1 << 30, MANIFEST_FILES_MAX = 1 << 24, MANIFEST_NAME_MAX = 1024 };

void manifest_add(struct manifest *manifest, const char *name, uint64_t size,
		  const uint8_t sha256[DISK_SHA256]);
/* Into @ret, made with a ceiling of MANIFEST_TEXT_MAX. */
void manifest_text(const struct manifest *manifest, const char *version, struct buf *ret);
/* 0 or -EBADMSG: not a manifest, or one with names that lead elsewhere. @ret is to be manifest_done() in either case. */
int manifest_parse(struct str text, struct manifest *ret);
void manifest_done(struct manifest *manifest);
/* "store/x", "files/a/b", "secrets": relative, printable, no empty, "." or ".." part, below one of those. */
bool manifest_name_ok(const char *name);
