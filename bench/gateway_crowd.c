/* The processes that hold the sessions: they read, count, measure, and check each session's numbers. */
#include "gateway_crowd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { INPUT = 4 << 20, TEXT = 4 << 20, AT_ONCE = 48, INTENTS = 1 | 1 << 9 | 1 << 15 };

enum state { CUT, UPGRADING, HELLO, OPENING, LIVE };

struct peer {
	int fd;
	uint8_t state;
	bool stalled, was_ready;
	uint32_t token;
	uint32_t s, messages;
	uint64_t number_sum, order_hash;
	char name[33];
	char *rest; /* of a frame that has not come whole */
	size_t rest_len;
	union {
		z_stream *zlib;
		ZSTD_DStream *zstd;
	};
};

static struct peer *peers;
static uint32_t count, self, opening, next_peer;
static struct worker_stats *stats;
static char *input, *text;
static int poller;

uint32_t bucket_of(uint64_t ns)
{
	uint64_t us = ns / 1000 + 1;
	uint32_t log = 63 - (uint32_t)__builtin_clzll(us);
	uint64_t part = log >= 5 ? us >> (log - 5) & 31 : us << (5 - log) & 31;

	return log * 32 + (uint32_t)part;
}

double bucket_ms(uint32_t bucket)
{
	return (double)(1ull << bucket / 32) * (1 + (bucket % 32 + 0.5) / 32) / 1000;
}

static void fault(const struct peer *peer, const char *what)
{
	if (stats->faults++ < 5)
		fprintf(stderr, "gateway: session %ld of worker %u: %s (s %u, message %u)\n",
			(long)(peer - peers), self, what, peer->s, peer->messages);
}

/* -- connections -- */

static void send_frame(struct peer *peer, const char *payload, size_t len)
{
	char frame[1024];
	size_t n = 2;

	frame[0] = (char)0x81;
	if (len < 126) {
		frame[1] = (char)(0x80 | len);
	} else {
		frame[1] = (char)(0x80 | 126);
		frame[2] = (char)(len >> 8);
		frame[3] = (char)len;
		n = 4;
	}
	memset(frame + n, 0, 4); /* a mask of zeros changes nothing */
	memcpy(frame + n + 4, payload, len);
	n += 4 + len;
	if (send(peer->fd, frame, n, MSG_NOSIGNAL) != (ssize_t)n)
		fault(peer, "it cannot send");
}

static void coding_end(struct peer *peer)
{
	if (crowd->coding == CODING_ZLIB && peer->zlib) {
		inflateEnd(peer->zlib);
		free(peer->zlib);
	} else if (crowd->coding == CODING_ZSTD) {
		ZSTD_freeDStream(peer->zstd);
	}
	peer->zlib = NULL;
}

static void cut(struct peer *peer)
{
	coding_end(peer);
	close(peer->fd);
	free(peer->rest);
	peer->fd = -1;
	peer->rest = NULL;
	peer->rest_len = 0;
	peer->state = CUT;
}

