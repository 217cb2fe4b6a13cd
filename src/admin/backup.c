#include "admin/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/disk.h"
#include "admin/manifest.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/fiber.h"
#include "store/store.h"

/* A restored store may not give versions that what ran after the copy has given: its epoch leaps over more openings than there can
 * have been. */
enum { EPOCH_LEAP = 1 << 16, CHECK_CACHE = 16 << 20 };

struct copying {
	const char *from, *to;
	const char *under; /* "store/", "files/" */
	struct manifest manifest;
	bool hash_only, link;
	uint64_t bytes;
};

__attribute__((format(printf, 3, 4))) static int fail(struct backup_result *ret, int r,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret->why, sizeof(ret->why), format, args);
	va_end(args);
	return r;
}

/* @name below from/under. Files of the server are written once and then renamed into place, so a second name for them does; where
 * there can be none they are copied. */
static int on_file(void *arg, const char *name)
{
	struct copying *copying = arg;
	char whole[DISK_PATH_MAX], from[DISK_PATH_MAX], to[DISK_PATH_MAX];
	uint8_t sha256[DISK_SHA256];
	uint64_t size;

	int r = disk_path(whole, copying->under, name);
	if (!r)
		r = disk_path(from, copying->from, whole);
	if (!r)
		r = disk_path(to, copying->to, whole);
	if (r)
		return r;
	if (!strncmp(whole, "files/tmp/", 10))
		return 0; /* on its way in, no row names it yet */
	if (!manifest_name_ok(whole))
		return -EINVAL;
	if (!copying->hash_only) {
		r = disk_make_parents(copying->to, whole);
		if (r)
			return r;
	}
	if (copying->link && !copying->hash_only && link(from, to) == 0)
		r = disk_hash(to, &size, sha256);
	else if (copying->hash_only)
		r = disk_hash(from, &size, sha256);
	else
		r = disk_copy(from, to, &size, sha256);
	if (r == -ENOENT)
		return 0; /* deleted meanwhile */
	if (r)
		return r;
	manifest_add(&copying->manifest, whole, size, sha256);
	copying->bytes += size;
	return 0;
}

static int copy_below(struct copying *copying, const char *under)
{
	char root[DISK_PATH_MAX];
	int r = disk_path(root, copying->from, under);

	copying->under = under;
	return r ? r : disk_walk(root, on_file, copying);
}

/* -- is a store whole? -- */

static int check_store(const char *dir, uint64_t epoch_min, struct backup_result *ret)
{
	struct store_rocks_config config = {
		.dir = dir,
		.cache_bytes = CHECK_CACHE,
		.readers = 1,
		.sync_interval_ms = -1,
		.reserve_bytes = 1,
		.epoch_min = epoch_min,
	};
	struct store *store;
	uint64_t bad = 0;

	int r = store_rocks_open(&config, &store);
	if (r)
		return fail(ret, r, "the copy of the store cannot be opened: %s", strerror(-r));
	r = store->ops->check(store, &ret->rows, &bad);
	store->ops->close(store);
	if (r)
		return fail(ret, r, "the copy of the store cannot be read: %s", strerror(-r));
	if (bad)
		return fail(ret, -EBADMSG, "%lu of %lu rows of the copy are bad", bad, ret->rows);
	return 0;
}

struct cloning {
	const char *from, *to;
};

/* Tables of the store never change; everything else is copied, for opening writes to it. */
static int on_clone(void *arg, const char *name)
{
	struct cloning *cloning = arg;
	char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
	uint8_t sha256[DISK_SHA256];
	size_t len = strlen(name);
	uint64_t size;

	int r = disk_path(from, cloning->from, name);
	if (!r)
		r = disk_path(to, cloning->to, name);
	if (r)
		return r;
	if (len > 4 && !strcmp(name + len - 4, ".sst") && link(from, to) == 0)
		return 0;
	return disk_copy(from, to, &size, sha256);
}

