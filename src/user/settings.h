/* Settings: the legacy form (one stored JSON) and its defaults. */
#pragma once

#include "gateway/domain.h"
#include "user/user.h"

struct user_settings settings_default(const struct user_state *user);
/* What is stored (or the defaults). Waits; strings in txn->arena. */
int settings_read_wait(struct txn *txn, struct user_settings *ret);
/* Takes what @in has. */
void settings_apply(struct user_settings *settings, const struct user_settings_edit *in);
void settings_put(struct txn *txn, const struct user_settings *settings);
struct user_guild_settings settings_guild_default(uint64_t guild_id);
/* The DMs of READY, and the users in them. */
void ready_private_channels(struct txn *txn, const struct user_open *open,
			    const struct user_list *recipients, struct ready_user *ready);
