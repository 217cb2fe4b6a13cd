/* The audit log, and whom its entries speak of. */
#include <errno.h>

#include "api/reach.h"
#include "codec/dup.h"
#include "realm/audit.h"
#include "realm/channel.h"
#include "realm/member.h"
#include "user/user.h"

enum {
	PAGE = 200,
	THREAD_CREATE = 110,
	THREAD_DELETE = 112,
	EVENT_CREATE = 100,
	EVENT_DELETE = 102
};

struct reading {
	struct req *req;
	const struct audit_log_query *query;
	bool up;	 /* from older to newer: `after` alone */
	uint64_t low, high; /* ids between them, both left out */
	struct audit_log_entry_list *out;
};

static bool wanted(const struct audit_log_query *query, const struct audit_log_entry *entry)
{
	return (!query->has.user_id || entry->user_id == query->user_id) &&
		(!query->has.target_id || entry->target_id == query->target_id) &&
		(!query->has.action_type || entry->action_type == query->action_type);
}

/* One page of rows; the bound moves past it. False in @ret_more at the end. */
static int page_wait(struct reading *reading, bool *ret_more)
{
	struct txn *txn = reading->req->txn;
	struct key prefix_key, from_key, to_key;
	struct str from = {};
	struct store_row *rows;
	uint32_t count;

	/* Keys hold the inverted id: a scan forward goes from newer to older. */
	if (reading->high < UINT64_MAX)
		from = key_audit_log_entry(&from_key, txn->cell->id, reading->high - 1);
	int r = txn_scan_wait(txn, prefix_audit_log_entry(&prefix_key, txn->cell->id), from,
			      key_audit_log_entry(&to_key, txn->cell->id, reading->low),
			      reading->up, PAGE, &rows, &count);
	if (r)
		return r;
	for (uint32_t i = 0; i < count && reading->out->count < reading->query->limit; i++) {
		struct audit_log_entry entry = {};

		if (row_get(rows[i].value, &desc_audit_log_entry, txn->arena, &entry)) {
			cell_break(txn->cell, "an audit entry's row does not decode", -EBADMSG);
			return ERR_RESTARTED;
		}
		if (wanted(reading->query, &entry))
			reading->out->items[reading->out->count++] = entry;
		if (reading->up)
			reading->low = entry.id;
		else
			reading->high = entry.id;
	}
	*ret_more = count == PAGE && reading->out->count < reading->query->limit &&
		reading->high > 1;
	return 0;
}

static int read_wait(struct req *req, const struct audit_log_query *query,
		     struct audit_log_entry_list *out)
{
	uint64_t floor = audit_floor(req->core);
	struct reading reading = { .req = req,
				   .query = query,
				   .low = floor ? floor - 1 : 0,
				   .high = UINT64_MAX,
				   .out = out };
	bool more = true;

	reading.up = query->has.after && !query->has.before;
	if (query->has.after)
		reading.low = MAX(reading.low, query->after);
	if (query->has.before)
		reading.high = query->before;
	out->items = arena_array(req->arena, struct audit_log_entry, query->limit);
	while (more && reading.low + 1 < reading.high) {
		int r = page_wait(&reading, &more);

		if (r)
			return r;
	}
	return 0;
}

/* -- whom they speak of -- */

static bool about_user(const struct audit_log_entry *entry)
{
	switch ((enum audit_action)entry->action_type) {
	case AUDIT_MEMBER_KICK:
	case AUDIT_BAN_ADD:
	case AUDIT_BAN_REMOVE:
	case AUDIT_MEMBER_UPDATE:
	case AUDIT_MEMBER_ROLE_UPDATE:
	case AUDIT_BOT_ADD:
	case AUDIT_MESSAGE_DELETE:
	case AUDIT_MESSAGE_PIN:
	case AUDIT_MESSAGE_UNPIN: return true;
	default: return false;
	}
}

