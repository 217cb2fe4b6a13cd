#include "gateway/walk.h"

#include <stdlib.h>

#include "cell/flow.h"
#include "gateway/view_internal.h"

enum {
	WALK_FREE = 64, /* sessions that are reached at once whatever the time */
};

struct walk {
	struct list node; /* in walks->waiting */
	struct view *view;
	struct list queue; /* of struct queued; the work on the first may have begun */
	struct apply_at at; /* in the first */
};

struct queued {
	struct list node;
	struct publication *publication; /* or */
	struct ask *ask; /* or */
	uint64_t user_id; /* who has come in, or left */
	bool in;
};

/* How long this turn may still walk; a little in any case. */
static struct fan_budget budget(struct gateway_local *gateway, uint64_t from_us)
{
	return (struct fan_budget){ .gateway = gateway,
				    .end_us = from_us + pace_walk_us(gateway),
				    .left = gateway->config.fan_slowly ? 1 : WALK_FREE };
}

static void enqueue(struct walk *walk, const struct queued *what)
{
	struct queued *queued = mem_dup(what, sizeof(*what));

	list_add_tail(&walk->queue, &queued->node);
}

static void enqueue_publication(struct walk *walk, struct publication *publication)
{
	atomic_fetch_add_explicit(&publication->refs, 1, memory_order_relaxed);
	flow_behind(publication->flow, 1);
	stat_add(&walk->view->gateway->stats.walking, 1);
	enqueue(walk, &(struct queued){ .publication = publication });
}

static void done(struct walk *walk, struct queued *queued)
{
	list_del(&queued->node);
	if (queued->publication) {
		if (queued->publication->flow)
			pace_told(walk->view->gateway, flow_ref(queued->publication->flow));
		stat_sub(&walk->view->gateway->stats.walking, 1);
		publication_unref(queued->publication);
	}
	free(queued);
	walk->at = (struct apply_at){};
}

void walk_apply(struct view *view, struct publication *publication)
{
	struct gateway_local *gateway = view->gateway;
	struct apply_at at = {};

	if (view->guild && view->guild->walk) {
		enqueue_publication(view->guild->walk, publication);
		return;
	}
	/* From the turn's beginning, not from now: many of them in one turn share its time. */
	struct fan_budget left = budget(gateway, core_now_us(gateway->core));
	view->held++; /* It stays while we stand in it. */
	if (view_apply_some(view, publication, &at, &left)) {
		view->held--;
		view_settle(view);
		return;
	}
	struct walk *walk = mem_zalloc(sizeof(*walk));
	walk->view = view;
	walk->at = at;
	list_init(&walk->queue);
	enqueue_publication(walk, publication);
	view->guild->walk = walk;
	list_add_tail(&gateway->walks.waiting, &walk->node);
	core_defer(gateway->core, &gateway->walks.deferred);
}

static struct walk *walk_of(struct gateway_local *gateway, uint64_t cell_id)
{
	const struct view *view = view_find(gateway, cell_id);

	return view && view->guild ? view->guild->walk : NULL;
}

bool walk_holds_answer(struct gateway_local *gateway, struct ask *ask)
{
	struct walk *walk = walk_of(gateway, ask->work->id);

	if (walk)
		enqueue(walk, &(struct queued){ .ask = ask });
	return walk;
}

bool walk_holds_member(struct gateway_local *gateway, uint64_t guild_id, uint64_t user_id, bool in)
{
	struct walk *walk = walk_of(gateway, guild_id);

	if (walk)
		enqueue(walk, &(struct queued){ .user_id = user_id, .in = in });
	return walk;
}

struct fan_at *walk_at(const struct view *view)
{
	return view->guild->walk ? &view->guild->walk->at.fan : NULL;
}

/* False: the budget is used up. */
static bool go_on(struct walk *walk, struct fan_budget *left)
{
	struct view *view = walk->view;

	while (!list_empty(&walk->queue)) {
		struct queued *first = list_entry(walk->queue.next, struct queued, node);
		struct queued now = *first;

		if (now.publication && !view_apply_some(view, now.publication, &walk->at, left))
			return false;
		done(walk, first);
		if (now.ask)
			now.ask->answered(view->gateway, now.ask, now.ask->result);
		else if (now.user_id)
			view_member(view->gateway, view->cell_id, now.user_id, now.in);
	}
	return true;
}

static void end(struct walk *walk)
{
	struct view *view = walk->view;

	view->guild->walk = NULL;
	free(walk);
	view->held--;
	view_settle(view);
}

static void on_deferred(struct core *core, struct deferred *deferred)
{
	struct gateway_local *gateway = container_of(deferred, struct gateway_local,
						     walks.deferred);
	struct fan_budget left = budget(gateway, clock_mono_us(core_cores(core)->clock));
	struct list *node;

	while ((node = list_pop(&gateway->walks.waiting))) {
		struct walk *walk = list_entry(node, struct walk, node);

		if (!go_on(walk, &left)) {
			list_add_tail(&gateway->walks.waiting, &walk->node);
			core_defer(core, deferred);
			return;
		}
		end(walk);
	}
}

void walks_finish(struct gateway_local *gateway)
{
	struct list *node;

	while ((node = list_pop(&gateway->walks.waiting))) {
		struct walk *walk = list_entry(node, struct walk, node);
		struct fan_budget all = { .gateway = gateway, .end_us = UINT64_MAX };

		do
			all.left = UINT32_MAX;
		while (!go_on(walk, &all));
		end(walk);
	}
}

void walk_drop(struct walk *walk)
{
	if (!walk)
		return;
	while (!list_empty(&walk->queue)) {
		struct queued *first = list_entry(walk->queue.next, struct queued, node);

		free(first->ask);
		done(walk, first);
	}
	list_del(&walk->node);
	free(walk);
}

void walks_init(struct walks *walks)
{
	list_init(&walks->waiting);
	deferred_init(&walks->deferred, on_deferred);
}
