#include "realm/channel.h"

#include "codec/enc.h"
#include "model/limits.h"

enum {
	FLAG_OBFUSCATED = 1 << 17,
	VOICE = 2,
	STAGE = 13,
	FORUM = 15,
	MEDIA = 16,
	HIDDEN_BITRATE = 64000,
	CHANNEL_BYTES_MAX = 4 << 20,
};

struct channel channel_view(const struct realm *realm, const struct live_channel *channel)
{
	struct channel view = *channel->row;

	if (realm->guild) {
		view.has.guild_id = true;
		view.guild_id = realm->guild->id;
	}
	if (view.has.last_message_id)
		view.last_message_id = channel->last_message_id;
	return view;
}

struct channel channel_hidden(const struct realm *realm, const struct live_channel *channel)
{
	const struct channel *row = channel->row;
	struct channel hidden = {
		.id = row->id,
		.type = row->type,
		.guild_id = realm->guild->id,
		.name = S("___hidden___"),
		.position = row->position,
		.parent_id = row->parent_id,
		.flags = FLAG_OBFUSCATED,
	};

	hidden.has.guild_id = hidden.has.name = hidden.has.position = hidden.has.parent_id = true;
	hidden.has.permission_overwrites = hidden.has.topic = hidden.has.nsfw = true;
	hidden.has.last_message_id = hidden.has.last_pin_timestamp =
		hidden.has.rate_limit_per_user = true;
	if (row->type == VOICE || row->type == STAGE) {
		hidden.has.bitrate = hidden.has.user_limit = hidden.has.rtc_region = true;
		hidden.bitrate = HIDDEN_BITRATE;
	}
	hidden.has.available_tags = row->type == FORUM || row->type == MEDIA;
	return hidden;
}

static struct bytes *encode(const struct channel *channel,
			    void (*enc_channel_h)(struct enc *, const struct channel *))
{
	struct buf text;
	struct enc enc;

	buf_init(&text, CHANNEL_BYTES_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_channel_h(&enc, channel);
	struct bytes *bytes = bytes_from(buf_str(&text));
	buf_done(&text);
	return bytes;
}

static struct bytes *encode_hidden(const struct realm *realm, const struct live_channel *channel)
{
	struct overwrite nobody = { .id = realm->guild->id, .type = 0, .deny = PERM_VIEW_CHANNEL };
	struct channel hidden = channel_hidden(realm, channel);

	hidden.permission_overwrites.items = &nobody;
	hidden.permission_overwrites.count = 1;
	return encode(&hidden, enc_channel_hidden);
}

static struct bytes *encode_whole(const struct realm *realm, const struct live_channel *channel)
{
	struct channel view = channel_view(realm, channel);

	return encode(&view, enc_channel);
}

void channel_event(struct txn *txn, enum event_type type, const struct live_channel *channel)
{
	const struct realm *realm = realm_of(txn);

	txn_event_raw(txn, type, aud_channel_or_hidden(channel), encode_whole(realm, channel),
		      realm->guild ? encode_hidden(realm, channel) : NULL);
}

void channel_event_sight(struct txn *txn, const struct live_channel *channel, struct audience to,
			 bool sees)
{
	const struct realm *realm = realm_of(txn);

	txn_event_raw(txn, EVENT_CHANNEL_UPDATE, to,
		      sees ? encode_whole(realm, channel) : encode_hidden(realm, channel), NULL);
}

uint32_t channel_children(const struct realm *realm, uint64_t category_id)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < realm->slots_count; i++) {
		const struct live_channel *channel = realm->slots[i];

		count += channel && channel->row->parent_id == category_id &&
			!channel_is_thread(channel->row);
	}
	return count;
}

static bool siblings(const struct channel *a, const struct channel *b)
{
	return a->parent_id == b->parent_id && channel_is_voice(a) == channel_is_voice(b) &&
		(a->type == CHANNEL_TYPE_CATEGORY) == (b->type == CHANNEL_TYPE_CATEGORY);
}

int64_t channel_next_position(const struct realm *realm, const struct channel *row)
{
	int64_t next = 0;

	for (uint32_t i = 0; i < realm->slots_count; i++) {
		const struct live_channel *channel = realm->slots[i];

		if (channel && channel->row->id != row->id && !channel_is_thread(channel->row) &&
		    siblings(channel->row, row))
			next = MAX(next, channel->row->position + 1);
	}
	return next;
}
