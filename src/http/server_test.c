/* Connections over an in-memory pair with a turned clock: answers and their order, bodies, uploads,
 * upgrades, files, and peers that are slow, rude or gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
	int sink_result, dropped;
	/* an accepted upgrade */
	struct sock *upgraded;
	struct buf in, out;
	int file_fd; /* -1, or what /file sends */
	uint64_t file_size;
};

static struct world *world; /* the handlers have no other way to it */

static uint64_t now_us(struct clock *clock)
{
	return container_of(clock, struct world, clock)->now_us;
}

/* -- the handlers -- */

static int sink_open(void *owner, const struct form_part *part, void **ret_file)
{
	(void)part;
	world->uploading = owner;
	*ret_file = &world->file;
	return 0;
}

static int sink_write(void *owner, void *file, struct str data)
{
	(void)owner;
	buf_put_str(file, data);
	return world->sink_result;
}

static int sink_end(void *owner, void *file)
{
	(void)owner, (void)file;
	return 0;
}

static void sink_drop(void *owner, void *file)
{
	(void)owner, (void)file;
	world->dropped++;
}

static const struct form_sink sink = { sink_open, sink_write, sink_end, sink_drop };

static bool path_is(const struct http_request *request, const char *path)
{
	return str_eq(request->head.path, str_z(path));
}

static void keep(struct http_request *request)
{
	world->kept[world->kept_count++] = request;
}

static enum http_verdict on_headers(struct core *core, struct http_request *request)
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
	return HTTP_READ;
}

static void respond_echo(struct core *core, struct http_request *request)
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

static void respond_file(struct core *core, struct http_request *request)
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

static void respond_big(struct core *core, struct http_request *request)
{
	char *big = arena_alloc(&request->arena, 1 << 20);

	memset(big, 'x', 1 << 20);
	http_respond(core, request,
		     &(struct http_response){ .status = 200, .body = { big, 1 << 20 } });
}

static void on_request(struct core *core, struct http_request *request)
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

static void on_upgrade(struct core *core, struct http_request *request)
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

static int setup(void **state)
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

static void turn(struct world *w, int times)
{
	while (times--)
		for (uint32_t i = 0; i < w->cores->count; i++)
			core_turn(w->cores->core[i], 0);
}

static void hear(struct world *w, struct client *client)
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

static int teardown(void **state)
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
static void pass(struct world *w, uint32_t ms)
{
	for (; ms >= 50; ms -= 50) {
		w->now_us += 50000;
		turn(w, 1);
	}
}

static struct client *dial(struct world *w)
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
static void say(struct world *w, struct client *client, struct str text)
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

static void hang_up(struct world *w, struct client *client)
{
	sock_close(w->core, client->sock);
	client->sock = NULL;
	buf_done(&client->heard);
	client->ended = false;
	turn(w, 4);
}

/* What has been heard, and forgets it. Valid until the next one. */
static const char *heard(struct client *client)
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

/* -- answers -- */

static void an_answer_has_exactly_these_bytes(void **state)
{
	struct client *client = dial(*state);

	for (int i = 0; i < 3; i++) {
		say(*state, client, S(GET("/")));
		assert_string_equal(heard(client), EMPTY);
	}
	say(*state, client, S("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"));
	assert_string_equal(heard(client), OK_JSON "Content-Length: 7\r\n\r\n[hello]");
	say(*state, client, S("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"));
	assert_string_equal(heard(client), OK_JSON "Content-Length: 2\r\n\r\n");
	say(*state, client, S(GET("/nothing")));
	assert_string_equal(heard(client), "HTTP/1.1 204 No Content\r\n" DATE "\r\n");
	assert_false(client->ended);
}

static void controls_in_header_values_do_not_get_out(void **state)
{
	struct client *client = dial(*state);

	say(*state, client, S(GET("/evil")));
	assert_string_equal(heard(client),
			    "HTTP/1.1 200 OK\r\n" DATE
			    "Content-Length: 0\r\nX-Echo: aSet-Cookie: b\r\n\r\n");
}

