/* Answers: the head written, conditions and ranges obeyed, the bytes pushed out. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/internal.h"
#include "http/range.h"
#include "http/upgrade.h"

struct str http_reason(int status)
{
	/* status, text */
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return str_z(reasons[i].text);
	return S("Unknown");
}

struct str http_server_date(struct http_server *server)
{
	int64_t now_s = (int64_t)(core_wall_us(server->core) / 1000000);

	if (now_s != server->date_s) {
		http_date(now_s, server->date);
		server->date_s = now_s;
	}
	return (struct str){ server->date, HTTP_DATE_LEN };
}

/* -- what to send -- */

/* The answer as it will go out: the handler's, changed by what the request asks for. */
struct plan {
	int status;
	uint64_t size; /* of the whole representation */
	uint64_t from, length;
	bool content_range;
};

static bool is_unmodified(const struct http_request *request, const struct http_response *response)
{
	struct str none_match = http_header(request, S("if-none-match"));
	struct str since = http_header(request, S("if-modified-since"));
	char date[HTTP_DATE_LEN];

	/* RFC 9110 §13.2.2: the date counts only without the tag. Dates are compared as texts:
	 * clients send back what they were given. */
	if (none_match.ptr)
		return response->etag.ptr && http_etag_listed(none_match, response->etag);
	if (!since.ptr || !response->modified_s)
		return false;
	http_date(response->modified_s, date);
	return str_eq(since, (struct str){ date, HTTP_DATE_LEN });
}

static bool range_applies(const struct http_request *request, const struct http_response *response)
{
	struct str condition = http_header(request, S("if-range"));
	char date[HTTP_DATE_LEN];

	if (request->head.method != HTTP_GET || (!response->etag.ptr && !response->modified_s))
		return false;
	if (!condition.ptr || (response->etag.ptr && str_eq(condition, response->etag)))
		return true;
	http_date(response->modified_s, date);
	return response->modified_s && str_eq(condition, (struct str){ date, HTTP_DATE_LEN });
}

static struct plan make_plan(const struct http_request *request,
			     const struct http_response *response)
{
	uint64_t size = response->has_file ? response->file_size
		: response->bytes	   ? response->bytes->len
					   : response->body.len;
	struct plan plan = { .status = response->status, .size = size, .length = size };
	enum http_method method = request->head.method;

	if (response->status != 200 || (method != HTTP_GET && method != HTTP_HEAD))
		return plan;
	if (is_unmodified(request, response)) {
		plan.status = 304;
		return plan;
	}
	if (!range_applies(request, response))
		return plan;
	switch (http_range_parse(http_header(request, S("range")), size, &plan.from,
				 &plan.length)) {
	case HTTP_RANGE_NONE: break;
	case HTTP_RANGE_PART:
		plan.status = 206;
		plan.content_range = true;
		break;
	case HTTP_RANGE_OUTSIDE:
		plan.status = 416;
		plan.content_range = true;
		plan.length = 0;
		break;
	}
	return plan;
}

/* -- the head -- */

static void put_status(struct buf *out, int status)
{
	assert(status >= 200 && status <= 599);
	buf_put_str(out, S("HTTP/1.1 "));
	buf_put_decimal(out, (uint64_t)status);
	buf_putc(out, ' ');
	buf_put_str(out, http_reason(status));
	buf_put_str(out, S("\r\n"));
}

static void put_field(struct buf *out, struct str name, struct str value)
{
	buf_put_str(out, name);
	buf_put_str(out, S(": "));
	buf_put_str(out, value);
	buf_put_str(out, S("\r\n"));
}

/* A value that a stranger may have had a hand in: no control character gets through (RFC 9110
 * §5.5). */
static void put_checked(struct buf *out, struct str name, struct str value)
{
	buf_put_str(out, name);
	buf_put_str(out, S(": "));
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.ptr[i] >= ' ' && value.ptr[i] != 0x7f)
			buf_putc(out, value.ptr[i]);
	buf_put_str(out, S("\r\n"));
}

static void put_number(struct buf *out, struct str name, uint64_t value)
{
	buf_put_str(out, name);
	buf_put_str(out, S(": "));
	buf_put_decimal(out, value);
	buf_put_str(out, S("\r\n"));
}

static void put_validators(struct buf *out, const struct http_response *response)
{
	char date[HTTP_DATE_LEN];

	if (response->etag.ptr)
		put_field(out, S("ETag"), response->etag);
	if (response->modified_s) {
		http_date(response->modified_s, date);
		put_field(out, S("Last-Modified"), (struct str){ date, HTTP_DATE_LEN });
	}
	if (response->etag.ptr || response->modified_s)
		put_field(out, S("Accept-Ranges"), S("bytes"));
}

static void put_content_range(struct buf *out, const struct plan *plan)
{
	if (plan->status == 206)
		buf_printf(out, "Content-Range: bytes %llu-%llu/%llu\r\n",
			   (unsigned long long)plan->from,
			   (unsigned long long)(plan->from + plan->length - 1),
			   (unsigned long long)plan->size);
	else
		buf_printf(out, "Content-Range: bytes */%llu\r\n", (unsigned long long)plan->size);
}

