/* When people were last here, as their stored rows say it: for prunes of guilds, which ask about very many. Nobody's account is
 * loaded into memory for it. */
#pragma once

#include <stdint.h>

struct core;

/* On a fiber of any core, which lets others have their turn in between. @ret_at_us[i]: when @ids[i] last had a session opened (to six
 * hours), used a token or made the account; 0: there is no such account; INT64_MAX: its rows cannot be read. Sessions that are
 * open now are not in the rows. */
void user_seen_wait(struct core *core, const uint64_t *ids, uint32_t count, int64_t *ret_at_us);
