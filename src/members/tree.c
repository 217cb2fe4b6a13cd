#include "members/tree.h"

#include <assert.h>
#include <string.h>

#include "base/region.h"

enum {
	FAN = 64,
	POOR = FAN / 4, /* fewer, and it looks for a neighbour to merge with */
	FILLED = FAN * 3 / 4, /* at most, after a merge */
};

struct tree_node {
	uint16_t used;
	bool leaf;
	uint64_t keys[FAN]; /* of the items */
	void *items[FAN];	  /* of an inner node: the first item below each child */
};

struct inner {
	struct tree_node node;
	struct tree_node *children[FAN];
	uint32_t totals[FAN]; /* items below each child */
};

static struct inner *inner_of(const struct tree_node *node)
{
	assert(!node->leaf);
	return (struct inner *)node;
}

static struct tree_node *leaf_new(struct tree *tree)
{
	struct tree_node *node = region_new(tree->region, struct tree_node);

	node->leaf = true;
	return node;
}

static struct tree_node *inner_new(struct tree *tree)
{
	return &region_new(tree->region, struct inner)->node;
}

static uint32_t total(const struct tree_node *node)
{
	uint32_t sum = 0;

	if (node->leaf)
		return node->used;
	for (uint32_t i = 0; i < node->used; i++)
		sum += inner_of(node)->totals[i];
	return sum;
}

/* An item to be found, and its key. */
struct needle {
	uint64_t key;
	const void *item;
};

static struct needle needle_of(const struct tree *tree, const void *item)
{
	return (struct needle){ tree->order->key(tree->context, item), item };
}

