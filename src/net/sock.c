/* What all socks have in common, and the plain kind over a descriptor (TCP, unix). TLS is in sock_tls.c, the
 * in-memory pair in sock_pair.c. */
#include "net/sock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/slab.h"
#include "net/internal.h"

ssize_t sock_recv(struct sock *sock, void *dst, size_t size)
{
	assert(size > 0);
	assert(sock->core);
	return sock->ops->recv(sock, dst, size);
}

ssize_t sock_send(struct sock *sock, const void *src, size_t size)
{
	assert(size > 0);
	assert(sock->core);
	return sock->ops->send(sock, src, size);
}

void sock_watch(struct core *core, struct sock *sock, uint32_t events, sock_event_h on_event)
{
	assert(sock->core == core);
	assert((events & ~(uint32_t)(EPOLLIN | EPOLLOUT)) == 0);
	if (on_event)
		sock->on_event = on_event;
	assert(sock->on_event || !events);
	sock->events = events;
	sock->ops->rearm(core, sock);
	if (sock->ops->ready(sock))
		core_defer(core, &sock->again);
}

void sock_tell(struct core *core, struct sock *sock, uint32_t events)
{
	events &= sock->events;
	if (!events)
		return;
	/* Level-triggered where the kernel does not help: look again at the end of the turn. Before the call, since the
	 * handler may free the sock. */
	if (sock->ops->ready(sock))
		core_defer(core, &sock->again);
	sock->on_event(core, sock, events);
}

static void on_again(struct core *core, struct deferred *deferred)
{
	struct sock *sock = container_of(deferred, struct sock, again);

	sock_tell(core, sock, sock->ops->ready(sock));
}

struct sock_linger {
	struct timer timer;
	struct sock *sock;
	size_t bytes; /* that may still come */
	bool drains;
};

static void linger_end(struct sock *sock)
{
	if (!sock->linger)
		return;
	timer_clear(&sock->linger->timer);
	free(TAKE(sock->linger));
}

void sock_init(struct sock *sock, const struct sock_ops *ops, struct core *core, int fd)
{
	sock->ops = ops;
	sock->core = core;
	sock->watch.fd = fd;
	deferred_init(&sock->again, on_again);
}

void sock_hold_quota(struct sock *sock, struct quota *quota)
{
	sock->quota = quota_ref(quota);
}

void sock_done(struct sock *sock)
{
	core_undefer(&sock->again);
	linger_end(sock);
	assert(sock->watch.events == 0);
	if (sock->watch.fd >= 0)
		close(sock->watch.fd);
	if (sock->quota) {
		quota_give(sock->quota, &sock->peer);
		quota_unref(sock->quota);
	}
	slab_free(sock);
}

/* -- moving -- */

void sock_detach(struct core *core, struct sock *sock)
{
	assert(sock->core == core);
	sock->events = 0;
	sock->on_event = NULL;
	core_undefer(&sock->again);
	linger_end(sock);
	sock->ops->detach(core, sock);
	sock->core = NULL;
}

void sock_attach(struct core *core, struct sock *sock)
{
	assert(!sock->core);
	sock->core = core;
	sock->ops->attach(core, sock);
	sock->ops->rearm(core, sock);
}

/* -- ending -- */

static void sock_free(struct core *core, struct sock *sock)
{
	sock_detach(core, sock);
	sock->ops->free(sock);
}

static void on_linger_over(struct core *core, struct timer *timer)
{
	sock_free(core, container_of(timer, struct sock_linger, timer)->sock);
}

/* The handler of a sock that nobody owns any more. */
static void on_linger_event(struct core *core, struct sock *sock, uint32_t events)
{
	char scratch[16384];

	if (events & EPOLLIN)
		/* Some reads for a turn, as for any other connection. */
		for (int i = 0; i < 4; i++) {
			ssize_t n = sock->ops->drain(sock, scratch, sizeof(scratch));

			if (n == -EAGAIN)
				break;
			if (n <= 0 || (size_t)n >= sock->linger->bytes) {
				sock_free(core, sock);
				return;
			}
			sock->linger->bytes -= (size_t)n;
		}
	if (!sock->ops->unsent(sock)) {
		if (!sock->linger->drains) {
			sock_free(core, sock);
			return;
		}
		if (sock->events & EPOLLOUT)
			sock_watch(core, sock, EPOLLIN, NULL);
	}
}

static void linger(struct core *core, struct sock *sock, bool drains)
{
	uint32_t events = (drains ? EPOLLIN : 0) | (sock->ops->unsent(sock) ? EPOLLOUT : 0);

	sock->owner = NULL;
	sock->linger = mem_zalloc(sizeof(*sock->linger));
	sock->linger->sock = sock;
	sock->linger->drains = drains;
	sock->linger->bytes = SOCK_LINGER_BYTES;
	timer_init(&sock->linger->timer, on_linger_over);
	timer_set(core, &sock->linger->timer, SOCK_LINGER_MS);
	sock_watch(core, sock, events, on_linger_event);
}

