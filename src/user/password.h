/* Passwords: argon2id by libsodium, always off the loop (fiber_offload_wait), jobs in flight bounded. */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "core/core.h"

enum { PASSWORD_HASH_MAX = 128 };

/* On a fiber. A hash to store (NUL-terminated). 0 or -EAGAIN. */
int password_hash_wait(struct core *core, struct str password, char ret_hash[PASSWORD_HASH_MAX]);
/* On a fiber. Does @password match @hash? A null @hash is compared with a dummy, so that an unknown name takes as
 * long as a wrong password. 0 or -EAGAIN. */
int password_verify_wait(struct core *core, struct str password, struct str hash, bool *ret_match);
