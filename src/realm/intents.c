/* What realms ask of themselves and others of realms, after a transaction. */
#include <errno.h>

#include "message/bucket.h"
#include "message/message.h"
#include "realm/class.h"
#include "realm/member.h"

/* A message that the server writes: who joined, what was pinned. */
int realm_intent_system_message(struct txn *txn, const struct intent *intent)
{
	struct message message = {};
	struct applied_row applied = {};
	struct key key;
	uint64_t id;

	if (row_get(intent->payload, &desc_message, txn->arena, &message))
		return EINVAL;
	uint64_t channel_id = message.channel_id;
	int r = message_id_wait(txn, channel_id, &id);
	if (r)
		return r;
	/* Written once: the note lies beside the message, in its partition (and may lie in the bucket before). */
	for (uint32_t back = 0; back < 2; back++) {
		r = txn_get_obj_wait(txn, key_message_applied(&key, channel_id, bucket_of(id) - back, 0, intent->source),
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
	message.timestamp = (int64_t)(id >> 22) * 1000 + 1420070400000000;
	message_take_id(channel, id);
	message_put(txn, &message);
	applied.number = (int64_t)intent->number;
	txn_put(txn, key_message_applied(&key, channel_id, bucket_of(id), 0, intent->source), &desc_applied_row, &applied);
	message_hydrate(txn, channel, &message, NULL);
	message_event(txn, EVENT_MESSAGE_CREATE, channel, &message);
	return 0;
}

/* A user changed what others see of it. */
int realm_intent_member_rename(struct txn *txn, const struct intent *intent)
{
	struct realm *realm = realm_of(txn);
	struct member_row in = {};

	if (row_get(intent->payload, &desc_member_row, txn->arena, &in))
		return EINVAL;
	struct live_member *member = realm_member(realm, in.user_id);
	if (!member)
		return ERR_UNKNOWN_MEMBER;
	struct member_row row = *member->row;
	row.username = in.username;
	row.global_name = in.global_name;
	row.discriminator = in.discriminator;
	row.user_avatar = in.user_avatar;
	row.public_flags = in.public_flags;
	row.avatar_decoration_data = in.avatar_decoration_data;
	row.primary_guild = in.primary_guild;
	member = realm_put_member(txn, &row);
	struct user user;
	struct member view = member_view(member->row, &user);
	view.guild_id = txn->cell->id;
	view.has.guild_id = true;
	if (realm_is_guild(realm))
		txn_event(txn, EVENT_GUILD_MEMBER_UPDATE, (struct audience){ .always_user = in.user_id }, &view);
	return 0;
}
