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

/* A DM that was opened, or has news: the entry that READY tells of it. */
static int put_dm(struct txn *txn, const struct intent *intent)
{
	struct dm_entry_row row = {};

	if (row_get(intent->payload, &desc_dm_entry_row, txn->arena, &row))
		return EINVAL;
	user_put_dm(txn, &row);
	return 0;
}

int user_intent_dm_open(struct txn *txn, const struct intent *intent)
{
	return put_dm(txn, intent);
}

int user_intent_dm_message(struct txn *txn, const struct intent *intent)
{
	return put_dm(txn, intent);
}
