/* A connection's life: from the upgrade to its last byte. */
#include <assert.h>
#include <stdlib.h>

#include "base/url.h"
#include "gateway/heavy.h"
#include "gateway/internal.h"

/* -- lists and timers -- */

static void on_timer(struct core *core, struct timer *timer)
{
	struct conn *conn = container_of(timer, struct conn, timer);

	(void)core;
	if (!conn->greeted && !conn->closing)
		(void)conn_greet(conn);
	else if (conn->closing)
		conn_free(conn);
	else
		conn_close(conn, CLOSE_SESSION_TIMED_OUT);
}

/* NULL: the library cannot do that. */
static struct ws_share *share_get(struct gateway_local *gateway, enum ws_compress_kind kind)
{
	static_assert(WS_ZLIB_STREAM == 0 && WS_ZSTD_STREAM == 1, "they are indices");
	if (!gateway->shares[kind] && !gateway->share_failed[kind]) {
		gateway->shares[kind] = ws_share_new(kind);
		gateway->share_failed[kind] = !gateway->shares[kind];
	}
	return gateway->shares[kind];
}

void conn_adopt(struct gateway_local *gateway, struct conn *conn)
{
	conn->gateway = gateway;
	list_init(&conn->node);
	list_init(&conn->dirty);
	timer_init(&conn->timer, on_timer);
	list_add_tail(&gateway->conns, &conn->node);
	stat_add(&gateway->stats.connections, 1);
	sock_set_owner(conn->sock, conn);
	conn->blocked = false;
	/* What the library could do on the other core it can do here. */
	if (conn->shared && !share_get(gateway, conn->share_kind))
		assert(false);
	sock_watch(gateway->core, conn->sock, EPOLLIN, conn_on_event);
	if (conn->out)
		conn_mark(conn);
}

void conn_release(struct conn *conn)
{
	list_del(&conn->node);
	list_del(&conn->dirty);
	timer_clear(&conn->timer);
	heavy_forget(conn);
	if (conn->shared)
		ws_share_drop(conn_share(conn), &conn->link);
	stat_sub(&conn->gateway->stats.connections, 1);
}

void conn_alive(struct conn *conn)
{
	timer_set(conn->gateway->core, &conn->timer,
		  conn->session ? LIMIT_HEARTBEAT_TIMEOUT_MS : LIMIT_IDENTIFY_TIMEOUT_MS);
}

bool conn_greet(struct conn *conn)
{
	char hello[64];
	int n = snprintf(hello, sizeof(hello), "{\"heartbeat_interval\":%u}",
			 conn->gateway->config.heartbeat_ms);

	conn->greeted = true;
	conn_alive(conn);
	return conn_send_op(conn, GATEWAY_OP_HELLO, (struct str){ hello, (size_t)n });
}

/* -- ending -- */

/* All but the socket, which the caller ends in its own way. */
static void conn_drop(struct conn *conn)
{
	conn_release(conn);
	if (conn->parser)
		ws_parser_done(conn->parser);
	free(conn->parser);
	ws_compress_free(conn->compress);
	conn_out_drop(conn);
	free(conn->base_url);
	slab_free(conn);
}

void conn_free(struct conn *conn)
{
	sock_close(conn->gateway->core, conn->sock);
	conn_drop(conn);
}

static void forget(struct conn *conn)
{
	if (conn->resuming)
		resume_forget(conn->resuming);
	conn->resuming = NULL;
}

/* The close frame goes out if nothing stands in its way; then the peer is given a moment to read
 * it. */
static void say_goodbye(struct conn *conn, int code, struct str reason)
{
	struct core *core = conn->gateway->core;

	conn->closing = true;
	stat_add(&conn->gateway->stats.closes[gateway_close_slot(code)], 1);
	/* Inside an event's frame no other can begin. */
	if (conn->part == 0)
		ws_put_close(conn_out(conn), (uint16_t)code, reason);
	if (!conn_flush(conn))
		return;
	if (conn->out && conn->part == 0) {
		timer_set(core, &conn->timer, GATEWAY_CLOSE_MS);
		return; /* conn_sent() goes on. */
	}
	conn_sent(conn);
}

void conn_sent(struct conn *conn)
{
	sock_finish(conn->gateway->core, conn->sock);
	conn_drop(conn);
}

