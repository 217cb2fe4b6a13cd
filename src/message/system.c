/* Messages that the server writes: who joined, what was pinned. */
#include <errno.h>

#include "message/message.h"
#include "model/snowflake.h"
#include "realm/bucket.h"
#include "realm/thread.h"

int realm_intent_system_message(struct txn *txn, const struct intent *intent)
{
	struct message message = {};
	struct applied_row applied = {};
	struct key key;
	uint64_t id;

	if (row_get(intent->payload, &desc_message, txn->arena, &message))
		return EINVAL;
	uint64_t channel_id = message.channel_id;
	int r = thread_fetch_wait(txn, channel_id);
	if (!r)
		r = message_id_wait(txn, channel_id, &id);
	if (r)
		return r;
	/* Written once: the note lies beside the message, in its partition (and may lie in the
	 * bucket before). */
	for (uint32_t back = 0; back < 2; back++) {
		r = txn_get_obj_wait(txn,
				     key_message_applied(&key, channel_id, bucket_of(id) - back, 0,
							 intent->source),
				     &desc_applied_row, &applied);
		if (r && r != ENOENT)
			return r;
		if (!r && (uint64_t)applied.number >= intent->number)
			return 0;
	}
	struct live_channel *channel = realm_channel(realm_of(txn), channel_id);
	if (!channel)
		return ERR_UNKNOWN_CHANNEL;
	if (id <= channel->last_message_id) { /* somebody spoke while we looked */
		r = message_id_wait(txn, channel_id, &id);
		channel = realm_channel(realm_of(txn), channel_id);
		if (r || !channel)
			return r ? r : ERR_UNKNOWN_CHANNEL;
	}
	message.id = id;
	message.timestamp = snowflake_us(id);
	message_take_id(channel, id);
	message_put(txn, &message);
	thread_said(txn, channel, message.type);
	applied.number = (int64_t)intent->number;
	txn_put(txn, key_message_applied(&key, channel_id, bucket_of(id), 0, intent->source),
		&desc_applied_row, &applied);
	message_hydrate(txn, channel, &message, NULL);
	message_event(txn, EVENT_MESSAGE_CREATE, channel, &message);
	return 0;
}
