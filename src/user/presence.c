#include "user/presence.h"

#include <stdlib.h>
#include <string.h>

#include "codec/dup.h"
#include "codec/enc.h"
#include "codec/json.h"
#include "core/core.h"
#include "model/limits.h"
#include "realm/presence.h"
#include "user/activity.h"
#include "user/friends.h"
#include "user/platform.h"
#include "user/sessions.h"

enum { TEXT_MAX = 256 << 10, RETRY_MS = 1000 };

/* -- statuses -- */

static const struct str status_texts[] = {
	[STATUS_FOLLOW] = { "unknown", 7 },	 [STATUS_ONLINE] = { "online", 6 },
	[STATUS_IDLE] = { "idle", 4 },		 [STATUS_DND] = { "dnd", 3 },
	[STATUS_INVISIBLE] = { "invisible", 9 },
};

struct str presence_status_text(enum user_status status)
{
	return status_texts[status];
}

bool presence_status_read(struct str text, enum user_status *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_texts); i++)
		if (str_eq(text, status_texts[i])) {
			*ret = (enum user_status)i;
			return true;
		}
	if (!str_eq(text, S("offline")))
		return false;
	*ret = STATUS_INVISIBLE;
	return true;
}

enum user_status presence_status(const struct user_state *user, enum user_status status)
{
	if (status != STATUS_FOLLOW)
		return status;
	if (!presence_status_read(user->account->status, &status) || status == STATUS_FOLLOW)
		return STATUS_ONLINE;
	return status;
}

enum user_status presence_fold(const enum user_status *statuses, uint32_t count)
{
	static const enum user_status order[] = { STATUS_INVISIBLE, STATUS_DND, STATUS_ONLINE,
						  STATUS_IDLE };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (uint32_t k = 0; k < count; k++)
			if (statuses[k] == order[i])
				return order[i];
	return STATUS_INVISIBLE;
}

/* -- what a session says -- */

void presence_set(struct txn *txn, struct user_session *session, struct str json)
{
	struct user_state *user = user_of(txn);
	json_t *tree = json.ptr ? json_parse(json) : NULL;
	const char *status = json_string_value(json_object_get(tree, "status"));
	int64_t now_ms = (int64_t)(core_wall_us(txn->core) / 1000);

	if (!tree)
		return;
	if (status)
		presence_status_read(str_z(status), &session->status);
	session->afk = json_is_true(json_object_get(tree, "afk"));
	session->since = MAX(json_integer_value(json_object_get(tree, "since")), 0);
	struct presence said = { .activities = activities_read(txn->arena,
							       json_object_get(tree, "activities"),
							       user->account->bot, now_ms) };
	/* What goes on keeps the time it began. */
	for (uint32_t i = 0; session->said && i < said.activities.count; i++)
		for (uint32_t k = 0; k < session->said->activities.count; k++)
			if (activity_same(&said.activities.items[i],
					  &session->said->activities.items[k]))
				said.activities.items[i].created_at =
					session->said->activities.items[k].created_at;
	region_free(user->region, session->said);
	session->said = said.activities.count ? obj_dup_region(user->region, &desc_presence, &said)
					      : NULL;
	json_decref(tree);
}

/* -- all together -- */

static int by_order(const void *a, const void *b)
{
	const struct user_session *x = *(struct user_session *const *)a,
				  *y = *(struct user_session *const *)b;

	return x->order < y->order ? -1 : x->order > y->order;
}

struct user_session **presence_sessions(const struct user_state *user, struct arena *arena,
					uint32_t *ret_count)
{
	struct user_session **sessions = arena_array(arena, struct user_session *,
						     user->sessions.count + 1);
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->sessions, &at, &id, &value))
		if (!((struct user_session *)value)->away)
			sessions[count++] = value;
	qsort(sessions, count, sizeof(*sessions), by_order);
	*ret_count = count;
	return sessions;
}

static int by_headless_order(const void *a, const void *b)
{
	const struct headless *x = *(struct headless *const *)a, *y = *(struct headless *const *)b;

	return x->order < y->order ? -1 : x->order > y->order;
}

struct headless **presence_headless(const struct user_state *user, struct arena *arena,
				    uint32_t *ret_count)
{
	struct headless **list = arena_array(arena, struct headless *, user->headless.count + 1);
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->headless, &at, &id, &value))
		list[count++] = value;
	qsort(list, count, sizeof(*list), by_headless_order);
	*ret_count = count;
	return list;
}

