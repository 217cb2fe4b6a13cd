#include "realm/guild_crowd.h"
#include "realm/member_lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/domain.h"
#include "members/lists.h"
#include "members/order.h"
#include "model/limits.h"
#include "realm/channel.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/perms.h"
#include "realm/presence.h"
#include "realm/thread_list.h"

enum {
	GATHER_MS = 250,
	ROLES_MAX = 256,
	SLICE = 400, /* steps of making lists, before others have their turn */
	NEXT_ALL = 1u << 31, /* in the cursor of next(): it goes over all */
};

_Static_assert((int)REALM_LISTS_CHANNELS_MAX <= (int)LIST_WANTS_MAX,
	       "each channel of a session may be a list of its own");

struct list_watch {
	uint64_t session, user_id;
	uint32_t channels_count;
	struct realm_lists_channel channels[REALM_LISTS_CHANNELS_MAX];
};

struct member_lists {
	struct realm *realm;
	struct lists *lists;
	struct map watches; /* session → struct list_watch */
	struct timer timer; /* until what was gathered is sent, or the next slice */
	uint64_t posted; /* slices; older ones than the last do nothing */
	bool posting; /* one is on its way */
	uint64_t flushed_us;
	uint64_t salt; /* goes into the fingerprints of sight: another one makes all lists anew */
	bool changed; /* what sessions want, or which groups there are, may be different and was not looked at yet */
	bool stale; /* that, and who sees what */
	bool moved; /* members changed since it is stale, and may be in lists that they do not belong into */
	uint64_t roles[ROLES_MAX]; /* of the member that is looked at */
};

static struct live_member *member_of(const struct listed *listed)
{
	return container_of(listed, struct live_member, listed);
}

/* -- what the lists ask -- */

static uint64_t id_of(void *owner, const struct listed *listed)
{
	return member_id(owner, member_of(listed));
}

static int compare(void *owner, const void *a, const void *b)
{
	int order = names_compare(member_shown_name(owner, member_of(a)),
				  member_shown_name(owner, member_of(b)));

	if (order)
		return order;
	uint64_t x = id_of(owner, a), y = id_of(owner, b);
	return x < y ? -1 : x > y;
}

static uint64_t key(void *owner, const void *listed)
{
	return name_prefix(member_shown_name(owner, member_of(listed)));
}

static void facts(void *owner, const struct listed *listed, struct listed_facts *ret)
{
	struct realm *realm = owner;
	struct member_lists *lists = realm->member_lists;

	ret->online = member_of(listed)->presence != NULL;
	ret->roles = lists->roles;
	ret->roles_count = member_roles(realm, member_of(listed), lists->roles, ROLES_MAX);
}

static bool sees(void *owner, const struct listed *listed, uint64_t channel_id)
{
	struct realm *realm = owner;
	const struct live_channel *channel = realm_channel(realm, channel_id);
	uint64_t *roles = realm->member_lists->roles;
	struct member_row row = { .user_id = id_of(realm, listed) };
	struct live_member member = {
		.row = &row
	}; /* all that matters for sight, without opening it */

	row.roles.items = roles;
	row.roles.count = member_roles(realm, member_of(listed), roles, ROLES_MAX);
	return channel && perms_channel(realm, &member, channel, 0) & PERM_VIEW_CHANNEL;
}

static struct listed *find(void *owner, uint64_t id)
{
	struct realm *realm = owner;
	struct live_member *member = member_find(realm, id);

	return member ? &member->listed : NULL;
}

static struct listed *next(void *owner, uint32_t *at)
{
	struct realm *realm = owner;
	struct live_member *member;

	/* Of a large guild the offline are in no list; where it has just become one they may still be. */
	if (*at == 0 && realm->members.count <= 2 * LIMIT_MEMBER_LIST_OFFLINE)
		*at = NEXT_ALL;
	uint32_t all = *at & NEXT_ALL, slot = *at & ~NEXT_ALL;
	member = all ? member_next(realm, &slot) : member_next_online(realm, &slot);
	*at = slot | all;
	return member ? &member->listed : NULL;
}

/* -- what is sent -- */

static struct member_list_group show_group(struct arena *arena, const struct list_group *group)
{
	struct member_list_group shown = { .count = group->count };

