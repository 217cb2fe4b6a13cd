/* Deep copies of generated structs. Any core. */
#pragma once

#include "base/arena.h"
#include "codec/obj.h"

struct region;

/* A copy with all that it points to, in one malloc block: free() frees all. Never NULL. Strings get a NUL behind them. */
[[nodiscard]] void *obj_dup(const struct obj_desc *desc, const void *obj);
/* The same in @arena. */
[[nodiscard]] void *obj_dup_arena(struct arena *arena, const struct obj_desc *desc,
				  const void *obj);
/* The same in one block of @region: region_free() frees all. */
[[nodiscard]] void *obj_dup_region(struct region *region, const struct obj_desc *desc,
				   const void *obj);
/* Bytes that a copy takes, as a measure of what an object weighs in memory. */
size_t obj_weight(const struct obj_desc *desc, const void *obj);