static void connections_end_when_they_should(void **state)
{
	static const struct {
		const char *request;
		bool ends;
		const char *contains;
	} cases[] = {
		{ GET("/"), false, "200" },
		{ "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", true,
		  "Connection: close\r\n" },
		{ "GET / HTTP/1.0\r\n\r\n", true, "Connection: close\r\n" },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false,
		  "Connection: keep-alive\r\n" },
		{ GET("/close"), true, "bye" },
		{ "rubbish\r\n", true, "{\"message\":\"400: Bad Request\",\"code\":0}" },
		{ "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", true, "501 Not Implemented" },
		{ "GET / HTTP/3.0\r\n\r\n", true, "505 HTTP Version Not Supported" },
		{ GET("/drop"), true, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct client *client = dial(*state);

		say(*state, client, str_z(cases[i].request));
		const char *answer = heard(client);
		if (client->ended != cases[i].ends || !strstr(answer, cases[i].contains))
			fail_msg("%s gives %s", cases[i].request, answer);
		hang_up(*state, client);
	}
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);

	say(w, client,
	    S(GET("/later") GET("/") "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx" GET(
		    "/later")));
	assert_int_equal(w->kept_count, 1);
	assert_string_equal(heard(client), "");
	http_respond_json(w->core, w->kept[0], 200, S("1"));
	hear(w, client);
	assert_string_equal(heard(client),
			    OK_JSON "Content-Length: 1\r\n\r\n1" EMPTY OK_JSON
				    "Content-Length: 3\r\n\r\n[x]");
	assert_int_equal(w->kept_count, 2);
	http_respond_json(w->core, w->kept[1], 200, S("2"));
	hear(w, client);
	assert_string_equal(heard(client), OK_JSON "Content-Length: 1\r\n\r\n2");
}

static void what_waits_behind_a_slow_answer_is_bounded(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);
	struct str get = S(GET("/"));
	size_t sent = 0;

	say(w, client, S(GET("/later")));
	for (ssize_t n = 1; n > 0; turn(w, 3)) {
		n = sock_send(client->sock, get.ptr + sent % get.len, get.len - sent % get.len);
		if (n > 0)
			sent += (size_t)n;
		assert_true(sent < 1 << 20);
	}
	http_respond_json(w->core, w->kept[0], 200, S("1"));
	say(w, client, str_skip(get, sent % get.len));
	size_t answers = 0;
	for (size_t at = 0; at + 15 < client->heard.len; at++)
		answers += memcmp(client->heard.ptr + at, "HTTP/1.1 200 OK", 15) == 0;
	assert_int_equal(answers, 1 + (sent + get.len - 1) / get.len);
}

static void a_peer_that_only_ended_its_direction_gets_its_answers(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);

	sock_send(client->sock, GET("/later") GET("/"), strlen(GET("/later") GET("/")));
	sock_finish(w->core, client->sock); /* ends our direction; reads on by itself */
	client->sock = NULL;
	turn(w, 4);
	assert_int_equal(w->kept_count, 1);
	assert_false(http_request_gone(w->kept[0]));
	http_respond_json(w->core, w->kept[0], 200, S("1"));
	turn(w, 4);
	assert_int_equal(http_server_stats(w->server)->requests, 2);
	assert_int_equal(http_server_stats(w->server)->bytes_out,
			 strlen(OK_JSON "Content-Length: 1\r\n\r\n1" EMPTY));
}

static void torn_reads_and_writes_change_nothing(void **state)
{
	static const char talk[] =
		GET("/") "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			 "5\r\nhello\r\n0\r\n\r\n" GET("/bytes") GET("/nothing")
				 GET("/big") "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: "
					     "3\r\n\r\nabc"
					     "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: "
					     "application/x-www-form-urlencoded\r\n"
					     "Content-Length: 7\r\n\r\na=b&c=d" GET("/close");
	struct world *w = *state;
	struct buf whole = {};

	for (int round = 0; round < 12; round++) {
		w->random = round ? &w->seeded.random : NULL;
		w->capacity = round ? 1 + (size_t)random_below(&w->seeded.random, 5000) : 0;
		struct client *client = dial(w);
		say(w, client, str_z(talk));
		for (int i = 0; i < 300000 && !client->ended; i++)
			hear(w, client);
		assert_true(client->ended);
		assert_true(client->heard.len > 1 << 20);
		if (round == 0) {
			whole = client->heard;
			buf_init(&client->heard, 0);
		} else {
			assert_int_equal(client->heard.len, whole.len);
			assert_memory_equal(client->heard.ptr, whole.ptr, whole.len);
		}
		hang_up(w, client);
	}
	buf_done(&whole);
}