void conn_close(struct conn *conn, int code)
{
	const struct close_desc *desc = close_find(code);
	struct session *session = conn->session;

	forget(conn);
	if (session && (!desc || desc->may_resume)) {
		session_detach(session);
	} else if (session) {
		conn->session = NULL;
		session->conn = NULL;
		session_end(session);
	}
	say_goodbye(conn, code, str_z(desc ? desc->text : NULL));
}

void conn_lost(struct conn *conn)
{
	forget(conn);
	if (conn->session)
		session_detach(conn->session);
	if (!conn->closing)
		stat_add(&conn->gateway->stats.closes[gateway_close_slot(1006)], 1);
	conn_free(conn);
}

void conn_left(struct conn *conn, int code)
{
	struct session *session = conn->session;

	forget(conn);
	/* Who says that it is done is offline at once; any other code, or none, means to come
	 * back. */
	if (session && (code == CLOSE_NORMAL || code == CLOSE_GOING_AWAY)) {
		conn->session = NULL;
		session->conn = NULL;
		session_end(session);
	} else if (session) {
		session_detach(session);
	}
	say_goodbye(conn, ws_close_code_valid((uint16_t)code) ? code : CLOSE_NORMAL, S(""));
}

/* -- beginning -- */

static struct str or (struct str text, struct str otherwise)
{
	return text.len ? text : otherwise;
}

/* ETF has a context for each connection: few ask for both. */
static void compress_begin(struct conn *conn, enum ws_compress_kind kind)
{
	conn->shared = !conn->etf && share_get(conn->gateway, kind);
	conn->share_kind = (uint8_t)kind;
	if (!conn->shared)
		conn->compress = ws_compress_new(kind);
}

/* v, encoding, compress of the URL; 0 or a close code. */
static int read_query(struct conn *conn, struct str query)
{
	struct str key, value, encoding = {}, compress = {}, version = {};

	while (url_query_next(&query, &key, &value)) {
		if (str_eq(key, S("v")))
			version = value;
		else if (str_eq(key, S("encoding")))
			encoding = value;
		else if (str_eq(key, S("compress")))
			compress = value;
	}
	version = or (version, S("10"));
	encoding = or (encoding, S("json"));
	conn->etf = str_eq(encoding, S("etf"));
	conn->version = str_eq(version, S("8")) ? 8 : str_eq(version, S("9")) ? 9 : 10;
	if (conn->version == 10 && !str_eq(version, S("10")))
		return CLOSE_INVALID_API_VERSION;
	if (!conn->etf && !str_eq(encoding, S("json")))
		return CLOSE_DECODE_ERROR;
	if (str_eq(compress, S("zlib-stream")))
		compress_begin(conn, WS_ZLIB_STREAM);
	else if (str_eq(compress, S("zstd-stream")))
		compress_begin(conn, WS_ZSTD_STREAM);
	else if (compress.len)
		return CLOSE_DECODE_ERROR;
	return 0;
}

/* Where READY sends the client to resume: nothing but host and port may stand in it. */
static char *base_url(const struct gateway_local *gateway, const struct gateway_upgrade *upgrade)
{
	struct str host = upgrade->host;
	struct buf text;

	if (gateway->config.public_url && gateway->config.public_url[0])
		return mem_strdup(gateway->config.public_url);
	buf_init(&text, 600);
	buf_put_str(&text, upgrade->secure ? S("wss://") : S("ws://"));
	for (size_t i = 0; i < host.len && i < 512; i++)
		if ((host.ptr[i] >= '0' && host.ptr[i] <= '9') ||
		    ((host.ptr[i] | 32) >= 'a' && (host.ptr[i] | 32) <= 'z') ||
		    strchr(".-_:[]", host.ptr[i]))
			buf_putc(&text, host.ptr[i]);
	buf_putc(&text, '\0');
	return text.ptr; /* malloc memory, ours now */
}

void gateway_serve(struct core *core, struct sock *sock, const struct gateway_upgrade *upgrade)
{
	struct gateway_local *gateway = gateway_of(core);
	struct conn *conn = slab_alloc(sizeof(*conn));
	uint64_t open = atomic_load_explicit(&gateway->stats.connections, memory_order_relaxed);

	conn->sock = sock;
	conn_adopt(gateway, conn);
	conn->base_url = base_url(gateway, upgrade);
	int code = gateway->draining || open >= gateway->config.connections_max
		? CLOSE_SERVICE_RESTART
		: read_query(conn, upgrade->query);
	if (code) {
		conn_close(conn, code);
		return;
	}
	timer_set(core, &conn->timer, GATEWAY_HELLO_MS);
	conn_input(conn, upgrade->leftover);
}
