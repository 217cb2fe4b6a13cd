/* For tests of the server: a world with a turned clock, clients at the far ends of in-memory pairs,
 * and handlers that do what the path says. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/core.h"
#include "http/server.h"
#include "net/sock.h"

enum { CLIENTS = 4 };

struct client {
	struct sock *sock;
	struct buf heard;
	bool ended; /* the server has ended the stream, or broken it */
};

struct world {
	struct clock clock;
	uint64_t now_us;
	struct cores *cores;
	struct core *core;
	struct http_server *server;
	struct http_server_config config;
	struct client clients[CLIENTS];
	size_t capacity; /* of pairs */
	struct random *random; /* tears reads and writes */
	struct random_seeded seeded;
	struct http_request *kept[8];
	int kept_count;
	/* the sink */
	struct buf file;
	struct http_request *uploading;
	int sink_result, end_result, ended, dropped;
	/* an accepted upgrade */
	struct sock *upgraded;
	struct buf in, out;
	int file_fd; /* -1, or what /file sends */
	uint64_t file_size;
};

static struct world *world; /* the handlers have no other way to it */

static inline uint64_t now_us(struct clock *clock)
{
	return container_of(clock, struct world, clock)->now_us;
}

/* -- the handlers -- */

static inline int sink_open(void *owner, const struct form_part *part, void **ret_file)
{
	(void)part;
	world->uploading = owner;
	*ret_file = &world->file;
	return 0;
}

static inline int sink_write(void *owner, void *file, struct str data)
{
	(void)owner;
	buf_put_str(file, data);
	return world->sink_result;
}

static inline int sink_end(void *owner, void *file)
{
	(void)owner, (void)file;
	world->ended++;
	return world->end_result;
}

static inline void sink_drop(void *owner, void *file)
{
	(void)owner, (void)file;
	world->dropped++;
}

static const struct form_sink sink = { sink_open, sink_write, sink_end, sink_drop };

static inline bool path_is(const struct http_request *request, const char *path)
{
	return str_eq(request->head.path, str_z(path));
}

static inline void keep(struct http_request *request)
{
	world->kept[world->kept_count++] = request;
}

static inline enum http_verdict on_headers(struct core *core, struct http_request *request)
{
	if (path_is(request, "/refused")) {
		http_respond_json(core, request, 401, S("{}"));
		return HTTP_RESPONDED;
	}
	if (path_is(request, "/parked")) {
		keep(request);
		return HTTP_PARKED;
	}
	if (path_is(request, "/upload")) {
		request->body_max = 1 << 20;
		request->sink = &sink;
		request->sink_owner = request;
	}
	if (path_is(request, "/put")) {
		request->body_max = 1 << 20;
		request->no_form = true;
		request->sink = &sink;
		request->sink_owner = request;
	}
	return HTTP_READ;
}

static inline void respond_echo(struct core *core, struct http_request *request)
{
	char peer[ADDR_TEXT_MAX];

	addr_text_ip(&request->peer, peer);
	buf_printf(&request->out, "[%.*s%s%s]", STR_FMT(request->body),
		   request->secure ? " secure " : "", request->secure ? peer : "");
	for (uint32_t i = 0; i < request->form.count; i++)
		buf_printf(&request->out, "%.*s=%.*s(%llu);", STR_FMT(request->form.parts[i].name),
			   STR_FMT(request->form.parts[i].data),
			   (unsigned long long)request->form.parts[i].size);
	http_respond_json(core, request, 200, buf_str(&request->out));
}

static inline void respond_file(struct core *core, struct http_request *request)
{
	const struct http_response response = {
		.status = 200,
		.content_type = S("text/plain"),
		.has_file = true,
		.fd = dup(world->file_fd),
		.file_size = world->file_size,
		.etag = S("\"v1\""),
		.modified_s = 784111777,
	};

	http_respond(core, request, &response);
}

static inline void respond_big(struct core *core, struct http_request *request)
{
	char *big = arena_alloc(&request->arena, 1 << 20);

	memset(big, 'x', 1 << 20);
	http_respond(core, request,
		     &(struct http_response){ .status = 200, .body = { big, 1 << 20 } });
}

static inline void on_request(struct core *core, struct http_request *request)
{
	const struct http_header evil = { S("X-Echo"), S("a\r\nSet-Cookie: b\x7f") };

	if (path_is(request, "/later"))
		keep(request);
	else if (path_is(request, "/file"))
		respond_file(core, request);
	else if (path_is(request, "/big"))
		respond_big(core, request);
	else if (path_is(request, "/bytes"))
		http_respond(core, request,
			     &(struct http_response){ .status = 200,
						      .bytes = bytes_from(S("shared")),
						      .etag = S("\"e\"") });
	else if (path_is(request, "/nothing"))
		http_respond(core, request, &(struct http_response){ .status = 204 });
	else if (path_is(request, "/evil"))
		http_respond(core, request,
			     &(struct http_response){
				     .status = 200, .headers = &evil, .header_count = 1 });
	else if (path_is(request, "/close"))
		http_respond(
			core, request,
			&(struct http_response){ .status = 200, .body = S("bye"), .close = true });
	else if (path_is(request, "/drop"))
		http_request_drop(core, request);
	else
		respond_echo(core, request);
}