/* -- bodies -- */

static void a_body_is_asked_for_when_the_client_waits(void **state)
{
	struct client *client = dial(*state);

	say(*state, client,
	    S("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	assert_string_equal(heard(client), "HTTP/1.1 100 Continue\r\n\r\n");
	say(*state, client, S("ab"));
	assert_string_equal(heard(client), OK_JSON "Content-Length: 4\r\n\r\n[ab]");
	/* It did not wait, so there is nothing to say. */
	say(*state, client,
	    S("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"));
	assert_string_equal(heard(client), OK_JSON "Content-Length: 4\r\n\r\n[ab]");
	/* A refusal instead: it may send the body or not, so nothing can follow. */
	say(*state, client,
	    S("POST /refused HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
	      "2\r\n\r\n"));
	assert_non_null(strstr(heard(client), "Connection: close"));
	assert_true(client->ended);
}

static void too_large_a_body_is_413(void **state)
{
	static const char *const requests[] = {
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999999\r\n\r\n",
		("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
		 "Content-Length: 65537\r\n\r\n"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct client *client = dial(*state);

		say(*state, client, str_z(requests[i]));
		assert_non_null(strstr(heard(client), "HTTP/1.1 413 Content Too Large\r\n"));
		assert_true(client->ended);
		hang_up(*state, client);
	}
}

static void a_small_unread_body_does_not_end_the_connection(void **state)
{
	struct client *client = dial(*state);

	say(*state, client, S("POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab"));
	assert_non_null(strstr(heard(client), "401 Unauthorized"));
	say(*state, client, S("cd" GET("/")));
	assert_string_equal(heard(client), EMPTY);
	say(*state, client,
	    S("POST /refused HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
	assert_non_null(strstr(heard(client), "401 Unauthorized"));
	say(*state, client, S("2\r\nab\r\n0\r\n\r\n" GET("/")));
	assert_string_equal(heard(client), EMPTY);
	say(*state, client,
	    S("POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 400000\r\n\r\nab"));
	assert_non_null(strstr(heard(client), "Connection: close"));
	assert_true(client->ended);
}

static void an_endless_unread_body_ends_the_connection(void **state)
{
	struct client *client = dial(*state);

	say(*state, client,
	    S("POST /refused HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
	assert_non_null(strstr(heard(client), "401"));
	say(*state, client, S("fffff\r\n"));
	assert_true(client->ended);
}

static void a_parked_request_goes_on_or_is_answered(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);
	static const char post[] =
		"POST /parked HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";

	say(w, client, str_z(post));
	assert_int_equal(w->kept_count, 1);
	http_request_continue(w->core, w->kept[0]);
	hear(w, client);
	assert_string_equal(heard(client), OK_JSON "Content-Length: 5\r\n\r\n[abc]");
	say(w, client, str_z(post));
	http_respond_json(w->core, w->kept[1], 403, S("{}"));
	hear(w, client);
	assert_non_null(strstr(heard(client), "403 Forbidden"));
	say(w, client, S(GET("/")));
	assert_string_equal(heard(client), EMPTY);
}

static void requests_outlive_their_connections(void **state)
{
	struct world *w = *state;
	static const char *const paths[] = { "/later", "/parked", "/parked", "/later", "/later" };

	w->file_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct client *client = dial(w);
		char request[100];

		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", paths[i]);
		say(w, client, str_z(request));
		sock_pair_reset(client->sock);
		hang_up(w, client);
		assert_true(http_request_gone(w->kept[i]));
		assert_true(str_eq(http_header(w->kept[i], S("host")), S("h")));
	}
	http_respond_json(w->core, w->kept[0], 200, S("nobody hears"));
	http_request_continue(w->core, w->kept[1]);
	http_request_drop(w->core, w->kept[2]);
	http_respond(
		w->core, w->kept[3],
		&(struct http_response){
			.status = 200, .has_file = true, .fd = dup(w->file_fd), .file_size = 9 });
	http_respond(w->core, w->kept[4],
		     &(struct http_response){ .status = 200, .bytes = bytes_from(S("x")) });
}

struct errand {
	struct msg msg;
	struct world *w;
	struct http_request *request;
};

static void errand_back(struct core *core, struct msg *msg)
{
	struct errand *errand = container_of(msg, struct errand, msg);

	http_respond_json(core, errand->request, 200, buf_str(&errand->request->out));
	free(errand);
}

static void errand_out(struct core *core, struct msg *msg)
{
	struct errand *errand = container_of(msg, struct errand, msg);

	buf_printf(&errand->request->out, "\"core %u\"", core_index(core));
	msg->run = errand_back;
	core_post(errand->request->core, msg);
}

static void a_request_may_visit_another_core(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);
	struct errand *errand = mem_zalloc(sizeof(*errand));

	say(w, client, S(GET("/later")));
	*errand = (struct errand){ .msg.run = errand_out, .w = w, .request = w->kept[0] };
	core_post(w->cores->core[1], &errand->msg);
	hear(w, client);
	assert_string_equal(heard(client), OK_JSON "Content-Length: 8\r\n\r\n\"core 1\"");
}

/* -- forms -- */

#define UPLOAD_HEAD(length)                                                       \
	"POST /upload HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; " \
	"boundary=b\r\nContent-Length: " length "\r\n\r\n"
#define UPLOAD_A "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
#define UPLOAD_F \
	"--b\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\n0123456789\r\n--b--"

static void files_stream_into_the_sink(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);

	say(w, client, S(UPLOAD_HEAD("126") UPLOAD_A));
	say(w, client, S(UPLOAD_F));
	assert_string_equal(heard(client), OK_JSON "Content-Length: 16\r\n\r\n[]a=1(1);f=(10);");
	assert_true(str_eq(buf_str(&w->file), S("0123456789")));
	assert_int_equal(w->dropped, 1);
}

static void a_sink_that_is_full_stops_the_reading(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);

	w->sink_result = EAGAIN;
	say(w, client,
	    S(UPLOAD_HEAD(
		    "100000") "--b\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\n"));
	size_t sent = 0, before = 0;
	char x[1000];
	memset(x, 'x', sizeof(x));
	for (ssize_t n = 1; n > 0; turn(w, 3)) {
		n = sock_send(client->sock, x, sizeof(x));
		sent += n > 0 ? (size_t)n : 0;
		assert_true(sent < 100000);
	}
	/* It is not the peer who is slow: no timeout. */
	pass(w, 60000);
	assert_false(client->ended);
	assert_int_equal(http_server_stats(w->server)->timeouts, 0);
	before = w->file.len;
	assert_true(before < sent);
	http_request_continue(w->core, w->uploading);
	turn(w, 5);
	assert_true(w->file.len > before);
	w->sink_result = 0;
	http_request_continue(w->core, w->uploading);
	turn(w, 5);
	assert_int_equal(w->file.len, sent);
	sock_pair_reset(client->sock);
	hang_up(w, client);
	http_server_free(TAKE(w->server));
	assert_int_equal(w->dropped, 1);
}

static void a_bad_form_is_refused(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);

	say(w, client, S(UPLOAD_HEAD("10") "--b\r\nrubbis"));
	assert_non_null(strstr(heard(client), "400 Bad Request"));
	hang_up(w, client);
	client = dial(w);
	w->sink_result = -EIO;
	say(w, client, S(UPLOAD_HEAD("126") UPLOAD_A UPLOAD_F));
	assert_non_null(strstr(heard(client), "500 Internal Server Error"));
	assert_int_equal(w->dropped, 1);
	hang_up(w, client);
	client = dial(w);
	w->sink_result = 507;
	say(w, client, S(UPLOAD_HEAD("126") UPLOAD_A UPLOAD_F));
	assert_non_null(strstr(heard(client), "507 Insufficient Storage"));
}

/* -- files and ranges -- */

static void files_are_sent_whole_in_part_or_not_at_all(void **state)
{
	static const struct {
		const char *fields;
		const char *contains[3];
		const char *body;
	} cases[] = {
		{ "",
		  { "200 OK", "Content-Length: 10\r\n",
		    "ETag: \"v1\"\r\nLast-Modified: Sun, 06 Nov 1994" },
		  "0123456789" },
		{ "Range: bytes=2-4\r\n",
		  { "206 Partial Content", "Content-Range: bytes 2-4/10\r\n",
		    "Content-Length: 3\r\n" },
		  "234" },
		{ "Range: bytes=-2\r\n", { "206", "bytes 8-9/10", "" }, "89" },
		{ "Range: bytes=20-\r\n",
		  { "416 Range Not Satisfiable", "Content-Range: bytes */10\r\n",
		    "Content-Length: 0\r\n" },
		  "" },
		{ "Range: bytes=1-2,4-5\r\n", { "200", "", "" }, "0123456789" },
		{ "Range: bytes=2-4\r\nIf-Range: \"v1\"\r\n", { "206", "", "" }, "234" },
		{ "Range: bytes=2-4\r\nIf-Range: \"v2\"\r\n", { "200", "", "" }, "0123456789" },
		{ "Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
		  { "206", "", "" },
		  "234" },
		{ "If-None-Match: \"v1\"\r\n", { "304 Not Modified", "ETag: \"v1\"", "" }, "" },
		{ "If-None-Match: \"v2\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
		  { "200", "", "" },
		  "0123456789" },
		{ "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", { "304", "", "" }, "" },
		{ "If-Modified-Since: Mon, 07 Nov 1994 08:49:37 GMT\r\n",
		  { "200", "", "" },
		  "0123456789" },
	};
	struct world *w = *state;
	struct client *client = dial(w);
	FILE *file = tmpfile();
	char request[300];

	assert_non_null(file);
	fputs("0123456789", file);
	fflush(file);
	w->file_fd = dup(fileno(file));
	w->file_size = 10;
	fclose(file);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(request, sizeof(request), "GET /file HTTP/1.1\r\nHost: h\r\n%s\r\n",
			 cases[i].fields);
		say(w, client, str_z(request));
		const char *answer = heard(client), *body = strstr(answer, "\r\n\r\n");
		for (size_t k = 0; k < 3; k++)
			if (cases[i].contains[k] && !strstr(answer, cases[i].contains[k]))
				fail_msg("%s gives %s", cases[i].fields, answer);
		assert_non_null(body);
		assert_string_equal(body + 4, cases[i].body);
	}
	say(w, client, S("HEAD /file HTTP/1.1\r\nHost: h\r\n\r\n"));
	assert_non_null(strstr(heard(client), "Content-Length: 10\r\n"));
	say(w, client, S("GET /bytes HTTP/1.1\r\nHost: h\r\nRange: bytes=1-2\r\n\r\n"));
	assert_non_null(strstr(heard(client), "\r\n\r\nha"));
	/* Shorter than promised: the answer cannot be completed, so the connection breaks. */
	w->file_size = 11;
	say(w, client, S(GET("/file")));
	assert_true(client->ended);
}

