/* Under a flood a core spends its time on two things: walking through crowds (walk.h) and sending what came of it (send.c). Each send
 * has its price, whatever it carries; so first much is gathered, then all of it is sent, in turns of some ten milliseconds: one
 * goes on while the other has little time. What a crowd is told counts as behind (cell/flow.h) until it has been sent. For the
 * files of gateway/ only. */
#pragma once

#include <stdint.h>

#include "base/list.h"
#include "core/core.h"

struct flow;
struct gateway_local;

enum { PACE_MARKS = 64 };

struct pace {
	bool sending; /* what was gathered; until the sockets that had something to send then have had their turn */
	uint64_t since_us; /* gathering; 0: there was nothing to gather */
	uint32_t told; /* publications since the sending before began */
	bool busy; /* many, last time: more will come in a moment */
	/* Stand among the connections of gateway->dirty: all before one is sent, then it is over. */
	struct pace_mark {
		struct list node;
		struct list told; /* what was told before it: struct told */
		bool ends; /* the sending */
	} marks[PACE_MARKS];
	struct pace_mark *last; /* the youngest; NULL: none stands there */
};
void pace_init(struct pace *pace);
void pace_done(struct pace *pace);
/* How long this turn may walk, and send; microseconds. */
uint64_t pace_walk_us(struct gateway_local *gateway);
uint64_t pace_send_us(struct gateway_local *gateway);
/* A crowd was told something: the flow is behind by one less when it has been sent. Takes over a reference. */
void pace_told(struct gateway_local *gateway, struct flow *flow);
/* A node of gateway->dirty is one of ours, and no connection's. */
static inline bool pace_owns(const struct pace *pace, const struct list *node)
{
	return (uintptr_t)node >= (uintptr_t)pace->marks &&
		(uintptr_t)node < (uintptr_t)(pace->marks + PACE_MARKS);
}
/* @node came from the head of gateway->dirty. True: it was a mark, and is dealt with. */
bool pace_mark(struct gateway_local *gateway, struct list *node);
