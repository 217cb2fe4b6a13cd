/* JSON text to a tree, for text from strangers (RFC 8259). Any core. */
#pragma once

#include <jansson.h>

#include "base/str.h"

enum {
	JSON_TEXT_MAX = 32 << 20,	  /* bytes; images come inside */
	JSON_DEPTH_MAX = 32,	     /* jansson and our walks recurse, on stacks of 64 KB */
	JSON_VALUES_MAX =
		200000, /* a tree takes some 100 bytes for each, whatever the text is long */
};

/* The tree, owned by the caller (json_decref), or NULL: not JSON, not UTF-8, an integer beyond 64 bits, or over one of
 * the limits above. Integers are exact; of equal keys the last wins; any value may be the root. */
json_t *json_parse(struct str text);
