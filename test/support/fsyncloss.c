/* Comes between a program and its files: see fsyncloss.h.
 *
 * The model: bytes are safe once fsync() or fdatasync() of the file has returned (those written before the call);
 * a new file's name is safe once its directory was synced, or something later in the same directory was
 * renamed or removed (journals keep the order). Renames and removals are taken for safe at once. A write over
 * synced bytes keeps the old ones until the next sync. sync_file_range() makes nothing safe. */
#undef _FILE_OFFSET_BITS /* both names of each call are defined here */
#include "support/fsyncloss.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS = 4096, FILES = 4096 };

struct before { /* bytes that a write has covered */
	struct before *next;
	off_t at;
	size_t len;
	char bytes[];
};
struct file {
	char path[PATH_MAX]; /* "": free */
	off_t synced;
	bool named; /* its name is safe */
	struct before *before;
};

static char watched[PATH_MAX];
static pthread_mutex_t mutex =
	PTHREAD_MUTEX_INITIALIZER; /* over all here; the cut never gives it back */
static struct file *files[FILES];
static struct file *by_fd[FDS];
static char fail_suffix[32];
static int fail_errno, fail_count;
static sem_t cut_now;

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);

	return a >= b && strcmp(s + a - b, end) == 0;
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_size;
}

static struct file *file_of(int fd)
{
	return fd >= 0 && fd < FDS ? by_fd[fd] : NULL;
}

static struct file *file_find(const char *path)
{
	for (int i = 0; i < FILES; i++)
		if (files[i] && strcmp(files[i]->path, path) == 0)
			return files[i];
	return NULL;
}

static struct file *file_new(const char *path)
{
	for (int i = 0; i < FILES; i++) {
		if (files[i] && files[i]->path[0])
			continue;
		if (!files[i])
			files[i] = calloc(1, sizeof(*files[i]));
		snprintf(files[i]->path, PATH_MAX, "%s", path);
		return files[i];
	}
	abort(); /* more files than a test has */
}

static void before_drop(struct file *file)
{
	while (file->before) {
		struct before *before = file->before;

		file->before = before->next;
		free(before);
	}
}

static void file_forget(struct file *file)
{
	before_drop(file);
	file->path[0] = '\0';
	file->synced = 0;
	file->named = false;
	for (int i = 0; i < FDS; i++)
		if (by_fd[i] == file)
			by_fd[i] = NULL;
}

/* All names made so far in the directory of @path (or in the directory @path itself) are safe. */
static void names_safe(const char *path)
{
	size_t len = strlen(path);

	for (int i = 0; i < FILES; i++) {
		if (!files[i] || !files[i]->path[0])
			continue;
		const char *slash = strrchr(files[i]->path, '/');
		size_t dir_len = slash ? (size_t)(slash - files[i]->path) : 0;

		if (dir_len == len && strncmp(files[i]->path, path, len) == 0)
			files[i]->named = true;
	}
}

static void names_safe_beside(const char *path)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	char *slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	names_safe(dir);
}

static bool is_watched(const char *path)
{
	size_t len = strlen(watched);

	return len && strncmp(path, watched, len) == 0 && path[len] == '/';
}

/* True when this call is to fail. */
static bool fails(const struct file *file)
{
	if (!fail_count || !ends_with(file->path, fail_suffix))
		return false;
	fail_count--;
	errno = fail_errno;
	return true;
}

void fsyncloss_watch(const char *dir)
{
	snprintf(watched, sizeof(watched), "%s", dir);
}

void fsyncloss_fail(const char *suffix, int err, int count)
{
	pthread_mutex_lock(&mutex);
	snprintf(fail_suffix, sizeof(fail_suffix), "%s", suffix);
	fail_errno = err;
	fail_count = count;
	pthread_mutex_unlock(&mutex);
}

static void file_cut(struct file *file)
{
	if (!file->named) {
		syscall(SYS_unlinkat, AT_FDCWD, file->path, 0); /* not ours: that takes the mutex */
		return;
	}
	/* The newest come first, so the oldest has the last word. */
	int fd = (int)syscall(SYS_openat, AT_FDCWD, file->path, O_WRONLY | O_CLOEXEC, 0);
	for (struct before *before = file->before; before && fd >= 0; before = before->next)
		syscall(SYS_pwrite64, fd, before->bytes, before->len, before->at);
	if (fd >= 0 && size_of(fd) > file->synced)
		syscall(SYS_ftruncate, fd, file->synced);
}

void fsyncloss_cut(void)
{
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < FILES; i++)
		if (files[i] && files[i]->path[0])
			file_cut(files[i]);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void *cutter_main(void *arg)
{
	(void)arg;
	while (sem_wait(&cut_now))
		;
	fsyncloss_cut();
}

static void on_signal(int number)
{
	(void)number;
	sem_post(&cut_now);
}

void fsyncloss_cut_on_signal(void)
{
	pthread_t cutter;

	sem_init(&cut_now, 0, 0);
	if (pthread_create(&cutter, NULL, cutter_main, NULL))
		abort();
	pthread_detach(cutter);
	signal(SIGUSR1, on_signal);
}

__attribute__((constructor)) static void begin(void)
{
	const char *dir = getenv("FSYNCLOSS_DIR");

	if (!dir)
		return;
	fsyncloss_watch(dir);
	fsyncloss_cut_on_signal();
}

/* -- what comes between -- */

