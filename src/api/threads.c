/* Threads: made, alone or from a message. Edits: thread_edit.c; members: thread_members.c; lists: thread_lists.c. */
#include <errno.h>

#include "api/message_body.h"
#include "cell/ids.h"
#include "codec/dup.h"
#include "model/limits.h"
#include "model/snowflake.h"
#include "realm/bucket.h"
#include "realm/channel.h"
#include "realm/channel_audit.h"
#include "realm/directory.h"
#include "realm/thread_archive.h"
#include "realm/thread_event.h"

/* What a body says, of either route. */
struct wish {
	int64_t type; /* 0: what the channel's are */
	struct str name;
	bool has_duration, has_slow, has_invitable;
	int64_t duration, slow;
	bool invitable;
};

static int reach_to_make(struct req *req, struct wish *wish, struct reach *reach)
{
	int r = reach_channel(req, 0, reach);

	if (r)
		return r;
	if (!realm_is_guild(reach->realm))
		return ERR_CANNOT_EXECUTE_ON_DM;
	int64_t type = reach->channel->row->type;
	if (type != CHANNEL_TYPE_TEXT && type != CHANNEL_TYPE_ANNOUNCEMENT)
		return ERR_CANNOT_EXECUTE_ON_CHANNEL_TYPE;
	bool news = type == CHANNEL_TYPE_ANNOUNCEMENT;
	if (!wish->type)
		wish->type = news ? CHANNEL_TYPE_ANNOUNCEMENT_THREAD : CHANNEL_TYPE_PUBLIC_THREAD;
	if ((wish->type == CHANNEL_TYPE_ANNOUNCEMENT_THREAD) != news)
		return req_form_error(req, "type", "BASE_TYPE_CHOICES",
				      "Such a thread cannot be made in this channel.");
	r = reach_need(reach,
		       wish->type == CHANNEL_TYPE_PRIVATE_THREAD ? PERM_CREATE_PRIVATE_THREADS
								 : PERM_CREATE_PUBLIC_THREADS);
	if (r)
		return r;
	return reach->realm->threads_active >= LIMIT_ACTIVE_THREADS ? ERR_MAX_ACTIVE_THREADS : 0;
}

/* The channel's entry in the directory, and the index of the @starter message's bucket (0: none): both before the thread. Waits. */
static int prepare_wait(struct req *req, uint64_t id, uint64_t starter)
{
	struct store_batch *batch;

	int r = txn_outbox_wait(req->txn);
	if (r)
		return r;
	batch = store_batch_new(req->core, NULL);
	directory_put_channel(batch, id, CELL_GUILD, req->cell->id);
	if (starter)
		bucket_put(batch, req->cell->id, true, id, bucket_of(starter));
	return txn_before_wait(req->txn, batch);
}

static struct live_channel *make(struct req *req, const struct reach *reach, uint64_t id,
				 const struct wish *wish)
{
	struct channel row = thread_blank(req->arena, id, wish->type, reach->channel,
					  req->who.user_id, req_now_us(req));

	row.name = wish->name;
	if (wish->has_duration)
		row.thread_metadata->auto_archive_duration = wish->duration;
	if (wish->has_slow)
		row.rate_limit_per_user = wish->slow;
	if (wish->has_invitable && wish->type == CHANNEL_TYPE_PRIVATE_THREAD)
		row.thread_metadata->invitable = wish->invitable;
	struct live_channel *thread = thread_put(req->txn, &row);
	archiver_note(reach->realm, thread);
	thread_seat_add(req->txn, thread, req->who.user_id);
	thread_event_created(req->txn, thread);
	struct audit audit = audit_channel(req->txn, req->who.user_id, AUDIT_THREAD_CREATE, NULL,
					   thread->row, req_reason(req));
	audit_put(&audit);
	return thread;
}

static void show(struct req *req, const struct reach *reach, const struct live_channel *thread,
		 struct channel *out)
{
	*out = thread_view(reach->realm, thread);
	thread_view_own(req->arena, thread, req->who.user_id, out);
}

/* The parent says that there is a thread. */
static void announce(struct req *req, const struct reach *reach, const struct live_channel *thread)
{
	struct message_reference reference = { .channel_id = thread->row->id,
					       .guild_id = reach->realm->guild->id };
	struct message message = { .channel_id = reach->channel->row->id,
				   .type = MESSAGE_THREAD_CREATED,
				   .content = thread->row->name,
				   .author_id = req->who.user_id,
				   .author_copy = message_author_copy(req->arena,
								      reach->member->row),
				   .message_reference = &reference };

	reference.has.channel_id = reference.has.guild_id = reference.has.type = true;
	message.has.message_reference = true;
	txn_intent(req->txn, INTENT_SYSTEM_MESSAGE, CELL_GUILD, req->cell->id, &desc_message,
		   &message);
}

