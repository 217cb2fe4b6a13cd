/* Bytes out. A connection with something to say is on its core's dirty list, and says all of it
 * at the end of the turn: one copy into the core's slot, one send. What a socket does not take
 * is not kept anywhere; the ring's cursor and the bytes taken of the event under it say where to
 * go on. Only compressed frames, which cannot be made twice, are kept in conn->out. */
#include <assert.h>
#include <stdlib.h>

#include "codec/enc.h"
#include "gateway/heavy.h"
#include "gateway/internal.h"

enum {
	PAYLOAD_ZLIB_MIN = 512, /* smaller payloads are not worth their own zlib stream */
	ROOM_REFS = 4, /* an event that so many hold is worth to be compressed for all of them */
	SEQ_WIDTH = 10, /* in shared streams all prefixes of an event are of one length */
	FLUSH_CHECK = 8, /* connections between two looks at the clock */
};

void conn_mark(struct conn *conn)
{
	struct gateway_local *gateway = conn->gateway;

	if (conn->blocked || !list_empty(&conn->dirty))
		return;
	list_add_tail(&gateway->dirty, &conn->dirty);
	core_defer(gateway->core, &gateway->flush);
}

/* An answer does not wait for all those whom an event goes to. How often somebody may ask is limited. */
static void mark_first(struct conn *conn)
{
	conn_mark(conn);
	if (list_empty(&conn->dirty))
		return;
	list_del(&conn->dirty);
	list_add_head(&conn->gateway->dirty, &conn->dirty);
}

/* -- an event's frame -- */

struct frame {
	char head[WS_HEADER_MAX + GATEWAY_PREFIX_MAX];
	uint32_t header_len, head_len; /* of the frame; of it and the payload's own beginning */
	struct str body;
	uint32_t tail_len; /* a brace, or nothing */
	size_t len; /* all together */
};

static size_t put(char *dst, size_t at, struct str s)
{
	assert(at + s.len < GATEWAY_PREFIX_MAX);
	memcpy(dst + at, s.ptr, s.len);
	return at + s.len;
}

static size_t put_number(char *dst, size_t at, uint64_t n)
{
	char digits[20];
	size_t len = 0;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	assert(at + len < GATEWAY_PREFIX_MAX);
	while (len)
		dst[at++] = digits[--len];
	return at;
}

/* @width: with white space behind the number if it is shorter. */
static size_t json_prefix(char *dst, const char *name, uint64_t seq, size_t width)
{
	size_t at = put(dst, 0, S("{\"t\":\"")), number;

	at = put(dst, at, str_z(name));
	at = put(dst, at, S("\",\"s\":"));
	number = at;
	at = put_number(dst, at, seq);
	while (at < number + width)
		dst[at++] = ' ';
	return put(dst, at, S(",\"op\":0,\"d\":"));
}

static size_t etf_binary(char *dst, size_t at, struct str s)
{
	assert(at + 5 < GATEWAY_PREFIX_MAX);
	dst[at++] = 109; /* BINARY_EXT */
	for (uint32_t i = 0; i < 4; i++)
		dst[at++] = (char)(s.len >> (24 - 8 * i));
	return put(dst, at, s);
}

static size_t etf_prefix(char *dst, const char *name, uint64_t seq)
{
	static const char map_of_4[] = { (char)131, 116, 0, 0, 0, 4 };
	size_t at = sizeof(map_of_4);

	memcpy(dst, map_of_4, sizeof(map_of_4));
	at = etf_binary(dst, at, S("t"));
	at = etf_binary(dst, at, str_z(name));
	at = etf_binary(dst, at, S("s"));
	if (seq <= INT32_MAX) {
		dst[at++] = 98; /* INTEGER_EXT */
		for (uint32_t i = 0; i < 4; i++)
			dst[at++] = (char)(seq >> (24 - 8 * i));
	} else {
		dst[at++] = 110; /* SMALL_BIG_EXT: bytes, sign, little-endian */
		dst[at++] = 8;
		dst[at++] = 0;
		for (uint32_t i = 0; i < 8; i++)
			dst[at++] = (char)(seq >> (8 * i));
	}
	at = etf_binary(dst, at, S("op"));
	dst[at++] = 97; /* SMALL_INTEGER_EXT */
	dst[at++] = 0;
	return etf_binary(dst, at, S("d"));
}

