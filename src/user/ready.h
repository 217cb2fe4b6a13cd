/* READY of bots and of people. */
#pragma once

#include "gateway/domain.h"
#include "user/user.h"

/* JSON of d. */
struct bytes *ready_bot(struct txn *txn, const struct user_open *open);
/* Without `guilds` and `merged_members`, which the session adds. */
struct bytes *ready_person(struct txn *txn, const struct user_open *open, const struct user_list *recipients);
/* The users in one's open DMs. Waits. */
int ready_recipients_wait(struct txn *txn, struct user_list *ret);
