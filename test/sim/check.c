/* The end of a run: all is read back and compared, with what live sessions believe, with what was acknowledged, with the plain model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

enum { FLAG_OBFUSCATED = 1 << 17, PAGE = 50, TYPE_JOIN = 7 };

static struct request *read_wait(struct world *world, uint32_t user, const char *path)
{
	struct request *call = NULL;

	for (int i = 0; i < 40 && !world->failed; i++) {
		call_free(call);
		call = call_wait(world, user, "GET", NULL, "%s", path);
		if (call->status != 503 && call->outcome != UNKNOWN)
			return call;
		world_settle(world, 1000);
		world->now_us += 1000000;
	}
	if (!world->failed)
		fail(world, "GET %s is never answered", path);
	return call;
}

/* One page below @before, into @all. How many there were; *before goes on. */
static size_t read_page(struct world *world, json_t *all, uint32_t user, uint64_t channel,
			uint64_t *before)
{
	char path[160];
	json_t *message;
	size_t i;

	snprintf(path, sizeof(path), "/channels/%lu/messages?limit=%d", channel, PAGE);
	if (*before)
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "&before=%lu", *before);
	struct request *call = read_wait(world, user, path);
	if (call && call->status != 200 && !world->failed)
		fail(world, "GET %s: %d", path, call->status);
	json_array_foreach(call ? call->reply : NULL, i, message)
	{
		const char *id = json_string_value(json_object_get(message, "id"));

		if (*before && json_id(message, "id") >= *before)
			fail(world, "messages of %lu are not in order", channel);
		if (json_object_get(all, id))
			fail(world, "message %s of %lu is there twice", id, channel);
		*before = json_id(message, "id");
		json_object_set(all, id, message);
	}
	size_t count = call ? json_array_size(call->reply) : 0;
	call_free(call);
	return count;
}

