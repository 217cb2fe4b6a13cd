/* Avatars, icons and the like: images that come as data: URIs in bodies, are stored under the
 * hash of their bytes, and are served by it. */
#pragma once

#include "base/arena.h"
#include "cdn/sniff.h"
#include "core/core.h"

enum { IMAGE_HASH_CHARS = 32, IMAGE_PIXELS_MAX = 16384 /* each side */ };

/* On a fiber. Checks and stores @data_uri for @owner: *ret_hash (in @arena; begins with a_ when
 * it is animated) is what the row keeps. 0; EINVAL: not an image, or not of the kind that it
 * says; EFBIG: above @max bytes; ERR_UNAVAILABLE; negative errno. */
int image_store_wait(struct core *core, struct arena *arena, const char *kind, uint64_t owner,
		     struct str data_uri, uint64_t max, struct str *ret_hash);
/* The same for bytes that came in otherwise, stored under @name ("0") in place of their hash. Of
 * any kind that @ret says. */
int image_store_as_wait(struct core *core, struct arena *arena, const char *kind, uint64_t owner,
			struct str bytes, struct str name, struct sniffed *ret);
/* Its name below DATA/files, for removing it; the null view without a hash. */
struct str image_name(struct arena *arena, const char *kind, uint64_t owner, struct str hash);
