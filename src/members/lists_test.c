/* Lists against a plain model: members sorted anew for each look. Clients know nothing but what they were sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/region.h"
#include "members/internal.h"
#include "members/lists.h"
#include "members/order.h"

enum {
	MEMBERS = 450,
	ROLES = 6,
	LISTS = 3,
	CLIENTS = 10,
	ROWS = 800,
	OPERATIONS = 1000000,
	TAG_GROUP = 1u << 31,
};

struct member {
	struct listed listed;
	uint32_t id, version;
	bool here, online;
	char name[8];
	uint64_t roles[ROLES];
	uint32_t roles_count;
};

/* A row as a client has it: 0 is unknown. */
struct client_row {
	uint32_t handle, version;
};

struct client_list {
	bool watched;
	uint32_t ranges[LIST_RANGES_MAX];
	uint32_t ranges_count;
	struct client_row rows[ROWS];
	struct list_group groups[ROLES + 2];
	uint32_t groups_count;
};

struct world {
	struct random_seeded random;
	struct region region;
	struct lists *lists;
	uint32_t epoch;
	struct member members[MEMBERS];
	uint32_t here;
	uint64_t hoisted[ROLES];
	uint32_t hoisted_count;
	bool offline;
	uint32_t sees[LISTS]; /* roles that see it, by bit; list 0: all */
	uint64_t sight;
	struct client_list clients[CLIENTS][LISTS];
	uint32_t updates, ops[5], checked, checked_busy;
};

static uint32_t below(struct world *world, uint32_t n)
{
	return (uint32_t)random_below(&world->random.random, n);
}

static struct member *member_of(const struct listed *listed)
{
	return container_of(listed, struct member, listed);
}