static void a_big_file_comes_through_a_narrow_pipe(void **state)
{
	struct world *w = *state;
	FILE *file = tmpfile();

	assert_non_null(file);
	for (int i = 0; i < 100000; i++)
		fprintf(file, "%07d\n", i);
	fflush(file);
	w->file_fd = dup(fileno(file));
	w->file_size = 800000;
	fclose(file);
	w->capacity = 3000;
	struct client *client = dial(w);
	say(w, client, S(GET("/file")));
	for (int i = 0; i < 10000 && client->heard.len < 800000; i++)
		hear(w, client);
	assert_true(client->heard.len > 800000);
	assert_memory_equal(client->heard.ptr + client->heard.len - 800000, "0000000\n0000001\n",
			    16);
	assert_memory_equal(client->heard.ptr + client->heard.len - 8, "0099999\n", 8);
	assert_false(client->ended);
}

static void idle_work(struct job *job)
{
	(void)job;
}

static void idle_done(struct core *core, struct job *job)
{
	(void)core, (void)job;
}

static void a_file_that_is_not_in_memory_is_read_off_the_loop(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);
	char text[4096];
	struct job jobs[8];

	/* A file of proc cannot be read with RWF_NOWAIT. */
	w->file_fd = open("/proc/version", O_RDONLY | O_CLOEXEC);
	ssize_t size = pread(w->file_fd, text, sizeof(text), 0);
	assert_in_range(size, 1, sizeof(text));
	w->file_size = (uint64_t)size;
	say(w, client, S(GET("/file")));
	const char *answer = heard(client);
	assert_memory_equal(strstr(answer, "\r\n\r\n") + 4, text, size);
	assert_int_equal(core_stats(w->core)->offloads, 1);
	/* The pool is full at first. */
	int waiting = 0;
	while (waiting < 8) {
		jobs[waiting] = (struct job){ .work = idle_work, .done = idle_done };
		if (core_offload(w->core, &jobs[waiting]))
			break;
		waiting++;
	}
	assert_true(waiting < 8);
	struct str get = S(GET("/file"));
	assert_int_equal(sock_send(client->sock, get.ptr, get.len), get.len);
	turn(w, 4);
	pass(w, 100);
	hear(w, client);
	answer = heard(client);
	assert_memory_equal(strstr(answer, "\r\n\r\n") + 4, text, size);
	/* The peer goes while it is being read. */
	assert_int_equal(sock_send(client->sock, get.ptr, get.len), get.len);
	core_turn(w->core, 0);
	sock_pair_reset(client->sock);
	hang_up(w, client);
}

