#include "realm/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/dup.h"
#include "codec/row.h"
#include "model/limits.h"
#include "realm/bucket.h"
#include "realm/channel.h"
#include "realm/member_heap.h"
#include "realm/member_table.h"
#include "realm/thread_archive.h"
#include "store/store.h"

enum {
	ARCHIVED_KEPT = 64, /* in memory while nobody is in the realm */
	STARTER = 21, /* a message that is not counted */
	DAY_MINUTES = 1440,
};

bool thread_is_private(const struct live_channel *channel)
{
	return channel->thread && channel->row->type == CHANNEL_TYPE_PRIVATE_THREAD;
}

/* -- members -- */

/* Where @user_id is, or would be. */
static uint32_t seat_at(const struct live_thread *thread, uint64_t user_id)
{
	uint32_t low = 0, high = thread->seats_count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (thread->seats[mid].user_id < user_id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct thread_seat *thread_seat(const struct live_channel *channel, uint64_t user_id)
{
	const struct live_thread *thread = channel->thread;
	uint32_t at = seat_at(thread, user_id);

	return at < thread->seats_count && thread->seats[at].user_id == user_id ? &thread->seats[at]
										: NULL;
}

struct bytes *thread_members(const struct live_channel *channel)
{
	struct live_thread *thread = channel->thread;

	if (!thread->members) {
		thread->members = bytes_new(thread->seats_count * sizeof(uint64_t));
		for (uint32_t i = 0; i < thread->seats_count; i++)
			memcpy(thread->members->data + i * sizeof(uint64_t),
			       &thread->seats[i].user_id, sizeof(uint64_t));
	}
	return thread->members;
}

static void members_changed(struct live_channel *channel)
{
	bytes_unref(channel->thread->members);
	channel->thread->members = NULL;
	channel->row->member_count = channel->thread->seats_count;
}

static void seat_insert(struct realm *realm, struct live_thread *thread,
			const struct thread_seat *seat)
{
	uint32_t at = seat_at(thread, seat->user_id);

	thread->seats = region_realloc(realm->region, thread->seats,
				       (thread->seats_count + 1) * sizeof(*thread->seats));
	memmove(&thread->seats[at + 1], &thread->seats[at],
		(thread->seats_count - at) * sizeof(*thread->seats));
	thread->seats[at] = *seat;
	thread->seats_count++;
}

/* -- rows -- */

struct channel thread_blank(struct arena *arena, uint64_t id, int64_t type,
			    const struct live_channel *parent, uint64_t owner_id, int64_t now_us)
{
	struct thread_metadata *metadata = arena_new(arena, struct thread_metadata);
	int64_t minutes = parent->row->default_auto_archive_duration;
	struct channel row = {
		.id = id,
		.type = type,
		.parent_id = parent->row->id,
		.owner_id = owner_id,
		.created_at = now_us,
		.rate_limit_per_user = parent->row->default_thread_rate_limit_per_user,
		.thread_metadata = metadata,
	};

	row.has.name = row.has.parent_id = row.has.owner_id = row.has.last_message_id =
		row.has.rate_limit_per_user = row.has.thread_metadata = row.has.message_count =
			row.has.member_count = row.has.total_message_sent = true;
	metadata->auto_archive_duration = parent->row->has.default_auto_archive_duration &&
			minutes > 0
		? minutes
		: DAY_MINUTES;
	metadata->archive_timestamp = metadata->create_timestamp = now_us;
	metadata->has.create_timestamp = true;
	metadata->has.invitable = type == CHANNEL_TYPE_PRIVATE_THREAD;
	metadata->invitable = true;
	return row;
}

static void store(struct txn *txn, const struct live_channel *channel)
{
	struct key key;
	uint64_t id = channel->row->id;

	txn_put(txn,
		thread_is_archived(channel) ? key_archived_thread(&key, txn->cell->id, id)
					    : key_thread(&key, txn->cell->id, id),
		&desc_channel, channel->row);
}

static struct str order_key(struct key *key, uint64_t realm_id, const struct channel *row)
{
	return key_archive_order(key, realm_id, row->parent_id,
				 row->type == CHANNEL_TYPE_PRIVATE_THREAD,
				 (uint64_t)row->archived_at, row->id);
}

/* The rows that say in which state it is. */
static void unstore(struct txn *txn, const struct live_channel *channel)
{
	uint64_t id = channel->row->id;
	struct key key;

	if (!thread_is_archived(channel)) {
		txn_del(txn, key_thread(&key, txn->cell->id, id));
		return;
	}
	txn_del(txn, key_archived_thread(&key, txn->cell->id, id));
	txn_del(txn, order_key(&key, txn->cell->id, channel->row));
}

struct live_channel *thread_put(struct txn *txn, const struct channel *row)
{
	static const struct archive_row order;
	struct realm *realm = realm_of(txn);
	struct live_channel *channel = realm_channel(realm, row->id);
	bool was = channel && thread_is_archived(channel), is = row->thread_metadata->archived;
	struct key key;

	if (channel && was != is)
		unstore(txn, channel);
	if (is && !was)
		txn_put(txn, order_key(&key, txn->cell->id, row), &desc_archive_row, &order);
	channel = thread_add(realm, row);
	store(txn, channel);
	return channel;
}

struct live_channel *thread_put_archived(struct txn *txn, const struct channel *row, bool archived,
					 bool locked)
{
	struct realm *realm = realm_of(txn);
	struct channel next = *row;
	struct thread_metadata metadata = *row->thread_metadata;

	if (metadata.archived != archived) {
		/* Whole milliseconds, and no two alike: clients page by this time, and some cut off what is finer. */
		int64_t now = (int64_t)core_wall_us(txn->core) / 1000 * 1000;

		realm->archived_last = MAX(now, realm->archived_last + 1000);
		metadata.archive_timestamp = realm->archived_last;
		next.archived_at = archived ? realm->archived_last : 0;
	}
	metadata.archived = archived;
	metadata.locked = locked;
	next.thread_metadata = &metadata;
	struct live_channel *channel = thread_put(txn, &next);
	if (!archived)
		archiver_note(realm, channel);
	return channel;
}

void thread_said(struct txn *txn, struct live_channel *channel, int64_t message_type)
{
	if (!channel->thread)
		return;
	channel->row->last_message_id = channel->last_message_id;
	if (message_type != STARTER) {
		channel->row->message_count++;
		channel->row->total_message_sent++;
	}
	store(txn, channel);
}

void thread_unsaid(struct txn *txn, struct live_channel *channel, int64_t message_type)
{
	if (!channel->thread || message_type == STARTER)
		return;
	channel->row->message_count = MAX(channel->row->message_count - 1, (int64_t)0);
	store(txn, channel);
}

static struct str private_key(struct key *key, uint64_t realm_id, const struct channel *row,
			      uint64_t user_id)
{
	return key_private_thread(key, realm_id, user_id, row->parent_id, row->id);
}

bool thread_seat_add(struct txn *txn, struct live_channel *channel, uint64_t user_id)
{
	static const struct archive_row mine;
	struct realm *realm = realm_of(txn);
	struct thread_seat seat = { .user_id = user_id,
				    .joined_at = (int64_t)core_wall_us(txn->core) };
	struct thread_member row = { .join_timestamp = seat.joined_at };
	struct key key;

	if (thread_seat(channel, user_id) || channel->thread->seats_count >= LIMIT_THREAD_MEMBERS)
		return false;
	seat_insert(realm, channel->thread, &seat);
	members_changed(channel);
	txn_put(txn, key_thread_member(&key, txn->cell->id, channel->row->id, user_id),
		&desc_thread_member, &row);
	if (thread_is_private(channel))
		txn_put(txn, private_key(&key, txn->cell->id, channel->row, user_id),
			&desc_archive_row, &mine);
	store(txn, channel);
	return true;
}

static void seat_rows_del(struct txn *txn, const struct live_channel *channel, uint64_t user_id)
{
	struct key key;

	txn_del(txn, key_thread_member(&key, txn->cell->id, channel->row->id, user_id));
	if (thread_is_private(channel))
		txn_del(txn, private_key(&key, txn->cell->id, channel->row, user_id));
}

bool thread_seat_del(struct txn *txn, struct live_channel *channel, uint64_t user_id)
{
	struct live_thread *thread = channel->thread;
	uint32_t at = seat_at(thread, user_id);

	if (!thread_seat(channel, user_id))
		return false;
	thread->seats_count--;
	memmove(&thread->seats[at], &thread->seats[at + 1],
		(thread->seats_count - at) * sizeof(*thread->seats));
	members_changed(channel);
	seat_rows_del(txn, channel, user_id);
	store(txn, channel);
	return true;
}

void thread_del_rows(struct txn *txn, struct live_channel *channel)
{
	realm_of(txn)->threads_deleted++;
	for (uint32_t i = 0; i < channel->thread->seats_count; i++)
		seat_rows_del(txn, channel, channel->thread->seats[i].user_id);
	unstore(txn, channel);
}

/* -- memory -- */

static struct live_thread *attach(struct realm *realm, struct live_channel *channel)
{
	struct live_thread *thread = region_new(realm->region, struct live_thread);

	thread->channel = channel;
	thread->parent = realm_channel(realm, channel->row->parent_id);
	list_init(&thread->node);
	channel->thread = thread;
	channel->slot = thread->parent->slot;
	channel->last_message_id = channel->row->last_message_id;
	/* Opening it once more is harmless, and the index has no newer one. */
	channel->bucket = channel->last_message_id ? bucket_of(channel->last_message_id) : 0;
	realm->threads_count++;
	return thread;
}

struct live_channel *thread_add(struct realm *realm, const struct channel *row)
{
	struct live_channel *channel = realm_channel(realm, row->id);

	if (!realm_channel(realm, row->parent_id) || !row->thread_metadata)
		return NULL;
	if (channel)
		realm->threads_active -= !thread_is_archived(channel);
	channel = realm_add_channel(realm, row);
	struct live_thread *thread = channel->thread ? channel->thread : attach(realm, channel);
	realm->threads_active += !thread_is_archived(channel);
	list_del(&thread->node);
	list_add_tail(&realm->threads, &thread->node);
	return channel;
}

/* Whoever left the guild has left its threads, those too that were not in memory then: who came back is in none. */
static bool stays_in(struct realm *realm, struct arena *arena, uint64_t user_id, int64_t joined_at)
{
	const struct live_member *member = member_find(realm, user_id);

	if (!member)
		return realm->cell->partial; /* not loaded yet */
	return member_read(realm, member, arena)->joined_at <= joined_at;
}

static int seats_read(struct realm *realm, struct live_channel *channel, struct arena *arena,
		      const struct store_row *rows, uint32_t count)
{
	struct live_thread *thread = channel->thread;

	thread->seats_count = 0;
	thread->seats = region_realloc(realm->region, thread->seats,
				       (count + 1) * sizeof(*thread->seats));
	for (uint32_t i = 0; i < count; i++) {
		struct thread_seat *seat = &thread->seats[thread->seats_count];
		struct thread_member row = {};

		if (!parse_thread_member(rows[i].key, NULL, NULL, &seat->user_id) ||
		    row_get(rows[i].value, &desc_thread_member, arena, &row))
			return -EBADMSG;
		seat->joined_at = row.join_timestamp;
		seat->flags = row.flags;
		thread->seats_count += !thread_is_archived(channel) ||
			stays_in(realm, arena, seat->user_id, seat->joined_at);
	}
	members_changed(channel);
	return 0;
}

static int load_seats_wait(struct realm *realm, uint64_t id)
{
	struct cell *cell = realm->cell;
	uint32_t generation = cell->generation, count;
	struct store_row *rows;
	struct arena arena;
	struct key key;

	arena_init(&arena);
	int r = store_scan_wait(cell->core, &arena, prefix_thread_member_thread(&key, cell->id, id),
				(struct str){}, (struct str){}, false, 0, &rows, &count);
	if (cell->generation != generation)
		r = ERR_RESTARTED;
	struct live_channel *channel = r ? NULL : realm_channel(realm, id);
	if (channel && channel->thread)
		r = seats_read(realm, channel, &arena, rows, count);
	arena_done(&arena);
	return r;
}

int threads_load_wait(struct realm *realm)
{
	uint32_t count = 0;
	uint64_t *ids = mem_alloc((realm->threads_count + 1) * sizeof(*ids));
	int r = 0;

	list_for_each (node, &realm->threads)
		ids[count++] = list_entry(node, struct live_thread, node)->channel->row->id;
	for (uint32_t i = 0; i < count && !r; i++)
		r = load_seats_wait(realm, ids[i]);
	free(ids);
	if (!r && count)
		archiver_begin(realm);
	return r;
}

int thread_fetch_wait(struct txn *txn, uint64_t id)
{
	struct realm *realm = realm_of(txn);
	struct store_row *rows;
	struct key key;
	uint32_t count;

	for (;;) {
		struct channel row = {};
		uint64_t deleted = realm->threads_deleted;

		if (!id || !realm->guild || realm_channel(realm, id))
			return 0;
		int r = txn_get_obj_wait(txn, key_archived_thread(&key, txn->cell->id, id),
					 &desc_channel, &row);
		if (!r)
			r = txn_scan_wait(txn, prefix_thread_member_thread(&key, txn->cell->id, id),
					  (struct str){}, (struct str){}, false, 0, &rows, &count);
		if (r)
			return r == ENOENT ? 0 : r;
		if (realm_channel(realm, id))
			return 0; /* another was faster */
		if (realm->threads_deleted != deleted)
			continue; /* it may have been this one */
		struct live_channel *channel = thread_add(realm, &row);
		r = channel ? seats_read(realm, channel, txn->arena, rows, count) : 0;
		if (!r)
			return 0;
		cell_break(txn->cell, "a thread member's row does not decode", r);
		return ERR_RESTARTED;
	}
}

void threads_quiet(struct realm *realm)
{
	uint32_t archived = realm->threads_count - realm->threads_active;

	/* A scan for its members would not see what is on its way. */
	if (archived <= ARCHIVED_KEPT || !list_empty(&realm->cell->txns))
		return;
	list_for_each (node, &realm->threads) {
		struct live_thread *thread = list_entry(node, struct live_thread, node);

		if (archived <= ARCHIVED_KEPT)
			break;
		if (!thread_is_archived(thread->channel))
			continue;
		realm_forget_channel(realm, thread->channel);
		archived--;
	}
}

void thread_done(struct realm *realm, struct live_channel *channel)
{
	struct live_thread *thread = channel->thread;

	realm->threads_count--;
	realm->threads_active -= !thread_is_archived(channel);
	list_del(&thread->node);
	bytes_unref(thread->members);
	region_free(realm->region, thread->seats);
	region_free(realm->region, thread);
	channel->thread = NULL;
}

void threads_drop(struct realm *realm)
{
	list_for_each (node, &realm->threads) {
		struct live_thread *thread = list_entry(node, struct live_thread, node);

		bytes_unref(thread->members);
		thread->members = NULL;
	}
}