struct str event_etf(struct event *event, enum event_form form)
{
	struct bytes *json = form == FORM_ALT ? event->alt : event->full;
	struct bytes *made, *there = atomic_load_explicit(&event->etf[form], memory_order_acquire);
	struct buf term;
	struct enc enc;

	if (there)
		return bytes_str(there);
	buf_init(&term, GATEWAY_BODY_MAX);
	enc_init(&enc, &term, ENC_ETF);
	enc_raw_json(&enc, bytes_str(json));
	made = bytes_from(buf_str(&term));
	buf_done(&term);
	/* Another core may have been faster. */
	if (atomic_compare_exchange_strong_explicit(&event->etf[form], &there, made,
						    memory_order_acq_rel, memory_order_acquire))
		return bytes_str(made);
	bytes_unref(made);
	return bytes_str(there);
}

static inline size_t event_prefix(const struct conn *conn, const struct event *event, uint64_t seq,
				  char *ret)
{
	const char *name = event_descs[event->type].name;

	return conn->etf ? etf_prefix(ret, name, seq) : json_prefix(ret, name, seq, 0);
}

size_t conn_prefix(const struct conn *conn, uint64_t seq, char ret[static GATEWAY_PREFIX_MAX])
{
	enum event_form form;

	return event_prefix(conn, ring_get(&conn->session->ring, seq, &form), seq, ret);
}

/* The payload of the event with number @seq; frame->head begins with it. */
static void frame_payload(const struct conn *conn, uint64_t seq, struct frame *frame, char *head)
{
	enum event_form form;
	struct event *event = ring_get(&conn->session->ring, seq, &form);

	frame->head_len = (uint32_t)event_prefix(conn, event, seq, head);
	if (conn->etf) {
		frame->body = event_etf(event, form);
		frame->tail_len = 0;
	} else {
		frame->body = bytes_str(form == FORM_ALT ? event->alt : event->full);
		frame->tail_len = 1;
	}
	frame->len = frame->head_len + frame->body.len + frame->tail_len;
}

/* The whole frame of an uncompressed event. */
static void frame_make(const struct conn *conn, uint64_t seq, struct frame *frame)
{
	char prefix[GATEWAY_PREFIX_MAX];

	frame_payload(conn, seq, frame, prefix);
	frame->header_len = (uint32_t)ws_header(frame->head, conn->etf ? WS_BINARY : WS_TEXT,
						frame->len);
	memcpy(frame->head + frame->header_len, prefix, frame->head_len);
	frame->head_len += frame->header_len;
	frame->len += frame->header_len;
}

/* Copies from byte @from on as much as fits into @room; how much. */
static size_t frame_copy(const struct frame *frame, size_t from, char *dst, size_t room)
{
	size_t done = 0, n;

	if (from < frame->head_len) {
		n = MIN(frame->head_len - from, room);
		memcpy(dst, frame->head + from, n);
		done = n;
	}
	if (done < room && from + done >= frame->head_len &&
	    from + done < frame->head_len + frame->body.len) {
		size_t at = from + done - frame->head_len;

		n = MIN(frame->body.len - at, room - done);
		memcpy(dst + done, frame->body.ptr + at, n);
		done += n;
	}
	if (done < room && frame->tail_len && from + done == frame->len - 1)
		dst[done++] = '}';
	return done;
}

/* -- sending -- */

struct buf *conn_out(struct conn *conn)
{
	if (!conn->out) {
		conn->out = mem_zalloc(sizeof(*conn->out));
		buf_init(&conn->out->buf, GATEWAY_BODY_MAX);
	}
	return &conn->out->buf;
}

