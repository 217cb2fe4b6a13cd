#include "realm/thread_list.h"

#include <string.h>

#include "model/permissions.h"
#include "realm/class.h"
#include "realm/guild_view.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/member_table.h"
#include "realm/perms.h"
#include "realm/sharing.h"
#include "realm/thread_event.h"
#include "realm/watch.h"

static bool views(struct realm *realm, const struct live_member *member,
		  const struct live_channel *channel)
{
	return perms_channel(realm, member, channel, 0) & PERM_VIEW_CHANNEL;
}

struct channel_list threads_shown(struct realm *realm, struct arena *arena,
				  const struct guild_show *show)
{
	struct channel_list list = { .items = arena_array(arena, struct channel,
							  realm->threads_active + 1) };

	list_for_each (node, &realm->threads) {
		const struct live_channel *channel =
			list_entry(node, struct live_thread, node)->channel;
		bool joined = thread_seat(channel, show->member->row->user_id);

		if (thread_is_archived(channel) || (!joined && !show->bot) ||
		    !views(realm, show->member, channel))
			continue;
		struct channel *item = &list.items[list.count++];
		*item = thread_view(realm, channel);
		thread_view_own(arena, channel, show->member->row->user_id, item);
		if (item->member) /* which thread and who is plain here */
			item->member->has.id = item->member->has.user_id = false;
	}
	return list;
}

/* -- THREAD_LIST_SYNC -- */

static struct thread_list_sync sync_of(struct txn *txn, const bool *slots)
{
	struct realm *realm = realm_of(txn);
	struct thread_list_sync sync = { .guild_id = txn->cell->id };

	sync.threads.items = arena_array(txn->arena, struct channel, realm->threads_active + 1);
	sync.members.items = arena_array(txn->arena, struct thread_member,
					 realm->threads_active + 1);
	sync.has.channel_ids = slots != NULL;
	sync.channel_ids.items = arena_array(txn->arena, uint64_t, realm->slots_count + 1);
	for (uint32_t slot = 0; slots && slot < realm->slots_count; slot++)
		if (slots[slot] && realm->slots[slot])
			sync.channel_ids.items[sync.channel_ids.count++] =
				realm->slots[slot]->row->id;
	return sync;
}

void thread_sync_member(struct txn *txn, const struct live_member *member, const bool *slots,
			struct audience to)
{
	struct realm *realm = realm_of(txn);
	struct thread_list_sync sync = sync_of(txn, slots);

	list_for_each (node, &realm->threads) {
		const struct live_channel *channel =
			list_entry(node, struct live_thread, node)->channel;
		const struct thread_seat *seat = thread_seat(channel, member->row->user_id);

		if (thread_is_archived(channel) || (slots && !slots[channel->slot]) ||
		    !views(realm, member, channel))
			continue;
		sync.threads.items[sync.threads.count++] = thread_view(realm, channel);
		if (seat)
			sync.members.items[sync.members.count++] = thread_member_view(channel,
										      seat);
	}
	if (sync.threads.count || !slots)
		txn_event(txn, EVENT_THREAD_LIST_SYNC, to, &sync);
}

/* Members of these threads in the class: their own part, and private threads. */
static void sync_seats(struct txn *txn, const struct thread_gain *gain, uint32_t class_id)
{
	struct realm *realm = realm_of(txn);
	struct map done;

	map_init(&done);
	list_for_each (node, &realm->threads) {
		const struct live_thread *thread = list_entry(node, struct live_thread, node);

		if (thread_is_archived(thread->channel) || !gain->slots[thread->channel->slot])
			continue;
		for (uint32_t i = 0; i < thread->seats_count; i++) {
			uint64_t user_id = thread->seats[i].user_id;
			struct live_member *member = member_find(realm, user_id);

			if (!member || !member->sessions || member->class_id != class_id ||
			    map_get(&done, user_id))
				continue;
			map_set(&done, user_id, member);
			thread_sync_member(txn, member_open(realm, member), gain->slots,
					   (struct audience){ .user = user_id });
		}
	}
	map_done(&done);
}

void thread_sync_gained(struct txn *txn, const struct thread_gain *gain, struct audience to)
{
	struct realm *realm = realm_of(txn);

	if (!realm->threads_active)
		return;
	if (to.user) {
		const struct live_member *member = realm_member(realm, to.user);

		if (member)
			thread_sync_member(txn, member, gain->slots, to);
		return;
	}
	struct thread_list_sync sync = sync_of(txn, gain->slots);
	list_for_each (node, &realm->threads) {
		const struct live_channel *channel =
			list_entry(node, struct live_thread, node)->channel;

		if (!thread_is_archived(channel) && gain->slots[channel->slot] &&
		    (!thread_is_private(channel) || gain->all_slots[channel->slot]))
			sync.threads.items[sync.threads.count++] = thread_view(realm, channel);
	}
	if (sync.threads.count)
		txn_event(txn, EVENT_THREAD_LIST_SYNC, to, &sync);
	sync_seats(txn, gain, to.class_id - 1);
}