/* -- upgrades -- */

#define WS(path, version)                                                                          \
	"GET " path                                                                                \
	" HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " \
	"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: " version "\r\n\r\n"
#define SWITCHED                                                                                 \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DATE \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

static void an_upgrade_hands_the_connection_over(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);
	char text[8];

	say(w, client, S(GET("/") WS("/", "13") "frames"));
	assert_string_equal(heard(client), EMPTY SWITCHED);
	assert_non_null(w->upgraded);
	assert_true(str_eq(buf_str(&w->in), S("frames")));
	assert_int_equal(w->out.len, 0);
	assert_null(sock_owner(w->upgraded));
	say(w, client, S("more"));
	assert_int_equal(sock_recv(w->upgraded, text, sizeof(text)), 4);
	pass(w, 200000); /* no timer of ours is left on it */
	assert_int_equal(sock_send(w->upgraded, "x", 1), 1);
	hear(w, client);
	assert_string_equal(heard(client), "x");
}

static void an_upgrade_through_a_narrow_pipe_loses_nothing(void **state)
{
	struct world *w = *state;

	w->capacity = 50;
	struct client *client = dial(w);
	struct str text = S(WS("/", "13"));
	while (text.len) {
		ssize_t n = sock_send(client->sock, text.ptr, text.len);
		text = str_skip(text, n > 0 ? (size_t)n : 0);
		turn(w, 2);
	}
	hear(w, client);
	assert_non_null(w->upgraded);
	assert_true(w->out.len > 0);
	while (w->out.len) {
		ssize_t n = sock_send(w->upgraded, w->out.ptr, w->out.len);
		if (n > 0)
			buf_consume(&w->out, (size_t)n);
		hear(w, client);
	}
	assert_string_equal(heard(client), SWITCHED);
}

