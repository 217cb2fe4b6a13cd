/* Settings: the legacy form, the protobufs that are kept as they are, and what one wants to hear of guilds. */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "api/req.h"
#include "user/protobuf.h"
#include "user/settings.h"
#include "user/status.h"

enum { KIND_LEGACY = 0, KIND_PRELOADED = 1, KIND_MAX = 3, PROTO_MAX = 1 << 20 };

int api_get_settings_legacy(struct req *req, struct user_settings *out)
{
	return settings_read_wait(req->txn, out);
}

int api_update_settings_legacy(struct req *req, const struct user_settings_edit *in,
			       struct user_settings *out)
{
	int r = settings_read_wait(req->txn, out);

	if (r)
		return r;
	settings_apply(out, in);
	settings_put(req->txn, out);
	if (in->has.status)
		status_choose(req->txn, in->status);
	if (in->has.custom_status)
		status_choose_custom(req->txn, in->custom_status);
	txn_event(req->txn, EVENT_USER_SETTINGS_UPDATE, aud_self(), out);
	return 0;
}

/* -- protobufs: base64 on the wire, merged field by field -- */

static int kind_of(struct req *req, uint8_t *ret)
{
	uint64_t kind;

	if (!str_u64(req->path.type, &kind) || kind < 1 || kind > KIND_MAX)
		return req_form_error(req, "type", "BASE_TYPE_CHOICES",
				      "Value must be one of (1, 2, 3).");
	*ret = (uint8_t)kind;
	return 0;
}

static int read_proto_wait(struct req *req, uint8_t kind, bool lock, struct settings_row *ret)
{
	struct key key;
	struct str at = key_settings(&key, req->cell->id, kind);

	*ret = (struct settings_row){ .data = S("") };
	int r = lock ? txn_lock_wait(req->txn, at) : 0;
	if (!r)
		r = txn_get_obj_wait(req->txn, at, &desc_settings_row, ret);
	return r == ENOENT ? 0 : r;
}

static bool decode(struct arena *arena, struct str base64, struct str *ret)
{
	unsigned char *raw = arena_alloc(arena, base64.len + 1);
	size_t len;

	if (sodium_base642bin(raw, base64.len + 1, base64.ptr, base64.len, NULL, &len, NULL,
			      sodium_base64_VARIANT_ORIGINAL))
		return false;
	*ret = (struct str){ (char *)raw, len };
	return true;
}

static struct str encode(struct arena *arena, struct str raw)
{
	size_t size = sodium_base64_ENCODED_LEN(raw.len, sodium_base64_VARIANT_ORIGINAL);
	char *text = arena_alloc(arena, size);

	sodium_bin2base64(text, size, (const unsigned char *)raw.ptr, raw.len,
			  sodium_base64_VARIANT_ORIGINAL);
	return str_z(text);
}

int api_get_settings_proto(struct req *req, struct settings_proto *out)
{
	struct settings_row row;
	uint8_t kind = 0;

	int r = kind_of(req, &kind);
	if (!r)
		r = read_proto_wait(req, kind, false, &row);
	if (!r)
		out->settings = row.data;
	return r;
}

int api_update_settings_proto(struct req *req, const struct settings_proto_edit *in,
			      struct settings_proto_result *out)
{
	struct settings_row row;
	struct str old, change, merged;
	struct key key;
	uint8_t kind = 0;

	int r = kind_of(req, &kind);
	if (!r)
		r = read_proto_wait(req, kind, true, &row);
	if (r)
		return r;
	if (in->has.required_data_version && !in->null.required_data_version &&
	    in->required_data_version < row.version) {
		out->settings = row.data;
		out->out_of_date = out->has.out_of_date = true;
		return 0;
	}
	if (!decode(req->arena, row.data, &old) || !decode(req->arena, in->settings, &change) ||
	    !protobuf_merge(req->arena, old, change, &merged) || merged.len > PROTO_MAX)
		return req_form_error(req, "settings", "INVALID_USER_SETTINGS_DATA",
				      "This is no settings message.");
	struct chosen chosen = {};
	if (kind == KIND_PRELOADED && !status_read_proto(change, &chosen))
		return req_form_error(req, "settings", "INVALID_USER_SETTINGS_DATA",
				      "The custom status is too long.");
	row.data = encode(req->arena, merged);
	row.version++;
	txn_put(req->txn, key_settings(&key, req->cell->id, kind), &desc_settings_row, &row);
	struct settings_proto_value value = { .type = kind, .proto = row.data };
	struct user_settings_proto_update event = { .settings = &value, .partial = false };
	txn_event(req->txn, EVENT_USER_SETTINGS_PROTO_UPDATE, aud_self(), &event);
	status_choose(req->txn, chosen.status);
	if (chosen.has_custom)
		status_choose_custom(req->txn, &chosen.custom);
	out->settings = row.data;
	return 0;
}

