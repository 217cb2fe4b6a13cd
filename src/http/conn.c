/* One connection: reads, feeds the parsers, hands requests out, and goes on when the answer has
 * been sent. All of it happens in http_conn_run(), which every event, timer and answer leads to;
 * callbacks that answer at once only change the state, and the loop that called them goes on. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/internal.h"
#include "http/upgrade.h"

enum { READS_PER_RUN = 4, HEAD_READ = 16 << 10 };

void http_stat(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer, so no locked instruction is needed. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* -- requests -- */

void http_request_free(struct http_request *request)
{
	if (!request)
		return;
	if (request->file)
		request->sink->drop(request->sink_owner, request->file);
	form_done(&request->form);
	buf_done(&request->out);
	buf_done(&request->body_buf);
	arena_done(&request->arena);
	free(request);
}

static struct http_request *request_new(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	struct http_parser *parser = &conn->parser;
	struct http_request *request = mem_zalloc(sizeof(*request));

	arena_init(&request->arena);
	buf_init(&request->out, UINT32_MAX);
	request->core = server->core;
	request->conn = conn;
	request->at_us = core_now_us(server->core);
	request->body_max = server->config.body_max;
	request->body = S("");
	char *head = arena_dup(&request->arena, conn->data.ptr, parser->at);
	http_parser_head(parser, head,
			 arena_array(&request->arena, struct http_header, parser->count),
			 &request->head);
	request->content_type = http_header(request, S("content-type"));
	http_peer(&server->config, conn->sock, request);
	return request;
}

/* The request is the handler's from here on. */
static void hand_over(struct http_conn *conn,
		      void (*to)(struct core *core, struct http_request *request))
{
	conn->state = HTTP_STATE_USER;
	conn->lent = true;
	to(conn->server->core, conn->request);
}

/* -- the head -- */

static void begin_body(struct http_conn *conn);

/* Nobody here undoes a coding, and what it holds taken as it is would only be rubbish. */
static bool is_coded(const struct http_head *head)
{
	for (uint32_t i = 0; i < head->header_count; i++) {
		const struct http_header *header = &head->headers[i];

		if (str_ieq(header->name, S("content-encoding")) && header->value.len &&
		    !str_ieq(header->value, S("identity")))
			return true;
	}
	return false;
}

static void on_head(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	const struct http_server_config *config = &server->config;
	struct str key;

	struct http_request *request = conn->request = request_new(conn);
	conn->data = str_skip(conn->data, conn->parser.at);
	conn->first = false;
	conn->close = !request->head.keep_alive || server->draining;
	conn->expects = request->head.expect;
	http_body_init(&conn->framing, &request->head, UINT64_MAX);
	http_stat(&server->stats.requests, 1);
	int upgrades = http_upgrade_check(&request->head, &key);
	if (upgrades == 101 && config->on_upgrade) {
		hand_over(conn, config->on_upgrade);
		return;
	}
	if (upgrades) {
		http_conn_error(conn, upgrades == 101 ? 400 : upgrades);
		return;
	}
	if (!http_body_done(&conn->framing) && is_coded(&request->head)) {
		http_conn_error(conn, 415);
		return;
	}
	conn->state = HTTP_STATE_PARKED;
	conn->lent = true;
	enum http_verdict verdict = config->on_headers ? config->on_headers(server->core, request)
						       : HTTP_READ;
	/* It may have answered, or even gone on, from inside the call. */
	if (verdict == HTTP_READ && conn->state == HTTP_STATE_PARKED)
		begin_body(conn);
}

/* False: no more can be done with what is there. */
static bool run_head(struct http_conn *conn)
{
	if (!conn->data.len)
		return false;
	int r = http_parser_run(&conn->parser, conn->data);
	if (r == HTTP_MORE)
		return false;
	if (r == HTTP_DONE)
		on_head(conn);
	else
		http_conn_error(conn, r);
	return true;
}

/* -- the body -- */

void http_request_continue(struct core *core, struct http_request *request)
{
	struct http_conn *conn = request->conn;

	(void)core;
	if (!conn) {
		http_request_free(request);
		return;
	}
	if (conn->state == HTTP_STATE_PARKED)
		begin_body(conn);
	request->form.paused = false;
	http_conn_run(conn);
}

