/* Who sees what of a cell, on one core.
 *
 * A guild's view holds this core's sessions grouped by audience class; all members of a class
 * have the same roles and so the same bits of visible channels. Who may get an event is asked
 * once a class; per session there remain its intents and whether it may read content. The view
 * of an account has no classes: all its sessions see all.
 *
 * A view lives as long as it has sessions, or questions to its cell whose answers are not back:
 * until then the cell may believe that this core still has its classes. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "gateway/unread.h"
#include "gateway/view_internal.h"
#include "gateway/want.h"
#include "model/permissions.h"

enum {
	MISSED_MAX = 4096
}; /* publications between a cell's restart and the last session's return */

/* -- classes -- */

static void class_free(struct view *view, struct view_class *class)
{
	struct view_class *last = view->guild->classes[--view->guild->classes_count];

	view->guild->classes[class->at] = last;
	last->at = class->at;
	map_del(&view->guild->class_ids, class->id + 1ull);
	bytes_unref(class->see);
	bytes_unref(class->manage);
	bytes_unref(class->threads);
	free(class->subs);
	free(class);
}

/* A class without sight, if it was not defined. */
static struct view_class *class_make(struct view *view, uint32_t id)
{
	struct view_class *class = map_get(&view->guild->class_ids, id + 1ull);

	if (class)
		return class;
	if (view->guild->classes_count == view->guild->classes_cap) {
		view->guild->classes_cap = MAX(view->guild->classes_cap * 2, 2u);
		view->guild->classes = mem_realloc(view->guild->classes,
						   view->guild->classes_cap *
							   sizeof(struct view_class *));
	}
	class = mem_zalloc(sizeof(*class));
	class->id = id;
	class->at = view->guild->classes_count;
	view->guild->classes[view->guild->classes_count++] = class;
	map_set(&view->guild->class_ids, id + 1ull, class);
	view->guild->sweep = true;
	return class;
}

/* Whoever enters a class has it defined in the same publication; so one that nobody is in can
 * go. */
static void classes_sweep(struct view *view)
{
	for (uint32_t i = view->guild->classes_count; i > 0; i--)
		if (view->guild->classes[i - 1]->count == 0)
			class_free(view, view->guild->classes[i - 1]);
	view->guild->sweep = false;
}

static void class_set(struct view *view, const struct effect *effect)
{
	struct view_class *class = class_make(view, effect->class_id);

	bytes_unref(class->see);
	bytes_unref(class->manage);
	bytes_unref(class->threads);
	class->see = effect->see ? bytes_ref(effect->see) : NULL;
	class->manage = effect->manage ? bytes_ref(effect->manage) : NULL;
	class->threads = effect->threads ? bytes_ref(effect->threads) : NULL;
	class->perms = effect->perms;
}

static void class_leave(struct sub *sub)
{
	struct view_class *class = sub->class;

	if (!class)
		return;
	class->bots -= sub->bot;
	fan_leave(class, sub, walk_at(sub->view));
	sub->class = NULL;
	if (class->count == 0)
		sub->view->guild->sweep = true;
}

static void class_enter(struct view_class *class, struct sub *sub)
{
	if (class->count == class->cap) {
		class->cap = class->cap ? class->cap * 2 : 1;
		class->subs = mem_realloc(class->subs, class->cap * sizeof(struct sub *));
	}
	class->bots += sub->bot;
	sub->class = class;
	sub->index = class->count & INT32_MAX >> 1;
	class->subs[class->count++] = sub;
}

/* -- views -- */

struct view *view_find(struct gateway_local *gateway, uint64_t cell_id)
{
	return map_get(&gateway->views, cell_id);
}

static struct view *view_make(struct gateway_local *gateway, uint64_t cell_id, enum cell_kind kind)
{
	struct view *view = view_find(gateway, cell_id);

	if (view)
		return view;
	view = slab_alloc(sizeof(*view));
	view->gateway = gateway;
	view->cell_id = cell_id;
	view->kind = kind;
	if (kind == CELL_GUILD) {
		view->guild = mem_zalloc(sizeof(*view->guild));
		map_init(&view->guild->users);
		map_init(&view->guild->class_ids);
		unread_init(view);
	}
	map_set(&gateway->views, cell_id, view);
	return view;
}

