/* Bans: one, many, listed, lifted. */
#include <errno.h>
#include <stdlib.h>

#include "api/reach.h"
#include "codec/dup.h"
#include "message/purge.h"
#include "model/limits.h"
#include "realm/ban.h"
#include "realm/join.h"
#include "realm/member.h"
#include "user/user.h"

/* -- read -- */

static void view_of(struct req *req, const struct ban_row *row, struct ban *ret)
{
	ret->user = arena_new(req->arena, struct user);
	*ret->user = ban_user(row);
	ret->reason = row->reason;
}

int api_list_guild_bans(struct req *req, const struct bans_query *query, struct ban_list *out)
{
	struct key key, from_key, to_key;
	struct str from = {}, to = {};
	struct store_row *rows;
	struct reach reach;
	uint32_t count;

	int r = reach_guild(req, PERM_BAN_MEMBERS, &reach);
	if (r)
		return r;
	if (query->has.before)
		to = key_ban(&to_key, req->cell->id, query->before);
	else if (query->has.after && query->after < UINT64_MAX)
		from = key_ban(&from_key, req->cell->id, query->after + 1);
	r = txn_scan_wait(req->txn, prefix_ban(&key, req->cell->id), from, to, query->has.before,
			  (uint32_t)query->limit, &rows, &count);
	if (r)
		return r;
	out->items = arena_array(req->arena, struct ban, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		struct ban_row row = {};

		/* Always ascending, whichever way they were read. The rows live in the transaction's arena. */
		if (row_get(rows[query->has.before ? count - 1 - i : i].value, &desc_ban_row,
			    req->arena, &row))
			return -EBADMSG;
		view_of(req, obj_dup_arena(req->arena, &desc_ban_row, &row),
			&out->items[out->count++]);
	}
	return 0;
}

int api_get_guild_ban(struct req *req, struct ban *out)
{
	struct ban_row row = {};
	struct reach reach;
	struct key key;

	int r = reach_guild(req, PERM_BAN_MEMBERS, &reach);
	if (!r)
		r = txn_get_obj_wait(req->txn, key_ban(&key, req->cell->id, req->path.user_id),
				     &desc_ban_row, &row);
	if (r)
		return r == ENOENT ? ERR_UNKNOWN_BAN : r;
	view_of(req, obj_dup_arena(req->arena, &desc_ban_row, &row), out);
	return 0;
}

/* -- change -- */

/* Members are banned by those above them, others by anybody who may ban. */
static int check_rank(const struct reach *reach, uint64_t user_id)
{
	const struct live_member *member = realm_member(reach->realm, user_id);

	return !member || perms_above(reach->realm, reach->member, member)
		? 0
		: ERR_MISSING_PERMISSIONS;
}

/* Who that is: a copy that outlives the member's row. */
static int find_user_wait(struct req *req, uint64_t user_id, struct user *ret)
{
	const struct live_member *member = realm_member(realm_of(req->txn), user_id);

	if (!member)
		return user_public_wait(req->core, req->arena, user_id, ret);
	struct user user = member_user(member->row);
	*ret = *(struct user *)obj_dup_arena(req->arena, &desc_user, &user);
	return 0;
}

static struct str reason_of(const struct req *req, struct str in_body)
{
	return req_reason(req).len ? req_reason(req) : in_body.len ? in_body : (struct str){};
}

/* How far back messages go: said in the body, in the query (discord.py), in seconds or in days. */
static int64_t seconds_of(const struct ban_create *in, const struct ban_query *query)
{
	if (in->has.delete_message_seconds && !in->null.delete_message_seconds)
		return in->delete_message_seconds;
	if (in->has.delete_message_days && !in->null.delete_message_days)
		return in->delete_message_days * 86400;
	return query->has.delete_message_seconds ? query->delete_message_seconds
						 : query->delete_message_days * 86400;
}

