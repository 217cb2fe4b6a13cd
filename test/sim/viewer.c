/* A gateway session by bytes: upgrade, frames, IDENTIFY and RESUME, and what must hold for `s`. What the events say is cache.c's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "main/serve.h"
#include "sim/sim.h"

enum {
	OP_DISPATCH = 0,
	OP_HEARTBEAT = 1,
	OP_RECONNECT = 7,
	OP_INVALID = 9,
	OP_HELLO = 10,
	OP_ACK = 11
};
enum { HEARTBEAT_US = 41 * 1000 * 1000, CLOSE = 8, TEXT = 1 };

void viewer_init(struct world *world, struct viewer *viewer, uint32_t index, uint32_t user,
		 uint32_t intents)
{
	*viewer =
		(struct viewer){ .world = world, .index = index, .user = user, .intents = intents };
	buf_init(&viewer->in, 64 << 20);
	buf_init(&viewer->out, 1 << 20);
	cache_forget(viewer);
}

static void forget_session(struct viewer *viewer)
{
	viewer->session[0] = '\0';
	viewer->seq = viewer->seen = viewer->confirmed = 0;
	cache_forget(viewer);
}

void viewer_done(struct viewer *viewer)
{
	cache_forget(viewer);
	json_decref(viewer->channels);
	json_decref(viewer->roles);
	json_decref(viewer->members);
	json_decref(viewer->messages);
	json_decref(viewer->floors);
	json_decref(viewer->newest);
	free(viewer->hashes);
	buf_done(&viewer->in);
	buf_done(&viewer->out);
}

static struct core *client_core(struct viewer *viewer)
{
	return viewer->world->clients->core[0];
}

/* -- out -- */

static void watch(struct viewer *viewer)
{
	sock_watch(client_core(viewer), viewer->sock,
		   (viewer->paused ? 0u : EPOLLIN) |
			   (viewer->out_at < viewer->out.len ? EPOLLOUT : 0u),
		   NULL);
}

static void flush(struct viewer *viewer)
{
	while (viewer->sock && viewer->out_at < viewer->out.len) {
		ssize_t n = sock_send(viewer->sock, viewer->out.ptr + viewer->out_at,
				      viewer->out.len - viewer->out_at);

		if (n <= 0)
			break;
		viewer->out_at += (size_t)n;
	}
	if (viewer->out_at == viewer->out.len) {
		buf_clear(&viewer->out);
		viewer->out_at = 0;
	}
	if (viewer->sock)
		watch(viewer);
}

/* A masked frame (RFC 6455 5.3). */
static void send_frame(struct viewer *viewer, int opcode, const char *text, size_t len)
{
	uint8_t mask[4];

	if (!viewer->sock)
		return;
	random_fill(&viewer->world->random.random, mask, 4);
	buf_putc(&viewer->out, (char)(0x80 | opcode));
	if (len < 126) {
		buf_putc(&viewer->out, (char)(0x80 | len));
	} else {
		buf_putc(&viewer->out, (char)(0x80 | 126));
		buf_put_u16(&viewer->out, (uint16_t)len);
	}
	buf_put(&viewer->out, mask, 4);
	for (size_t i = 0; i < len; i++)
		buf_putc(&viewer->out, (char)(text[i] ^ mask[i % 4]));
	flush(viewer);
}

__attribute__((format(printf, 2, 3))) static void send_text(struct viewer *viewer,
							    const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	send_frame(viewer, TEXT, text, (size_t)len);
}

void viewer_heartbeat(struct viewer *viewer)
{
	viewer->heartbeat_us = viewer->world->now_us + HEARTBEAT_US;
	if (viewer->state != VIEWER_UP)
		return;
	send_text(viewer, "{\"op\":1,\"d\":%lu}", viewer->seq);
	viewer->confirmed = viewer->seq;
}

void viewer_close(struct viewer *viewer, int code)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	if (viewer->state != VIEWER_UP)
		return;
	trace(viewer->world, "viewer %u closes with %d at s=%lu", viewer->index, code, viewer->seq);
	send_frame(viewer, CLOSE, payload, 2);
	viewer_drop(viewer, false);
	if (code == 1000)
		forget_session(viewer);
}

void viewer_pause(struct viewer *viewer, uint32_t rounds)
{
	if (!viewer->sock)
		return;
	viewer->paused = rounds;
	watch(viewer);
}

/* -- coming and going -- */

void viewer_drop(struct viewer *viewer, bool server_died)
{
	if (viewer->sock)
		sock_close(client_core(viewer), TAKE(viewer->sock));
	buf_clear(&viewer->in);
	buf_clear(&viewer->out);
	viewer->out_at = 0;
	viewer->paused = 0;
	viewer->state = VIEWER_DOWN;
	viewer->resuming = false;
	viewer->resting = 1 + (uint32_t)pick(viewer->world, server_died ? 20 : 60);
}