bool presence_custom(const struct user_state *user, int64_t now_us, struct activity *ret,
		     struct partial_emoji *emoji)
{
	const struct account *account = user->account;
	bool pictured = account->custom_emoji_id || account->custom_emoji_name.len;

	if (account->bot || (!account->custom_text.len && !pictured) ||
	    (account->custom_expires_at && account->custom_expires_at <= now_us))
		return false;
	*ret = (struct activity){ .name = S("Custom Status"),
				  .type = ACTIVITY_CUSTOM,
				  .id = S("custom"),
				  .created_at = now_us / 1000,
				  .state = account->custom_text };
	*emoji = (struct partial_emoji){ .id = account->custom_emoji_id,
					 .name = account->custom_emoji_name };
	ret->has.id = true;
	ret->has.state = account->custom_text.len > 0;
	ret->has.emoji = pictured;
	ret->emoji = pictured ? emoji : NULL;
	return true;
}

static void add_activities(struct activity_list *all, const struct presence *said)
{
	for (uint32_t i = 0; said && i < said->activities.count && all->count < LIMIT_ACTIVITIES;
	     i++) {
		bool known = false;

		for (uint32_t k = 0; k < all->count && !known; k++)
			known = activity_same(&all->items[k], &said->activities.items[i]);
		if (!known)
			all->items[all->count++] = said->activities.items[i];
	}
}

/* How many sessions there are that count. */
static uint32_t merge(struct txn *txn, struct presence *merged, struct partial_emoji *emoji)
{
	struct user_state *user = user_of(txn);
	enum user_status platforms[PLATFORM_COUNT][2] = {}, *statuses;
	struct activity custom;
	uint32_t count, headless_count, at = 0;
	struct user_session **sessions = presence_sessions(user, txn->arena, &count);
	struct headless **headless = presence_headless(user, txn->arena, &headless_count);

	statuses = arena_array(txn->arena, enum user_status, count + headless_count + 1);
	merged->activities.items = arena_array(txn->arena, struct activity, LIMIT_ACTIVITIES);
	for (uint32_t i = 0; i < count + headless_count; i++) {
		bool live = i < count;
		const struct presence *said = live ? sessions[i]->said : headless[i - count]->said;
		enum platform platform = live ? (enum platform)sessions[i]->platform
					      : platform_of_activity(&said->activities.items[0]);
		enum user_status *there = platforms[platform];

		statuses[at] = presence_status(user, live ? sessions[i]->status : STATUS_FOLLOW);
		there[1] = statuses[at++];
		there[0] = there[0] ? presence_fold(there, 2) : there[1];
		add_activities(&merged->activities, said);
	}
	if (count && presence_custom(user, (int64_t)core_wall_us(txn->core), &custom, emoji))
		add_activities(&merged->activities,
			       &(struct presence){ .activities = { &custom, 1 } });
	enum user_status all = presence_fold(statuses, at);
	merged->status = all == STATUS_INVISIBLE ? S("offline") : presence_status_text(all);
	for (enum platform platform = 0; platform < PLATFORM_COUNT; platform++)
		if (platforms[platform][0])
			platform_set(merged->client_status, platform,
				     presence_status_text(platforms[platform][0]));
	return at;
}

static bool same(const struct presence *a, const struct presence *b)
{
	struct buf x, y;
	struct enc enc;

	if (!a || !b)
		return a == b;
	buf_init(&x, TEXT_MAX);
	buf_init(&y, TEXT_MAX);
	enc_init(&enc, &x, ENC_JSON);
	enc_presence(&enc, a);
	enc_init(&enc, &y, ENC_JSON);
	enc_presence(&enc, b);
	bool equal = str_eq(buf_str(&x), buf_str(&y));
	buf_done(&x);
	buf_done(&y);
	return equal;
}

/* -- who is told: guilds, and friends (user/friends.h) -- */

struct presence *presence_shown(const struct user_state *user)
{
	struct user_partial who = { .id = user->cell->id };
	struct client_status nowhere = {};
	struct presence offline = { .user = &who,
				    .status = S("offline"),
				    .client_status = &nowhere };

	return obj_dup(&desc_presence, user->presence ? user->presence : &offline);
}

static void tell(struct txn *txn, uint64_t guild_id)
{
	cell_tell(txn->core, CELL_GUILD, guild_id, true, realm_presence_run,
		  presence_shown(user_of(txn)));
}

