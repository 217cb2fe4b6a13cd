/* Deleting channels. */
#pragma once

#include "realm/realm.h"

/* The channel is gone (txn_outbox_wait() before): CHANNEL_DELETE, its threads too, children of a category are let go, settings of the guild that
 * named it are emptied; messages and the rest are swept afterwards. No waiting; pointers to the channel are dead. */
void channel_remove(struct txn *txn, struct live_channel *channel);