int api_create_thread(struct req *req, const struct thread_create *in, struct channel *out)
{
	struct wish wish = { .type = in->has.type && !in->null.type ? in->type
								    : CHANNEL_TYPE_PRIVATE_THREAD,
			     .name = in->name,
			     .duration = in->auto_archive_duration,
			     .slow = in->rate_limit_per_user,
			     .invitable = in->invitable };
	uint64_t id = id_next(req->core, 0);
	struct reach reach;

	wish.has_duration = in->has.auto_archive_duration && !in->null.auto_archive_duration;
	wish.has_slow = in->has.rate_limit_per_user && !in->null.rate_limit_per_user;
	wish.has_invitable = in->has.invitable && !in->null.invitable;
	int r = reach_to_make(req, &wish, &reach);
	if (!r)
		r = prepare_wait(req, id, 0);
	if (!r)
		r = reach_to_make(req, &wish, &reach);
	if (r)
		return r;
	struct live_channel *thread = make(req, &reach, id, &wish);
	if (wish.type == CHANNEL_TYPE_PUBLIC_THREAD)
		announce(req, &reach, thread);
	show(req, &reach, thread, out);
	return 0;
}

/* -- from a message -- */

static bool may_start(const struct message *message)
{
	return message->type == MESSAGE_DEFAULT || message->type == MESSAGE_REPLY ||
		message->type == MESSAGE_COMMAND || message->type == MESSAGE_CONTEXT_MENU;
}

/* The message, locked, and as it is shown. */
static int find_wait(struct req *req, struct message *row, struct message *view)
{
	int r = message_get_wait(req->txn, req->path.channel_id, req->path.message_id, true, row);

	if (r)
		return r == ENOENT ? ERR_UNKNOWN_MESSAGE : r;
	if (!may_start(row))
		return ERR_CANNOT_EXECUTE_ON_SYSTEM_MESSAGE;
	if (row->thread_id || row->flags & MESSAGE_HAS_THREAD)
		return ERR_THREAD_ALREADY_CREATED;
	*view = *row;
	return message_hydrate_wait(req->txn, row->channel_id,
				    &(struct reader){ req->who.user_id, false }, view, 1);
}

/* The first message of the thread: it points at the one the thread grew from. */
static void put_starter(struct req *req, const struct reach *reach, struct live_channel *thread,
			const struct message *target, uint64_t id)
{
	struct message_reference reference = { .message_id = target->id,
					       .channel_id = target->channel_id,
					       .guild_id = reach->realm->guild->id };
	struct message message = { .id = id,
				   .channel_id = thread->row->id,
				   .type = MESSAGE_THREAD_STARTER,
				   .content = S(""),
				   .timestamp = snowflake_us(id),
				   .author_id = req->who.user_id,
				   .author_copy = message_author_copy(req->arena,
								      reach->member->row),
				   .message_reference = &reference };

	reference.has.message_id = reference.has.channel_id = reference.has.guild_id =
		reference.has.type = true;
	message.has.message_reference = true;
	thread->bucket = MAX(thread->bucket, bucket_of(id));
	message_take_id(thread, id);
	message_put(req->txn, &message);
	thread_said(req->txn, thread, message.type);
	message.referenced_message = (struct message *)target;
	message.has.referenced_message = true;
	message_hydrate(req->txn, thread, &message, NULL);
	message_event(req->txn, EVENT_MESSAGE_CREATE, thread, &message);
}

int api_create_thread_from_message(struct req *req, const struct thread_create_from_message *in,
				   struct channel *out)
{
	struct wish wish = { .name = in->name,
			     .duration = in->auto_archive_duration,
			     .slow = in->rate_limit_per_user };
	uint64_t id = req->path.message_id, starter = id_next(req->core, 0);
	struct message row, view;
	struct reach reach;

	wish.has_duration = in->has.auto_archive_duration && !in->null.auto_archive_duration;
	wish.has_slow = in->has.rate_limit_per_user && !in->null.rate_limit_per_user;
	int r = reach_to_make(req, &wish, &reach);
	if (!r)
		r = find_wait(req, &row, &view);
	if (!r)
		r = prepare_wait(req, id, starter);
	if (!r)
		r = reach_to_make(req, &wish, &reach);
	if (r)
		return r;
	struct live_channel *thread = make(req, &reach, id, &wish);
	struct message plain = view; /* inside of the starter it has no thread */
	row.flags = view.flags |= MESSAGE_HAS_THREAD;
	row.thread_id = id;
	message_put(req->txn, &row);
	show(req, &reach, thread, out);
	struct channel shown = thread_view(reach.realm, thread);
	view.thread = &shown;
	view.has.thread = true;
	message_event(req->txn, EVENT_MESSAGE_UPDATE, reach.channel, &view);
	plain.flags = view.flags;
	put_starter(req, &reach, thread, &plain, starter);
	return 0;
}
