#include "api/people.h"

#include "codec/dup.h"
#include "realm/member.h"
#include "user/user.h"

int people_wait(struct req *req, const uint64_t *ids, uint32_t count, struct user_list *ret)
{
	*ret = (struct user_list){ arena_array(req->arena, struct user, count + 1), 0 };
	for (uint32_t i = 0; i < count; i++) {
		struct live_member *member = realm_member(realm_of(req->txn), ids[i]);
		struct user *user = &ret->items[ret->count];

		/* A copy: the rest may wait, and the member may change. */
		if (member) {
			struct user view = member_user(member->row);
			*user = *(struct user *)obj_dup_arena(req->arena, &desc_user, &view);
			ret->count++;
			continue;
		}
		int r = user_public_wait(req->core, req->arena, ids[i], user);
		if (req->txn->generation != req->cell->generation)
			return ERR_RESTARTED;
		if (!r)
			ret->count++;
		else if (r != ERR_UNKNOWN_USER)
			return r;
	}
	return 0;
}
