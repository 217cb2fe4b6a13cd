#include "cdn/incoming.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/ids.h"
#include "config/config.h"
#include "core/fiber.h"
#include "http/server.h"
#include "model/errors.h"

enum {
	CHUNK = 256 << 10,	   /* one write */
	PENDING_MAX = 4 * CHUNK, /* then the socket waits */
	HELD_SHARE = 8, /* of memory_max, for all that is on its way in */
	SNIFF_MAX = 16 << 20,
};

/* Bytes in memory, of all cores. */
static _Atomic uint64_t held;

static void hold(struct buf *buf, struct str data)
{
	buf_put_str(buf, data);
	atomic_fetch_add_explicit(&held, data.len, memory_order_relaxed);
}

static void release(struct buf *buf)
{
	atomic_fetch_sub_explicit(&held, buf->len, memory_order_relaxed);
	buf_done(buf);
}

static void incoming_free(struct incoming *incoming)
{
	if (incoming->fd >= 0)
		close(incoming->fd);
	if (incoming->spilled && !incoming->placed) {
		char text[32];
		struct str name = { text,
				    (size_t)snprintf(text, sizeof(text), "tmp/%lu", incoming->id) };

		files_remove_later(incoming->core, &name, 1);
	}
	release(&incoming->small);
	release(&incoming->pending);
	release(&incoming->out);
	free(incoming);
}

/* -- the writer -- */

static int open_tmp(struct incoming *incoming)
{
	char path[FILES_PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/tmp/%lu", incoming->dir, incoming->id) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	if (!files_room(incoming->dir, CHUNK, incoming->reserve))
		return -ENOSPC;
	incoming->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return incoming->fd < 0 ? -errno : 0;
}

/* In a pool thread: the loop leaves @out and @fd alone meanwhile. */
static void write_job(struct job *job)
{
	struct incoming *incoming = container_of(job, struct incoming, job);
	struct str data = buf_str(&incoming->out);
	int r = incoming->fd < 0					 ? open_tmp(incoming)
		: files_room(incoming->dir, data.len, incoming->reserve) ? 0
									 : -ENOSPC;

	while (!r && data.len) {
		ssize_t n = write(incoming->fd, data.ptr, data.len);

		if (n < 0 && errno != EINTR)
			r = -errno;
		if (n > 0)
			data = str_skip(data, (size_t)n);
	}
	if (!r && incoming->syncing && fsync(incoming->fd))
		r = -errno;
	incoming->job_error = r;
}

static void on_written(struct core *core, struct job *job);

static void start_writing(struct incoming *incoming)
{
	incoming->out = incoming->pending;
	buf_init(&incoming->pending, SIZE_MAX);
	incoming->job =
		(struct job){ .core = incoming->core, .work = write_job, .done = on_written };
	incoming->writing = true;
	incoming->syncing = incoming->ended;
	if (core_offload(incoming->core, &incoming->job)) {
		incoming->writing = false;
		incoming->error = -EAGAIN;
	}
}

static void on_written(struct core *core, struct job *job)
{
	struct incoming *incoming = container_of(job, struct incoming, job);
	bool last = incoming->syncing;

	incoming->writing = false;
	incoming->error = incoming->job_error;
	release(&incoming->out);
	if (incoming->dropped) {
		incoming_free(incoming);
		return;
	}
	if (!incoming->error && !last && (incoming->ended || incoming->pending.len >= CHUNK))
		start_writing(incoming);
	/* The end waits for all of it, what comes before only for room. */
	if (incoming->paused &&
	    (incoming->error || last ||
	     (!incoming->ended && incoming->pending.len < PENDING_MAX))) {
		incoming->paused = false;
		http_request_continue(core, incoming->request);
	}
}

static int pause_reading(struct incoming *incoming)
{
	incoming->paused = true;
	return EAGAIN;
}

/* -- the sink -- */

static int sink_open(void *owner, const struct form_part *part, void **ret_file)
{
	struct http_request *request = owner;
	struct incoming *incoming = mem_zalloc(sizeof(*incoming));

	(void)part;
	incoming->core = request->core;
	incoming->request = request;
	incoming->dir = app_of(request->core)->files;
	incoming->reserve = config_of(request->core)->disk_reserve;
	incoming->fd = -1;
	buf_init(&incoming->small, SIZE_MAX);
	buf_init(&incoming->pending, SIZE_MAX);
	*ret_file = incoming;
	return 0;
}

static int status_of(int error)
{
	return error == -ENOSPC || error == -EAGAIN ? 503 : error;
}

static int sink_write(void *owner, void *file, struct str data)
{
	struct incoming *incoming = file;

	(void)owner;
	if (incoming->error)
		return status_of(incoming->error);
	if (atomic_load_explicit(&held, memory_order_relaxed) >
	    config_of(incoming->core)->memory_max / HELD_SHARE)
		return 503;
	incoming->size += data.len;
	if (!incoming->spilled && incoming->size <= INCOMING_SMALL) {
		hold(&incoming->small, data);
		return 0;
	}
	if (!incoming->dir)
		return 503;
	if (!incoming->spilled) {
		incoming->spilled = true;
		incoming->id = id_next(incoming->core, 0);
		incoming->pending = incoming->small;
		buf_init(&incoming->small, SIZE_MAX);
	}
	hold(&incoming->pending, data);
	if (!incoming->writing && incoming->pending.len >= CHUNK)
		start_writing(incoming);
	if (incoming->error)
		return status_of(incoming->error);
	return incoming->pending.len >= PENDING_MAX ? pause_reading(incoming) : 0;
}

static int sink_end(void *owner, void *file)
{
	struct incoming *incoming = file;

	(void)owner;
	if (incoming->error)
		return status_of(incoming->error);
	if (!incoming->spilled)
		return 0;
	incoming->ended = true;
	if (!incoming->writing)
		start_writing(incoming);
	return incoming->error ? status_of(incoming->error) : pause_reading(incoming);
}

static void sink_drop(void *owner, void *file)
{
	struct incoming *incoming = file;

	(void)owner;
	if (incoming->writing)
		incoming->dropped = true; /* on_written() frees it */
	else
		incoming_free(incoming);
}

const struct form_sink incoming_sink = { sink_open, sink_write, sink_end, sink_drop };

struct str incoming_bytes(const struct incoming *incoming)
{
	return incoming->spilled      ? (struct str){}
		: incoming->small.len ? buf_str(&incoming->small)
				      : S("");
}

/* -- places -- */

static void learn(struct incoming_facts *facts, struct str bytes)
{
	facts->sniffed = sniff_bytes(bytes);
	bytes.len = MIN(bytes.len, (size_t)4096);
	facts->text = !facts->sniffed.type && sniff_is_text(bytes);
}

/* The file is ours and nobody shortens it, so its pages may be read as memory. */
static int learn_file(const char *path, struct incoming_facts *facts)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		r = -errno;
	facts->size = r ? 0 : (uint64_t)st.st_size;
	size_t len = (size_t)MIN(facts->size, (uint64_t)SNIFF_MAX);
	char *map = len ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	if (map != MAP_FAILED) {
		learn(facts, (struct str){ map, len });
		munmap(map, len);
	}
	close(fd);
	return r;
}