/* -- lists of members -- */

static void send_list(struct txn *txn, const struct live_channel *channel,
		      const struct subscriber *subscriber)
{
	struct realm *realm = realm_of(txn);
	const struct live_thread *thread = channel->thread;
	struct thread_member_list_update update = { .guild_id = txn->cell->id,
						    .thread_id = channel->row->id };
	struct live_member *viewer = realm_member(realm, subscriber->user_id);
	uint32_t most = thread->seats_count + 1;

	if (!viewer || !views(realm, viewer, channel))
		return;
	struct user *users = arena_array(txn->arena, struct user, most);
	struct member *members = arena_array(txn->arena, struct member, most);
	struct presence *presences = arena_array(txn->arena, struct presence, most);
	struct user_partial *partials = arena_array(txn->arena, struct user_partial, most);
	update.members.items = arena_array(txn->arena, struct thread_member, most);
	struct sharing sharing;
	sharing_init(&sharing, realm, txn->arena, viewer);
	for (uint32_t i = 0; i < thread->seats_count; i++) {
		struct live_member *member = member_find(realm, thread->seats[i].user_id);

		if (!member)
			continue;
		struct thread_member *item = &update.members.items[update.members.count++];
		*item = thread_member_view(channel, &thread->seats[i]);
		members[i] = member_view(member_read(realm, member, txn->arena), &users[i]);
		item->member = &members[i];
		item->has.member = item->has.presence = true;
		if (!member->presence || (member != viewer && !sharing_with(&sharing, member)))
			continue;
		presences[i] = *member->presence;
		partials[i].id = thread->seats[i].user_id;
		presences[i].user = &partials[i];
		item->presence = &presences[i];
	}
	txn_event(txn, EVENT_THREAD_MEMBER_LIST_UPDATE,
		  (struct audience){ .session = subscriber->session }, &update);
}

void watch_renew(struct txn *txn, struct subscriber *subscriber)
{
	struct realm *realm = realm_of(txn);
	const struct live_member *viewer = realm_member(realm, subscriber->user_id);
	uint64_t *ids = arena_array(txn->arena, uint64_t, subscriber->named_count + WATCHES_MAX);
	uint32_t count = subscriber->named_count;

	if (count)
		memcpy(ids, subscriber->named, count * sizeof(*ids));
	uint32_t most = count + WATCHES_MAX;
	for (uint32_t i = 0; viewer && i < subscriber->thread_lists_count; i++) {
		const struct live_channel *channel = realm_channel(realm,
								   subscriber->thread_lists[i]);

		if (!channel || !channel->thread || !views(realm, viewer, channel))
			continue;
		for (uint32_t k = 0; k < channel->thread->seats_count && count < most; k++)
			ids[count++] = channel->thread->seats[k].user_id;
	}
	watch_set(realm, subscriber, ids, count);
}

void thread_list_watch(struct txn *txn, struct subscriber *subscriber, const uint64_t *ids,
		       uint32_t count)
{
	struct realm *realm = realm_of(txn);

	realm->thread_watchers += (count != 0) - (subscriber->thread_lists_count != 0);
	subscriber->thread_lists_count = MIN(count, (uint32_t)THREAD_LISTS_MAX);
	for (uint32_t i = 0; i < subscriber->thread_lists_count; i++) {
		const struct live_channel *channel = realm_channel(realm, ids[i]);

		subscriber->thread_lists[i] = ids[i];
		if (channel && channel->thread)
			send_list(txn, channel, subscriber);
	}
	watch_renew(txn, subscriber);
}

static bool watches(const struct subscriber *subscriber, uint64_t thread_id)
{
	for (uint32_t i = 0; i < subscriber->thread_lists_count; i++)
		if (subscriber->thread_lists[i] == thread_id)
			return true;
	return false;
}

void thread_list_changed(struct txn *txn, const struct live_channel *channel)
{
	struct realm *realm = realm_of(txn);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	if (!realm->thread_watchers)
		return;
	while (map_next(&realm->sessions, &at, &id, &value))
		if (watches(value, channel->row->id)) {
			send_list(txn, channel, value);
			watch_renew(txn, value);
		}
}