/* How many of the node's items come before @needle; *@ret_same: the next one is it. */
static uint32_t before(const struct tree *tree, const struct tree_node *node,
		       const struct needle *needle, bool *ret_same)
{
	uint32_t low = 0, high = node->used;

	*ret_same = false;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		int order = (node->keys[middle] > needle->key) - (node->keys[middle] < needle->key);

		if (order == 0) {
			if (node->items[middle] == needle->item) {
				*ret_same = true;
				return middle;
			}
			order = tree->order->compare(tree->context, node->items[middle],
						     needle->item);
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Which child of an inner node @needle is in, or belongs into. */
static uint32_t branch(const struct tree *tree, const struct tree_node *node,
		       const struct needle *needle)
{
	bool same;
	uint32_t at = before(tree, node, needle, &same);

	return same || at == 0 ? at : at - 1;
}

static void open_gap(struct tree_node *node, uint32_t at)
{
	memmove(&node->keys[at + 1], &node->keys[at], (node->used - at) * sizeof(uint64_t));
	memmove(&node->items[at + 1], &node->items[at], (node->used - at) * sizeof(void *));
	if (!node->leaf) {
		struct inner *inner = inner_of(node);

		memmove(&inner->children[at + 1], &inner->children[at],
			(node->used - at) * sizeof(void *));
		memmove(&inner->totals[at + 1], &inner->totals[at],
			(node->used - at) * sizeof(uint32_t));
	}
	node->used++;
}

static void close_gap(struct tree_node *node, uint32_t at)
{
	node->used--;
	memmove(&node->keys[at], &node->keys[at + 1], (node->used - at) * sizeof(uint64_t));
	memmove(&node->items[at], &node->items[at + 1], (node->used - at) * sizeof(void *));
	if (!node->leaf) {
		struct inner *inner = inner_of(node);

		memmove(&inner->children[at], &inner->children[at + 1],
			(node->used - at) * sizeof(void *));
		memmove(&inner->totals[at], &inner->totals[at + 1],
			(node->used - at) * sizeof(uint32_t));
	}
}

/* Appends @count entries of @from, beginning with @at, to @to. */
static void append(struct tree_node *to, const struct tree_node *from, uint32_t at, uint32_t count)
{
	memcpy(&to->keys[to->used], &from->keys[at], count * sizeof(uint64_t));
	memcpy(&to->items[to->used], &from->items[at], count * sizeof(void *));
	if (!to->leaf) {
		memcpy(&inner_of(to)->children[to->used], &inner_of(from)->children[at],
		       count * sizeof(void *));
		memcpy(&inner_of(to)->totals[to->used], &inner_of(from)->totals[at],
		       count * sizeof(uint32_t));
	}
	to->used = (uint16_t)(to->used + count);
}

static struct tree_node *split(struct tree *tree, struct tree_node *node)
{
	struct tree_node *right = node->leaf ? leaf_new(tree) : inner_new(tree);

	append(right, node, FAN / 2, FAN / 2);
	node->used = FAN / 2;
	return right;
}

static void put_child(struct tree_node *node, uint32_t at, struct tree_node *child)
{
	node->keys[at] = child->keys[0];
	node->items[at] = child->items[0];
	inner_of(node)->children[at] = child;
	inner_of(node)->totals[at] = total(child);
}

/* *@ret_right: the node had to be split, this is its new neighbour. */
static bool insert(struct tree *tree, struct tree_node *node, const struct needle *needle,
		   struct tree_node **ret_right)
{
	struct tree_node *right = NULL;
	bool same;

	*ret_right = NULL;
	if (node->leaf) {
		uint32_t at = before(tree, node, needle, &same);

		if (same)
			return false;
		if (node->used == FAN) {
			*ret_right = split(tree, node);
			if (at > FAN / 2) {
				node = *ret_right;
				at -= FAN / 2;
			}
		}
		open_gap(node, at);
		node->keys[at] = needle->key;
		node->items[at] = (void *)needle->item;
		return true;
	}
	uint32_t at = branch(tree, node, needle);
	struct tree_node *child = inner_of(node)->children[at];
	if (!insert(tree, child, needle, &right))
		return false;
	put_child(node, at, child);
	if (!right)
		return true;
	at++;
	if (node->used == FAN) {
		*ret_right = split(tree, node);
		if (at > FAN / 2) {
			node = *ret_right;
			at -= FAN / 2;
		}
	}
	open_gap(node, at);
	put_child(node, at, right);
	return true;
}

static void drop_child(struct tree *tree, struct tree_node *node, uint32_t at)
{
	region_free(tree->region, inner_of(node)->children[at]);
	close_gap(node, at);
}

/* Child @at of @node has become small. */
static void mend(struct tree *tree, struct tree_node *node, uint32_t at)
{
	struct inner *inner = inner_of(node);

	if (inner->children[at]->used == 0) {
		drop_child(tree, node, at);
		return;
	}
	uint32_t left = at > 0 ? at - 1 : at;
	if (left + 1u >= node->used)
		return;
	struct tree_node *a = inner->children[left], *b = inner->children[left + 1];
	if (a->used + b->used > FILLED)
		return;
	append(a, b, 0, b->used);
	put_child(node, left, a);
	drop_child(tree, node, left + 1);
}

static bool remove_from(struct tree *tree, struct tree_node *node, const struct needle *needle)
{
	bool same;

	if (node->leaf) {
		uint32_t at = before(tree, node, needle, &same);

		if (same)
			close_gap(node, at);
		return same;
	}
	uint32_t at = branch(tree, node, needle);
	struct inner *inner = inner_of(node);
	struct tree_node *child = inner->children[at];
	if (!remove_from(tree, child, needle))
		return false;
	inner->totals[at]--;
	node->keys[at] = child->keys[0]; /* when it is empty it goes at once */
	node->items[at] = child->items[0];
	if (child->used < POOR)
		mend(tree, node, at);
	return true;
}

static void free_nodes(struct tree *tree, struct tree_node *node)
{
	for (uint32_t i = 0; !node->leaf && i < node->used; i++)
		free_nodes(tree, inner_of(node)->children[i]);
	region_free(tree->region, node);
}

void tree_init(struct tree *tree, struct region *region, const struct tree_order *order,
	       void *context)
{
	*tree = (struct tree){ .region = region, .order = order, .context = context };
}

void tree_done(struct tree *tree)
{
	if (tree->root)
		free_nodes(tree, tree->root);
	tree->root = NULL;
	tree->count = 0;
}

bool tree_insert(struct tree *tree, void *item)
{
	struct needle needle = needle_of(tree, item);
	struct tree_node *right;

	if (!tree->root)
		tree->root = leaf_new(tree);
	if (!insert(tree, tree->root, &needle, &right))
		return false;
	tree->count++;
	if (right) {
		struct tree_node *root = inner_new(tree);

		root->used = 2;
		put_child(root, 0, tree->root);
		put_child(root, 1, right);
		tree->root = root;
	}
	return true;
}

bool tree_remove(struct tree *tree, const void *item)
{
	struct needle needle = needle_of(tree, item);

	if (!tree->root || !remove_from(tree, tree->root, &needle))
		return false;
	tree->count--;
	while (!tree->root->leaf && tree->root->used == 1) {
		struct tree_node *only = inner_of(tree->root)->children[0];

		region_free(tree->region, tree->root);
		tree->root = only;
	}
	if (tree->count == 0)
		tree_done(tree);
	return true;
}

uint32_t tree_position(const struct tree *tree, const void *item)
{
	const struct tree_node *node = tree->root;
	struct needle needle = needle_of(tree, item);
	uint32_t position = 0;
	bool same;

	if (!node)
		return TREE_NOWHERE;
	while (!node->leaf) {
		uint32_t at = branch(tree, node, &needle);

		for (uint32_t i = 0; i < at; i++)
			position += inner_of(node)->totals[i];
		node = inner_of(node)->children[at];
	}
	position += before(tree, node, &needle, &same);
	return same ? position : TREE_NOWHERE;
}

/* The leaf that has @position, and where in it. */
static const struct tree_node *seek(const struct tree *tree, uint32_t position, uint32_t *ret_at)
{
	const struct tree_node *node = tree->root;

	while (!node->leaf) {
		const struct inner *inner = inner_of(node);
		uint32_t at = 0;

		while (position >= inner->totals[at])
			position -= inner->totals[at++];
		node = inner->children[at];
	}
	*ret_at = position;
	return node;
}

void *tree_at(const struct tree *tree, uint32_t position)
{
	uint32_t at;

	return position < tree->count ? seek(tree, position, &at)->items[at] : NULL;
}

uint32_t tree_read(const struct tree *tree, uint32_t position, void **ret_items, uint32_t max)
{
	uint32_t done = 0, at;

	while (done < max && position + done < tree->count) {
		const struct tree_node *leaf = seek(tree, position + done, &at);
		uint32_t count = leaf->used - at < max - done ? leaf->used - at : max - done;

		memcpy(&ret_items[done], &leaf->items[at], count * sizeof(void *));
		done += count;
	}
	return done;
}
