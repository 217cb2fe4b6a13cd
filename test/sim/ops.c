/* What the actors do, and the accidents. Operations whose routes are not served are left out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cell/cell.h"
#include "core/local.h"
#include "model/routes.h"
#include "sim/sim.h"

enum { PERMS_NONE = 0, LIVE_CHANNELS_MIN = 3 };

static uint64_t pick_channel(struct world *world)
{
	return world->channels[pick(world, world->channels_count)];
}

static uint32_t pick_actor(struct world *world)
{
	return chance(world, 55) ? OWNER : (uint32_t)pick(world, USERS);
}

__attribute__((format(printf, 2, 3))) static void path(struct request *call, const char *format,
						       ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->path, sizeof(call->path), format, args);
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void body(struct request *call, const char *format,
						       ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(&call->body, format, args) < 0)
		call->body = NULL;
	va_end(args);
}

static const char *key_of(char ret[static 64], const char *format, uint64_t a, uint64_t b)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(ret, 64, format, a, b);
#pragma GCC diagnostic pop
	return ret;
}

static void remove_id(uint64_t *list, uint32_t *count, uint64_t id)
{
	for (uint32_t i = 0; i < *count; i++)
		if (list[i] == id)
			list[i--] = list[--*count];
}

/* -- DMs -- */

const struct dm *dm_find(const struct world *world, uint64_t channel_id)
{
	for (uint32_t i = 0; i < world->dms_count; i++)
		if (world->dms[i].id == channel_id)
			return &world->dms[i];
	return NULL;
}

static void on_dm(struct world *world, struct request *call)
{
	uint64_t id = json_id(call->reply, "id");

	if (call->outcome != ACKED || dm_find(world, id) || world->dms_count == DMS_MAX)
		return;
	world->dms[world->dms_count++] = (struct dm){ id, call->user, (uint32_t)call->target };
}

static void op_dm(struct world *world)
{
	struct request *call = call_new(world, (uint32_t)pick(world, USERS), "open a DM", "POST");

	call->target = pick(world, CID + 1);
	path(call, "/users/@me/channels");
	body(call, "{\"recipient_id\":\"%lu\"}", world->users[call->target].id);
	call->done = on_dm;
	call_send(world, call);
}

/* -- messages -- */

static void note_message(struct world *world, const struct request *call, uint64_t id)
{
	uint32_t at = world->messages_count < MESSAGES_MAX ? world->messages_count++
							   : (uint32_t)pick(world, MESSAGES_MAX);

	world->messages[at] = id;
	world->message_channels[at] = call->channel;
	world->message_authors[at] = call->user;
}

static void on_sent(struct world *world, struct request *call)
{
	char key[64], id[24];

	if (call->outcome == UNKNOWN && call->target) {
		if (world->again_count < ARRAY_SIZE(world->again))
			world->again[world->again_count++] =
				(struct again){ call->user, (uint32_t)call->target, call->channel };
		return;
	}
	if (call->outcome != ACKED)
		return;
	const char *content = json_string_value(json_object_get(call->reply, "content"));
	snprintf(id, sizeof(id), "%lu", json_id(call->reply, "id"));
	said(world, call->value, id);
	key_of(key, "msg:%lu", json_id(call->reply, "id"), 0);
	if (!reg_find(world, key)) {
		if (strcmp(content ? content : "", call->value))
			fail(world, "call %u: it answers %s", call->number,
			     content ? content : "nothing");
		reg_begin(world, key, call->value, true);
	}
	for (uint32_t i = 0; i < world->messages_count; i++)
		if (world->messages[i] == json_id(call->reply, "id"))
			return;
	note_message(world, call, json_id(call->reply, "id"));
}

static void send(struct world *world, uint32_t user, uint64_t channel, uint32_t number, bool nonce)
{
	struct request *call = call_new(world, user, nonce ? "send with nonce" : "send", "POST");
	char key[64];

	call->channel = channel;
	call->target = nonce ? number : 0;
	snprintf(call->value, sizeof(call->value), "m%u", number);
	path(call, "/channels/%lu/messages", channel);
	if (nonce)
		body(call, "{\"content\":\"m%u\",\"nonce\":\"%u\",\"enforce_nonce\":true}", number,
		     number);
	else
		body(call, "{\"content\":\"m%u\"}", number);
	call->done = on_sent;
	snprintf(key, sizeof(key), "say:m%u", number);
	reg_get(world, key);
	call_send(world, call);
}

