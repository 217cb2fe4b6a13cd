/* Members as moderators search them: by name, role, time of joining and how they came; and what else is known of them. */
#include <errno.h>
#include <stdlib.h>

#include "api/reach.h"
#include "codec/json.h"
#include "core/fiber.h"
#include "realm/member.h"
#include "realm/member_heap.h"

enum { MEMBER_DID_REJOIN = 1 << 0, QUARANTINED_NAME = 1 << 7 };
enum { SOURCE_UNKNOWN = 0, SOURCE_BOT = 1, SOURCE_INVITE = 5, SOURCE_VANITY = 6 };
enum { COMPARISONS = 5000 }; /* of a sort, before others have their turn */
enum { SORT_JOINED_DOWN = 1, SORT_JOINED_UP, SORT_ID_DOWN, SORT_ID_UP };

static int64_t source_of(const struct realm *realm, const struct member_row *row)
{
	if (row->bot)
		return SOURCE_BOT;
	if (!row->invite_code.len)
		return SOURCE_UNKNOWN;
	return str_eq(row->invite_code, realm->guild->vanity_url_code) ? SOURCE_VANITY
								       : SOURCE_INVITE;
}

static struct member_supplemental supplemental(struct req *req, const struct realm *realm,
					       const struct live_member *found)
{
	struct member *member = arena_new(req->arena, struct member);

	*member = member_view(found->row, arena_new(req->arena, struct user));
	return (struct member_supplemental){ .user_id = found->row->user_id,
					     .source_invite_code = found->row->invite_code,
					     .join_source_type = source_of(realm, found->row),
					     .inviter_id = found->row->inviter_id,
					     .member = member };
}

int api_members_supplemental(struct req *req, const struct member_supplemental_request *in,
			     struct member_supplemental_list *out)
{
	struct reach reach;

	int r = reach_guild(req, PERM_MANAGE_GUILD, &reach);
	if (r)
		return r;
	out->items = arena_array(req->arena, struct member_supplemental, in->user_ids.count + 1);
	for (uint32_t i = 0; i < in->user_ids.count; i++) {
		const struct live_member *member = realm_member(reach.realm, in->user_ids.items[i]);

		if (member)
			out->items[out->count++] = supplemental(req, reach.realm, member);
	}
	return 0;
}

/* -- filters: {"or_query":[...],"and_query":[...],"range":{"gte":n,"lte":n}}, or true and false -- */

static bool same_number(const json_t *json, uint64_t n)
{
	uint64_t said = 0;

	if (json_is_integer(json))
		return (uint64_t)json_integer_value(json) == n;
	return json_is_string(json) && str_u64(str_z(json_string_value(json)), &said) && said == n;
}

static bool in_range(const json_t *range, int64_t n)
{
	const json_t *least = json_object_get(range, "gte"), *most = json_object_get(range, "lte");

	return (!json_is_integer(least) || n >= json_integer_value(least)) &&
		(!json_is_integer(most) || n <= json_integer_value(most));
}

/* One of a list fits, or all of it. @fits is asked for each element. */
static bool list_fits(const json_t *filter,
		      bool (*fits)(const json_t *item, const struct member_row *row),
		      const struct member_row *row)
{
	const json_t *any = json_object_get(filter, "or_query"),
		     *all = json_object_get(filter, "and_query");
	bool found = json_array_size(any) == 0;

	for (size_t i = 0; i < json_array_size(any); i++)
		found |= fits(json_array_get(any, i), row);
	for (size_t i = 0; i < json_array_size(all); i++)
		found &= fits(json_array_get(all, i), row);
	return found;
}

static bool id_fits(const json_t *item, const struct member_row *row)
{
	return same_number(item, row->user_id);
}

static bool name_fits(const json_t *item, const struct member_row *row)
{
	return json_is_string(item) && member_matches(row, str_z(json_string_value(item)));
}

static bool role_fits(const json_t *item, const struct member_row *row)
{
	for (uint32_t i = 0; i < row->roles.count; i++)
		if (same_number(item, row->roles.items[i]))
			return true;
	return false;
}

static bool code_fits(const json_t *item, const struct member_row *row)
{
	return json_is_string(item) && str_eq(str_z(json_string_value(item)), row->invite_code);
}

static bool flag_fits(const json_t *filter, bool is)
{
	return !json_is_boolean(filter) || json_is_true(filter) == is;
}

static bool source_fits(const json_t *filter, int64_t source)
{
	const json_t *any = json_object_get(filter, "or_query");
	bool found = json_array_size(any) == 0;

	for (size_t i = 0; i < json_array_size(any); i++)
		found |= same_number(json_array_get(any, i), (uint64_t)source);
	return found;
}

static bool signals_fit(const json_t *filter, const struct member_row *row)
{
	const json_t *until = json_object_get(filter, "communication_disabled_until");

	return (!until ||
		(row->communication_disabled_until &&
		 in_range(json_object_get(until, "range"),
			  row->communication_disabled_until / 1000))) &&
		flag_fits(json_object_get(filter, "automod_quarantined_username"),
			  row->flags & QUARANTINED_NAME);
}

