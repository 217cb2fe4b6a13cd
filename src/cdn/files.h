/* Files beside the store: DATA/files.
 *
 *	attachments/CHANNEL/ID   of messages; there only while a row names it (message/attach.h)
 *	uploads/ID               sent ahead, until a message takes them or a day has passed
 *	images/KIND/OWNER/HASH   avatars, icons and so on
 *	tmp/ID                   on their way in; emptied at each start
 *
 * A file is written and synced, and its folder with it, before the row that names it; it goes
 * after the row has gone. What a crash leaves in between is found by the sweep (cdn/sweep.h).
 * Names are made of numbers and hex digits only, never of what a peer said. All calls that wait
 * work in the pool of threads, on a fiber of any core. */
#pragma once

#include "base/arena.h"
#include "cdn/sniff.h"
#include "core/core.h"

enum { FILES_PATH_MAX = 4096 };

/* At the start, before cores run: makes the folders, empties tmp/. 0 or negative errno. */
int files_init(const char *dir);

/* -- names, below DATA/files -- */
struct str files_attachment(struct arena *arena, uint64_t channel_id, uint64_t id);
struct str files_upload(struct arena *arena, uint64_t id);
/* @kind: a literal like "avatars". @hash: of hex digits and a_ only (files_hash_ok). */
struct str files_image(struct arena *arena, const char *kind, uint64_t owner, struct str hash);
bool files_hash_ok(struct str hash);
struct str files_tmp(struct arena *arena, uint64_t id);
/* The whole path, NUL-terminated; false when it is too long or this process has no files. Any
 * thread. */
bool files_path(struct core *core, struct str name, char ret[FILES_PATH_MAX]);

/* -- pieces of jobs: blocking, in pool threads only; @dir is app_of(core)->files -- */
/* Folders above @name, made and synced. */
int files_make_parents(const char *dir, struct str name);
/* Writes @data to a file @name, synced, its folder too. */
int files_write(const char *dir, struct str name, struct str data);
/* Moves a synced file into place; the folder is synced. */
int files_move(const char *dir, struct str from, struct str to);
/* Syncs the folder that holds @path (a whole path; unchanged afterwards). */
int files_sync_parent(char *path);
/* The beginning of a file: how many bytes, 0 when there is none. @path is a whole one. */
size_t files_peek(const char *path, char *ret, size_t max);
/* Bytes that may still be written on the disk of @dir; UINT64_MAX when it cannot be asked. */
uint64_t files_free(const char *dir);
/* Enough room on the disk for @size more bytes above the reserve? */
bool files_room(const char *dir, uint64_t size, uint64_t reserve);

/* -- waits -- */
/* Opens for reading. 0 with the descriptor, size and modification time; ENOENT; negative errno. */
int files_open_wait(struct core *core, struct str name, int *ret_fd, uint64_t *ret_size,
		    int64_t *ret_modified_s);
/* The same bytes under a second name, which must be free. 0, ENOENT. */
int files_link_wait(struct core *core, struct str from, struct str to);
/* Removes @count files; absent ones are fine. */
int files_remove_wait(struct core *core, const struct str *names, uint32_t count);
/* Removes a folder of attachments with all that is in it. */
int files_remove_channel_wait(struct core *core, uint64_t channel_id);
/* Removes without waiting for it; the names are copied. From anywhere on a core. */
void files_remove_later(struct core *core, const struct str *names, uint32_t count);
