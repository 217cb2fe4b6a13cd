/* What a session knows from events alone; each event is checked against it: nothing of a channel that it does not see, nothing of
 * what is gone, ids that grow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

enum { FLAG_OBFUSCATED = 1 << 17 };

static void fresh(json_t **object)
{
	json_decref(*object);
	*object = json_object();
}

void cache_forget(struct viewer *viewer)
{
	viewer->in_guild = false;
	fresh(&viewer->channels);
	fresh(&viewer->roles);
	fresh(&viewer->members);
	fresh(&viewer->messages);
	fresh(&viewer->floors);
	fresh(&viewer->newest);
}

static const char *id_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool hidden(const json_t *channel)
{
	return json_integer_value(json_object_get(channel, "flags")) & FLAG_OBFUSCATED;
}

/* Sight ends: what it knew of the messages may grow old. */
static void forget_messages(struct viewer *viewer, const char *channel_id)
{
	const char *id;
	json_t *message;
	void *next;

	json_object_foreach_safe(viewer->messages, next, id,
				 message) if (!strcmp(id_of(message, "channel_id"), channel_id))
		json_object_del(viewer->messages, id);
	json_object_del(viewer->floors, channel_id);
}

static void take_channel(struct viewer *viewer, json_t *channel)
{
	const char *id = id_of(channel, "id");
	json_t *known = json_object_get(viewer->channels, id);
	bool saw = known && !hidden(known);

	if (hidden(channel)) {
		forget_messages(viewer, id);
	} else if (!saw) {
		/* From here on every message is to come. */
		const char *last = id_of(channel, "last_message_id");

		json_object_set_new(viewer->floors, id, json_string(last[0] ? last : "0"));
	}
	json_object_set(viewer->channels, id, channel);
}

static void take_guild(struct viewer *viewer, json_t *guild)
{
	size_t i;
	json_t *item;

	if (json_id(guild, "id") != viewer->world->guild ||
	    json_is_true(json_object_get(guild, "unavailable")))
		return;
	cache_forget(viewer);
	viewer->in_guild = true;
	json_array_foreach(json_object_get(guild, "channels"), i, item) take_channel(viewer, item);
	json_array_foreach(json_object_get(guild, "roles"), i, item)
		json_object_set(viewer->roles, id_of(item, "id"), item);
	json_array_foreach(json_object_get(guild, "members"), i, item)
		json_object_set(viewer->members, id_of(json_object_get(item, "user"), "id"), item);
}

/* -- messages -- */

static bool own_or_readable(const struct viewer *viewer, const json_t *d)
{
	return viewer->user != BOT_BARE ||
		json_id(json_object_get(d, "author"), "id") == viewer->world->users[BOT_BARE].id;
}

static void message_create(struct viewer *viewer, json_t *d)
{
	struct world *world = viewer->world;
	const char *channel_id = id_of(d, "channel_id"), *id = id_of(d, "id");
	const char *content = json_string_value(json_object_get(d, "content"));
	char key[64];
	uint64_t before = strtoull(id_of(viewer->newest, channel_id), NULL, 10),
		 now = strtoull(id, NULL, 10);

	if (now <= before)
		fail(world, "viewer %u: message %s comes after %lu", viewer->index, id, before);
	json_object_set_new(viewer->newest, channel_id, json_string(id));
	json_object_set(viewer->messages, id, d);
	if (!own_or_readable(viewer, d)) {
		if (content && content[0])
			fail(world, "viewer %u: content without the intent", viewer->index);
		return;
	}
	if (!content || json_integer_value(json_object_get(d, "type")) != 0)
		return;
	/* Seen, so it is; an edit that came between may not be in what was said first. */
	snprintf(key, sizeof(key), "msg:%s", id);
	struct reg *reg = reg_find(world, key);
	if (!reg)
		reg_begin(world, key, content, true);
	else
		reg_seen(world, key, content);
	said(world, content, id);
}

static void message_update(struct viewer *viewer, json_t *d)
{
	const char *id = id_of(d, "id"),
		   *content = json_string_value(json_object_get(d, "content"));
	json_t *known = json_object_get(viewer->messages, id);
	char key[64];

	if (known)
		json_object_update(known, d);
	if (!content || !own_or_readable(viewer, d))
		return;
	snprintf(key, sizeof(key), "msg:%s", id);
	reg_seen(viewer->world, key, content);
}

static void message_delete(struct viewer *viewer, const char *id)
{
	char key[64];

	snprintf(key, sizeof(key), "msg:%s", id);
	reg_seen(viewer->world, key, ABSENT);
	json_object_del(viewer->messages, id);
	snprintf(key, sizeof(key), "gone:%s", id);
	json_object_set_new(viewer->newest, key, json_true());
}

