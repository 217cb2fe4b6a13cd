#include "user/forward.h"

#include <stdlib.h>

#include "realm/member_heap.h"
#include "realm/realm.h"
#include "user/user.h"

struct forwarded {
	struct cell_work work;
	struct event *event;
};

static int run_forwarded(struct txn *txn, struct cell_work *work)
{
	struct forwarded *in = container_of(work, struct forwarded, work);

	txn_event_again(txn, (struct audience){}, in->event);
	return 0;
}

static void on_forwarded(struct core *core, struct cell_work *work, int r)
{
	struct forwarded *in = container_of(work, struct forwarded, work);

	(void)core;
	(void)r; /* not in memory: READY tells what was missed */
	event_unref(in->event);
	free(in);
}

static int run_away(struct txn *txn, void *arg)
{
	(void)arg;
	txn_effect(txn, &(struct effect){ .kind = EFFECT_RELOADED, .away = true });
	return 0;
}

/* A DM came back with more than its recipients were told: their sessions begin anew. */
static void tell_away(struct cell *cell, const struct realm *realm)
{
	const struct live_member *member;
	uint32_t at = 0;

	while ((member = member_next(realm, &at)))
		cell_tell(cell->core, CELL_USER, member_id(realm, member), true, run_away, NULL);
}

void user_forward(struct cell *cell, struct publication *publication)
{
	const struct realm *realm = cell->state;
	const struct live_member *member;
	uint32_t at;

	for (uint32_t i = 0; realm && i < publication->count; i++) {
		const struct effect *effect = &publication->effects[i];

		if (effect->kind == EFFECT_RELOADED && effect->away)
			tell_away(cell, realm);
		if (effect->kind != EFFECT_EVENT)
			continue;
		at = 0;
		while ((member = member_next(realm, &at))) {
			uint64_t id = member_id(realm, member);

			if ((effect->to.user && effect->to.user != id) || effect->to.not_user == id)
				continue;
			struct forwarded *forwarded = mem_zalloc(sizeof(*forwarded));

			/* Somebody without a session is not loaded for it. */
			forwarded->work = (struct cell_work){ .kind = CELL_USER,
							      .id = id,
							      .if_loaded = true,
							      .run = run_forwarded,
							      .done = on_forwarded };
			forwarded->event = event_ref(effect->event);
			cell_post(cell->core, &forwarded->work);
		}
	}
}
