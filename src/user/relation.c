#include "user/relation.h"

#include <errno.h>

#include "codec/dup.h"
#include "codec/json.h"
#include "model/limits.h"
#include "realm/dm.h"
#include "user/friends.h"
#include "user/settings.h"

/* Requests that wait for an answer, each way. */
enum { REQUESTS_MAX = LIMIT_FRIENDS };

static const struct relationship_row *row_of(const struct user_state *user, uint64_t other)
{
	return map_get(&user->relationships, other);
}

enum relation relation_of(const struct user_state *user, uint64_t other)
{
	const struct relationship_row *row = row_of(user, other);

	return row ? (enum relation)row->type : RELATION_NONE;
}

uint32_t relation_count(const struct user_state *user, enum relation type)
{
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->relationships, &at, &id, &value))
		count += ((struct relationship_row *)value)->type == type;
	return count;
}

struct u64_list relation_friends(const struct user_state *user, struct arena *arena)
{
	struct u64_list list = { arena_array(arena, uint64_t, user->relationships.count + 1), 0 };
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->relationships, &at, &id, &value))
		if (((struct relationship_row *)value)->type == RELATION_FRIEND)
			list.items[list.count++] = id;
	return list;
}

/* A row may be there only for what is decided in this cell. */
static bool visible(const struct relationship_row *row)
{
	return row->type != RELATION_NONE || row->ignored;
}

static struct relationship view_of(const struct relationship_row *row, struct user *user)
{
	struct relationship view = { .id = row->user_id,
				     .type = row->type,
				     .nickname = row->nickname,
				     .user_ignored = row->ignored,
				     .since = row->since,
				     .note = row->note };

	view.user = user;
	view.has.user = user && user->id;
	view.has.since = row->since != 0;
	view.has.note = row->note.ptr != NULL;
	return view;
}

/* -- a row changes -- */

static void put_row(struct txn *txn, const struct relationship_row *row)
{
	if (visible(row) || row->blocks_me)
		user_put_relationship(txn, row);
	else if (row_of(user_of(txn), row->user_id))
		user_del_relationship(txn, row->user_id);
}

/* Another type is told as a new one. */
static void tell(struct txn *txn, const struct relationship_row *old,
		 const struct relationship_row *row, struct user *user)
{
	enum relation was = old ? (enum relation)old->type : RELATION_NONE;
	struct relationship view = view_of(row, user);

	if (was != RELATION_NONE && row->type == RELATION_NONE)
		txn_event(txn, EVENT_RELATIONSHIP_REMOVE, aud_self(),
			  &(struct relationship_remove){
				  .id = row->user_id, .type = was, .nickname = old->nickname });
	if (!visible(row))
		return;
	view.should_notify = row->type == RELATION_INCOMING ||
		(row->type == RELATION_FRIEND && was == RELATION_OUTGOING);
	view.has.should_notify = true;
	txn_event(txn, EVENT_RELATIONSHIP_ADD, aud_self(), &view);
}

/* The DM of the two remembers that it may be written to. */
static void ask_dm_again(struct txn *txn, uint64_t other)
{
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(&user_of(txn)->dms, &at, &id, &value)) {
		const struct dm_entry_row *row = value;

		if (row->type == DM_TYPE && row->recipient_ids.count == 1 &&
		    row->recipient_ids.items[0] == other)
			cell_tell(txn->core, CELL_DM, id, true, dm_ask_again, NULL);
	}
}

/* What this user calls @other from now on. */
static void become(struct txn *txn, uint64_t other, enum relation type, bool blocks_me,
		   struct str note, struct user *user)
{
	const struct relationship_row *old = row_of(user_of(txn), other);
	struct relationship_row row = old ? *old : (struct relationship_row){ .user_id = other };
	enum relation was = (enum relation)row.type;

	row.type = type;
	row.blocks_me = blocks_me;
	if (was != type) {
		row.since = type == RELATION_NONE ? 0 : (int64_t)core_wall_us(txn->core);
		row.note = type == RELATION_INCOMING ? note : (struct str){};
		if (type != RELATION_FRIEND)
			row.nickname = (struct str){};
		tell(txn, old, &row, user);
	}
	put_row(txn, &row);
	if (was == RELATION_FRIEND && type != RELATION_FRIEND)
		friends_left(txn, other);
	else if (was != RELATION_FRIEND && type == RELATION_FRIEND)
		friends_came(txn, other);
	if (was != type && (was == RELATION_FRIEND || type == RELATION_BLOCKED))
		ask_dm_again(txn, other);
}

/* -- both sides -- */

static enum relation side_of_other(const struct relationship_row *row)
{
	if (!row || row->blocks_me)
		return row ? RELATION_BLOCKED : RELATION_NONE;
	switch (row->type) {
	case RELATION_FRIEND: return RELATION_FRIEND;
	case RELATION_INCOMING: return RELATION_OUTGOING;
	case RELATION_OUTGOING: return RELATION_INCOMING;
	default: return RELATION_NONE;
	}
}

