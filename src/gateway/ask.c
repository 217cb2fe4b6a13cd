/* Questions to cells: a message to the owner, the work there, a message back.
 *
 * cell_post() may run the work at once when the cell lives here, and its publications with it.
 * Going through the owner's inbox in all cases keeps that out of the middle of our own walks. */
#include <assert.h>

#include "gateway/internal.h"

static void on_back(struct core *core, struct msg *msg)
{
	struct ask *ask = container_of(msg, struct ask, msg);

	if (!walk_holds_answer(gateway_of(core), ask))
		ask->answered(gateway_of(core), ask, ask->result);
}

static void answer(struct ask *ask, int r)
{
	ask->result = r;
	ask->msg.run = on_back;
	core_post(ask->gateway->core, &ask->msg);
}

static void on_done(struct core *core, struct cell_work *work, int r)
{
	(void)core;
	answer((struct ask *)((char *)work - sizeof(struct ask)), r);
}

static void on_arrived(struct core *core, struct msg *msg)
{
	struct ask *ask = container_of(msg, struct ask, msg);
	struct gateway_local *owner = gateway_of(core);
	int r = ask->check ? ask->check(owner, ask) : 0;

	if (r)
		answer(ask, r);
	else
		owner->post(core, ask->work);
}

static void send(struct ask *ask)
{
	ask->msg.run = on_arrived;
	core_post(cell_owner(core_cores(ask->gateway->core), ask->work->id), &ask->msg);
}

static void on_timer(struct core *core, struct timer *timer)
{
	struct ask *ask = container_of(timer, struct ask, timer);

	(void)core;
	list_del(&ask->node);
	send(ask);
}

void ask_post(struct gateway_local *gateway, struct ask *ask, struct cell_work *work)
{
	assert((char *)work ==
	       (char *)ask + sizeof(*ask)); /* on_done() finds its way back by this */
	ask->gateway = gateway;
	ask->work = work;
	work->done = on_done;
	timer_init(&ask->timer, on_timer);
	list_init(&ask->node);
	send(ask);
}

void ask_again(struct gateway_local *gateway, struct ask *ask, uint64_t after_ms)
{
	list_add_tail(&gateway->waiting, &ask->node);
	timer_set(gateway->core, &ask->timer, after_ms);
}

void asks_hurry(struct gateway_local *gateway, uint64_t cell_id)
{
	list_for_each (node, &gateway->waiting) {
		struct ask *ask = list_entry(node, struct ask, node);

		if (ask->work->id != cell_id)
			continue;
		ask_withdraw(ask);
		send(ask);
	}
}

bool ask_withdraw(struct ask *ask)
{
	if (!timer_is_set(&ask->timer))
		return false;
	timer_clear(&ask->timer);
	list_del(&ask->node);
	return true;
}
