#include "api/channel_body.h"

#include <stdio.h>

#include "cell/ids.h"
#include "model/limits.h"
#include "realm/channel.h"
#include "realm/overwrite.h"

enum {
	FLAG_REQUIRE_TAG = 1 << 4,
	FLAG_HIDE_MEDIA_DOWNLOAD = 1 << 15,
	FLAG_SPOILER = 1 << 21,
};

static int over_max(struct req *req, const char *path, int64_t max)
{
	return req_form_error(req, path, "NUMBER_TYPE_MAX",
			      "int value should be less than or equal to %ld.", max);
}

/* -- place -- */

int channel_body_parent(struct req *req, const struct reach *reach, const struct channel *row,
			uint64_t parent_id, const char *path)
{
	struct realm *realm = reach->realm;
	const struct live_channel *parent = parent_id ? map_get(&realm->channels, parent_id) : NULL;

	if (!parent_id || parent_id == row->parent_id)
		return 0;
	if (!parent)
		return req_form_error(req, path, "CHANNEL_PARENT_INVALID",
				      "Category does not exist");
	if (parent->row->type != CHANNEL_TYPE_CATEGORY || row->type == CHANNEL_TYPE_CATEGORY)
		return req_form_error(req, path, "CHANNEL_PARENT_INVALID_TYPE", "Not a category");
	uint64_t there = perms_channel(realm, reach->member, parent, req_now_us(req));
	if (!(there & PERM_MANAGE_CHANNELS))
		return ERR_MISSING_PERMISSIONS;
	if (channel_children(realm, parent_id) >= LIMIT_CHANNELS_PER_CATEGORY)
		return req_form_error(req, path, "CHANNEL_PARENT_MAX_CHANNELS",
				      "Maximum number of channels in category reached (%d)",
				      LIMIT_CHANNELS_PER_CATEGORY);
	return 0;
}

/* -- overwrites -- */

static int read_overwrite(struct req *req, const struct reach *reach,
			  const struct overwrite_create *in, uint32_t at, struct overwrite *ret)
{
	const struct overwrite *old = reach->channel ? overwrite_find(reach->channel->row, in->id)
						     : NULL;
	bool role = map_get(&reach->realm->roles, in->id), typed = in->has.type && !in->null.type;
	char path[64];

	*ret = (struct overwrite){ .id = in->id,
				   .allow = in->allow & PERM_SET_ALL,
				   .deny = in->deny & PERM_SET_ALL };
	ret->type = old ? old->type : typed ? in->type : role ? OVERWRITE_ROLE : OVERWRITE_MEMBER;
	if (old || (ret->type == OVERWRITE_ROLE ? role : member_find(reach->realm, in->id) != NULL))
		return 0;
	snprintf(path, sizeof(path), "permission_overwrites.%u.id", at);
	return req_form_error(req, path, "INVALID_OVERWRITE", "No such role or member.");
}

int channel_body_may_overwrite(const struct reach *reach, const struct channel *row,
			       const struct overwrite_list *list)
{
	struct channel after = { .permission_overwrites = *list };

	int r = reach->channel ? reach_need(reach, PERM_MANAGE_ROLES) : 0;
	if (r)
		return r;
	for (uint32_t i = 0; i < list->count; i++)
		if (!overwrite_allowed(reach->realm, reach->member, reach->channel,
				       overwrite_find(row, list->items[i].id), &list->items[i]))
			return ERR_MISSING_PERMISSIONS;
	for (uint32_t i = 0; i < row->permission_overwrites.count; i++) {
		const struct overwrite *old = &row->permission_overwrites.items[i];

		if (!overwrite_find(&after, old->id) &&
		    !overwrite_allowed(reach->realm, reach->member, reach->channel, old, NULL))
			return ERR_MISSING_PERMISSIONS;
	}
	return 0;
}