	switch (group->id) {
	case LIST_ONLINE: shown.id = S("online"); break;
	case LIST_OFFLINE: shown.id = S("offline"); break;
	default: shown.id = arena_printf(arena, "%lu", group->id); break;
	}
	return shown;
}

static struct member *show_member(struct realm *realm, struct arena *arena,
				  const struct live_member *member)
{
	const struct member_row *row = member_read(realm, member, arena);
	struct member *shown = arena_new(arena, struct member);
	struct presence *presence = arena_new(arena, struct presence);

	*shown = member_view(row, arena_new(arena, struct user));
	if (member->presence) {
		*presence = *member->presence;
	} else {
		presence->status = S("offline");
		presence->client_status = arena_new(arena, struct client_status);
	}
	presence->user = arena_new(arena, struct user_partial);
	presence->user->id = row->user_id;
	shown->presence = presence;
	shown->has.presence = true;
	return shown;
}

static void show_row(struct realm *realm, struct arena *arena, const struct list_row *row,
		     struct member_list_item *ret)
{
	if (row->member) {
		ret->member = show_member(realm, arena, member_of(row->member));
		ret->has.member = true;
	} else {
		ret->group = arena_new(arena, struct member_list_group);
		*ret->group = show_group(arena, &row->group);
		ret->has.group = true;
	}
}

static void show_op(struct realm *realm, struct arena *arena, const struct list_op *op,
		    struct member_list_op *ret)
{
	static const struct str names[] = {
		[LIST_SYNC] = { "SYNC", 4 },	 [LIST_INVALIDATE] = { "INVALIDATE", 10 },
		[LIST_INSERT] = { "INSERT", 6 }, [LIST_UPDATE] = { "UPDATE", 6 },
		[LIST_DELETE] = { "DELETE", 6 },
	};

	ret->op = names[op->kind];
	if (op->kind == LIST_SYNC || op->kind == LIST_INVALIDATE) {
		ret->range.items = arena_array(arena, int64_t, 2);
		ret->range.items[0] = op->low;
		ret->range.items[1] = op->high;
		ret->range.count = 2;
		ret->has.range = true;
	} else {
		ret->index = op->low;
		ret->has.index = true;
	}
	if (op->kind == LIST_SYNC) {
		ret->items.items = arena_array(arena, struct member_list_item, op->rows_count + 1);
		ret->items.count = op->rows_count;
		for (uint32_t i = 0; i < op->rows_count; i++)
			show_row(realm, arena, &op->rows[i], &ret->items.items[i]);
		ret->has.items = true;
	} else if (op->rows_count) {
		ret->item = arena_new(arena, struct member_list_item);
		show_row(realm, arena, op->rows, ret->item);
		ret->has.item = true;
	}
}

static void send(void *owner, void *to, const struct list_update *update)
{
	struct realm *realm = owner;
	struct txn *txn = to;
	struct arena *arena = txn->arena;
	struct guild_member_list_update event = { .guild_id = realm->guild->id,
						  .id = str_z(update->id),
						  .member_count = realm->members.count,
						  .online_count = realm->online_count };

	event.groups.items = arena_array(arena, struct member_list_group, update->groups_count + 1);
	event.groups.count = update->groups_count;
	for (uint32_t i = 0; i < update->groups_count; i++)
		event.groups.items[i] = show_group(arena, &update->groups[i]);
	event.ops.items = arena_array(arena, struct member_list_op, update->ops_count + 1);
	event.ops.count = update->ops_count;
	for (uint32_t i = 0; i < update->ops_count; i++)
		show_op(realm, arena, &update->ops[i], &event.ops.items[i]);
	txn_event(txn, EVENT_GUILD_MEMBER_LIST_UPDATE, (struct audience){}, &event);
	txn_event_only(txn, update->sessions, update->sessions_count);
}

static const struct lists_type type = { { key, compare }, id_of, facts, sees, find, next, send };

/* -- which lists -- */

static int by_rank(const void *a, const void *b)
{
	const struct role *x = *(const struct role *const *)a, *y = *(const struct role *const *)b;

	return x == y ? 0 : role_above(x, y) ? -1 : 1;
}

