#include "realm/presence.h"

#include <stdlib.h>

#include "realm/member_heap.h"
#include "realm/member_lists.h"

int realm_presence_run(struct txn *txn, void *arg)
{
	struct realm_presence_arg *in = arg;
	struct realm *realm = realm_of(txn);
	struct live_member *member = realm_member(realm, in->user_id);

	if (!member || (!member->presence && !in->presence)) {
		free(in->presence);
		return 0;
	}
	bool moves = !in->presence != !member->presence;
	if (moves)
		member_lists_out(realm, member);
	realm->online_count += !!in->presence - !!member->presence;
	member_set_presence(realm, member, in->presence);
	if (moves)
		member_lists_in(realm, member);
	else
		member_lists_touch(realm, member);
	struct user_partial who = { .id = in->user_id };
	struct client_status nowhere = {};
	struct presence offline = { .status = S("offline"), .client_status = &nowhere };
	struct presence told = in->presence ? *in->presence : offline;
	told.user = &who;
	told.guild_id = txn->cell->id;
	told.has.guild_id = true;
	txn_event(txn, EVENT_PRESENCE_UPDATE, (struct audience){ .not_user = in->user_id }, &told);
	free(in->presence);
	return 0;
}