static int compare(void *owner, const void *a, const void *b)
{
	const struct member *x = member_of(a), *y = member_of(b);

	(void)owner;
	int order = names_compare(str_z(x->name), str_z(y->name));

	return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

static uint64_t key(void *owner, const void *listed)
{
	(void)owner;
	return name_prefix(str_z(member_of(listed)->name));
}

static uint64_t id_of(void *owner, const struct listed *listed)
{
	(void)owner;
	return member_of(listed)->id;
}

static void facts(void *owner, const struct listed *listed, struct listed_facts *ret)
{
	const struct member *member = member_of(listed);

	(void)owner;
	*ret = (struct listed_facts){ member->online, member->roles, member->roles_count };
}

static bool sees(void *owner, const struct listed *listed, uint64_t channel_id)
{
	const struct world *world = owner;
	const struct member *member = member_of(listed);

	for (uint32_t i = 0; i < member->roles_count; i++)
		if (world->sees[channel_id - 1] >> (member->roles[i] - 100) & 1)
			return true;
	return channel_id == 1;
}

static struct listed *find(void *owner, uint64_t id)
{
	struct world *world = owner;
	struct member *member = &world->members[id - 1];

	return member->here ? &member->listed : NULL;
}

static struct listed *next(void *owner, uint32_t *at)
{
	struct world *world = owner;

	while (*at < MEMBERS) {
		struct member *member = &world->members[(*at)++];

		if (member->here)
			return &member->listed;
	}
	return NULL;
}

/* -- a client -- */

static struct client_row row_seen(const struct list_row *row)
{
	if (!row->member)
		return (struct client_row){ TAG_GROUP | (uint32_t)row->group.id, 0 };
	return (struct client_row){ member_of(row->member)->id, member_of(row->member)->version };
}

static void apply(struct client_list *client, const struct list_op *op)
{
	struct client_row *at = &client->rows[op->low];

	switch (op->kind) {
	case LIST_SYNC:
		assert_int_equal(op->high, op->low + LIST_RANGE - 1);
		memset(at, 0, LIST_RANGE * sizeof(*at));
		for (uint32_t i = 0; i < op->rows_count; i++)
			at[i] = row_seen(&op->rows[i]);
		break;
	case LIST_INVALIDATE: memset(at, 0, LIST_RANGE * sizeof(*at)); break;
	case LIST_INSERT:
		memmove(at + 1, at, (ROWS - op->low - 1) * sizeof(*at));
		*at = row_seen(op->rows);
		break;
	case LIST_UPDATE:
		assert_int_equal(at->handle, row_seen(op->rows).handle);
		*at = row_seen(op->rows);
		break;
	case LIST_DELETE:
		memmove(at, at + 1, (ROWS - op->low - 1) * sizeof(*at));
		client->rows[ROWS - 1] = (struct client_row){};
		break;
	}
}

static void send(void *owner, void *to, const struct list_update *update)
{
	struct world *world = owner;
	uint32_t list = (uint32_t)atoi(update->id);

	assert_ptr_equal(to, &world->here);
	world->updates++;
	for (uint32_t i = 0; i < update->sessions_count; i++) {
		struct client_list *client = &world->clients[update->sessions[i] - 1][list];

		for (uint32_t k = 0; k < update->ops_count; k++)
			apply(client, &update->ops[k]);
		client->groups_count = update->groups_count;
		memcpy(client->groups, update->groups,
		       update->groups_count * sizeof(*update->groups));
	}
	for (uint32_t k = 0; k < update->ops_count; k++)
		world->ops[update->ops[k].kind]++;
}

static const struct lists_type type = { { key, compare }, id_of, facts, sees, find, next, send };

/* -- the model -- */

struct model {
	struct client_row rows[MEMBERS + ROLES + 2];
	uint32_t count;
	struct list_group groups[ROLES + 2];
	uint32_t groups_count;
};

static uint64_t group_of(const struct world *world, const struct member *member)
{
	if (!member->online)
		return LIST_OFFLINE;
	for (uint32_t i = 0; i < world->hoisted_count; i++)
		for (uint32_t k = 0; k < member->roles_count; k++)
			if (member->roles[k] == world->hoisted[i])
				return member->roles[k];
	return LIST_ONLINE;
}

static int compare_pointers(const void *a, const void *b)
{
	return compare(NULL, *(void *const *)a, *(void *const *)b);
}

static void model_group(struct world *world, uint32_t list, uint64_t id, struct model *model)
{
	struct listed *found[MEMBERS];
	uint32_t count = 0;

	for (uint32_t i = 0; i < MEMBERS; i++) {
		struct member *member = &world->members[i];

		if (member->here && group_of(world, member) == id &&
		    sees(world, &member->listed, list + 1))
			found[count++] = &member->listed;
	}
	if (!count || (id == LIST_OFFLINE && !world->offline))
		return;
	qsort(found, count, sizeof(*found), compare_pointers);
	model->groups[model->groups_count++] = (struct list_group){ id, count };
	model->rows[model->count++] = (struct client_row){ TAG_GROUP | (uint32_t)id, 0 };
	for (uint32_t i = 0; i < count; i++)
		model->rows[model->count++] = row_seen(&(struct list_row){ .member = found[i] });
}

static void model_make(struct world *world, uint32_t list, struct model *model)
{
	model->count = model->groups_count = 0;
	for (uint32_t i = 0; i < world->hoisted_count; i++)
		model_group(world, list, world->hoisted[i], model);
	model_group(world, list, LIST_ONLINE, model);
	model_group(world, list, LIST_OFFLINE, model);
}

static void check_client(const struct client_list *client, const struct model *model)
{
	assert_int_equal(client->groups_count, model->groups_count);
	for (uint32_t i = 0; i < model->groups_count; i++) {
		assert_int_equal(client->groups[i].id, model->groups[i].id);
		assert_int_equal(client->groups[i].count, model->groups[i].count);
	}
	for (uint32_t i = 0; i < client->ranges_count; i++)
		for (uint32_t at = client->ranges[i]; at < client->ranges[i] + LIST_RANGE; at++) {
			struct client_row want = at < model->count ? model->rows[at]
								   : (struct client_row){};

			if (client->rows[at].handle != want.handle ||
			    client->rows[at].version != want.version)
				fail_msg("row %u is %u.%u, not %u.%u", at, client->rows[at].handle,
					 client->rows[at].version, want.handle, want.version);
		}
}

static void work(struct world *world, uint32_t steps)
{
	if (!world->lists)
		return;
	bool more = lists_work(world->lists, &world->here, steps);
	assert_int_equal(more, lists_busy(world->lists));
}

static void work_all(struct world *world)
{
	while (world->lists && lists_work(world->lists, &world->here, 1 + below(world, 100)))
		;
}

/* It is whole, and nobody waits for it. */
static bool at_rest(const struct world *world, uint32_t list)
{
	char id[LIST_ID_MAX];

	snprintf(id, sizeof(id), "%u", list);
	const struct roster *roster = roster_find(world->lists, id);

	return roster && roster_ready(roster) && !roster->pending;
}

static void flush_and_check(struct world *world)
{
	static struct model model;

	if (!world->lists)
		return;
	lists_flush(world->lists, &world->here);
	assert_false(lists_dirty(world->lists));
	for (uint32_t list = 0; list < LISTS; list++) {
		bool made = false;

		if (!at_rest(world, list))
			continue;
		world->checked++;
		world->checked_busy += lists_busy(world->lists);
		for (uint32_t i = 0; i < CLIENTS; i++) {
			const struct client_list *client = &world->clients[i][list];

			if (!client->watched)
				continue;
			if (!made)
				model_make(world, list, &model);
			made = true;
			check_client(client, &model);
		}
	}
}

/* -- what happens -- */

static void want(struct world *world, uint32_t client, bool again)
{
	struct list_want wants[LISTS] = {};
	uint32_t count = 0;

	for (uint32_t list = 0; list < LISTS; list++) {
		const struct client_list *state = &world->clients[client][list];

		if (!state->watched)
			continue;
		struct list_want *one = &wants[count++];
		snprintf(one->id, sizeof(one->id), "%u", list);
		one->channel_id = list + 1;
		one->all = list == 0;
		one->sight = world->sight;
		one->again = again;
		one->ranges_count = state->ranges_count;
		memcpy(one->ranges, state->ranges, sizeof(one->ranges));
	}
	if (!world->lists && count)
		world->lists = lists_new(&world->region, &type, world, ++world->epoch,
					 world->hoisted, world->hoisted_count, world->offline);
	if (world->lists)
		lists_want(world->lists, &world->here, client + 1, wants, count);
	if (world->lists && !lists_watchers(world->lists)) {
		lists_free(world->lists);
		world->lists = NULL;
		assert_int_equal(world->region.bytes, 0);
	}
}

static void all_want_again(struct world *world)
{
	for (uint32_t i = 0; i < CLIENTS; i++)
		want(world, i, false);
}

static void client_changes(struct world *world)
{
	uint32_t client = below(world, CLIENTS);
	struct client_list *state = &world->clients[client][below(world, LISTS)];

	if (below(world, 40) == 0 && world->lists) { /* gone without a word */
		lists_forget(world->lists, client + 1);
		memset(world->clients[client], 0, sizeof(world->clients[client]));
		return;
	}
	state->watched = below(world, 4) != 0;
	state->ranges_count = 0;
	for (uint32_t low = 0; state->watched && low < MEMBERS + 200; low += LIST_RANGE)
		if (below(world, 3) == 0 || (low == 0 && below(world, 2)))
			state->ranges[state->ranges_count++] = low;
	if (state->ranges_count == 0)
		state->watched = false;
	want(world, client, below(world, 3) == 0);
}

static void rename_member(struct world *world, struct member *member)
{
	uint32_t length = 1 + below(world, 3);

	for (uint32_t i = 0; i < length; i++)
		member->name[i] = "abAB\xc3\xa4"[below(world, 4)];
	member->name[length] = 0;
}

static void choose_roles(struct world *world, struct member *member)
{
	member->roles_count = 0;
	for (uint32_t i = 0; i < ROLES; i++)
		if (below(world, 5) == 0)
			member->roles[member->roles_count++] = 100 + i;
}

static void member_changes(struct world *world)
{
	struct member *member = &world->members[below(world, MEMBERS)];
	uint32_t what = below(world, 20);

	if (member->here && what < 5) {
		member->version++;
		if (world->lists)
			lists_touch(world->lists, &member->listed);
		return;
	}
	if (member->here && world->lists)
		lists_out(world->lists, &member->listed);
	member->version++;
	if (!member->here) {
		member->here = true;
		member->listed = (struct listed){};
		world->here++;
	} else if (what == 5) {
		member->here = false;
		world->here--;
	} else if (what < 12) {
		member->online = !member->online;
	} else if (what < 16) {
		rename_member(world, member);
	} else {
		choose_roles(world, member);
	}
	if (member->here && world->lists)
		lists_in(world->lists, &member->listed);
}

static void roles_change(struct world *world)
{
	world->hoisted_count = 0;
	for (uint32_t i = 0; i < ROLES; i++) {
		if (below(world, 4) == 0)
			continue;
		uint32_t at = below(world, world->hoisted_count + 1);

		memmove(&world->hoisted[at + 1], &world->hoisted[at],
			(world->hoisted_count - at) * sizeof(world->hoisted[0]));
		world->hoisted[at] = 100 + i;
		world->hoisted_count++;
	}
	world->offline = below(world, 4) != 0;
	if (world->lists)
		lists_set_groups(world->lists, world->hoisted, world->hoisted_count,
				 world->offline);
}

static void sight_changes(struct world *world)
{
	world->sees[1 + below(world, LISTS - 1)] = below(world, 1 << ROLES);
	world->sight++;
	all_want_again(world);
}

static void step(struct world *world)
{
	uint32_t what = below(world, 2000);

	if (what < 2)
		roles_change(world);
	else if (what < 4)
		sight_changes(world);
	else if (what < 10)
		client_changes(world);
	else if (what < 30)
		flush_and_check(world);
	else if (what < 52)
		work(world, 1 + below(world, 150));
	else if (what < 55)
		work_all(world);
	else
		member_changes(world);
}

static struct world *world_new(uint64_t seed)
{
	struct world *world = calloc(1, sizeof(*world));

	random_seeded_init(&world->random, seed);
	region_init(&world->region);
	world->offline = true;
	for (uint32_t i = 0; i < MEMBERS; i++) {
		world->members[i].id = i + 1;
		rename_member(world, &world->members[i]);
		choose_roles(world, &world->members[i]);
	}
	roles_change(world);
	return world;
}

static void world_free(struct world *world)
{
	lists_free(world->lists);
	assert_int_equal(world->region.bytes, 0);
	region_drop(&world->region);
	free(world);
}

static void every_client_sees_what_a_plain_model_has(void **state)
{
	struct world *world = world_new(1);

	(void)state;
	for (uint32_t i = 0; i < OPERATIONS; i++)
		step(world);
	work_all(world);
	flush_and_check(world);
	for (int kind = 0; kind < 5; kind++)
		assert_true(world->ops[kind] > 1000);
	print_message("# %u lists looked at, %u of them while others were being made\n",
		      world->checked, world->checked_busy);
	assert_true(world->checked > 10000 && world->checked_busy > 500);
	print_message("# %u updates: %u syncs, %u invalidations, %u insertions, %u updates, %u "
		      "deletions\n",
		      world->updates, world->ops[LIST_SYNC], world->ops[LIST_INVALIDATE],
		      world->ops[LIST_INSERT], world->ops[LIST_UPDATE], world->ops[LIST_DELETE]);
	world_free(world);
}

static void a_client_at_ease_is_told_of_one_change_in_few_words(void **state)
{
	struct world *world = world_new(2);

	(void)state;
	for (uint32_t i = 0; i < 80; i++) {
		world->members[i] = (struct member){ .id = i + 1, .here = true, .online = true };
		snprintf(world->members[i].name, sizeof(world->members[i].name), "n%02u", i);
	}
	world->clients[0][0] =
		(struct client_list){ .watched = true, .ranges = { 0 }, .ranges_count = 1 };
	want(world, 0, false);
	assert_int_equal(world->ops[LIST_SYNC], 0);
	work(world, 100);
	flush_and_check(world);
	assert_int_equal(world->ops[LIST_SYNC], 0); /* not before it is whole */
	work_all(world);
	assert_int_equal(world->ops[LIST_SYNC], 1);
	world->updates = 0;
	flush_and_check(world);

	struct listed *member = &world->members[40].listed;
	assert_int_equal(lists_position(world->lists, "0", member), 41);
	assert_ptr_equal(lists_at(world->lists, "0", 41).member, member);
	lists_out(world->lists, member);
	world->members[40].online = false;
	world->members[40].version++;
	lists_in(world->lists, member);
	world->updates = 0;
	flush_and_check(world);
	assert_int_equal(world->updates, 1);
	assert_int_equal(world->ops[LIST_SYNC], 1);
	assert_int_equal(world->ops[LIST_DELETE], 1);
	if (world->offline) {
		assert_int_equal(world->ops[LIST_INSERT], 2); /* the header of "offline", too */
		assert_int_equal(lists_position(world->lists, "0", member), 81);
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_client_sees_what_a_plain_model_has),
		cmocka_unit_test(a_client_at_ease_is_told_of_one_change_in_few_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