/* As a library does when it got no answer: the same nonce makes it one message. */
static void op_send_again(struct world *world)
{
	while (world->again_count) {
		struct again *again = &world->again[--world->again_count];

		if (rest_free(world, again->user))
			send(world, again->user, again->channel, again->number, true);
	}
}

static void op_send(struct world *world)
{
	bool nonce = chance(world, 30);

	if (world->dms_count && chance(world, 15)) {
		const struct dm *dm = &world->dms[pick(world, world->dms_count)];

		send(world, chance(world, 50) ? dm->a : dm->b, dm->id, ++world->sent, nonce);
		return;
	}
	send(world, (uint32_t)pick(world, USERS), pick_channel(world), ++world->sent, nonce);
}

static bool pick_message(struct world *world, uint32_t *ret)
{
	if (!world->messages_count)
		return false;
	/* A few are at the centre of everything. */
	*ret = (uint32_t)pick(
		world, chance(world, 60) ? MIN(world->messages_count, 3u) : world->messages_count);
	return true;
}

static void op_edit(struct world *world)
{
	uint32_t at;
	char key[64];

	if (!pick_message(world, &at))
		return;
	struct request *call = call_new(world, world->message_authors[at], "edit", "PATCH");
	if (!rest_free(world, call->user)) {
		call_free(call);
		return;
	}
	path(call, "/channels/%lu/messages/%lu", world->message_channels[at], world->messages[at]);
	snprintf(call->value, sizeof(call->value), "e%u", call->number);
	body(call, "{\"content\":\"%s\"}", call->value);
	reg_try(world, call, key_of(key, "msg:%lu", world->messages[at], 0), call->value, true);
	call_send(world, call);
}

static void op_delete(struct world *world)
{
	uint32_t at;
	char key[64];

	if (!pick_message(world, &at))
		return;
	struct request *call = call_new(
		world, chance(world, 60) ? world->message_authors[at] : (uint32_t)OWNER, "delete",
		"DELETE");
	if (!rest_free(world, call->user)) {
		call_free(call);
		return;
	}
	path(call, "/channels/%lu/messages/%lu", world->message_channels[at], world->messages[at]);
	reg_try(world, call, key_of(key, "msg:%lu", world->messages[at], 0), ABSENT, true);
	call_send(world, call);
}

static void op_pin(struct world *world)
{
	uint32_t at;
	char key[64];
	bool pin = chance(world, 60);

	if (!pick_message(world, &at) || !rest_free(world, OWNER))
		return;
	struct request *call = call_new(world, OWNER, "pin", pin ? "PUT" : "DELETE");
	path(call, "/channels/%lu/messages/pins/%lu", world->message_channels[at],
	     world->messages[at]);
	key_of(key, "pin:%lu", world->messages[at], 0);
	if (!reg_find(world, key))
		reg_begin(world, key, "0", false);
	reg_try(world, call, key, pin ? "1" : "0", false);
	call_send(world, call);
}

static void op_react(struct world *world)
{
	uint32_t at;

	if (!pick_message(world, &at))
		return;
	struct request *call = call_new(world, (uint32_t)pick(world, USERS), "react",
					chance(world, 70) ? "PUT" : "DELETE");
	path(call, "/channels/%lu/messages/%lu/reactions/%%F0%%9F%%91%%8D/@me",
	     world->message_channels[at], world->messages[at]);
	call_send(world, call);
}

static void on_read(struct world *world, struct request *call)
{
	char key[64];

	/* Its channel may go while the read is under way, and its messages with it. */
	const struct reg *channel = reg_find(world, key_of(key, "ch:%lu", call->channel, 0));
	bool going = channel && reg_allows(channel, ABSENT, call->start);
	key_of(key, "msg:%lu", call->message, 0);
	if (call->status == 200)
		reg_check(world, key, json_string_value(json_object_get(call->reply, "content")),
			  call->start, "a read");
	else if (call->status == 404 && !going &&
		 json_integer_value(json_object_get(call->reply, "code")) == 10008)
		reg_check(world, key, ABSENT, call->start, "a read");
}

