/* Read states: how far channels, their pins, and a few other things are read. */
#include <errno.h>

#include "api/req.h"
#include "model/snowflake.h"
#include "realm/directory.h"
#include "realm/perms.h"
#include "realm/pins.h"
#include "realm/thread.h"
#include "user/reads.h"

/* -- the channel -- */

struct look {
	uint64_t channel_id, user_id;
	bool sees, thread;
	int64_t pin_us; /* of its newest pin */
};

static int run_look(struct txn *txn, void *arg)
{
	struct look *look = arg;

	int r = thread_fetch_wait(txn, look->channel_id);
	if (!r)
		r = realm_member_fetch_wait(txn, look->user_id);
	if (r)
		return r;
	const struct live_channel *channel = realm_channel(realm_of(txn), look->channel_id);
	const struct live_member *member = realm_member(realm_of(txn), look->user_id);
	if (!channel)
		return ERR_UNKNOWN_CHANNEL;
	look->sees = member && perms_sees(realm_of(txn), member, channel);
	look->thread = channel->thread != NULL;
	look->pin_us = channel->row->last_pin_timestamp;
	return 0;
}

/* The flags that a channel's mark has. Waits. 0, ERR_UNKNOWN_CHANNEL, ERR_MISSING_ACCESS. */
static int look_wait(struct req *req, uint64_t channel_id, struct look *ret, uint32_t *ret_flags)
{
	enum cell_kind kind;
	uint64_t id;

	*ret = (struct look){ .channel_id = channel_id, .user_id = req->who.user_id };
	int r = directory_channel_wait(req->core, channel_id, &kind, &id);
	if (!r && kind == CELL_GUILD && !map_get(&user_of(req->txn)->guilds, id))
		return ERR_MISSING_ACCESS;
	if (!r)
		r = txn_call_wait(req->txn, kind, id, run_look, ret);
	if (r)
		return r == ENOENT ? ERR_UNKNOWN_CHANNEL : r;
	*ret_flags = kind != CELL_GUILD ? 0
		: ret->thread		? READ_FLAG_THREAD
					: READ_FLAG_GUILD_CHANNEL;
	return ret->sees ? 0 : ERR_MISSING_ACCESS;
}

static uint64_t now_id(const struct req *req)
{
	return snowflake_at(core_wall_us(req->core) / 1000 + 1);
}

static void tell_ack(struct req *req, const struct read_mark *mark, const struct ack *in)
{
	struct message_ack event = { .channel_id = mark->id,
				     .message_id = mark->last,
				     .version = mark->version };

	if (in && in->has.manual && !in->null.manual && in->manual) {
		event.manual = event.has.manual = true;
		event.mention_count = mark->mentions;
		event.has.mention_count = true;
	}
	event.flags = mark->flags;
	event.has.flags = mark->flags != 0;
	event.last_viewed = mark->viewed;
	event.has.last_viewed = mark->viewed >= 0;
	txn_event(req->txn, EVENT_MESSAGE_ACK, aud_self(), &event);
}

int api_ack_message(struct req *req, const struct ack *in, struct ack_result *out)
{
	struct read_ack ack = { .message_id = req->path.message_id,
				.manual = in->has.manual && !in->null.manual && in->manual,
				.has_mentions = in->has.mention_count && !in->null.mention_count,
				.now_id = now_id(req) };
	struct look look;
	uint32_t flags = 0;

	(void)out; /* token: null */
	int r = look_wait(req, req->path.channel_id, &look, &flags);
	if (r)
		return r;
	struct read_mark mark = read_mark_of(user_of(req->txn), READ_CHANNEL, req->path.channel_id);
	ack.mentions = (uint32_t)MIN(in->mention_count, (int64_t)UINT32_MAX);
	if (!read_ack(&mark, &ack))
		return 0;
	mark.flags = in->has.flags && !in->null.flags ? (uint32_t)in->flags : flags;
	if (in->has.last_viewed)
		mark.viewed = in->null.last_viewed ? -1 : (int32_t)in->last_viewed;
	reads_put(req->txn, &mark);
	tell_ack(req, &mark, in);
	return 0;
}

int api_ack_pins(struct req *req)
{
	struct look look;
	uint32_t flags = 0;

	int r = look_wait(req, req->path.channel_id, &look, &flags);
	if (r)
		return r;
	struct read_mark mark = read_mark_of(user_of(req->txn), READ_CHANNEL, req->path.channel_id);
	if (!mark.flags)
		mark.flags = flags;
	mark.pin_us = look.pin_us;
	reads_put(req->txn, &mark);
	struct channel_pins_ack event = { .channel_id = mark.id,
					  .timestamp = mark.pin_us,
					  .version = mark.version };
	txn_event(req->txn, EVENT_CHANNEL_PINS_ACK, aud_self(), &event);
	return 0;
}

