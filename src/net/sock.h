/* The network seam: one stream connection, whatever carries it (TCP, TLS, a unix socket, or the
 * simulator's in-memory pair).
 *
 * A sock lives on one core and is used only there; sock_detach() and sock_attach() move it. Nothing here
 * blocks and nothing calls back from inside a call: on_event runs only from the core's turn. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h> /* EPOLLIN, EPOLLOUT */
#include <sys/types.h>

#include "net/addr.h"

struct core;
struct cores;
struct random;
struct sock;
struct tls;

/* @events: EPOLLIN and EPOLLOUT only, and only those that are watched. A broken or closed connection is
 * told as the watched ones; the next sock_recv() or sock_send() says what happened. */
typedef void (*sock_event_h)(struct core *core, struct sock *sock, uint32_t events);

/* > 0: bytes read. 0: the peer ends its stream (and stays so). -EAGAIN: nothing now, watch EPOLLIN.
 * Other negative errno (-ECONNRESET, -ETIMEDOUT, -EPROTO for a broken TLS peer...): close it.
 * @size > 0. A call may return less than is there. */
ssize_t sock_recv(struct sock *sock, void *dst, size_t size);
/* > 0: bytes taken, perhaps fewer than @size. -EAGAIN: none, watch EPOLLOUT. Other negative errno: close it.
 * What was taken is on its way; nothing has to be offered again in the same form. @size > 0. */
ssize_t sock_send(struct sock *sock, const void *src, size_t size);

/* Which events the owner waits for, level-triggered: as long as there is something to read (or room to
 * write) the handler runs once each turn. It may run without cause; sock_recv() then gives -EAGAIN.
 * 0 events: no calls at all, not even for a broken connection. @on_event NULL keeps the present one. */
void sock_watch(struct core *core, struct sock *sock, uint32_t events, sock_event_h on_event);

/* Ends and frees it; no call back afterwards. What sock_send() took is still delivered by the kernel (TLS
 * adds close_notify; when its own buffer is not empty it lingers unseen for at most SOCK_LINGER_MS).
 * Bytes that were not read make the kernel reset the connection, and the peer may then lose what was sent:
 * after an early answer use sock_finish(). NULL is allowed. */
void sock_close(struct core *core, struct sock *sock);
/* As sock_close(), but first ends our direction and reads away what the peer still sends: until it ends,
 * for at most SOCK_LINGER_MS and SOCK_LINGER_BYTES (RFC 9112 9.6). */
void sock_finish(struct core *core, struct sock *sock);
enum {
	SOCK_LINGER_MS = 2000,
	SOCK_LINGER_BYTES = 1 << 20,
};

/* Takes it off @core: no events until it is attached. Then send the pointer to another core in a message;
 * that core attaches it and watches it (the handler must be given anew). Half-read TLS state goes along. */
void sock_detach(struct core *core, struct sock *sock);
void sock_attach(struct core *core, struct sock *sock);

/* The other end; for a unix socket addr_is_unix() holds. Valid while the sock lives. */
const struct addr *sock_peer(const struct sock *sock);
/* Our end, which the kernel is asked for; ADDR_NONE for the in-memory kind. */
struct addr sock_local(const struct sock *sock);
bool sock_is_tls(const struct sock *sock);
/* The descriptor, -1 for the in-memory kind. For peer credentials and socket options only. */
int sock_fd(const struct sock *sock);
/* One pointer of whoever uses the connection. */
void sock_set_owner(struct sock *sock, void *owner);
void *sock_owner(const struct sock *sock);

/* -- making them -- */

/* Takes over @fd, a connected stream socket (TCP or unix); it need not be non-blocking. The sock is attached to @core. */
struct sock *sock_from_fd(struct core *core, int fd);
/* The same with TLS; the handshake goes on inside sock_recv() and sock_send(). @tls is referenced (net/tls.h). */
struct sock *sock_from_fd_tls(struct core *core, int fd, struct tls *tls);

/* -- the in-memory pair, for tests and the simulator -- */
struct sock_pair_config {
	/* Bytes under way in each direction before sock_send() gives -EAGAIN; 0: 64 KB. */
	size_t capacity;
	/* When set: reads and writes are torn at random places, at times -EAGAIN. Used by both ends, under the
	 * pair's lock. */
	struct random *random;
	/* What sock_peer() says at each end; ADDR_NONE: a loopback address. */
	struct addr peer_a, peer_b;
};
/* Two ends, attached to their cores (the same or different ones). @config may be NULL. What is sent arrives
 * with a message to the other core, so in a later turn. Before the threads run, or with both cores
 * stepped by the caller, or with @core_a == @core_b. */
void sock_pair(struct core *core_a, struct core *core_b, const struct sock_pair_config *config,
	       struct sock **ret_a, struct sock **ret_b);
/* Breaks the connection of either end: both get -ECONNRESET from now on, what was under way is lost. */
void sock_pair_reset(struct sock *sock);
