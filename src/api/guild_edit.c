/* Guilds: edit, delete. */
#include <errno.h>

#include "api/images.h"
#include "api/reach.h"
#include "realm/audit.h"
#include "realm/channel.h"
#include "realm/guild_view.h"
#include "realm/invite.h"
#include "realm/sweep.h"

static struct str community = { "COMMUNITY", 9 };

static bool has_feature(const struct str_list *features, struct str name)
{
	for (uint32_t i = 0; i < features->count; i++)
		if (str_eq(features->items[i], name))
			return true;
	return false;
}

/* -- settings that name a channel -- */

static bool text_like(const struct channel *row)
{
	return row->type == CHANNEL_TYPE_TEXT || row->type == CHANNEL_TYPE_ANNOUNCEMENT;
}

static bool voice_only(const struct channel *row)
{
	return row->type == CHANNEL_TYPE_VOICE;
}

static int edit_channel(struct req *req, const struct realm *realm, const char *path, bool given,
			uint64_t id, bool (*fits)(const struct channel *), uint64_t *setting)
{
	const struct live_channel *channel = id ? map_get(&realm->channels, id) : NULL;

	if (!given)
		return 0;
	if (id && (!channel || !fits(channel->row)))
		return req_form_error(req, path, "CHANNEL_INVALID",
				      "No such channel, or not of the right type.");
	*setting = id;
	return 0;
}

static int edit_channels(struct req *req, const struct realm *realm, const struct guild_edit *in,
			 struct guild *row)
{
	const struct {
		const char *path;
		bool given;
		uint64_t id;
		bool (*fits)(const struct channel *);
		uint64_t *setting;
	} settings[] = {
		{ "afk_channel_id", in->has.afk_channel_id, in->afk_channel_id, voice_only,
		  &row->afk_channel_id },
		{ "system_channel_id", in->has.system_channel_id, in->system_channel_id, text_like,
		  &row->system_channel_id },
		{ "rules_channel_id", in->has.rules_channel_id, in->rules_channel_id, text_like,
		  &row->rules_channel_id },
		{ "safety_alerts_channel_id", in->has.safety_alerts_channel_id,
		  in->safety_alerts_channel_id, text_like, &row->safety_alerts_channel_id },
		{ "public_updates_channel_id", in->has.public_updates_channel_id,
		  in->public_updates_channel_id, text_like, &row->public_updates_channel_id },
	};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		int r = edit_channel(req, realm, settings[i].path, settings[i].given,
				     settings[i].id, settings[i].fits, settings[i].setting);

		if (r)
			return r;
	}
	return 0;
}

/* -- features: some are switched by the guild, the rest is the instance's -- */

static bool switchable(struct str feature)
{
	static const char *const names[] = { "COMMUNITY", "DISCOVERABLE", "INVITES_DISABLED",
					     "RAID_ALERTS_DISABLED" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(feature, str_z(names[i])))
			return true;
	return false;
}

static int edit_features(struct req *req, const struct reach *reach, const struct guild_edit *in,
			 struct guild *row)
{
	const struct str_list *old = (const struct str_list *)&row->features;
	struct str_list list = {
		arena_array(req->arena, struct str, row->features.count + in->features.count + 1), 0
	};

	for (uint32_t i = 0; i < row->features.count; i++)
		if (!switchable(row->features.items[i]) ||
		    has_feature((const struct str_list *)&in->features, row->features.items[i]))
			list.items[list.count++] = row->features.items[i];
	for (uint32_t i = 0; i < in->features.count; i++)
		if (switchable(in->features.items[i]) && !has_feature(old, in->features.items[i]))
			list.items[list.count++] = in->features.items[i];
	if (has_feature(&list, community) != has_feature(old, community)) {
		int r = reach_need(reach, PERM_ADMINISTRATOR);

		if (r)
			return r;
		if (has_feature(&list, community) &&
		    (!row->rules_channel_id || !row->public_updates_channel_id))
			return req_form_error(req, "features", "COMMUNITY_NEEDS_CHANNELS",
					      "Rules and updates channels are needed.");
	}
	row->features.items = list.items;
	row->features.count = list.count;
	return 0;
}

/* -- the rest -- */

static int edit_owner(const struct reach *reach, uint64_t owner_id, struct guild *row)
{
	if (owner_id == row->owner_id)
		return 0;
	if (!perms_is_owner(reach->realm, reach->member))
		return ERR_MISSING_PERMISSIONS;
	const struct live_member *member = realm_member(reach->realm, owner_id);
	if (!member)
		return ERR_UNKNOWN_MEMBER;
	if (member->row->bot)
		return ERR_CANNOT_TRANSFER_TO_BOT;
	row->owner_id = owner_id;
	return 0;
}