static void op_read(struct world *world)
{
	uint32_t at;

	if (!pick_message(world, &at))
		return;
	bool direct = dm_find(world, world->message_channels[at]);
	struct request *call = call_new(
		world, direct ? world->message_authors[at] : (uint32_t)OWNER, "read", "GET");
	path(call, "/channels/%lu/messages/%lu", world->message_channels[at], world->messages[at]);
	call->message = world->messages[at];
	call->channel = world->message_channels[at];
	call->done = on_read;
	call_send(world, call);
}

static void op_typing(struct world *world)
{
	struct request *call = call_new(world, (uint32_t)pick(world, USERS), "typing", "POST");

	path(call, "/channels/%lu/typing", pick_channel(world));
	call_send(world, call);
}

/* -- roles and overwrites -- */

/* Sight is most of what it is about: VIEW_CHANNEL, now and then MANAGE_MESSAGES or all. */
static uint64_t pick_perms(struct world *world)
{
	static const uint64_t some[] = {
		0, 1 << 10, 1 << 10, 1 << 13, 1 << 10 | 1 << 13, 1 << 3, 1 << 10 | 1 << 16
	};

	return some[pick(world, ARRAY_SIZE(some))];
}

static void on_role(struct world *world, struct request *call)
{
	char key[64];
	uint64_t id = json_id(call->reply, "id");

	if (call->outcome != ACKED || !id)
		return;
	if (world->roles_count < ROLES_MAX)
		world->roles[world->roles_count++] = id;
	key_of(key, "role:%lu", id, 0);
	if (!reg_find(world, key)) {
		reg_begin(world, key, call->value, true);
		return;
	}
}

static void op_role_create(struct world *world)
{
	uint64_t perms = pick_perms(world);

	if (world->roles_count > 5)
		return;
	struct request *call = call_new(world, pick_actor(world), "make a role", "POST");
	path(call, "/guilds/%lu/roles", world->guild);
	body(call, "{\"name\":\"r%u\",\"permissions\":\"%lu\"}", call->number, perms);
	snprintf(call->value, sizeof(call->value), "r%u|%lu", call->number, perms);
	call->done = on_role;
	call_send(world, call);
}

static void op_role_edit(struct world *world)
{
	uint64_t perms = pick_perms(world), role;
	uint32_t actor = pick_actor(world);
	char key[64];

	if (!rest_free(world, actor))
		return;
	struct request *call = call_new(world, actor, "change a role", "PATCH");
	if (!world->roles_count || chance(world, 25)) {
		/* @everyone: what all can see comes and goes */
		role = world->guild;
		perms = chance(world, 70) ? 1 << 10 | 1 << 11 | 1 << 16 : 1 << 11;
		snprintf(call->value, sizeof(call->value), "@everyone|%lu", perms);
		body(call, "{\"permissions\":\"%lu\"}", perms);
	} else {
		role = world->roles[pick(world, world->roles_count)];
		snprintf(call->value, sizeof(call->value), "c%u|%lu", call->number, perms);
		body(call, "{\"name\":\"c%u\",\"permissions\":\"%lu\"}", call->number, perms);
	}
	path(call, "/guilds/%lu/roles/%lu", world->guild, role);
	key_of(key, "role:%lu", role, 0);
	reg_try(world, call, key, call->value, role != world->guild);
	call_send(world, call);
}

static void on_role_gone(struct world *world, struct request *call)
{
	if (call->outcome == ACKED)
		remove_id(world->roles, &world->roles_count, call->role);
}

static void op_role_delete(struct world *world)
{
	char key[64];

	if (!world->roles_count || !rest_free(world, OWNER))
		return;
	struct request *call = call_new(world, OWNER, "delete a role", "DELETE");
	call->role = world->roles[pick(world, world->roles_count)];
	path(call, "/guilds/%lu/roles/%lu", world->guild, call->role);
	reg_try(world, call, key_of(key, "role:%lu", call->role, 0), ABSENT, true);
	call->done = on_role_gone;
	call_send(world, call);
}

