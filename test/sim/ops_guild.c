/* Roles, overwrites and channels: what decides who sees what. */
#include <stdio.h>

#include "sim/ops.h"

enum { LIVE_CHANNELS_MIN = 3 };

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
	reg_key(key, "role:%lu", id, 0);
	if (!reg_find(world, key)) {
		reg_begin(world, key, call->value, true);
		return;
	}
}

void op_role_create(struct world *world)
{
	uint64_t perms = pick_perms(world);

	if (world->roles_count > 5)
		return;
	struct request *call = call_new(world, pick_actor(world), "make a role", "POST");
	call_path(call, "/guilds/%lu/roles", world->guild);
	call_body(call, "{\"name\":\"r%u\",\"permissions\":\"%lu\"}", call->number, perms);
	snprintf(call->value, sizeof(call->value), "r%u|%lu", call->number, perms);
	call->done = on_role;
	call_send(world, call);
}

void op_role_edit(struct world *world)
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
		call_body(call, "{\"permissions\":\"%lu\"}", perms);
	} else {
		role = world->roles[pick(world, world->roles_count)];
		snprintf(call->value, sizeof(call->value), "c%u|%lu", call->number, perms);
		call_body(call, "{\"name\":\"c%u\",\"permissions\":\"%lu\"}", call->number, perms);
	}
	call_path(call, "/guilds/%lu/roles/%lu", world->guild, role);
	reg_key(key, "role:%lu", role, 0);
	reg_try(world, call, key, call->value, role != world->guild);
	call_send(world, call);
}

static void on_role_gone(struct world *world, struct request *call)
{
	if (call->outcome == ACKED)
		ids_remove(world->roles, &world->roles_count, call->role);
}

void op_role_delete(struct world *world)
{
	char key[64];

	if (!world->roles_count || !rest_free(world, OWNER))
		return;
	struct request *call = call_new(world, OWNER, "delete a role", "DELETE");
	call->role = world->roles[pick(world, world->roles_count)];
	call_path(call, "/guilds/%lu/roles/%lu", world->guild, call->role);
	reg_try(world, call, reg_key(key, "role:%lu", call->role, 0), ABSENT, true);
	call->done = on_role_gone;
	call_send(world, call);
}

void op_member_role(struct world *world)
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
	call_path(call, "/guilds/%lu/members/%lu/roles/%lu", world->guild, world->users[target].id,
		  role);
	reg_key(key, "mr:%lu:%lu", target, role);
	if (!reg_find(world, key))
		reg_begin(world, key, "0", false);
	reg_try(world, call, key, give ? "1" : "0", false);
	call_send(world, call);
}

void op_overwrite(struct world *world)
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
	call_path(call, "/channels/%lu/permissions/%lu", channel, target);
	snprintf(call->value, sizeof(call->value), "%lu:%lu", allow, deny);
	if (set)
		call_body(call, "{\"type\":%d,\"allow\":\"%lu\",\"deny\":\"%lu\"}", type, allow,
			  deny);
	reg_key(key, "ow:%lu:%lu", channel, target);
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
	reg_key(key, "ch:%lu", id, 0);
	if (!reg_find(world, key))
		reg_begin(world, key, call->value, true);
	size_t i;
	json_t *o;
	json_array_foreach(json_object_get(call->reply, "permission_overwrites"), i, o)
	{
		char value[96];

		reg_key(key, "ow:%lu:%lu", id, json_id(o, "id"));
		snprintf(value, sizeof(value), "%lu:%lu", json_id(o, "allow"), json_id(o, "deny"));
		if (!reg_find(world, key))
			reg_begin(world, key, value, false);
	}
}

void op_channel_create(struct world *world)
{
	if (world->channels_count > 8)
		return;
	struct request *call = call_new(world, pick_actor(world), "make a channel", "POST");
	call_path(call, "/guilds/%lu/channels", world->guild);
	snprintf(call->value, sizeof(call->value), "c%u", call->number);
	if (chance(world, 50))
		call_body(call, "{\"name\":\"c%u\",\"type\":0}", call->number);
	else
		call_body(call,
			  "{\"name\":\"c%u\",\"type\":0,\"permission_overwrites\":[{\"id\":\"%lu\","
			  "\"type\":0,\"allow\":\"0\",\"deny\":\"1024\"},"
			  "{\"id\":\"%lu\",\"type\":1,\"allow\":\"1024\",\"deny\":\"0\"}]}",
			  call->number, world->guild, world->users[pick(world, USERS)].id);
	call->done = on_channel;
	call_send(world, call);
}

void op_channel_edit(struct world *world)
{
	uint64_t channel = pick_channel(world);
	uint32_t actor = pick_actor(world);
	char key[64];

	if (!rest_free(world, actor))
		return;
	struct request *call = call_new(world, actor, "change a channel", "PATCH");
	call_path(call, "/channels/%lu", channel);
	snprintf(call->value, sizeof(call->value), "n%u", call->number);
	call_body(call, "{\"name\":\"n%u\",\"topic\":\"t%u\"}", call->number, call->number);
	reg_try(world, call, reg_key(key, "ch:%lu", channel, 0), call->value, true);
	call_send(world, call);
}

static void on_channel_gone(struct world *world, struct request *call)
{
	if (call->outcome != REFUSED && world->channels_count > 1)
		ids_remove(world->channels, &world->channels_count, call->channel);
}

void op_channel_delete(struct world *world)
{
	uint64_t channel = pick_channel(world);
	char key[64];

	if (world->channels_count <= LIVE_CHANNELS_MIN || channel == world->system_channel ||
	    !rest_free(world, OWNER))
		return;
	struct request *call = call_new(world, OWNER, "delete a channel", "DELETE");
	call->channel = channel;
	call_path(call, "/channels/%lu", channel);
	reg_try(world, call, reg_key(key, "ch:%lu", channel, 0), ABSENT, true);
	call->done = on_channel_gone;
	call_send(world, call);
}
