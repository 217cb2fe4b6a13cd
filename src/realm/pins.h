/* The pins of a channel: at most 250, rows of the realm's partition, in memory once somebody asks. A message's `pinned` is
 * derived from them, so that pinning is one write to one partition. */
#pragma once

#include "realm/realm.h"

struct channel_pins {
	uint32_t count, cap;
	struct pin_entry {
		uint64_t message_id;
		int64_t pinned_at;
	} *items; /* newest pin first */
};

/* Loads them when they are not in memory. Waits. 0, ERR_RESTARTED, negative errno. Look the channel up again afterwards. */
int pins_load_wait(struct txn *txn, uint64_t channel_id);
bool pins_has(const struct channel_pins *pins, uint64_t message_id);
/* Time of the newest pin, 0: none. */
int64_t pins_newest(const struct channel_pins *pins);
/* Memory and row together. pins_add: the caller has checked the limit. */
void pins_add(struct txn *txn, struct live_channel *channel, uint64_t message_id, int64_t at_us,
	      uint64_t by);
void pins_remove(struct txn *txn, struct live_channel *channel, uint64_t message_id);