static void op_member_role(struct world *world)
{
	uint32_t target = ANN + (uint32_t)pick(world, USERS - ANN),
		 actor = chance(world, 90) ? OWNER : pick_actor(world);
	bool give = chance(world, 60);
	char key[64];

	if (!world->roles_count || !rest_free(world, actor) || world->users[target].moving)
		return;
	struct request *call = call_new(world, actor, give ? "give a role" : "take a role",
					give ? "PUT" : "DELETE");
	uint64_t role = world->roles[pick(world, world->roles_count)];
	path(call, "/guilds/%lu/members/%lu/roles/%lu", world->guild, world->users[target].id,
	     role);
	key_of(key, "mr:%lu:%lu", target, role);
	if (!reg_find(world, key))
		reg_begin(world, key, "0", false);
	reg_try(world, call, key, give ? "1" : "0", false);
	call_send(world, call);
}

static void op_overwrite(struct world *world)
{
	uint64_t channel = pick_channel(world), target = world->guild, allow = 0, deny = 0;
	uint32_t actor = chance(world, 85) ? OWNER : pick_actor(world);
	bool set = chance(world, 75);
	int type = 0;
	char key[64];

	if (!rest_free(world, actor))
		return;
	struct request *call = call_new(world, actor,
					set ? "set an overwrite" : "drop an overwrite",
					set ? "PUT" : "DELETE");
	uint64_t kind = pick(world, 10);
	if (kind < 3) {
		type = 1;
		target = world->users[ANN + pick(world, USERS - ANN)].id;
	} else if (kind < 7 && world->roles_count) {
		target = world->roles[pick(world, world->roles_count)];
	}
	*(chance(world, 50) ? &allow : &deny) = chance(world, 85) ? 1 << 10 : 1 << 11;
	path(call, "/channels/%lu/permissions/%lu", channel, target);
	snprintf(call->value, sizeof(call->value), "%lu:%lu", allow, deny);
	if (set)
		body(call, "{\"type\":%d,\"allow\":\"%lu\",\"deny\":\"%lu\"}", type, allow, deny);
	key_of(key, "ow:%lu:%lu", channel, target);
	if (!reg_find(world, key))
		reg_begin(world, key, ABSENT, false);
	reg_try(world, call, key, set ? call->value : ABSENT, false);
	call_send(world, call);
}

/* -- channels -- */

static void on_channel(struct world *world, struct request *call)
{
	char key[64];
	uint64_t id = json_id(call->reply, "id");

	if (call->outcome != ACKED || !id)
		return;
	if (world->channels_count < CHANNELS_MAX)
		world->channels[world->channels_count++] = id;
	key_of(key, "ch:%lu", id, 0);
	if (!reg_find(world, key))
		reg_begin(world, key, call->value, true);
	size_t i;
	json_t *o;
	json_array_foreach(json_object_get(call->reply, "permission_overwrites"), i, o)
	{
		char value[96];

		key_of(key, "ow:%lu:%lu", id, json_id(o, "id"));
		snprintf(value, sizeof(value), "%lu:%lu", json_id(o, "allow"), json_id(o, "deny"));
		if (!reg_find(world, key))
			reg_begin(world, key, value, false);
	}
}

static void op_channel_create(struct world *world)
{
	if (world->channels_count > 8)
		return;
	struct request *call = call_new(world, pick_actor(world), "make a channel", "POST");
	path(call, "/guilds/%lu/channels", world->guild);
	snprintf(call->value, sizeof(call->value), "c%u", call->number);
	if (chance(world, 50))
		body(call, "{\"name\":\"c%u\",\"type\":0}", call->number);
	else
		body(call,
		     "{\"name\":\"c%u\",\"type\":0,\"permission_overwrites\":[{\"id\":\"%lu\","
		     "\"type\":0,\"allow\":\"0\",\"deny\":\"1024\"},"
		     "{\"id\":\"%lu\",\"type\":1,\"allow\":\"1024\",\"deny\":\"0\"}]}",
		     call->number, world->guild, world->users[pick(world, USERS)].id);
	call->done = on_channel;
	call_send(world, call);
}

