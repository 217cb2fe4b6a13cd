#include "user/settings.h"

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

void ready_private_channels(struct txn *txn, const struct user_open *open, struct ready_user *ready)
{
	struct user_state *user = user_of(txn);
	struct channel *list = arena_array(txn->arena, struct channel, user->dms.count + 1);
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	(void)open;
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
		channel->recipient_ids = row->recipient_ids;
		channel->has.last_message_id = channel->has.recipient_ids = true;
		channel->has.name = channel->has.icon = channel->has.owner_id = row->type == 3;
	}
	ready->private_channels.items = list;
	ready->private_channels.count = count;
}
