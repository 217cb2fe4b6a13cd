#include "realm/make.h"

#include "codec/dup.h"
#include "model/limits.h"
#include "realm/guild_view.h"
#include "realm/member.h"

enum {
	TEXT = 0,
	VOICE = 2,
	CATEGORY = 4,
	ANNOUNCEMENT = 5,
	STAGE = 13,
	FORUM = 15,
	MEDIA = 16,
	BITRATE = 64000,
	AFK_TIMEOUT = 300,
	MEMBERS_MAX = 1000000,
};

static struct str features[] = {
	{ "ANIMATED_BANNER", 15 },	{ "ANIMATED_ICON", 13 }, { "BANNER", 6 },
	{ "ENHANCED_ROLE_COLORS", 20 }, { "GUILD_TAGS", 10 },	 { "INVITE_SPLASH", 13 },
	{ "MORE_SOUNDBOARD", 15 },	{ "MORE_STICKERS", 13 }, { "ROLE_ICONS", 10 },
	{ "VANITY_URL", 10 },		{ "VIP_REGIONS", 11 },
};

struct channel channel_blank(uint64_t id, int64_t type, struct str name, int64_t position,
			     uint64_t parent_id)
{
	struct channel row = {
		.id = id, .type = type, .name = name, .position = position, .parent_id = parent_id
	};

	row.has.name = row.has.position = row.has.parent_id = row.has.permission_overwrites =
		row.has.nsfw = true;
	if (type == CATEGORY)
		return row;
	row.has.topic = row.has.last_message_id = row.has.rate_limit_per_user = true;
	if (type == TEXT || type == ANNOUNCEMENT)
		row.has.last_pin_timestamp = row.has.default_thread_rate_limit_per_user = true;
	if (type == VOICE || type == STAGE) {
		row.has.bitrate = row.has.user_limit = row.has.rtc_region = true;
		row.bitrate = BITRATE;
		row.has.topic = type == STAGE;
	}
	if (type == FORUM || type == MEDIA) {
		row.has.available_tags = row.has.default_reaction_emoji =
			row.has.default_sort_order = true;
		row.has.default_thread_rate_limit_per_user = true;
		row.null.default_sort_order = true;
		row.has.default_forum_layout = type == FORUM;
	}
	return row;
}

static void put_plain_channels(struct txn *txn, struct guild_making *making)
{
	const uint64_t *ids = making->channel_ids;
	struct channel rows[GUILD_PLAIN_CHANNELS] = {
		channel_blank(ids[0], CATEGORY, S("Text Channels"), 0, 0),
		channel_blank(ids[1], TEXT, S("general"), 0, ids[0]),
		channel_blank(ids[2], CATEGORY, S("Voice Channels"), 1, 0),
		channel_blank(ids[3], VOICE, S("General"), 0, ids[2]),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		realm_put_channel(txn, &rows[i]);
}

static void put_given_channels(struct txn *txn, struct guild_making *making)
{
	const struct guild_new *body = making->body;

	for (uint32_t i = 0; i < body->channels.count; i++) {
		const struct guild_new_channel *in = &body->channels.items[i];
		uint64_t parent = 0;

		for (uint32_t k = 0; in->parent_id && k < body->channels.count; k++)
			if (body->channels.items[k].id == in->parent_id &&
			    body->channels.items[k].type == CATEGORY)
				parent = making->channel_ids[k];
		struct channel row = channel_blank(making->channel_ids[i], in->type, in->name, i,
						   parent);
		row.topic = in->topic;
		row.nsfw = in->nsfw;
		row.rate_limit_per_user = in->rate_limit_per_user;
		if (row.has.bitrate && in->bitrate)
			row.bitrate = in->bitrate;
		row.user_limit = in->user_limit;
		struct overwrite *overwrites = arena_array(txn->arena, struct overwrite,
							   in->permission_overwrites.count + 1);
		for (uint32_t o = 0; o < in->permission_overwrites.count; o++) {
			const struct overwrite_create *from = &in->permission_overwrites.items[o];

			overwrites[o] = (struct overwrite){
				from->id, from->type, from->allow, from->deny, {}
			};
			if (from->id == 0 ||
			    (body->roles.count && from->id == body->roles.items[0].id))
				overwrites[o].id = making->id;
		}
		row.permission_overwrites.items = overwrites;
		row.permission_overwrites.count = in->permission_overwrites.count;
		realm_put_channel(txn, &row);
	}
}

static void put_roles(struct txn *txn, const struct guild_making *making)
{
	const struct guild_new *body = making->body;
	struct role_colors plain = role_colors_of(0);
	struct role everyone = { .id = making->id,
				 .name = S("@everyone"),
				 .permissions = PERM_SET_DEFAULT,
				 .colors = &plain };

	if (body->roles.count && body->roles.items[0].has.permissions)
		everyone.permissions = body->roles.items[0].permissions;
	realm_put_role(txn, &everyone);
}

int realm_make_run(struct txn *txn, void *arg)
{
	struct guild_making *making = arg;
	const struct guild_new *body = making->body;
	int64_t now = (int64_t)core_wall_us(txn->core);

	int r = txn_outbox_wait(txn);
	if (r)
		return r;
	struct realm *realm = realm_new(txn->cell);
	struct guild row = {
		.id = making->id,
		.name = body->name,
		.description = body->description,
		.icon = making->icon,
		.owner_id = making->owner.id,
		.afk_timeout = body->has.afk_timeout && !body->null.afk_timeout ? body->afk_timeout
										: AFK_TIMEOUT,
		.verification_level = body->verification_level,
		.default_message_notifications = body->default_message_notifications,
		.explicit_content_filter = body->explicit_content_filter,
		.preferred_locale = body->preferred_locale.len ? body->preferred_locale
							       : S("en-US"),
		.system_channel_flags = body->system_channel_flags,
		.premium_tier = 3,
		.max_members = MEMBERS_MAX,
		.max_video_channel_users = 25,
		.max_stage_video_channel_users = 50,
		.created_at = now,
	};
	row.features.items = features;
	row.features.count = ARRAY_SIZE(features);
	row.null.max_presences = row.null.hub_type = row.null.retention_s = true;
	row.has.region = true;
	bool plain = !body->channels.count;
	if (plain)
		row.system_channel_id = making->channel_ids[1];
	for (uint32_t i = 0; !plain && i < body->channels.count; i++)
		if (body->system_channel_id &&
		    body->channels.items[i].id == body->system_channel_id)
			row.system_channel_id = making->channel_ids[i];
	realm_put_guild(txn, &row);
	put_roles(txn, making);
	if (plain)
		put_plain_channels(txn, making);
	else
		put_given_channels(txn, making);
	struct member_row member = member_new(&making->owner, now);
	realm_put_member(txn, &member);
	struct guild_entry_row entry = { .guild_id = making->id, .joined_at = now };
	txn_intent(txn, INTENT_USER_GUILD_ADD, CELL_USER, making->owner.id, &desc_guild_entry_row,
		   &entry);
	struct guild view = guild_view(realm, txn->arena);
	making->view = *(struct guild *)obj_dup_arena(making->arena, &desc_guild, &view);
	return 0;
}