void sock_close(struct core *core, struct sock *sock)
{
	if (!sock)
		return;
	assert(sock->core == core);
	sock->ops->end(sock, true);
	if (sock->ops->unsent(sock))
		linger(core, sock, false);
	else
		sock_free(core, sock);
}

void sock_finish(struct core *core, struct sock *sock)
{
	assert(sock->core == core);
	sock->ops->end(sock, false);
	linger(core, sock, true);
}

/* -- what can be asked -- */

const struct addr *sock_peer(const struct sock *sock)
{
	return &sock->peer;
}

struct addr sock_local(const struct sock *sock)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	struct addr local = {};

	if (sock->watch.fd >= 0) {
		getsockname(sock->watch.fd, (struct sockaddr *)&address, &len);
		addr_from_sockaddr(&address, &local);
	}
	return local;
}

bool sock_is_tls(const struct sock *sock)
{
	return sock->tls;
}

int sock_fd(const struct sock *sock)
{
	return sock->watch.fd;
}

void sock_set_owner(struct sock *sock, void *owner)
{
	sock->owner = owner;
}

void *sock_owner(const struct sock *sock)
{
	return sock->owner;
}

/* -- over a descriptor -- */

ssize_t sock_fd_recv(int fd, void *dst, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, dst, size, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t sock_fd_send(int fd, const void *src, size_t size)
{
	ssize_t n;

	do
		n = send(fd, src, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

void sock_arm(struct core *core, struct sock *sock, uint32_t events)
{
	if (events == sock->watch.events)
		return;
	if (sock->watch.events == 0) {
		sock->watch.events = events;
		if (watch_add(core, &sock->watch)) {
			/* No memory for it in the kernel (or over fs.epoll.max_user_watches): the owner learns it as a broken
			 * connection, soon, because shutting it down cannot be watched either. */
			sock->watch.events = 0;
			shutdown(sock->watch.fd, SHUT_RDWR);
			core_defer(core, &sock->again);
		}
		return;
	}
	if (events == 0) {
		/* Not EPOLL_CTL_MOD: epoll would go on telling of errors, without end. */
		watch_del(core, &sock->watch);
		sock->watch.events = 0;
		return;
	}
	watch_change(core, &sock->watch, events);
}

static ssize_t plain_recv(struct sock *sock, void *dst, size_t size)
{
	return sock_fd_recv(sock->watch.fd, dst, size);
}

static ssize_t plain_send(struct sock *sock, const void *src, size_t size)
{
	return sock_fd_send(sock->watch.fd, src, size);
}

static void plain_rearm(struct core *core, struct sock *sock)
{
	sock_arm(core, sock, sock->events);
}

/* Whether epoll could not be told what to watch: then nobody but us tells the owner. */
static uint32_t plain_ready(struct sock *sock)
{
	return sock->watch.events ? 0 : sock->events;
}

static void plain_end(struct sock *sock, bool closing)
{
	if (!closing)
		shutdown(sock->watch.fd, SHUT_WR);
}

static bool plain_unsent(struct sock *sock)
{
	(void)sock;
	return false;
}

static void plain_detach(struct core *core, struct sock *sock)
{
	sock_arm(core, sock, 0);
}

static void plain_attach(struct core *core, struct sock *sock)
{
	(void)core, (void)sock;
}

static const struct sock_ops plain_ops = {
	.recv = plain_recv,
	.send = plain_send,
	.rearm = plain_rearm,
	.ready = plain_ready,
	.end = plain_end,
	.unsent = plain_unsent,
	.drain = plain_recv,
	.detach = plain_detach,
	.attach = plain_attach,
	.free = sock_done,
};

static void on_plain_watch(struct core *core, struct watch *watch, uint32_t events)
{
	struct sock *sock = container_of(watch, struct sock, watch);

	sock_tell(core, sock, events & (EPOLLERR | EPOLLHUP) ? EPOLLIN | EPOLLOUT : events);
}

void sock_ask_peer(struct sock *sock)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);

	getpeername(sock->watch.fd, (struct sockaddr *)&address, &len);
	addr_from_sockaddr(&address, &sock->peer); /* ADDR_NONE when it is gone already */
}

struct sock *sock_plain_new(struct core *core, int fd)
{
	struct sock *sock = slab_alloc(sizeof(*sock));

	sock_init(sock, &plain_ops, core, fd);
	sock->watch.run = on_plain_watch;
	return sock;
}

struct sock *sock_from_fd(struct core *core, int fd)
{
	struct sock *sock = sock_plain_new(core, fd);

	sock_ask_peer(sock);
	return sock;
}

struct sock *sock_from_fd_tls(struct core *core, int fd, struct tls *tls)
{
	struct sock *sock = sock_tls_new(core, fd, tls);

	sock_ask_peer(sock);
	return sock;
}
