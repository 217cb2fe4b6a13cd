/* Names of files as they stand in links. Pure, any thread. */
#pragma once

#include "base/arena.h"

enum { FILENAME_MAX_BYTES = 200 };

/* Letters, digits, _ . - of ASCII, so that a link needs no escapes: blanks become _, all else
 * goes, a path before it too. Never empty, never beginning with a dot. *ret_title: the name
 * without its extension when it had to change, else the null view. */
struct str filename_clean(struct arena *arena, struct str name, struct str *ret_title);
/* With the prefix by which clients know spoilers. */
struct str filename_spoiler(struct arena *arena, struct str clean);
