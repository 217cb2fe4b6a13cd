#include "cdn/files.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/config.h"
#include "core/fiber.h"

enum { NAMES_MAX = 64 };

/* -- names -- */

struct str files_attachment(struct arena *arena, uint64_t channel_id, uint64_t id)
{
	return arena_printf(arena, "attachments/%lu/%lu", channel_id, id);
}

struct str files_upload(struct arena *arena, uint64_t id)
{
	return arena_printf(arena, "uploads/%lu", id);
}

struct str files_tmp(struct arena *arena, uint64_t id)
{
	return arena_printf(arena, "tmp/%lu", id);
}

bool files_hash_ok(struct str hash)
{
	if (str_starts(hash, S("a_")))
		hash = str_skip(hash, 2);
	if (!hash.len || hash.len > 64)
		return false;
	for (size_t i = 0; i < hash.len; i++)
		if (!(hash.ptr[i] >= '0' && hash.ptr[i] <= '9') &&
		    !(hash.ptr[i] >= 'a' && hash.ptr[i] <= 'f'))
			return false;
	return true;
}

struct str files_image(struct arena *arena, const char *kind, uint64_t owner, struct str hash)
{
	assert(files_hash_ok(hash));
	return arena_printf(arena, "images/%s/%lu/%.*s", kind, owner, STR_FMT(hash));
}

static bool join(const char *dir, struct str name, char ret[FILES_PATH_MAX])
{
	int n = snprintf(ret, FILES_PATH_MAX, "%s/%.*s", dir, STR_FMT(name));

	return n > 0 && n < FILES_PATH_MAX;
}

bool files_path(struct core *core, struct str name, char ret[FILES_PATH_MAX])
{
	const char *dir = app_of(core)->files;

	return dir && join(dir, name, ret);
}

/* -- pieces of jobs -- */

static int sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = fsync(fd) ? -errno : 0;
	close(fd);
	return r;
}

int files_sync_parent(char *path)
{
	char *slash = strrchr(path, '/');

	*slash = '\0';
	int r = sync_dir(path);
	*slash = '/';
	return r;
}

int files_make_parents(const char *dir, struct str name)
{
	char path[FILES_PATH_MAX];

	if (!join(dir, name, path))
		return -ENAMETOOLONG;
	for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int r = mkdir(path, 0700) ? -errno : files_sync_parent(path);
		*slash = '/';
		if (r && r != -EEXIST)
			return r;
	}
	return 0;
}

static int write_all(int fd, struct str data)
{
	while (data.len) {
		ssize_t n = write(fd, data.ptr, data.len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			data = str_skip(data, (size_t)n);
	}
	return fsync(fd) ? -errno : 0;
}

int files_write(const char *dir, struct str name, struct str data)
{
	char path[FILES_PATH_MAX];

	if (!join(dir, name, path))
		return -ENAMETOOLONG;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, data);
	close(fd);
	if (!r)
		r = files_sync_parent(path);
	if (r)
		unlink(path);
	return r;
}

int files_move(const char *dir, struct str from, struct str to)
{
	char old[FILES_PATH_MAX], path[FILES_PATH_MAX];

	if (!join(dir, from, old) || !join(dir, to, path))
		return -ENAMETOOLONG;
	if (rename(old, path))
		return -errno;
	return files_sync_parent(path);
}

size_t files_peek(const char *path, char *ret, size_t max)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return 0;
	ssize_t n = pread(fd, ret, max, 0);
	close(fd);
	return n > 0 ? (size_t)n : 0;
}

uint64_t files_free(const char *dir)
{
	struct statvfs fs;

	if (statvfs(dir, &fs))
		return UINT64_MAX; /* the write will tell */
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

bool files_room(const char *dir, uint64_t size, uint64_t reserve)
{
	uint64_t room = files_free(dir);

	return room >= size && room - size >= reserve;
}

static int empty_dir(const char *path)
{
	char inner[FILES_PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(path);

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && join(path, str_z(entry->d_name), inner))
			unlink(inner);
	closedir(dir);
	return 0;
}

int files_init(const char *dir)
{
	static const char *const folders[] = { "attachments", "uploads", "images", "tmp" };
	char path[FILES_PATH_MAX];

	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (!join(dir, str_z(folders[i]), path))
			return -ENAMETOOLONG;
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
	}
	int r = empty_dir(path);
	return r ? r : sync_dir(dir);
}

/* -- waits -- */

