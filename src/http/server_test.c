/* Connections: answers and their order, bodies, uploads, and peers that are slow, rude or gone. */
#include <fcntl.h>
#include <stdio.h>

#include "http/server_world.h"

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
		{ "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", true, "Allow: GET, HEAD" },
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
	    S("POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 40000000\r\n\r\nab"));
	assert_non_null(strstr(heard(client), "Connection: close"));
	assert_true(client->ended);
}

static void an_endless_unread_body_ends_the_connection(void **state)
{
	struct client *client = dial(*state);

	say(*state, client,
	    S("POST /refused HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
	assert_non_null(strstr(heard(client), "401"));
	say(*state, client, S("fffffff\r\n"));
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

static void a_whole_body_streams_into_the_sink(void **state)
{
	struct world *w = *state;
	struct client *client = dial(w);

	say(w, client, S("PUT /put HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234"));
	say(w, client, S("56789"));
	assert_string_equal(heard(client), OK_JSON "Content-Length: 2\r\n\r\n[]");
	assert_true(str_eq(buf_str(&w->file), S("0123456789")));
	assert_int_equal(w->ended, 1);
	assert_int_equal(w->dropped, 1);
	/* Of a form too, as it is; and the end may take its time. */
	w->end_result = EAGAIN;
	say(w, client,
	    S("PUT /put HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\n"
	      "Content-Length: 5\r\n\r\nabcde"));
	assert_string_equal(heard(client), "");
	http_request_continue(w->core, w->uploading);
	hear(w, client);
	assert_string_equal(heard(client), OK_JSON "Content-Length: 2\r\n\r\n[]");
	assert_int_equal(w->ended, 2);
	assert_int_equal(w->dropped, 2);
	w->sink_result = 507;
	say(w, client, S("PUT /put HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"));
	assert_non_null(strstr(heard(client), "507 Insufficient Storage"));
	assert_int_equal(w->dropped, 3);
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

static void of_answers_that_wait_too_long_the_longest_go(void **state)
{
	struct world *w = *state;
	struct str get = S(GET("/big"));
	struct client *clients[3];

	/* A big one is a megabyte: two have room, and the third ends the first. */
	w->config.held_max = 2 << 20;
	for (int i = 0; i < 3; i++) {
		clients[i] = dial(w);
		assert_int_equal(sock_send(clients[i]->sock, get.ptr, get.len), get.len);
		turn(w, 5);
		assert_int_equal(http_server_stats(w->server)->cut, i / 2);
	}
	for (int i = 0; i < 3; i++) {
		hear(w, clients[i]);
		assert_int_equal(clients[i]->ended, i == 0);
		assert_int_equal(clients[i]->heard.len > 1 << 20, i > 0);
	}
	/* What was taken after all counts no more. */
	for (int i = 0; i < 20; i++) {
		say(w, clients[1], get);
		buf_clear(&clients[1]->heard);
	}
	assert_int_equal(http_server_stats(w->server)->cut, 1);
}

static void a_coded_body_is_415(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		struct client *client = dial(w);

		say(w, client,
		    i ? S("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: "
			  "2\r\nContent-Encoding: Identity\r\n\r\n{}")
		      : S("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: "
			  "9000\r\nContent-Encoding: gzip\r\n\r\n"));
		assert_non_null(
			strstr(heard(client), i ? " 200 OK" : " 415 Unsupported Media Type"));
	}
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
		TEST(a_whole_body_streams_into_the_sink),
		TEST(a_bad_form_is_refused),
		TEST(an_idle_connection_is_closed_after_a_while),
		TEST(a_head_has_its_time_however_it_trickles),
		TEST(a_slow_body_is_given_up),
		TEST(a_reader_that_does_not_read_is_cut_off),
		TEST(of_answers_that_wait_too_long_the_longest_go),
		TEST(a_coded_body_is_415),
		TEST(a_slow_handler_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
