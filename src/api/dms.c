/* DMs: open, list. */
#include <errno.h>

#include "api/req.h"
#include "cell/ids.h"
#include "codec/dup.h"
#include "realm/directory.h"
#include "realm/dm.h"
#include "user/user.h"

/* The channel as its user sees it: the others are its recipients. */
static int view_wait(struct req *req, const struct dm_entry_row *entry, struct channel *out)
{
	struct user_list users = {
		arena_array(req->arena, struct user, entry->recipient_ids.count + 1), 0
	};

	*out = (struct channel){ .id = entry->channel_id,
				 .type = entry->type,
				 .flags = entry->flags,
				 .last_message_id = entry->last_message_id,
				 .last_pin_timestamp = entry->last_pin_timestamp,
				 .name = entry->name,
				 .icon = entry->icon,
				 .owner_id = entry->owner_id };
	out->has.last_message_id = out->has.last_pin_timestamp = out->has.recipients = true;
	out->has.name = out->has.icon = out->has.owner_id = entry->type == GROUP_DM_TYPE;
	for (uint32_t i = 0; i < entry->recipient_ids.count; i++) {
		int r = user_public_wait(req->core, req->arena, entry->recipient_ids.items[i],
					 &users.items[users.count]);

		if (!r)
			users.count++;
		else if (r != ERR_UNKNOWN_USER)
			return r;
	}
	out->recipients = users;
	return 0;
}

/* Puts the entry into the caller's list when it is not there (or closed) and tells its sessions. */
static void list_it(struct req *req, const struct dm_entry_row *entry, const struct channel *view)
{
	const struct dm_entry_row *old = map_get(&user_of(req->txn)->dms, entry->channel_id);

	if (old && !old->closed)
		return;
	user_put_dm(req->txn, entry);
	if (!req->who.bot) /* bots hear of DMs by their messages */
		txn_event(req->txn, EVENT_CHANNEL_CREATE, aud_self(), view);
}

static int create_pair(struct req *req, uint64_t other_id, struct channel *out)
{
	struct user users[2];
	uint64_t channel_id;

	if (other_id == req->who.user_id)
		return ERR_INVALID_RECIPIENTS;
	users[0] = user_public(user_of(req->txn)->account);
	users[0] = *(struct user *)obj_dup_arena(req->arena, &desc_user, &users[0]);
	int r = user_public_wait(req->core, req->arena, other_id, &users[1]);
	if (r)
		return r == ERR_UNKNOWN_USER ? ERR_INVALID_RECIPIENTS : r;
	r = dm_pair_wait(req->core, &users[0], &users[1], &channel_id);
	if (r)
		return r;
	const struct dm_entry_row *old = map_get(&user_of(req->txn)->dms, channel_id);
	struct dm_entry_row entry = old
		? *(struct dm_entry_row *)obj_dup_arena(req->arena, &desc_dm_entry_row, old)
		: dm_entry(channel_id, DM_TYPE, 0, users, 2, req->who.user_id, req->arena);
	entry.closed = false;
	r = view_wait(req, &entry, out);
	if (r)
		return r;
	list_it(req, &entry, out);
	return 0;
}

static int create_group(struct req *req, const struct u64_list *others, struct channel *out)
{
	struct user *users = arena_array(req->arena, struct user, others->count + 1);
	uint32_t count = 1;

	if (req->who.bot)
		return ERR_BOTS_CANNOT_USE;
	if (others->count >= GROUP_DM_MAX)
		return ERR_MAX_RECIPIENTS;
	users[0] = user_public(user_of(req->txn)->account);
	users[0] = *(struct user *)obj_dup_arena(req->arena, &desc_user, &users[0]);
	for (uint32_t i = 0; i < others->count; i++) {
		int r = user_public_wait(req->core, req->arena, others->items[i], &users[count]);

		if (r)
			return r == ERR_UNKNOWN_USER ? ERR_INVALID_RECIPIENTS : r;
		if (users[count].has.bot || others->items[i] == req->who.user_id)
			return ERR_INVALID_RECIPIENTS;
		count++;
	}
	struct dm_making making = { .channel_id = id_next(req->core, 0),
				    .owner = req->who.user_id,
				    .users = users,
				    .count = count };
	int r = directory_write_wait(req->core, making.channel_id, CELL_DM, making.channel_id);
	if (!r)
		r = cell_create_wait(req->core, CELL_DM, making.channel_id, dm_make_run, &making);
	if (!r)
		r = txn_outbox_wait(req->txn);
	if (r)
		return r;
	struct dm_entry_row entry = dm_entry(making.channel_id, GROUP_DM_TYPE, making.owner, users,
					     count, req->who.user_id, req->arena);
	r = view_wait(req, &entry, out);
	if (r)
		return r;
	list_it(req, &entry, out);
	for (uint32_t i = 1; i < count; i++) {
		struct dm_entry_row theirs = dm_entry(making.channel_id, GROUP_DM_TYPE,
						      making.owner, users, count, users[i].id,
						      req->arena);

		txn_intent(req->txn, INTENT_DM_OPEN, CELL_USER, users[i].id, &desc_dm_entry_row,
			   &theirs);
	}
	return 0;
}

int api_create_dm(struct req *req, const struct dm_create *in, struct channel *out)
{
	if (req->path.user_id && req->path.user_id != req->who.user_id)
		return ERR_MISSING_ACCESS;
	if (in->recipient_id)
		return create_pair(req, in->recipient_id, out);
	if (in->recipients.count == 1)
		return create_pair(req, in->recipients.items[0], out);
	if (!in->has.recipients && !in->has.recipient_id)
		return req_form_error(req, "recipient_id", "BASE_TYPE_REQUIRED",
				      "This field is required");
	return create_group(req, &in->recipients, out);
}

int api_list_private_channels(struct req *req, struct channel_list *out)
{
	struct user_state *user = user_of(req->txn);
	struct dm_entry_row *rows = arena_array(req->arena, struct dm_entry_row,
						user->dms.count + 1);
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->dms, &at, &id, &value))
		if (!((struct dm_entry_row *)value)->closed)
			rows[count++] = *(struct dm_entry_row *)obj_dup_arena(
				req->arena, &desc_dm_entry_row, value);
	out->items = arena_array(req->arena, struct channel, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		int r = view_wait(req, &rows[i], &out->items[out->count]);

		if (r)
			return r;
		out->count++;
	}
	return 0;
}
