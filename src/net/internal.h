/* What the kinds of sock share. */
#pragma once

#include "core/core.h"
#include "net/quota.h"
#include "net/sock.h"

struct sock_ops {
	ssize_t (*recv)(struct sock *sock, void *dst, size_t size);
	ssize_t (*send)(struct sock *sock, const void *src, size_t size);
	/* sock->events have changed (or the sock was attached): ask the kernel, or whoever it is, for what is needed now. */
	void (*rearm)(struct core *core, struct sock *sock);
	/* Of the watched events those that hold now and that the kernel does not tell. */
	uint32_t (*ready)(struct sock *sock);
	/* Ends our direction: FIN, close_notify. What was taken before is still sent. @closing: the descriptor is about to be
	 * closed, which sends the FIN by itself. */
	void (*end)(struct sock *sock, bool closing);
	/* True while something taken is not with the kernel yet. */
	bool (*unsent)(struct sock *sock);
	/* Reads and drops, below TLS; as recv otherwise. */
	ssize_t (*drain)(struct sock *sock, void *scratch, size_t size);
	void (*detach)(struct core *core, struct sock *sock);
	void (*attach)(struct core *core, struct sock *sock);
	/* Frees all that the kind has, @sock itself too. It is detached. */
	void (*free)(struct sock *sock);
};

struct sock {
	const struct sock_ops *ops;
	struct core *core; /* NULL while detached */
	void *owner;
	sock_event_h on_event;
	uint32_t events; /* what the owner waits for */
	bool tls;
	struct deferred again; /* tells ->ready() events at the end of the turn */
	struct watch watch; /* fd -1: none; events 0: not with epoll at present */
	struct addr peer;
	struct quota *quota; /* a place of it is held, NULL: none */
	struct sock_linger
		*linger; /* after sock_close() or sock_finish(), while something is left to do */
};

/* A new one's common part; attached to @core. Kinds with a descriptor pass it in @fd. */
void sock_init(struct sock *sock, const struct sock_ops *ops, struct core *core, int fd);
/* Calls the handler with those of @events that are watched, or not at all. The sock may be gone afterwards. */
void sock_tell(struct core *core, struct sock *sock, uint32_t events);
/* For ->rearm of kinds with a descriptor: epoll's set becomes @events. */
void sock_arm(struct core *core, struct sock *sock, uint32_t events);
/* For recv and drain of kinds with a descriptor. */
ssize_t sock_fd_recv(int fd, void *dst, size_t size);
ssize_t sock_fd_send(int fd, const void *src, size_t size);
/* Without addresses yet. */
struct sock *sock_plain_new(struct core *core, int fd);
struct sock *sock_tls_new(struct core *core, int fd, struct tls *tls);
/* Asks the kernel. */
void sock_ask_peer(struct sock *sock);
/* The part of ->free for kinds with a descriptor, and for all. */
void sock_done(struct sock *sock);
/* Remembers that a place in @quota was taken for it. Given back when it is freed. */
void sock_hold_quota(struct sock *sock, struct quota *quota);

struct ssl_st;
/* A reference to a new connection's SSL, from the present material. NULL: no memory. */
struct ssl_st *tls_connection(struct tls *tls);