static void open_peer(struct peer *peer)
{
	static const char *const codings[] = { "", "&compress=zlib-stream",
					       "&compress=zstd-stream" };
	char request[512];

	peer->fd = dial(self);
	peer->state = UPGRADING;
	if (crowd->coding == CODING_ZLIB) {
		peer->zlib = calloc(1, sizeof(*peer->zlib));
		if (!peer->zlib || inflateInit(peer->zlib) != Z_OK)
			die("inflate");
	} else if (crowd->coding == CODING_ZSTD) {
		peer->zstd = ZSTD_createDStream();
	}
	struct epoll_event event = { EPOLLIN, { .ptr = peer } };
	epoll_ctl(poller, EPOLL_CTL_ADD, peer->fd, &event);
	int n = snprintf(
		request, sizeof(request),
		"GET /?v=10&encoding=json%s HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		codings[crowd->coding]);
	if (send(peer->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		die("upgrade");
	opening++;
}

static void pump(void)
{
	uint32_t may = __atomic_load_n(&crowd->open_max, __ATOMIC_RELAXED);

	while (opening < AT_ONCE && next_peer < count && next_peer < may) {
		struct peer *peer = &peers[next_peer++];

		if (peer->state == CUT)
			open_peer(peer);
	}
}

static void opened(struct peer *peer)
{
	peer->state = LIVE;
	opening--;
	if (!peer->was_ready)
		stats->ready++;
	else
		stats->resumed++;
	peer->was_ready = true;
	pump();
}

static void say_hello(struct peer *peer)
{
	char payload[512];
	int n;

	if (peer->was_ready)
		n = snprintf(
			payload, sizeof(payload),
			"{\"op\":6,\"d\":{\"token\":\"%.159s\",\"session_id\":\"%s\",\"seq\":%u}}",
			crowd->tokens[peer->token], peer->name, peer->s);
	else
		n = snprintf(
			payload, sizeof(payload),
			"{\"op\":2,\"d\":{\"token\":\"%.159s\",\"intents\":%d,\"properties\":{\"os\":\"l\",\"browser\":\"b\",\"device\":\"d\"}}}",
			crowd->tokens[peer->token], INTENTS);
	send_frame(peer, payload, (size_t)n);
	peer->state = OPENING;
}

/* -- payloads -- */

static void on_message(struct peer *peer, const char *payload, size_t len, uint64_t now)
{
	const char *mark = memmem(payload, len, "\"content\":\"#", 12);

	if (!mark) {
		fault(peer, "a message without content");
		return;
	}
	uint32_t number = (uint32_t)strtoul(mark + 12, NULL, 10);
	if (number >= crowd->said) {
		fault(peer, "a message that nobody sent");
		return;
	}
	peer->messages++;
	peer->number_sum += number;
	peer->order_hash = (peer->order_hash ^ number) * 0x100000001b3u;
	stats->latency[bucket_of(now - crowd->sent_ns[number])]++;
	crowd->last_ns[self][number] = now;
	stats->deliveries++;
}

static void on_dispatch(struct peer *peer, const char *payload, size_t len, uint64_t now)
{
	const char *type = payload + 6, *end = memchr(type, '"', len - 6);
	size_t type_len = end ? (size_t)(end - type) : 0;

	if (!end || memcmp(end, "\",\"s\":", 6)) {
		fault(peer, "no type or number");
		return;
	}
	uint32_t s = (uint32_t)strtoul(end + 6, NULL, 10);
	bool resumed = type_len == 7 && !memcmp(type, "RESUMED", 7);
	if (s != peer->s + 1 && !(resumed && s == peer->s))
		fault(peer, s <= peer->s ? "a repeat or a step back" : "a gap");
	peer->s = s;
	if (type_len == 14 && !memcmp(type, "MESSAGE_CREATE", 14)) {
		on_message(peer, payload, len, now);
	} else if (type_len == 5 && !memcmp(type, "READY", 5)) {
		const char *name = memmem(payload, len, "\"session_id\":\"", 14);

		if (name)
			memcpy(peer->name, name + 14, 32);
	} else if (type_len == 12 && !memcmp(type, "GUILD_CREATE", 12) && peer->state != LIVE) {
		opened(peer);
	} else if (resumed) {
		opened(peer);
	}
}

static void on_payload(struct peer *peer, const char *payload, size_t len, uint64_t now)
{
	if (len > 12 && !memcmp(payload, "{\"t\":\"", 6)) {
		on_dispatch(peer, payload, len, now);
		return;
	}
	const char *op = memmem(payload, len, "\"op\":", 5);
	switch (op ? strtol(op + 5, NULL, 10) : -1) {
	case 10: say_hello(peer); break;
	case 11: stats->acks++; break;
	default:
		fault(peer, "an unexpected payload");
		fprintf(stderr, "%.*s\n", (int)(len < 200 ? len : 200), payload);
	}
}

static void unpack_zlib(struct peer *peer, char *data, size_t len, uint64_t now)
{
	z_stream *z = peer->zlib;

	if (len < 4 || memcmp(data + len - 4, "\0\0\xff\xff", 4))
		fault(peer, "no end of a flush");
	z->next_in = (Bytef *)data;
	z->avail_in = (uInt)len;
	z->next_out = (Bytef *)text;
	z->avail_out = TEXT;
	int r = inflate(z, Z_SYNC_FLUSH);
	if ((r != Z_OK && r != Z_BUF_ERROR) || z->avail_in)
		fault(peer, "broken deflate");
	else
		on_payload(peer, text, TEXT - z->avail_out, now);
}

static void unpack_zstd(struct peer *peer, char *data, size_t len, uint64_t now)
{
	ZSTD_inBuffer in = { data, len, 0 };
	ZSTD_outBuffer out = { text, TEXT, 0 };

	while (in.pos < in.size) {
		size_t r = ZSTD_decompressStream(peer->zstd, &out, &in);

		if (ZSTD_isError(r) || r == 0) {
			fault(peer, r ? "broken zstd" : "the zstd frame ended");
			return;
		}
	}
	ZSTD_decompressStream(peer->zstd, &out, &in); /* what it still holds */
	on_payload(peer, text, out.pos, now);
}

/* False: the server ended it. */
static bool on_frame(struct peer *peer, int opcode, char *data, size_t len, uint64_t now)
{
	if (opcode == 8) {
		if (!peer->stalled) {
			char what[32];

			snprintf(what, sizeof(what), "closed with %u",
				 len >= 2 ? (unsigned)(uint8_t)data[0] << 8 | (uint8_t)data[1] : 0);
			fault(peer, what);
		}
		return false;
	}
	if (crowd->coding == CODING_ZLIB && opcode == 2)
		unpack_zlib(peer, data, len, now);
	else if (crowd->coding == CODING_ZSTD && opcode == 2)
		unpack_zstd(peer, data, len, now);
	else
		on_payload(peer, data, len, now);
	return true;
}

/* How many bytes of @data were whole; SIZE_MAX: it is over. */
static size_t frames(struct peer *peer, char *data, size_t len, uint64_t now)
{
	size_t at = 0;

	while (len - at >= 2) {
		unsigned char *f = (unsigned char *)data + at;
		size_t head = 2, n = f[1] & 0x7f;

		if (n == 126)
			head = 4;
		else if (n == 127)
			head = 10;
		if (len - at < head)
			break;
		if (n >= 126) {
			n = 0;
			for (size_t i = 2; i < head; i++)
				n = n << 8 | f[i];
		}
		if (len - at < head + n)
			break;
		if (!on_frame(peer, f[0] & 15, data + at + head, n, now))
			return SIZE_MAX;
		at += head + n;
	}
	return at;
}

static void on_readable(struct peer *peer)
{
	size_t len = peer->rest_len, at = 0;

	if (len)
		memcpy(input, peer->rest, len);
	ssize_t n = recv(peer->fd, input + len, INPUT - len, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		if (!peer->stalled)
			fault(peer, "the connection broke");
		opening -= peer->state != LIVE;
		cut(peer);
		return;
	}
	len += (size_t)n;
	stats->bytes += (uint64_t)n;
	if (peer->state == UPGRADING) {
		char *end = memmem(input, len, "\r\n\r\n", 4);

		if (end) {
			at = (size_t)(end - input) + 4;
			peer->state = HELLO;
		}
	}
	if (peer->state != UPGRADING) {
		size_t used = frames(peer, input + at, len - at, now_ns());

		if (used == SIZE_MAX) {
			opening -= peer->state != LIVE;
			cut(peer);
			return;
		}
		at += used;
	}
	free(peer->rest);
	peer->rest = NULL;
	peer->rest_len = len - at;
	if (peer->rest_len) {
		peer->rest = malloc(peer->rest_len);
		if (!peer->rest)
			die("memory");
		memcpy(peer->rest, input + at, peer->rest_len);
	}
}

/* -- orders -- */

static void beat(struct peer *peer)
{
	char payload[64];
	int n = snprintf(payload, sizeof(payload), "{\"op\":1,\"d\":%u}", peer->s);

	send_frame(peer, payload, (size_t)n);
}

static void stall(struct peer *peer)
{
	int small = 4096;

	setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	epoll_ctl(poller, EPOLL_CTL_DEL, peer->fd, NULL);
	peer->stalled = true;
	stats->stalled++;
}

static void go_on(struct peer *peer)
{
	struct epoll_event event = { EPOLLIN, { .ptr = peer } };

	if (peer->stalled && peer->state != CUT)
		epoll_ctl(poller, EPOLL_CTL_ADD, peer->fd, &event);
}

static void check_end(struct peer *peer)
{
	uint64_t said = crowd->said;

	if (peer->messages != said || peer->number_sum != said * (said - 1) / 2)
		fault(peer, "messages are missing or doubled");
	if (peer->order_hash != peers[0].order_hash)
		fault(peer, "another order than its neighbours'");
	stats->order_hash = peer->order_hash;
}

static void obey(enum order what)
{
	for (uint32_t i = 0; i < count; i++) {
		struct peer *peer = &peers[i];

		switch (what) {
		case ORDER_BEAT_CALMLY:
			if (i % 64 == 0)
				usleep(2000);
			/* fall through */
		case ORDER_BEAT:
			if (peer->state == LIVE)
				beat(peer);
			break;
		case ORDER_STALL:
			if (i % 100 == 0)
				stall(peer);
			break;
		case ORDER_GO_ON: go_on(peer); break;
		case ORDER_CUT: cut(peer); break;
		case ORDER_END: check_end(peer); break;
		default: break;
		}
	}
	if (what == ORDER_RESUME) {
		next_peer = 0;
		pump();
	}
	stats->obeyed++;
}

void worker(uint32_t index)
{
	struct epoll_event events[512];
	uint32_t obeyed = 0;

	self = index;
	stats = &crowd->worker[index];
	count = crowd->sessions / crowd->workers + (index < crowd->sessions % crowd->workers);
	peers = calloc(count, sizeof(*peers));
	input = malloc(INPUT);
	text = malloc(TEXT);
	poller = epoll_create1(0);
	if (!peers || !input || !text || poller < 0)
		die("memory");
	for (uint32_t i = 0; i < count; i++) {
		peers[i].fd = -1;
		/* The first token sends. */
		peers[i].token = crowd->tokens_count > 1
			? 1 + (i * crowd->workers + index) % (crowd->tokens_count - 1)
			: 0;
	}
	pump();
	for (;;) {
		int n = epoll_wait(poller, events, 512, 2);

		for (int i = 0; i < n; i++)
			on_readable(events[i].data.ptr);
		if (opening == 0)
			pump();
		uint32_t number = __atomic_load_n(&crowd->order_number, __ATOMIC_SEQ_CST);
		if (number != obeyed) {
			obeyed = number;
			obey(crowd->order);
			if (crowd->order == ORDER_END)
				return;
		}
	}
}

/* -- the bystander -- */

static void wait_for(int fd, const char *what)
{
	size_t len = 0;

	while (!memmem(input, len, what, strlen(what))) {
		ssize_t n = len == INPUT ? 0 : recv(fd, input + len, INPUT - len, 0);

		if (n <= 0)
			die("bystander");
		len += (size_t)n;
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_times(const char *name, double *ms, size_t n)
{
	if (!n)
		return;
	qsort(ms, n, sizeof(*ms), compare);
	printf(",\"%s_p50_ms\":%.2f,\"%s_p99_ms\":%.2f", name, ms[n / 2], name, ms[n * 99 / 100]);
}

void bystander(double seconds)
{
	static double gets[100000], beats[100000];
	static struct worker_stats own;
	struct peer peer = {};
	const char *token = crowd->tokens[crowd->tokens_count - 1];
	char request[512], payload[256];
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	size_t n = 0;
	int http = dial(90), len;

	stats = &own;
	input = malloc(INPUT);
	peer.fd = dial(91);
	len = snprintf(
		request, sizeof(request),
		"GET /?v=10&encoding=json HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	if (!input || send(peer.fd, request, (size_t)len, 0) != len)
		die("bystander");
	wait_for(peer.fd, "\"op\":10");
	len = snprintf(
		payload, sizeof(payload),
		"{\"op\":2,\"d\":{\"token\":\"%.159s\",\"intents\":0,\"properties\":{\"os\":\"l\"}}}",
		token);
	send_frame(&peer, payload, (size_t)len);
	wait_for(peer.fd, "\"READY\"");
	len = snprintf(
		request, sizeof(request),
		"GET /api/v10/users/@me HTTP/1.1\r\nHost: bench\r\nAuthorization: Bot %s\r\n\r\n",
		token);
	for (; now_ns() < end && n < 100000; n++) {
		uint64_t start = now_ns();

		if (send(http, request, (size_t)len, 0) != len)
			die("bystander");
		wait_for(http, "}");
		gets[n] = (double)(now_ns() - start) / 1e6;
		start = now_ns();
		send_frame(&peer, "{\"op\":1,\"d\":null}", 17);
		wait_for(peer.fd, "\"op\":11");
		beats[n] = (double)(now_ns() - start) / 1e6;
		usleep(3000);
	}
	print_times("get", gets, n);
	print_times("beat", beats, n);
}