static int add_user_wait(struct req *req, uint64_t id, struct user_list *users)
{
	for (uint32_t i = 0; i < users->count; i++)
		if (users->items[i].id == id)
			return 0;
	const struct live_member *member = realm_member(realm_of(req->txn), id);
	struct user *next = &users->items[users->count];
	if (member) {
		struct user user = member_user(member->row);

		*next = *(struct user *)obj_dup_arena(req->arena, &desc_user, &user);
	} else {
		int r = id ? user_public_wait(req->core, req->arena, id, next) : ERR_UNKNOWN_USER;

		if (r)
			return r == ERR_UNKNOWN_USER ? 0 : r;
	}
	users->count++;
	return 0;
}

static int add_users_wait(struct req *req, const struct audit_log_entry_list *entries,
			  struct user_list *users)
{
	users->items = arena_array(req->arena, struct user, entries->count * 2 + 1);
	for (uint32_t i = 0; i < entries->count; i++) {
		const struct audit_log_entry *entry = &entries->items[i];

		int r = add_user_wait(req, entry->user_id, users);
		if (!r && about_user(entry))
			r = add_user_wait(req, entry->target_id, users);
		if (r)
			return r;
	}
	return 0;
}

/* Things that are still there. */
static int add_things_wait(struct req *req, const struct audit_log_entry_list *entries,
			   struct audit_log *out)
{
	out->webhooks.items = arena_array(req->arena, struct webhook, entries->count + 1);
	out->guild_scheduled_events.items = arena_array(req->arena, struct scheduled_event,
							entries->count + 1);
	for (uint32_t i = 0; i < entries->count; i++) {
		const struct audit_log_entry *entry = &entries->items[i];
		bool webhook = entry->action_type >= AUDIT_WEBHOOK_CREATE &&
			entry->action_type <= AUDIT_WEBHOOK_DELETE;
		bool event = entry->action_type >= EVENT_CREATE &&
			entry->action_type <= EVENT_DELETE,
		     said = false;
		struct key key;
		int r = ENOENT;

		for (uint32_t k = 0; k < i; k++)
			said |= entries->items[k].target_id == entry->target_id;
		if (webhook && !said)
			r = txn_get_obj_wait(
				req->txn, key_webhook(&key, req->cell->id, entry->target_id),
				&desc_webhook, &out->webhooks.items[out->webhooks.count]);
		else if (event && !said)
			r = txn_get_obj_wait(
				req->txn,
				key_scheduled_event(&key, req->cell->id, entry->target_id),
				&desc_scheduled_event,
				&out->guild_scheduled_events
					 .items[out->guild_scheduled_events.count]);
		if (r && r != ENOENT)
			return r;
		out->webhooks.count += webhook && !r;
		out->guild_scheduled_events.count += event && !r;
	}
	return 0;
}

static void add_threads(struct req *req, const struct audit_log_entry_list *entries,
			struct channel_list *threads)
{
	struct realm *realm = realm_of(req->txn);

	threads->items = arena_array(req->arena, struct channel, entries->count + 1);
	for (uint32_t i = 0; i < entries->count; i++) {
		const struct audit_log_entry *entry = &entries->items[i];
		const struct live_channel *thread = entry->target_id
			? realm_channel(realm, entry->target_id)
			: NULL;
		bool said = false;

		if (entry->action_type < THREAD_CREATE || entry->action_type > THREAD_DELETE ||
		    !thread)
			continue;
		for (uint32_t k = 0; k < threads->count; k++)
			said |= threads->items[k].id == entry->target_id;
		if (!said)
			threads->items[threads->count++] = channel_view(realm, thread);
	}
}

int api_list_guild_audit_log_entries(struct req *req, const struct audit_log_query *query,
				     struct audit_log *out)
{
	struct audit_log_entry_list entries = {};
	struct reach reach;

	int r = reach_guild(req, PERM_VIEW_AUDIT_LOG, &reach);
	if (!r)
		r = read_wait(req, query, &entries);
	if (!r)
		r = add_users_wait(req, &entries, &out->users);
	if (!r)
		r = add_things_wait(req, &entries, out);
	if (r)
		return r;
	add_threads(req, &entries, &out->threads);
	out->audit_log_entries = entries;
	out->application_commands = out->auto_moderation_rules = S("[]");
	cell_tell(req->core, CELL_GUILD, req->cell->id, true, audit_expire_run, NULL);
	return 0;
}
