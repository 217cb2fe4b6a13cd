/* Who calls: tokens looked up with their user's cell, remembered on each core, forgotten everywhere at once. */
#pragma once

#include "api/req.h"

/* On a fiber of any core. @header: the Authorization field. 0 with *ret; ERR_UNAUTHORIZED; ERR_UNAVAILABLE when it could not be looked
 * up (never 401 for that: discord.js forgets its token on any 401). */
int auth_wait(struct core *core, struct str header, struct who *ret);
/* The same when this core remembers it: true. */
bool auth_cached(struct core *core, struct str header, struct who *ret);
/* On each core, when EFFECT_LOGOUT or EFFECT_FORGET of @user_id is published. */
void auth_forget(struct core *core, uint64_t user_id);

struct auth_cache;
struct auth_cache *auth_cache_new(void);
void auth_cache_free(struct auth_cache *cache);
