#include "message/erase.h"

#include <errno.h>

#include "message/attach.h"
#include "message/poll.h"
#include "message/reaction.h"
#include "realm/pins.h"
#include "realm/polls.h"
#include "realm/thread.h"
#include "store/store.h"

int erase_read_wait(struct txn *txn, uint64_t channel_id, const uint64_t *ids, uint32_t count,
		    struct erasure **ret, uint32_t *ret_count)
{
	struct erasure *list = arena_array(txn->arena, struct erasure, count + 1);
	uint32_t found = 0;

	int r = pins_load_wait(txn, channel_id);
	for (uint32_t i = 0; !r && i < count; i++) {
		struct erasure *erasure = &list[found];

		r = message_get_wait(txn, channel_id, ids[i], true, &erasure->message);
		if (r == ENOENT) {
			r = 0;
			continue;
		}
		if (!r && erasure->message.reactions.count)
			r = reaction_rows_wait(txn, &erasure->message, NULL, &erasure->reactions,
					       &erasure->reactions_count);
		if (!r && erasure->message.has.poll)
			r = poll_rows_wait(txn, &erasure->message, &erasure->votes,
					   &erasure->votes_count);
		if (!r && attach_any(&erasure->message))
			r = txn_outbox_wait(txn);
		found++;
	}
	*ret = list;
	*ret_count = found;
	return r;
}

void erase_put(struct txn *txn, struct live_channel *channel, const struct erasure *erasure)
{
	struct message marker = { .id = erasure->message.id,
				  .channel_id = erasure->message.channel_id,
				  .author_id = erasure->message.author_id,
				  .deleted = true };

	message_put(txn, &marker);
	thread_unsaid(txn, channel, erasure->message.type);
	attach_drop_all(txn, &erasure->message);
	for (uint32_t i = 0; i < erasure->reactions_count; i++)
		txn_del(txn, erasure->reactions[i].key);
	for (uint32_t i = 0; i < erasure->votes_count; i++)
		txn_del(txn, erasure->votes[i].key);
	if (erasure->message.has.poll)
		realm_polls_del(txn, marker.id);
	if (pins_has(channel->pins, marker.id))
		pins_remove(txn, channel, marker.id);
}
