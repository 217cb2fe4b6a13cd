#include "api/hold.h"

#include "api/internal.h"
#include "cell/flow.h"
#include "core/local.h"

enum {
	BEHIND_MAX = 32, /* publications; so many are gathered for one send */
	BEHIND_REFUSE = 1024,
	ROUND_MS = 2,
	HOLD_MS = 5000,
};

static bool writes(const struct req *req)
{
	return req->work.kind == CELL_GUILD && req->route->method != HTTP_GET &&
		req->route->method != HTTP_HEAD;
}

bool hold_refuses(struct req *req)
{
	if (!writes(req) ||
	    (flow_is_behind(req->cell->flow) < BEHIND_REFUSE &&
	     !fault_take(req->cell->faults, FAULT_BEHIND)))
		return false;
	req->retry_after = 1;
	req->shared_over = true;
	return true;
}

static void on_timer(struct core *core, struct timer *timer)
{
	struct hold *hold = container_of(timer, struct hold, timer);
	uint64_t now_us = core_now_us(core);

	hold->round++;
	list_for_each (node, &hold->held) {
		struct req *req = list_entry(node, struct req, held);
		struct flow *flow = req->flow;

		if (flow->round != hold->round) {
			flow->round = hold->round;
			flow->let_go = 0;
		}
		if (flow_is_behind(flow) + flow->let_go >= BEHIND_MAX &&
		    req->held_us + HOLD_MS * 1000ull > now_us)
			continue;
		flow->let_go++;
		list_del(&req->held);
		req->flow = NULL;
		hold->release(req);
		flow_unref(flow);
	}
	if (!list_empty(&hold->held))
		timer_set(core, &hold->timer, ROUND_MS);
}

bool hold_takes_for(struct hold *hold, struct req *req, struct flow *flow)
{
	if (flow_is_behind(flow) < BEHIND_MAX)
		return false;
	req->flow = flow_ref(flow);
	req->held_us = core_now_us(req->core);
	list_add_tail(&hold->held, &req->held);
	if (!timer_is_set(&hold->timer))
		timer_set(req->core, &hold->timer, ROUND_MS);
	return true;
}

bool hold_takes(struct hold *hold, struct req *req)
{
	const struct cell *cell = writes(req) ? cell_find(req->core, CELL_GUILD, req->work.id)
					      : NULL;

	return cell && hold_takes_for(hold, req, cell->flow);
}

void hold_init(struct hold *hold, void (*release)(struct req *req))
{
	hold->release = release;
	list_init(&hold->held);
	timer_init(&hold->timer, on_timer);
}

void hold_done(struct hold *hold)
{
	timer_clear(&hold->timer);
	list_for_each (node, &hold->held)
		flow_unref(list_entry(node, struct req, held)->flow);
}
