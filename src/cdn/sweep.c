#include "cdn/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "cdn/files.h"
#include "config/config.h"
#include "core/fiber.h"
#include "message/attach.h"
#include "model/snowflake.h"

enum {
	FIRST_MS = 10 * 60 * 1000,
	AGAIN_MS = 6 * 3600 * 1000,
	REST_MS = 20, /* between two folders */
	IDS_MAX = 1 << 20,
	ATTACHMENT_AGE_MS = 3600 * 1000,
	UPLOAD_AGE_MS = 25 * 3600 * 1000,
};

struct file_sweep {
	struct core *core;
	struct timer timer;
	uint64_t removed;
};

/* The ids that are names in a folder, as many as there are up to IDS_MAX: what is above that
 * waits for the next round. */
struct listing {
	const char *dir;
	struct str folder;
	uint64_t *ids;
	uint32_t count, cap;
};

static void add(struct listing *listing, uint64_t id)
{
	if (listing->count == listing->cap) {
		listing->cap = MAX(listing->cap * 2, 64u);
		listing->ids = mem_realloc(listing->ids, listing->cap * sizeof(*listing->ids));
	}
	listing->ids[listing->count++] = id;
}

static void list_job(void *arg)
{
	struct listing *listing = arg;
	char path[FILES_PATH_MAX];
	struct dirent *entry;
	uint64_t id;

	if (snprintf(path, sizeof(path), "%s/%.*s", listing->dir, STR_FMT(listing->folder)) >=
	    (int)sizeof(path))
		return;
	DIR *dir = opendir(path);
	if (!dir)
		return;
	while (listing->count < IDS_MAX && (entry = readdir(dir)))
		if (str_u64(str_z(entry->d_name), &id))
			add(listing, id);
	closedir(dir);
}

static struct listing list_wait(struct core *core, struct str folder)
{
	struct listing listing = { .dir = app_of(core)->files, .folder = folder };

	if (fiber_offload_wait(core, list_job, &listing))
		log_debug("no thread was free to list a folder");
	return listing;
}

static bool is_old(struct core *core, uint64_t id, uint64_t age_ms)
{
	return snowflake_ms(id) + age_ms < core_wall_us(core) / 1000;
}

static void remove_one(struct file_sweep *sweep, struct str name)
{
	if (!files_remove_wait(sweep->core, &name, 1))
		sweep->removed++;
}

static void sweep_channel(struct file_sweep *sweep, uint64_t channel_id)
{
	struct core *core = sweep->core;
	struct arena arena;

	arena_init(&arena);
	struct listing listing = list_wait(core,
					   arena_printf(&arena, "attachments/%lu", channel_id));
	for (uint32_t i = 0; i < listing.count; i++) {
		struct attachment_row row;
		uint64_t id = listing.ids[i];

		if (is_old(core, id, ATTACHMENT_AGE_MS) &&
		    attach_get_wait(core, &arena, channel_id, id, &row) == ENOENT)
			remove_one(sweep, files_attachment(&arena, channel_id, id));
	}
	free(listing.ids);
	arena_done(&arena);
}

static void sweep_uploads(struct file_sweep *sweep)
{
	struct listing listing = list_wait(sweep->core, S("uploads"));
	struct arena arena;

	arena_init(&arena);
	for (uint32_t i = 0; i < listing.count; i++)
		if (is_old(sweep->core, listing.ids[i], UPLOAD_AGE_MS))
			remove_one(sweep, files_upload(&arena, listing.ids[i]));
	free(listing.ids);
	arena_done(&arena);
}

static void run(struct core *core, void *arg)
{
	struct file_sweep *sweep = arg;

	sweep->removed = 0;
	sweep_uploads(sweep);
	struct listing channels = list_wait(core, S("attachments"));
	for (uint32_t i = 0; i < channels.count; i++) {
		sweep_channel(sweep, channels.ids[i]);
		fiber_sleep(core, REST_MS);
	}
	free(channels.ids);
	if (sweep->removed)
		log_info("files that nothing named were removed count=%lu", sweep->removed);
	timer_set(core, &sweep->timer, AGAIN_MS);
}

static void on_timer(struct core *core, struct timer *timer)
{
	struct file_sweep *sweep = container_of(timer, struct file_sweep, timer);

	if (fiber_start(core, run, sweep))
		timer_set(core, timer, FIRST_MS);
}

struct file_sweep *file_sweep_new(struct core *core)
{
	struct file_sweep *sweep = mem_zalloc(sizeof(*sweep));

	sweep->core = core;
	timer_init(&sweep->timer, on_timer);
	timer_set(core, &sweep->timer, FIRST_MS);
	return sweep;
}

void file_sweep_free(struct file_sweep *sweep)
{
	if (sweep)
		timer_clear(&sweep->timer);
	free(sweep);
}
