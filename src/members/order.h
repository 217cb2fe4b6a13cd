/* The order of names in member lists: without regard to case, by code points. (How Discord collates is not
 * documented.) Compared as they stand, folded on the way: no key is stored, which would cost each member more
 * memory than the comparisons cost time. Any core. */
#pragma once

#include <stdint.h>

#include "base/str.h"

/* Below, equal to, above 0. */
int names_compare(struct str a, struct str b);
/* The beginning of a name as a number: of two names whose numbers differ, the one with the lower comes first. */
uint64_t name_prefix(struct str name);