void conn_out_drop(struct conn *conn)
{
	if (!conn->out)
		return;
	buf_done(&conn->out->buf);
	free(TAKE(conn->out));
}

static bool out_full(const struct conn *conn)
{
	return conn->out && conn->out->buf.full;
}

enum sent { SENT_ALL, SENT_BLOCKED, SENT_BROKEN };

static enum sent block(struct conn *conn)
{
	conn->blocked = true;
	sock_watch(conn->gateway->core, conn->sock, EPOLLIN | EPOLLOUT, NULL);
	return SENT_BLOCKED;
}

/* What the socket takes of @size bytes, in *ret_taken. */
static enum sent send_bytes(struct conn *conn, const char *src, size_t size, size_t *ret_taken)
{
	struct gateway_stats *stats = &conn->gateway->stats;
	ssize_t n = sock_send(conn->sock, src, size);

	*ret_taken = n > 0 ? (size_t)n : 0;
	stat_add(&stats->sends, 1);
	stat_add(&stats->bytes, *ret_taken);
	if (n < 0 && n != -EAGAIN)
		return SENT_BROKEN;
	return *ret_taken < size ? block(conn) : SENT_ALL;
}

static enum sent send_out(struct conn *conn)
{
	struct conn_out *out = conn->out;

	while (out && out->buf.len > out->at) {
		size_t taken;
		enum sent sent = send_bytes(conn, out->buf.ptr + out->at, out->buf.len - out->at,
					    &taken);

		out->at += taken;
		if (sent != SENT_ALL)
			return sent;
	}
	/* Nobody keeps a buffer while nothing is sent. */
	conn_out_drop(conn);
	return SENT_ALL;
}

/* The event under the cursor has gone. */
static void advance(struct conn *conn)
{
	struct ring *ring = &conn->session->ring;
	enum event_form form;
	const struct event *event = ring_get(ring, ring->cursor, &form);

	conn->part = 0;
	stat_add(&conn->gateway->stats.deliveries, 1);
	ring_advance(ring);
	if (ring->cursor == 2)
		ring_trim(ring,
			  1); /* READY is not kept: who lost it does not know the session's name. */
	else if (event->type == EVENT_GUILD_CREATE)
		snapshot_taken(conn->session, ring->cursor - 1, event->full->len);
}

/* Counts @taken bytes into the events from the cursor on. */
static void take(struct conn *conn, size_t taken)
{
	struct frame frame;

	while (taken) {
		frame_make(conn, conn->session->ring.cursor, &frame);
		if (taken < frame.len - conn->part) {
			conn->part += (uint32_t)taken;
			return;
		}
		taken -= frame.len - conn->part;
		advance(conn);
	}
}

/* One slot full of events, from where the cursor stands; @only_part: the rest of the one that
 * was begun. */
static enum sent send_slot(struct conn *conn, bool only_part, size_t *ret_taken)
{
	const struct ring *ring = &conn->session->ring;
	char *slot = conn->gateway->slot;
	uint64_t seq = ring->cursor, whole = seq;
	size_t used = 0, part = conn->part;
	struct frame frame;

	while (used < GATEWAY_SLOT && seq < ring_next(ring)) {
		if (conn->etf && heavy_look(conn, seq) == HEAVY_WAIT)
			break;
		frame_make(conn, seq, &frame);
		size_t n = frame_copy(&frame, part, slot + used, GATEWAY_SLOT - used);

		used += n;
		part += n;
		if (part < frame.len)
			break;
		part = 0;
		whole = ++seq;
		if (only_part)
			break;
	}
	*ret_taken = 0;
	if (used == 0)
		return SENT_ALL;
	enum sent sent = send_bytes(conn, slot, used, ret_taken);
	if (*ret_taken < used) {
		take(conn, *ret_taken);
		return sent;
	}
	while (ring->cursor < whole)
		advance(conn);
	conn->part = (uint32_t)part;
	return sent;
}

/* Nothing goes out before the event at the cursor is ready. */
static bool waits(struct conn *conn)
{
	return heavy_look(conn, conn->session->ring.cursor) == HEAVY_WAIT;
}

