/* Files and folders, for backups and secrets. Blocking: in pool threads, or before the cores run. */
#pragma once

#include <stdint.h>

#include "base/str.h"

enum { DISK_PATH_MAX = 4096, DISK_SHA256 = 32 };

/* @dir/@name; -ENAMETOOLONG. */
int disk_path(char ret[DISK_PATH_MAX], const char *dir, const char *name);
/* A file of its own, 0600, durable: written aside, synced, renamed over what was there. */
int disk_write(const char *dir, const char *name, struct str data);
/* Copies one file to a new one (0600), synced; the size and SHA-256 of what was copied. */
int disk_copy(const char *from, const char *to, uint64_t *ret_size,
	      uint8_t ret_sha256[DISK_SHA256]);
/* Size and SHA-256 of a file. */
int disk_hash(const char *path, uint64_t *ret_size, uint8_t ret_sha256[DISK_SHA256]);
/* Makes the folders above @path (0700), below @root. */
int disk_make_parents(const char *root, const char *path);
int disk_sync_dir(const char *path);
/* Whether a directory is absent or empty: 0; -ENOTEMPTY. */
int disk_is_free(const char *path);
/* Removes a directory with all in it; follows no links. */
int disk_remove(const char *path);
/* Calls @on_file for each regular file below @root, @name relative to it; other kinds of files are passed over. Stops when
 * @on_file gives anything but 0. */
int disk_walk(const char *root, int (*on_file)(void *arg, const char *name), void *arg);
