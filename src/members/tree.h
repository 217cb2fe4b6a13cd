/* An ordered sequence that knows positions: a counted B+-tree of pointers. Item at a position, position of an item,
 * insertion and removal each take O(log n) steps, at a million items some microseconds or less.
 *
 * Order comes from the caller's compare(); two different items never compare equal. What it compares by may not
 * change while an item is in the tree. Memory is the given region's: a dropped region takes the tree with it. Owned by
 * one core like whatever holds it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct region;
struct tree_node;

typedef int (*tree_compare_h)(const void *a, const void *b);

struct tree {
	struct region *region;
	tree_compare_h compare;
	struct tree_node *root; /* NULL: empty */
	uint32_t count;
};

enum { TREE_NOWHERE = UINT32_MAX };

void tree_init(struct tree *tree, struct region *region, tree_compare_h compare);
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
/* Fills an empty tree with @count items that are in order already, in O(count). */
void tree_build(struct tree *tree, void *const *items, uint32_t count);