/* -- compressed -- */

/* Payloads that stand alone need no context of their own: one for the core. */
static struct ws_compress *compressor(struct conn *conn)
{
	struct gateway_local *gateway = conn->gateway;

	if (conn->compress)
		return conn->compress;
	if (!gateway->payload_zlib)
		gateway->payload_zlib = ws_compress_new(WS_ZLIB_PAYLOAD);
	return gateway->payload_zlib;
}

/* Appends one message to conn->out. False: it cannot be done. */
static bool pack(struct conn *conn, struct str prefix, struct str body, char tail)
{
	struct gateway_local *gateway = conn->gateway;

	buf_clear(&gateway->packed);
	if (tail) {
		buf_clear(&gateway->scratch);
		buf_put_str(&gateway->scratch, body);
		buf_putc(&gateway->scratch, tail);
		body = buf_str(&gateway->scratch);
	}
	if (ws_compress_message(compressor(conn), prefix, body, &gateway->packed)) {
		ws_compress_free(TAKE(gateway->payload_zlib)); /* It may be the broken one. */
		return false;
	}
	ws_put(conn_out(conn), WS_BINARY, buf_str(&gateway->packed));
	return !out_full(conn);
}

static enum sent put_heavy(struct conn *conn)
{
	struct str packed = heavy_packed(conn);

	if (packed.len && conn->compress)
		packed = ws_compress_splice(conn->compress, packed);
	if (packed.len)
		ws_put(conn_out(conn), WS_BINARY, packed);
	heavy_sent(conn);
	if (!packed.len || out_full(conn))
		return SENT_BROKEN;
	conn->quiet = false;
	advance(conn);
	return SENT_ALL;
}

static enum sent pack_event(struct conn *conn)
{
	struct frame frame;
	char header[WS_HEADER_MAX];

	if (conn->heavy)
		return put_heavy(conn);
	frame_payload(conn, conn->session->ring.cursor, &frame, frame.head);
	struct str prefix = { frame.head, frame.head_len };
	conn->quiet = false;
	if (conn->compress || frame.len >= PAYLOAD_ZLIB_MIN) {
		if (!pack(conn, prefix, frame.body, frame.tail_len ? '}' : '\0'))
			return SENT_BROKEN;
	} else {
		struct buf *out = conn_out(conn);

		buf_put(out, header, ws_header(header, WS_TEXT, frame.len));
		buf_put_str(out, prefix);
		buf_put_str(out, frame.body);
		buf_putc(out, '}');
	}
	advance(conn);
	return SENT_ALL;
}

/* Big messages do not stay in memory for the next ones. */
static void trim_scratch(struct gateway_local *gateway)
{
	struct buf *bufs[] = { &gateway->scratch, &gateway->packed };

	for (uint32_t i = 0; i < ARRAY_SIZE(bufs); i++)
		if (bufs[i]->cap > 4 * GATEWAY_SLOT) {
			buf_done(bufs[i]);
			buf_init(bufs[i], GATEWAY_BODY_MAX);
		}
}

static enum sent send_packed(struct conn *conn, size_t *ret_taken)
{
	enum sent sent = SENT_ALL;

	while (ring_unsent(&conn->session->ring) && conn_out(conn)->len < GATEWAY_SLOT &&
	       sent == SENT_ALL && !waits(conn))
		sent = pack_event(conn);
	trim_scratch(conn->gateway);
	*ret_taken = conn_out(conn)->len;
	return sent == SENT_ALL ? send_out(conn) : sent;
}

/* -- compressed for many -- */

/* What has been compressed has to go out: into the slot while there is room and nothing waits before it. */
static void gather(struct conn *conn, size_t *used, struct str bytes)
{
	char *slot = conn->gateway->slot;

	if (!conn->out && *used + bytes.len <= GATEWAY_SLOT) {
		memcpy(slot + *used, bytes.ptr, bytes.len);
		*used += bytes.len;
		return;
	}
	if (!conn->out)
		buf_put(conn_out(conn), slot, *used);
	buf_put_str(conn_out(conn), bytes);
	*used += bytes.len;
}

