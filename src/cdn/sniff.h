/* What a file is: told from its bytes, then from its name. Pure functions over strangers' bytes,
 * any thread; nothing is decoded. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct sniffed {
	const char *type; /* static; NULL: not known from the bytes */
	uint32_t width, height; /* of an image, 0: not known */
	bool animated; /* an image with more than one frame */
};
/* @file: the whole file, or as much of its beginning as there is. Images: PNG, JPEG, GIF, WebP,
 * AVIF, with their sizes; media and archives by their first bytes. */
struct sniffed sniff_bytes(struct str file);
/* By the extension; NULL: not known. */
const char *sniff_name(struct str filename);
/* Is the beginning text (UTF-8 without controls)? A character cut off at the end does not count
 * against it. */
bool sniff_is_text(struct str head);
/* May a browser show it by itself without running anything in it? */
bool sniff_is_inert(struct str type);