/* One filter of a query by its name; unknown ones do not narrow anything. */
static bool filter_fits(const struct realm *realm, const char *name, const json_t *filter,
			const struct member_row *row)
{
	struct str key = str_z(name);

	if (str_eq(key, S("user_id")))
		return list_fits(filter, id_fits, row) &&
			in_range(json_object_get(filter, "range"), (int64_t)row->user_id);
	if (str_eq(key, S("usernames")))
		return list_fits(filter, name_fits, row);
	if (str_eq(key, S("role_ids")))
		return list_fits(filter, role_fits, row);
	if (str_eq(key, S("guild_joined_at")))
		return in_range(json_object_get(filter, "range"), row->joined_at / 1000);
	if (str_eq(key, S("is_pending")))
		return flag_fits(filter, row->pending);
	if (str_eq(key, S("did_rejoin")))
		return flag_fits(filter, row->flags & MEMBER_DID_REJOIN);
	if (str_eq(key, S("join_source_type")))
		return source_fits(filter, source_of(realm, row));
	if (str_eq(key, S("source_invite_code")))
		return list_fits(filter, code_fits, row);
	if (str_eq(key, S("safety_signals")))
		return signals_fit(filter, row);
	return true;
}

static bool query_fits(const struct realm *realm, json_t *query, bool all,
		       const struct member_row *row)
{
	const char *name;
	json_t *filter;

	if (!json_object_size(query))
		return true;
	json_object_foreach(query, name,
			    filter) if (filter_fits(realm, name, filter, row) != all) return !all;
	return all;
}

/* -- order and pages -- */

/* A member that fits, by what it is sorted by. */
struct hit {
	uint64_t id;
	int64_t joined_at;
};

/* How hits are put in order, and by whom: there may be a million. */
struct order {
	struct core *core;
	bool joined;
	uint32_t compared;
};

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct hit *)a)->id, y = ((const struct hit *)b)->id;

	return x < y ? -1 : x > y;
}

static int by_joined(const void *a, const void *b)
{
	int64_t x = ((const struct hit *)a)->joined_at, y = ((const struct hit *)b)->joined_at;

	return x != y ? (x < y ? -1 : 1) : by_id(a, b);
}

static int compare(const void *a, const void *b, void *context)
{
	struct order *order = context;

	if (++order->compared % COMPARISONS == 0)
		fiber_yield(order->core);
	return order->joined ? by_joined(a, b) : by_id(a, b);
}

/* Where a page begins: {"user_id":"..","guild_joined_at":ms}. The last member of the page before it, which is left out. */
static uint64_t cursor_of(json_t *json)
{
	const json_t *id = json_object_get(json, "user_id");
	uint64_t n = 0;

	if (json_is_integer(id))
		return (uint64_t)json_integer_value(id);
	return json_is_string(id) && str_u64(str_z(json_string_value(id)), &n) ? n : 0;
}

struct search {
	json_t *any, *all, *before, *after;
};

static json_t *parse(struct str text)
{
	return text.ptr ? json_parse(text) : NULL;
}

static void done(struct search *search)
{
	json_decref(search->any);
	json_decref(search->all);
	json_decref(search->before);
	json_decref(search->after);
}

static int gather_wait(struct txn *txn, const struct search *search, struct hit *found,
		       uint32_t max, uint32_t *ret_count)
{
	struct realm *realm = realm_of(txn);
	CLEANUP(member_walk_done) struct member_walk walk = { .realm = realm };
	const struct live_member *member;
	uint32_t count = 0;
	int r = 0;

	while (count < max && (member = member_walk_next_wait(&walk, txn, &r)))
		if (query_fits(realm, search->any, false, member->row) &&
		    query_fits(realm, search->all, true, member->row))
			found[count++] = (struct hit){ member->row->user_id,
						       member->row->joined_at };
	*ret_count = count;
	return r;
}

static void turn(struct hit *list, uint32_t count)
{
	for (uint32_t i = 0; i < count / 2; i++) {
		struct hit swap = list[i];

		list[i] = list[count - 1 - i];
		list[count - 1 - i] = swap;
	}
}

/* The index after @cursor's member; 0 when there is none. */
static uint32_t behind(const struct hit *list, uint32_t count, uint64_t cursor)
{
	for (uint32_t i = 0; cursor && i < count; i++)
		if (list[i].id == cursor)
			return i + 1;
	return 0;
}

int api_search_guild_members_moderation(struct req *req, const struct member_search_moderation *in,
					struct member_search_result *out)
{
	int64_t sort = in->has.sort && !in->null.sort ? in->sort : SORT_JOINED_DOWN;
	struct reach reach;

	int r = reach_guild(req, PERM_MANAGE_GUILD, &reach);
	if (r)
		return r;
	struct search search = { parse(in->or_query), parse(in->and_query), parse(in->before),
				 parse(in->after) };
	uint32_t max = reach.realm->members.count, count;
	struct hit *found = arena_array(req->arena, struct hit, max + 1);
	struct order order = { .core = req->core,
			       .joined = sort == SORT_JOINED_DOWN || sort == SORT_JOINED_UP };
	r = gather_wait(req->txn, &search, found, max, &count);
	if (!r) {
		qsort_r(found, count, sizeof(*found), compare, &order);
		r = reach_guild(req, PERM_MANAGE_GUILD, &reach);
	}
	if (r) {
		done(&search);
		return r;
	}
	if (sort == SORT_JOINED_DOWN || sort == SORT_ID_DOWN)
		turn(found, count);
	uint32_t from = behind(found, count, cursor_of(search.after)), to = count;
	if (search.before) {
		uint32_t end = behind(found, count, cursor_of(search.before));

		to = end ? end - 1 : count;
		from = to > in->limit ? to - (uint32_t)in->limit : 0;
	}
	done(&search);
	*out = (struct member_search_result){ .guild_id = req->cell->id,
					      .total_result_count = count };
	out->members.items = arena_array(req->arena, struct member_supplemental, in->limit + 1);
	for (uint32_t i = from; i < to && out->members.count < in->limit; i++) {
		const struct live_member *member = realm_member(reach.realm, found[i].id);

		if (member) /* still */
			out->members.items[out->members.count++] = supplemental(req, reach.realm,
										member);
	}
	out->page_result_count = out->members.count;
	return 0;
}