static void bad_upgrades_are_refused(void **state)
{
	static const struct {
		const char *request, *contains;
	} cases[] = {
		{ WS("/", "8"), "426 Upgrade Required" },
		{ WS("/", "8"), "Sec-WebSocket-Version: 13\r\n" },
		{ "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", "400 Bad Request" },
		{ "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Version: 13\r\n\r\n",
		  "400 Bad Request" },
		{ WS("/no", "13"), "403 Forbidden" },
		{ "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade, "
		  "HTTP2-Settings\r\nHTTP2-Settings: AA\r\n\r\n",
		  EMPTY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct client *client = dial(*state);

		say(*state, client, str_z(cases[i].request));
		const char *answer = heard(client);
		if (!strstr(answer, cases[i].contains))
			fail_msg("%s gives %s", cases[i].request, answer);
		hang_up(*state, client);
	}
}

static void an_upgrade_of_a_peer_that_has_gone_says_so(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);
	struct sock *sock;
	struct buf in, out;

	say(w, client, S(WS("/later", "13")));
	sock_pair_reset(client->sock);
	hang_up(w, client);
	assert_int_equal(http_upgrade(w->core, w->kept[0], &sock, &in, &out), ECONNRESET);
}

/* -- time -- */

static void an_idle_connection_is_closed_after_a_while(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);

	for (int i = 0; i < 5; i++) {
		say(w, client, S(GET("/")));
		assert_non_null(strstr(heard(client), "200 OK"));
		pass(w, 74000); /* each request begins it anew */
		hear(w, client);
		assert_false(client->ended);
	}
	pass(w, 2000);
	hear(w, client);
	assert_true(client->ended);
	assert_string_equal(heard(client), "");
}

