/* Channels of a realm: their events in two clothes, whole and obfuscated. */
#pragma once

#include "realm/class.h"

/* CHANNEL_CREATE, CHANNEL_UPDATE or CHANNEL_DELETE: whole to those who see it, obfuscated to the rest. */
void channel_event(struct txn *txn, enum event_type type, const struct live_channel *channel);
/* CHANNEL_UPDATE to @to only: whole (@sees), or obfuscated. */
void channel_event_sight(struct txn *txn, const struct live_channel *channel, struct audience to, bool sees);
/* The row as the wire shows it: guild_id, last_message_id and the other derived fields filled in. Strings and arrays are shared with the
 * row. */
struct channel channel_view(const struct realm *realm, const struct live_channel *channel);
/* As those see it who may not. */
struct channel channel_hidden(const struct realm *realm, const struct live_channel *channel);
