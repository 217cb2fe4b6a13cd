/* A session begins to watch a guild: its class, and a snapshot of the guild, in one step. */
#include <errno.h>
#include <stdlib.h>

#include "codec/enc.h"
#include "core/fiber.h"
#include "gateway/domain.h"
#include "model/intents.h"
#include "realm/class.h"
#include "realm/guild_crowd.h"
#include "realm/guild_view.h"
#include "realm/member.h"
#include "realm/member_lists.h"
#include "realm/watch.h"
#include "user/user.h"

enum { SNAPSHOT_MAX = 512 << 20, CAPABILITY_CLIENT_STATE_V2 = 1 << 10 };

static struct bytes *take(struct buf *text)
{
	struct bytes *bytes = bytes_from(buf_str(text));

	buf_done(text);
	return bytes;
}

static void encode_snapshot(const struct realm_subscribe *in, struct guild *view, struct buf *text)
{
	struct enc enc;

	enc_init(&enc, text, ENC_JSON);
	if (!in->bot && in->capabilities & CAPABILITY_CLIENT_STATE_V2) {
		struct guild properties = *view;

		view->properties = &properties;
		view->data_mode = S("full");
		view->has.properties = view->has.data_mode = true;
		enc_guild_ready(&enc, view);
		view->properties = NULL;
		view->has.properties = false;
	} else {
		enc_guild_create(&enc, view);
	}
}

/* Of a guild of many, in slices: what was looked up before is to be looked up again. NULL when there are not many (any more). */
static int crowd_wait(struct txn *txn, struct guild_show *show, uint64_t user_id,
		      struct guild_crowd **ret)
{
	struct realm *realm = realm_of(txn);
	struct guild_crowd *crowd = NULL;

	if (guild_crowd_is(realm, show))
		crowd = guild_crowd_begin(realm, show);
	while (crowd && guild_crowd_step(crowd)) {
		fiber_yield(txn->core);
		if (txn_still(txn)) {
			guild_crowd_drop(crowd, true);
			return ERR_RESTARTED;
		}
	}
	show->member = realm_member(realm, user_id);
	show->apart = crowd && show->member && guild_crowd_is(realm, show);
	if (!show->apart)
		guild_crowd_drop(TAKE(crowd), false);
	*ret = crowd;
	return show->member ? 0 : ERR_UNKNOWN_GUILD;
}

static int snapshot_wait(struct txn *txn, const struct realm_subscribe *in,
			 struct live_member *member, struct bytes **ret)
{
	struct guild_show show = { .member = member,
				   .bot = in->bot,
				   .joined = in->joined,
				   .presences = !in->bot || in->intents & INTENT_GUILD_PRESENCES,
				   .large_threshold = in->large_threshold };
	struct guild_crowd *crowd;
	struct buf text;
	int r = crowd_wait(txn, &show, in->user_id, &crowd);

	if (r)
		return r;
	struct guild view = guild_view_create(realm_of(txn), txn->arena, &show);
	buf_init(&text, SNAPSHOT_MAX);
	encode_snapshot(in, &view, &text);
	if (crowd) {
		*ret = guild_crowd_end(crowd, buf_str(&text));
		buf_done(&text);
	} else {
		*ret = take(&text);
	}
	return *ret ? 0 : -E2BIG;
}

/* [member]: what merged_members has for this guild. */
static struct bytes *encode_own_member(const struct live_member *member)
{
	struct member view = member_view(member->row, NULL);
	struct buf text;
	struct enc enc;

	view.user_id = member->row->user_id;
	view.has.user_id = true;
	buf_init(&text, 1 << 20);
	enc_init(&enc, &text, ENC_JSON);
	enc_arr_begin(&enc);
	enc_member(&enc, &view);
	enc_arr_end(&enc);
	return take(&text);
}

static void subscriber_set(struct realm *realm, struct subscriber *subscriber,
			   const struct realm_subscribe *in)
{
	bool contentless = in->bot && !(in->intents & INTENT_MESSAGE_CONTENT);
	bool presences = in->bot && in->intents & INTENT_GUILD_PRESENCES;

	realm->contentless += contentless - subscriber->contentless;
	realm->presence_bots += presences - subscriber->presences;
	subscriber->session = in->session;
	subscriber->user_id = in->user_id;
	subscriber->core = in->core;
	subscriber->bot = in->bot;
	subscriber->contentless = contentless;
	subscriber->presences = presences;
}

void subscriber_free(struct realm *realm, struct subscriber *subscriber)
{
	watch_set(realm, subscriber, NULL, 0);
	watch_name(realm, subscriber, NULL, 0);
	realm->thread_watchers -= subscriber->thread_lists_count != 0;
	realm->contentless -= subscriber->contentless;
	realm->presence_bots -= subscriber->presences;
	region_free(realm->region, subscriber);
}

int realm_subscribe_run(struct txn *txn, struct cell_work *work)
{
	struct realm_subscribe *in = container_of(work, struct realm_subscribe, work);
	struct realm *realm = realm_of(txn);
	struct live_member *member = realm_member(realm, in->user_id);

	struct bytes *snapshot = NULL;

	if (!member)
		return ERR_UNKNOWN_GUILD;
	int r = in->silent ? 0 : snapshot_wait(txn, in, member, &snapshot);
	if (r)
		return r;
	member = realm_member(realm, in->user_id);
	struct effect effect = { .kind = EFFECT_SUBSCRIBE,
				 .session = in->session,
				 .user = in->user_id,
				 .core = in->core,
				 .members = realm->members.count,
				 .snapshot = snapshot };
	effect.class_id = class_join(txn, member);
	struct subscriber *subscriber = map_get(&realm->sessions, in->session);
	if (!subscriber) {
		subscriber = region_new(realm->region, struct subscriber);
		map_set(&realm->sessions, in->session, subscriber);
		if (member->sessions++ == 0 || !member->presence) {
			uint64_t *guild_id = mem_alloc(sizeof(*guild_id));

			*guild_id = txn->cell->id;
			cell_tell(txn->core, CELL_USER, in->user_id, true, user_tell_presence,
				  guild_id);
		}
	}
	subscriber_set(realm, subscriber, in);
	if (snapshot && !in->bot)
		effect.own_member = encode_own_member(member);
	txn_effect(txn, &effect);
	if (in->silent && realm->sight_moved) /* while it was not watched */
		class_tell_all(txn, member, in->session);
	return 0;
}

int realm_unsubscribe_run(struct txn *txn, struct cell_work *work)
{
	struct realm_unsubscribe *in = container_of(work, struct realm_unsubscribe, work);
	struct realm *realm = realm_of(txn);
	struct live_member *member = realm_member(realm, in->user_id);
	struct subscriber *subscriber = map_del(&realm->sessions, in->session);

	member_lists_forget(realm, in->session);
	if (subscriber) {
		subscriber_free(realm, subscriber);
		if (member && --member->sessions == 0)
			class_part(realm, member);
	}
	txn_effect(txn, &(struct effect){ .kind = EFFECT_UNSUBSCRIBE, .session = in->session });
	return 0;
}
