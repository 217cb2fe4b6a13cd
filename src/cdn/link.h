/* Links to files, signed so that they end: ?ex=<expires, hex s>&is=<issued>&hm=<HMAC-SHA256 of
 * both and the path>. */
#pragma once

#include "base/arena.h"
#include "core/core.h"
#include "model/objects.h"

/* Fills url and proxy_url. */
void link_attachment(struct core *core, struct arena *arena, uint64_t channel_id,
		     struct attachment *attachment);
/* The address of the files' part of this server, without a slash at the end. */
struct str link_base(struct core *core, struct arena *arena);
/* "ex=…&is=…&hm=…&" for @path (at most LINK_PATH_MAX bytes), good for @life_s from now. */
struct str link_sign(struct core *core, struct arena *arena, struct str path, uint64_t life_s);
/* Is the signature of @path good and not out of date? */
bool link_check(struct core *core, struct str path, struct str query);
/* The parts of an attachment's path /attachments/CHANNEL/ID/NAME. False when it is none. */
bool link_parse(struct str path, uint64_t *ret_channel_id, uint64_t *ret_id, struct str *ret_name);

enum { LINK_PATH_MAX = 1024 };
