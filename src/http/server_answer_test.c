/* Files, ranges, upgrades, draining, errors. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "http/server_world.h"

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
	char request[300];

	w->file_fd = memfd_create("file", MFD_CLOEXEC);
	w->file_size = 10;
	assert_int_equal(write(w->file_fd, "0123456789", 10), 10);
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

	w->file_fd = memfd_create("file", MFD_CLOEXEC);
	w->file_size = 800000;
	for (int i = 0; i < 100000; i++)
		assert_int_equal(dprintf(w->file_fd, "%07d\n", i), 8);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_are_sent_whole_in_part_or_not_at_all),
		TEST(a_big_file_comes_through_a_narrow_pipe),
		TEST(a_file_that_is_not_in_memory_is_read_off_the_loop),
		TEST(an_upgrade_hands_the_connection_over),
		TEST(an_upgrade_through_a_narrow_pipe_loses_nothing),
		TEST(bad_upgrades_are_refused),
		TEST(an_upgrade_of_a_peer_that_has_gone_says_so),
		TEST(draining_lets_answers_out_and_closes_the_rest),
		TEST(a_server_may_be_freed_while_handlers_have_requests),
		TEST(errors_can_have_another_body_and_fields),
		TEST(a_trusted_proxy_says_who_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
