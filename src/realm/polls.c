#include "realm/polls.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/row.h"
#include "config/config.h"
#include "message/poll.h"
#include "store/store.h"

enum {
	LONGEST_MS = 3600 * 1000,
	AGAIN_MS = 60 * 1000, /* when one could not be ended */
};

struct open_poll {
	uint64_t channel_id, message_id;
	int64_t at_us;
	bool told;
};

/* Outside of the region, as its timer is. */
struct realm_polls {
	struct core *core;
	enum cell_kind kind;
	uint64_t id;
	struct timer timer;
	struct open_poll *items;
	uint32_t count, cap;
};

static void arm(struct realm_polls *polls)
{
	int64_t now = (int64_t)core_wall_us(polls->core), next = INT64_MAX;

	for (uint32_t i = 0; i < polls->count; i++)
		next = MIN(next,
			   polls->items[i].told ? now + AGAIN_MS * 1000LL : polls->items[i].at_us);
	if (!polls->count)
		timer_clear(&polls->timer);
	else
		timer_set(polls->core, &polls->timer,
			  next <= now
				  ? 0
				  : (uint64_t)MIN((next - now + 999) / 1000, (int64_t)LONGEST_MS));
}

static void on_timer(struct core *core, struct timer *timer)
{
	struct realm_polls *polls = container_of(timer, struct realm_polls, timer);
	int64_t now = (int64_t)core_wall_us(core);

	if (app_returning(core)) {
		timer_set(core, timer, APP_RETURNING_MS);
		return;
	}
	for (uint32_t i = 0; i < polls->count; i++) {
		struct open_poll *open = &polls->items[i];

		if (open->at_us > now)
			continue;
		struct poll_ending *ending = mem_zalloc(sizeof(*ending));

		*ending = (struct poll_ending){ open->channel_id, open->message_id };
		open->told = true;
		cell_tell(core, polls->kind, polls->id, true, poll_end_run, ending);
	}
	arm(polls);
}

static struct realm_polls *polls_of(struct realm *realm)
{
	if (!realm->polls) {
		realm->polls = mem_zalloc(sizeof(*realm->polls));
		realm->polls->core = realm->cell->core;
		realm->polls->kind = realm->cell->kind;
		realm->polls->id = realm->cell->id;
		timer_init(&realm->polls->timer, on_timer);
	}
	return realm->polls;
}

static void add(struct realm *realm, const struct open_poll *open)
{
	struct realm_polls *polls = polls_of(realm);

	if (polls->count == polls->cap) {
		polls->cap = MAX(polls->cap * 2, 8u);
		polls->items = mem_realloc(polls->items, polls->cap * sizeof(*polls->items));
	}
	polls->items[polls->count++] = *open;
}

int realm_polls_load_wait(struct realm *realm)
{
	struct cell *cell = realm->cell;
	struct store_row *rows;
	struct arena arena;
	struct key key;
	uint32_t count;

	arena_init(&arena);
	int r = store_scan_wait(cell->core, &arena, prefix_open_poll(&key, cell->id),
				(struct str){}, (struct str){}, false, 0, &rows, &count);
	for (uint32_t i = 0; !r && i < count; i++) {
		struct open_poll_row row = {};
		struct open_poll open = {};

		if (!parse_open_poll(rows[i].key, NULL, &open.message_id) ||
		    row_get(rows[i].value, &desc_open_poll_row, &arena, &row)) {
			r = -EBADMSG;
			break;
		}
		open.channel_id = row.channel_id;
		open.at_us = row.ends_at;
		add(realm, &open);
	}
	arena_done(&arena);
	if (!r && count)
		arm(realm->polls);
	return r;
}

void realm_polls_put(struct txn *txn, uint64_t channel_id, uint64_t message_id, int64_t at_us)
{
	struct open_poll_row row = { .channel_id = channel_id, .ends_at = at_us };
	struct key key;

	txn_put(txn, key_open_poll(&key, txn->cell->id, message_id), &desc_open_poll_row, &row);
	add(realm_of(txn), &(struct open_poll){ channel_id, message_id, at_us, false });
	arm(realm_of(txn)->polls);
}

void realm_polls_del(struct txn *txn, uint64_t message_id)
{
	struct realm_polls *polls = realm_of(txn)->polls;
	struct key key;

	for (uint32_t i = 0; polls && i < polls->count; i++) {
		if (polls->items[i].message_id != message_id)
			continue;
		polls->items[i] = polls->items[--polls->count];
		txn_del(txn, key_open_poll(&key, txn->cell->id, message_id));
		arm(polls);
		return;
	}
}

void realm_polls_drop(struct realm *realm)
{
	if (!realm->polls)
		return;
	timer_clear(&realm->polls->timer);
	free(realm->polls->items);
	free(realm->polls);
	realm->polls = NULL;
}
