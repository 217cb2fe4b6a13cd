/* Changing members: what every change brings with it. */
#pragma once

#include "realm/realm.h"

/* Puts @row in the place of @member's; classes, GUILD_MEMBER_UPDATE (the member's own sessions always hear it), audit entries for what
 * @actor_id changed (0: nobody, no entry). Nothing when nothing changed. No waiting. */
void member_change(struct txn *txn, uint64_t actor_id, struct live_member *member,
		   const struct member_row *row, struct str reason);