/* Roles with a group of their own, highest first. */
static uint64_t *hoisted_roles(struct realm *realm, struct arena *arena, uint32_t *ret_count)
{
	const struct role **roles = arena_array(arena, const struct role *, realm->roles.count + 1);
	uint64_t *ids = arena_array(arena, uint64_t, realm->roles.count + 1);
	uint32_t count = 0, at = 0;
	uint64_t id;
	void *value;

	while (map_next(&realm->roles, &at, &id, &value)) {
		const struct live_role *role = value;

		if (role->row->hoist && id != realm->guild->id)
			roles[count++] = role->row;
	}
	qsort(roles, count, sizeof(*roles), by_rank);
	for (uint32_t i = 0; i < count; i++)
		ids[i] = roles[i]->id;
	*ret_count = count;
	return ids;
}

static bool shows_offline(const struct realm *realm)
{
	return realm->members.count <= LIMIT_MEMBER_LIST_OFFLINE;
}

/* All that decides about sight, but for the overwrites, which are in a list's name. */
static uint64_t sight_hash(struct realm *realm)
{
	uint64_t hash = hash_u64(realm->guild->owner_id) + realm->member_lists->salt, id;
	uint32_t at = 0;
	void *value;

	while (map_next(&realm->roles, &at, &id, &value)) {
		const struct live_role *role = value;

		hash += hash_u64(id ^
				 hash_u64(role->row->permissions &
					  (PERM_VIEW_CHANNEL | PERM_ADMINISTRATOR)));
	}
	return hash;
}

static bool everyone_views(struct realm *realm)
{
	const struct live_role *everyone = realm_role(realm, realm->guild->id);

	return everyone && everyone->row->permissions & (PERM_VIEW_CHANNEL | PERM_ADMINISTRATOR);
}

static void add_ranges(struct list_want *want, const struct realm_lists_channel *channel)
{
	for (uint32_t i = 0; i < channel->ranges_count && want->ranges_count < LIST_RANGES_MAX;
	     i++) {
		uint32_t low = channel->ranges[i], at = 0;

		while (at < want->ranges_count && want->ranges[at] < low)
			at++;
		if (at < want->ranges_count && want->ranges[at] == low)
			continue;
		memmove(&want->ranges[at + 1], &want->ranges[at],
			(want->ranges_count - at) * sizeof(low));
		want->ranges[at] = low;
		want->ranges_count++;
	}
}

/* What a session wants of the channels that its user sees. Channels with the same list are one. */
static uint32_t wants_of(struct realm *realm, const struct list_watch *watch, uint64_t sight,
			 struct list_want *ret_wants)
{
	const struct live_member *member = realm_member(realm, watch->user_id);
	bool views = everyone_views(realm);
	uint32_t count = 0;

	for (uint32_t i = 0; member && i < watch->channels_count; i++) {
		const struct realm_lists_channel *wanted = &watch->channels[i];
		const struct live_channel *channel = realm_channel(realm, wanted->channel_id);
		struct list_want want = { .sight = sight, .again = wanted->again };
		bool secret = channel && channel->row->type == CHANNEL_TYPE_PRIVATE_THREAD;

		if (channel && channel_is_thread(channel->row))
			channel = realm_channel(realm, channel->row->parent_id);
		if (!channel || !wanted->ranges_count ||
		    !(perms_channel(realm, member, channel, 0) & PERM_VIEW_CHANNEL))
			continue;
		list_id_make(&channel->row->permission_overwrites, views, secret, want.id);
		want.channel_id = channel->row->id;
		want.all = strcmp(want.id, "everyone") == 0;
		uint32_t at = 0;
		while (at < count && strcmp(ret_wants[at].id, want.id) != 0)
			at++;
		if (at == count)
			ret_wants[count++] = want;
		ret_wants[at].again |= want.again;
		add_ranges(&ret_wants[at], wanted);
	}
	return count;
}

/* -- keeping them right -- */

static void send_soon(struct member_lists *lists)
{
	struct core *core = lists->realm->cell->core;
	uint64_t since_ms = (core_now_us(core) - lists->flushed_us) / 1000;

	if (!timer_is_set(&lists->timer))
		timer_set(core, &lists->timer, since_ms >= GATHER_MS ? 0 : GATHER_MS - since_ms);
}

