/* The plain model: the guild as fresh sessions read it, and permissions computed the slow way from that. */
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

static const uint64_t VIEW = 1 << 10, ADMINISTRATOR = 1 << 3;

static void look(struct world *world, struct viewer *viewer)
{
	viewer->off = false;
	viewer->resting = 1;
	for (uint32_t i = 0;
	     i < 20000 && !world->failed && !(viewer->state == VIEWER_UP && viewer->in_guild);
	     i++) {
		world_round(world);
		if (viewer->state == VIEWER_DOWN && !viewer->resting)
			viewer->resting = 1;
	}
	if (!viewer->in_guild && !world->failed)
		fail(world, "%u is not in the guild any more", viewer->user);
	viewer->off = true;
}

static json_t *take_roles(json_t *members)
{
	json_t *roles = json_object(), *member;
	const char *id;

	json_object_foreach(members, id, member)
		json_object_set(roles, id, json_object_get(member, "roles"));
	return roles;
}

void truth_read(struct world *world, struct truth *ret)
{
	struct viewer *owner = &world->viewers[AUDIT_OWNER], *bot = &world->viewers[AUDIT_BOT];

	look(world, owner);
	look(world, bot);
	ret->channels = json_incref(owner->channels);
	ret->roles = json_incref(owner->roles);
	ret->members = take_roles(bot->members);
	viewer_close(owner, 1000);
	viewer_close(bot, 1000);
}

void truth_done(struct truth *truth)
{
	json_decref(truth->channels);
	json_decref(truth->roles);
	json_decref(truth->members);
}

static json_t *roles_of(const struct truth *truth, uint64_t user)
{
	char id[24];

	snprintf(id, sizeof(id), "%lu", user);
	return json_object_get(truth->members, id);
}

bool truth_member(const struct truth *truth, uint64_t user)
{
	return roles_of(truth, user) != NULL;
}

static uint64_t base_perms(const struct world *world, const struct truth *truth, uint64_t user)
{
	char everyone[24];
	size_t i;
	json_t *role;

	if (user == world->users[OWNER].id)
		return UINT64_MAX;
	snprintf(everyone, sizeof(everyone), "%lu", world->guild);
	uint64_t perms = json_id(json_object_get(truth->roles, everyone), "permissions");
	json_array_foreach(roles_of(truth, user), i, role) perms |= json_id(
		json_object_get(truth->roles, json_string_value(role)), "permissions");
	return perms & ADMINISTRATOR ? UINT64_MAX : perms;
}

static bool has_role(const struct truth *truth, uint64_t user, uint64_t role_id)
{
	size_t i;
	json_t *role;

	json_array_foreach(roles_of(truth, user), i,
			   role) if (strtoull(json_string_value(role), NULL, 10) ==
				     role_id) return true;
	return false;
}

static bool views(const struct world *world, const struct truth *truth, uint64_t user,
		  const json_t *channel)
{
	const json_t *overwrites = json_object_get(channel, "permission_overwrites");
	uint64_t perms = base_perms(world, truth, user), deny = 0, allow = 0;
	size_t i;
	json_t *o;

	if (perms == UINT64_MAX)
		return true;
	json_array_foreach(overwrites, i, o) if (json_id(o, "id") == world->guild)
		perms = (perms & ~json_id(o, "deny")) | json_id(o, "allow");
	json_array_foreach(overwrites, i,
			   o) if (json_integer_value(json_object_get(o, "type")) == 0 &&
				  json_id(o, "id") != world->guild &&
				  has_role(truth, user, json_id(o, "id")))
	{
		deny |= json_id(o, "deny");
		allow |= json_id(o, "allow");
	}
	perms = (perms & ~deny) | allow;
	json_array_foreach(overwrites, i,
			   o) if (json_integer_value(json_object_get(o, "type")) == 1 &&
				  json_id(o, "id") == user)
		perms = (perms & ~json_id(o, "deny")) | json_id(o, "allow");
	return perms & VIEW;
}

bool truth_sees(const struct world *world, const struct truth *truth, uint64_t user,
		const char *channel_id)
{
	const json_t *channel = json_object_get(truth->channels, channel_id);
	const char *id;
	json_t *child;

	if (views(world, truth, user, channel))
		return true;
	if (json_integer_value(json_object_get(channel, "type")) != 4)
		return false;
	json_object_foreach(truth->channels, id,
			    child) if (json_id(child, "parent_id") ==
					       strtoull(channel_id, NULL, 10) &&
				       views(world, truth, user, child)) return true;
	return false;
}