static void begin_body(struct http_conn *conn)
{
	struct http_request *request = conn->request;
	struct str boundary;

	conn->state = HTTP_STATE_BODY;
	conn->lent = false;
	conn->framing.max = request->body_max;
	conn->window = 0;
	if (http_body_done(&conn->framing))
		return;
	if (conn->framing.total > request->body_max) {
		http_conn_error(conn, 413);
		return;
	}
	if (request->no_form && request->sink) {
		int r = request->sink->open(request->sink_owner, NULL, &request->file);

		if (r) {
			http_conn_error(conn, r > 0 ? r : 500);
			return;
		}
	} else if (!request->no_form && multipart_boundary(request->content_type, &boundary)) {
		request->has_form = true;
		form_init(&request->form, &request->arena, boundary, &request->form_limits,
			  request->sink, request->sink_owner);
	} else {
		buf_init(&request->body_buf, SIZE_MAX);
	}
	if (conn->expects && !conn->data.len)
		buf_put_str(&conn->out, S("HTTP/1.1 100 Continue\r\n\r\n"));
	conn->expects = false;
}

/* EAGAIN of a sink is no error. */
static int sunk(struct http_request *request, int r)
{
	if (r != EAGAIN)
		return r;
	request->form.paused = true;
	return 0;
}

static void body_complete(struct http_conn *conn)
{
	struct http_request *request = conn->request;
	int r = 0;

	if (request->file && !request->file_ended) {
		request->file_ended = true;
		r = sunk(request, request->sink->end(request->sink_owner, request->file));
		if (!r && request->form.paused)
			return; /* http_request_continue() leads here again */
	} else if (request->has_form) {
		r = form_finish(&request->form);
	} else if (request->body_buf.len) {
		request->body = buf_str(&request->body_buf);
		if (!request->no_form && form_is_urlencoded(request->content_type)) {
			request->has_form = true;
			r = form_parse_urlencoded(&request->form, &request->arena, request->body);
			request->body = S("");
		}
	}
	if (r)
		http_conn_error(conn, r > 0 ? r : 500);
	else
		hand_over(conn, conn->server->config.on_request);
}

static int take_piece(struct http_request *request, struct str piece)
{
	if (request->has_form)
		return form_feed(&request->form, piece);
	if (request->file)
		return sunk(request,
			    request->sink->write(request->sink_owner, request->file, piece));
	buf_put_str(&request->body_buf, piece);
	return 0;
}

static bool run_body(struct http_conn *conn)
{
	struct http_request *request = conn->request;
	struct str piece;
	size_t before = conn->data.len;
	int r = HTTP_DONE;

	if (request->form.paused)
		return false;
	while (!request->form.paused &&
	       (r = http_body_next(&conn->framing, &conn->data, &piece)) == HTTP_PIECE) {
		r = take_piece(request, piece);
		if (r)
			break;
	}
	conn->window += before - conn->data.len;
	if (r == HTTP_MORE || request->form.paused)
		return false;
	if (r < 0)
		log_warn("taking a body in failed, answered 500 r=%d", r);
	if (r)
		http_conn_error(conn, r > 0 ? r : 500);
	else
		body_complete(conn);
	return true;
}

/* -- after the answer -- */

static void arm(struct http_conn *conn, enum http_wait wait);

static void next_request(struct http_conn *conn)
{
	arm(conn, HTTP_WAIT_NONE); /* each request has its own time */
	http_parser_init(&conn->parser);
	conn->state = HTTP_STATE_HEAD;
}

static void answered(struct http_conn *conn)
{
	http_conn_drop_answer(conn);
	http_request_free(TAKE(conn->request));
	bool unread = !http_body_done(&conn->framing);
	if (conn->close || (conn->eof && !conn->data.len)) {
		conn->finish = !conn->eof;
		conn->state = HTTP_STATE_DEAD;
	} else if (unread) {
		conn->state = HTTP_STATE_DRAIN;
		conn->framing.max = conn->framing.total + HTTP_DRAIN_MAX;
	} else {
		next_request(conn);
	}
}

static bool run_drain(struct http_conn *conn)
{
	struct str piece;
	int r;

	while ((r = http_body_next(&conn->framing, &conn->data, &piece)) == HTTP_PIECE)
		;
	if (r == HTTP_MORE)
		return false;
	if (r == HTTP_DONE) {
		next_request(conn);
	} else {
		conn->finish = true;
		conn->state = HTTP_STATE_DEAD;
	}
	return true;
}

static bool run_send(struct http_conn *conn)
{
	int r = conn->blocked ? -EAGAIN : http_conn_flush(conn);

	if (r == -EAGAIN) {
		http_conn_stall(conn);
		return false;
	}
	if (r)
		conn->state = HTTP_STATE_DEAD;
	else if (conn->state == HTTP_STATE_SEND)
		answered(conn);
	return true;
}

