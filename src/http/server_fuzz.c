/* A connection under a hostile peer and an odd handler: each step of the input sends bytes, lets
 * time go by, answers, parks, breaks off. Nothing may be lost: at the end every request has been
 * answered or has died with its connection. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "core/core.h"
#include "http/server.h"
#include "net/sock.h"

enum { KEPT_MAX = 8 };

struct fuzz_world {
	struct clock clock;
	uint64_t now_us;
	struct cores *cores;
	struct core *core;
	struct http_request *kept[KEPT_MAX];
	bool parked[KEPT_MAX];
	int kept_count;
	struct http_request *uploading;
	uint8_t mood; /* what the handlers do next */
	struct sock *upgraded;
};

static struct fuzz_world fuzz_world;

static uint64_t fuzz_now(struct clock *clock)
{
	return container_of(clock, struct fuzz_world, clock)->now_us;
}

static int fuzz_open(void *owner, const struct form_part *part, void **ret_file)
{
	fuzz_world.uploading = owner;
	assert(part->filename.ptr);
	*ret_file = &fuzz_world;
	return fuzz_world.mood & 8 ? 507 : 0;
}

static int fuzz_write(void *owner, void *file, struct str data)
{
	(void)owner;
	assert(file == &fuzz_world && data.len);
	return fuzz_world.mood & 1 ? EAGAIN : fuzz_world.mood & 2 ? -EIO : 0;
}

static int fuzz_end(void *owner, void *file)
{
	(void)owner, (void)file;
	return fuzz_world.mood & 4 ? EAGAIN : 0;
}

static void fuzz_drop(void *owner, void *file)
{
	(void)file;
	if (fuzz_world.uploading == owner)
		fuzz_world.uploading = NULL;
}

static const struct form_sink fuzz_sink = { fuzz_open, fuzz_write, fuzz_end, fuzz_drop };

static bool keep(struct http_request *request, bool parked)
{
	if (fuzz_world.kept_count == KEPT_MAX)
		return false;
	fuzz_world.parked[fuzz_world.kept_count] = parked;
	fuzz_world.kept[fuzz_world.kept_count++] = request;
	return true;
}

static void respond(struct core *core, struct http_request *request)
{
	struct http_response response = { .status = 200, .close = fuzz_world.mood & 4 };

	if (fuzz_world.mood & 8)
		response.bytes = bytes_from(S("shared"));
	else if (fuzz_world.mood & 16)
		response.body = (struct str){ arena_alloc(&request->arena, 100000), 100000 };
	response.etag = S("\"e\"");
	http_respond(core, request, &response);
}

static enum http_verdict fuzz_headers(struct core *core, struct http_request *request)
{
	request->sink = &fuzz_sink;
	request->sink_owner = request;
	switch (fuzz_world.mood & 3) {
	case 0: respond(core, request); return HTTP_RESPONDED;
	case 1: return keep(request, true) ? HTTP_PARKED : HTTP_READ;
	}
	return HTTP_READ;
}

static void fuzz_request(struct core *core, struct http_request *request)
{
	if (fuzz_world.uploading == request)
		fuzz_world.uploading = NULL;
	if (!(fuzz_world.mood & 32) || !keep(request, false))
		respond(core, request);
}

static void fuzz_upgrade(struct core *core, struct http_request *request)
{
	struct buf in, out;

	if (fuzz_world.upgraded || fuzz_world.mood & 1)
		respond(core, request);
	else if (http_upgrade(core, request, &fuzz_world.upgraded, &in, &out) == 0) {
		buf_done(&in);
		buf_done(&out);
	}
}

static void answer(uint8_t how)
{
	struct fuzz_world *w = &fuzz_world;

	if (!w->kept_count)
		return;
	int last = --w->kept_count;
	struct http_request *request = w->kept[last];
	if (w->parked[last] && how & 1)
		http_request_continue(w->core, request);
	else if (how & 2)
		http_request_drop(w->core, request);
	else
		respond(w->core, request);
}

static void drain(struct sock *sock)
{
	char chunk[4096];

	for (int i = 0; sock && i < 20 && sock_recv(sock, chunk, sizeof(chunk)) > 0; i++)
		;
}

static void turns(int n)
{
	while (n--)
		core_turn(fuzz_world.core, 0);
}

static void step(struct sock **client, uint8_t op, struct str data)
{
	struct fuzz_world *w = &fuzz_world;

	switch (op % 8) {
	default:
		if (*client && data.len)
			sock_send(*client, data.ptr, data.len);
		break;
	case 3: w->mood = (uint8_t)data.len; break;
	case 4: answer((uint8_t)data.len); break;
	case 5:
		drain(*client);
		if (w->uploading)
			http_request_continue(w->core, w->uploading);
		break;
	case 6: w->now_us += (uint64_t)data.len * 1000000; break;
	case 7:
		if (*client && data.len % 4 == 3)
			sock_pair_reset(*client);
		if (data.len % 4 == 1) {
			sock_close(w->core, *client);
			*client = NULL;
		}
		break;
	}
	turns(2);
}

int fuzz_http_server(const uint8_t *data, size_t size);
int fuzz_http_server(const uint8_t *data, size_t size)
{
	struct fuzz_world *w = &fuzz_world;
	struct http_server_config config = { .on_headers = fuzz_headers,
					     .on_request = fuzz_request,
					     .on_upgrade = fuzz_upgrade,
					     .body_max = 5000 };
	struct str rest = { (const char *)data, size };
	struct sock *client, *sock;
	struct sock_pair_config pair = { .capacity = size > 3 && data[0] & 1 ? 200 : 0 };

	if (!w->cores) { /* once: making cores costs more than the rest */
		w->clock = (struct clock){ fuzz_now, fuzz_now };
		w->cores = cores_new(&(struct cores_config){
			.count = 1, .fibers_max = 1, .clock = &w->clock, .random = &random_real });
		w->core = w->cores->core[0];
	}
	struct http_server *server = http_server_new(w->core, &config);
	sock_pair(w->core, w->core, &pair, &client, &sock);
	http_serve(server, sock);
	w->mood = 2;
	/* Each step: what to do, and with how many of the bytes that follow. */
	while (rest.len >= 2) {
		uint8_t op = (uint8_t)rest.ptr[0];
		struct str piece = str_skip(rest, 2);

		piece.len = MIN(piece.len, (size_t)(uint8_t)rest.ptr[1]);
		rest = str_skip(rest, 2 + (op % 8 < 3 ? piece.len : 0));
		step(&client, op, piece);
	}
	sock_close(w->core, client);
	turns(3);
	while (w->kept_count)
		answer(0);
	http_server_free(server);
	sock_close(w->core, TAKE(w->upgraded));
	turns(3);
	assert(!w->uploading);
	return 0;
}