static bool is_bodiless(int status)
{
	return status == 204 || status == 304;
}

static void put_head(struct http_conn *conn, const struct http_request *request,
		     const struct http_response *response, const struct plan *plan)
{
	struct buf *out = &conn->out;

	put_status(out, plan->status);
	put_field(out, S("Date"), http_server_date(conn->server));
	put_field(out, S("Server"), S("rookery"));
	if (response->content_type.ptr && !is_bodiless(plan->status) && plan->status != 416)
		put_field(out, S("Content-Type"), response->content_type);
	put_validators(out, response);
	if (plan->content_range)
		put_content_range(out, plan);
	/* RFC 9110 §8.6: none with 204; with 304 it would be that of a 200, and is left out. */
	if (!is_bodiless(plan->status))
		put_number(out, S("Content-Length"), plan->length);
	if (conn->close)
		put_field(out, S("Connection"), S("close"));
	else if (request && !request->head.minor)
		put_field(out, S("Connection"), S("keep-alive"));
	for (uint32_t i = 0; i < response->header_count; i++)
		put_checked(out, response->headers[i].name, response->headers[i].value);
	buf_put_str(out, S("\r\n"));
}

/* -- the answer -- */

void http_conn_drop_answer(struct http_conn *conn)
{
	list_del(&conn->stalled);
	conn->server->held -= conn->held;
	conn->held = 0;
	bytes_unref(TAKE(conn->bytes));
	http_file_reader_free(TAKE(conn->file));
	conn->body = (struct str){};
	conn->out_at = 0;
	buf_done(&conn->out);
}

static void drop_response(const struct http_response *response)
{
	bytes_unref(response->bytes);
	if (response->has_file)
		close(response->fd);
}

static void begin_send(struct http_conn *conn, const struct http_response *response,
		       const struct plan *plan, bool with_body)
{
	bool wanted = with_body && plan->length && !is_bodiless(plan->status);

	if (wanted && response->has_file) {
		conn->file = http_file_reader_new(conn->server->core, response->fd, plan->from,
						  plan->length);
	} else if (wanted) {
		struct str body = response->bytes ? bytes_str(response->bytes) : response->body;

		body = str_skip(body, (size_t)plan->from);
		body.len = (size_t)plan->length;
		struct str first = { body.ptr, MIN(body.len, (size_t)HTTP_FIRST_SEND) };
		buf_put_str(&conn->out, first);
		conn->body = str_skip(body, first.len);
		if (conn->body.len)
			conn->bytes = response->bytes;
		else
			bytes_unref(response->bytes);
	} else {
		drop_response(response);
	}
	conn->state = HTTP_STATE_SEND;
}

void http_respond(struct core *core, struct http_request *request,
		  const struct http_response *response)
{
	struct http_conn *conn = request->conn;

	assert(request->core == core);
	if (!conn) {
		drop_response(response);
		http_request_free(request);
		return;
	}
	struct plan plan = make_plan(request, response);
	conn->lent = false;
	conn->close |= response->close || conn->server->draining;
	/* What the answer did not wait for cannot be read away in reasonable time: say now that
	 * this is the end. */
	if (!http_body_done(&conn->framing) &&
	    (conn->expects || conn->framing.left > HTTP_DRAIN_MAX))
		conn->close = true;
	put_head(conn, request, response, &plan);
	begin_send(conn, response, &plan, request->head.method != HTTP_HEAD);
	http_conn_run(conn);
}

void http_respond_json(struct core *core, struct http_request *request, int status, struct str json)
{
	const struct http_response response = {
		.status = (uint16_t)status,
		.content_type = S("application/json"),
		.body = json,
	};

	http_respond(core, request, &response);
}

bool http_request_gone(const struct http_request *request)
{
	return !request->conn;
}

void http_request_drop(struct core *core, struct http_request *request)
{
	struct http_conn *conn = request->conn;

	assert(request->core == core);
	if (conn) {
		conn->lent = false;
		http_conn_kill(conn);
	} else {
		http_request_free(request);
	}
}

void http_conn_error(struct http_conn *conn, int status)
{
	const struct http_server_config *config = &conn->server->config;
	const struct http_header version = { S("Sec-WebSocket-Version"), S("13") };
	const struct http_header allow = { S("Allow"),
					   S("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS") };
	struct http_response response = {
		.status = (uint16_t)status,
		.content_type = S("application/json"),
		.headers = config->error_headers,
		.header_count = config->error_header_count,
	};
	char text[96];

	if (config->error_body)
		response.body = config->error_body(status);
	if (!response.body.ptr) {
		struct str reason = http_reason(status);

		snprintf(text, sizeof(text), "{\"message\":\"%d: %.*s\",\"code\":0}", status,
			 STR_FMT(reason));
		response.body = str_z(text); /* shorter than the first send, so it is copied */
	}
	if (status == 426 || status == 405) {
		response.headers = status == 426 ? &version : &allow;
		response.header_count = 1;
	}
	http_stat(&conn->server->stats.errors, 1);
	conn->close = true;
	struct plan plan = { .status = status,
			     .size = response.body.len,
			     .length = response.body.len };
	put_head(conn, conn->request, &response, &plan);
	begin_send(conn, &response, &plan,
		   !conn->request || conn->request->head.method != HTTP_HEAD);
}

