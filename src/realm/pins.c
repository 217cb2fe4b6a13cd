#include "realm/pins.h"

#include <errno.h>
#include <stdlib.h>

#include "codec/row.h"
#include "store/store.h"

static int newest_first(const void *a, const void *b)
{
	const struct pin_entry *x = a, *y = b;

	if (x->pinned_at != y->pinned_at)
		return x->pinned_at > y->pinned_at ? -1 : 1;
	return x->message_id > y->message_id ? -1 : x->message_id < y->message_id;
}

int pins_load_wait(struct txn *txn, uint64_t channel_id)
{
	struct realm *realm = realm_of(txn);
	struct live_channel *channel = realm_channel(realm, channel_id);
	struct store_row *rows;
	struct key key;
	uint32_t count;

	if (!channel)
		return ERR_UNKNOWN_CHANNEL;
	if (channel->pins)
		return 0;
	int r = txn_scan_wait(txn, prefix_pin_channel(&key, txn->cell->id, channel_id),
			      (struct str){}, (struct str){}, false, 0, &rows, &count);
	if (r)
		return r;
	channel = realm_channel(realm, channel_id);
	if (!channel)
		return ERR_UNKNOWN_CHANNEL;
	if (channel->pins)
		return 0; /* somebody else loaded them, and perhaps changed them since */
	struct channel_pins *pins = region_new(realm->region, struct channel_pins);
	pins->cap = MAX(count, 8u);
	pins->items = region_alloc(realm->region, pins->cap * sizeof(*pins->items));
	for (uint32_t i = 0; i < count; i++) {
		struct pin_row row = {};
		uint64_t realm_id, channel_of, message_id;

		if (!parse_pin(rows[i].key, &realm_id, &channel_of, &message_id) ||
		    row_get(rows[i].value, &desc_pin_row, txn->arena, &row)) {
			cell_break(txn->cell, "a pin's row does not decode", -EBADMSG);
			return ERR_RESTARTED;
		}
		pins->items[pins->count++] = (struct pin_entry){ message_id, row.pinned_at };
	}
	qsort(pins->items, pins->count, sizeof(*pins->items), newest_first);
	channel->pins = pins;
	return 0;
}

bool pins_has(const struct channel_pins *pins, uint64_t message_id)
{
	for (uint32_t i = 0; pins && i < pins->count; i++)
		if (pins->items[i].message_id == message_id)
			return true;
	return false;
}

int64_t pins_newest(const struct channel_pins *pins)
{
	return pins && pins->count ? pins->items[0].pinned_at : 0;
}

void pins_add(struct txn *txn, struct live_channel *channel, uint64_t message_id, int64_t at_us,
	      uint64_t by)
{
	struct pin_row row = { .pinned_at = at_us, .pinned_by = by };
	struct channel_pins *pins = channel->pins;
	struct key key;

	if (pins->count == pins->cap) {
		pins->cap *= 2;
		pins->items = region_realloc(realm_of(txn)->region, pins->items,
					     pins->cap * sizeof(*pins->items));
	}
	memmove(pins->items + 1, pins->items, pins->count * sizeof(*pins->items));
	pins->items[0] = (struct pin_entry){ message_id, at_us };
	pins->count++;
	txn_put(txn, key_pin(&key, txn->cell->id, channel->row->id, message_id), &desc_pin_row,
		&row);
}

void pins_remove(struct txn *txn, struct live_channel *channel, uint64_t message_id)
{
	struct channel_pins *pins = channel->pins;
	struct key key;

	for (uint32_t i = 0; i < pins->count; i++) {
		if (pins->items[i].message_id != message_id)
			continue;
		memmove(&pins->items[i], &pins->items[i + 1],
			(pins->count - i - 1) * sizeof(*pins->items));
		pins->count--;
		break;
	}
	txn_del(txn, key_pin(&key, txn->cell->id, channel->row->id, message_id));
}
