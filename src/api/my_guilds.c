/* The guilds that somebody is in: the list is the user's, what it says comes from the guilds, all asked at once. */
#include <errno.h>
#include <stdlib.h>

#include "api/reach.h"
#include "cell/many.h"
#include "codec/dup.h"
#include "user/user.h"

struct asked {
	uint64_t user_id;
	bool counts;
	struct guild *
		view; /* one malloc block, made by the guild's core; NULL: not in it (any more), or out of reach */
};

static int run_ask(struct txn *txn, void *arg)
{
	struct asked *asked = arg;
	struct realm *realm = realm_of(txn);
	const struct live_member *member = realm_member(realm, asked->user_id);

	if (!member)
		return ERR_UNKNOWN_GUILD;
	struct guild view = *realm->guild;
	view.owner = perms_is_owner(realm, member);
	view.permissions = perms_base(realm, member);
	view.has.owner = view.has.permissions = true;
	if (asked->counts) {
		view.approximate_member_count = realm->members.count;
		view.approximate_presence_count = realm->online_count;
		view.has.approximate_member_count = view.has.approximate_presence_count = true;
	}
	asked->view = obj_dup(&desc_guild, &view);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A page of ids, ascending; with `before` alone the highest below it. */
static uint64_t *page_of(struct req *req, const struct my_guilds_query *query, uint32_t *ret_count)
{
	const struct user_state *user = user_of(req->txn);
	uint64_t *ids = arena_array(req->arena, uint64_t, user->guilds.count + 1);
	uint32_t at = 0, count = 0, limit = (uint32_t)query->limit;
	uint64_t id;
	void *value;

	while (map_next(&user->guilds, &at, &id, &value))
		if ((!query->has.after || id > query->after) &&
		    (!query->has.before || id < query->before))
			ids[count++] = id;
	qsort(ids, count, sizeof(*ids), compare_ids);
	*ret_count = MIN(count, limit);
	return query->has.before && !query->has.after ? ids + count - *ret_count : ids;
}

int api_list_my_guilds(struct req *req, const struct my_guilds_query *query, struct guild_list *out)
{
	uint32_t count;
	uint64_t *ids = page_of(req, query, &count);
	struct asked *asked = arena_array(req->arena, struct asked, count + 1);
	int *results = arena_array(req->arena, int, count + 1);

	for (uint32_t i = 0; i < count; i++)
		asked[i] = (struct asked){ .user_id = req->who.user_id,
					   .counts = query->with_counts };
	/* A guild that cannot answer now is left out. */
	cell_call_many_wait(req->core, CELL_GUILD, ids, count, false, run_ask, asked,
			    sizeof(*asked), results);
	out->items = arena_array(req->arena, struct guild, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (!asked[i].view)
			continue;
		out->items[out->count++] = *(struct guild *)obj_dup_arena(req->arena, &desc_guild,
									  asked[i].view);
		free(asked[i].view);
	}
	return 0;
}
