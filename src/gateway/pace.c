#include "gateway/pace.h"

#include <stdlib.h>

#include "cell/flow.h"
#include "gateway/internal.h"

enum {
	FULL_US = 500,
	SPARE_US = 100, /* for the other one */
	GATHER_MAX_US = 50 * 1000, /* when it does not end by itself */
	GATHER_BUSY_US = 10 * 1000, /* at least, when it is worth to wait for more: */
	BUSY = 4, /* publications in one sending */
};

struct told {
	struct list node;
	struct flow *flow;
};

static bool walking(const struct gateway_local *gateway)
{
	return !list_empty(&gateway->walks.waiting);
}

/* Takes what it was to release with it. */
static void mark_end(struct pace_mark *mark)
{
	struct list *node;

	while ((node = list_pop(&mark->told))) {
		struct told *told = list_entry(node, struct told, node);

		flow_behind(told->flow, -1);
		flow_unref(told->flow);
		free(told);
	}
}

/* At the tail of what is to be sent; when there are no more, the youngest must do. */
static struct pace_mark *mark_set(struct gateway_local *gateway)
{
	struct pace *pace = &gateway->pace;

	if (pace->last && gateway->dirty.prev == &pace->last->node)
		return pace->last;
	for (uint32_t i = 0; i < PACE_MARKS; i++) {
		struct pace_mark *mark = &pace->marks[i];

		if (!list_empty(&mark->node))
			continue;
		list_add_tail(&gateway->dirty, &mark->node);
		core_defer(gateway->core, &gateway->flush);
		pace->last = mark;
		return mark;
	}
	return pace->last;
}

static void phase(struct gateway_local *gateway)
{
	struct pace *pace = &gateway->pace;
	uint64_t now_us = core_now_us(gateway->core);

	if (pace->sending)
		return;
	if (walking(gateway) && !pace->since_us)
		pace->since_us = now_us;
	if (!pace->since_us)
		return;
	uint64_t us = now_us - pace->since_us;
	if (us < GATHER_MAX_US && (walking(gateway) || (pace->busy && us < GATHER_BUSY_US)))
		return;
	pace->sending = true;
	pace->since_us = 0;
	pace->busy = pace->told >= BUSY;
	pace->told = 0;
	mark_set(gateway)->ends = true;
}

uint64_t pace_walk_us(struct gateway_local *gateway)
{
	phase(gateway);
	return gateway->pace.sending ? SPARE_US : FULL_US;
}

uint64_t pace_send_us(struct gateway_local *gateway)
{
	phase(gateway);
	return gateway->pace.since_us ? SPARE_US : FULL_US;
}

void pace_told(struct gateway_local *gateway, struct flow *flow)
{
	struct told *told = mem_zalloc(sizeof(*told));

	told->flow = flow;
	gateway->pace.told++;
	list_add_tail(&mark_set(gateway)->told, &told->node);
}

bool pace_mark(struct gateway_local *gateway, struct list *node)
{
	struct pace *pace = &gateway->pace;
	struct pace_mark *mark = list_entry(node, struct pace_mark, node);

	if (!pace_owns(pace, node))
		return false;
	if (mark->ends)
		pace->sending = mark->ends = false;
	if (mark == pace->last)
		pace->last = NULL;
	mark_end(mark);
	return true;
}

void pace_init(struct pace *pace)
{
	for (uint32_t i = 0; i < PACE_MARKS; i++) {
		list_init(&pace->marks[i].node);
		list_init(&pace->marks[i].told);
	}
}

void pace_done(struct pace *pace)
{
	for (uint32_t i = 0; i < PACE_MARKS; i++) {
		list_del(&pace->marks[i].node);
		mark_end(&pace->marks[i]);
	}
}