/* May one more be called so? */
static int room_for(const struct user_state *user, enum relation type)
{
	uint32_t count = type == RELATION_NONE ? 0 : relation_count(user, type);

	switch (type) {
	case RELATION_FRIEND: return count < LIMIT_FRIENDS ? 0 : ERR_MAX_FRIENDS;
	case RELATION_BLOCKED: return count < LIMIT_BLOCKED ? 0 : ERR_MAX_FRIENDS;
	case RELATION_OUTGOING: return count < REQUESTS_MAX ? 0 : ERR_MAX_FRIENDS;
	case RELATION_INCOMING: return count < REQUESTS_MAX ? 0 : ERR_FRIEND_REQUEST_BLOCKED;
	default: return 0;
	}
}

/* In the cell of the smaller id. */
static int decide_wait(struct txn *txn, uint64_t actor, const struct relation_change *change)
{
	bool mine = actor == txn->cell->id;
	uint64_t them = mine ? change->other : actor;
	struct user user = mine ? change->them : change->me;

	int r = txn_outbox_wait(txn);
	if (r)
		return r;
	const struct relationship_row *row = row_of(user_of(txn), them);
	enum relation me = relation_of(user_of(txn), them), they = side_of_other(row);
	enum relation was = me, they_were = they;
	r = mine ? relation_decide(change->act, &me, &they)
		 : relation_decide(change->act, &they, &me);
	if (!r && me != was)
		r = room_for(user_of(txn), me);
	if (r || (me == was && they == they_were))
		return r;
	become(txn, them, me, they == RELATION_BLOCKED, change->note, &user);
	struct relationship_row theirs = { .user_id = txn->cell->id,
					   .type = they,
					   .note = change->note };
	if (they != they_were)
		txn_intent(txn, INTENT_RELATION, CELL_USER, them, &desc_relationship_row, &theirs);
	return 0;
}

struct asked {
	uint64_t actor;
	const struct relation_change *change;
};

static int run_decide(struct txn *txn, void *arg)
{
	const struct asked *asked = arg;

	return decide_wait(txn, asked->actor, asked->change);
}

/* Whether there is room on the side of the one who acts, as its own row says it. */
static int room_here(const struct user_state *user, const struct relation_change *change)
{
	const struct relationship_row *row = row_of(user, change->other);
	enum relation me = relation_of(user, change->other), was = me, they = side_of_other(row);

	return relation_decide(change->act, &me, &they) || me == was ? 0 : room_for(user, me);
}

int relation_change_wait(struct txn *txn, const struct relation_change *change)
{
	struct asked asked = { .actor = txn->cell->id, .change = change };

	int r = room_here(user_of(txn), change);
	if (r)
		return r;
	if (txn->cell->id < change->other)
		return decide_wait(txn, txn->cell->id, change);
	r = txn_call_wait(txn, CELL_USER, change->other, run_decide, &asked);
	if (r != ENOENT)
		return r;
	/* The other does not exist any more. */
	if (change->act != RELATION_END ||
	    relation_of(user_of(txn), change->other) == RELATION_NONE)
		return ERR_UNKNOWN_USER;
	become(txn, change->other, RELATION_NONE, false, (struct str){}, NULL);
	return 0;
}

/* What the other's cell has decided. */
int user_intent_relation(struct txn *txn, const struct intent *intent)
{
	struct relationship_row row = {};
	struct user user = {};

	if (row_get(intent->payload, &desc_relationship_row, txn->arena, &row))
		return EINVAL;
	int r = user_public_wait(txn->core, txn->arena, row.user_id, &user);
	if (!txn_still(txn) && (!r || r == ERR_UNKNOWN_USER)) {
		become(txn, row.user_id, (enum relation)row.type, false, row.note, &user);
		return 0;
	}
	return txn_still(txn) ? txn_still(txn) : r;
}

/* -- who takes requests -- */

struct welcome {
	uint64_t actor;
	struct u64_list guilds, friends; /* of the one who asks */
};

/* The settings' friend_source_flags: absent, everybody may ask. */
static bool source_welcome(const struct user_state *user, struct str flags,
			   const struct welcome *in)
{
	json_t *tree = flags.len ? json_parse(flags) : NULL;
	bool all = !tree || json_is_true(json_object_get(tree, "all"));
	bool by_guilds = json_is_true(json_object_get(tree, "mutual_guilds"));
	bool by_friends = json_is_true(json_object_get(tree, "mutual_friends"));

	json_decref(tree);
	for (uint32_t i = 0; by_guilds && !all && i < in->guilds.count; i++)
		all = map_get(&user->guilds, in->guilds.items[i]) != NULL;
	for (uint32_t i = 0; by_friends && !all && i < in->friends.count; i++)
		all = relation_of(user, in->friends.items[i]) == RELATION_FRIEND;
	return all;
}

