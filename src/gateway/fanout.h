/* An event goes to those of a view who may have it. A crowd is walked in pieces: whoever walks says how long, and is told where it
 * stopped (walk.h). For the files of gateway/ only. */
#pragma once

#include "cell/publish.h"

struct gateway_local;
struct sub;
struct view;
struct view_class;

/* How long a walk may still go on. */
struct fan_budget {
	struct gateway_local *gateway;
	uint64_t end_us; /* by the monotonic clock */
	uint32_t left; /* sessions until the next look at it */
};
/* Where it stands in an effect. All zero: it has not begun. */
struct fan_at {
	bool begun;
	uint32_t class; /* in the view's list of them */
	uint32_t next; /* session of the class, or byte of effect->sessions, of to.members */
	struct view_class *in; /* the class that @next counts in, when it stopped there */
};

/* To be asked before each session. True: it is over, for this time. */
bool fan_used_up(struct fan_budget *budget);
/* Goes on with an EFFECT_EVENT from @at. False: the budget is used up, and there is more. In between no class may change, but
 * sessions may leave theirs (fan_leave). */
bool fan_event(struct view *view, const struct effect *effect, struct fan_at *at,
	       struct fan_budget *budget);
/* One session, with all conditions. */
void fan_to_one(const struct view *view, struct sub *sub, const struct audience *to,
		struct event *event);
/* Takes @sub out of its class' list, that a walk at @at (NULL: none) may stand in: it meets all others exactly once. */
void fan_leave(struct view_class *class, struct sub *sub, struct fan_at *at);