static void check_not_gone(struct viewer *viewer, const char *type, const char *id)
{
	char key[64];

	snprintf(key, sizeof(key), "gone:%s", id);
	if (json_object_get(viewer->newest, key))
		fail(viewer->world, "viewer %u: %s of message %s that is deleted", viewer->index,
		     type, id);
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Whatever names a channel of the guild is for those who see it. */
static void check_sight(struct viewer *viewer, const char *type, const json_t *d)
{
	const char *channel_id = id_of(d, "channel_id");
	const json_t *channel = json_object_get(viewer->channels, channel_id);

	const struct dm *dm = dm_find(viewer->world, strtoull(channel_id, NULL, 10));
	if (dm && viewer->user != dm->a && viewer->user != dm->b)
		fail(viewer->world, "viewer %u: %s of a DM of %u and %u", viewer->index, type,
		     dm->a, dm->b);
	if (!channel_id[0] || json_id(d, "guild_id") != viewer->world->guild ||
	    starts(type, "VOICE_"))
		return;
	if (!channel)
		fail(viewer->world, "viewer %u: %s in channel %s, which is not there",
		     viewer->index, type, channel_id);
	else if (hidden(channel))
		fail(viewer->world, "viewer %u: %s in channel %s, which is hidden", viewer->index,
		     type, channel_id);
}

static void check_guild(struct viewer *viewer, const char *type, const json_t *d)
{
	if (viewer->in_guild || json_id(d, "guild_id") != viewer->world->guild)
		return;
	if (starts(type, "GUILD_CREATE") || starts(type, "GUILD_DELETE") ||
	    starts(type, "PRESENCE"))
		return;
	fail(viewer->world, "viewer %u: %s of a guild that it is not in", viewer->index, type);
}

static void take_member(struct viewer *viewer, json_t *d, bool add)
{
	const char *id = id_of(json_object_get(d, "user"), "id");
	json_t *known = json_object_get(viewer->members, id);

	if (known && !add)
		json_object_update(known, d);
	else if (add)
		json_object_set(viewer->members, id, d);
}

/* No event says so for each member. */
static void take_role_away(struct viewer *viewer, const char *role_id)
{
	const char *id;
	json_t *member;

	json_object_foreach(viewer->members, id, member)
	{
		json_t *roles = json_object_get(member, "roles");

		for (size_t i = json_array_size(roles); i > 0; i--)
			if (!strcmp(json_string_value(json_array_get(roles, i - 1)), role_id))
				json_array_remove(roles, i - 1);
	}
}

void cache_event(struct viewer *viewer, const char *type, json_t *d)
{
	size_t i;
	json_t *item;

	check_guild(viewer, type, d);
	check_sight(viewer, type, d);
	if (!strcmp(type, "READY")) {
		json_array_foreach(json_object_get(d, "guilds"), i, item) take_guild(viewer, item);
	} else if (!strcmp(type, "GUILD_CREATE")) {
		take_guild(viewer, d);
	} else if (!strcmp(type, "GUILD_DELETE")) {
		if (json_id(d, "id") == viewer->world->guild)
			cache_forget(viewer);
	} else if (!strcmp(type, "CHANNEL_CREATE") || !strcmp(type, "CHANNEL_UPDATE")) {
		if (json_id(d, "guild_id") == viewer->world->guild)
			take_channel(viewer, d);
	} else if (!strcmp(type, "CHANNEL_DELETE")) {
		forget_messages(viewer, id_of(d, "id"));
		json_object_del(viewer->channels, id_of(d, "id"));
	} else if (starts(type, "GUILD_ROLE_") && json_object_get(d, "role")) {
		item = json_object_get(d, "role");
		json_object_set(viewer->roles, id_of(item, "id"), item);
	} else if (!strcmp(type, "GUILD_ROLE_DELETE")) {
		json_object_del(viewer->roles, id_of(d, "role_id"));
		take_role_away(viewer, id_of(d, "role_id"));
	} else if (!strcmp(type, "GUILD_MEMBER_ADD")) {
		take_member(viewer, d, true);
	} else if (!strcmp(type, "GUILD_MEMBER_UPDATE")) {
		take_member(viewer, d, false);
	} else if (!strcmp(type, "GUILD_MEMBER_REMOVE")) {
		json_object_del(viewer->members, id_of(json_object_get(d, "user"), "id"));
	} else if (!strcmp(type, "MESSAGE_CREATE")) {
		check_not_gone(viewer, type, id_of(d, "id"));
		message_create(viewer, d);
	} else if (!strcmp(type, "MESSAGE_UPDATE")) {
		check_not_gone(viewer, type, id_of(d, "id"));
		message_update(viewer, d);
	} else if (!strcmp(type, "MESSAGE_DELETE")) {
		message_delete(viewer, id_of(d, "id"));
	} else if (!strcmp(type, "MESSAGE_DELETE_BULK")) {
		json_array_foreach(json_object_get(d, "ids"), i, item)
			message_delete(viewer, json_string_value(item));
	} else if (starts(type, "MESSAGE_REACTION_")) {
		check_not_gone(viewer, type, id_of(d, "message_id"));
	}
}
