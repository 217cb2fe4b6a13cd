/* Which thing happens next, and the accidents. Operations whose routes are not served are left out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cell/cell.h"
#include "core/local.h"
#include "model/routes.h"
#include "sim/ops.h"

uint64_t pick_channel(struct world *world)
{
	return world->channels[pick(world, world->channels_count)];
}

uint32_t pick_actor(struct world *world)
{
	return chance(world, 55) ? OWNER : (uint32_t)pick(world, USERS);
}

void call_path(struct request *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->path, sizeof(call->path), format, args);
	va_end(args);
}

void call_body(struct request *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(&call->body, format, args) < 0)
		call->body = NULL;
	va_end(args);
}

const char *reg_key(char ret[static 64], const char *format, uint64_t a, uint64_t b)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(ret, 64, format, a, b);
#pragma GCC diagnostic pop
	return ret;
}

void ids_remove(uint64_t *list, uint32_t *count, uint64_t id)
{
	for (uint32_t i = 0; i < *count; i++)
		if (list[i] == id)
			list[i--] = list[--*count];
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
