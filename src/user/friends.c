#include "user/friends.h"

#include <stdlib.h>

#include "cell/many.h"
#include "codec/dup.h"
#include "codec/enc.h"
#include "user/presence.h"
#include "user/relation.h"

enum { TEXT_MAX = 16 << 20 };

/* -- between two friends' cells -- */

static uint64_t *own_id(const struct txn *txn)
{
	uint64_t *id = mem_alloc(sizeof(*id));

	*id = txn->cell->id;
	return id;
}

static void forget(struct user_state *user, uint64_t friend)
{
	region_free(user->region, map_del(&user->friends, friend));
}

static bool takes(struct user_state *user, const struct presence *in)
{
	uint64_t id = in->user->id;
	bool there = !str_eq(in->status, S("offline"));

	if (!user->watching || relation_of(user, id) != RELATION_FRIEND)
		return false;
	if (!there && !map_get(&user->friends, id))
		return false;
	if (there)
		region_free(user->region,
			    map_set(&user->friends, id,
				    obj_dup_region(user->region, &desc_presence, in)));
	else
		forget(user, id);
	return true;
}

/* A friend is shown so. */
static int run_told(struct txn *txn, void *arg)
{
	if (takes(user_of(txn), arg) && user_of(txn)->sessions.count)
		txn_event(txn, EVENT_PRESENCE_UPDATE, aud_self(), arg);
	return 0;
}

/* A friend wants to be told, which it is if there is something to tell. */
static int run_watch(struct txn *txn, void *arg)
{
	struct user_state *user = user_of(txn);
	uint64_t friend = *(uint64_t *)arg;

	if (!user->presence || relation_of(user, friend) != RELATION_FRIEND)
		return 0;
	map_set(&user->watchers, friend, user);
	cell_tell(txn->core, CELL_USER, friend, true, run_told, presence_shown(user));
	return 0;
}

/* The same of one who has been told. */
static int run_watch_on(struct txn *txn, void *arg)
{
	struct user_state *user = user_of(txn);
	uint64_t friend = *(uint64_t *)arg;

	if (user->presence && relation_of(user, friend) == RELATION_FRIEND)
		map_set(&user->watchers, friend, user);
	return 0;
}

static int run_unwatch(struct txn *txn, void *arg)
{
	map_del(&user_of(txn)->watchers, *(uint64_t *)arg);
	return 0;
}

/* A friend is shown so, and does not know who watches. */
static int run_told_anew(struct txn *txn, void *arg)
{
	const struct presence *in = arg;

	if (user_of(txn)->watching)
		cell_tell(txn->core, CELL_USER, in->user->id, true, run_watch_on, own_id(txn));
	return run_told(txn, arg);
}

/* -- telling -- */

void friends_tell(struct txn *txn, bool anew)
{
	struct user_state *user = user_of(txn);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	if (anew) {
		struct u64_list all = relation_friends(user, txn->arena);

		for (uint32_t i = 0; i < all.count; i++)
			cell_tell(txn->core, CELL_USER, all.items[i], true, run_told_anew,
				  presence_shown(user));
	} else {
		while (map_next(&user->watchers, &at, &id, &value))
			cell_tell(txn->core, CELL_USER, id, true, run_told, presence_shown(user));
	}
	if (!user->presence)
		map_done(&user->watchers);
}

/* -- watching -- */

int friends_watch_wait(struct txn *txn)
{
	struct user_state *user = user_of(txn);
	struct u64_list all = relation_friends(user, txn->arena);
	uint64_t id = txn->cell->id;
	int *results;

	if (user->watching)
		return 0;
	user->watching = true;
	results = arena_array(txn->arena, int, all.count + 1);
	/* What they tell comes before their answers do. */
	cell_call_many_wait(txn->core, CELL_USER, all.items, all.count, true, run_watch, &id, 0,
			    results);
	return txn_still(txn);
}

void friends_unwatch(struct txn *txn)
{
	struct user_state *user = user_of(txn);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	user->watching = false;
	while (map_next(&user->friends, &at, &id, &value)) {
		cell_tell(txn->core, CELL_USER, id, true, run_unwatch, own_id(txn));
		region_free(user->region, value);
	}
	map_done(&user->friends);
}

/* The one with the greater id becomes a friend last, when the other is one already. */
void friends_came(struct txn *txn, uint64_t other)
{
	struct user_state *user = user_of(txn);

	if (txn->cell->id < other)
		return;
	if (user->presence)
		cell_tell(txn->core, CELL_USER, other, true, run_told_anew, presence_shown(user));
	if (user->watching)
		cell_tell(txn->core, CELL_USER, other, true, run_watch, own_id(txn));
}

void friends_left(struct txn *txn, uint64_t other)
{
	map_del(&user_of(txn)->watchers, other);
	forget(user_of(txn), other);
}

/* -- READY -- */

struct presence_list friends_list(struct txn *txn)
{
	struct user_state *user = user_of(txn);
	struct presence_list list = {
		arena_array(txn->arena, struct presence, user->friends.count + 1), 0
	};
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->friends, &at, &id, &value))
		list.items[list.count++] = *(struct presence *)value;
	return list;
}

struct bytes *friends_merged(struct txn *txn)
{
	struct presence_list list = friends_list(txn);
	struct buf text;
	struct enc enc;

	if (!list.count)
		return NULL;
	buf_init(&text, TEXT_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_arr_begin(&enc);
	for (uint32_t i = 0; i < list.count; i++) {
		list.items[i].user_id = list.items[i].user->id;
		list.items[i].has.user_id = true;
		enc_presence_merged(&enc, &list.items[i]);
	}
	enc_arr_end(&enc);
	struct bytes *bytes = text.full ? NULL : bytes_from(buf_str(&text));
	buf_done(&text);
	return bytes;
}