/* Opens a second copy, so that the first stays as its manifest says. */
static int check_clone(const char *dest, const char *store_dir, struct backup_result *ret)
{
	char clone[DISK_PATH_MAX];
	struct cloning cloning = { store_dir, clone };

	int r = disk_path(clone, dest, "check.tmp");
	if (!r && mkdir(clone, 0700))
		r = -errno;
	if (!r)
		r = disk_walk(store_dir, on_clone, &cloning);
	if (r)
		return fail(ret, r, "the copy cannot be tried: %s", strerror(-r));
	r = check_store(clone, 0, ret);
	int removed = disk_remove(clone);
	return r ? r : removed;
}

/* -- making -- */

static int write_manifest(struct copying *copying, const char *dest, const char *version)
{
	struct buf text;

	buf_init(&text, MANIFEST_TEXT_MAX);
	manifest_text(&copying->manifest, version, &text);
	int r = text.full ? -E2BIG : disk_write(dest, "manifest", buf_str(&text));
	buf_done(&text);
	return r;
}

static int copy_secrets(struct copying *copying)
{
	char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
	uint8_t sha256[DISK_SHA256];
	uint64_t size;

	int r = disk_path(from, copying->from, "secrets");
	if (!r)
		r = disk_path(to, copying->to, "secrets");
	if (!r)
		r = disk_copy(from, to, &size, sha256);
	if (!r) {
		manifest_add(&copying->manifest, "secrets", size, sha256);
		copying->bytes += size;
	}
	return r;
}

static int make(struct store *store, const char *data, const char *dest, const char *version,
		struct backup_result *ret)
{
	struct copying copying = { .from = dest, .to = dest, .hash_only = true };
	char store_dir[DISK_PATH_MAX];
	struct timespec now;

	int r = disk_path(store_dir, dest, "store");
	if (r)
		return r;
	clock_gettime(CLOCK_REALTIME, &now);
	copying.manifest.made_at_us = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
	/* The store first: a file is there before the row that names it, so all files that this copy names are found after it. */
	r = store->ops->checkpoint(store, store_dir);
	if (r)
		return fail(ret, r, "copying the store: %s", strerror(-r));
	copying.manifest.epoch = store->epoch;
	r = copy_below(&copying, "store");
	copying.from = data;
	copying.hash_only = false;
	copying.link = true;
	if (!r)
		r = copy_below(&copying, "files");
	if (!r)
		r = copy_secrets(&copying);
	if (r)
		fail(ret, r, "copying files: %s", strerror(-r));
	if (!r)
		r = check_clone(dest, store_dir, ret);
	if (!r) {
		r = write_manifest(&copying, dest, version);
		if (r)
			fail(ret, r, "writing the manifest: %s", strerror(-r));
	}
	ret->files = copying.manifest.count;
	ret->bytes = copying.bytes;
	manifest_done(&copying.manifest);
	return r;
}

int backup_make(struct store *store, const char *data, const char *dest, const char *version,
		struct backup_result *ret)
{
	*ret = (struct backup_result){};
	if (mkdir(dest, 0700))
		return fail(ret, -errno, errno == EEXIST ? "%s exists" : "%s cannot be made", dest);
	int r = make(store, data, dest, version, ret);
	if (!r)
		r = disk_sync_dir(dest);
	if (r)
		disk_remove(dest);
	return r;
}

/* -- and back -- */

static int read_manifest(const char *from, struct manifest *ret_manifest, struct backup_result *ret)
{
	char path[DISK_PATH_MAX];
	struct buf text;
	char *room;
	ssize_t n = 0;

	int r = disk_path(path, from, "manifest");
	if (r)
		return r;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(ret, -errno, "%s is no backup: it has no manifest", from);
	buf_init(&text, MANIFEST_TEXT_MAX);
	while ((room = buf_reserve(&text, 1 << 16)) && (n = read(fd, room, 1 << 16)) > 0)
		text.len += (size_t)n;
	close(fd);
	r = !room ? -E2BIG : n < 0 ? -EIO : manifest_parse(buf_str(&text), ret_manifest);
	buf_done(&text);
	return r ? fail(ret, r, "the manifest of %s is damaged", from) : 0;
}

