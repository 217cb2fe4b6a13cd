#include "realm/presence.h"

#include "base/buf.h"
#include "codec/enc.h"
#include "config/config.h"
#include "model/limits.h"
#include "realm/class.h"
#include "realm/member_heap.h"
#include "realm/member_lists.h"
#include "realm/sharing.h"
#include "realm/thread_list.h"
#include "realm/watch.h"

enum { TEXT_MAX = 256 << 10 };

static struct str text_of(struct arena *arena, const struct presence *presence)
{
	struct buf text;
	struct enc enc;

	buf_init(&text, TEXT_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_presence(&enc, presence);
	struct str copy = arena_str(arena, buf_str(&text));
	buf_done(&text);
	return copy;
}

/* A guild that was told twice: by a change, and because somebody's session subscribed just then. */
static bool same(struct arena *arena, const struct presence *shown, const struct presence *in)
{
	struct presence plain = *in;

	plain.user = NULL;
	if (!shown || !str_eq(shown->status, in->status) ||
	    shown->activities.count != in->activities.count)
		return false;
	struct str a = text_of(arena, shown), b = text_of(arena, &plain);
	return str_eq(a, b);
}

/* Those of @sessions whose users share a channel with @member, in the arena. */
static uint64_t *who_may(struct txn *txn, const struct live_member *member,
			 const uint64_t *sessions, uint32_t *count)
{
	struct realm *realm = realm_of(txn);
	uint64_t *ret = arena_array(txn->arena, uint64_t, *count + 1);
	struct sharing sharing;
	uint32_t kept = 0;

	sharing_init(&sharing, realm, txn->arena, member);
	for (uint32_t i = 0; i < *count; i++) {
		const struct subscriber *subscriber = map_get(&realm->sessions, sessions[i]);
		const struct live_member *viewer = subscriber
			? member_find(realm, subscriber->user_id)
			: NULL;

		if (viewer && viewer != member && sharing_with(&sharing, viewer))
			ret[kept++] = sessions[i];
	}
	*count = kept;
	return ret;
}

/* Bots by their intent, people when they asked for that member; and only those who share a visible channel. */
static void tell(struct txn *txn, const struct live_member *member, const struct presence *in)
{
	struct realm *realm = realm_of(txn);
	struct presence told = *in;
	struct event *event = NULL;
	uint32_t count, bytes;
	const uint64_t *sessions = watch_sessions(realm, in->user->id, &count);

	told.guild_id = txn->cell->id;
	told.has.guild_id = true;
	/* A restarted realm does not know all who watch it: they come back and get what they missed. */
	if ((realm->presence_bots || txn->cell->generation) && !realm_presence_lazy(realm)) {
		const uint8_t *see = class_sight(realm, txn->arena, member, &bytes);

		event = txn_event(txn, EVENT_PRESENCE_UPDATE,
				  (struct audience){ .bots = true, .not_user = in->user->id },
				  &told);
		txn_event_shares(txn, bytes_from((struct str){ (const char *)see, bytes }));
	}
	if (count)
		sessions = who_may(txn, member, sessions, &count);
	if (!count)
		return;
	if (event)
		txn_event_again(txn, (struct audience){}, event);
	else
		txn_event(txn, EVENT_PRESENCE_UPDATE, (struct audience){}, &told);
	txn_event_only(txn, sessions, count);
}

int realm_presence_run(struct txn *txn, void *arg)
{
	const struct presence *in = arg;
	struct realm *realm = realm_of(txn);
	struct live_member *member = realm_member(realm, in->user->id);
	bool there = !str_eq(in->status, S("offline"));

	if (!member || (!member->presence && !there) ||
	    (there && same(txn->arena, member->presence, in)))
		return 0;
	bool moves = there != (member->presence != NULL);
	if (moves)
		member_lists_out(realm, member);
	realm->online_count += there - (member->presence != NULL);
	member_set_presence(realm, member, there ? in : NULL);
	if (moves)
		member_lists_in(realm, member);
	else
		member_lists_touch(realm, member);
	/* Before that, sessions of the last run come back: to those who watch them they have never been away. */
	if (atomic_load_explicit(&app_of(txn->core)->serving, memory_order_relaxed))
		tell(txn, member, in);
	return 0;
}

bool realm_presence_lazy(const struct realm *realm)
{
	struct core *core = realm->cell->core;
	uint32_t max = core ? config_of(core)->presence_online_max : 0;

	return realm->online_count >= (max ? max : LIMIT_PRESENCE_ONLINE);
}

void realm_presence_watch(struct txn *txn, struct subscriber *subscriber, const uint64_t *ids,
			  uint32_t count)
{
	struct realm *realm = realm_of(txn);
	const struct live_member *viewer = realm_member(realm, subscriber->user_id);
	struct sharing sharing;

	watch_name(realm, subscriber, ids, count);
	watch_renew(txn, subscriber);
	if (!viewer || !subscriber->watches_count)
		return;
	sharing_init(&sharing, realm, txn->arena, viewer);
	/* Named ones come first; those of threads were told with their lists. */
	for (uint32_t i = 0; i < MIN(subscriber->watches_count, count); i++) {
		const struct live_member *member = member_find(realm, subscriber->watches[i]);

		if (!member || !member->presence || member == viewer ||
		    !sharing_with(&sharing, member))
			continue;
		struct user_partial who = { .id = subscriber->watches[i] };
		struct presence told = *member->presence;
		told.user = &who;
		told.guild_id = txn->cell->id;
		told.has.guild_id = true;
		txn_event(txn, EVENT_PRESENCE_UPDATE,
			  (struct audience){ .session = subscriber->session }, &told);
	}
}