/* All messages of the guild, and of DMs as one of the two reads them, by id. */
static json_t *read_messages(struct world *world, const struct truth *truth)
{
	json_t *all = json_object(), *channel;
	const char *id;

	json_object_foreach(truth->channels, id, channel)
	{
		uint64_t before = 0;

		if (json_integer_value(json_object_get(channel, "type")) == 0)
			while (read_page(world, all, OWNER, strtoull(id, NULL, 10), &before) ==
				       PAGE &&
			       !world->failed)
				continue;
	}
	for (uint32_t i = 0; i < world->dms_count; i++) {
		uint64_t before = 0;

		while (read_page(world, all, world->dms[i].a, world->dms[i].id, &before) == PAGE &&
		       !world->failed)
			continue;
	}
	return all;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* -- live sessions -- */

static void same(struct world *world, const struct viewer *viewer, const char *what, const char *id,
		 const char *field, const json_t *a, const json_t *b)
{
	const json_t *x = json_object_get(a, field), *y = json_object_get(b, field);

	if ((!x && !y) || json_equal(x, y) || (!x && json_is_null(y)) || (!y && json_is_null(x)) ||
	    world->failed)
		return;
	char *known = json_dumps(x, JSON_ENCODE_ANY), *row = json_dumps(y, JSON_ENCODE_ANY);
	fail(world, "viewer %u knows %s of %s %s as %.150s, it is %.150s", viewer->index, field,
	     what, id, known ? known : "?", row ? row : "?");
	free(known);
	free(row);
}

static void check_channels(struct world *world, const struct viewer *viewer,
			   const struct truth *truth)
{
	uint64_t user = world->users[viewer->user].id;
	const char *id;
	json_t *row, *known;

	json_object_foreach(truth->channels, id, row)
	{
		known = json_object_get(viewer->channels, id);
		bool sees = truth_sees(world, truth, user, id);

		if (!known) {
			fail(world, "viewer %u does not know channel %s", viewer->index, id);
			return;
		}
		bool hidden = json_integer_value(json_object_get(known, "flags")) & FLAG_OBFUSCATED;
		if (hidden == sees) {
			fail(world, "viewer %u believes that channel %s is %s for %u, it is not",
			     viewer->index, id, hidden ? "hidden" : "visible", viewer->user);
			return;
		}
		same(world, viewer, "channel", id, "position", known, row);
		if (hidden)
			continue;
		same(world, viewer, "channel", id, "name", known, row);
		same(world, viewer, "channel", id, "topic", known, row);
		same(world, viewer, "channel", id, "permission_overwrites", known, row);
	}
	json_object_foreach(viewer->channels, id, known) if (!json_object_get(truth->channels, id))
		fail(world, "viewer %u knows channel %s, which is gone", viewer->index, id);
}

static void check_roles(struct world *world, const struct viewer *viewer, const struct truth *truth)
{
	const char *id;
	json_t *role;

	json_object_foreach(truth->roles, id, role)
	{
		same(world, viewer, "role", id, "name", json_object_get(viewer->roles, id), role);
		same(world, viewer, "role", id, "permissions", json_object_get(viewer->roles, id),
		     role);
		same(world, viewer, "role", id, "position", json_object_get(viewer->roles, id),
		     role);
	}
	json_object_foreach(viewer->roles, id, role) if (!json_object_get(truth->roles, id))
		fail(world, "viewer %u knows role %s, which is gone", viewer->index, id);
}

static bool has(const json_t *roles, uint64_t role_id)
{
	size_t i;
	json_t *role;

	json_array_foreach(roles, i, role) if (strtoull(json_string_value(role), NULL, 10) ==
					       role_id) return true;
	return false;
}

/* In any order. */
static bool same_roles(const json_t *a, const json_t *b)
{
	size_t i;
	json_t *role;

	json_array_foreach(
		a, i, role) if (!has(b, strtoull(json_string_value(role), NULL, 10))) return false;
	return json_array_size(a) == json_array_size(b);
}

/* Bots with all intents had every member in GUILD_CREATE. */
static void check_members(struct world *world, const struct viewer *viewer,
			  const struct truth *truth)
{
	const char *id;
	json_t *roles;

	if (viewer->user != BOT_ALL)
		return;
	json_object_foreach(truth->members, id, roles)
	{
		const json_t *known = json_object_get(json_object_get(viewer->members, id),
						      "roles");

		if (!known)
			fail(world, "viewer %u does not know member %s", viewer->index, id);
		else if (!same_roles(known, roles)) {
			char *a = json_dumps(known, 0), *b = json_dumps(roles, 0);

			fail(world, "viewer %u knows roles of member %s as %s, they are %s",
			     viewer->index, id, a, b);
			free(a);
			free(b);
		}
	}
	json_object_foreach(viewer->members, id, roles) if (!json_object_get(truth->members, id))
		fail(world, "viewer %u knows member %s, who is gone", viewer->index, id);
}

static void check_known_messages(struct world *world, const struct viewer *viewer,
				 const json_t *rows)
{
	const char *id, *floor;
	json_t *known, *row;

	json_object_foreach(viewer->messages, id, known)
	{
		row = json_object_get(rows, id);
		if (!row) {
			fail(world, "viewer %u knows message %s, which is gone", viewer->index, id);
			return;
		}
		if (viewer->user != BOT_BARE)
			same(world, viewer, "message", id, "content", known, row);
		same(world, viewer, "message", id, "pinned", known, row);
	}
	json_object_foreach((json_t *)(uintptr_t)rows, id, row)
	{
		char key[64];

		snprintf(key, sizeof(key), "msg:%s", id);
		struct reg *reg = reg_find(world, key);
		floor = text_of(viewer->floors, text_of(row, "channel_id"));
		if (!reg || reg->writes[0].outcome != ACKED || !floor[0] ||
		    json_object_get(viewer->messages, id))
			continue;
		if (strtoull(id, NULL, 10) > strtoull(floor, NULL, 10))
			fail(world, "viewer %u was never told of message %s, it has all after %s",
			     viewer->index, id, floor);
	}
}

void check_sessions(struct world *world)
{
	struct truth truth;

	truth_read(world, &truth);
	json_t *rows = read_messages(world, &truth);
	world_settle(world, 2000);
	for (uint32_t i = 0; i < AUDIT_OWNER && !world->failed; i++) {
		struct viewer *viewer = &world->viewers[i];
		bool member = truth_member(&truth, world->users[viewer->user].id);

		if (viewer->state != VIEWER_UP) {
			fail(world, "viewer %u does not come up: state %d", i, viewer->state);
			break;
		}
		if (viewer->in_guild != member) {
			fail(world, "viewer %u: user %u is %s member, it believes otherwise", i,
			     viewer->user, member ? "a" : "no");
			break;
		}
		if (!member)
			continue;
		check_channels(world, viewer, &truth);
		check_roles(world, viewer, &truth);
		check_members(world, viewer, &truth);
		check_known_messages(world, viewer, rows);
	}
	json_decref(rows);
	truth_done(&truth);
}

/* -- rows -- */

static void check_welcomes(struct world *world, const json_t *rows)
{
	uint32_t greeted[USERS] = {};
	const char *id;
	json_t *row;

	json_object_foreach((json_t *)(uintptr_t)rows, id, row) for (uint32_t i = 0; i < USERS; i++)
		greeted[i] += json_integer_value(json_object_get(row, "type")) == TYPE_JOIN &&
		json_id(json_object_get(row, "author"), "id") == world->users[i].id;
	for (uint32_t i = 0; i < USERS; i++)
		if (greeted[i] < world->users[i].joins_min ||
		    greeted[i] > world->users[i].joins_max)
			fail(world, "user %u was greeted %u times, joined %u to %u times", i,
			     greeted[i], world->users[i].joins_min, world->users[i].joins_max);
}

static void check_message_rows(struct world *world, const struct truth *truth, const json_t *rows)
{
	const char *id;
	json_t *row;
	char key[64];

	json_object_foreach((json_t *)(uintptr_t)rows, id, row)
	{
		if (json_integer_value(json_object_get(row, "type")) == TYPE_JOIN)
			continue;
		if (json_integer_value(json_object_get(row, "type")) == 6) /* "pinned a message" */
			continue;
		snprintf(key, sizeof(key), "msg:%s", id);
		if (reg_find(world, key))
			reg_check(world, key, text_of(row, "content"), world->tick, "at the end");
		else /* never acknowledged, yet written: once */
			said(world, text_of(row, "content"), id);
		snprintf(key, sizeof(key), "pin:%s", id);
		reg_check(world, key, json_is_true(json_object_get(row, "pinned")) ? "1" : "0",
			  world->tick, "at the end");
	}
	for (uint32_t i = 0; i < world->messages_count && !world->failed; i++) {
		char message[24], channel[24];

		snprintf(message, sizeof(message), "%lu", world->messages[i]);
		snprintf(channel, sizeof(channel), "%lu", world->message_channels[i]);
		if (json_object_get(rows, message) ||
		    (!json_object_get(truth->channels, channel) &&
		     !dm_find(world, world->message_channels[i])))
			continue;
		snprintf(key, sizeof(key), "msg:%s", message);
		reg_check(world, key, ABSENT, world->tick, "at the end");
	}
}

static void overwrite_text(const json_t *channel, uint64_t id, char ret[static 96])
{
	size_t i;
	json_t *o;

	snprintf(ret, 96, ABSENT);
	json_array_foreach(json_object_get(channel, "permission_overwrites"), i,
			   o) if (json_id(o, "id") == id)
		snprintf(ret, 96, "%s:%s", text_of(o, "allow"), text_of(o, "deny"));
}

static void check_reg(struct world *world, const struct truth *truth, const struct reg *reg)
{
	uint64_t a = 0, b = 0;
	char id[24], value[96] = ABSENT;
	const json_t *object;

	if (sscanf(reg->key, "role:%lu", &a) == 1) {
		snprintf(id, sizeof(id), "%lu", a);
		object = json_object_get(truth->roles, id);
		if (object)
			snprintf(value, sizeof(value), "%s|%s", text_of(object, "name"),
				 text_of(object, "permissions"));
	} else if (sscanf(reg->key, "ch:%lu", &a) == 1) {
		snprintf(id, sizeof(id), "%lu", a);
		object = json_object_get(truth->channels, id);
		if (object)
			snprintf(value, sizeof(value), "%s", text_of(object, "name"));
	} else if (sscanf(reg->key, "ow:%lu:%lu", &a, &b) == 2) {
		snprintf(id, sizeof(id), "%lu", a);
		object = json_object_get(truth->channels, id);
		if (!object)
			return;
		overwrite_text(object, b, value);
		char role[24];
		snprintf(role, sizeof(role), "%lu", b);
		bool user = false;
		for (uint32_t i = 0; i < USERS; i++)
			user |= world->users[i].id == b;
		if (!user && !json_object_get(truth->roles, role))
			return; /* went with its role */
	} else if (sscanf(reg->key, "mr:%lu:%lu", &a, &b) == 2) {
		snprintf(id, sizeof(id), "%lu", b);
		if (!json_object_get(truth->roles, id))
			return;
		snprintf(id, sizeof(id), "%lu", world->users[a].id);
		if (!json_object_get(truth->members, id))
			return;
		snprintf(value, sizeof(value), "%d", has(json_object_get(truth->members, id), b));
	} else if (sscanf(reg->key, "mem:%lu", &a) == 1) {
		snprintf(value, sizeof(value), "%d", truth_member(truth, world->users[a].id));
	} else {
		return;
	}
	reg_check(world, reg->key, value, world->tick, "at the end");
}

void check_rows(struct world *world)
{
	struct truth truth;
	uint64_t rows_count, bad;

	truth_read(world, &truth);
	json_t *rows = read_messages(world, &truth);
	if (!world->failed)
		check_welcomes(world, rows);
	if (!world->failed)
		check_message_rows(world, &truth, rows);
	for (uint32_t i = 0; i < world->journal.count && !world->failed; i++)
		check_reg(world, &truth, &world->journal.regs[i]);
	if (!world->failed && (world->store->ops->check(world->store, &rows_count, &bad) || bad))
		fail(world, "the store has bad rows");
	json_decref(rows);
	truth_done(&truth);
}
