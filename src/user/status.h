/* The status and the custom status that a person has chosen in the settings, by whichever client. Sessions follow it: what they
 * said themselves is forgotten, but for one that is idle by itself while its user is online. */
#pragma once

#include "user/user.h"

/* After all that waits: they put the account. Statuses that are none are passed over. */
void status_choose(struct txn *txn, struct str status);
/* NULL: none any more. */
void status_choose_custom(struct txn *txn, const struct custom_status *custom);
/* Both, of a PreloadedUserSettings message's status: https://github.com/discord-userdoccers/discord-protos. False: a custom
 * status that is too long, or no text. Views into @message. */
struct chosen {
	struct str status; /* empty: not said */
	bool has_custom; /* all zero: there is none any more */
	struct custom_status custom;
};
bool status_read_proto(struct str message, struct chosen *ret);
/* What the settings show. In the arena; NULL: none. */
struct custom_status *status_custom(const struct user_state *user, struct arena *arena);