static void missed_drop(struct view *view)
{
	for (uint32_t i = 0; i < view->guild->missed_count; i++)
		publication_unref(view->guild->missed[i]);
	free(view->guild->missed);
	view->guild->missed = NULL;
	view->guild->missed_count = 0;
}

static void view_free(struct view *view)
{
	if (view->guild) {
		walk_drop(view->guild->walk);
		unread_done(view);
		missed_drop(view);
		while (view->guild->classes_count)
			class_free(view, view->guild->classes[0]);
		free(view->guild->classes);
		map_done(&view->guild->class_ids);
		map_done(&view->guild->users);
		free(view->guild);
	}
	map_del(&view->gateway->views, view->cell_id);
	slab_free(view);
}

void view_settle(struct view *view)
{
	if (view->subs == 0 && view->held == 0)
		view_free(view);
}

void view_hold(struct gateway_local *gateway, uint64_t cell_id, enum cell_kind kind)
{
	view_make(gateway, cell_id, kind)->held++;
}

void view_release(struct gateway_local *gateway, uint64_t cell_id)
{
	struct view *view = view_find(gateway, cell_id);

	assert(view && view->held > 0);
	view->held--;
	view_settle(view);
}

static void stray_found(struct view *view)
{
	if (--view->guild->strays == 0)
		missed_drop(view);
}

struct sub *user_subs(const struct view *view, uint64_t user_id)
{
	return !view->guild ? view->account : map_get(&view->guild->users, user_id);
}

static void user_subs_set(struct view *view, uint64_t user_id, struct sub *first)
{
	if (!view->guild)
		view->account = first;
	else if (first)
		map_set(&view->guild->users, user_id, first);
	else
		map_del(&view->guild->users, user_id);
}

/* A user may have many sessions, or a session be in many guilds, but seldom both: so both are looked through in step. */
struct sub *sub_find(const struct view *view, const struct session *session)
{
	struct sub *other = session->subs;

	for (struct sub *sub = user_subs(view, session->user_id); sub && other;
	     sub = sub->next, other = other->also) {
		if (sub->session == session)
			return sub;
		if (other->view == view)
			return other;
	}
	return NULL;
}

struct sub *session_sub(const struct session *session, uint64_t cell_id)
{
	const struct view *view = view_find(session->gateway, cell_id);

	return view ? sub_find(view, session) : NULL;
}

bool session_in_guild(const struct session *session, uint64_t guild_id)
{
	const struct view *view = view_find(session->gateway, guild_id);

	return (view && view->guild && sub_find(view, session)) ||
		guild_is_opening(session, guild_id);
}

struct sub *view_account(struct gateway_local *gateway, uint64_t user_id)
{
	const struct view *view = view_find(gateway, user_id);

	return view && !view->guild ? view->account : NULL;
}

static struct sub *sub_new(struct view *view, struct session *session)
{
	struct sub *sub = slab_alloc(sizeof(*sub));

	sub->view = view;
	sub->session = session;
	sub->intents = session->intents;
	sub->bot = session->bot;
	if (view->guild) {
		sub->interest = interest_find(session, view->cell_id);
		view->guild->people += !sub->bot;
	}
	sub->next = user_subs(view, sub_user(sub));
	user_subs_set(view, sub_user(sub), sub);
	sub->also = session->subs;
	session->subs = sub;
	view->subs++;
	return sub;
}

static void sub_free(struct sub *sub)
{
	struct view *view = sub->view;
	struct sub *first = user_subs(view, sub_user(sub)), **link = &first;

	if (view->guild && (!sub->class || sub->returned))
		stray_found(view);
	if (view->guild)
		view->guild->people -= !sub->bot;
	class_leave(sub);
	while (*link != sub)
		link = &(*link)->next;
	*link = sub->next;
	user_subs_set(view, sub_user(sub), first);
	link = &sub->session->subs;
	while (*link != sub)
		link = &(*link)->also;
	*link = sub->also;
	view->subs--;
	slab_free(sub);
}

