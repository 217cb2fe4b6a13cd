#include "realm/thread_event.h"

#include "codec/enc.h"
#include "message/message.h"
#include "model/intents.h"
#include "model/limits.h"
#include "realm/channel.h"
#include "realm/class.h"
#include "realm/member.h"
#include "realm/member_table.h"
#include "realm/thread_list.h"

enum { TEXT_MAX = 1 << 20 };

struct channel thread_view(const struct realm *realm, const struct live_channel *channel)
{
	struct channel view = channel_view(realm, channel);

	view.member_count = MIN((int64_t)channel->thread->seats_count,
				(int64_t)LIMIT_THREAD_MEMBER_COUNT_SHOWN);
	return view;
}

struct thread_member thread_member_view(const struct live_channel *channel,
					const struct thread_seat *seat)
{
	struct thread_member view = {
		.id = channel->row->id,
		.user_id = seat->user_id,
		.join_timestamp = seat->joined_at,
		.flags = seat->flags,
	};

	view.has.id = view.has.user_id = true;
	return view;
}

void thread_view_own(struct arena *arena, const struct live_channel *channel, uint64_t user_id,
		     struct channel *view)
{
	const struct thread_seat *seat = thread_seat(channel, user_id);

	if (!seat)
		return;
	view->member = arena_new(arena, struct thread_member);
	*view->member = thread_member_view(channel, seat);
	view->has.member = true;
}

/* People are told of the threads they are in. */
static void told_to(struct event *event, const struct live_channel *channel)
{
	event->joined = bytes_ref(thread_members(channel));
}

void thread_event(struct txn *txn, enum event_type type, const struct live_channel *channel)
{
	struct channel view = thread_view(realm_of(txn), channel);

	told_to(txn_event(txn, type, aud_channel(channel), &view), channel);
}

/* -- who comes and goes -- */

/* The same text to others, who need GUILD_MEMBERS for it, and to the one whom it is about, who does not. */
static void tell_members(struct txn *txn, const struct live_channel *channel, uint64_t user_id,
			 const struct thread_members_update *update)
{
	struct audience others = aud_channel(channel);
	struct buf text;
	struct enc enc;

	buf_init(&text, TEXT_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_thread_members_update(&enc, update);
	struct bytes *full = bytes_from(buf_str(&text));
	buf_done(&text);
	others.not_user = user_id;
	struct event *event = txn_event_raw(txn, EVENT_THREAD_MEMBERS_UPDATE, others,
					    bytes_ref(full), NULL);
	event->intents = INTENT_GUILD_MEMBERS;
	told_to(event, channel);
	txn_event_raw(txn, EVENT_THREAD_MEMBERS_UPDATE, (struct audience){ .user = user_id }, full,
		      NULL);
}

static struct thread_members_update update_of(const struct txn *txn,
					      const struct live_channel *channel)
{
	return (struct thread_members_update){
		.id = channel->row->id,
		.guild_id = txn->cell->id,
		.member_count = MIN((int64_t)channel->thread->seats_count,
				    (int64_t)LIMIT_THREAD_MEMBER_COUNT_SHOWN),
	};
}

static void tell_joined(struct txn *txn, const struct live_channel *channel,
			const struct live_member *member)
{
	const struct thread_seat *seat = thread_seat(channel, member->row->user_id);
	struct thread_members_update update = update_of(txn, channel);
	struct thread_member added = thread_member_view(channel, seat), own = added;
	struct user user;
	struct member shown = member_view(member->row, &user);

	own.guild_id = txn->cell->id;
	own.has.guild_id = true;
	txn_event(txn, EVENT_THREAD_MEMBER_UPDATE, (struct audience){ .user = seat->user_id },
		  &own);
	added.member = &shown;
	added.presence = member->presence;
	struct user_partial who = { .id = seat->user_id };
	struct presence presence;
	if (member->presence) {
		presence = *member->presence;
		presence.user = &who;
		added.presence = &presence;
	}
	added.has.member = added.has.presence = true;
	update.added_members.items = &added;
	update.added_members.count = 1;
	update.has.added_members = true;
	tell_members(txn, channel, seat->user_id, &update);
	thread_list_changed(txn, channel);
}

void thread_event_created(struct txn *txn, const struct live_channel *channel)
{
	struct channel view = thread_view(realm_of(txn), channel);
	struct live_member *owner = realm_member(realm_of(txn), view.owner_id);

	view.newly_created = true;
	view.has.newly_created = true;
	told_to(txn_event(txn, EVENT_THREAD_CREATE, aud_channel(channel), &view), channel);
	if (owner && thread_seat(channel, view.owner_id))
		tell_joined(txn, channel, owner);
}

bool thread_join(struct txn *txn, struct live_channel *channel, struct live_member *member)
{
	uint64_t user_id = member->row->user_id;

	if (!thread_seat_add(txn, channel, user_id))
		return false;
	/* To those added it is new; people do not know of the others either. */
	if (thread_is_private(channel) || !member->row->bot) {
		struct channel view = thread_view(realm_of(txn), channel);

		thread_view_own(txn->arena, channel, user_id, &view);
		txn_event(txn, EVENT_THREAD_CREATE, (struct audience){ .user = user_id }, &view);
	}
	tell_joined(txn, channel, member);
	return true;
}

bool thread_leave(struct txn *txn, struct live_channel *channel, uint64_t user_id)
{
	if (!thread_seat_del(txn, channel, user_id))
		return false;
	struct thread_members_update update = update_of(txn, channel);

	update.removed_member_ids.items = &user_id;
	update.removed_member_ids.count = 1;
	update.has.removed_member_ids = true;
	tell_members(txn, channel, user_id, &update);
	thread_list_changed(txn, channel);
	return true;
}

void threads_leave(struct txn *txn, uint64_t user_id)
{
	list_for_each (node, &realm_of(txn)->threads)
		thread_leave(txn, list_entry(node, struct live_thread, node)->channel, user_id);
}

void thread_notice(struct txn *txn, const struct live_channel *channel, int64_t type,
		   struct live_member *author, struct str content, uint64_t about)
{
	struct message message = { .channel_id = channel->row->id,
				   .type = type,
				   .content = content,
				   .author_id = author->row->user_id,
				   .author_copy = message_author_copy(txn->arena, author->row) };

	if (about) {
		message.mention_ids.items = &about;
		message.mention_ids.count = 1;
	}
	txn_intent(txn, INTENT_SYSTEM_MESSAGE, txn->cell->kind, txn->cell->id, &desc_message,
		   &message);
}