static int edit_mfa_level(const struct req *req, const struct reach *reach, int64_t level,
			  struct guild *row)
{
	if (level == row->mfa_level)
		return 0;
	if (!perms_is_owner(reach->realm, reach->member))
		return ERR_MISSING_PERMISSIONS;
	if (!req->who.elevated)
		return ERR_MFA_REQUIRED;
	row->mfa_level = level;
	return 0;
}

enum { IMAGES = 5 };

static void list_images(const struct guild_edit *in, uint64_t guild_id,
			struct image_edit ret[IMAGES])
{
	ret[0] = image_edit("icon", "icons", guild_id, in->has.icon, in->icon);
	ret[1] = image_edit("splash", "splashes", guild_id, in->has.splash, in->splash);
	ret[2] = image_edit("banner", "banners", guild_id, in->has.banner, in->banner);
	ret[3] = image_edit("discovery_splash", "discovery-splashes", guild_id,
			    in->has.discovery_splash, in->discovery_splash);
	ret[4] = image_edit("home_header", "home-headers", guild_id, in->has.home_header,
			    in->home_header);
}

static void take_images(struct req *req, struct image_edit images[IMAGES], struct guild *row)
{
	struct str *fields[IMAGES] = { &row->icon, &row->splash, &row->banner,
				       &row->discovery_splash, &row->home_header };

	for (uint32_t i = 0; i < IMAGES; i++)
		image_take(req, &images[i], fields[i]);
}

static void edit_plain(const struct guild_edit *in, struct guild *row)
{
	if (in->has.name)
		row->name = in->name;
	if (in->has.description)
		row->description = in->description.len ? in->description : (struct str){};
	if (in->has.verification_level)
		row->verification_level = in->verification_level;
	if (in->has.default_message_notifications)
		row->default_message_notifications = in->default_message_notifications;
	if (in->has.explicit_content_filter)
		row->explicit_content_filter = in->explicit_content_filter;
	if (in->preferred_locale.len)
		row->preferred_locale = in->preferred_locale;
	if (in->has.afk_timeout && !in->null.afk_timeout)
		row->afk_timeout = in->afk_timeout;
	if (in->has.system_channel_flags)
		row->system_channel_flags = in->system_channel_flags;
	if (in->has.premium_progress_bar_enabled)
		row->premium_progress_bar_enabled = in->premium_progress_bar_enabled;
}

static struct str features_json(struct arena *arena, const struct guild *row)
{
	struct buf text;
	struct enc enc;

	buf_init(&text, 1 << 20);
	enc_init(&enc, &text, ENC_JSON);
	enc_arr_begin(&enc);
	for (uint32_t i = 0; i < row->features.count; i++)
		enc_str(&enc, row->features.items[i]);
	enc_arr_end(&enc);
	struct str copy = arena_str(arena, buf_str(&text));
	buf_done(&text);
	return copy;
}

static struct audit audit_guild(struct req *req, const struct guild *before,
				const struct guild *after)
{
	struct audit audit = audit_begin(req->txn, req->who.user_id, AUDIT_GUILD_UPDATE, before->id,
					 req_reason(req));
	struct str old_features = features_json(req->arena, before),
		   new_features = features_json(req->arena, after);

	audit_str(&audit, "name", before->name, after->name);
	audit_str(&audit, "description", before->description, after->description);
	audit_str(&audit, "icon_hash", before->icon, after->icon);
	audit_str(&audit, "splash_hash", before->splash, after->splash);
	audit_str(&audit, "discovery_splash_hash", before->discovery_splash,
		  after->discovery_splash);
	audit_str(&audit, "banner_hash", before->banner, after->banner);
	audit_id(&audit, "owner_id", before->owner_id, after->owner_id);
	audit_int(&audit, "verification_level", before->verification_level,
		  after->verification_level);
	audit_int(&audit, "default_message_notifications", before->default_message_notifications,
		  after->default_message_notifications);
	audit_int(&audit, "explicit_content_filter", before->explicit_content_filter,
		  after->explicit_content_filter);
	audit_str(&audit, "preferred_locale", before->preferred_locale, after->preferred_locale);
	audit_int(&audit, "afk_timeout", before->afk_timeout, after->afk_timeout);
	audit_id(&audit, "afk_channel_id", before->afk_channel_id, after->afk_channel_id);
	audit_id(&audit, "system_channel_id", before->system_channel_id, after->system_channel_id);
	audit_int(&audit, "system_channel_flags", before->system_channel_flags,
		  after->system_channel_flags);
	audit_id(&audit, "rules_channel_id", before->rules_channel_id, after->rules_channel_id);
	audit_id(&audit, "public_updates_channel_id", before->public_updates_channel_id,
		 after->public_updates_channel_id);
	audit_id(&audit, "safety_alerts_channel_id", before->safety_alerts_channel_id,
		 after->safety_alerts_channel_id);
	audit_bool(&audit, "premium_progress_bar_enabled", before->premium_progress_bar_enabled,
		   after->premium_progress_bar_enabled);
	audit_int(&audit, "mfa_level", before->mfa_level, after->mfa_level);
	if (!str_eq(old_features, new_features))
		audit_json(&audit, "features", old_features, new_features);
	return audit;
}

