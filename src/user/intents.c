/* What guilds and DMs ask of a user's cell. */
#include <errno.h>

#include "model/snowflake.h"
#include "user/user.h"

int user_intent_guild_add(struct txn *txn, const struct intent *intent)
{
	struct guild_entry_row row = {};

	if (row_get(intent->payload, &desc_guild_entry_row, txn->arena, &row))
		return EINVAL;
	user_put_guild(txn, &row);
	txn_effect(txn, &(struct effect){ .kind = EFFECT_GUILD_JOIN, .guild_id = row.guild_id });
	return 0;
}

int user_intent_guild_remove(struct txn *txn, const struct intent *intent)
{
	struct guild_entry_row row = {};

	if (row_get(intent->payload, &desc_guild_entry_row, txn->arena, &row))
		return EINVAL;
	user_del_guild(txn, row.guild_id);
	txn_effect(txn, &(struct effect){ .kind = EFFECT_GUILD_LEAVE, .guild_id = row.guild_id });
	return 0;
}

/* A DM that was opened by its first message (or a group one was taken into): the entry that READY tells of it, and
 * CHANNEL_CREATE to people. */
int user_intent_dm_open(struct txn *txn, const struct intent *intent)
{
	struct user_state *user = user_of(txn);
	struct dm_entry_row row = {};

	if (row_get(intent->payload, &desc_dm_entry_row, txn->arena, &row))
		return EINVAL;
	const struct dm_entry_row *old = map_get(&user->dms, row.channel_id);
	bool news = !old || old->closed;
	struct channel view = { .id = row.channel_id,
				.type = row.type,
				.last_message_id = row.last_message_id,
				.owner_id = row.owner_id };
	view.has.last_message_id = view.has.recipients = true;
	view.has.owner_id = view.has.name = view.has.icon = row.owner_id != 0;
	view.recipients.items = arena_array(txn->arena, struct user, row.recipient_ids.count + 1);
	for (uint32_t i = 0; news && !user->account->bot && i < row.recipient_ids.count; i++) {
		int r = user_public_wait(txn->core, txn->arena, row.recipient_ids.items[i],
					 &view.recipients.items[view.recipients.count]);

		if (txn->generation != txn->cell->generation)
			return ERR_RESTARTED;
		if (!r)
			view.recipients.count++;
		else if (r != ERR_UNKNOWN_USER)
			return r;
	}
	user_put_dm(txn, &row);
	if (news && !user_of(txn)->account->bot)
		txn_event(txn, EVENT_CHANNEL_CREATE, aud_self(), &view);
	return 0;
}