/* One step; false when nothing more can be done with what has been read. */
static bool step(struct http_conn *conn)
{
	switch ((enum http_state)conn->state) {
	case HTTP_STATE_HEAD: return run_head(conn);
	case HTTP_STATE_BODY: return run_body(conn);
	case HTTP_STATE_SEND: return run_send(conn);
	case HTTP_STATE_DRAIN: return run_drain(conn);
	case HTTP_STATE_PARKED:
	case HTTP_STATE_USER:
	case HTTP_STATE_DEAD: break;
	}
	return false;
}

/* -- reading -- */

static bool wants_input(const struct http_conn *conn)
{
	switch ((enum http_state)conn->state) {
	case HTTP_STATE_HEAD:
	case HTTP_STATE_DRAIN: return true;
	case HTTP_STATE_BODY: return !conn->request->form.paused;
	case HTTP_STATE_PARKED:
	case HTTP_STATE_USER:
	case HTTP_STATE_SEND:
		/* So that the end of a peer is noticed, and the watch need not be moved for each
		 * request. */
		return conn->data.len < HTTP_AHEAD_MAX;
	case HTTP_STATE_DEAD: break;
	}
	return false;
}

static bool in_scratch(const struct http_conn *conn)
{
	const char *scratch = conn->server->scratch;

	return conn->data.len && conn->data.ptr >= scratch &&
		conn->data.ptr < scratch + HTTP_SCRATCH;
}

/* What is left of the input goes where it may stay. */
static void stash(struct http_conn *conn)
{
	if (in_scratch(conn)) {
		buf_clear(&conn->in);
		buf_put_str(&conn->in, conn->data);
	} else {
		buf_consume(&conn->in, conn->in.len - conn->data.len);
	}
	if (!conn->in.len)
		buf_done(&conn->in);
	conn->data = buf_str(&conn->in);
}

static ssize_t receive(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	bool scratch_free = !server->scratch_user || server->scratch_user == conn;
	ssize_t n;

	if (!conn->data.len && scratch_free) {
		n = sock_recv(conn->sock, server->scratch, HTTP_SCRATCH);
		if (n > 0) {
			server->scratch_user = conn;
			conn->data = (struct str){ server->scratch, (size_t)n };
		}
		return n;
	}
	stash(conn);
	if (scratch_free) {
		/* By way of the scratch too, or each half a head would hold room for a whole one. */
		n = sock_recv(conn->sock, server->scratch, HEAD_READ);
		if (n > 0)
			buf_put(&conn->in, server->scratch, (size_t)n);
	} else {
		char *dst = buf_reserve(&conn->in, HEAD_READ);
		if (!dst)
			return -EAGAIN; /* cannot be: wants_input() and the parser's limits keep it small */
		n = sock_recv(conn->sock, dst, HEAD_READ);
		conn->in.len += n > 0 ? (size_t)n : 0;
	}
	conn->data = buf_str(&conn->in);
	return n;
}

/* True when something came. A peer may end its direction and still wait for the answer. */
static bool read_more(struct http_conn *conn)
{
	ssize_t n = receive(conn);

	conn->readable = n > 0;
	if (n > 0) {
		http_stat(&conn->server->stats.bytes_in, (uint64_t)n);
		return true;
	}
	if (n == -EAGAIN)
		return false;
	conn->eof = true;
	if (n < 0)
		conn->state = HTTP_STATE_DEAD;
	return false;
}

/* -- timers -- */

static enum http_wait waits_for(const struct http_conn *conn)
{
	switch ((enum http_state)conn->state) {
	case HTTP_STATE_HEAD:
		return conn->first || conn->data.len ? HTTP_WAIT_HEAD : HTTP_WAIT_IDLE;
	case HTTP_STATE_BODY: return conn->request->form.paused ? HTTP_WAIT_NONE : HTTP_WAIT_BODY;
	case HTTP_STATE_SEND: return HTTP_WAIT_SEND;
	case HTTP_STATE_DRAIN: return HTTP_WAIT_DRAIN;
	case HTTP_STATE_PARKED:
	case HTTP_STATE_USER:
	case HTTP_STATE_DEAD: break;
	}
	return HTTP_WAIT_NONE;
}

static void arm(struct http_conn *conn, enum http_wait wait)
{
	const struct http_server_config *config = &conn->server->config;
	const uint32_t ms[] = {
		[HTTP_WAIT_IDLE] = config->idle_timeout_ms,
		[HTTP_WAIT_HEAD] = config->head_timeout_ms,
		[HTTP_WAIT_BODY] = HTTP_BODY_WINDOW_MS,
		[HTTP_WAIT_SEND] = HTTP_SEND_WINDOW_MS,
		[HTTP_WAIT_DRAIN] = config->head_timeout_ms,
	};

	conn->waits = (uint8_t)wait;
	conn->window = 0;
	if (wait == HTTP_WAIT_NONE)
		timer_clear(&conn->timer);
	else
		timer_set(conn->server->core, &conn->timer, ms[wait]);
}