/* Puts what changed and tells it. */
static void finish(struct req *req, const struct reach *reach, const struct guild *row)
{
	struct audit audit = audit_guild(req, reach->realm->guild, row);
	bool owner = row->owner_id != reach->realm->guild->owner_id;

	if (!audit.entry.changes.count &&
	    str_eq(row->home_header, reach->realm->guild->home_header))
		return;
	realm_put_guild(req->txn, row);
	if (owner)
		class_rekey(req->txn, 0);
	struct guild view = guild_view(reach->realm, req->arena);
	txn_event(req->txn, EVENT_GUILD_UPDATE, (struct audience){}, &view);
	audit_put(&audit);
}

int api_update_guild(struct req *req, const struct guild_edit *in, struct guild *out)
{
	struct reach reach;

	int r = reach_guild(req, PERM_MANAGE_GUILD, &reach);
	if (r)
		return r;
	struct image_edit images[IMAGES];
	list_images(in, req->cell->id, images);
	r = images_store_wait(req, images, IMAGES);
	if (!r)
		r = reach_guild(req, PERM_MANAGE_GUILD, &reach);
	if (r)
		return r;
	struct guild row = *reach.realm->guild;
	edit_plain(in, &row);
	r = edit_channels(req, reach.realm, in, &row);
	if (!r && in->features.items)
		r = edit_features(req, &reach, in, &row);
	if (!r)
		take_images(req, images, &row);
	if (!r && in->has.mfa_level && !in->null.mfa_level)
		r = edit_mfa_level(req, &reach, in->mfa_level, &row);
	if (!r && in->owner_id)
		r = edit_owner(&reach, in->owner_id, &row);
	if (r)
		return r;
	finish(req, &reach, &row);
	images_drop_old(req, images, IMAGES);
	*out = guild_view(reach.realm, req->arena);
	return 0;
}

int api_modify_guild_mfa_level_removed(struct req *req, const struct mfa_level_edit *in,
				       struct mfa_level *out)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	struct guild row = *reach.realm->guild;
	r = edit_mfa_level(req, &reach, in->level, &row);
	if (r)
		return r;
	finish(req, &reach, &row);
	out->level = in->level;
	return 0;
}

static int check_owner(struct req *req)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	return r ? r : perms_is_owner(reach.realm, reach.member) ? 0 : ERR_MISSING_PERMISSIONS;
}

int api_delete_guild(struct req *req)
{
	int r = check_owner(req);

	if (!r)
		r = txn_outbox_wait(req->txn);
	if (!r)
		r = check_owner(req);
	if (r)
		return r;
	sweep_guild(req->txn);
	return 0;
}

/* -- small reads -- */

int api_get_guild_preview(struct req *req, struct guild *out)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	*out = guild_view(reach.realm, req->arena);
	out->approximate_member_count = reach.realm->members.count;
	out->approximate_presence_count = reach.realm->online_count;
	out->has.approximate_member_count = out->has.approximate_presence_count = true;
	return 0;
}

int api_get_guild_vanity_url(struct req *req, struct vanity_url *out)
{
	struct invite_row row;
	struct reach reach;

	int r = reach_guild(req, PERM_MANAGE_GUILD, &reach);
	if (r || !reach.realm->guild->vanity_url_code.len)
		return r;
	out->code = arena_str(req->arena, reach.realm->guild->vanity_url_code);
	r = invite_get_wait(req->txn, req->arena, out->code, false, &row);
	if (r && r != ERR_UNKNOWN_INVITE)
		return r;
	out->uses = r ? 0 : row.uses;
	return 0;
}