/* -- guilds -- */

static void apply_mute(struct arena *arena, const struct mute_config_edit *in,
		       struct mute_config **ret)
{
	struct mute_config *config = in ? arena_new(arena, struct mute_config) : NULL;

	if (in) {
		config->end_time = in->end_time;
		config->selected_time_window = in->selected_time_window;
		config->null.selected_time_window = !in->has.selected_time_window ||
			in->null.selected_time_window;
	}
	*ret = config;
}

static struct channel_override *override_of(struct arena *arena, struct user_guild_settings *row,
					    uint64_t channel_id)
{
	for (uint32_t i = 0; i < row->channel_overrides.count; i++)
		if (row->channel_overrides.items[i].channel_id == channel_id)
			return &row->channel_overrides.items[i];
	struct channel_override *items = arena_array(arena, struct channel_override,
						     row->channel_overrides.count + 1);
	if (row->channel_overrides.count)
		memcpy(items, row->channel_overrides.items,
		       row->channel_overrides.count * sizeof(*items));
	struct channel_override *fresh = &items[row->channel_overrides.count++];
	fresh->channel_id = channel_id;
	fresh->message_notifications = 3;
	row->channel_overrides.items = items;
	return fresh;
}

#define TAKE_FIELD(to, in, field)                         \
	do {                                              \
		if ((in)->has.field && !(in)->null.field) \
			(to)->field = (in)->field;        \
	} while (0)

static void apply_guild(struct arena *arena, struct user_guild_settings *row,
			const struct user_guild_settings_edit *in)
{
	TAKE_FIELD(row, in, message_notifications);
	TAKE_FIELD(row, in, muted);
	TAKE_FIELD(row, in, suppress_everyone);
	TAKE_FIELD(row, in, suppress_roles);
	TAKE_FIELD(row, in, hide_muted_channels);
	TAKE_FIELD(row, in, mobile_push);
	TAKE_FIELD(row, in, mute_scheduled_events);
	TAKE_FIELD(row, in, notify_highlights);
	TAKE_FIELD(row, in, flags);
	if (in->has.mute_config)
		apply_mute(arena, in->mute_config, &row->mute_config);
	for (uint32_t i = 0; i < in->channel_overrides.count; i++) {
		const struct channel_override_edit *edit = &in->channel_overrides.values[i];
		uint64_t channel_id;

		if (!str_u64(in->channel_overrides.keys[i], &channel_id))
			continue;
		struct channel_override *to = override_of(arena, row, channel_id);
		TAKE_FIELD(to, edit, message_notifications);
		TAKE_FIELD(to, edit, muted);
		TAKE_FIELD(to, edit, collapsed);
		TAKE_FIELD(to, edit, flags);
		if (edit->has.mute_config)
			apply_mute(arena, edit->mute_config, &to->mute_config);
	}
	row->version++;
}

int api_update_user_guild_settings(struct req *req, const struct user_guild_settings_edit *in,
				   struct user_guild_settings *out)
{
	struct key key;
	struct str at = key_user_guild_settings(&key, req->cell->id, req->path.guild_id);

	int r = txn_lock_wait(req->txn, at);
	if (!r && req->path.guild_id && !map_get(&user_of(req->txn)->guilds, req->path.guild_id))
		return ERR_UNKNOWN_GUILD; /* 0: direct messages */
	if (!r)
		r = txn_get_obj_wait(req->txn, at, &desc_user_guild_settings, out);
	if (r && r != ENOENT)
		return r;
	if (r)
		*out = settings_guild_default(req->path.guild_id);
	apply_guild(req->arena, out, in);
	txn_put(req->txn, at, &desc_user_guild_settings, out);
	txn_event(req->txn, EVENT_USER_GUILD_SETTINGS_UPDATE, aud_self(), out);
	return 0;
}