/* -- leaving -- */

struct leave_ask {
	struct ask ask;
	struct realm_unsubscribe leave;
};

static void on_left(struct gateway_local *gateway, struct ask *ask, int r)
{
	struct leave_ask *leave = container_of(ask, struct leave_ask, ask);

	/* A cell that is not in memory, or was restarted, does not know the session either. */
	(void)r;
	view_release(gateway, leave->leave.work.id);
	free(leave);
}

void view_leave_guild(struct gateway_local *gateway, uint64_t guild_id, uint64_t session_id,
		      uint64_t user_id)
{
	struct leave_ask *ask = mem_zalloc(sizeof(*ask));

	view_hold(gateway, guild_id, CELL_GUILD);
	ask->ask.answered = on_left;
	ask->leave.work = (struct cell_work){
		.kind = CELL_GUILD,
		.id = guild_id,
		.if_loaded = true,
		.run = realm_unsubscribe_run,
	};
	ask->leave.session = session_id;
	ask->leave.user_id = user_id;
	ask_post(gateway, &ask->ask, &ask->leave.work);
}

void sub_leave(struct sub *sub, bool tell)
{
	struct view *view = sub->view;
	uint64_t session_id = sub->session->id, user_id = sub_user(sub);

	sub_free(sub);
	if (tell && view->guild)
		view_leave_guild(view->gateway, view->cell_id, session_id, user_id);
	view_settle(view);
}

uint64_t sub_cell(const struct sub *sub, enum cell_kind *ret_kind)
{
	*ret_kind = sub->view->kind;
	return sub->view->cell_id;
}

/* -- strays: the cell was restarted and does not know its sessions -- */

static void missed_add(struct view *view, const struct publication *publication)
{
	if (view->guild->missed_count == MISSED_MAX) {
		uint32_t at = 0;
		uint64_t user_id;
		void *first;

		log_warn(
			"a restarted cell does not take its sessions back, they are ended cell=%lu",
			view->cell_id);
		while (map_next(&view->guild->users, &at, &user_id, &first))
			for (struct sub *sub = first; sub; sub = sub->next)
				if (!sub->class)
					session_doom(sub->session, DOOM_DEAD);
		return;
	}
	if (!view->guild->missed)
		view->guild->missed = mem_alloc(MISSED_MAX * sizeof(struct publication *));
	struct publication *kept = (struct publication *)publication;
	atomic_fetch_add_explicit(&kept->refs, 1, memory_order_relaxed);
	view->guild->missed[view->guild->missed_count++] = kept;
}

static void missed_replay(const struct view *view, struct sub *sub)
{
	for (uint32_t i = guild_open_missed(sub->session, view->cell_id);
	     i < view->guild->missed_count; i++)
		for (uint32_t k = 0; k < view->guild->missed[i]->count; k++) {
			const struct effect *effect = &view->guild->missed[i]->effects[k];

			if (effect->kind == EFFECT_EVENT)
				fan_to_one(view, sub, &effect->to, effect->event);
		}
}

/* What strays have missed speaks of the channel slots of a state that is gone: they begin anew. */
static void end_strays(struct view *view)
{
	uint32_t at = 0;
	uint64_t user_id;
	void *first;

	while (view->guild->strays && map_next(&view->guild->users, &at, &user_id, &first))
		for (struct sub *sub = first; sub; sub = sub->next)
			if (!sub->class &&
			    guild_open_missed(sub->session, view->cell_id) <
				    view->guild->missed_count)
				session_doom(sub->session, DOOM_DEAD);
}

/* Those who just came back get what they missed, after all that was said about their sight. */
static void replay_to_returned(struct view *view, const struct publication *publication)
{
	for (uint32_t i = 0; i < publication->count; i++) {
		const struct effect *effect = &publication->effects[i];
		const struct session *session = effect->kind == EFFECT_SUBSCRIBE
			? map_get(&view->gateway->sessions, effect->session)
			: NULL;
		struct sub *sub = session ? sub_find(view, session) : NULL;

		if (!sub || !sub->returned)
			continue;
		sub->returned = false;
		missed_replay(view, sub);
		stray_found(view);
	}
}

