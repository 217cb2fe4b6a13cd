/* Pins: put, take off, list. */
#include <errno.h>

#include "api/message_body.h"
#include "model/limits.h"
#include "realm/audit.h"
#include "realm/channel.h"
#include "realm/pins.h"

/* The pins in memory and the message of the path, locked, so that nobody deletes it meanwhile. */
static int find_wait(struct req *req, struct reach *ret_reach, struct message *ret_message)
{
	int r = reach_channel(req, PERM_PIN_MESSAGES, ret_reach);

	if (!r)
		r = reach_open(ret_reach);
	if (!r)
		r = message_get_wait(req->txn, req->path.channel_id, req->path.message_id, true,
				     ret_message);
	if (r)
		return r == ENOENT ? ERR_UNKNOWN_MESSAGE : r;
	r = pins_load_wait(req->txn, req->path.channel_id);
	return r ? r : reach_channel(req, PERM_PIN_MESSAGES, ret_reach);
}

/* What everybody is told: the newest pin's time, and the message, hydrated before. */
static void tell(struct req *req, const struct reach *reach, struct message *message)
{
	struct channel row = *reach->channel->row;
	struct channel_pins_update event = {
		.channel_id = row.id,
		.guild_id = reach->realm->guild ? reach->realm->guild->id : 0,
		.last_pin_timestamp = pins_newest(reach->channel->pins)
	};

	event.has.guild_id = event.guild_id != 0;
	row.last_pin_timestamp = event.last_pin_timestamp;
	row.has.last_pin_timestamp = true;
	realm_put_channel(req->txn, &row);
	struct event *told = txn_event(req->txn, EVENT_CHANNEL_PINS_UPDATE,
				       aud_channel(reach->channel), &event);
	told->channel_id = row.id;
	told->pin_at = event.last_pin_timestamp;
	message->pinned = pins_has(reach->channel->pins, message->id);
	message_event(req->txn, EVENT_MESSAGE_UPDATE, reach->channel, message);
}

static void audit_pin(struct req *req, const struct reach *reach, enum audit_action action,
		      const struct message *message)
{
	if (!reach->realm->guild)
		return;
	struct audit audit = audit_begin(req->txn, req->who.user_id, action, message->author_id,
					 req_reason(req));
	audit.options.channel_id = message->channel_id;
	audit.options.message_id = message->id;
	audit.options.has.channel_id = audit.options.has.message_id = true;
	audit_put(&audit);
}

static void notice(struct req *req, const struct reach *reach, const struct message *pinned)
{
	struct message_reference reference = { .message_id = pinned->id,
					       .channel_id = pinned->channel_id,
					       .guild_id = reach->realm->guild
						       ? reach->realm->guild->id
						       : 0 };
	struct message message = { .channel_id = pinned->channel_id,
				   .type = MESSAGE_PINNED,
				   .content = S(""),
				   .author_id = req->who.user_id,
				   .author_copy = message_author_copy(req->arena,
								      reach->member->row),
				   .message_reference = &reference };

	reference.has.message_id = reference.has.channel_id = reference.has.type = true;
	reference.has.guild_id = reference.guild_id != 0;
	message.has.message_reference = true;
	txn_intent(req->txn, INTENT_SYSTEM_MESSAGE, req->cell->kind, req->cell->id, &desc_message,
		   &message);
}

static bool pinnable(const struct message *message)
{
	return message->type == MESSAGE_DEFAULT || message->type == MESSAGE_REPLY ||
		message->type == MESSAGE_COMMAND || message->type == MESSAGE_CONTEXT_MENU;
}

/* Milliseconds, each its own: clients page by this time and some cut off what is finer. */
static int64_t pin_time(struct req *req, const struct channel_pins *pins)
{
	int64_t now = req_now_us(req) / 1000 * 1000;

	return MAX(now, pins_newest(pins) + 1000);
}

