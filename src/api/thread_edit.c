#include "api/thread_edit.h"

#include "message/message.h"
#include "model/limits.h"
#include "realm/channel.h"
#include "realm/channel_audit.h"
#include "realm/thread_event.h"

/* What the body asks for, beside what there is. */
struct change {
	bool archived, locked; /* as they shall be */
	bool opens, other, moderates; /* other: what its maker may; moderates: what they may not */
};

#define SAYS(in, field) ((in)->has.field && !(in)->null.field)

static struct change read_change(const struct channel_edit *in, const struct channel *row)
{
	const struct thread_metadata *metadata = row->thread_metadata;
	struct change change = {
		.archived = SAYS(in, archived) ? in->archived : metadata->archived,
		.locked = SAYS(in, locked) ? in->locked : metadata->locked,
	};

	change.opens = metadata->archived && !change.archived;
	change.moderates = change.locked != metadata->locked || SAYS(in, rate_limit_per_user);
	change.other = (!metadata->archived && change.archived) || in->name.ptr ||
		SAYS(in, auto_archive_duration) || SAYS(in, invitable);
	return change;
}

static int check(const struct reach *reach, const struct change *change, uint64_t user_id)
{
	const struct channel *row = reach->channel->row;
	bool own = row->owner_id == user_id && !row->thread_metadata->locked;

	if (row->thread_metadata->archived && !change->opens)
		return ERR_THREAD_ARCHIVED;
	if (change->moderates || (change->opens && row->thread_metadata->locked) ||
	    (change->other && !own)) {
		int r = reach_need(reach, PERM_MANAGE_THREADS);

		if (r)
			return r;
	} else if (change->opens) {
		int r = reach_need(reach, PERM_SEND_MESSAGES);

		if (r && reach_need(reach, PERM_MANAGE_THREADS))
			return r;
	}
	return change->opens && reach->realm->threads_active >= LIMIT_ACTIVE_THREADS
		? ERR_MAX_ACTIVE_THREADS
		: 0;
}

int thread_edit(struct req *req, const struct channel_edit *in, struct channel *out)
{
	struct reach reach;

	int r = txn_outbox_wait(req->txn); /* a new name is told in the thread */
	if (!r)
		r = reach_channel(req, 0, &reach);
	if (r)
		return r;
	struct change change = read_change(in, reach.channel->row);
	r = check(&reach, &change, req->who.user_id);
	if (r)
		return r;
	struct channel row = *reach.channel->row;
	struct thread_metadata metadata = *row.thread_metadata;
	row.thread_metadata = &metadata;
	if (in->name.ptr)
		row.name = in->name;
	if (SAYS(in, rate_limit_per_user))
		row.rate_limit_per_user = in->rate_limit_per_user;
	if (SAYS(in, auto_archive_duration))
		metadata.auto_archive_duration = in->auto_archive_duration;
	if (SAYS(in, invitable) && metadata.has.invitable)
		metadata.invitable = in->invitable;
	bool renamed = !str_eq(row.name, reach.channel->row->name);
	struct channel after = row;
	struct thread_metadata state = metadata;
	state.archived = change.archived;
	state.locked = change.locked;
	after.thread_metadata = &state;
	struct audit audit = audit_channel(req->txn, req->who.user_id, AUDIT_THREAD_UPDATE,
					   reach.channel->row, &after, req_reason(req));
	if (audit.entry.changes.count) {
		thread_put_archived(req->txn, &row, change.archived, change.locked);
		thread_event(req->txn, EVENT_THREAD_UPDATE, reach.channel);
		if (renamed && !change.archived)
			thread_notice(req->txn, reach.channel, MESSAGE_NAME_CHANGE, reach.member,
				      reach.channel->row->name, 0);
		audit_put(&audit);
	}
	*out = thread_view(reach.realm, reach.channel);
	thread_view_own(req->arena, reach.channel, req->who.user_id, out);
	return 0;
}
