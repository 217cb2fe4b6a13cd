/* Settings: the legacy form (one stored JSON) and its defaults. */
#pragma once

#include "gateway/domain.h"
#include "user/user.h"

struct user_settings settings_default(const struct user_state *user);
/* The DMs of READY, and the users in them. */
void ready_private_channels(struct txn *txn, const struct user_open *open, const struct user_list *recipients,
			    struct ready_user *ready);