/* The event at the cursor, compressed, and in a chain with nobody. */
static bool heavy_piece(struct conn *conn, struct str *ret)
{
	ws_share_drop(conn_share(conn), &conn->link);
	*ret = heavy_packed(conn);
	return ret->len;
}

/* The frame of the event at the cursor, which is then taken. False: it cannot be compressed. */
static bool gather_event(struct conn *conn, size_t *used)
{
	char ws_head[WS_HEADER_MAX], head[WS_SHARE_HEAD_MAX], prefix[GATEWAY_PREFIX_MAX];
	enum event_form form;
	struct event *event = ring_get(&conn->session->ring, conn->session->ring.cursor, &form);
	size_t prefix_len = json_prefix(prefix, event_descs[event->type].name,
					conn->session->ring.cursor, SEQ_WIDTH);
	bool room = atomic_load_explicit(&event->refs, memory_order_relaxed) >= ROOM_REFS;
	struct str piece;

	if (conn->heavy ? !heavy_piece(conn, &piece)
			: ws_share_piece(conn_share(conn), &conn->link, prefix_len,
					 form == FORM_ALT ? event->alt : event->full, '}', room,
					 &piece))
		return false;
	size_t head_len = ws_share_head(conn_share(conn), &conn->link, prefix_len, head);
	gather(conn, used,
	       (struct str){ ws_head,
			     ws_header(ws_head, WS_BINARY, head_len + prefix_len + piece.len) });
	gather(conn, used, (struct str){ head, head_len });
	gather(conn, used, (struct str){ prefix, prefix_len });
	gather(conn, used, piece);
	if (conn->heavy)
		heavy_sent(conn);
	conn->quiet = false;
	advance(conn);
	return !out_full(conn);
}

static enum sent send_shared(struct conn *conn, size_t *ret_taken)
{
	size_t used = 0, taken;
	enum sent sent;

	while (ring_unsent(&conn->session->ring) && used < GATEWAY_SLOT / 2 && !waits(conn))
		if (!gather_event(conn, &used))
			return SENT_BROKEN;
	*ret_taken = used;
	if (conn->out)
		return send_out(conn);
	if (used == 0)
		return SENT_ALL;
	sent = send_bytes(conn, conn->gateway->slot, used, &taken);
	/* It cannot be made again. */
	if (taken < used)
		buf_put(conn_out(conn), conn->gateway->slot + taken, used - taken);
	return sent;
}

/* -- flushing -- */

static bool has_events(const struct conn *conn)
{
	return conn->session && !session_held(conn->session) && !heavy_waits(conn) &&
		ring_unsent(&conn->session->ring);
}

static enum sent flush(struct conn *conn)
{
	size_t budget = GATEWAY_CONN_BURST, taken = 0;
	enum sent sent = SENT_ALL;

	/* Nothing may come into the middle of a frame. */
	if (conn->part && conn->session)
		sent = send_slot(conn, true, &taken);
	if (sent == SENT_ALL && conn->part == 0)
		sent = send_out(conn);
	while (sent == SENT_ALL && has_events(conn) && budget) {
		sent = conn->shared			       ? send_shared(conn, &taken)
			: conn->compress || conn->payload_zlib ? send_packed(conn, &taken)
							       : send_slot(conn, false, &taken);
		budget -= MIN(budget, taken);
	}
	return sent;
}

static void settle(struct conn *conn)
{
	struct session *session = conn->session;

	if (!session)
		return;
	if (session->ring.unsent_bytes <= session->gateway->config.ring_bytes / 2 &&
	    ring_next(&session->ring) - session->ring.cursor <=
		    session->gateway->config.ring_events / 2)
		conn->catching_up = false;
	if (session->guilds)
		guilds_pump(session);
	members_pump(session);
}