static void look_again(struct txn *txn)
{
	struct realm *realm = realm_of(txn);
	struct member_lists *lists = realm->member_lists;
	uint32_t at = 0, count;
	uint64_t id, *hoisted = hoisted_roles(realm, txn->arena, &count);
	void *value;

	lists->salt += lists->moved;
	lists->changed = lists->stale = lists->moved = false;
	uint64_t sight = sight_hash(realm);
	lists_set_groups(lists->lists, hoisted, count, shows_offline(realm));
	while (map_next(&lists->watches, &at, &id, &value)) {
		struct list_want wants[LIST_WANTS_MAX];

		count = wants_of(realm, value, sight, wants);
		lists_want(lists->lists, txn, id, wants, count);
	}
}

static bool flush_due(const struct member_lists *lists)
{
	uint64_t since_us = core_now_us(lists->realm->cell->core) - lists->flushed_us;

	return lists_dirty(lists->lists) && since_us >= GATHER_MS * 1000ull;
}

static int slice_run(struct txn *txn, void *arg);

/* When there is no fiber for it now, it is tried again. */
static void post_slice(struct member_lists *lists)
{
	struct core *core = lists->realm->cell->core;

	lists->posted++;
	lists->posting = true;
	timer_set(core, &lists->timer, GATHER_MS);
	cell_tell(core, CELL_GUILD, lists->realm->cell->id, true, slice_run,
		  mem_dup(&lists->posted, sizeof(lists->posted)));
}

static void go_on(struct member_lists *lists)
{
	if (lists_busy(lists->lists))
		post_slice(lists);
	else if (lists_dirty(lists->lists))
		send_soon(lists);
}

/* Each a transaction of its own: what it says to watchers is in the guild's order. */
static int slice_run(struct txn *txn, void *arg)
{
	struct realm *realm = realm_of(txn);
	struct member_lists *lists = realm->member_lists;
	uint32_t steps = SLICE;

	if (!lists || lists->posted != *(uint64_t *)arg)
		return 0;
	timer_clear(&lists->timer);
	lists->posting = false;
	if (lists->changed) {
		look_again(txn);
		steps = SLICE / 4;
	}
	lists_work(lists->lists, txn, steps);
	lists_set_totals(lists->lists, realm->members.count, realm->online_count);
	if (flush_due(lists)) {
		lists_flush(lists->lists, txn);
		lists->flushed_us = core_now_us(txn->core);
	}
	go_on(lists);
	return 0;
}

static void on_timer(struct core *core, struct timer *timer)
{
	(void)core;
	post_slice(container_of(timer, struct member_lists, timer));
}

void member_lists_out(struct realm *realm, struct live_member *member)
{
	guild_crowds_touch(realm, member);
	if (!realm->member_lists)
		return;
	lists_out(realm->member_lists->lists, &member->listed);
	realm->member_lists->moved |= realm->member_lists->stale;
	realm->member_lists->changed |= realm->members.count == LIMIT_MEMBER_LIST_OFFLINE;
	send_soon(realm->member_lists);
}

void member_lists_in(struct realm *realm, struct live_member *member)
{
	struct member_lists *lists = realm->member_lists;

	guild_crowds_touch(realm, member);
	if (!lists)
		return;
	lists_in(lists->lists, &member->listed);
	lists->moved |= lists->stale;
	/* Who watches may see other channels now; and the guild may have become a large one (or, above, a small one). */
	lists->changed |= member->sessions || realm->members.count == LIMIT_MEMBER_LIST_OFFLINE + 1;
	send_soon(lists);
}

void member_lists_touch(struct realm *realm, struct live_member *member)
{
	guild_crowds_touch(realm, member);
	if (!realm->member_lists)
		return;
	lists_touch(realm->member_lists->lists, &member->listed);
	send_soon(realm->member_lists);
}

void member_lists_stale(struct realm *realm)
{
	guild_crowds_stale(realm);
	if (!realm->member_lists)
		return;
	realm->member_lists->changed = realm->member_lists->stale = true;
	send_soon(realm->member_lists);
}

/* -- watching -- */

