/* Messages read: history and single ones. Sending: messages_send.c; edits and deletions:
 * messages_change.c. */
#include <errno.h>

#include "api/message_body.h"

int api_list_messages(struct req *req, const struct messages_query *query, struct message_list *out)
{
	struct reader reader = reader_of(req);
	struct reach reach;

	int r = reach_channel(req, 0, &reach);
	if (r)
		return r;
	if (query->has.around + query->has.before + query->has.after > 1)
		return req_form_error(req, "", "MUTUALLY_EXCLUSIVE",
				      "Only one of around, before and after may be given.");
	if (!(reach.perms & PERM_READ_MESSAGE_HISTORY))
		return 0; /* an empty list, not a refusal */
	struct history history = { .before = query->before,
				   .after = query->after,
				   .around = query->around,
				   .limit = (uint32_t)query->limit };
	if (query->has.after && !query->after)
		history.after = 1;
	r = message_history_wait(req->txn, req->path.channel_id, &history, &out->items,
				 &out->count);
	if (r)
		return r;
	return message_hydrate_wait(req->txn, req->path.channel_id, &reader, out->items,
				    out->count);
}

int api_get_message(struct req *req, struct message *out)
{
	struct reader reader = reader_of(req);
	struct reach reach;

	int r = reach_channel(req, PERM_READ_MESSAGE_HISTORY, &reach);
	if (r)
		return r;
	r = message_get_wait(req->txn, req->path.channel_id, req->path.message_id, false, out);
	if (r)
		return r == ENOENT ? ERR_UNKNOWN_MESSAGE : r;
	return message_hydrate_wait(req->txn, req->path.channel_id, &reader, out, 1);
}
