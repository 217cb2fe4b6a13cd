#include "user/forward.h"

#include <stdlib.h>

#include "realm/realm.h"
#include "user/user.h"

struct forwarded {
	struct event *event;
	struct audience to;
};

static int run_forwarded(struct txn *txn, void *arg)
{
	struct forwarded *in = arg;

	txn_event_again(txn, in->to, in->event);
	event_unref(in->event);
	in->event = NULL;
	return 0;
}

void user_forward(struct cell *cell, const struct publication *publication)
{
	const struct realm *realm = cell->state;
	uint32_t at;
	uint64_t id;
	void *value;

	for (uint32_t i = 0; realm && i < publication->count; i++) {
		const struct effect *effect = &publication->effects[i];

		if (effect->kind != EFFECT_EVENT)
			continue;
		at = 0;
		while (map_next(&realm->members, &at, &id, &value)) {
			if ((effect->to.user && effect->to.user != id) || effect->to.not_user == id)
				continue;
			struct forwarded *forwarded = mem_zalloc(sizeof(*forwarded));

			/* Somebody without a session is not loaded for it: READY tells what was missed. */
			forwarded->event = event_ref(effect->event);
			cell_tell(cell->core, CELL_USER, id, true, run_forwarded, forwarded);
		}
	}
}