static void op_channel_edit(struct world *world)
{
	uint64_t channel = pick_channel(world);
	uint32_t actor = pick_actor(world);
	char key[64];

	if (!rest_free(world, actor))
		return;
	struct request *call = call_new(world, actor, "change a channel", "PATCH");
	path(call, "/channels/%lu", channel);
	snprintf(call->value, sizeof(call->value), "n%u", call->number);
	body(call, "{\"name\":\"n%u\",\"topic\":\"t%u\"}", call->number, call->number);
	reg_try(world, call, key_of(key, "ch:%lu", channel, 0), call->value, true);
	call_send(world, call);
}

static void on_channel_gone(struct world *world, struct request *call)
{
	if (call->outcome != REFUSED && world->channels_count > 1)
		remove_id(world->channels, &world->channels_count, call->channel);
}

static void op_channel_delete(struct world *world)
{
	uint64_t channel = pick_channel(world);
	char key[64];

	if (world->channels_count <= LIVE_CHANNELS_MIN || channel == world->system_channel ||
	    !rest_free(world, OWNER))
		return;
	struct request *call = call_new(world, OWNER, "delete a channel", "DELETE");
	call->channel = channel;
	path(call, "/channels/%lu", channel);
	reg_try(world, call, key_of(key, "ch:%lu", channel, 0), ABSENT, true);
	call->done = on_channel_gone;
	call_send(world, call);
}

/* -- members -- */

static bool may_move(const struct world *world, uint32_t user)
{
	return !world->users[user].moving && !world->users[user].probe && user != OWNER &&
		user != BOT_ALL;
}

static void on_moved(struct world *world, struct request *call)
{
	struct actor *user = &world->users[call->role];

	user->moving = false;
	if (call->outcome == UNKNOWN)
		user->probe = true;
	if (call->what[0] != 'j')
		return;
	/* A join: one greeting when the user was surely not there. */
	if (call->outcome == ACKED && call->target)
		user->joins_min++;
	if (call->outcome != REFUSED)
		user->joins_max++;
	/* When it was not answered, a look will tell. */
	call->target = 0;
}

static void op_kick(struct world *world)
{
	uint32_t target = ANN + (uint32_t)pick(world, USERS - ANN);
	char key[64];

	if (!may_move(world, target) || !rest_free(world, OWNER))
		return;
	struct request *call = call_new(world, OWNER, "kick", "DELETE");
	call->role = target;
	path(call, "/guilds/%lu/members/%lu", world->guild, world->users[target].id);
	reg_try(world, call, key_of(key, "mem:%lu", target, 0), "0", false);
	for (uint32_t i = 0; i < world->roles_count; i++)
		if (reg_find(world, key_of(key, "mr:%lu:%lu", target, world->roles[i])))
			reg_try(world, call, key, "0", false);
	world->users[target].moving = true;
	call->done = on_moved;
	call_send(world, call);
}

/* Surely out, surely never in, at present. */
static bool surely_out(struct world *world, uint32_t user)
{
	char key[64];

	return reg_sure(reg_get(world, key_of(key, "mem:%lu", user, 0)), "0");
}

static void op_join(struct world *world)
{
	uint32_t user = ANN + (uint32_t)pick(world, CID - ANN + 1); /* bots do not come by invite */
	char key[64];

	if (!may_move(world, user) || !rest_free(world, user))
		return;
	bool out = surely_out(world, user);
	if (!out && chance(world, 80))
		return;
	struct request *call = call_new(world, user, "join", "POST");
	call->role = user;
	call->target = out;
	path(call, "/invites/%s", world->invite);
	body(call, "{}");
	reg_try(world, call, key_of(key, "mem:%lu", user, 0), "1", false);
	world->users[user].moving = true;
	call->done = on_moved;
	call_send(world, call);
}

