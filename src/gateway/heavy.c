#include "gateway/heavy.h"

#include <stdlib.h>

#include "gateway/internal.h"

enum { HEAVY_FROM = 256 << 10 };

enum how {
	HOW_ETF, /* the event's own cache of it is all there is to fill */
	HOW_PIECE, /* of a shared stream */
	HOW_STREAM, /* a message that begins a zlib stream anew */
	HOW_PAYLOAD,
};

struct heavy {
	struct job job;
	struct list node; /* in gateway->heavies */
	struct conn *conn; /* NULL: it has gone */
	struct event *event;
	enum event_form form;
	enum how how;
	const struct ws_share *share;
	bool etf, done;
	int result;
	size_t prefix_len;
	char prefix[GATEWAY_PREFIX_MAX];
	struct buf out;
};

static void heavy_free(struct heavy *heavy)
{
	list_del(&heavy->node);
	event_unref(heavy->event);
	buf_done(&heavy->out);
	free(heavy);
}

/* -- in the pool -- */

static int message(struct heavy *heavy, enum ws_compress_kind kind, struct str body)
{
	struct ws_compress *compress = ws_compress_new(kind);
	struct str prefix = { heavy->prefix, heavy->prefix_len };
	struct buf whole; /* JSON with its last brace */
	int r;

	buf_init(&whole, GATEWAY_BODY_MAX);
	if (!heavy->etf) {
		buf_put_str(&whole, body);
		buf_putc(&whole, '}');
		body = buf_str(&whole);
	}
	r = whole.full ? -ENOMEM : ws_compress_message(compress, prefix, body, &heavy->out);
	buf_done(&whole);
	ws_compress_free(compress);
	return r;
}

static void work(struct job *job)
{
	struct heavy *heavy = container_of(job, struct heavy, job);
	const struct event *event = heavy->event;
	struct str body = heavy->etf
		? event_etf(heavy->event, heavy->form)
		: bytes_str(heavy->form == FORM_ALT ? event->alt : event->full);

	switch (heavy->how) {
	case HOW_ETF: break;
	case HOW_PIECE: heavy->result = ws_share_alone(heavy->share, body, '}', &heavy->out); break;
	case HOW_STREAM: heavy->result = message(heavy, WS_ZLIB_STREAM, body); break;
	case HOW_PAYLOAD: heavy->result = message(heavy, WS_ZLIB_PAYLOAD, body); break;
	}
	if (heavy->out.full)
		heavy->result = -ENOMEM;
}

/* -- on the core -- */

static void on_done(struct core *core, struct job *job)
{
	struct heavy *heavy = container_of(job, struct heavy, job);
	struct conn *conn = heavy->conn;

	(void)core;
	heavy->done = true;
	if (conn)
		conn_mark(conn);
	if (conn && heavy->how == HOW_ETF)
		conn->heavy = NULL;
	if (!conn || heavy->how == HOW_ETF)
		heavy_free(heavy);
}

static bool choose(const struct conn *conn, const struct event *event, enum event_form form,
		   enum how *ret)
{
	bool has_terms = atomic_load_explicit(&event->etf[form], memory_order_acquire);

	if (conn->shared)
		*ret = HOW_PIECE;
	else if (conn->compress && ws_compress_splices(conn->compress))
		*ret = HOW_STREAM;
	else if (conn->payload_zlib)
		*ret = HOW_PAYLOAD;
	else
		*ret = HOW_ETF;
	return *ret != HOW_ETF || (conn->etf && !has_terms);
}

static bool begin(struct conn *conn, uint64_t seq, struct event *event, enum event_form form)
{
	enum how how;

	if (!choose(conn, event, form, &how))
		return false;
	struct heavy *heavy = mem_zalloc(sizeof(*heavy));
	heavy->job.work = work;
	heavy->job.done = on_done;
	heavy->conn = conn;
	heavy->event = event_ref(event);
	heavy->form = form;
	heavy->how = how;
	heavy->share = conn_share(conn);
	heavy->etf = conn->etf;
	heavy->prefix_len = conn_prefix(conn, seq, heavy->prefix);
	buf_init(&heavy->out, GATEWAY_BODY_MAX);
	list_add_tail(&conn->gateway->heavies, &heavy->node);
	if (core_offload(conn->gateway->core, &heavy->job)) {
		heavy_free(heavy); /* The pool has more than it can do. */
		return false;
	}
	conn->heavy = heavy;
	return true;
}

void heavy_forget(struct conn *conn)
{
	struct heavy *heavy = TAKE(conn->heavy);

	if (!heavy)
		return;
	heavy->conn = NULL;
	if (heavy->done)
		heavy_free(heavy);
}

enum heavy_state heavy_look(struct conn *conn, uint64_t seq)
{
	enum event_form form;
	struct event *event = ring_get(&conn->session->ring, seq, &form);
	const struct bytes *body = form == FORM_ALT ? event->alt : event->full;

	if (body->len < HEAVY_FROM)
		return HEAVY_NO;
	struct heavy *heavy = conn->heavy;
	if (heavy && (heavy->event != event || heavy->form != form))
		heavy_forget(conn); /* of a session that is not the connection's any more */
	else if (heavy)
		return heavy->done ? HEAVY_READY : HEAVY_WAIT;
	return begin(conn, seq, event, form) ? HEAVY_WAIT : HEAVY_NO;
}

bool heavy_waits(const struct conn *conn)
{
	return conn->heavy && !conn->heavy->done;
}

struct str heavy_packed(const struct conn *conn)
{
	const struct heavy *heavy = conn->heavy;

	return heavy->result ? (struct str){} : buf_str(&heavy->out);
}

void heavy_sent(struct conn *conn)
{
	heavy_free(TAKE(conn->heavy));
}

void heavy_end(struct gateway_local *gateway)
{
	while (!list_empty(&gateway->heavies))
		heavy_free(list_entry(gateway->heavies.next, struct heavy, node));
}