static void a_head_has_its_time_however_it_trickles(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);
	static const char head[] = "GET / HTTP/1.1\r\nHost: h\r\n";

	for (size_t i = 0; i < 20 && !client->ended; i++) {
		say(w, client, (struct str){ head + i, 1 });
		pass(w, 1000);
	}
	hear(w, client);
	assert_true(client->ended);
	assert_non_null(strstr(heard(client), "408 Request Timeout"));
	/* Who says nothing at all is told nothing. */
	hang_up(w, client);
	client = dial(w);
	pass(w, 14000);
	hear(w, client);
	assert_false(client->ended);
	pass(w, 2000);
	hear(w, client);
	assert_true(client->ended);
	assert_string_equal(heard(client), "");
	assert_int_equal(http_server_stats(w->server)->timeouts, 2);
}

static void a_slow_body_is_given_up(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);
	char x[600];
	int seconds;

	memset(x, 'x', sizeof(x));
	say(w, client, S("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n"));
	for (seconds = 0; seconds < 40; seconds++) { /* fast enough */
		say(w, client, (struct str){ x, 600 });
		pass(w, 1000);
	}
	assert_false(client->ended);
	for (seconds = 0; seconds < 40 && !client->ended; seconds++) { /* too slow */
		say(w, client, (struct str){ x, 100 });
		pass(w, 1000);
		hear(w, client);
	}
	assert_in_range(seconds, 10, 20);
	assert_non_null(strstr(heard(client), "408 Request Timeout"));
}

static void a_reader_that_does_not_read_is_cut_off(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);
	struct str get = S(GET("/big"));
	int seconds;

	assert_int_equal(sock_send(client->sock, get.ptr, get.len), get.len);
	turn(w, 5);
	for (seconds = 0; seconds < 60 && !http_server_stats(w->server)->timeouts; seconds++)
		pass(w, 1000);
	assert_in_range(seconds, 20, 41);
	hear(w, client);
	assert_true(client->ended);
	assert_true(client->heard.len < 1 << 20);
}

static void a_slow_handler_is_waited_for(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);

	say(w, client, S(GET("/later")));
	pass(w, 300000);
	http_respond_json(w->core, w->kept[0], 200, S("1"));
	hear(w, client);
	assert_non_null(strstr(heard(client), "\r\n\r\n1"));
}

/* -- the rest -- */

