/* Who gets an event: once for each class, then for each of its sessions. */
#include "gateway/fanout.h"

#include "gateway/unread.h"
#include "gateway/view_internal.h"
#include "gateway/want.h"
#include "model/permissions.h"

enum {
	LOOK_EACH = 32, /* sessions between two looks at the clock */
};

enum choice { CHOICE_NONE, CHOICE_FULL, CHOICE_ALT };

static bool meet(const struct bytes *a, const struct bytes *b)
{
	for (size_t i = 0; a && b && i < MIN(a->len, b->len); i++)
		if (a->data[i] & b->data[i])
			return true;
	return false;
}

/* What a class gets of an event; @class NULL is somebody's own account. */
static enum choice class_choice(const struct view_class *class, const struct audience *to,
				const struct event *event)
{
	if (!class)
		return CHOICE_FULL;
	if (to->perms_any && !(class->perms & (to->perms_any | PERM_ADMINISTRATOR)))
		return CHOICE_NONE;
	if ((to->bots && !class->bots) || (to->shares && !meet(class->see, to->shares)))
		return CHOICE_NONE;
	if (!to->channel_slot)
		return CHOICE_FULL;
	uint32_t slot = to->channel_slot - 1;
	if (to->manage && !has_bit(class->manage, slot))
		return CHOICE_NONE;
	if (to->members)
		return has_bit(class->threads, slot) ? CHOICE_FULL : CHOICE_NONE;
	if (has_bit(class->see, slot))
		return to->only_hidden ? CHOICE_NONE : CHOICE_FULL;
	if (to->only_hidden && !to->alt_for_hidden)
		return CHOICE_FULL;
	return to->alt_for_hidden && event->alt ? CHOICE_ALT : CHOICE_NONE;
}

static bool reads_content(const struct sub *sub, const struct event *event)
{
	if ((sub->intents & INTENT_MESSAGE_CONTENT) || sub_user(sub) == event->author)
		return true;
	for (uint32_t i = 0; i < event->mentions_count; i++)
		if (event->mentions[i] == sub_user(sub))
			return true;
	return false;
}

/* Appends the event if this session is to have it. Whether a reference was used up. */
static bool event_to_sub(struct sub *sub, const struct audience *to, struct event *event,
			 enum choice choice)
{
	if (to->not_user && to->not_user == sub_user(sub))
		return false;
	if (to->bots && !sub->bot)
		return false;
	if (event->intents && !(event->intents & sub->intents) &&
	    !(to->always_user && to->always_user == sub_user(sub)))
		return false;
	/* What is addressed to somebody is for them. */
	if (!sub->bot && sub->class && !to->user && !to->session && !want_event(sub, event))
		return false;
	enum event_form form = choice == CHOICE_ALT ? FORM_ALT : FORM_FULL;
	if (to->content && event->alt && !reads_content(sub, event))
		form = FORM_ALT;
	session_append(sub->session, event, form);
	return true;
}

/* In a private thread, and not because the class sees all of them. */
static bool let_in(const struct sub *sub, const struct audience *to)
{
	return to->members && sub->class && has_bit(sub->class->see, to->channel_slot - 1) &&
		!has_bit(sub->class->threads, to->channel_slot - 1) &&
		ids_have(to->members, sub_user(sub));
}

void fan_to_one(const struct view *view, struct sub *sub, const struct audience *to,
		struct event *event)
{
	if (view->guild && !sub->class)
		return;
	if ((to->user && to->user != sub_user(sub)) ||
	    (to->session && to->session != sub->session->id))
		return;
	if (sub->class && to->class_id && sub->class->id != to->class_id - 1)
		return;
	enum choice choice = let_in(sub, to) ? CHOICE_FULL : class_choice(sub->class, to, event);
	if (choice == CHOICE_NONE)
		return;
	event_ref(event);
	if (!event_to_sub(sub, to, event, choice))
		event_unref(event);
}

/* A walk over thousands waits for memory more than for anything else, so it is asked for ahead: each thing when what leads
 * to it should be there. */
static void look_ahead(const struct view_class *class, uint32_t i)
{
	if (i + 12 < class->count)
		__builtin_prefetch(class->subs[i + 12]);
	if (i + 8 < class->count) {
		__builtin_prefetch(&class->subs[i + 8]->session->ring, 1);
		__builtin_prefetch(&class->subs[i + 8]->session->conn, 1);
	}
	if (i + 4 < class->count) {
		const struct session *session = class->subs[i + 4]->session;

		if (session->ring.cap)
			__builtin_prefetch(
				&session->ring.slots[(session->ring.head + session->ring.count) &
						     (session->ring.cap - 1)],
				1);
		if (session->conn)
			__builtin_prefetch(&session->conn->dirty, 1);
	}
}