static int take_file(const struct manifest_file *file, const char *from, const char *to,
		     struct backup_result *ret)
{
	char source[DISK_PATH_MAX], place[DISK_PATH_MAX];
	uint8_t sha256[DISK_SHA256];
	uint64_t size;

	int r = disk_path(source, from, file->name);
	if (!r)
		r = disk_path(place, to, file->name);
	if (!r)
		r = disk_make_parents(to, file->name);
	if (!r)
		r = disk_copy(source, place, &size, sha256);
	if (r)
		return fail(ret, r, "%s: %s", file->name, strerror(-r));
	if (size != file->size || memcmp(sha256, file->sha256, DISK_SHA256))
		return fail(ret, -EBADMSG,
			    "%s is not what the manifest says: the backup is damaged", file->name);
	ret->files++;
	ret->bytes += size;
	return 0;
}

static int restore_into(const char *from, const char *aside, struct backup_result *ret)
{
	struct manifest manifest = {};
	char store_dir[DISK_PATH_MAX];

	int r = read_manifest(from, &manifest, ret);
	for (uint32_t i = 0; !r && i < manifest.count; i++)
		r = take_file(&manifest.files[i], from, aside, ret);
	uint64_t epoch = manifest.epoch;
	manifest_done(&manifest);
	if (!r)
		r = disk_path(store_dir, aside, "store");
	return r ? r : check_store(store_dir, epoch + EPOCH_LEAP, ret);
}

int backup_restore(const char *from, const char *data, struct backup_result *ret)
{
	char aside[DISK_PATH_MAX];

	*ret = (struct backup_result){};
	int n = snprintf(aside, sizeof(aside), "%s.restoring", data);
	if (n < 0 || (size_t)n >= sizeof(aside))
		return fail(ret, -ENAMETOOLONG, "the name is too long");
	int r = disk_is_free(data);
	if (r)
		return fail(ret, r, r == -ENOTEMPTY ? "%s is not empty" : "%s cannot be read",
			    data);
	if (mkdir(aside, 0700))
		return fail(ret, -errno,
			    errno == EEXIST ? "%s is left of an earlier try: remove it"
					    : "%s cannot be made",
			    aside);
	r = restore_into(from, aside, ret);
	if (!r) {
		sync(); /* folders too; there is nothing else to wait for */
		if ((rmdir(data) && errno != ENOENT) || rename(aside, data))
			r = fail(ret, -errno, "%s cannot take its place: %s", aside,
				 strerror(errno));
	}
	if (r)
		disk_remove(aside);
	return r;
}

/* -- the command -- */

struct backup_job {
	struct admin_call *call;
	const char *dest;
	struct backup_result result;
	int r;
};

static void work(void *arg)
{
	struct backup_job *job = arg;
	struct admin *admin = job->call->admin;

	job->r = backup_make(admin->cores->store, admin->data, job->dest, admin->version,
			     &job->result);
}

int admin_backup(struct admin_call *call)
{
	struct backup_job job = { .call = call,
				  .dest = arena_str(call->arena, admin_text(call, "dest")).ptr };

	if (job.dest[0] != '/')
		return admin_fail(call, "the place is named from the root: /...");
	if (call->admin->busy)
		return admin_fail(call, "another long command runs");
	call->admin->busy = true;
	int r = fiber_offload_wait(call->core, work, &job);
	call->admin->busy = false;
	if (r)
		return admin_result(call, r, "backup");
	if (job.r)
		return admin_fail(call, "%s",
				  job.result.why[0] ? job.result.why : strerror(-job.r));
	admin_set_str(call->result, "dest", str_z(job.dest));
	admin_set_int(call->result, "files", job.result.files);
	admin_set_int(call->result, "bytes", job.result.bytes);
	admin_set_int(call->result, "rows_checked", job.result.rows);
	return 0;
}