int api_create_pin(struct req *req)
{
	struct reader whole = { req->who.user_id, false };
	struct message message;
	struct reach reach;

	int r = find_wait(req, &reach, &message);
	if (r)
		return r;
	if (pins_has(reach.channel->pins, message.id))
		return 0;
	if (!pinnable(&message))
		return ERR_CANNOT_EXECUTE_ON_SYSTEM_MESSAGE;
	r = message_hydrate_wait(req->txn, message.channel_id, &whole, &message, 1);
	if (!r)
		r = txn_outbox_wait(req->txn);
	if (!r)
		r = reach_channel(req, PERM_PIN_MESSAGES, &reach);
	if (r)
		return r;
	if (reach.channel->pins->count >= LIMIT_PINS)
		return ERR_MAX_PINS;
	pins_add(req->txn, reach.channel, message.id, pin_time(req, reach.channel->pins),
		 req->who.user_id);
	tell(req, &reach, &message);
	audit_pin(req, &reach, AUDIT_MESSAGE_PIN, &message);
	notice(req, &reach, &message);
	return 0;
}

int api_delete_pin(struct req *req)
{
	struct reader whole = { req->who.user_id, false };
	struct message message;
	struct reach reach;

	int r = find_wait(req, &reach, &message);
	if (r || !pins_has(reach.channel->pins, message.id))
		return r;
	r = message_hydrate_wait(req->txn, message.channel_id, &whole, &message, 1);
	if (!r)
		r = reach_channel(req, PERM_PIN_MESSAGES, &reach);
	if (r)
		return r;
	pins_remove(req->txn, reach.channel, message.id);
	tell(req, &reach, &message);
	audit_pin(req, &reach, AUDIT_MESSAGE_UNPIN, &message);
	return 0;
}

/* Up to @limit pins older than @before (0: from the newest), hydrated. */
static int list_wait(struct req *req, int64_t before, uint32_t limit, struct pin_list *ret,
		     bool *ret_more)
{
	struct reader reader = reader_of(req);
	struct reach reach;

	*ret = (struct pin_list){};
	*ret_more = false;
	int r = reach_channel(req, 0, &reach);
	if (r || !(reach.perms & PERM_READ_MESSAGE_HISTORY))
		return r; /* an empty list, as of messages */
	r = pins_load_wait(req->txn, req->path.channel_id);
	if (!r)
		r = reach_channel(req, 0, &reach);
	if (r)
		return r;
	const struct channel_pins *pins = reach.channel->pins;
	struct pin_entry *entries = arena_array(req->arena, struct pin_entry, limit + 1);
	uint32_t count = 0, found = 0;
	for (uint32_t i = 0; i < pins->count && !*ret_more; i++) {
		if (before && pins->items[i].pinned_at >= before)
			continue;
		if (count == limit)
			*ret_more = true;
		else
			entries[count++] = pins->items[i];
	}
	struct message *messages = arena_array(req->arena, struct message, count + 1);
	ret->items = arena_array(req->arena, struct pin, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		r = message_get_wait(req->txn, req->path.channel_id, entries[i].message_id, false,
				     &messages[found]);
		if (r && r != ENOENT)
			return r;
		if (r)
			continue;
		ret->items[ret->count++] = (struct pin){ .pinned_at = entries[i].pinned_at,
							 .message = &messages[found++] };
	}
	return message_hydrate_wait(req->txn, req->path.channel_id, &reader, messages, found);
}

int api_list_pins(struct req *req, const struct pins_query *query, struct pins *out)
{
	return list_wait(req, query->has.before ? query->before : 0, (uint32_t)query->limit,
			 &out->items, &out->has_more);
}

int api_deprecated_list_pins(struct req *req, struct message_list *out)
{
	struct pin_list pins;
	bool more;

	int r = list_wait(req, 0, LIMIT_PINS, &pins, &more);
	if (r)
		return r;
	out->items = arena_array(req->arena, struct message, pins.count + 1);
	for (uint32_t i = 0; i < pins.count; i++)
		out->items[out->count++] = *pins.items[i].message;
	return 0;
}
