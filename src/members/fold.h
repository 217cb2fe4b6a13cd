/* Names as they are searched: without regard to case (in full: "ß" is "ss"), to accents on letters, and to wide or otherwise
 * formatted variants of the same letter. Signs of other scripts that are not accents (the voicing of kana, vowels) count.
 * Any core. */
#pragma once

#include <stdint.h>

#include "base/str.h"

enum { NAME_FOLDED_MAX = 512 }; /* bytes; the rest of what would be longer is left out */

/* UTF-8 again; how many bytes. Of names where one begins with the other, so do the folded ones. */
uint32_t name_fold(struct str name, char ret_folded[static NAME_FOLDED_MAX]);
/* Does the name, folded, begin with @prefix, which is folded already? */
bool name_begins(struct str name, struct str prefix);
/* Below, equal to, above 0: of folded names, byte by byte. */
int name_fold_compare(struct str a, struct str b);