static int run_welcome(struct txn *txn, void *arg)
{
	const struct welcome *in = arg;
	struct user_settings settings;

	int r = settings_read_wait(txn, &settings);
	if (r)
		return r;
	const struct user_state *user = user_of(txn);
	enum relation type = relation_of(user, in->actor);
	if (user->account->bot)
		return ERR_CANNOT_FRIEND_BOT;
	if (user->account->delete_at)
		return ERR_UNKNOWN_USER;
	if (type == RELATION_BLOCKED)
		return ERR_FRIEND_REQUEST_BLOCKED;
	if (type == RELATION_OUTGOING) /* then this is the answer */
		return room_for(user, RELATION_FRIEND);
	if (type != RELATION_NONE)
		return 0;
	if (room_for(user, RELATION_INCOMING) ||
	    !source_welcome(user, settings.friend_source_flags, in))
		return ERR_FRIEND_REQUEST_BLOCKED;
	return 0;
}

int relation_welcome_wait(struct txn *txn, uint64_t other_id)
{
	struct user_state *user = user_of(txn);
	struct welcome welcome = { .actor = txn->cell->id };
	uint32_t at = 0;
	uint64_t id;
	void *value;

	welcome.guilds.items = arena_array(txn->arena, uint64_t, user->guilds.count + 1);
	while (map_next(&user->guilds, &at, &id, &value))
		welcome.guilds.items[welcome.guilds.count++] = id;
	welcome.friends = relation_friends(user, txn->arena);
	int r = txn_call_wait(txn, CELL_USER, other_id, run_welcome, &welcome);
	return r == ENOENT ? ERR_UNKNOWN_USER : r;
}

/* -- one's own -- */

int relation_nickname(struct txn *txn, uint64_t other, struct str nickname, struct user *user)
{
	const struct relationship_row *old = row_of(user_of(txn), other);

	if (!old || old->type != RELATION_FRIEND)
		return ERR_UNKNOWN_USER;
	struct relationship_row row = *old;
	row.nickname = nickname.len ? nickname : (struct str){};
	struct relationship view = view_of(&row, user);
	txn_event(txn, EVENT_RELATIONSHIP_UPDATE, aud_self(), &view);
	put_row(txn, &row);
	return 0;
}

int relation_ignore(struct txn *txn, uint64_t other, bool ignored, struct user *user)
{
	const struct relationship_row *old = row_of(user_of(txn), other);
	struct relationship_row row = old ? *old : (struct relationship_row){ .user_id = other };

	if (row.ignored == ignored)
		return ignored ? 0 : ERR_UNKNOWN_USER;
	if (!visible(&row) && room_for(user_of(txn), RELATION_BLOCKED))
		return ERR_MAX_FRIENDS;
	row.ignored = ignored;
	struct relationship view = view_of(&row, user);
	if (!visible(&row))
		txn_event(txn, EVENT_RELATIONSHIP_REMOVE, aud_self(),
			  &(struct relationship_remove){ .id = other });
	else if (row.type == RELATION_NONE)
		txn_event(txn, EVENT_RELATIONSHIP_ADD, aud_self(), &view);
	else
		txn_event(txn, EVENT_RELATIONSHIP_UPDATE, aud_self(), &view);
	put_row(txn, &row);
	return 0;
}

/* -- the list -- */

/* Reads the users that @known lacks. How many. */
static int read_users_wait(struct txn *txn, struct map *known, uint32_t *ret_count)
{
	struct user_state *user = user_of(txn);
	uint64_t *ids = arena_array(txn->arena, uint64_t, user->relationships.count + 1), id;
	uint32_t at = 0, count = 0;
	void *value;

	while (map_next(&user->relationships, &at, &id, &value))
		if (visible(value) && !map_get(known, id))
			ids[count++] = id;
	struct user *users = arena_array(txn->arena, struct user, count + 1);
	int r = user_publics_wait(txn->core, txn->arena, ids, count, users);
	if (!r)
		r = txn_still(txn);
	for (uint32_t i = 0; !r && i < count; i++)
		map_set(known, ids[i], &users[i]);
	*ret_count = count;
	return r;
}

int relation_list_wait(struct txn *txn, struct relationship_list *ret)
{
	struct map known;
	uint32_t at = 0, count;
	uint64_t id;
	void *value;
	int r;

	map_init(&known);
	do
		r = read_users_wait(txn, &known, &count);
	while (!r && count); /* more may have come meanwhile */
	*ret = (struct relationship_list){};
	if (!r)
		ret->items = arena_array(txn->arena, struct relationship,
					 user_of(txn)->relationships.count + 1);
	while (!r && map_next(&user_of(txn)->relationships, &at, &id, &value)) {
		struct user *user = visible(value) ? map_get(&known, id) : NULL;

		if (user && user->id)
			ret->items[ret->count++] = view_of(value, user);
	}
	map_done(&known);
	return r;
}
