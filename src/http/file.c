/* Reads a file in chunks without ever letting the loop wait for a disk: what the page cache has is
 * read at once (preadv2 with RWF_NOWAIT), the rest by a pool thread. sendfile() would save one
 * copy, but it waits for the disk, and TLS cannot use it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/internal.h"

enum { CHUNK = 64 << 10, RETRY_MS = 5 };

struct http_file_reader {
	struct job job; /* while @reading */
	struct timer retry; /* the pool was full */
	struct core *core;
	int fd;
	int error;
	bool reading, orphaned;
	uint64_t at, left; /* of what has not been read */
	size_t have, used; /* in @chunk */
	ssize_t result; /* of the job */
	size_t want;
	void (*wake)(void *owner);
	void *owner;
	char chunk[CHUNK];
};

static void on_retry(struct core *core, struct timer *timer)
{
	struct http_file_reader *reader = container_of(timer, struct http_file_reader, retry);

	(void)core;
	reader->wake(reader->owner);
}

struct http_file_reader *http_file_reader_new(struct core *core, int fd, uint64_t from,
					      uint64_t length)
{
	struct http_file_reader *reader = mem_alloc(sizeof(*reader));

	memset(reader, 0, offsetof(struct http_file_reader, chunk));
	timer_init(&reader->retry, on_retry);
	reader->core = core;
	reader->fd = fd;
	reader->at = from;
	reader->left = length;
	return reader;
}

void http_file_reader_free(struct http_file_reader *reader)
{
	if (!reader)
		return;
	timer_clear(&reader->retry);
	if (reader->reading) {
		reader->orphaned = true; /* on_read() frees it */
		return;
	}
	close(reader->fd);
	free(reader);
}

/* In a pool thread: touches only what the loop leaves alone while @reading. */
static void read_job(struct job *job)
{
	struct http_file_reader *reader = container_of(job, struct http_file_reader, job);

	do
		reader->result = pread(reader->fd, reader->chunk, reader->want, (off_t)reader->at);
	while (reader->result < 0 && errno == EINTR);
}

static void took(struct http_file_reader *reader, ssize_t n)
{
	if (n <= 0) {
		reader->error = -EIO;
		return;
	}
	reader->have = (size_t)n;
	reader->used = 0;
	reader->at += (uint64_t)n;
	reader->left -= (uint64_t)n;
}

static void on_read(struct core *core, struct job *job)
{
	struct http_file_reader *reader = container_of(job, struct http_file_reader, job);

	(void)core;
	reader->reading = false;
	if (reader->orphaned) {
		http_file_reader_free(reader);
		return;
	}
	took(reader, reader->result);
	reader->wake(reader->owner);
}

static int read_more(struct http_file_reader *reader)
{
	reader->want = (size_t)MIN(reader->left, (uint64_t)CHUNK);
	struct iovec iov = { reader->chunk, reader->want };
	ssize_t n = preadv2(reader->fd, &iov, 1, (off_t)reader->at, RWF_NOWAIT);

	/* Not in memory, or a file system that cannot tell. */
	if (n < 0 &&
	    (errno == EAGAIN || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)) {
		reader->job =
			(struct job){ .core = reader->core, .work = read_job, .done = on_read };
		reader->reading = core_offload(reader->core, &reader->job) == 0;
		if (!reader->reading)
			timer_set(reader->core, &reader->retry, RETRY_MS);
		return EAGAIN;
	}
	took(reader, n);
	return reader->error;
}

int http_file_reader_peek(struct http_file_reader *reader, struct str *ret,
			  void (*wake)(void *owner), void *owner)
{
	int r = 0;

	reader->wake = wake;
	reader->owner = owner;
	if (reader->reading || timer_is_set(&reader->retry))
		return EAGAIN;
	if (reader->used == reader->have && !reader->error) {
		if (!reader->left)
			return ENODATA;
		r = read_more(reader);
	}
	if (r || reader->error)
		return r ? r : reader->error;
	*ret = (struct str){ reader->chunk + reader->used, reader->have - reader->used };
	return 0;
}

void http_file_reader_consume(struct http_file_reader *reader, size_t size)
{
	reader->used += size;
}