int api_delete_read_state(struct req *req, const struct read_state_delete *in)
{
	int64_t type = in->has.read_state_type && !in->null.read_state_type ? in->read_state_type
									    : READ_CHANNEL;

	if (type < 0 || type >= READ_TYPES)
		return req_form_error(req, "read_state_type", "BASE_TYPE_CHOICES",
				      "Value must be one of (0, 1, 2, 3, 4, 5).");
	if (!reads_has(user_of(req->txn), (enum read_type)type, req->path.channel_id))
		return ERR_UNKNOWN_CHANNEL;
	reads_del(req->txn, (enum read_type)type, req->path.channel_id);
	return 0;
}

/* -- other things than channels -- */

static bool of_guild(enum read_type type)
{
	return type == READ_GUILD_EVENT || type == READ_GUILD_HOME || type == READ_GUILD_ONBOARDING;
}

static void put_feature(struct req *req, enum read_type type, uint64_t id, uint64_t entity_id)
{
	struct read_mark mark = read_mark_of(user_of(req->txn), type, id);
	struct read_ack ack = { .message_id = entity_id };

	if (!read_ack(&mark, &ack))
		return;
	reads_put(req->txn, &mark);
	if (of_guild(type)) {
		struct guild_feature_ack event = { .resource_id = id,
						   .entity_id = entity_id,
						   .ack_type = type,
						   .version = mark.version };
		txn_event(req->txn, EVENT_GUILD_FEATURE_ACK, aud_self(), &event);
		return;
	}
	struct user_non_channel_ack event = { .entity_id = entity_id,
					      .ack_type = type,
					      .version = mark.version };
	txn_event(req->txn, EVENT_USER_NON_CHANNEL_ACK, aud_self(), &event);
}

static int type_of(struct req *req, bool guild, enum read_type *ret)
{
	uint64_t type;

	if (!str_u64(req->path.read_state_type, &type) || type == READ_CHANNEL ||
	    type >= READ_TYPES || of_guild((enum read_type)type) != guild)
		return req_form_error(req, "read_state_type", "BASE_TYPE_CHOICES",
				      "Value must be one of (%s).", guild ? "1, 3, 4" : "2, 5");
	*ret = (enum read_type)type;
	return 0;
}

int api_ack_guild_feature(struct req *req, const struct ack_entity *in, struct ack_result *out)
{
	enum read_type type;

	(void)in;
	(void)out;
	int r = type_of(req, true, &type);
	if (r)
		return r;
	if (!map_get(&user_of(req->txn)->guilds, req->path.guild_id))
		return ERR_UNKNOWN_GUILD;
	put_feature(req, type, req->path.guild_id, req->path.entity_id);
	return 0;
}

int api_ack_user_feature(struct req *req, const struct ack_entity *in, struct ack_result *out)
{
	enum read_type type;

	(void)in;
	(void)out;
	int r = type_of(req, false, &type);
	if (!r)
		put_feature(req, type, req->who.user_id, req->path.entity_id);
	return r;
}

/* -- many at once -- */

/* A channel of a guild that one is in, or of one's DMs: the rest of what there is to know about it matters to nobody but its reader. Waits. */
static int known_wait(struct req *req, uint64_t channel_id, bool *ret, bool *ret_guild)
{
	enum cell_kind kind;
	uint64_t id;

	*ret = false;
	int r = directory_channel_wait(req->core, channel_id, &kind, &id);
	if (txn_still(req->txn))
		return ERR_RESTARTED;
	if (r)
		return r == ENOENT ? 0 : r;
	const struct user_state *user = user_of(req->txn);
	*ret_guild = kind == CELL_GUILD;
	*ret = map_get(*ret_guild ? &user->guilds : &user->dms, *ret_guild ? id : channel_id) !=
		NULL;
	return 0;
}

int api_ack_bulk(struct req *req, const struct ack_bulk *in)
{
	uint32_t count = in->read_states.count;
	bool *known = arena_array(req->arena, bool, count + 1),
	     *guild = arena_array(req->arena, bool, count + 1);

	for (uint32_t i = 0; i < count; i++) {
		const struct ack_item *item = &in->read_states.items[i];
		int r = item->read_state_type == READ_CHANNEL
			? known_wait(req, item->channel_id, &known[i], &guild[i])
			: 0;

		if (r)
			return r;
	}
	for (uint32_t i = 0; i < count; i++) { /* what is unknown is passed over */
		const struct ack_item *item = &in->read_states.items[i];
		enum read_type type = (enum read_type)item->read_state_type;

		if (type != READ_CHANNEL) {
			if (of_guild(type)
				    ? map_get(&user_of(req->txn)->guilds, item->channel_id) != NULL
				    : item->channel_id == req->who.user_id)
				put_feature(req, type, item->channel_id, item->message_id);
			continue;
		}
		struct read_mark mark = read_mark_of(user_of(req->txn), type, item->channel_id);
		if (!known[i] ||
		    !read_ack(&mark, &(struct read_ack){ .message_id = item->message_id }))
			continue;
		if (!mark.flags && guild[i])
			mark.flags = READ_FLAG_GUILD_CHANNEL;
		reads_put(req->txn, &mark);
		tell_ack(req, &mark, NULL);
	}
	return 0;
}