/* One of a class that is not any more. */
static void sub_send_back(struct view *view, struct sub *sub, bool away)
{
	struct session *session = sub->session;
	bool stray = !sub->class || sub->returned;

	if (!away) {
		class_leave(sub);
		view->guild->strays++;
		guild_open_start(session, view->cell_id, OPEN_SILENT);
		guild_open_misses(session, view->cell_id, view->guild->missed_count);
		return;
	}
	sub_free(sub);
	if (stray)
		guild_open_away(session, view->cell_id);
	else
		guild_open_start(session, view->cell_id, OPEN_AWAY);
}

/* Those who were on their way back when it went away again. */
static void strays_went_away(struct view *view)
{
	uint32_t at = 0, count = 0;
	uint64_t user_id;
	void *first;
	struct sub **subs = mem_alloc((view->subs + 1) * sizeof(struct sub *));

	while (map_next(&view->guild->users, &at, &user_id, &first))
		for (struct sub *sub = first; sub; sub = sub->next)
			subs[count++] = sub;
	for (uint32_t i = 0; i < count; i++)
		sub_send_back(view, subs[i], true);
	free(subs);
}

/* An account whose rows are not what its sessions know: READY is the only thing that says all of it. */
static void account_reloaded(struct view *view, bool away)
{
	for (struct sub *sub = view->account; sub; sub = sub->next)
		if (away)
			session_doom(sub->session, DOOM_DEAD);
		else
			session_reopen(sub->session);
}

/* All ask to be let in again, silently; or (away) are told that the guild is unavailable, and get it anew when it is there. False: some
 * are left, as the budget is used up. */
static bool reloaded(struct view *view, bool away, struct apply_at *at, struct fan_budget *budget)
{
	if (!at->entered) {
		asks_hurry(view->gateway, view->cell_id);
		if (view->guild && !away)
			end_strays(view);
		at->entered = true;
	}
	if (!view->guild) {
		account_reloaded(view, away);
		return true;
	}
	while (view->guild->classes_count) {
		struct view_class *class = view->guild->classes[0];

		while (class->count) {
			if (fan_used_up(budget))
				return false;
			sub_send_back(view, class->subs[class->count - 1], away);
		}
		class_free(view, class);
	}
	if (away)
		strays_went_away(view);
	return true;
}

/* -- effects -- */

static void subscribe(struct view *view, const struct effect *effect)
{
	struct gateway_local *gateway = view->gateway;
	struct session *session = map_get(&gateway->sessions, effect->session);

	/* One that has ended meanwhile is taken out again when the answer comes (guilds.c,
	 * identify.c). */
	if (!session || (!view->guild && session->user_id != view->cell_id))
		return;
	struct sub *sub = sub_find(view, session);
	if (view->guild) {
		struct view_class *class = class_make(view, effect->class_id);
		bool stray = sub && !sub->class;

		if (!sub && guild_open_is_lost(session, view->cell_id))
			return;
		if (!sub)
			sub = sub_new(view, session);
		class_leave(sub);
		class_enter(class, sub);
		sub->returned = stray;
		view->guild->members = effect->members;
	} else if (!sub) {
		sub_new(view, session);
	}
	if (effect->snapshot && !assembly_take(session, view->cell_id, effect) &&
	    (session->intents & INTENT_GUILDS))
		session_dispatch(session, EVENT_GUILD_CREATE, bytes_ref(effect->snapshot));
}

static void user_class(struct view *view, const struct effect *effect)
{
	if (!view->guild || !user_subs(view, effect->user))
		return;
	struct view_class *class = class_make(view, effect->class_id);
	for (struct sub *sub = user_subs(view, effect->user); sub; sub = sub->next) {
		if (!sub->class || sub->class == class)
			continue; /* A stray is told its class when it is back. */
		class_leave(sub);
		class_enter(class, sub);
	}
}

static void unsubscribe(struct view *view, const struct effect *effect)
{
	if (effect->user) {
		struct sub *sub;

		while ((sub = user_subs(view, effect->user))) {
			if (view->guild && !sub->class)
				guild_open_lost(sub->session, view->cell_id);
			sub_free(sub);
		}
	} else {
		const struct session *session = map_get(&view->gateway->sessions, effect->session);
		struct sub *sub = session ? sub_find(view, session) : NULL;

		if (sub)
			sub_free(sub);
	}
}