/* After a call without an answer: is the user in? Then there was a join to greet. */
static void on_probed(struct world *world, struct request *call)
{
	struct actor *user = &world->users[call->role];
	char key[64], value[2] = "0";

	user->moving = false;
	if (call->outcome == UNKNOWN || call->status == 503)
		return;
	if (call->status == 200)
		value[0] = '1';
	key_of(key, "mem:%lu", call->role, 0);
	reg_check(world, key, value, call->start, "a look");
	user->probe = false;
	/* What it is now it was made by one of the calls: later ones build on it. */
	reg_begin(world, key, value, false);
	reg_find(world, key)->writes[reg_find(world, key)->count - 1].start = call->start;
	if (value[0] == '1' && call->target)
		user->joins_min++;
}

static void probe(struct world *world, uint32_t target)
{
	struct reg *reg;
	char key[64];

	if (!rest_free(world, target))
		return;
	struct request *call = call_new(world, target, "look", "GET");
	path(call, "/guilds/%lu", world->guild);
	call->role = target;
	call->done = on_probed;
	/* Surely out before the one call that was not answered, a join that is over now. */
	reg = reg_get(world, key_of(key, "mem:%lu", target, 0));
	const struct write *last = &reg->writes[reg->count - 1],
			   *before = reg->count > 1 ? last - 1 : last;
	call->target = reg->count > 1 && last->outcome == UNKNOWN && last->end != UINT64_MAX &&
		!strcmp(last->value, "1") && before->outcome == ACKED &&
		!strcmp(before->value, "0");
	if (reg->count > 1 &&
	    last->end ==
		    UINT64_MAX) { /* it may still be under way: nothing can be said before a crash */
		call_free(call);
		return;
	}
	world->users[target].moving = true;
	call_send(world, call);
}

static void op_probe(struct world *world)
{
	for (uint32_t i = 0; i < USERS; i++)
		if (world->users[i].probe && !world->users[i].moving)
			probe(world, i);
}

/* -- sessions -- */

static void op_viewer(struct world *world)
{
	struct viewer *viewer = &world->viewers[pick(world, AUDIT_OWNER)];

	switch (pick(world, 8)) {
	case 0:
	case 1:
	case 2:
		trace(world, "viewer %u loses its connection", viewer->index);
		if (viewer->state != VIEWER_DOWN)
			viewer_drop(viewer, false);
		break;
	case 3: viewer_close(viewer, 4000); break;
	case 4:
		if (chance(world, 30))
			viewer_close(viewer, 1000);
		break;
	case 5:
	case 6: viewer_heartbeat(viewer); break;
	default: viewer_pause(viewer, 5 + (uint32_t)pick(world, 200)); break;
	}
}

static void op_rest_break(struct world *world)
{
	struct rest *rest = &world->rests[pick(world, ARRAY_SIZE(world->rests))];

	if (rest->call && (rest->call->done == on_moved || rest->call->done == on_probed))
		return; /* what it did could never be known */
	if (rest->sock) {
		trace(world, "a connection of %u breaks", rest->user);
		rest_break(rest, false);
	}
}

/* -- accidents -- */

static void op_crash(struct world *world)
{
	if (!world->crashes_left)
		return;
	world->crashes_left--;
	if (chance(world, 40))
		world_restart(world);
	else
		world_crash(world);
}

static void op_disk(struct world *world)
{
	struct store_mem_faults *faults = store_mem_faults(world->store);

	if (!world->faults_left)
		return;
	world->faults_left--;
	world->disk_failed = true;
	if (chance(world, 60)) {
		faults->fail_rounds = 1 + (uint32_t)pick(world, 2);
		faults->fail_errno = chance(world, 50) ? -EIO : -ENOSPC;
		trace(world, "the next %u rounds of the disk fail", faults->fail_rounds);
	} else {
		faults->full = true;
		world->full_rounds = 20 + (uint32_t)pick(world, 200);
		trace(world, "the disk is full");
	}
}