struct work {
	const char *dir;
	struct str from, to;
	const struct str *names;
	uint32_t count;
	int fd, r;
	uint64_t size;
	int64_t modified_s;
};

static int run(struct core *core, struct work *work, void (*fn)(void *))
{
	work->dir = app_of(core)->files;
	if (!work->dir)
		return ENOENT;
	int r = fiber_offload_wait(core, fn, work);
	return r ? r : work->r;
}

static void work_open(void *arg)
{
	struct work *work = arg;
	char path[FILES_PATH_MAX];
	struct stat st;

	work->r = ENOENT;
	if (!join(work->dir, work->from, path))
		return;
	work->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (work->fd < 0) {
		work->r = errno == ENOENT || errno == ENOTDIR ? ENOENT : -errno;
		return;
	}
	if (fstat(work->fd, &st) || !S_ISREG(st.st_mode)) {
		close(work->fd);
		return;
	}
	work->size = (uint64_t)st.st_size;
	work->modified_s = st.st_mtime;
	work->r = 0;
}

int files_open_wait(struct core *core, struct str name, int *ret_fd, uint64_t *ret_size,
		    int64_t *ret_modified_s)
{
	struct work work = { .from = name };

	int r = run(core, &work, work_open);
	if (r)
		return r;
	*ret_fd = work.fd;
	*ret_size = work.size;
	*ret_modified_s = work.modified_s;
	return 0;
}

static void work_link(void *arg)
{
	struct work *work = arg;
	char old[FILES_PATH_MAX], path[FILES_PATH_MAX];

	work->r = files_make_parents(work->dir, work->to);
	if (work->r)
		return;
	if (!join(work->dir, work->from, old) || !join(work->dir, work->to, path))
		work->r = -ENAMETOOLONG;
	else if (link(old, path))
		work->r = errno == ENOENT ? ENOENT : -errno;
	else
		work->r = files_sync_parent(path);
}

int files_link_wait(struct core *core, struct str from, struct str to)
{
	struct work work = { .from = from, .to = to };

	return run(core, &work, work_link);
}

static void work_remove(void *arg)
{
	struct work *work = arg;
	char path[FILES_PATH_MAX];

	for (uint32_t i = 0; i < work->count; i++)
		if (join(work->dir, work->names[i], path) && unlink(path) && errno != ENOENT &&
		    errno != ENOTDIR)
			work->r = -errno;
}

int files_remove_wait(struct core *core, const struct str *names, uint32_t count)
{
	struct work work = { .names = names, .count = count };

	int r = run(core, &work, work_remove);
	return r == ENOENT ? 0 : r;
}

static void work_remove_dir(void *arg)
{
	struct work *work = arg;
	char path[FILES_PATH_MAX];

	if (!join(work->dir, work->from, path))
		return;
	work->r = empty_dir(path);
	if (!work->r && rmdir(path) && errno != ENOENT)
		work->r = -errno;
}

int files_remove_channel_wait(struct core *core, uint64_t channel_id)
{
	char name[64];
	int n = snprintf(name, sizeof(name), "attachments/%lu", channel_id);
	struct work work = { .from = { name, (size_t)n } };

	int r = run(core, &work, work_remove_dir);
	return r == ENOENT ? 0 : r;
}

struct later {
	struct job job;
	struct work work;
	struct str names[NAMES_MAX];
	char text[];
};

static void later_work(struct job *job)
{
	work_remove(&container_of(job, struct later, job)->work);
}

static void later_done(struct core *core, struct job *job)
{
	(void)core;
	free(container_of(job, struct later, job));
}

void files_remove_later(struct core *core, const struct str *names, uint32_t count)
{
	size_t bytes = 0;

	if (!app_of(core)->files || !count)
		return;
	count = MIN(count, (uint32_t)NAMES_MAX); /* the sweep finds the rest */
	for (uint32_t i = 0; i < count; i++)
		bytes += names[i].len;
	struct later *later = mem_zalloc(sizeof(*later) + bytes);
	char *at = later->text;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(at, names[i].ptr, names[i].len);
		later->names[i] = (struct str){ at, names[i].len };
		at += names[i].len;
	}
	later->work =
		(struct work){ .dir = app_of(core)->files, .names = later->names, .count = count };
	later->job = (struct job){ .core = core, .work = later_work, .done = later_done };
	if (core_offload(core, &later->job))
		free(later); /* left to the sweep */
}