static void guild_join(struct session *session, uint64_t guild_id)
{
	if (session_shard_has(session, guild_id) && !session_sub(session, guild_id) &&
	    !guild_is_opening(session, guild_id))
		guild_open_start(session, guild_id, OPEN_JOINED);
}

static void guild_leave(struct session *session, uint64_t guild_id)
{
	struct sub *there = session_sub(session, guild_id);

	if (there && !there->class)
		guild_open_lost(session, guild_id);
	if (there)
		sub_leave(there, true);
}

void view_member(struct gateway_local *gateway, uint64_t guild_id, uint64_t user_id, bool in)
{
	for (struct sub *sub = view_account(gateway, user_id); sub; sub = sub->next)
		(in ? guild_join : guild_leave)(sub->session, guild_id);
}

static void member(struct view *view, uint64_t guild_id, bool in)
{
	if (!walk_holds_member(view->gateway, guild_id, view->cell_id, in))
		view_member(view->gateway, guild_id, view->cell_id, in);
}

static void logout(struct view *view, const uint8_t token_hash[32])
{
	static const uint8_t all[32];
	bool everyone = memcmp(token_hash, all, sizeof(all)) == 0;

	for (struct sub *sub = view->account, *next; sub; sub = next) {
		struct session *session = sub->session;

		next = sub->next;
		if (everyone ||
		    memcmp(token_hash, session->token_hash, sizeof(session->token_hash)) == 0)
			session_revoke(session);
	}
}

/* False as in reloaded(). All others but events are small. */
static bool take(struct view *view, const struct effect *effect, struct apply_at *at,
		 struct fan_budget *budget)
{
	uint32_t core = core_index(view->gateway->core);

	switch (effect->kind) {
	case EFFECT_EVENT: break;
	case EFFECT_CLASS:
		if (view->guild)
			class_set(view, effect);
		break;
	case EFFECT_USER_CLASS: user_class(view, effect); break;
	case EFFECT_SUBSCRIBE:
		if (effect->core == core)
			subscribe(view, effect);
		break;
	case EFFECT_UNSUBSCRIBE: unsubscribe(view, effect); break;
	case EFFECT_GUILD_JOIN: member(view, effect->guild_id, true); break;
	case EFFECT_GUILD_LEAVE: member(view, effect->guild_id, false); break;
	case EFFECT_LOGOUT: logout(view, effect->token_hash); break;
	case EFFECT_SIZE:
		if (view->guild)
			unread_size(view, effect->members);
		break;
	case EFFECT_RELOADED: return reloaded(view, effect->away, at, budget);
	case EFFECT_FORGET: /* for those who remember tokens */ break;
	}
	return true;
}

bool view_apply_some(struct view *view, const struct publication *publication, struct apply_at *at,
		     struct fan_budget *budget)
{
	if (!at->begun)
		at->missed = view->guild && view->guild->strays;
	at->begun = true;
	while (at->effect < publication->count) {
		const struct effect *effect = &publication->effects[at->effect];

		if (effect->kind == EFFECT_EVENT ? !fan_event(view, effect, &at->fan, budget)
						 : !take(view, effect, at, budget))
			return false;
		at->effect++;
		at->fan = (struct fan_at){};
		at->entered = false;
	}
	if (at->missed)
		replay_to_returned(view, publication);
	if (at->missed && view->guild->strays)
		missed_add(view, publication);
	if (view->guild && view->guild->sweep)
		classes_sweep(view);
	return true;
}

void view_apply(struct core *core, struct publication *publication)
{
	struct view *view = view_find(gateway_of(core), publication->cell_id);

	if (view)
		walk_apply(view, publication);
}

void view_drop_all(struct gateway_local *gateway)
{
	for (;;) {
		uint32_t at = 0;
		uint64_t id;
		void *view;

		if (!map_next(&gateway->views, &at, &id, &view))
			break;
		view_free(view);
	}
}
