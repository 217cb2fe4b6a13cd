/* Messages and what is done to them, in the guild and in DMs. */
#include <stdio.h>
#include <string.h>

#include "sim/ops.h"

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

void op_dm(struct world *world)
{
	struct request *call = call_new(world, (uint32_t)pick(world, USERS), "open a DM", "POST");

	call->target = pick(world, CID + 1);
	call_path(call, "/users/@me/channels");
	call_body(call, "{\"recipient_id\":\"%lu\"}", world->users[call->target].id);
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
	reg_key(key, "msg:%lu", json_id(call->reply, "id"), 0);
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
	call_path(call, "/channels/%lu/messages", channel);
	if (nonce)
		call_body(call, "{\"content\":\"m%u\",\"nonce\":\"%u\",\"enforce_nonce\":true}",
			  number, number);
	else
		call_body(call, "{\"content\":\"m%u\"}", number);
	call->done = on_sent;
	snprintf(key, sizeof(key), "say:m%u", number);
	reg_get(world, key);
	call_send(world, call);
}

/* As a library does when it got no answer: the same nonce makes it one message. */
void op_send_again(struct world *world)
{
	while (world->again_count) {
		struct again *again = &world->again[--world->again_count];

		if (rest_free(world, again->user))
			send(world, again->user, again->channel, again->number, true);
	}
}

void op_send(struct world *world)
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

void op_edit(struct world *world)
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
	call_path(call, "/channels/%lu/messages/%lu", world->message_channels[at],
		  world->messages[at]);
	snprintf(call->value, sizeof(call->value), "e%u", call->number);
	call_body(call, "{\"content\":\"%s\"}", call->value);
	reg_try(world, call, reg_key(key, "msg:%lu", world->messages[at], 0), call->value, true);
	call_send(world, call);
}

void op_delete(struct world *world)
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
	call_path(call, "/channels/%lu/messages/%lu", world->message_channels[at],
		  world->messages[at]);
	reg_try(world, call, reg_key(key, "msg:%lu", world->messages[at], 0), ABSENT, true);
	call_send(world, call);
}

void op_pin(struct world *world)
{
	uint32_t at;
	char key[64];
	bool pin = chance(world, 60);

	if (!pick_message(world, &at) || !rest_free(world, OWNER))
		return;
	struct request *call = call_new(world, OWNER, "pin", pin ? "PUT" : "DELETE");
	call_path(call, "/channels/%lu/messages/pins/%lu", world->message_channels[at],
		  world->messages[at]);
	reg_key(key, "pin:%lu", world->messages[at], 0);
	if (!reg_find(world, key))
		reg_begin(world, key, "0", false);
	reg_try(world, call, key, pin ? "1" : "0", false);
	call_send(world, call);
}

void op_react(struct world *world)
{
	uint32_t at;

	if (!pick_message(world, &at))
		return;
	struct request *call = call_new(world, (uint32_t)pick(world, USERS), "react",
					chance(world, 70) ? "PUT" : "DELETE");
	call_path(call, "/channels/%lu/messages/%lu/reactions/%%F0%%9F%%91%%8D/@me",
		  world->message_channels[at], world->messages[at]);
	call_send(world, call);
}

static void on_read(struct world *world, struct request *call)
{
	char key[64];

	/* Its channel may go while the read is under way, and its messages with it. */
	const struct reg *channel = reg_find(world, reg_key(key, "ch:%lu", call->channel, 0));
	bool going = channel && reg_allows(channel, ABSENT, call->start);
	reg_key(key, "msg:%lu", call->message, 0);
	if (call->status == 200)
		reg_check(world, key, json_string_value(json_object_get(call->reply, "content")),
			  call->start, "a read");
	else if (call->status == 404 && !going &&
		 json_integer_value(json_object_get(call->reply, "code")) == 10008)
		reg_check(world, key, ABSENT, call->start, "a read");
}

void op_read(struct world *world)
{
	uint32_t at;

	if (!pick_message(world, &at))
		return;
	bool direct = dm_find(world, world->message_channels[at]);
	struct request *call = call_new(
		world, direct ? world->message_authors[at] : (uint32_t)OWNER, "read", "GET");
	call_path(call, "/channels/%lu/messages/%lu", world->message_channels[at],
		  world->messages[at]);
	call->message = world->messages[at];
	call->channel = world->message_channels[at];
	call->done = on_read;
	call_send(world, call);
}

void op_typing(struct world *world)
{
	struct request *call = call_new(world, (uint32_t)pick(world, USERS), "typing", "POST");

	call_path(call, "/channels/%lu/typing", pick_channel(world));
	call_send(world, call);
}