static int apply_overwrites(struct req *req, const struct reach *reach,
			    const struct overwrite_create_list *in, struct channel *row)
{
	struct overwrite_list list = { arena_array(req->arena, struct overwrite, in->count + 1),
				       0 };
	struct channel after = *row;

	for (uint32_t i = 0; i < in->count; i++) {
		int r = read_overwrite(req, reach, &in->items[i], i, &list.items[list.count]);

		if (r)
			return r;
		for (uint32_t k = 0; k < list.count; k++)
			if (list.items[k].id == list.items[list.count].id)
				return req_form_error(req, "permission_overwrites",
						      "BASE_TYPE_UNIQUE", "An id is named twice.");
		list.count++;
	}
	after.permission_overwrites = list;
	if (overwrites_equal(row, &after))
		return 0;
	int r = channel_body_may_overwrite(reach, row, &list);
	if (r)
		return r;
	row->permission_overwrites = list;
	return 0;
}

/* -- forums -- */

int channel_body_tag(struct req *req, const struct realm *realm, const struct forum_tag_create *in,
		     const struct forum_tag *old, struct forum_tag *ret)
{
	if (str_utf8_len(in->name) > LIMIT_FORUM_TAG_NAME)
		return req_form_error(req, "name", "BASE_TYPE_BAD_LENGTH",
				      "Must be between 0 and %d in length.", LIMIT_FORUM_TAG_NAME);
	if (in->emoji_id && !map_get(&realm->emojis, in->emoji_id))
		return req_form_error(req, "emoji_id", "INVALID_EMOJI", "Unknown emoji.");
	*ret = (struct forum_tag){ .id = old ? old->id : id_next(req->core, 0),
				   .name = in->name,
				   .moderated = in->has.moderated && !in->null.moderated
					   ? in->moderated
					   : old && old->moderated,
				   .emoji_id = in->emoji_id,
				   .emoji_name = in->emoji_id ? (struct str){} : in->emoji_name };
	return 0;
}

static int apply_tags(struct req *req, const struct reach *reach,
		      const struct forum_tag_create_list *in, struct channel *row)
{
	struct forum_tag_list list = { arena_array(req->arena, struct forum_tag, in->count + 1),
				       0 };

	for (uint32_t i = 0; i < in->count; i++) {
		const struct forum_tag *old = NULL;

		for (uint32_t k = 0; in->items[i].id && k < row->available_tags.count; k++)
			if (row->available_tags.items[k].id == in->items[i].id)
				old = &row->available_tags.items[k];
		int r = channel_body_tag(req, reach->realm, &in->items[i], old,
					 &list.items[list.count]);
		if (r)
			return r;
		for (uint32_t k = 0; k < list.count; k++)
			if (str_eq(list.items[k].name, list.items[list.count].name))
				return ERR_TAG_NAMES_MUST_BE_UNIQUE;
		list.count++;
	}
	row->available_tags = list;
	return 0;
}

static int apply_forum(struct req *req, const struct reach *reach, const struct channel_edit *in,
		       struct channel *row)
{
	if (in->has.available_tags) {
		int r = apply_tags(req, reach, &in->available_tags, row);

		if (r)
			return r;
	}
	if (in->has.default_reaction_emoji) {
		row->default_reaction_emoji = NULL;
		if (in->default_reaction_emoji) {
			row->default_reaction_emoji = arena_new(req->arena,
								struct default_reaction);
			row->default_reaction_emoji->emoji_id =
				in->default_reaction_emoji->emoji_id;
			row->default_reaction_emoji->emoji_name =
				in->default_reaction_emoji->emoji_name;
		}
	}
	if (in->has.default_sort_order) {
		row->default_sort_order = in->default_sort_order;
		row->null.default_sort_order = in->null.default_sort_order;
	}
	if (in->has.default_forum_layout && !in->null.default_forum_layout &&
	    row->has.default_forum_layout)
		row->default_forum_layout = in->default_forum_layout;
	if (in->has.default_tag_setting) {
		row->default_tag_setting = in->default_tag_setting;
		row->has.default_tag_setting = true;
	}
	return 0;
}

/* -- the rest -- */

