/* Listeners: a socket for each core on the same port (SO_REUSEPORT), so that the kernel spreads the
 * connections and no core hands any to another; a unix path is served by core 0 alone. */
#pragma once

#include <stdint.h>

#include "net/addr.h"
#include "net/quota.h"

struct core;
struct cores;
struct listener;
struct sock;
struct tls;

struct listener_config {
	/* "127.0.0.1:8080", "[::]:8080" (both families), "*:8080", "unix:/run/x.sock", "/run/x.sock". */
	const char *address;
	struct tls *tls; /* NULL: plain. Referenced. */
	struct quota *quota; /* NULL: no limits. Referenced; several listeners may share one. */
	uint32_t unix_mode; /* permissions of the unix socket, 0: 0600 */
	/* On the core that accepted; it owns @sock from now on: give it an owner, watch it. */
	void (*on_accept)(struct core *core, struct sock *sock, void *owner);
	/* A connection over a limit. It may send one short answer; the listener closes @sock afterwards. May be NULL.
	 * Not called for TLS, where nothing can be said before the handshake. */
	void (*on_refuse)(struct core *core, struct sock *sock, enum quota_answer why, void *owner);
	void *owner;
};

/* Binds and listens on every core; accepting begins when the cores run. Before cores_start(). Negative errno:
 * -EINVAL malformed address, -EADDRINUSE (also when another process of the same user listens there,
 * which SO_REUSEPORT alone would allow), -EACCES... */
int listener_open(struct cores *cores, const struct listener_config *config,
		  struct listener **ret_listener);
/* Where it listens, with the real port when 0 was asked. */
const struct addr *listener_address(const struct listener *listener);
/* Any thread, once: stops accepting on each core at its next turn; connections that wait in the kernel are reset. */
void listener_stop(struct listener *listener);
/* After cores_stop() (or with cores that nobody turns). Removes the unix path. NULL is allowed. */
void listener_free(struct listener *listener);