static void on_event(struct core *core, struct sock *sock, uint32_t events);

static void connect_viewer(struct viewer *viewer)
{
	struct world *world = viewer->world;
	struct sock_pair_config config = { .random = &world->random.random };
	struct core *core = world->server->core[pick(world, CORES)];
	struct sock *theirs;

	sock_pair(core, client_core(viewer), &config, &theirs, &viewer->sock);
	sock_set_owner(viewer->sock, viewer);
	sock_watch(client_core(viewer), viewer->sock, EPOLLIN, on_event);
	serve_accept(core, theirs, NULL);
	viewer->state = VIEWER_UPGRADING;
	buf_put_str(
		&viewer->out,
		S("GET /?v=10&encoding=json HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
	flush(viewer);
}

void viewer_step(struct viewer *viewer)
{
	if (viewer->off && viewer->state == VIEWER_DOWN)
		return;
	if (viewer->paused && --viewer->paused == 0 && viewer->sock)
		watch(viewer);
	if (viewer->state == VIEWER_UP && viewer->world->now_us >= viewer->heartbeat_us)
		viewer_heartbeat(viewer);
	if (viewer->state == VIEWER_DOWN && viewer->resting && --viewer->resting == 0)
		connect_viewer(viewer);
}

/* Anywhere from what was confirmed: as a client that lost what it had last. */
static uint64_t resume_from(struct viewer *viewer)
{
	uint64_t least = MAX(viewer->confirmed, viewer->seen > 12 ? viewer->seen - 12 : 1);

	return chance(viewer->world, 50) ? viewer->seen
					 : least + pick(viewer->world, viewer->seen - least + 1);
}

static void begin(struct viewer *viewer)
{
	const struct actor *user = &viewer->world->users[viewer->user];

	viewer->state = VIEWER_STARTING;
	if (viewer->session[0]) {
		viewer->resuming = true;
		viewer->seq = resume_from(viewer);
		trace(viewer->world, "viewer %u resumes at s=%lu of %lu", viewer->index,
		      viewer->seq, viewer->seen);
		send_text(viewer,
			  "{\"op\":6,\"d\":{\"token\":\"%s\",\"session_id\":\"%s\",\"seq\":%lu}}",
			  user->token, viewer->session, viewer->seq);
		return;
	}
	viewer->resuming = false;
	forget_session(viewer);
	viewer->life = viewer->world->life;
	trace(viewer->world, "viewer %u identifies as %u", viewer->index, viewer->user);
	send_text(
		viewer,
		"{\"op\":2,\"d\":{\"token\":\"%s\",\"intents\":%u,\"properties\":{\"os\":\"l\",\"browser\":\"s\",\"device\":\"s\"}}}",
		user->token, viewer->intents);
}

/* -- in -- */

static void dispatch(struct viewer *viewer, json_t *root, struct str text)
{
	struct world *world = viewer->world;
	const char *type = json_string_value(json_object_get(root, "t"));
	json_t *d = json_object_get(root, "d");
	uint64_t s = (uint64_t)json_integer_value(json_object_get(root, "s"));
	uint64_t hash = XXH3_64bits(text.ptr, text.len);

	if (!type || viewer->state < VIEWER_STARTING) {
		fail(world, "viewer %u: a dispatch without a name or before IDENTIFY",
		     viewer->index);
		return;
	}
	if (s != viewer->seq + 1) {
		fail(world, "viewer %u: s=%lu after %lu (%s)", viewer->index, s, viewer->seq, type);
		return;
	}
	viewer->seq = s;
	if (s <= viewer->seen) {
		if (viewer->hashes[s] != hash)
			fail(world, "viewer %u: s=%lu is another event when it is replayed (%s)",
			     viewer->index, s, type);
		return;
	}
	if (s >= viewer->hashes_cap) {
		viewer->hashes_cap = MAX(s * 2, 64u);
		viewer->hashes = mem_realloc(viewer->hashes, viewer->hashes_cap * sizeof(uint64_t));
	}
	viewer->hashes[s] = hash;
	viewer->seen = s;
	trace(world, "viewer %u gets s=%lu %s %.*s", viewer->index, s, type,
	      (int)MIN(text.len, 300), text.ptr);
	if (!strcmp(type, "READY")) {
		snprintf(viewer->session, sizeof(viewer->session), "%s",
			 json_string_value(json_object_get(d, "session_id")));
		viewer->state = VIEWER_UP;
		viewer->heartbeat_us = world->now_us + pick(world, HEARTBEAT_US);
	} else if (!strcmp(type, "RESUMED")) {
		viewer->state = VIEWER_UP;
		viewer->resuming = false;
		world->resumes++;
	} else if (viewer->state != VIEWER_UP && !viewer->resuming) {
		fail(world, "viewer %u: %s before READY", viewer->index, type);
	}
	cache_event(viewer, type, d);
}

static void on_invalid(struct viewer *viewer, bool again)
{
	const struct world *world = viewer->world;

	trace(viewer->world, "viewer %u: session invalid, again=%d", viewer->index, again);
	/* Only accidents cost a session: its process died, or a cell lost its state. */
	if (viewer->resuming && viewer->life == world->life && !world->restarts &&
	    !world->disk_failed)
		fail(viewer->world, "viewer %u: RESUME refused at s=%lu of %lu, confirmed %lu",
		     viewer->index, viewer->seq, viewer->seen, viewer->confirmed);
	if (viewer->resuming && !again)
		forget_session(viewer);
	viewer_drop(viewer, false);
}

static void on_payload(struct viewer *viewer, struct str text)
{
	json_error_t error;
	json_t *root = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &error);

	if (!root) {
		fail(viewer->world, "viewer %u: a payload is no JSON (%s at %d): %.*s",
		     viewer->index, error.text, error.position, (int)MIN(text.len, 250), text.ptr);
		return;
	}
	switch (json_integer_value(json_object_get(root, "op"))) {
	case OP_DISPATCH: dispatch(viewer, root, text); break;
	case OP_HEARTBEAT: viewer_heartbeat(viewer); break;
	case OP_RECONNECT: viewer_drop(viewer, false); break;
	case OP_INVALID: on_invalid(viewer, json_is_true(json_object_get(root, "d"))); break;
	case OP_HELLO: begin(viewer); break;
	case OP_ACK: break;
	default: fail(viewer->world, "viewer %u: an unknown op", viewer->index);
	}
	json_decref(root);
}

static void on_close(struct viewer *viewer, int code)
{
	trace(viewer->world, "viewer %u is closed with %d at s=%lu", viewer->index, code,
	      viewer->seq);
	/* 4000: taken over, too slow, or a cell that does not take its sessions back; 4009: no heartbeat in time. */
	if (code != 4000 && code != 4009 && code != 1000 && code != 1001)
		fail(viewer->world, "viewer %u is closed with %d", viewer->index, code);
	viewer_drop(viewer, false);
}

/* One frame at the head of what came; false when there is none whole. */
static bool take_frame(struct viewer *viewer)
{
	const uint8_t *at = (const uint8_t *)viewer->in.ptr;
	uint64_t len, head = 2;

	if (viewer->state == VIEWER_UPGRADING) {
		const char *end = viewer->in.len
			? memmem(viewer->in.ptr, viewer->in.len, "\r\n\r\n", 4)
			: NULL;

		if (!end)
			return false;
		if (strncmp(viewer->in.ptr, "HTTP/1.1 101", 12))
			fail(viewer->world, "viewer %u: no upgrade: %.20s", viewer->index,
			     viewer->in.ptr);
		viewer->state = VIEWER_HELLO;
		buf_consume(&viewer->in, (size_t)(end + 4 - viewer->in.ptr));
		return true;
	}
	if (viewer->in.len < 2)
		return false;
	len = at[1];
	if (len == 126) {
		head = 4;
		if (viewer->in.len < head)
			return false;
		len = (uint64_t)at[2] << 8 | at[3];
	} else if (len == 127) {
		head = 10;
		if (viewer->in.len < head)
			return false;
		len = 0;
		for (int i = 2; i < 10; i++)
			len = len << 8 | at[i];
	} else if (len > 127) {
		fail(viewer->world, "viewer %u: a masked frame", viewer->index);
		return false;
	}
	if (viewer->in.len < head + len)
		return false;
	char *payload = mem_dup(at + head, len + 1 > len ? len : 0);
	int first = at[0];
	buf_consume(&viewer->in, head + len);
	if (first == (0x80 | TEXT))
		on_payload(viewer, (struct str){ payload, len });
	else if (first == (0x80 | CLOSE))
		on_close(viewer, len >= 2 ? (uint8_t)payload[0] << 8 | (uint8_t)payload[1] : 1005);
	else
		fail(viewer->world, "viewer %u: a frame that begins with 0x%x", viewer->index,
		     (unsigned)first);
	free(payload);
	return true;
}

static void on_event(struct core *core, struct sock *sock, uint32_t events)
{
	struct viewer *viewer = sock_owner(sock);
	char chunk[16384];
	ssize_t n;

	(void)core;
	(void)events;
	for (;;) {
		n = sock_recv(sock, chunk, sizeof(chunk));
		if (n <= 0)
			break;
		buf_put(&viewer->in, chunk, (size_t)n);
	}
	while (viewer->sock == sock && !viewer->world->failed && take_frame(viewer))
		continue;
	if (viewer->sock != sock)
		return;
	if (n != -EAGAIN) {
		trace(viewer->world, "viewer %u: the connection ends r=%zd at s=%lu", viewer->index,
		      n, viewer->seq);
		viewer_drop(viewer, false);
		return;
	}
	flush(viewer);
}