struct placing {
	const char *dir;
	uint64_t reserve;
	struct incoming_place *list;
	uint32_t count;
};

static int link_in(const char *dir, struct str from, struct str to)
{
	char old[FILES_PATH_MAX], path[FILES_PATH_MAX];

	if (snprintf(old, sizeof(old), "%s/%.*s", dir, STR_FMT(from)) >= (int)sizeof(old) ||
	    snprintf(path, sizeof(path), "%s/%.*s", dir, STR_FMT(to)) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (link(old, path))
		return errno == ENOENT ? ENOENT : -errno;
	return files_sync_parent(path);
}

static int place_one(const struct placing *placing, struct incoming_place *place)
{
	const struct incoming *incoming = place->incoming;
	const char *dir = placing->dir;
	char path[FILES_PATH_MAX], tmp[32];

	if (snprintf(path, sizeof(path), "%s/%.*s", dir, STR_FMT(place->to)) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int r = files_make_parents(dir, place->to);
	if (r)
		return r;
	if (!incoming) {
		r = link_in(dir, place->from, place->to);
		return r ? r : learn_file(path, &place->facts);
	}
	if (!incoming->spilled) {
		struct str bytes = incoming_bytes(incoming);

		if (!files_room(dir, bytes.len, placing->reserve))
			return -ENOSPC;
		place->facts.size = bytes.len;
		learn(&place->facts, bytes);
		return files_write(dir, place->to, bytes);
	}
	int n = snprintf(tmp, sizeof(tmp), "tmp/%lu", incoming->id);
	r = files_move(dir, (struct str){ tmp, (size_t)n }, place->to);
	return r ? r : learn_file(path, &place->facts);
}

static void place_all(void *arg)
{
	struct placing *placing = arg;

	for (uint32_t i = 0; i < placing->count; i++)
		placing->list[i].r = place_one(placing, &placing->list[i]);
}

int incoming_place_wait(struct core *core, struct incoming_place *list, uint32_t count)
{
	struct placing placing = { app_of(core)->files, config_of(core)->disk_reserve, list,
				   count };

	for (uint32_t i = 0; i < count; i++) {
		list[i].r = -EAGAIN;
		if (list[i].incoming && list[i].incoming->error)
			return list[i].incoming->error == -ENOSPC ? ERR_UNAVAILABLE
								  : list[i].incoming->error;
	}
	if (!placing.dir)
		return -EOPNOTSUPP;
	int r = fiber_offload_wait(core, place_all, &placing);
	for (uint32_t i = 0; i < count; i++) {
		if (!list[i].r && list[i].incoming)
			list[i].incoming->placed = true;
		if (!r)
			r = list[i].r;
	}
	return r == -ENOSPC ? ERR_UNAVAILABLE : r;
}