static void draining_lets_answers_out_and_closes_the_rest(void **state)
{
	struct world *w = *state;
	struct client *idle = dial(w), *busy = dial(w);

	say(w, idle, S(GET("/")));
	say(w, busy, S(GET("/later") GET("/")));
	heard(idle);
	http_server_drain(w->server);
	hear(w, idle);
	assert_true(idle->ended);
	assert_false(busy->ended);
	http_respond_json(w->core, w->kept[0], 200, S("1"));
	hear(w, busy);
	assert_non_null(strstr(heard(busy), "Connection: close\r\n"));
	assert_true(busy->ended);
	struct client *late = dial(w);
	say(w, late, S(GET("/")));
	assert_non_null(strstr(heard(late), "Connection: close\r\n"));
}

static void a_server_may_be_freed_while_handlers_have_requests(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);

	say(w, client, S(GET("/later")));
	http_server_free(TAKE(w->server));
	assert_true(http_request_gone(w->kept[0]));
	http_respond_json(w->core, w->kept[0], 200, S("1"));
}

static struct str my_body(int status)
{
	return status == 413 ? S("{\"code\":40005}") : (struct str){};
}

static void errors_can_have_another_body_and_fields(void **state)
{
	static const struct http_header cors = { { "Access-Control-Allow-Origin", 27 },
						 { "*", 1 } };
	struct world *w = *state;

	w->config.error_body = my_body;
	w->config.error_headers = &cors;
	w->config.error_header_count = 1;
	struct client *client = dial(w);
	say(w, client, S("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\n"));
	const char *answer = heard(client);
	assert_non_null(strstr(answer, "\r\nAccess-Control-Allow-Origin: *\r\n"));
	assert_non_null(strstr(answer, "\r\n\r\n{\"code\":40005}"));
	hang_up(w, client);
	client = dial(w);
	say(w, client, S("rubbish\r\n"));
	assert_non_null(strstr(heard(client), "400: Bad Request"));
}

static void a_trusted_proxy_says_who_asks(void **state)
{
	struct world *w = *state;
	struct cidr loopback;

	assert_true(cidr_parse(S("127.0.0.0/8"), &loopback));
	w->config.trusted = &loopback;
	w->config.trusted_count = 1;
	struct client *client = dial(w);
	say(w, client,
	    S("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.8.7.6\r\nX-Forwarded-Proto: "
	      "https\r\n\r\n"));
	assert_non_null(strstr(heard(client), "[ secure 9.8.7.6]"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_has_exactly_these_bytes),
		TEST(controls_in_header_values_do_not_get_out),
		TEST(connections_end_when_they_should),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(what_waits_behind_a_slow_answer_is_bounded),
		TEST(a_peer_that_only_ended_its_direction_gets_its_answers),
		TEST(torn_reads_and_writes_change_nothing),
		TEST(a_body_is_asked_for_when_the_client_waits),
		TEST(too_large_a_body_is_413),
		TEST(a_small_unread_body_does_not_end_the_connection),
		TEST(an_endless_unread_body_ends_the_connection),
		TEST(a_parked_request_goes_on_or_is_answered),
		TEST(requests_outlive_their_connections),
		TEST(a_request_may_visit_another_core),
		TEST(files_stream_into_the_sink),
		TEST(a_sink_that_is_full_stops_the_reading),
		TEST(a_bad_form_is_refused),
		TEST(files_are_sent_whole_in_part_or_not_at_all),
		TEST(a_big_file_comes_through_a_narrow_pipe),
		TEST(a_file_that_is_not_in_memory_is_read_off_the_loop),
		TEST(an_upgrade_hands_the_connection_over),
		TEST(an_upgrade_through_a_narrow_pipe_loses_nothing),
		TEST(bad_upgrades_are_refused),
		TEST(an_upgrade_of_a_peer_that_has_gone_says_so),
		TEST(an_idle_connection_is_closed_after_a_while),
		TEST(a_head_has_its_time_however_it_trickles),
		TEST(a_slow_body_is_given_up),
		TEST(a_reader_that_does_not_read_is_cut_off),
		TEST(a_slow_handler_is_waited_for),
		TEST(draining_lets_answers_out_and_closes_the_rest),
		TEST(a_server_may_be_freed_while_handlers_have_requests),
		TEST(errors_can_have_another_body_and_fields),
		TEST(a_trusted_proxy_says_who_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
