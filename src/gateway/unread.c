#include "gateway/unread.h"

#include <stdlib.h>

#include "codec/enc.h"
#include "gateway/view_internal.h"
#include "gateway/want.h"
#include "model/objects.h"

enum { TEXT_MAX = 1 << 20, AGAIN_MS = 1000 };
enum { CAPABILITY_PASSIVE_V1 = 1 << 11, CAPABILITY_PASSIVE_V2 = 1 << 14 };
enum form { FORM_UNREAD, FORM_PASSIVE_V1, FORM_PASSIVE_V2, FORM_COUNT };

struct news {
	uint64_t channel_id, message_id;
	int64_t pin_at;
	uint32_t slot;
	bool message, pin;
};

/* -- the events -- */

static void fill(const struct view *view, const struct view_class *class,
		 struct channel_unread_list *ret)
{
	const struct unread *unread = &view->guild->unread;

	ret->items = mem_zalloc(unread->count * sizeof(*ret->items));
	for (uint32_t i = 0; i < unread->count; i++) {
		const struct news *news = &unread->news[i];

		if (!has_bit(class->see, news->slot))
			continue;
		struct channel_unread *item = &ret->items[ret->count++];
		item->id = news->channel_id;
		item->last_message_id = news->message_id;
		item->last_pin_timestamp = news->pin_at;
		item->has.last_message_id = news->message;
		item->has.last_pin_timestamp = news->pin;
	}
}

/* NULL when the class sees none of it. */
static struct event *make(const struct view *view, const struct view_class *class, enum form form)
{
	static const enum event_type types[] = { EVENT_CHANNEL_UNREAD_UPDATE,
						 EVENT_PASSIVE_UPDATE_V1, EVENT_PASSIVE_UPDATE_V2 };
	struct channel_unread_list list = {};
	struct event *event = NULL;
	struct buf text;
	struct enc enc;

	fill(view, class, &list);
	buf_init(&text, TEXT_MAX);
	enc_init(&enc, &text, ENC_JSON);
	switch (form) {
	case FORM_PASSIVE_V2:
		enc_passive_update_v2(&enc,
				      &(struct passive_update_v2){ .guild_id = view->cell_id,
								   .updated_channels = list });
		break;
	case FORM_PASSIVE_V1:
		enc_passive_update_v1(
			&enc,
			&(struct passive_update_v1){ .guild_id = view->cell_id, .channels = list });
		break;
	default:
		enc_channel_unread_update(
			&enc,
			&(struct channel_unread_update){ .guild_id = view->cell_id,
							 .channel_unread_updates = list });
	}
	if (list.count && !text.full)
		event = event_new(types[form], bytes_from(buf_str(&text)));
	buf_done(&text);
	free(list.items);
	return event;
}

static enum form form_of(const struct session *session)
{
	if (session->capabilities & CAPABILITY_PASSIVE_V2)
		return FORM_PASSIVE_V2;
	return session->capabilities & CAPABILITY_PASSIVE_V1 ? FORM_PASSIVE_V1 : FORM_UNREAD;
}

static void tell_class(const struct view *view, const struct view_class *class)
{
	struct event *events[FORM_COUNT] = {};
	bool made[FORM_COUNT] = {};

	for (uint32_t i = 0; i < class->count && class->bots < class->count; i++) {
		const struct sub *sub = class->subs[i];
		enum form form = form_of(sub->session);

		if (sub->bot || !want_passive(sub))
			continue;
		if (!made[form])
			events[form] = make(view, class, form);
		made[form] = true;
		if (events[form])
			session_append(sub->session, event_ref(events[form]), FORM_FULL);
	}
	for (enum form form = 0; form < FORM_COUNT; form++)
		event_unref(events[form]);
}

static void tell(struct view *view)
{
	struct unread *unread = &view->guild->unread;

	timer_clear(&unread->timer);
	for (uint32_t i = 0; i < view->guild->classes_count && unread->count; i++)
		tell_class(view, view->guild->classes[i]);
	unread->count = 0;
	free(TAKE(unread->news));
}

static void on_timer(struct core *core, struct timer *timer)
{
	struct view *view = container_of(timer, struct unread, timer)->view;

	if (view->guild->strays) /* those whose sight is not known just now wait for it */
		timer_set(core, timer, AGAIN_MS);
	else
		tell(view);
}

/* -- gathering -- */

void unread_init(struct view *view)
{
	view->guild->unread.view = view;
	timer_init(&view->guild->unread.timer, on_timer);
}

void unread_done(struct view *view)
{
	timer_clear(&view->guild->unread.timer);
	free(view->guild->unread.news);
}

static void forget(struct unread *unread, uint32_t slot)
{
	for (uint32_t i = unread->count; i > 0; i--)
		if (unread->news[i - 1].slot == slot)
			unread->news[i - 1] = unread->news[--unread->count];
}

void unread_note(struct view *view, const struct audience *to, const struct event *event)
{
	struct unread *unread = &view->guild->unread;
	uint32_t at = 0;

	if (unread->count && event->type == EVENT_CHANNEL_DELETE && to->channel_slot)
		forget(unread, to->channel_slot - 1); /* another channel may get its place */
	if (!event->channel_id || to->members || !view->guild->people ||
	    view->guild->members <= LIMIT_LARGE_THRESHOLD_MIN || !to->channel_slot)
		return;
	while (at < unread->count && unread->news[at].channel_id != event->channel_id)
		at++;
	if (at == unread->count) {
		if (at == LIMIT_CHANNELS)
			tell(view);
		at = unread->count++;
		unread->news = mem_realloc(unread->news, unread->count * sizeof(*unread->news));
		unread->news[at] = (struct news){ .channel_id = event->channel_id,
						  .slot = to->channel_slot - 1 };
	}
	struct news *news = &unread->news[at];
	if (event->message_id) {
		news->message_id = event->message_id;
		news->message = true;
	} else {
		news->pin_at = event->pin_at;
		news->pin = true;
	}
	if (!timer_is_set(&unread->timer))
		timer_set(view->gateway->core, &unread->timer, LIMIT_PASSIVE_UPDATE_MS);
}

void unread_size(struct view *view, uint32_t members)
{
	/* Sessions for which it is small from now on get messages: first what they have missed. */
	if (members < view->guild->members)
		tell(view);
	view->guild->members = members;
}

void unread_tell(struct sub *sub)
{
	if (!sub->class || sub->bot || !sub->view->guild->unread.count || !want_passive(sub))
		return;
	struct event *event = make(sub->view, sub->class, form_of(sub->session));
	if (event)
		session_append(sub->session, event, FORM_FULL);
}
