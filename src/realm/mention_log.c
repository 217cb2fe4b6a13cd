#include "realm/mention_log.h"

#include <errno.h>

#include "model/snowflake.h"
#include "realm/member.h"
#include "realm/perms.h"
#include "realm/thread.h"
#include "store/store.h"
#include "user/reads.h"

enum { KEEP_MS = 30 * 86400 * 1000LL, READ_MAX = 250, TRIM_MAX = 100 };

static bool listed(const uint64_t *ids, uint32_t count, uint64_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static void put_note(struct txn *txn, const struct message *message)
{
	struct mention_note note = { .message_id = message->id,
				     .channel_id = message->channel_id,
				     .author_id = message->author_id,
				     .everyone = message->mention_everyone };
	struct key key;

	note.role_ids.items = message->mention_roles.items;
	note.role_ids.count = message->mention_roles.count;
	note.user_ids.items = message->mention_ids.items;
	note.user_ids.count = message->mention_ids.count;
	txn_put(txn, key_mention_log(&key, txn->cell->id, message->id), &desc_mention_note, &note);
}

static void tell_named(struct txn *txn, const struct live_channel *channel,
		       const struct message *message)
{
	struct realm *realm = realm_of(txn);

	for (uint32_t i = 0; i < message->mention_ids.count; i++) {
		uint64_t id = message->mention_ids.items[i];
		const struct live_member *member = realm_member(realm, id);

		if (member && !member->row->bot && perms_sees(realm, member, channel))
			reads_tell_mention(txn->core, id, txn->cell->id, message->channel_id,
					   message->id, message->author_id);
	}
}

/* Of a DM. */
static void tell_others(struct txn *txn, const struct message *message)
{
	const struct live_member *member;
	uint32_t at = 0;

	while ((member = member_next(realm_of(txn), &at)))
		if (!member->row->bot)
			reads_tell_mention(txn->core, member->row->user_id, 0, message->channel_id,
					   message->id, message->author_id);
}

void mention_log_put(struct txn *txn, const struct live_channel *channel,
		     const struct message *message)
{
	struct realm *realm = realm_of(txn);
	const struct live_member *author = realm_member(realm, message->author_id);

	if (author && !author->row->bot)
		reads_tell_spoke(txn->core, message->author_id, message->channel_id, message->id);
	if (!realm_is_guild(realm)) {
		tell_others(txn, message);
		return;
	}
	if (message->mention_everyone || message->mention_roles.count)
		put_note(txn, message);
	tell_named(txn, channel, message);
}

int mention_log_read_wait(struct txn *txn, uint64_t guild_id, struct mention_note **ret_notes,
			  uint32_t *ret_count)
{
	uint64_t now_ms = core_wall_us(txn->core) / 1000;
	struct store_row *rows;
	struct key key, from;
	uint32_t count, found = 0;

	int r = txn_scan_wait(txn, prefix_mention_log(&key, guild_id),
			      key_mention_log(&from, guild_id, snowflake_at(now_ms - KEEP_MS)),
			      (struct str){}, true, READ_MAX, &rows, &count);
	if (r)
		return r;
	struct mention_note *notes = arena_array(txn->arena, struct mention_note, count + 1);
	for (uint32_t i = 0; i < count; i++)
		if (!row_get(rows[i].value, &desc_mention_note, txn->arena, &notes[found]))
			found++;
	*ret_notes = notes;
	*ret_count = found;
	return 0;
}

bool mention_note_concerns(const struct mention_note *note, uint64_t user_id)
{
	return note->author_id != user_id && (note->everyone || note->role_ids.count) &&
		!listed(note->user_ids.items, note->user_ids.count, user_id);
}

bool mention_note_means(const struct realm *realm, const struct live_member *member,
			const struct mention_note *note)
{
	const struct live_channel *channel = realm_channel((struct realm *)realm, note->channel_id);
	bool means = note->everyone;

	for (uint32_t i = 0; i < note->role_ids.count && !means; i++)
		means = member_has_role(member->row, note->role_ids.items[i]);
	return means && channel && perms_sees(realm, member, channel);
}

static int trim_wait(struct txn *txn)
{
	uint64_t now_ms = core_wall_us(txn->core) / 1000;
	struct store_row *rows;
	struct key key, to;
	uint32_t count;

	int r = txn_scan_wait(txn, prefix_mention_log(&key, txn->cell->id), (struct str){},
			      key_mention_log(&to, txn->cell->id, snowflake_at(now_ms - KEEP_MS)),
			      false, TRIM_MAX, &rows, &count);
	for (uint32_t i = 0; !r && i < count; i++)
		txn_del(txn, rows[i].key);
	return r;
}

int mention_query_run(struct txn *txn, void *arg)
{
	struct mention_query *query = arg;

	for (uint32_t i = 0; i < query->count; i++) {
		int r = thread_fetch_wait(txn, query->notes[i].channel_id);

		if (r)
			return r;
	}
	int r = realm_member_fetch_wait(txn, query->user_id);
	if (r)
		return r;
	/* The answer is in the caller's memory before the last wait, which nothing that is looked up here outlives. */
	const struct live_member *member = realm_member(realm_of(txn), query->user_id);
	for (uint32_t i = 0; member && i < query->count; i++)
		query->means[i] = mention_note_means(realm_of(txn), member, &query->notes[i]);
	return trim_wait(txn);
}
