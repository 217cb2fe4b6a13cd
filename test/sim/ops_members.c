/* Members who come and go, the probes that find out what was not answered, and sessions. */
#include <string.h>

#include "sim/ops.h"

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

void op_kick(struct world *world)
{
	uint32_t target = ANN + (uint32_t)pick(world, USERS - ANN);
	char key[64];

	if (!may_move(world, target) || !rest_free(world, OWNER))
		return;
	struct request *call = call_new(world, OWNER, "kick", "DELETE");
	call->role = target;
	call_path(call, "/guilds/%lu/members/%lu", world->guild, world->users[target].id);
	reg_try(world, call, reg_key(key, "mem:%lu", target, 0), "0", false);
	for (uint32_t i = 0; i < world->roles_count; i++)
		if (reg_find(world, reg_key(key, "mr:%lu:%lu", target, world->roles[i])))
			reg_try(world, call, key, "0", false);
	world->users[target].moving = true;
	call->done = on_moved;
	call_send(world, call);
}

/* Surely out, surely never in, at present. */
static bool surely_out(struct world *world, uint32_t user)
{
	char key[64];

	return reg_sure(reg_get(world, reg_key(key, "mem:%lu", user, 0)), "0");
}

void op_join(struct world *world)
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
	call_path(call, "/invites/%s", world->invite);
	call_body(call, "{}");
	reg_try(world, call, reg_key(key, "mem:%lu", user, 0), "1", false);
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
	reg_key(key, "mem:%lu", call->role, 0);
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
	call_path(call, "/guilds/%lu", world->guild);
	call->role = target;
	call->done = on_probed;
	/* Surely out before the one call that was not answered, a join that is over now. */
	reg = reg_get(world, reg_key(key, "mem:%lu", target, 0));
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

void op_probe(struct world *world)
{
	for (uint32_t i = 0; i < USERS; i++)
		if (world->users[i].probe && !world->users[i].moving)
			probe(world, i);
}

/* -- sessions -- */

void op_viewer(struct world *world)
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

void op_rest_break(struct world *world)
{
	struct rest *rest = &world->rests[pick(world, ARRAY_SIZE(world->rests))];

	if (rest->call && (rest->call->done == on_moved || rest->call->done == on_probed))
		return; /* what it did could never be known */
	if (rest->sock) {
		trace(world, "a connection of %u breaks", rest->user);
		rest_break(rest, false);
	}
}
