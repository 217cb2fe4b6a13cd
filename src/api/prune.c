/* Pruning: members without roles who have not been here for a while. */
#include <errno.h>

#include "api/reach.h"
#include "base/mem.h"
#include "codec/json.h"
#include "model/limits.h"
#include "realm/audit.h"
#include "realm/join.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "user/seen.h"

enum { PIECE = 200, ASK_PIECE = 4096, IDS_PIECE = 16384, ROLES_MAX = LIMIT_ROLES };

static const uint64_t need = PERM_KICK_MEMBERS | PERM_MANAGE_GUILD;

struct terms {
	uint64_t actor_id;
	int64_t before_us;	   /* not seen since */
	struct u64_list roles; /* these may be held */
};

/* "1,2,3" */
static int read_ids(struct req *req, struct str text, struct u64_list *ret)
{
	ret->items = arena_array(req->arena, uint64_t, ROLES_MAX);
	while (text.len) {
		size_t end = str_find(text, ',');
		struct str one = str_trim((struct str){ text.ptr, end });

		text = str_skip(text, end + 1);
		if (!one.len)
			continue;
		if (ret->count == ROLES_MAX || !str_u64(one, &ret->items[ret->count]))
			return req_form_error(req, "include_roles", "NUMBER_TYPE_COERCE",
					      "Value is not a list of snowflakes.");
		ret->count++;
	}
	return 0;
}

/* The same, or an array of ids. */
static int read_json_ids(struct req *req, struct str text, struct u64_list *ret)
{
	json_t *json = json_parse(text), *item;
	size_t i;
	int r = 0;

	if (json_is_string(json)) {
		r = read_ids(req,
			     arena_str(req->arena,
				       (struct str){ json_string_value(json),
						     json_string_length(json) }),
			     ret);
	} else if (json_is_array(json)) {
		ret->items = arena_array(req->arena, uint64_t, ROLES_MAX);
		json_array_foreach(json, i, item)
		{
			uint64_t id = json_is_integer(item) ? (uint64_t)json_integer_value(item)
							    : 0;

			if (json_is_string(item) && !str_u64(str_z(json_string_value(item)), &id))
				id = 0;
			if (id && ret->count < ROLES_MAX)
				ret->items[ret->count++] = id;
		}
	} else if (json && !json_is_null(json)) {
		r = req_form_error(req, "include_roles", "LIST_TYPE_CONVERT",
				   "Only iterables may be used in a ListType");
	}
	json_decref(json);
	return r;
}

static bool listed(const struct u64_list *list, uint64_t id)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->items[i] == id)
			return true;
	return false;
}

/* Everything but how long they have been away. */
static bool prunable(struct realm *realm, const struct terms *terms,
		     const struct live_member *actor, const struct live_member *member)
{
	const struct member_row *row = member->row;

	if (row->bot || member->presence || member->sessions || row->joined_at > terms->before_us ||
	    !actor || !perms_above(realm, actor, member))
		return false;
	for (uint32_t i = 0; i < row->roles.count; i++)
		if (!listed(&terms->roles, row->roles.items[i]))
			return false;
	return true;
}

/* Of @ids, those not seen since; how many. They are moved to the front. */
static int keep_unseen_wait(struct req *req, const struct terms *terms, uint64_t *ids,
			    uint32_t count, uint32_t *ret_kept)
{
	int64_t *seen_us = arena_array(req->arena, int64_t, ASK_PIECE);

	*ret_kept = 0;
	for (uint32_t from = 0; from < count; from += ASK_PIECE) {
		uint32_t now = MIN(count - from, (uint32_t)ASK_PIECE);

		user_seen_wait(req->core, ids + from, now, seen_us);
		int r = txn_still(req->txn);
		if (r)
			return r;
		for (uint32_t i = 0; i < now; i++)
			if (seen_us[i] < terms->before_us)
				ids[(*ret_kept)++] = ids[from + i];
	}
	return 0;
}

/* Grows bit by bit: the whole of it at once would take milliseconds to be had. */
static void add_id(uint64_t **ids, uint32_t count, uint64_t id)
{
	if (count % IDS_PIECE == 0)
		*ids = mem_realloc(*ids, (count + IDS_PIECE) * sizeof(**ids));
	(*ids)[count] = id;
}

