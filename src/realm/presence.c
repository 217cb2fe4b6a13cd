#include "realm/presence.h"

#include "base/buf.h"
#include "codec/enc.h"
#include "realm/member_heap.h"
#include "realm/member_lists.h"

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
	struct presence told = *in;
	told.guild_id = txn->cell->id;
	told.has.guild_id = true;
	txn_event(txn, EVENT_PRESENCE_UPDATE, (struct audience){ .not_user = in->user->id }, &told);
	return 0;
}
