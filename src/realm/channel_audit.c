#include "realm/channel_audit.h"

#include "codec/enc.h"

enum { TEXT_MAX = 1 << 20 };

static struct str take(struct arena *arena, struct buf *text)
{
	struct str copy = arena_str(arena, buf_str(text));

	buf_done(text);
	return copy;
}

static struct str overwrites_json(struct arena *arena, const struct channel *row)
{
	struct buf text;
	struct enc enc;

	if (!row->has.permission_overwrites)
		return (struct str){};
	buf_init(&text, TEXT_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_arr_begin(&enc);
	for (uint32_t i = 0; i < row->permission_overwrites.count; i++)
		enc_overwrite(&enc, &row->permission_overwrites.items[i]);
	enc_arr_end(&enc);
	return take(arena, &text);
}

static struct str tags_json(struct arena *arena, const struct channel *row)
{
	struct buf text;
	struct enc enc;

	if (!row->has.available_tags)
		return (struct str){};
	buf_init(&text, TEXT_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_arr_begin(&enc);
	for (uint32_t i = 0; i < row->available_tags.count; i++)
		enc_forum_tag(&enc, &row->available_tags.items[i]);
	enc_arr_end(&enc);
	return take(arena, &text);
}

static struct str reaction_json(struct arena *arena, const struct channel *row)
{
	struct buf text;
	struct enc enc;

	if (!row->default_reaction_emoji)
		return (struct str){};
	buf_init(&text, TEXT_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_default_reaction(&enc, row->default_reaction_emoji);
	return take(arena, &text);
}

/* JSON on either side, when it differs; what is made or gone has one side only. */
static void differ(struct audit *audit, const char *key, struct str before, struct str after)
{
	if (audit->made)
		before = (struct str){};
	if (audit->gone)
		after = (struct str){};
	if (!str_eq(before, after))
		audit_json(audit, key, before, after);
}

struct audit audit_channel(struct txn *txn, uint64_t actor_id, enum audit_action action,
			   const struct channel *before, const struct channel *after,
			   struct str reason)
{
	static const struct channel none;
	const struct channel *b = before ? before : &none, *a = after ? after : &none;
	struct audit audit = audit_begin(txn, actor_id, action, before ? b->id : a->id, reason);
	struct arena *arena = txn->arena;

	audit_str(&audit, "name", b->name, a->name);
	audit_int(&audit, "type", b->type, a->type);
	audit_str(&audit, "topic", b->topic, a->topic);
	audit_id(&audit, "parent_id", b->parent_id, a->parent_id);
	if (audit.update)
		audit_int(&audit, "position", b->position, a->position);
	audit_bool(&audit, "nsfw", b->nsfw, a->nsfw);
	if (b->has.rate_limit_per_user || a->has.rate_limit_per_user)
		audit_int(&audit, "rate_limit_per_user", b->rate_limit_per_user,
			  a->rate_limit_per_user);
	if (b->has.bitrate || a->has.bitrate)
		audit_int(&audit, "bitrate", b->bitrate, a->bitrate);
	if (b->has.user_limit || a->has.user_limit)
		audit_int(&audit, "user_limit", b->user_limit, a->user_limit);
	audit_str(&audit, "rtc_region", b->rtc_region, a->rtc_region);
	if (b->has.video_quality_mode || a->has.video_quality_mode)
		audit_int(&audit, "video_quality_mode", b->video_quality_mode,
			  a->video_quality_mode);
	if (b->default_auto_archive_duration || a->default_auto_archive_duration)
		audit_int(&audit, "default_auto_archive_duration", b->default_auto_archive_duration,
			  a->default_auto_archive_duration);
	if (audit.update)
		audit_int(&audit, "default_thread_rate_limit_per_user",
			  b->default_thread_rate_limit_per_user,
			  a->default_thread_rate_limit_per_user);
	if (b->has.default_sort_order && a->has.default_sort_order)
		audit_int(&audit, "default_sort_order", b->default_sort_order,
			  a->default_sort_order);
	if (b->has.default_forum_layout && a->has.default_forum_layout)
		audit_int(&audit, "default_forum_layout", b->default_forum_layout,
			  a->default_forum_layout);
	audit_str(&audit, "default_tag_setting", b->default_tag_setting, a->default_tag_setting);
	audit_int(&audit, "flags", b->flags, a->flags);
	if (b->thread_metadata || a->thread_metadata) {
		static const struct thread_metadata plain;
		const struct thread_metadata *x = b->thread_metadata ? b->thread_metadata : &plain,
					     *y = a->thread_metadata ? a->thread_metadata : &plain;

		audit_bool(&audit, "archived", x->archived, y->archived);
		audit_bool(&audit, "locked", x->locked, y->locked);
		audit_int(&audit, "auto_archive_duration", x->auto_archive_duration,
			  y->auto_archive_duration);
		if (x->has.invitable || y->has.invitable)
			audit_bool(&audit, "invitable", x->invitable, y->invitable);
	}
	differ(&audit, "available_tags", tags_json(arena, b), tags_json(arena, a));
	differ(&audit, "default_reaction_emoji", reaction_json(arena, b), reaction_json(arena, a));
	differ(&audit, "permission_overwrites", overwrites_json(arena, b),
	       overwrites_json(arena, a));
	return audit;
}
