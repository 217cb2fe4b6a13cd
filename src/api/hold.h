/* Back-pressure: who writes to a guild whose crowd is behind (cell/flow.h) gets the answer later, so that what is said waits with
 * those who say it and not, ever longer, in front of those who read. On the guild's core. */
#pragma once

#include <stdbool.h>

#include "base/list.h"
#include "core/core.h"

struct flow;
struct req;

struct hold {
	struct list held; /* of struct req, the longest held first */
	struct timer timer;
	uint32_t round;
	void (*release)(struct req *req);
};
void hold_init(struct hold *hold, void (*release)(struct req *req));
/* After the cores have stopped. */
void hold_done(struct hold *hold);
/* A write is about to be carried out. True: so much waits already that it is to be refused, with req->retry_after. */
bool hold_refuses(struct req *req);
/* It is done, in a guild with such a crowd: it is released soon, a few seconds later at most. False: it is to be answered now. */
bool hold_takes(struct hold *hold, struct req *req);
/* The same for a known flow. */
bool hold_takes_for(struct hold *hold, struct req *req, struct flow *flow);
