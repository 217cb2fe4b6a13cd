/* For tests: both ends of a connection send each other a known stream of bytes in pieces of random size, and check
 * what arrives. */
#pragma once

#include <stdatomic.h>

#include "base/random.h"
#include "net/sock.h"

struct flow {
	struct sock *sock;
	struct random *random;
	size_t to_send, sent; /* the stream's length, and how far it is */
	size_t to_receive, received;
	size_t piece_max; /* of one send or recv */
	bool closes; /* closes its sock when both directions are through */
	bool closed;
	int error; /* the first that was met */
	uint32_t calls;
	/* When set: after so many bytes received the sock moves to that core, once. */
	struct core *move_to;
	size_t move_after;
	struct core *moved_to;
	_Atomic bool over;
};

/* @flow is zeroed but for what should not be. Owned by the sock until it is over. */
void flow_start(struct core *core, struct flow *flow, struct sock *sock, struct random *random);
uint8_t flow_byte(size_t at);
