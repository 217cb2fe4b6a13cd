/* Channels of a realm: their events in two clothes, whole and obfuscated. */
#pragma once

#include "realm/class.h"

enum channel_type {
	CHANNEL_TYPE_TEXT = 0,
	CHANNEL_TYPE_DM = 1,
	CHANNEL_TYPE_VOICE = 2,
	CHANNEL_TYPE_GROUP_DM = 3,
	CHANNEL_TYPE_CATEGORY = 4,
	CHANNEL_TYPE_ANNOUNCEMENT = 5,
	CHANNEL_TYPE_ANNOUNCEMENT_THREAD = 10,
	CHANNEL_TYPE_PUBLIC_THREAD = 11,
	CHANNEL_TYPE_PRIVATE_THREAD = 12,
	CHANNEL_TYPE_STAGE = 13,
	CHANNEL_TYPE_FORUM = 15,
	CHANNEL_TYPE_MEDIA = 16,
};
static inline bool channel_is_thread(const struct channel *row)
{
	return row->type >= CHANNEL_TYPE_ANNOUNCEMENT_THREAD &&
		row->type <= CHANNEL_TYPE_PRIVATE_THREAD;
}
static inline bool channel_is_forum(const struct channel *row)
{
	return row->type == CHANNEL_TYPE_FORUM || row->type == CHANNEL_TYPE_MEDIA;
}
static inline bool channel_is_voice(const struct channel *row)
{
	return row->type == CHANNEL_TYPE_VOICE || row->type == CHANNEL_TYPE_STAGE;
}

/* CHANNEL_CREATE, CHANNEL_UPDATE or CHANNEL_DELETE: whole to those who see it, obfuscated to the rest. */
void channel_event(struct txn *txn, enum event_type type, const struct live_channel *channel);
/* CHANNEL_UPDATE to @to only: whole (@sees), or obfuscated. */
void channel_event_sight(struct txn *txn, const struct live_channel *channel, struct audience to,
			 bool sees);
/* The row as the wire shows it: guild_id, last_message_id and the other derived fields filled in. Strings and arrays are shared with the
 * row. */
struct channel channel_view(const struct realm *realm, const struct live_channel *channel);
/* As those see it who may not. */
struct channel channel_hidden(const struct realm *realm, const struct live_channel *channel);
/* Channels of a category, threads not counted. */
uint32_t channel_children(const struct realm *realm, uint64_t category_id);
/* Below all its siblings: those of its kind (categories, voice, the rest) in the same category. */
int64_t channel_next_position(const struct realm *realm, const struct channel *row);
