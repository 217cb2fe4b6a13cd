#include "realm/channel_remove.h"

#include "realm/channel.h"
#include "realm/guild_view.h"
#include "realm/overwrite.h"
#include "realm/sweep.h"
#include "realm/thread_event.h"

/* Settings that name channels. True when one of them named @id. */
static bool forget(struct guild *row, uint64_t id)
{
	uint64_t *named[] = { &row->afk_channel_id,	      &row->system_channel_id,
			      &row->widget_channel_id,	      &row->rules_channel_id,
			      &row->safety_alerts_channel_id, &row->public_updates_channel_id };
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		if (*named[i] != id)
			continue;
		*named[i] = 0;
		found = true;
	}
	return found;
}

static void remove_thread(struct txn *txn, struct live_channel *thread)
{
	uint64_t id = thread->row->id;

	thread_event(txn, EVENT_THREAD_DELETE, thread);
	sweep_channel(txn, id);
	realm_del_channel(txn, id);
}

/* Those in memory; the archived ones that are not are found by the sweep. */
static void remove_threads(struct txn *txn, const struct live_channel *parent)
{
	list_for_each (node, &realm_of(txn)->threads) {
		struct live_thread *thread = list_entry(node, struct live_thread, node);

		if (thread->parent == parent)
			remove_thread(txn, thread->channel);
	}
}

void channel_remove(struct txn *txn, struct live_channel *channel)
{
	struct realm *realm = realm_of(txn);
	struct live_channel **children = arena_array(txn->arena, struct live_channel *,
						     realm->slots_count + 1);
	uint64_t id = channel->row->id;
	bool personal = overwrites_personal(channel->row);
	uint32_t count = 0;

	if (channel->thread) {
		remove_thread(txn, channel);
		return;
	}
	remove_threads(txn, channel);
	channel_event(txn, EVENT_CHANNEL_DELETE, channel);
	for (uint32_t i = 0; channel->row->type == CHANNEL_TYPE_CATEGORY && i < realm->slots_count;
	     i++)
		if (realm->slots[i] && realm->slots[i]->row->parent_id == id)
			children[count++] = realm->slots[i];
	for (uint32_t i = 0; i < count; i++) {
		struct channel row = *children[i]->row;

		row.parent_id = 0;
		realm_put_channel(txn, &row);
	}
	sweep_channel(txn, id);
	realm_del_channel(txn, id);
	if (personal)
		class_rekey(txn, 0);
	else
		class_refresh(txn, 0);
	for (uint32_t i = 0; i < count; i++)
		channel_event(txn, EVENT_CHANNEL_UPDATE, children[i]);
	struct guild row = *realm->guild;
	if (forget(&row, id)) {
		realm_put_guild(txn, &row);
		struct guild view = guild_view(realm, txn->arena);
		txn_event(txn, EVENT_GUILD_UPDATE, (struct audience){}, &view);
	}
}
