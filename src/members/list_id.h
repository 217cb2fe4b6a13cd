/* The names of member lists: channels with the same overwrites of VIEW_CHANNEL share one list. Any core. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct overwrite_list;

enum { LIST_ID_MAX = 16 }; /* with the NUL */

/* "everyone" when @everyone may view (@everyone_views) and no overwrite denies it, and the channel is no private thread
 * (@secret); else the decimal MurmurHash3 of the sorted overwrites, as clients compute it too. */
void list_id_make(const struct overwrite_list *overwrites, bool everyone_views, bool secret,
		  char ret_id[static LIST_ID_MAX]);

/* MurmurHash3, x86, 32 bits, seed 0. */
uint32_t murmur3(struct str text);
