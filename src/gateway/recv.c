/* Bytes in: WebSocket frames, and how many of them. */
#include <stdlib.h>

#include "gateway/internal.h"

enum { READS_PER_TURN = 4 };

/* Frames in a minute, heartbeats and pings too. */
static bool too_many(struct conn *conn)
{
	uint32_t now_ms = (uint32_t)(core_now_us(conn->gateway->core) / 1000);

	if (now_ms - conn->window_ms > LIMIT_GATEWAY_FRAMES_MS) {
		conn->window_ms = now_ms;
		conn->window_frames = 0;
	}
	conn->window_frames++;
	return conn->gateway->config.rate_limits && conn->window_frames > LIMIT_GATEWAY_FRAMES;
}

/* False: the connection is gone. */
static bool on_message(struct conn *conn, const struct ws_message *message)
{
	int code = 0;

	stat_add(&conn->gateway->stats.frames, 1);
	switch (message->opcode) {
	case WS_CLOSE: conn_left(conn, message->code); return false;
	case WS_PONG: return true;
	case WS_PING:
		if (too_many(conn))
			code = CLOSE_RATE_LIMITED;
		else if (!conn_send_frame(conn, WS_PONG, message->payload))
			code = CLOSE_UNKNOWN_ERROR;
		break;
	default:
		code = too_many(conn)
			? CLOSE_RATE_LIMITED
			: ops_payload(conn, message->opcode == WS_BINARY, message->payload);
	}
	if (!code)
		return true;
	conn_close(conn, code);
	return false;
}

/* Between messages a parser has nothing to remember, so an idle connection needs none. */
static bool parser_idle(const struct ws_parser *parser)
{
	return parser->header_len == 0 && !parser->in_payload && !parser->message;
}

static void parser_keep(struct conn *conn, struct ws_parser *parser)
{
	if (conn->parser == parser) {
		if (!parser_idle(parser))
			return;
		conn->parser = NULL;
		ws_parser_done(parser);
		free(parser);
	} else if (parser_idle(parser)) {
		ws_parser_done(parser);
	} else {
		conn->parser = mem_dup(parser, sizeof(*parser));
	}
}

/* False: the connection is gone. */
static bool parse(struct conn *conn, char *data, size_t size)
{
	struct ws_parser fresh, *parser = conn->parser;
	struct ws_message message;
	int r;

	if (!conn->greeted && !conn_greet(conn))
		return false;
	if (!parser) {
		ws_parser_init(&fresh, LIMIT_GATEWAY_PAYLOAD_BYTES);
		parser = &fresh;
	}
	/* The connection may end under a message, with a parser of its own; so it is taken away
	 * meanwhile. */
	conn->parser = NULL;
	while ((r = ws_parser_next(parser, &data, &size, &message)) == WS_MESSAGE)
		if (!on_message(conn, &message))
			break;
	bool gone = r == WS_MESSAGE;
	if (!gone && r != WS_MORE) {
		conn_close(conn, r == CLOSE_MESSAGE_TOO_BIG ? CLOSE_DECODE_ERROR : r);
		gone = true;
	}
	if (gone) {
		ws_parser_done(parser);
		if (parser != &fresh)
			free(parser);
		return false;
	}
	if (parser != &fresh)
		conn->parser = parser;
	parser_keep(conn, parser);
	return true;
}

void conn_input(struct conn *conn, struct str bytes)
{
	while (bytes.len) {
		size_t n = MIN(bytes.len, (size_t)GATEWAY_INPUT);

		memcpy(conn->gateway->input, bytes.ptr, n); /* The parser writes into its input. */
		if (!parse(conn, conn->gateway->input, n))
			return;
		bytes = str_skip(bytes, n);
	}
}

static void on_readable(struct conn *conn)
{
	char *input = conn->gateway->input;

	for (uint32_t i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = sock_recv(conn->sock, input, GATEWAY_INPUT);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			conn_lost(conn);
			return;
		}
		if (!conn->closing && !parse(conn, input, (size_t)n))
			return;
		if ((size_t)n < GATEWAY_INPUT)
			return;
	}
}

void conn_on_event(struct core *core, struct sock *sock, uint32_t events)
{
	struct conn *conn = sock_owner(sock);

	if ((events & EPOLLOUT) && conn->blocked) {
		conn->blocked = false;
		sock_watch(core, sock, EPOLLIN, NULL);
		conn_mark(conn);
	}
	if (events & EPOLLIN)
		on_readable(conn);
}
