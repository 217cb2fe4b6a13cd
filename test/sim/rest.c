/* REST by bytes: keep-alive connections to any core, one call at a time on each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main/serve.h"
#include "sim/sim.h"

struct request *call_new(struct world *world, uint32_t user, const char *what, const char *method)
{
	struct request *call = mem_zalloc(sizeof(*call));

	call->number = ++world->calls_started;
	call->user = user;
	call->what = what;
	snprintf(call->method, sizeof(call->method), "%s", method);
	return call;
}

void call_free(struct request *call)
{
	if (!call)
		return;
	json_decref(call->reply);
	free(call->body);
	free(call);
}

static struct rest *find_free(struct world *world, uint32_t user)
{
	for (uint32_t i = 0; i < RESTS_PER_USER; i++) {
		struct rest *rest = &world->rests[user * RESTS_PER_USER + i];

		if (!rest->call)
			return rest;
	}
	return NULL;
}

bool rest_free(const struct world *world, uint32_t user)
{
	return find_free((struct world *)(uintptr_t)world, user) != NULL;
}

static void ended(struct rest *rest, enum outcome outcome, bool over)
{
	struct world *world = rest->world;
	struct request *call = TAKE(rest->call);

	call->outcome = outcome;
	call->end = outcome == UNKNOWN && !over ? UINT64_MAX : world->tick;
	for (uint32_t i = 0; i < call->tries_count; i++) {
		struct write *write =
			&world->journal.regs[call->tries[i].reg].writes[call->tries[i].write];

		if (write->outcome == ACKED) /* seen before it was answered */
			continue;
		write->outcome = outcome;
		write->end = call->end;
	}
	world->calls_pending--;
	world->acked += outcome == ACKED;
	trace(world, "call %u %s by %u: %s %d", call->number, call->what, call->user,
	      outcome == ACKED		   ? "done"
		      : outcome == REFUSED ? "refused"
					   : "unanswered",
	      call->status);
	if (call->done)
		call->done(world, call);
	if (!call->keep)
		call_free(call);
}

/* @server_died: whatever it was doing, it does not go on. */
void rest_break(struct rest *rest, bool server_died)
{
	if (rest->sock)
		sock_close(rest->world->clients->core[0], TAKE(rest->sock));
	buf_clear(&rest->in);
	buf_clear(&rest->out);
	rest->out_at = 0;
	if (rest->call)
		ended(rest, UNKNOWN, server_died);
}

static struct str header(struct str head, const char *name)
{
	size_t len = strlen(name);

	for (size_t at = 0; at + len < head.len; at++)
		if (head.ptr[at] == '\n' &&
		    str_ieq((struct str){ head.ptr + at + 1, len }, str_z(name))) {
			struct str rest = str_skip(head, at + 1 + len);

			return str_trim((struct str){ rest.ptr, str_find(rest, '\r') });
		}
	return (struct str){};
}

/* A whole answer at the head of what came? */
static void read_answer(struct rest *rest)
{
	struct world *world = rest->world;
	const char *end = rest->in.len ? memmem(rest->in.ptr, rest->in.len, "\r\n\r\n", 4) : NULL;
	uint64_t length = 0;

	if (!end)
		return;
	struct str head = { rest->in.ptr, (size_t)(end - rest->in.ptr) + 2 };
	int status = head.len > 12 ? atoi(head.ptr + 9) : 0;
	struct str text = header(head, "content-length:");
	if (text.ptr && !str_u64(text, &length))
		fail(world, "an answer's length is no number");
	if (rest->in.len < head.len + 2 + length)
		return;
	if (!rest->call) {
		fail(world, "an answer that nobody asked for");
		return;
	}
	rest->call->status = status;
	if (length) {
		json_error_t error;

		rest->call->reply = json_loadb(end + 4, length, JSON_ALLOW_NUL, &error);
		if (!rest->call->reply)
			fail(world, "an answer is no JSON: %.*s", (int)MIN(length, 80), end + 4);
	}
	struct str connection = header(head, "connection:");
	bool close = str_ieq(connection, S("close"));
	buf_consume(&rest->in, head.len + 2 + length);
	if (close)
		sock_close(world->clients->core[0], TAKE(rest->sock));
	/* 5xx: not known whether it was done, but it is over. */
	if (status >= 500 && status != 503)
		fail(world, "call %u %s %s: %d", rest->call->number, rest->call->method,
		     rest->call->path, status);
	ended(rest, status >= 500 ? UNKNOWN : status >= 400 ? REFUSED : ACKED, true);
}