int api_ban_user_from_guild(struct req *req, const struct ban_create *in,
			    const struct ban_query *query)
{
	uint64_t user_id = req->path.user_id;
	struct txn *txn = req->txn;
	struct ban_row old = {};
	struct reach reach;
	struct user user;

	int r = reach_guild(req, PERM_BAN_MEMBERS, &reach);
	if (!r)
		r = check_rank(&reach, user_id);
	if (!r)
		r = find_user_wait(req, user_id, &user);
	if (!r)
		r = realm_leave_prepare_wait(txn);
	if (r)
		return r;
	r = ban_lock_wait(txn, user_id, &old);
	if (r != ENOENT)
		return r; /* banned before */
	r = reach_guild(req, PERM_BAN_MEMBERS, &reach);
	if (!r)
		r = check_rank(&reach, user_id);
	if (r)
		return r;
	ban_put(txn, req->who.user_id, &user, reason_of(req, in->reason));
	purge_authors(txn, &user_id, 1, seconds_of(in, query));
	return 0;
}

int api_unban_user_from_guild(struct req *req)
{
	struct ban_row row = {};
	struct reach reach;

	int r = reach_guild(req, PERM_BAN_MEMBERS, &reach);
	if (!r)
		r = ban_lock_wait(req->txn, req->path.user_id, &row);
	if (r)
		return r == ENOENT ? ERR_UNKNOWN_BAN : r;
	r = reach_guild(req, PERM_BAN_MEMBERS, &reach);
	if (r)
		return r;
	ban_del(req->txn, req->who.user_id, &row, req_reason(req));
	return 0;
}

/* -- many -- */

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Those who can be banned: known, below the caller, not banned yet. Their rows are locked, in ascending order. */
static int gather_wait(struct req *req, const struct u64_list *ids, struct user *users,
		       uint32_t *ret_count)
{
	uint64_t *sorted = arena_dup(req->arena, ids->items, ids->count * sizeof(uint64_t));
	uint32_t count = 0;

	qsort(sorted, ids->count, sizeof(uint64_t), compare_ids);
	for (uint32_t i = 0; i < ids->count; i++) {
		struct ban_row old = {};

		int r = find_user_wait(req, sorted[i], &users[count]);
		if (r == ERR_UNKNOWN_USER)
			continue;
		if (r)
			return r;
		r = ban_lock_wait(req->txn, sorted[i], &old);
		if (r && r != ENOENT)
			return r;
		count += r == ENOENT;
	}
	*ret_count = count;
	return 0;
}

static bool listed(const struct u64_list *list, uint64_t id)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->items[i] == id)
			return true;
	return false;
}

int api_bulk_ban_users_from_guild(struct req *req, const struct bulk_ban_create *in,
				  struct bulk_ban *out)
{
	const uint64_t need = PERM_BAN_MEMBERS | PERM_MANAGE_GUILD;
	struct user *users = arena_array(req->arena, struct user, in->user_ids.count);
	struct reach reach;
	uint32_t count = 0, kept = 0;

	int r = reach_guild(req, need, &reach);
	if (!r)
		r = realm_leave_prepare_wait(req->txn);
	if (!r)
		r = gather_wait(req, &in->user_ids, users, &count);
	if (!r)
		r = reach_guild(req, need, &reach);
	if (r)
		return r;
	for (uint32_t i = 0; i < count; i++)
		if (check_rank(&reach, users[i].id) == 0)
			users[kept++] = users[i];
	if (!kept)
		return ERR_FAILED_TO_BAN_USERS;
	out->banned_users.items = arena_array(req->arena, uint64_t, in->user_ids.count);
	out->failed_users.items = arena_array(req->arena, uint64_t, in->user_ids.count);
	for (uint32_t i = 0; i < kept; i++) {
		ban_put(req->txn, req->who.user_id, &users[i], req_reason(req));
		out->banned_users.items[out->banned_users.count++] = users[i].id;
	}
	for (uint32_t i = 0; i < in->user_ids.count; i++)
		if (!listed((const struct u64_list *)&out->banned_users, in->user_ids.items[i]))
			out->failed_users.items[out->failed_users.count++] = in->user_ids.items[i];
	purge_authors(req->txn, out->banned_users.items, kept, in->delete_message_seconds);
	return 0;
}
