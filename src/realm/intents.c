/* What users ask of the realms they are in. */
#include <errno.h>

#include "realm/class.h"
#include "realm/member.h"
#include "realm/watch.h"

/* A user changed what others see of it. */
int realm_intent_member_rename(struct txn *txn, const struct intent *intent)
{
	struct realm *realm = realm_of(txn);
	struct member_row in = {};

	if (row_get(intent->payload, &desc_member_row, txn->arena, &in))
		return EINVAL;
	struct live_member *member = realm_member(realm, in.user_id);
	if (!member)
		return ERR_UNKNOWN_MEMBER;
	struct member_row row = *member->row;
	row.username = in.username;
	row.global_name = in.global_name;
	row.discriminator = in.discriminator;
	row.user_avatar = in.user_avatar;
	row.public_flags = in.public_flags;
	row.avatar_decoration_data = in.avatar_decoration_data;
	row.primary_guild = in.primary_guild;
	member = realm_put_member(txn, &row);
	struct user user;
	struct member view = member_view(member->row, &user);
	view.guild_id = txn->cell->id;
	view.has.guild_id = true;
	if (realm_is_guild(realm)) {
		struct event *event = txn_event(txn, EVENT_GUILD_MEMBER_UPDATE,
						(struct audience){ .always_user = in.user_id },
						&view);

		event->about = in.user_id;
		watch_event(realm, event, in.user_id);
	}
	return 0;
}
