#include "user/settings.h"

#include <errno.h>

#include "codec/dec.h"
#include "codec/enc.h"
#include "codec/json.h"
#include "user/ready.h"
#include "user/status.h"

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

/* Stored as the JSON of the whole: as new fields come, old rows get their defaults. */
int settings_read_wait(struct txn *txn, struct user_settings *ret)
{
	struct settings_row row = {};
	struct user_settings_edit edit = {};
	struct dec dec;
	struct key key;

	int r = txn_get_obj_wait(txn, key_settings(&key, txn->cell->id, 0), &desc_settings_row,
				 &row);
	if (r && r != ENOENT)
		return r;
	*ret = settings_default(user_of(txn));
	json_t *tree = r ? NULL : json_parse(row.data);
	dec_init(&dec, txn->arena);
	if (tree && !dec_object(&dec, &desc_user_settings_edit, tree, &edit))
		settings_apply(ret, &edit);
	json_decref(tree);
	/* These two are the account's: they may have been chosen in the other form of the settings. */
	ret->status = settings_default(user_of(txn)).status;
	ret->custom_status = status_custom(user_of(txn), txn->arena);
	/* The caller may wait again, and the account's row is replaced meanwhile. */
	ret->locale = arena_str(txn->arena, ret->locale);
	ret->status = arena_str(txn->arena, ret->status);
	return 0;
}

void settings_apply(struct user_settings *settings, const struct user_settings_edit *in)
{
#define VALUE(field)                                  \
	do {                                          \
		if (in->has.field && !in->null.field) \
			settings->field = in->field;  \
	} while (0)
#define TEXT(field)                                  \
	do {                                         \
		if (in->has.field && in->field.ptr)  \
			settings->field = in->field; \
	} while (0)
#define LIST(field)                                   \
	do {                                          \
		if (in->has.field && in->field.items) \
			settings->field = in->field;  \
	} while (0)
	LIST(activity_joining_restricted_guild_ids);
	LIST(activity_restricted_guild_ids);
	VALUE(afk_timeout);
	VALUE(allow_accessibility_detection);
	VALUE(animate_emoji);
	VALUE(animate_stickers);
	VALUE(contact_sync_enabled);
	VALUE(convert_emoticons);
	if (in->has.custom_status)
		settings->custom_status = in->custom_status;
	VALUE(default_guilds_restricted);
	VALUE(detect_platform_accounts);
	VALUE(developer_mode);
	VALUE(disable_games_tab);
	VALUE(enable_tts_command);
	VALUE(explicit_content_filter);
	VALUE(friend_discovery_flags);
	TEXT(friend_source_flags);
	VALUE(gif_auto_play);
	LIST(guild_folders);
	LIST(guild_positions);
	VALUE(inline_attachment_media);
	VALUE(inline_embed_media);
	TEXT(locale);
	VALUE(message_display_compact);
	VALUE(native_phone_integration_enabled);
	VALUE(passwordless);
	VALUE(render_embeds);
	VALUE(render_reactions);
	LIST(restricted_guilds);
	VALUE(show_current_game);
	TEXT(status);
	VALUE(stream_notifications_enabled);
	TEXT(theme);
	VALUE(timezone_offset);
	VALUE(view_nsfw_guilds);
	VALUE(view_nsfw_commands);
#undef VALUE
#undef TEXT
#undef LIST
}

void settings_put(struct txn *txn, const struct user_settings *settings)
{
	struct settings_row row = {};
	struct buf text;
	struct enc enc;
	struct key key;

	buf_init(&text, 1 << 20);
	enc_init(&enc, &text, ENC_JSON);
	enc_user_settings(&enc, settings);
	row.data = buf_str(&text);
	txn_put(txn, key_settings(&key, txn->cell->id, 0), &desc_settings_row, &row);
	buf_done(&text);
}

struct user_guild_settings settings_guild_default(uint64_t guild_id)
{
	return (struct user_guild_settings){ .guild_id = guild_id,
					     .message_notifications = 3,
					     .mobile_push = true };
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

static struct user_list pick(struct arena *arena, const struct user_list *all,
			     const struct u64_list *ids)
{
	struct user_list list = { arena_array(arena, struct user, ids->count + 1), 0 };

	for (uint32_t i = 0; i < ids->count; i++)
		for (uint32_t k = 0; k < all->count; k++)
			if (all->items[k].id == ids->items[i])
				list.items[list.count++] = all->items[k];
	return list;
}

void ready_private_channels(struct txn *txn, const struct user_open *open,
			    const struct user_list *recipients, struct ready_user *ready)
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