/* -- in pieces -- */

bool fan_used_up(struct fan_budget *budget)
{
	struct gateway_local *gateway = budget->gateway;

	if (budget->left--)
		return false;
	budget->left = 0;
	if (gateway->config.fan_slowly ||
	    clock_mono_us(core_cores(gateway->core)->clock) >= budget->end_us)
		return true;
	budget->left = LOOK_EACH;
	return false;
}

static bool event_to_class(struct view_class *class, const struct audience *to, struct event *event,
			   struct fan_at *at, struct fan_budget *budget)
{
	if (!class || at->next >= class->count)
		return true;
	enum choice choice = class_choice(class, to, event);
	if (choice == CHOICE_NONE)
		return true;
	/* One locked instruction for all of them, and one for those that did not want it, or have to wait. */
	uint32_t most = class->count - at->next, used = 0;
	bool more = false;
	atomic_fetch_add_explicit(&event->refs, most, memory_order_relaxed);
	for (; at->next < class->count && !(more = fan_used_up(budget)); at->next++) {
		look_ahead(class, at->next);
		used += event_to_sub(class->subs[at->next], to, event, choice);
	}
	atomic_fetch_sub_explicit(&event->refs, most - used, memory_order_relaxed);
	at->in = more ? class : NULL;
	return !more;
}

void fan_leave(struct view_class *class, struct sub *sub, struct fan_at *at)
{
	struct sub *last = class->subs[--class->count];
	uint32_t hole = sub->index;

	/* Of those who had the event one moves up, so that the last, who has not, comes behind them. */
	if (at && at->in == class && hole < at->next) {
		struct sub *had = class->subs[--at->next];

		class->subs[hole] = had;
		had->index = hole & INT32_MAX >> 1;
		hole = at->next;
	}
	if (hole < class->count) {
		class->subs[hole] = last;
		last->index = hole & INT32_MAX >> 1;
	}
}

/* Members of a private thread, whoever's class does not see it anyway. */
static bool event_to_members(const struct view *view, const struct audience *to,
			     struct event *event, struct fan_at *at, struct fan_budget *budget)
{
	uint64_t id;

	for (; at->next + sizeof(id) <= to->members->len; at->next += sizeof(id)) {
		memcpy(&id, to->members->data + at->next, sizeof(id));
		if (fan_used_up(budget))
			return false;
		for (struct sub *sub = user_subs(view, id); sub; sub = sub->next)
			if (let_in(sub, to))
				fan_to_one(view, sub, to, event);
	}
	return true;
}

/* By the view's lists; false as in fan_event(). */
static bool event_to_all(struct view *view, const struct audience *to, struct event *event,
			 struct fan_at *at, struct fan_budget *budget)
{
	if (to->class_id)
		return event_to_class(map_get(&view->guild->class_ids, to->class_id), to, event, at,
				      budget);
	for (; at->class < view->guild->classes_count; at->class ++, at->next = 0)
		if (!event_to_class(view->guild->classes[at->class], to, event, at, budget))
			return false;
	return !to->members || event_to_members(view, to, event, at, budget);
}

static void event_to_session(struct view *view, uint64_t id, const struct audience *to,
			     struct event *event)
{
	const struct session *session = map_get(&view->gateway->sessions, id);
	struct sub *sub = session ? sub_find(view, session) : NULL;

	if (sub)
		fan_to_one(view, sub, to, event);
}

/* A list of sessions, of all cores. */
static bool event_to_sessions(struct view *view, const struct bytes *sessions, struct event *event,
			      struct fan_at *at, struct fan_budget *budget)
{
	uint32_t core = core_index(view->gateway->core);
	struct audience to = {};

	for (; at->next + sizeof(to.session) <= sessions->len; at->next += sizeof(to.session)) {
		memcpy(&to.session, sessions->data + at->next, sizeof(to.session));
		if (session_id_core(to.session) != core)
			continue;
		if (fan_used_up(budget))
			return false;
		event_to_session(view, to.session, &to, event);
	}
	return true;
}

bool fan_event(struct view *view, const struct effect *effect, struct fan_at *at,
	       struct fan_budget *budget)
{
	const struct audience *to = &effect->to;
	struct event *event = effect->event;

	if (effect->sessions)
		return event_to_sessions(view, effect->sessions, event, at, budget);
	if (view->guild && !at->begun)
		unread_note(view, to, event);
	at->begun = true;
	if (to->session) {
		event_to_session(view, to->session, to, event);
	} else if (to->user || !view->guild) {
		for (struct sub *sub = user_subs(view, to->user); sub; sub = sub->next)
			fan_to_one(view, sub, to, event);
	} else {
		return event_to_all(view, to, event, at, budget);
	}
	return true;
}
