#include "gateway/want.h"

#include "gateway/view_internal.h"

enum want { WANT_ALWAYS, WANT_MESSAGES, WANT_TYPING, WANT_MEMBERS, WANT_THREADS };

static const uint8_t wants[EVENT_COUNT] = {
	[EVENT_MESSAGE_CREATE] = WANT_MESSAGES,
	[EVENT_MESSAGE_UPDATE] = WANT_MESSAGES,
	[EVENT_MESSAGE_DELETE] = WANT_MESSAGES,
	[EVENT_MESSAGE_DELETE_BULK] = WANT_MESSAGES,
	[EVENT_MESSAGE_REACTION_ADD] = WANT_MESSAGES,
	[EVENT_MESSAGE_REACTION_ADD_MANY] = WANT_MESSAGES,
	[EVENT_MESSAGE_REACTION_REMOVE] = WANT_MESSAGES,
	[EVENT_MESSAGE_REACTION_REMOVE_ALL] = WANT_MESSAGES,
	[EVENT_MESSAGE_REACTION_REMOVE_EMOJI] = WANT_MESSAGES,
	[EVENT_MESSAGE_POLL_VOTE_ADD] = WANT_MESSAGES,
	[EVENT_MESSAGE_POLL_VOTE_REMOVE] = WANT_MESSAGES,
	[EVENT_CHANNEL_PINS_UPDATE] = WANT_MESSAGES,
	[EVENT_TYPING_START] = WANT_TYPING,
	[EVENT_GUILD_MEMBER_ADD] = WANT_MEMBERS,
	[EVENT_GUILD_MEMBER_UPDATE] = WANT_MEMBERS,
	[EVENT_GUILD_MEMBER_REMOVE] = WANT_MEMBERS,
	[EVENT_THREAD_CREATE] = WANT_THREADS,
	[EVENT_THREAD_UPDATE] = WANT_THREADS,
	[EVENT_THREAD_DELETE] = WANT_THREADS,
	[EVENT_THREAD_MEMBERS_UPDATE] = WANT_THREADS,
	[EVENT_THREAD_LIST_SYNC] = WANT_THREADS,
};

bool want_passive(const struct sub *sub)
{
	return sub->view->guild->members > sub->session->large_threshold &&
		!(sub->interest && sub->interest->opened);
}

static bool mentioned(const struct sub *sub, const struct event *event)
{
	if (event->everyone || event->answers == sub->session->user_id)
		return true;
	for (uint32_t i = 0; i < event->mentions_count; i++)
		if (event->mentions[i] == sub->session->user_id)
			return true;
	for (uint32_t i = 0; i < event->classes_count; i++)
		if (event->classes[i] == sub->class->id)
			return true;
	return false;
}

static bool wants_member(const struct sub *sub, const struct event *event)
{
	const struct interest *interest = sub->interest;

	if (event->about == sub->session->user_id || event->author == sub->session->user_id)
		return true;
	if (ids_have(event->watchers, sub->session->id))
		return true;
	if (!interest || interest->member_updates)
		return interest != NULL;
	for (uint32_t i = 0; i < interest->members_count && event->type != EVENT_GUILD_MEMBER_ADD;
	     i++)
		if (interest->members[i] == event->about)
			return true;
	return false;
}

bool want_event(const struct sub *sub, const struct event *event)
{
	switch (wants[event->type]) {
	case WANT_MESSAGES:
		return !want_passive(sub) ||
			(event->type == EVENT_MESSAGE_CREATE && mentioned(sub, event));
	case WANT_TYPING: return sub->interest && sub->interest->typing;
	case WANT_THREADS:
		return (sub->interest && sub->interest->threads) ||
			ids_have(event->joined, sub->session->user_id);
	case WANT_MEMBERS: return wants_member(sub, event);
	default: return true;
	}
}
