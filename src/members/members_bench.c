/* Figures at a million members: bench_members [MEMBERS [ONLINE [LISTS]]]. What a position costs, what a change costs, what a
 * flush costs a watcher, and what the lists take in memory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/region.h"
#include "members/lists.h"
#include "members/order.h"

enum { ROLES = 20, ROUNDS = 200000, FLUSHES = 1000, WATCHERS = 8, SLICE = 400 };

struct member {
	struct listed listed;
	uint32_t id;
	bool online;
	uint8_t roles_count;
	uint64_t roles[3];
	char name[20];
};

struct world {
	struct member *members;
	uint32_t count, lists;
	uint64_t ops;
};

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

/* The first list is everybody's, the others' every other role's. */
static bool sees(void *owner, const struct listed *listed, uint64_t channel_id)
{
	const struct member *member = member_of(listed);

	(void)owner;
	for (uint32_t i = 0; i < member->roles_count; i++)
		if ((member->roles[i] + channel_id) % 2)
			return true;
	return false;
}

static struct listed *find(void *owner, uint64_t id)
{
	struct world *world = owner;

	return &world->members[id - 1].listed;
}

static struct listed *next(void *owner, uint32_t *at)
{
	struct world *world = owner;

	return *at < world->count ? &world->members[(*at)++].listed : NULL;
}

static void send(void *owner, void *to, const struct list_update *update)
{
	struct world *world = owner;

	(void)to;
	world->ops += update->ops_count;
}

static const struct lists_type type = { { key, compare }, id_of, facts, sees, find, next, send };

/* Of the processor: the machine may have other things to do. */
static uint64_t now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void make_members(struct world *world, uint32_t online, struct random *random)
{
	static const char *const syllables[] = { "an", "be", "cor", "da", "el", "fi", "gu",
						 "Ha", "io", "jo",  "ka", "li", "mo", "na",
						 "or", "pe", "qu",  "ri", "sa", "To" };

	for (uint32_t i = 0; i < world->count; i++) {
		struct member *member = &world->members[i];
		size_t len = 0;

		member->id = i + 1;
		member->online = random_below(random, world->count) < online;
		for (int n = 0; n < 4; n++)
			len += (size_t)snprintf(member->name + len, sizeof(member->name) - len,
						"%s", syllables[random_below(random, 20)]);
		snprintf(member->name + len, sizeof(member->name) - len, "%02u",
			 (unsigned)random_below(random, 100));
		for (uint32_t r = 0; r < 3; r++)
			if (random_below(random, 3) == 0)
				member->roles[member->roles_count++] = 100 +
					random_below(random, ROLES);
	}
}

static struct list_want want_of(uint32_t list, uint32_t low)
{
	struct list_want want = {
		.channel_id = list + 1, .all = list == 0, .ranges_count = 2, .ranges = { 0, low }
	};

	snprintf(want.id, sizeof(want.id), "%u", list);
	return want;
}

static struct member *any(struct world *world, struct random *random)
{
	return &world->members[random_below(random, world->count)];
}

static void report(const char *what, uint64_t us, uint64_t count)
{
	printf("%-44s %8.3f us\n", what, (double)us / (double)count);
}

static void measure(struct world *world, struct lists *lists, struct random *random)
{
	volatile uint64_t sink = 0;
	uint64_t begin = now_us();

	for (uint32_t i = 0; i < ROUNDS; i++)
		sink += lists_position(lists, "0", &any(world, random)->listed);
	report("position of a member", now_us() - begin, ROUNDS);
	begin = now_us();
	for (uint32_t i = 0; i < ROUNDS; i++)
		sink += (uintptr_t)lists_at(lists, "0",
					    (uint32_t)random_below(random, world->count))
				.member;
	report("member at a position", now_us() - begin, ROUNDS);
	begin = now_us();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct member *member = any(world, random);

		lists_out(lists, &member->listed);
		member->online = !member->online;
		lists_in(lists, &member->listed);
	}
	report("status change, all lists", now_us() - begin, ROUNDS);
	begin = now_us();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct member *member = any(world, random);

		lists_out(lists, &member->listed);
		if (member->roles_count)
			member->roles[0] = 100 + random_below(random, ROLES);
		lists_in(lists, &member->listed);
	}
	report("role change, all lists", now_us() - begin, ROUNDS);
	lists_flush(lists, NULL);
	begin = now_us();
	for (uint32_t i = 0; i < FLUSHES; i++) {
		struct member *member = any(world, random);

		lists_out(lists, &member->listed);
		member->online = !member->online;
		lists_in(lists, &member->listed);
		lists_flush(lists, NULL);
	}
	report("change and flush, for each view", now_us() - begin,
	       FLUSHES * WATCHERS * world->lists);
}

/* A slice as a realm does it; the longest one of them. */
static uint64_t work(struct lists *lists)
{
	uint64_t longest = 0, begin = now_us();

	while (lists_work(lists, NULL, SLICE)) {
		uint64_t now = now_us();

		longest = MAX(longest, now - begin);
		begin = now;
	}
	return longest;
}

int main(int argc, char **argv)
{
	struct world world = { .count = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000 };
	uint32_t online = argc > 2 ? (uint32_t)atoi(argv[2]) : world.count;
	struct random_seeded random;
	uint64_t hoisted[ROLES / 2];
	struct region region;

	world.lists = argc > 3 ? (uint32_t)atoi(argv[3]) : 3;
	world.members = mem_zalloc(world.count * sizeof(*world.members));
	random_seeded_init(&random, 1);
	region_init(&region);
	make_members(&world, online, &random.random);
	for (uint32_t i = 0; i < ROLES / 2; i++)
		hoisted[i] = 100 + i;
	printf("%u members, %u online, %u lists\n", world.count, online, world.lists);
	uint64_t begin = now_us();
	struct lists *lists = lists_new(&region, &type, &world, 1, hoisted, ROLES / 2,
					world.count <= 1000);
	uint64_t longest = work(lists);
	report("groups of all members", now_us() - begin, 1);
	report("  longest slice", longest, 1);
	for (uint32_t list = 0; list < world.lists; list++) {
		begin = now_us();
		for (uint32_t i = 0; i < WATCHERS; i++) {
			struct list_want want = want_of(list, (i + 1) * 1000);

			lists_want(lists, NULL, list * WATCHERS + i + 1, &want, 1);
		}
		longest = work(lists);
		report("a list, built", now_us() - begin, 1);
		report("  longest slice", longest, 1);
	}
	printf("%-44s %8.1f MB\n", "memory of all lists", (double)region.bytes / 1e6);
	measure(&world, lists, &random.random);
	printf("%" PRIu64 " changes of rows sent\n", world.ops);
	lists_free(lists);
	region_drop(&region);
	free(world.members);
	return 0;
}
