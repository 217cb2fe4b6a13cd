/* An ordered sequence that knows positions: a counted B+-tree of pointers. Item at a position, position of an item,
 * insertion and removal each take O(log n) steps, at a million items a microsecond or two.
 *
 * Order comes from the caller. Each item's key is kept beside it, so that a search looks at items themselves only
 * where keys are equal: it is they that are not in the processor's caches. What they are ordered by may not change
 * while an item is in the tree. Memory is the given region's: a dropped region takes the tree with it. Owned by
 * one core like whatever holds it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct region;
struct tree_node;

struct tree_order {
	/* Of two items with different keys the one with the lower key comes first. */
	uint64_t (*key)(void *context, const void *item);
	/* Below or above 0, for items whose keys are equal; never 0 for two different items. */
	int (*compare)(void *context, const void *a, const void *b);
};

struct tree {
	struct region *region;
	const struct tree_order *order;
	void *context;
	struct tree_node *root; /* NULL: empty */
	uint32_t count;
};

enum { TREE_NOWHERE = UINT32_MAX };

/* @context goes to the functions of @order. */
void tree_init(struct tree *tree, struct region *region, const struct tree_order *order,
	       void *context);
/* Empties it. */
void tree_done(struct tree *tree);
/* False when it is there already. */
bool tree_insert(struct tree *tree, void *item);
/* False when it is not there. */
bool tree_remove(struct tree *tree, const void *item);
/* From 0 on, or TREE_NOWHERE. */
uint32_t tree_position(const struct tree *tree, const void *item);
/* NULL behind the end. */
void *tree_at(const struct tree *tree, uint32_t position);
/* Up to @max items from @position on; how many there were. */
uint32_t tree_read(const struct tree *tree, uint32_t position, void **ret_items, uint32_t max);