static void op_break(struct world *world)
{
	uint64_t id = chance(world, 70) ? world->guild : world->users[pick(world, USERS)].id;
	enum cell_kind kind = id == world->guild ? CELL_GUILD : CELL_USER;
	struct cell *cell = cell_find(cell_owner(world->server, id), kind, id);

	if (!cell)
		return;
	trace(world, "cell %lu is restarted", id);
	world->restarts++;
	/* Now and then it does not come back at once, or not for a while. */
	if (chance(world, 40))
		cell_fault(cell->core, kind, id, FAULT_LOAD,
			   (uint8_t)(1 + pick(world, kind == CELL_GUILD ? 4 : 2)));
	else
		cell_break(cell, "the simulator", 0);
}

static void op_bias(struct world *world)
{
	for (uint32_t i = 0; i <= CORES; i++)
		world->bias[i] = chance(world, 20) ? 5 : 30 + (uint32_t)pick(world, 70);
}

/* -- the choice -- */

static struct op {
	void (*run)(struct world *world);
	uint32_t weight;
} ops[] = {
	{ op_send, 34 },	{ op_send_again, 10 },	  { op_dm, 3 },
	{ op_edit, 14 },	{ op_delete, 4 },	  { op_pin, 5 },
	{ op_react, 3 },	{ op_read, 5 },		  { op_typing, 2 },
	{ op_role_create, 4 },	{ op_role_edit, 6 },	  { op_role_delete, 1 },
	{ op_member_role, 8 },	{ op_overwrite, 10 },	  { op_channel_create, 3 },
	{ op_channel_edit, 4 }, { op_channel_delete, 1 }, { op_kick, 4 },
	{ op_join, 8 },		{ op_probe, 10 },	  { op_viewer, 12 },
	{ op_rest_break, 2 },	{ op_crash, 3 },	  { op_disk, 3 },
	{ op_break, 3 },	{ op_bias, 4 },
};
static uint32_t weights;

/* By method and path, whatever the routes are called. */
static bool served(enum http_method method, const char *text)
{
	for (uint32_t i = 0; i < ROUTE_COUNT; i++)
		if (routes[i].method == method && !strcmp(routes[i].template, text))
			return routes[i].served;
	return false;
}

void ops_init(void)
{
	static const struct {
		void (*run)(struct world *world);
		enum http_method method;
		const char *template;
	} needs[] = {
		{ op_edit, HTTP_PATCH, "/channels/{channel_id}/messages/{message_id}" },
		{ op_delete, HTTP_DELETE, "/channels/{channel_id}/messages/{message_id}" },
		{ op_pin, HTTP_PUT, "/channels/{channel_id}/messages/pins/{message_id}" },
		{ op_react, HTTP_PUT,
		  "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me" },
		{ op_typing, HTTP_POST, "/channels/{channel_id}/typing" },
		{ op_role_create, HTTP_POST, "/guilds/{guild_id}/roles" },
		{ op_role_edit, HTTP_PATCH, "/guilds/{guild_id}/roles/{role_id}" },
		{ op_role_delete, HTTP_DELETE, "/guilds/{guild_id}/roles/{role_id}" },
		{ op_member_role, HTTP_PUT,
		  "/guilds/{guild_id}/members/{user_id}/roles/{role_id}" },
		{ op_overwrite, HTTP_PUT, "/channels/{channel_id}/permissions/{overwrite_id}" },
		{ op_channel_create, HTTP_POST, "/guilds/{guild_id}/channels" },
		{ op_channel_edit, HTTP_PATCH, "/channels/{channel_id}" },
		{ op_channel_delete, HTTP_DELETE, "/channels/{channel_id}" },
		{ op_kick, HTTP_DELETE, "/guilds/{guild_id}/members/{user_id}" },
	};

	weights = 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(ops); i++) {
		for (uint32_t k = 0; k < ARRAY_SIZE(needs); k++)
			if (needs[k].run == ops[i].run &&
			    !served(needs[k].method, needs[k].template))
				ops[i].weight = 0;
		weights += ops[i].weight;
	}
}

void op_random(struct world *world)
{
	uint64_t at = pick(world, weights);
	uint32_t i = 0;

	while (at >= ops[i].weight)
		at -= ops[i++].weight;
	ops[i].run(world);
}
