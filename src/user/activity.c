#include "user/activity.h"

#include "base/map.h"
#include "codec/dec.h"
#include "model/limits.h"

/* Clients tell activities apart by it. */
static struct str id_of(struct arena *arena, const struct activity_update *in)
{
	uint64_t hash = hash_u64((uint64_t)in->type + 1) ^ hash_u64(in->application_id);

	if (in->type == ACTIVITY_CUSTOM)
		return S("custom");
	if (in->id.len)
		return in->id;
	for (size_t i = 0; in->name.ptr && i < in->name.len; i++)
		hash = hash_u64(hash ^ (uint8_t)in->name.ptr[i]);
	return arena_printf(arena, "%lx", hash);
}

static void add_rich(struct arena *arena, const struct activity_update *in, struct activity *out)
{
	out->session_id = in->session_id;
	out->platform = in->platform;
	out->supported_platforms = in->supported_platforms;
	out->timestamps = in->timestamps;
	out->application_id = in->application_id;
	out->status_display_type = in->status_display_type;
	out->details = in->details;
	out->details_url = in->details_url;
	out->state_url = in->state_url;
	out->sync_id = in->sync_id;
	out->emoji = in->emoji;
	out->party = in->party;
	out->assets = in->assets;
	out->instance = in->instance;
	out->flags = in->flags;
	out->has.session_id = in->session_id.ptr;
	out->has.platform = in->platform.ptr;
	out->has.supported_platforms = in->supported_platforms.items;
	out->has.timestamps = in->timestamps != NULL;
	out->has.application_id = in->application_id != 0;
	out->has.status_display_type = in->has.status_display_type && !in->null.status_display_type;
	out->has.details = in->details.ptr;
	out->has.details_url = in->details_url.ptr;
	out->has.state_url = in->state_url.ptr;
	out->has.sync_id = in->sync_id.ptr;
	out->has.emoji = in->emoji != NULL;
	out->has.party = in->party != NULL;
	out->has.assets = in->assets != NULL;
	out->has.instance = in->has.instance && !in->null.instance;
	out->has.flags = in->has.flags && !in->null.flags;
	out->has.buttons = in->buttons.count > 0;
	out->buttons.items = arena_array(arena, struct str, in->buttons.count + 1);
	for (uint32_t i = 0; i < in->buttons.count; i++)
		out->buttons.items[out->buttons.count++] = in->buttons.items[i].label;
}

struct activity activity_view(struct arena *arena, const struct activity_update *in, bool bot,
			      int64_t now_ms)
{
	struct activity out = {
		.name = in->name.ptr ? in->name : S(""),
		.type = in->type,
		.created_at =
			now_ms, /* the server's clock: some clients send text here, and cannot read it back */
		.url = in->url,
		.state = in->state,
		.id = id_of(arena, in),
	};

	out.has.id = true;
	out.has.url = in->url.ptr;
	out.has.state = in->state.ptr;
	if (!bot)
		add_rich(arena, in, &out);
	return out;
}

static bool makes_sense(const struct activity_update *in)
{
	if (in->type == ACTIVITY_CUSTOM)
		return in->state.len || in->emoji;
	return in->name.len > 0;
}

/* Clients say a button as an object with its address, or as its label alone. */
static void spell_buttons(json_t *activity)
{
	json_t *buttons = json_object_get(activity, "buttons"), *button;
	size_t i;

	json_array_foreach(buttons, i, button)
	{
		if (json_is_string(button))
			json_array_set_new(buttons, i, json_pack("{s:O}", "label", button));
	}
}

struct activity_list activities_read(struct arena *arena, json_t *list, bool bot, int64_t now_ms)
{
	struct activity_list ret = { arena_array(arena, struct activity, LIMIT_ACTIVITIES), 0 };

	for (size_t i = 0; i < json_array_size(list) && ret.count < LIMIT_ACTIVITIES; i++) {
		struct activity_update *in = arena_new(arena, struct activity_update);
		struct dec dec;

		spell_buttons(json_array_get(list, i));
		dec_init(&dec, arena);
		if (!dec_object(&dec, &desc_activity_update, json_array_get(list, i), in) &&
		    makes_sense(in))
			ret.items[ret.count++] = activity_view(arena, in, bot, now_ms);
	}
	return ret;
}

bool activity_same(const struct activity *a, const struct activity *b)
{
	if (a->type != b->type)
		return false;
	return a->type == ACTIVITY_CUSTOM ||
		(str_eq(a->name, b->name) && a->application_id == b->application_id &&
		 str_eq(a->details, b->details) && str_eq(a->state, b->state) &&
		 str_eq(a->url, b->url) && str_eq(a->sync_id, b->sync_id));
}