static void flush(struct rest *rest)
{
	while (rest->out_at < rest->out.len) {
		ssize_t n = sock_send(rest->sock, rest->out.ptr + rest->out_at,
				      rest->out.len - rest->out_at);

		if (n <= 0)
			break;
		rest->out_at += (size_t)n;
	}
	sock_watch(rest->world->clients->core[0], rest->sock,
		   EPOLLIN | (rest->out_at < rest->out.len ? EPOLLOUT : 0), NULL);
}

static void on_event(struct core *core, struct sock *sock, uint32_t events)
{
	struct rest *rest = sock_owner(sock);
	char chunk[16384];
	ssize_t n = -EAGAIN;

	(void)core;
	(void)events;
	for (;;) {
		n = sock_recv(sock, chunk, sizeof(chunk));
		if (n <= 0)
			break;
		buf_put(&rest->in, chunk, (size_t)n);
	}
	read_answer(rest);
	if (!rest->sock)
		return;
	if (n != -EAGAIN) {
		trace(rest->world, "a connection of %u ends r=%zd", rest->user, n);
		rest_break(rest, false);
		return;
	}
	flush(rest);
}

static void connect_rest(struct rest *rest)
{
	struct world *world = rest->world;
	struct core *core = world->server->core[pick(world, CORES)];
	struct sock_pair_config config = { .random = &world->random.random };
	struct sock *theirs;

	sock_pair(core, world->clients->core[0], &config, &theirs, &rest->sock);
	sock_set_owner(rest->sock, rest);
	sock_watch(world->clients->core[0], rest->sock, EPOLLIN, on_event);
	serve_accept(core, theirs, NULL);
	buf_done(&rest->in);
	buf_done(&rest->out);
	buf_init(&rest->in, 16 << 20);
	buf_init(&rest->out, 1 << 20);
	rest->out_at = 0;
}

bool call_send(struct world *world, struct request *call)
{
	struct rest *rest = find_free(world, call->user);
	const struct actor *user = &world->users[call->user];

	if (!rest) {
		call_free(call);
		return false;
	}
	if (!rest->sock)
		connect_rest(rest);
	buf_clear(&rest->out);
	rest->out_at = 0;
	buf_printf(&rest->out, "%s /api/v10%s HTTP/1.1\r\nHost: sim\r\nAuthorization: %s%s\r\n",
		   call->method, call->path, user->bot ? "Bot " : "", user->token);
	if (call->body)
		buf_printf(&rest->out,
			   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			   strlen(call->body), call->body);
	else
		buf_put_str(&rest->out,
			    !strcmp(call->method, "GET") ? S("\r\n")
							 : S("Content-Length: 0\r\n\r\n"));
	call->start = world->tick;
	call->end = UINT64_MAX;
	rest->call = call;
	world->calls_pending++;
	trace(world, "call %u %s by %u: %s %s %s", call->number, call->what, call->user,
	      call->method, call->path, call->body ? call->body : "");
	flush(rest);
	return true;
}

struct request *call_wait(struct world *world, uint32_t user, const char *method, const char *body,
			  const char *path_format, ...)
{
	struct request *call = call_new(world, user, "asked", method);
	va_list args;

	va_start(args, path_format);
	vsnprintf(call->path, sizeof(call->path), path_format, args);
	va_end(args);
	call->body = body ? mem_strdup(body) : NULL;
	call->keep = true;
	while (!rest_free(world, user) && !world->failed)
		world_round(world);
	if (world->failed) {
		call->outcome = UNKNOWN;
		return call;
	}
	call_send(world, call);
	while (call->outcome == PENDING && !world->failed)
		world_round(world);
	if (call->outcome == PENDING) { /* what it is part of has failed */
		for (uint32_t i = 0; i < ARRAY_SIZE(world->rests); i++)
			if (world->rests[i].call == call)
				rest_break(&world->rests[i], true);
	}
	return call;
}