static int opened(int dir_fd, const char *path, int flags, mode_t mode)
{
	bool watch = dir_fd == AT_FDCWD && is_watched(path);
	struct stat st;

	if (!watch) {
		int fd = (int)syscall(SYS_openat, dir_fd, path, flags, mode);

		if (fd >= 0 && fd < FDS && by_fd[fd]) {
			pthread_mutex_lock(&mutex);
			by_fd[fd] = NULL; /* closed unseen */
			pthread_mutex_unlock(&mutex);
		}
		return fd;
	}
	pthread_mutex_lock(&mutex);
	bool existed = stat(path, &st) == 0;
	int fd = (int)syscall(SYS_openat, dir_fd, path, flags, mode);
	int saved = errno;
	if (fd >= 0 && fd < FDS && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		struct file *file = file_find(path);

		if (!file) {
			file = file_new(path);
			file->named = existed;
			file->synced = st.st_size;
		}
		if (flags & O_TRUNC)
			file->synced = 0;
		by_fd[fd] = file;
	} else if (fd >= 0 && fd < FDS) {
		by_fd[fd] = NULL;
	}
	pthread_mutex_unlock(&mutex);
	errno = saved;
	return fd;
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = mode_of(flags, args);
	va_end(args);
	return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = mode_of(flags, args);
	va_end(args);
	return opened(AT_FDCWD, path, flags, mode);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = mode_of(flags, args);
	va_end(args);
	return opened(dir_fd, path, flags, mode);
}

int close(int fd)
{
	if (file_of(fd)) {
		pthread_mutex_lock(&mutex);
		by_fd[fd] = NULL;
		pthread_mutex_unlock(&mutex);
	}
	return (int)syscall(SYS_close, fd);
}

/* Keeps the synced bytes that a write of @len at @at will cover. */
static void before_write(int fd, struct file *file, off_t at, size_t len)
{
	if (at >= file->synced || !len)
		return;
	if (len > (size_t)(file->synced - at))
		len = (size_t)(file->synced - at);
	struct before *before = malloc(sizeof(*before) + len);
	if (!before)
		abort();
	ssize_t n = pread(fd, before->bytes, len, at);
	*before = (struct before){ .next = file->before, .at = at, .len = n > 0 ? (size_t)n : 0 };
	file->before = before;
}

static ssize_t written(int fd, struct file *file, const void *data, size_t len, off_t at)
{
	ssize_t n = -1;

	pthread_mutex_lock(&mutex);
	if (!fails(file)) {
		int flags = fcntl(fd, F_GETFL);
		off_t place = at >= 0	   ? at
			: flags & O_APPEND ? size_of(fd)
					   : lseek(fd, 0, SEEK_CUR);

		before_write(fd, file, place, len);
		n = at >= 0 ? syscall(SYS_pwrite64, fd, data, len, at)
			    : syscall(SYS_write, fd, data, len);
	}
	int saved = errno;
	pthread_mutex_unlock(&mutex);
	errno = saved;
	return n;
}

ssize_t write(int fd, const void *data, size_t len)
{
	struct file *file = file_of(fd);

	return file ? written(fd, file, data, len, -1) : syscall(SYS_write, fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	struct file *file = file_of(fd);

	return file ? written(fd, file, data, len, at) : syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return pwrite(fd, data, len, at);
}

int ftruncate(int fd, off_t len)
{
	struct file *file = file_of(fd);

	if (file) {
		pthread_mutex_lock(&mutex);
		if (file->synced > len)
			file->synced = len;
		pthread_mutex_unlock(&mutex);
	}
	return (int)syscall(SYS_ftruncate, fd, len);
}

int ftruncate64(int fd, off_t len)
{
	return ftruncate(fd, len);
}

static void dir_synced(int fd)
{
	char link[64], path[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return;
	path[n] = '\0';
	pthread_mutex_lock(&mutex);
	names_safe(path);
	pthread_mutex_unlock(&mutex);
}

static int synced(int fd, long call)
{
	struct file *file = file_of(fd);
	struct stat st;

	if (!file) {
		int r = (int)syscall(call, fd);

		if (r == 0 && watched[0] && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			dir_synced(fd);
		return r;
	}
	pthread_mutex_lock(&mutex);
	bool fail = fails(file);
	off_t size = size_of(fd);
	pthread_mutex_unlock(&mutex);
	if (fail)
		return -1;
	int r = (int)syscall(call, fd);
	int saved = errno;
	/* A cut that has begun holds the mutex for ever: then nobody is told of this sync. */
	pthread_mutex_lock(&mutex);
	if (r == 0 && file_of(fd) == file) {
		file->synced = size;
		before_drop(file);
	}
	pthread_mutex_unlock(&mutex);
	errno = saved;
	return r;
}

int fsync(int fd)
{
	return synced(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return synced(fd, SYS_fdatasync);
}

int rename(const char *from, const char *to)
{
	if (!is_watched(to))
		return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
	pthread_mutex_lock(&mutex);
	int r = (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
	int saved = errno;
	if (r == 0) {
		struct file *file = file_find(from), *old = file_find(to);

		if (old && old != file)
			file_forget(old);
		if (file)
			snprintf(file->path, PATH_MAX, "%s", to);
		names_safe_beside(to);
	}
	pthread_mutex_unlock(&mutex);
	errno = saved;
	return r;
}

int unlink(const char *path)
{
	if (!is_watched(path))
		return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	pthread_mutex_lock(&mutex);
	int r = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	int saved = errno;
	struct file *file = r == 0 ? file_find(path) : NULL;
	if (file)
		file_forget(file);
	if (r == 0)
		names_safe_beside(path);
	pthread_mutex_unlock(&mutex);
	errno = saved;
	return r;
}
