/* Rows of attachments and their files. A file is there before its row, and goes after it, so a row without a file is a fault
 * even while the server runs; a file without a row is what a crash or an upload in its middle leaves. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/check.h"
#include "cdn/files.h"
#include "config/config.h"
#include "core/fiber.h"
#include "message/attach.h"
#include "model/snowflake.h"
#include "model/tables.h"
#include "store/store.h"

enum { STRAY_AGE_MS = 3600 * 1000, BATCH = 256 };

struct file_look {
	char path[FILES_PATH_MAX];
	bool there;
};

static void look(void *arg)
{
	struct file_look *file = arg;

	file->there = access(file->path, F_OK) == 0;
}

static int on_attachment(struct checking *c, struct str key, struct str value)
{
	struct core *core = c->call->core;
	struct file_look file;
	struct arena arena;
	uint64_t channel_id, id;
	uint32_t bucket;
	bool kept = false;

	(void)value;
	if (!parse_attachment(key, &channel_id, &bucket, &id))
		return 0;
	c->attachments++;
	arena_init(&arena);
	bool named = files_path(core, files_attachment(&arena, channel_id, id), file.path);
	arena_done(&arena);
	int r = named ? fiber_offload_wait(core, look, &file) : 0;
	if (!r && named && !file.there)
		r = check_exists_wait(c, key, &kept); /* deleted while we looked? */
	if (!r && kept)
		check_fault(c, "the attachment %lu of channel %lu has no file", id, channel_id);
	return r;
}

static int on_bucket(struct checking *c, struct str key, struct str value)
{
	uint64_t realm_id, channel_id;
	uint32_t bucket;
	struct key prefix;

	(void)value;
	if (!parse_bucket(key, &realm_id, &channel_id, &bucket) &&
	    !parse_thread_bucket(key, &realm_id, &channel_id, &bucket))
		return 0;
	return check_each_wait(c, prefix_attachment(&prefix, channel_id, bucket), on_attachment);
}

int check_attachments_wait(struct checking *c, uint64_t realm_id)
{
	struct key prefix;

	if (!app_of(c->call->core)->files)
		return 0;
	int r = check_each_wait(c, prefix_bucket(&prefix, realm_id), on_bucket);
	return r ? r : check_each_wait(c, prefix_thread_bucket(&prefix, realm_id), on_bucket);
}

/* -- the other way round -- */

/* The next names of a folder that are numbers; closed at its end. */
struct folder {
	char path[FILES_PATH_MAX];
	DIR *dir;
	uint64_t ids[BATCH];
	uint32_t count;
};

static void read_more(void *arg)
{
	struct folder *folder = arg;
	struct dirent *entry;

	folder->count = 0;
	if (!folder->dir)
		folder->dir = opendir(folder->path);
	while (folder->dir && folder->count < BATCH && (entry = readdir(folder->dir)))
		folder->count += str_u64(str_z(entry->d_name), &folder->ids[folder->count]);
	if (folder->dir && folder->count < BATCH) {
		closedir(folder->dir);
		folder->dir = NULL;
	}
}

static int each_name_wait(struct checking *c, const char *path, uint64_t parent,
			  int (*on_id)(struct checking *c, uint64_t parent, uint64_t id))
{
	struct folder *folder = mem_zalloc(sizeof(*folder));
	bool more = snprintf(folder->path, sizeof(folder->path), "%s", path) <
		(int)sizeof(folder->path);
	int r = 0;

	while (!r && more) {
		r = fiber_offload_wait(c->call->core, read_more, folder);
		for (uint32_t i = 0; !r && i < folder->count; i++)
			r = on_id(c, parent, folder->ids[i]);
		more = folder->dir;
	}
	if (folder->dir)
		closedir(folder->dir);
	free(folder);
	return r;
}

static int on_file(struct checking *c, uint64_t channel_id, uint64_t id)
{
	struct core *core = c->call->core;
	struct attachment_row row;
	struct arena arena;

	if (snowflake_ms(id) + STRAY_AGE_MS > core_wall_us(core) / 1000)
		return 0; /* its row may be on the way */
	arena_init(&arena);
	int r = attach_get_wait(core, &arena, channel_id, id, &row);
	arena_done(&arena);
	c->strays += r == ENOENT;
	return r == ENOENT ? 0 : r;
}

static int on_folder(struct checking *c, uint64_t parent, uint64_t channel_id)
{
	char path[FILES_PATH_MAX];

	(void)parent;
	if (snprintf(path, sizeof(path), "%s/attachments/%lu", app_of(c->call->core)->files,
		     channel_id) >= (int)sizeof(path))
		return 0;
	return each_name_wait(c, path, channel_id, on_file);
}

int check_strays_wait(struct checking *c)
{
	const char *files = app_of(c->call->core)->files;
	char path[FILES_PATH_MAX];

	if (!files || snprintf(path, sizeof(path), "%s/attachments", files) >= (int)sizeof(path))
		return 0;
	return each_name_wait(c, path, 0, on_folder);
}