int user_tell_presence(struct txn *txn, void *arg)
{
	tell(txn, *(uint64_t *)arg);
	return 0;
}

static void tell_all(struct txn *txn)
{
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(&user_of(txn)->guilds, &at, &id, &value))
		tell(txn, id);
}

/* -- when it changes by itself -- */

static uint64_t due_us(const struct user_state *user, uint64_t now_us, int64_t wall_us)
{
	uint64_t due = user->lingers_until_us ? user->lingers_until_us : UINT64_MAX, id;
	int64_t custom = user->account ? user->account->custom_expires_at : 0;
	uint32_t at = 0;
	void *value;

	if (custom > wall_us && user->sessions.count)
		due = MIN(due, now_us + (uint64_t)(custom - wall_us));
	while (map_next(&user->headless, &at, &id, &value))
		due = MIN(due, ((struct headless *)value)->expires_us);
	return due;
}

static void rearm(struct user_state *user)
{
	struct core *core = user->cell->core;
	uint64_t now_us = core_now_us(core),
		 due = due_us(user, now_us, (int64_t)core_wall_us(core));

	if (due == UINT64_MAX)
		timer_clear(&user->presence_timer);
	else
		timer_set(core, &user->presence_timer,
			  due > now_us ? MIN((due - now_us) / 1000 + 1, 86400000ULL) : 0);
}

static int on_due(struct txn *txn, void *arg)
{
	struct user_state *user = user_of(txn);
	uint64_t now_us = core_now_us(txn->core), id;
	uint32_t at = 0;
	void *value;

	(void)arg;
	while (map_next(&user->headless, &at, &id, &value))
		if (((struct headless *)value)->expires_us <= now_us) {
			headless_end(user, value);
			at = 0;
		}
	presence_merge(txn);
	return 0;
}

static void on_timer(struct core *core, struct timer *timer)
{
	struct user_state *user = container_of(timer, struct user_state, presence_timer);

	/* When there is no fiber for it now, it is tried again. */
	timer_set(core, timer, RETRY_MS);
	cell_tell(core, CELL_USER, user->cell->id, true, on_due, NULL);
}

void presence_init(struct user_state *user)
{
	timer_init(&user->presence_timer, on_timer);
}

void presence_done(struct user_state *user)
{
	timer_clear(&user->presence_timer);
}

bool presence_pending(const struct user_state *user)
{
	return timer_is_set(&user->presence_timer);
}

void presence_after_restart(struct user_state *user)
{
	user->untold = true;
	user->lingers_until_us = core_now_us(user->cell->core) + LIMIT_PRESENCE_GRACE_MS * 1000ULL;
	rearm(user);
}

void presence_linger(struct txn *txn)
{
	struct user_state *user = user_of(txn);

	if (user->presence)
		user->lingers_until_us = core_now_us(txn->core) + LIMIT_PRESENCE_GRACE_MS * 1000ULL;
}

void presence_merge(struct txn *txn)
{
	struct user_state *user = user_of(txn);
	struct user_partial who = { .id = txn->cell->id };
	struct client_status client = {};
	struct partial_emoji emoji;
	struct presence merged = { .user = &who, .client_status = &client };
	uint32_t count = merge(txn, &merged, &emoji);

	if (!count && core_now_us(txn->core) < user->lingers_until_us) {
		rearm(user);
		return;
	}
	user->lingers_until_us = 0;
	rearm(user);
	sessions_tell(txn);
	bool there = !str_eq(merged.status, S("offline"));
	/* An activity that goes on, perhaps in another session, keeps the time it began. */
	for (uint32_t i = 0; user->presence && i < merged.activities.count; i++)
		for (uint32_t k = 0; k < user->presence->activities.count; k++) {
			const struct activity *old = &user->presence->activities.items[k];

			if (activity_same(old, &merged.activities.items[i]) &&
			    old->type != ACTIVITY_CUSTOM)
				merged.activities.items[i].created_at = old->created_at;
		}
	if (!user->untold && (there ? same(user->presence, &merged) : !user->presence))
		return;
	/* Friends who do not know of each other's sessions yet, or may have forgotten. */
	bool anew = user->untold || !user->presence;
	user->untold = false;
	region_free(user->region, user->presence);
	user->presence = there ? obj_dup_region(user->region, &desc_presence, &merged) : NULL;
	tell_all(txn);
	friends_tell(txn, anew);
}
