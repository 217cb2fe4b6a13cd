/* The memory of one realm or user: blocks that can be freed one by one, and dropped all at once without
 * looking at what is in them. That is how a broken realm is thrown away: nobody walks its half-changed structures. */
#pragma once

#include "base/list.h"
#include "base/str.h"

struct region {
	struct list blocks;
	size_t bytes; /* asked for and not freed yet */
};

void region_init(struct region *region);
/* Frees every block. The region may be used again. */
void region_drop(struct region *region);
/* Zeroed, never NULL, aligned to 8 bytes. */
[[nodiscard]] void *region_alloc(struct region *region, size_t size);
/* As realloc(): new bytes are zeroed; @ptr may be NULL. */
[[nodiscard]] void *region_realloc(struct region *region, void *ptr, size_t size);
/* NULL does nothing. */
void region_free(struct region *region, void *ptr);
struct str region_str(struct region *region, struct str s);
#define region_new(region, type) ((type *)region_alloc((region), sizeof(type)))