static bool too_slow(const struct http_conn *conn, uint64_t bytes_per_s, uint64_t window_ms)
{
	return conn->window < bytes_per_s * window_ms / 1000;
}

static void on_timer(struct core *core, struct timer *timer)
{
	struct http_conn *conn = container_of(timer, struct http_conn, timer);
	const struct http_server_config *config = &conn->server->config;
	enum http_wait wait = (enum http_wait)conn->waits;

	(void)core;
	if ((wait == HTTP_WAIT_BODY &&
	     !too_slow(conn, config->body_bytes_per_s, HTTP_BODY_WINDOW_MS)) ||
	    (wait == HTTP_WAIT_SEND &&
	     !too_slow(conn, config->send_bytes_per_s, HTTP_SEND_WINDOW_MS))) {
		arm(conn, wait);
		return;
	}
	conn->waits = HTTP_WAIT_NONE;
	if (wait != HTTP_WAIT_IDLE)
		http_stat(&conn->server->stats.timeouts, 1);
	if (wait == HTTP_WAIT_BODY || (wait == HTTP_WAIT_HEAD && conn->data.len))
		http_conn_error(conn, 408);
	else
		conn->state = HTTP_STATE_DEAD;
	http_conn_run(conn);
}

/* -- the whole -- */

static void on_event(struct core *core, struct sock *sock, uint32_t events)
{
	struct http_conn *conn = sock_owner(sock);

	(void)core;
	if (events & EPOLLIN)
		conn->readable = true;
	if (events & EPOLLOUT)
		conn->blocked = false;
	http_conn_run(conn);
}

static void conn_free(struct http_conn *conn)
{
	timer_clear(&conn->timer);
	list_del(&conn->node);
	http_conn_drop_answer(conn);
	buf_done(&conn->out);
	buf_done(&conn->in);
	if (conn->lent)
		conn->request->conn = NULL; /* the handler's */
	else
		http_request_free(conn->request);
	if (conn->sock && conn->finish)
		sock_finish(conn->server->core, conn->sock);
	else if (conn->sock)
		sock_close(conn->server->core, conn->sock);
	free(conn);
}

static void update_watch(struct http_conn *conn)
{
	uint32_t events = (wants_input(conn) && !conn->eof ? EPOLLIN : 0U) |
		(conn->blocked ? EPOLLOUT : 0U);

	if (events != conn->watching)
		sock_watch(conn->server->core, conn->sock, events, NULL);
	conn->watching = events;
}

void http_conn_run(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	int reads = 0;

	if (conn->running)
		return; /* a callback of ours answered: the loop below sees it */
	conn->running = true;
	for (;;) {
		while (step(conn))
			;
		/* 100 (Continue) goes out while the body is awaited. */
		if (conn->state == HTTP_STATE_BODY && conn->out_at < conn->out.len)
			run_send(conn);
		if (conn->state == HTTP_STATE_DEAD || conn->eof || !conn->readable ||
		    !wants_input(conn) || reads++ == READS_PER_RUN || !read_more(conn))
			break;
	}
	conn->running = false;
	if (conn->eof &&
	    (conn->state == HTTP_STATE_HEAD || conn->state == HTTP_STATE_BODY ||
	     conn->state == HTTP_STATE_DRAIN))
		conn->state = HTTP_STATE_DEAD; /* the rest will never come */
	if (conn->state != HTTP_STATE_DEAD) {
		stash(conn);
		enum http_wait wait = waits_for(conn);
		if (wait != conn->waits)
			arm(conn, wait);
		update_watch(conn);
	}
	if (server->scratch_user == conn)
		server->scratch_user = NULL;
	if (conn->state == HTTP_STATE_DEAD)
		conn_free(conn);
}

struct http_conn *http_conn_new(struct http_server *server, struct sock *sock)
{
	struct http_conn *conn = mem_zalloc(sizeof(*conn));

	conn->server = server;
	conn->sock = sock;
	conn->first = true;
	timer_init(&conn->timer, on_timer);
	list_init(&conn->stalled);
	http_parser_init(&conn->parser);
	buf_init(&conn->in, HTTP_IN_MAX);
	buf_init(&conn->out, HTTP_OUT_MAX);
	list_add_tail(&server->conns, &conn->node);
	sock_set_owner(sock, conn);
	sock_watch(server->core, sock, EPOLLIN, on_event);
	conn->watching = EPOLLIN;
	arm(conn, HTTP_WAIT_HEAD);
	return conn;
}

void http_conn_kill(struct http_conn *conn)
{
	conn->state = HTTP_STATE_DEAD;
	http_conn_run(conn);
}