static int apply_flags(struct req *req, const struct channel_edit *in, struct channel *row)
{
	int64_t may = FLAG_SPOILER;

	if (channel_is_forum(row))
		may |= FLAG_REQUIRE_TAG;
	if (row->type == CHANNEL_TYPE_MEDIA)
		may |= FLAG_HIDE_MEDIA_DOWNLOAD;
	if (!in->has.flags || in->null.flags)
		return 0;
	if ((in->flags ^ row->flags) & ~may)
		return req_form_error(req, "flags", "BASE_TYPE_BAD_FLAGS",
				      "Some of these flags cannot be set.");
	row->flags = in->flags;
	return 0;
}

static int apply_voice(struct req *req, const struct channel_edit *in, struct channel *row)
{
	int64_t bitrate_max = row->type == CHANNEL_TYPE_STAGE ? LIMIT_BITRATE_STAGE : LIMIT_BITRATE;
	int64_t users_max = row->type == CHANNEL_TYPE_STAGE ? LIMIT_USER_LIMIT_STAGE
							    : LIMIT_USER_LIMIT;

	if (in->has.bitrate && !in->null.bitrate) {
		if (in->bitrate > bitrate_max)
			return over_max(req, "bitrate", bitrate_max);
		row->bitrate = in->bitrate;
	}
	if (in->has.user_limit && !in->null.user_limit) {
		if (in->user_limit > users_max)
			return over_max(req, "user_limit", users_max);
		row->user_limit = in->user_limit;
	}
	if (in->has.rtc_region)
		row->rtc_region = in->rtc_region.len ? in->rtc_region : (struct str){};
	if (in->has.video_quality_mode) {
		row->has.video_quality_mode = true;
		row->video_quality_mode = in->null.video_quality_mode ? 1 : in->video_quality_mode;
	}
	return 0;
}

static int apply_text(struct req *req, const struct channel_edit *in, struct channel *row)
{
	int64_t topic_max = channel_is_forum(row) ? LIMIT_TOPIC_FORUM : LIMIT_TOPIC;

	if (in->has.topic && row->has.topic) {
		if (in->topic.ptr && str_utf8_len(in->topic) > (size_t)topic_max)
			return req_form_error(req, "topic", "BASE_TYPE_MAX_LENGTH",
					      "Must be %ld or fewer in length.", topic_max);
		row->topic = in->topic.len ? in->topic : (struct str){};
	}
	if (in->has.nsfw && !in->null.nsfw)
		row->nsfw = in->nsfw;
	if (in->has.rate_limit_per_user && row->has.rate_limit_per_user)
		row->rate_limit_per_user = in->null.rate_limit_per_user ? 0
									: in->rate_limit_per_user;
	if (!row->has.default_thread_rate_limit_per_user)
		return 0; /* has no threads */
	if (in->has.default_thread_rate_limit_per_user)
		row->default_thread_rate_limit_per_user =
			in->null.default_thread_rate_limit_per_user
			? 0
			: in->default_thread_rate_limit_per_user;
	if (in->has.default_auto_archive_duration) {
		row->has.default_auto_archive_duration = true;
		row->null.default_auto_archive_duration = in->null.default_auto_archive_duration;
		row->default_auto_archive_duration = in->default_auto_archive_duration;
	}
	return 0;
}

int channel_body_apply(struct req *req, const struct reach *reach, const struct channel_edit *in,
		       struct channel *row)
{
	int r;

	if (in->name.ptr)
		row->name = in->name;
	if (in->has.parent_id) {
		r = channel_body_parent(req, reach, row, in->parent_id, "parent_id");
		if (r)
			return r;
		row->parent_id = in->parent_id;
	}
	if (in->has.position && !in->null.position)
		row->position = in->position;
	r = apply_text(req, in, row);
	if (!r && channel_is_voice(row))
		r = apply_voice(req, in, row);
	if (!r && channel_is_forum(row))
		r = apply_forum(req, reach, in, row);
	if (!r)
		r = apply_flags(req, in, row);
	if (!r && in->permission_overwrites.items)
		r = apply_overwrites(req, reach, &in->permission_overwrites, row);
	return r;
}