static inline void on_upgrade(struct core *core, struct http_request *request)
{
	if (path_is(request, "/no"))
		http_respond_json(core, request, 403, S("{}"));
	else if (path_is(request, "/later"))
		keep(request);
	else
		assert_int_equal(
			http_upgrade(core, request, &world->upgraded, &world->in, &world->out), 0);
}

/* -- the world -- */

static inline int setup(void **state)
{
	struct world *w = world = mem_zalloc(sizeof(*w));

	*state = w;
	w->clock = (struct clock){ now_us, now_us };
	w->now_us = 784111777000000; /* Sun, 06 Nov 1994 08:49:37 GMT */
	w->cores = cores_new(&(struct cores_config){
		.count = 2, .fibers_max = 4, .clock = &w->clock, .random = &random_real });
	w->core = w->cores->core[0];
	w->config = (struct http_server_config){ .on_headers = on_headers,
						 .on_request = on_request,
						 .on_upgrade = on_upgrade };
	w->file_fd = -1;
	buf_init(&w->file, 1 << 20);
	random_seeded_init(&w->seeded, 3);
	return 0;
}

static inline void turn(struct world *w, int times)
{
	while (times--)
		for (uint32_t i = 0; i < w->cores->count; i++)
			core_turn(w->cores->core[i], 0);
}

static inline void hear(struct world *w, struct client *client)
{
	char chunk[4096];
	ssize_t n;

	turn(w, 4);
	while (client->sock && !client->ended) {
		n = sock_recv(client->sock, chunk, sizeof(chunk));
		if (n > 0)
			buf_put(&client->heard, chunk, (size_t)n);
		else if (n == -EAGAIN)
			return;
		else
			client->ended = true;
		turn(w, 2);
	}
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	http_server_free(w->server);
	for (int i = 0; i < CLIENTS; i++) {
		if (w->clients[i].sock)
			sock_close(w->core, w->clients[i].sock);
		buf_done(&w->clients[i].heard);
	}
	if (w->upgraded)
		sock_close(w->core, w->upgraded);
	turn(w, 5);
	cores_free(w->cores);
	buf_done(&w->file);
	buf_done(&w->in);
	buf_done(&w->out);
	if (w->file_fd >= 0)
		close(w->file_fd);
	free(w);
	return 0;
}

/* Lets time go by in steps that no timeout is shorter than. */
static inline void pass(struct world *w, uint32_t ms)
{
	for (; ms >= 50; ms -= 50) {
		w->now_us += 50000;
		turn(w, 1);
	}
}

static inline struct client *dial(struct world *w)
{
	struct sock_pair_config config = { .capacity = w->capacity, .random = w->random };
	struct client *client = w->clients;
	struct sock *sock;

	while (client->sock)
		client++;
	if (!w->server)
		w->server = http_server_new(w->core, &w->config);
	sock_pair(w->core, w->core, &config, &client->sock, &sock);
	buf_init(&client->heard, 4 << 20);
	http_serve(w->server, sock);
	turn(w, 1);
	return client;
}

/* Sends it all, turning as needed; hears meanwhile, so that nobody waits for the other for ever. */
static inline void say(struct world *w, struct client *client, struct str text)
{
	while (text.len) {
		ssize_t n = sock_send(client->sock, text.ptr, text.len);

		if (n > 0)
			text = str_skip(text, (size_t)n);
		else if (n != -EAGAIN)
			return;
		hear(w, client);
	}
	hear(w, client);
}

static inline void hang_up(struct world *w, struct client *client)
{
	sock_close(w->core, client->sock);
	client->sock = NULL;
	buf_done(&client->heard);
	client->ended = false;
	turn(w, 4);
}

/* What has been heard, and forgets it. Valid until the next one. */
static inline const char *heard(struct client *client)
{
	static char text[1 << 16];
	size_t n = MIN(client->heard.len, sizeof(text) - 1);

	if (n)
		memcpy(text, client->heard.ptr, n);
	text[n] = '\0';
	buf_clear(&client->heard);
	return text;
}

#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: rookery\r\n"
#define OK_JSON "HTTP/1.1 200 OK\r\n" DATE "Content-Type: application/json\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define EMPTY OK_JSON "Content-Length: 2\r\n\r\n[]"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
