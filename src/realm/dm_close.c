/* Closing a DM: it goes from one's own list; the next message brings it back. */
#include <errno.h>

#include "realm/dm.h"
#include "user/user.h"

/* In the user's cell. */
static int run_close(struct txn *txn, void *arg)
{
	const struct channel *view = arg;
	const struct dm_entry_row *entry = map_get(&user_of(txn)->dms, view->id);

	if (!entry || entry->closed)
		return 0;
	struct dm_entry_row row = *entry;
	row.closed = true;
	user_put_dm(txn, &row);
	txn_event(txn, EVENT_CHANNEL_DELETE, aud_self(), view);
	return 0;
}

int dm_close_wait(struct txn *txn, uint64_t user_id, const struct channel *view)
{
	int r = txn_call_wait(txn, CELL_USER, user_id, run_close, (void *)view);

	if (r)
		return r == ENOENT ? ERR_UNKNOWN_CHANNEL : r;
	const struct live_member *member = realm_member(realm_of(txn), user_id);
	if (!member)
		return ERR_UNKNOWN_CHANNEL;
	if (member->row->pending)
		return 0;
	struct member_row row = *member->row;
	row.pending = true;
	realm_put_member(txn, &row);
	return 0;
}
