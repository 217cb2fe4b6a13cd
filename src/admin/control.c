#include "admin/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "core/fiber.h"
#include "net/listener.h"
#include "net/peercred.h"
#include "net/sock.h"

enum { READ_MS = 10000, SEND_MS = 30000, CONNS_MAX = 16, CHUNK = 4096, SUN_PATH = 100 };

struct control {
	struct admin *admin;
	struct listener *listener;
	int dir; /* -1: the path fits */
	struct list conns;
	uint32_t count;
};

struct conn {
	struct list node;
	struct control *control;
	struct sock *sock;
	struct timer timer;
	struct buf in, out;
	size_t sent;
	json_t *args;
	const struct admin_command *command;
};

static void conn_free(struct core *core, struct conn *conn)
{
	timer_clear(&conn->timer);
	list_del(&conn->node);
	conn->control->count--;
	sock_close(core, conn->sock);
	buf_done(&conn->in);
	buf_done(&conn->out);
	json_decref(conn->args);
	free(conn);
}

static void on_timeout(struct core *core, struct timer *timer)
{
	conn_free(core, container_of(timer, struct conn, timer));
}

static void on_writable(struct core *core, struct sock *sock, uint32_t events)
{
	struct conn *conn = sock_owner(sock);

	(void)events;
	while (conn->sent < conn->out.len) {
		ssize_t n = sock_send(sock, conn->out.ptr + conn->sent, conn->out.len - conn->sent);

		if (n == -EAGAIN)
			return;
		if (n < 0)
			break;
		conn->sent += (size_t)n;
		timer_set(core, &conn->timer, SEND_MS);
	}
	conn_free(core, conn);
}

static void answer(struct core *core, struct conn *conn, json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT);

	buf_put_str(&conn->out, str_z(text));
	buf_putc(&conn->out, '\n');
	free(text);
	json_decref(answer);
	if (conn->out.full) {
		buf_clear(&conn->out);
		buf_put_str(&conn->out, S("{\"ok\":false,\"error\":\"the answer is too long\"}\n"));
	}
	timer_set(core, &conn->timer, SEND_MS);
	sock_watch(core, conn->sock, EPOLLOUT, on_writable);
}

static void run(struct core *core, void *arg)
{
	struct conn *conn = arg;

	answer(core, conn, admin_run_wait(conn->control->admin, core, conn->command, conn->args));
}

static void take_request(struct core *core, struct conn *conn, struct str line)
{
	char why[256] = "";

	timer_clear(&conn->timer);
	sock_watch(
		core, conn->sock, 0,
		on_writable); /* nothing more is read; a command ends even when nobody waits for it */
	if (admin_request_parse(line, &conn->command, &conn->args, why, sizeof(why)))
		answer(core, conn, admin_refusal(why));
	else if (fiber_start(core, run, conn))
		answer(core, conn, admin_refusal("too busy just now, try again"));
}

static void on_readable(struct core *core, struct sock *sock, uint32_t events)
{
	struct conn *conn = sock_owner(sock);

	(void)events;
	for (;;) {
		char *room = buf_reserve(&conn->in, CHUNK);

		if (!room) {
			answer(core, conn, admin_refusal("the request is too long"));
			return;
		}
		ssize_t n = sock_recv(sock, room, CHUNK);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			conn_free(core, conn);
			return;
		}
		conn->in.len += (size_t)n;
		size_t end = str_find(buf_str(&conn->in), '\n');
		if (end < conn->in.len) {
			take_request(core, conn, (struct str){ conn->in.ptr, end });
			return;
		}
	}
}

static void on_accept(struct core *core, struct sock *sock, void *owner)
{
	struct control *control = owner;
	struct peercred who;

	int r = peercred_of(sock, &who);
	if (r || (who.uid != 0 && who.uid != geteuid()) || control->count >= CONNS_MAX) {
		log_warn("control connection refused r=%d uid=%ld", r, r ? -1L : (long)who.uid);
		sock_close(core, sock);
		return;
	}
	struct conn *conn = mem_zalloc(sizeof(*conn));
	conn->control = control;
	conn->sock = sock;
	control->count++;
	list_add_tail(&control->conns, &conn->node);
	buf_init(&conn->in, ADMIN_REQUEST_MAX + CHUNK);
	buf_init(&conn->out, ADMIN_REPLY_MAX);
	timer_init(&conn->timer, on_timeout);
	timer_set(core, &conn->timer, READ_MS);
	sock_set_owner(sock, conn);
	sock_watch(core, sock, EPOLLIN, on_readable);
}

/* A socket's path has some hundred bytes. What is longer is named by a descriptor of its directory. */
static int address(const char *data, bool for_listen, char ret[160], int *ret_dir)
{
	*ret_dir = -1;
	if (strlen(data) + sizeof("/control.sock") <= SUN_PATH) {
		snprintf(ret, 160, "%s%s/control.sock", for_listen ? "unix:" : "", data);
		return 0;
	}
	*ret_dir = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_dir < 0)
		return -errno;
	snprintf(ret, 160, "%s/proc/self/fd/%d/control.sock", for_listen ? "unix:" : "", *ret_dir);
	return 0;
}

int control_open(struct admin *admin, struct control **ret_control)
{
	struct control *control = mem_zalloc(sizeof(*control));
	char path[160];

	control->admin = admin;
	list_init(&control->conns);
	int r = address(admin->data, true, path, &control->dir);
	if (!r)
		r = listener_open(admin->cores,
				  &(struct listener_config){ .address = path,
							     .on_accept = on_accept,
							     .owner = control },
				  &control->listener);
	if (r) {
		control_free(control);
		return r;
	}
	*ret_control = control;
	return 0;
}

void control_stop(struct control *control)
{
	if (control)
		listener_stop(control->listener);
}

void control_free(struct control *control)
{
	if (!control)
		return;
	list_for_each (node, &control->conns)
		conn_free(control->admin->cores->core[0], list_entry(node, struct conn, node));
	listener_free(control->listener);
	if (control->dir >= 0)
		close(control->dir);
	free(control);
}
