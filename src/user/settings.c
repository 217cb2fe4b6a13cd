#include "user/settings.h"

#include "user/ready.h"

struct user_settings settings_default(const struct user_state *user)
{
	const struct account *account = user->account;

	return (struct user_settings){
		.afk_timeout = 600,
		.allow_accessibility_detection = false,
		.animate_emoji = true,
		.convert_emoticons = true,
		.enable_tts_command = true,
		.explicit_content_filter = 1,
		.friend_source_flags = S("{\"all\":true}"),
		.gif_auto_play = true,
		.inline_attachment_media = true,
		.inline_embed_media = true,
		.locale = account->locale.len ? account->locale : S("en-US"),
		.render_embeds = true,
		.render_reactions = true,
		.show_current_game = true,
		.status = account->status.len ? account->status : S("online"),
		.stream_notifications_enabled = true,
		.theme = S("dark"),
		.view_nsfw_guilds = true,
		.view_nsfw_commands = true,
	};
}

enum { CAPABILITY_DEDUPE_USERS = 1 << 4 };

int ready_recipients_wait(struct txn *txn, struct user_list *ret)
{
	struct user_state *user = user_of(txn);
	uint32_t at = 0, cap = 0, count = 0;
	uint64_t id, *ids;
	void *value;

	while (map_next(&user->dms, &at, &id, &value))
		cap += ((struct dm_entry_row *)value)->recipient_ids.count;
	ids = arena_array(txn->arena, uint64_t, cap + 1);
	at = 0;
	while (map_next(&user->dms, &at, &id, &value)) {
		const struct dm_entry_row *row = value;

		for (uint32_t i = 0; !row->closed && i < row->recipient_ids.count; i++) {
			bool seen = false;

			for (uint32_t k = 0; k < count && !seen; k++)
				seen = ids[k] == row->recipient_ids.items[i];
			if (!seen)
				ids[count++] = row->recipient_ids.items[i];
		}
	}
	ret->items = arena_array(txn->arena, struct user, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		int r = user_public_wait(txn->core, txn->arena, ids[i], &ret->items[ret->count]);

		if (txn->generation != txn->cell->generation)
			return ERR_RESTARTED;
		if (!r)
			ret->count++;
		else if (r != ERR_UNKNOWN_USER)
			return r;
	}
	return 0;
}

static struct user_list pick(struct arena *arena, const struct user_list *all, const struct u64_list *ids)
{
	struct user_list list = { arena_array(arena, struct user, ids->count + 1), 0 };

	for (uint32_t i = 0; i < ids->count; i++)
		for (uint32_t k = 0; k < all->count; k++)
			if (all->items[k].id == ids->items[i])
				list.items[list.count++] = all->items[k];
	return list;
}

void ready_private_channels(struct txn *txn, const struct user_open *open, const struct user_list *recipients,
			    struct ready_user *ready)
{
	struct user_state *user = user_of(txn);
	struct channel *list = arena_array(txn->arena, struct channel, user->dms.count + 1);
	bool dedupe = open->capabilities & CAPABILITY_DEDUPE_USERS;
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->dms, &at, &id, &value)) {
		const struct dm_entry_row *row = value;

		if (row->closed)
			continue;
		struct channel *channel = &list[count++];
		channel->id = row->channel_id;
		channel->type = row->type;
		channel->flags = row->flags;
		channel->last_message_id = row->last_message_id;
		channel->last_pin_timestamp = row->last_pin_timestamp;
		channel->name = row->name;
		channel->icon = row->icon;
		channel->owner_id = row->owner_id;
		channel->has.last_message_id = true;
		channel->has.name = channel->has.icon = channel->has.owner_id = row->type == 3;
		channel->has.recipient_ids = dedupe;
		channel->has.recipients = !dedupe;
		if (dedupe)
			channel->recipient_ids = row->recipient_ids;
		else
			channel->recipients = pick(txn->arena, recipients, &row->recipient_ids);
	}
	ready->private_channels.items = list;
	ready->private_channels.count = count;
	ready->has.users = dedupe;
	ready->users = *recipients;
}