/* Who is to go, in malloc memory. Rows say when somebody was last here, the guild itself who is here now. */
static int gather_wait(struct req *req, const struct terms *terms, uint64_t **ret_ids,
		       uint32_t *ret_count)
{
	struct realm *realm = realm_of(req->txn);
	CLEANUP(member_walk_done) struct member_walk walk = { .realm = realm };
	struct live_member *member;
	uint32_t count = 0;
	int r = 0;

	/* The actor's row stays open while this fiber is in the guild, unless they change. */
	while ((member = member_walk_next_wait(&walk, req->txn, &r)))
		if (prunable(realm, terms, realm_member(realm, terms->actor_id), member))
			add_id(ret_ids, count++, member->row->user_id);
	return r ? r : keep_unseen_wait(req, terms, *ret_ids, count, ret_count);
}

static int64_t days_ago(const struct req *req, int64_t days)
{
	return req_now_us(req) - days * 86400 * 1000000;
}

int api_preview_prune_guild(struct req *req, const struct prune_query *query, struct prune *out)
{
	struct terms terms = { .actor_id = req->who.user_id,
			       .before_us = days_ago(req, query->days) };
	struct reach reach;
	CLEANUP_FREE uint64_t *ids = NULL;
	uint32_t count;

	int r = reach_guild(req, need, &reach);
	if (!r)
		r = read_ids(req, query->include_roles, &terms.roles);
	if (!r)
		r = gather_wait(req, &terms, &ids, &count);
	if (r)
		return r;
	out->pruned = count;
	return 0;
}

struct piece {
	const struct terms *terms;
	const uint64_t *ids;
	uint32_t count, gone;
};

/* In a transaction of its own, so that a big prune is many small ones. */
static int run_piece(struct txn *txn, void *arg)
{
	struct piece *piece = arg;
	struct realm *realm = realm_of(txn);

	int r = realm_leave_prepare_wait(txn);
	if (r)
		return r;
	for (uint32_t i = 0; i < piece->count; i++) {
		const struct live_member *member = realm_member(realm, piece->ids[i]);

		if (member &&
		    prunable(realm, piece->terms, realm_member(realm, piece->terms->actor_id),
			     member))
			piece->gone += realm_leave(txn, piece->ids[i], piece->terms->actor_id);
	}
	return 0;
}

static int remove_wait(struct req *req, const struct terms *terms, const uint64_t *ids,
		       uint32_t count, uint32_t *ret_gone)
{
	*ret_gone = 0;
	for (uint32_t at = 0; at < count; at += PIECE) {
		struct piece piece = { .terms = terms,
				       .ids = ids + at,
				       .count = MIN(count - at, (uint32_t)PIECE) };

		int r = txn_call_wait(req->txn, CELL_GUILD, req->cell->id, run_piece, &piece);
		if (r)
			return r;
		*ret_gone += piece.gone;
	}
	return 0;
}

int api_prune_guild(struct req *req, const struct prune_create *in, struct prune *out)
{
	struct terms terms = { .actor_id = req->who.user_id };
	struct reach reach;
	CLEANUP_FREE uint64_t *ids = NULL;
	uint32_t count, gone;
	int64_t days = in->days ? in->days : 7;

	terms.before_us = days_ago(req, days);
	int r = reach_guild(req, need, &reach);
	if (!r && in->include_roles.ptr)
		r = read_json_ids(req, in->include_roles, &terms.roles);
	if (!r)
		r = gather_wait(req, &terms, &ids, &count);
	if (!r)
		r = remove_wait(req, &terms, ids, count, &gone);
	if (!r)
		r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	struct str reason = req_reason(req).len ? req_reason(req) : in->reason;
	struct audit audit = audit_begin(req->txn, req->who.user_id, AUDIT_MEMBER_PRUNE, 0, reason);
	audit.options.delete_member_days = audit_number(&audit, (uint64_t)days);
	audit.options.members_removed = audit_number(&audit, gone);
	audit.options.has.delete_member_days = audit.options.has.members_removed = true;
	audit_put(&audit);
	out->null.pruned = !in->compute_prune_count;
	out->pruned = out->null.pruned ? 0 : gone;
	return 0;
}
