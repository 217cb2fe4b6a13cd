#include "realm/thread_archive.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config/config.h"
#include "model/snowflake.h"
#include "realm/thread_event.h"

enum { LONGEST_MS = 3600 * 1000, AGAIN_MS = 60 * 1000 };

/* Outside of the region, as its timer is. */
struct archiver {
	struct core *core;
	uint64_t guild_id;
	struct timer timer;
	int64_t next_us; /* when it looks */
};

int64_t thread_active_at(const struct live_channel *channel)
{
	int64_t at = MAX(channel->row->created_at,
			 channel->row->thread_metadata->archive_timestamp);

	return channel->last_message_id ? MAX(at, snowflake_us(channel->last_message_id)) : at;
}

static int64_t due_at(const struct live_channel *channel)
{
	return thread_active_at(channel) +
		channel->row->thread_metadata->auto_archive_duration * 60 * 1000000;
}

static void arm(struct archiver *archiver, int64_t at_us)
{
	int64_t now = (int64_t)core_wall_us(archiver->core);

	archiver->next_us = at_us;
	timer_set(archiver->core, &archiver->timer,
		  at_us <= now ? 0
			       : (uint64_t)MIN((at_us - now + 999) / 1000, (int64_t)LONGEST_MS));
}

/* Archives what is due. Messages move no timer: whoever fires looks at all, and knows when to look again. */
static int run(struct txn *txn, void *arg)
{
	struct realm *realm = realm_of(txn);
	int64_t now = (int64_t)core_wall_us(txn->core), next = INT64_MAX;
	struct live_channel **due = arena_array(txn->arena, struct live_channel *,
						realm->threads_count + 1);
	uint32_t count = 0;

	(void)arg;
	list_for_each (node, &realm->threads) {
		struct live_channel *channel = list_entry(node, struct live_thread, node)->channel;

		if (thread_is_archived(channel))
			continue;
		if (due_at(channel) <= now)
			due[count++] = channel;
		else
			next = MIN(next, due_at(channel));
	}
	for (uint32_t i = 0; i < count; i++)
		thread_event(txn, EVENT_THREAD_UPDATE,
			     thread_put_archived(txn, due[i]->row, true,
						 due[i]->row->thread_metadata->locked));
	if (realm->archiver && next < INT64_MAX)
		arm(realm->archiver, next);
	else if (realm->archiver)
		timer_clear(&realm->archiver->timer);
	return 0;
}

static void on_timer(struct core *core, struct timer *timer)
{
	struct archiver *archiver = container_of(timer, struct archiver, timer);

	if (app_returning(core)) {
		timer_set(core, timer, APP_RETURNING_MS);
		return;
	}
	cell_tell(core, CELL_GUILD, archiver->guild_id, false, run, NULL);
	timer_set(core, timer, AGAIN_MS); /* should it fail */
}

static struct archiver *archiver_of(struct realm *realm)
{
	if (!realm->archiver) {
		realm->archiver = mem_zalloc(sizeof(*realm->archiver));
		realm->archiver->core = realm->cell->core;
		realm->archiver->guild_id = realm->cell->id;
		realm->archiver->next_us = INT64_MAX;
		timer_init(&realm->archiver->timer, on_timer);
	}
	return realm->archiver;
}

void archiver_begin(struct realm *realm)
{
	list_for_each (node, &realm->threads)
		archiver_note(realm, list_entry(node, struct live_thread, node)->channel);
}

void archiver_note(struct realm *realm, const struct live_channel *channel)
{
	if (thread_is_archived(channel))
		return;
	struct archiver *archiver = archiver_of(realm);
	int64_t at = due_at(channel);

	if (at < archiver->next_us || !timer_is_set(&archiver->timer))
		arm(archiver, at);
}

void archiver_drop(struct realm *realm)
{
	if (!realm->archiver)
		return;
	timer_clear(&realm->archiver->timer);
	free(realm->archiver);
	realm->archiver = NULL;
}