bool conn_flush(struct conn *conn)
{
	if (conn->blocked)
		return true;
	enum sent sent = flush(conn);
	if (sent == SENT_BROKEN) {
		conn_lost(conn);
		return false;
	}
	if (sent == SENT_ALL && (conn->part || has_events(conn) || conn->out))
		conn_mark(conn); /* The others first. */
	settle(conn);
	return true;
}

static const struct conn *dirty_conn(const struct gateway_local *gateway, const struct list *node)
{
	return node == &gateway->dirty || pace_owns(&gateway->pace, node)
		? NULL
		: list_entry(node, struct conn, dirty);
}

/* As in a walk through a crowd (fanout.c), most of the time is waiting for memory: so it is asked for ahead. */
static void look_ahead(const struct gateway_local *gateway)
{
	const struct list *near = gateway->dirty.next, *far = near->next;
	const struct conn *conn = dirty_conn(gateway, far);

	__builtin_prefetch(far->next);
	if (conn) {
		__builtin_prefetch(conn, 1);
		__builtin_prefetch(conn->sock);
	}
	if (conn && conn->session) {
		__builtin_prefetch(&conn->session->ring, 1);
		__builtin_prefetch(&conn->session->conn, 1);
	}
	conn = dirty_conn(gateway, near);
	if (conn && conn->session && conn->session->ring.cap)
		__builtin_prefetch(&conn->session->ring.slots[conn->session->ring.head]);
}

void conn_on_deferred(struct core *core, struct deferred *deferred)
{
	struct gateway_local *gateway = container_of(deferred, struct gateway_local, flush);
	struct clock *clock = core_cores(core)->clock;
	uint64_t end_us = clock_mono_us(clock) + pace_send_us(gateway);
	struct list *node;

	sessions_reap(gateway);
	for (uint32_t i = 1; (node = list_pop(&gateway->dirty)); i++) {
		if (pace_mark(gateway, node))
			continue;
		look_ahead(gateway);
		struct conn *conn = list_entry(node, struct conn, dirty);

		if (conn_flush(conn) && conn->closing && !conn->out)
			conn_sent(conn);
		if (i % FLUSH_CHECK == 0 && clock_mono_us(clock) >= end_us)
			break;
	}
	if (!list_empty(&gateway->dirty) || !list_empty(&gateway->doomed))
		core_defer(core, &gateway->flush);
}

/* -- what is no dispatch -- */

bool conn_send_frame(struct conn *conn, enum ws_opcode opcode, struct str payload)
{
	ws_put(conn_out(conn), opcode, payload);
	mark_first(conn);
	return ++conn->out->answers <= GATEWAY_ANSWERS_MAX && !out_full(conn);
}

bool conn_send_op(struct conn *conn, int op, struct str d)
{
	char text[256];
	struct buf term;

	int n = snprintf(text, sizeof(text), "{\"t\":null,\"s\":null,\"op\":%d,\"d\":%.*s}", op,
			 STR_FMT(d));
	assert(n > 0 && n < (int)sizeof(text));
	struct str payload = { text, (size_t)n };
	buf_init(&term, 1024);
	if (conn->etf) {
		struct enc enc;

		enc_init(&enc, &term, ENC_ETF);
		enc_start(&enc);
		enc_raw_json(&enc, payload);
		payload = buf_str(&term);
	}
	bool sent;
	if (conn->shared) {
		/* Whoever is in step is so no more. */
		ws_share_drop(conn_share(conn), &conn->link);
		buf_clear(&conn->gateway->packed);
		ws_share_plain(conn_share(conn), &conn->link, payload, &conn->gateway->packed);
		sent = conn_send_frame(conn, WS_BINARY, buf_str(&conn->gateway->packed));
	} else if (conn->compress) {
		sent = pack(conn, payload, S(""), '\0') &&
			++conn->out->answers <= GATEWAY_ANSWERS_MAX;
		mark_first(conn);
	} else {
		sent = conn_send_frame(conn, conn->etf ? WS_BINARY : WS_TEXT, payload);
	}
	buf_done(&term);
	return sent;
}
