#include "admin/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { CHUNK = 1 << 20, DEPTH_MAX = 16 };

int disk_path(char ret[DISK_PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(ret, DISK_PATH_MAX, "%s/%s", dir, name);

	return n < 0 || n >= DISK_PATH_MAX ? -ENAMETOOLONG : 0;
}

int disk_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = fsync(fd) ? -errno : 0;
	close(fd);
	return r;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int disk_write(const char *dir, const char *name, struct str data)
{
	char path[DISK_PATH_MAX], aside[DISK_PATH_MAX + 8];

	int r = disk_path(path, dir, name);
	if (r)
		return r;
	snprintf(aside, sizeof(aside), "%s.new", path);
	unlink(aside);
	int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data.ptr, data.len);
	if (!r && fsync(fd))
		r = -errno;
	close(fd);
	if (!r && rename(aside, path))
		r = -errno;
	if (r) {
		unlink(aside);
		return r;
	}
	return disk_sync_dir(dir);
}

/* Reads @path to its end, into @to too unless that is -1. */
static int digest(const char *path, int to, uint64_t *ret_size, uint8_t ret_sha256[DISK_SHA256])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r = 0;

	if (fd < 0)
		return -errno;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char *chunk = mem_alloc(CHUNK);
	uint64_t size = 0;
	ssize_t n = 0;
	EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	while (!r && (n = read(fd, chunk, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = -errno;
			break;
		}
		EVP_DigestUpdate(md, chunk, (size_t)n);
		size += (uint64_t)n;
		if (to >= 0)
			r = write_all(to, chunk, (size_t)n);
	}
	EVP_DigestFinal_ex(md, ret_sha256, NULL);
	EVP_MD_CTX_free(md);
	free(chunk);
	close(fd);
	*ret_size = size;
	return r;
}

int disk_hash(const char *path, uint64_t *ret_size, uint8_t ret_sha256[DISK_SHA256])
{
	return digest(path, -1, ret_size, ret_sha256);
}

int disk_copy(const char *from, const char *to, uint64_t *ret_size, uint8_t ret_sha256[DISK_SHA256])
{
	int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int r = digest(from, fd, ret_size, ret_sha256);
	if (!r && fsync(fd))
		r = -errno;
	close(fd);
	if (r)
		unlink(to);
	return r;
}

int disk_make_parents(const char *root, const char *path)
{
	char part[DISK_PATH_MAX];
	int r = disk_path(part, root, path);

	for (char *at = part + strlen(root) + 1; !r && (at = strchr(at, '/')); at++) {
		*at = '\0';
		if (mkdir(part, 0700) && errno != EEXIST)
			r = -errno;
		*at = '/';
	}
	return r;
}

int disk_is_free(const char *path)
{
	DIR *dir = opendir(path);
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *entry; !r && (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			r = -ENOTEMPTY;
	closedir(dir);
	return r;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path) && errno != ENOENT ? -errno : 0;
}

int disk_remove(const char *path)
{
	int r = nftw(path, remove_one, DEPTH_MAX, FTW_DEPTH | FTW_PHYS);

	return r == -1 ? (errno == ENOENT ? 0 : -errno) : r;
}

/* @path has room for more; its first @root_len bytes are the root. */
static int walk(char *path, size_t root_len, int depth, int (*on_file)(void *arg, const char *name),
		void *arg)
{
	size_t len = strlen(path);
	struct stat st;
	int r = 0;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno; /* gone since it was listed */
	for (struct dirent *entry; !r && (entry = readdir(dir));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		int n = snprintf(path + len, DISK_PATH_MAX - len, "/%s", entry->d_name);
		if (n < 0 || (size_t)n >= DISK_PATH_MAX - len)
			r = -ENAMETOOLONG;
		else if (lstat(path, &st))
			r = errno == ENOENT ? 0 : -errno;
		else if (S_ISDIR(st.st_mode))
			r = walk(path, root_len, depth + 1, on_file, arg);
		else if (S_ISREG(st.st_mode))
			r = on_file(arg, path + root_len + 1);
		path[len] = '\0';
	}
	closedir(dir);
	return r;
}

int disk_walk(const char *root, int (*on_file)(void *arg, const char *name), void *arg)
{
	char path[DISK_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s", root);

	return n < 0 || n >= DISK_PATH_MAX ? -ENAMETOOLONG
					   : walk(path, strlen(root), 0, on_file, arg);
}