/* -- sending -- */

/* > 0 bytes taken; otherwise an error, with -EAGAIN noted. */
static ssize_t push(struct http_conn *conn, struct str s)
{
	ssize_t n = sock_send(conn->sock, s.ptr, s.len);

	if (n > 0) {
		conn->window += (uint64_t)n;
		http_stat(&conn->server->stats.bytes_out, (uint64_t)n);
	} else if (n == -EAGAIN) {
		conn->blocked = true;
	}
	return n ? n : -EPIPE;
}

static void on_file_ready(void *owner)
{
	http_conn_run(owner);
}

static int flush_file(struct http_conn *conn)
{
	struct str chunk;
	int r;

	/* One chunk, then others get their turn: what is left is asked for by EPOLLOUT. */
	for (int chunks = 0; !(r = http_file_reader_peek(conn->file, &chunk, on_file_ready, conn));
	     chunks++) {
		if (chunks == 4) {
			conn->blocked = true;
			return -EAGAIN;
		}
		while (chunk.len) {
			ssize_t n = push(conn, chunk);

			if (n < 0)
				return (int)n;
			http_file_reader_consume(conn->file, (size_t)n);
			chunk = str_skip(chunk, (size_t)n);
		}
	}
	if (r == ENODATA) {
		http_file_reader_free(TAKE(conn->file));
		return 0;
	}
	return r == EAGAIN ? -EAGAIN : r;
}

int http_conn_flush(struct http_conn *conn)
{
	if (conn->out.full)
		return -ENOBUFS; /* fields without measure: half an answer is worse than none */
	while (conn->out_at < conn->out.len) {
		ssize_t n = push(conn, str_skip(buf_str(&conn->out), conn->out_at));

		if (n < 0)
			return (int)n;
		conn->out_at += (size_t)n;
	}
	while (conn->body.len) {
		ssize_t n = push(conn, conn->body);

		if (n < 0)
			return (int)n;
		conn->body = str_skip(conn->body, (size_t)n);
	}
	return conn->file ? flush_file(conn) : 0;
}

void http_conn_stall(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	struct http_request *request = conn->request;

	if (conn->held || !conn->body.len || conn->bytes || !request)
		return;
	/* Of the request nothing is needed any more but the text, which mostly is in a buffer of its own; what it was made
	 * of is as large again. */
	if (request->out.len && conn->body.ptr >= request->out.ptr &&
	    conn->body.ptr < request->out.ptr + request->out.len) {
		form_done(&request->form);
		arena_done(&request->arena);
		conn->held = request->out.len;
	} else {
		conn->held = conn->body.len;
	}
	server->held += conn->held;
	list_add_tail(&server->stalled, &conn->stalled);
	while (server->held > server->config.held_max) {
		struct http_conn *longest = list_entry(server->stalled.next, struct http_conn,
						       stalled);

		http_conn_drop_answer(longest);
		http_stat(&server->stats.cut, 1);
		http_conn_kill(longest);
	}
}

/* -- switching to WebSocket -- */

int http_upgrade(struct core *core, struct http_request *request, struct sock **ret_sock,
		 struct buf *ret_in, struct buf *ret_out)
{
	struct http_conn *conn = request->conn;
	char accept[HTTP_ACCEPT_LEN];

	assert(request->core == core);
	if (!conn) {
		http_request_free(request);
		return ECONNRESET;
	}
	struct buf *out = &conn->out;
	http_upgrade_accept(http_header(request, S("sec-websocket-key")), accept);
	buf_put_str(out,
		    S("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
		      "Upgrade\r\n"));
	put_field(out, S("Date"), http_server_date(conn->server));
	put_field(out, S("Server"), S("rookery"));
	put_field(out, S("Sec-WebSocket-Accept"), (struct str){ accept, sizeof(accept) });
	buf_put_str(out, S("\r\n"));
	conn->lent = false;
	int r = conn->blocked ? -EAGAIN : http_conn_flush(conn);
	if (r && r != -EAGAIN) {
		http_conn_kill(conn);
		return ECONNRESET;
	}
	http_stat(&conn->server->stats.upgrades, 1);
	buf_init(ret_in, SIZE_MAX);
	buf_put_str(ret_in, conn->data);
	buf_init(ret_out, SIZE_MAX);
	buf_put_str(ret_out, str_skip(buf_str(out), conn->out_at));
	sock_watch(core, conn->sock, 0, NULL);
	sock_set_owner(conn->sock, NULL);
	*ret_sock = TAKE(conn->sock);
	http_conn_kill(conn);
	return 0;
}