static uint32_t next_epoch(struct realm *realm)
{
	uint32_t at = 0;
	struct live_member *member;

	if (++realm->lists_epoch == LIST_EPOCHS) { /* once in two million times */
		while ((member = member_next(realm, &at)))
			member->listed = (struct listed){};
		realm->lists_epoch = 1;
	}
	return realm->lists_epoch;
}

static void begin(struct realm *realm, struct arena *arena)
{
	struct member_lists *lists = region_new(realm->region, struct member_lists);
	uint32_t count;
	uint64_t *hoisted = hoisted_roles(realm, arena, &count);

	lists->realm = realm;
	realm->member_lists = lists;
	lists->lists = lists_new(realm->region, &type, realm, next_epoch(realm), hoisted, count,
				 shows_offline(realm));
	map_init_in(&lists->watches, realm->region);
	timer_init(&lists->timer, on_timer);
}

void member_lists_end(struct realm *realm)
{
	struct member_lists *lists = realm->member_lists;
	uint32_t at = 0;
	uint64_t id;
	void *watch;

	if (!lists)
		return;
	timer_clear(&lists->timer);
	lists_free(lists->lists);
	while (map_next(&lists->watches, &at, &id, &watch))
		region_free(realm->region, watch);
	map_done(&lists->watches);
	region_free(realm->region, lists);
	realm->member_lists = NULL;
}

void member_lists_drop(struct realm *realm)
{
	if (realm->member_lists)
		timer_clear(&realm->member_lists->timer);
}

void member_lists_forget(struct realm *realm, uint64_t session)
{
	struct member_lists *lists = realm->member_lists;
	struct list_watch *watch = lists ? map_del(&lists->watches, session) : NULL;

	if (!watch)
		return;
	region_free(realm->region, watch);
	lists_forget(lists->lists, session);
	if (lists->watches.count == 0)
		member_lists_end(realm);
}

static struct list_watch *watch_of(struct member_lists *lists, uint64_t session, uint64_t user_id)
{
	struct list_watch *watch = map_get(&lists->watches, session);

	if (!watch) {
		watch = region_new(lists->realm->region, struct list_watch);
		map_set(&lists->watches, session, watch);
	}
	watch->session = session;
	watch->user_id = user_id;
	return watch;
}

int realm_lists_run(struct txn *txn, struct cell_work *work)
{
	struct realm_lists *in = container_of(work, struct realm_lists, work);
	struct realm *realm = realm_of(txn);
	struct subscriber *subscriber = map_get(&realm->sessions, in->session);
	struct list_want wants[LIST_WANTS_MAX];

	if (!realm->guild || !subscriber || subscriber->bot || subscriber->user_id != in->user_id)
		return 0; /* it asks again when it is in */
	if (in->threads_now) {
		const struct live_member *member = realm_member(realm, in->user_id);

		if (member)
			thread_sync_member(txn, member, NULL,
					   (struct audience){ .session = in->session });
	}
	if (in->thread_lists_again)
		thread_list_watch(txn, subscriber, in->thread_lists, in->thread_lists_count);
	if (in->members_again)
		realm_presence_watch(txn, subscriber, in->members, in->members_count);
	if (!realm->member_lists && !in->channels_count)
		return 0;
	if (!realm->member_lists)
		begin(realm, txn->arena);
	struct member_lists *lists = realm->member_lists;
	if (lists->changed)
		look_again(txn);
	lists_set_totals(lists->lists, realm->members.count, realm->online_count);
	struct list_watch *watch = watch_of(lists, in->session, in->user_id);
	watch->channels_count = in->channels_count;
	memcpy(watch->channels, in->channels, sizeof(watch->channels));
	uint32_t count = wants_of(realm, watch, sight_hash(realm), wants);
	lists_want(lists->lists, txn, in->session, wants, count);
	lists_work(lists->lists, txn, SLICE / 2); /* a small list is made at once */
	for (uint32_t i = 0; i < watch->channels_count; i++)
		watch->channels[i].again = false;
	if (!in->channels_count)
		member_lists_forget(realm, in->session);
	if (realm->member_lists && !lists->posting && lists_busy(lists->lists))
		post_slice(lists);
	return 0;
}
