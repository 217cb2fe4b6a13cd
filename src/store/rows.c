#include "store/rows.h"

#include <stdlib.h>
#include <xxhash.h>

#include "store/internal.h"

struct row {
	uint32_t refs;
	uint32_t key_len;
	size_t value_len;
	char data[]; /* key, value */
};

struct rows_node {
	uint32_t refs;
	uint64_t priority;
	struct rows_node *left, *right;
	struct row *row;
};

static struct str row_key(const struct row *row)
{
	return (struct str){ row->data, row->key_len };
}

static struct str row_value(const struct row *row)
{
	return (struct str){ row->data + row->key_len, row->value_len };
}

static struct rows_node *ref(struct rows_node *node)
{
	if (node)
		node->refs++;
	return node;
}

static void unref(struct rows_node *node)
{
	if (!node || --node->refs)
		return;
	unref(node->left);
	unref(node->right);
	if (!--node->row->refs)
		free(node->row);
	free(node);
}

/* A node that may be changed: this one if nobody else holds it, else a copy. */
static struct rows_node *own(struct rows_node *node)
{
	if (node->refs == 1)
		return node;
	struct rows_node *copy = mem_dup(node, sizeof(*node));
	copy->refs = 1;
	copy->row->refs++;
	ref(copy->left);
	ref(copy->right);
	node->refs--;
	return copy;
}

/* Keys below @key (or equal to it, with @after) go left. Takes over @node. */
static void split(struct rows_node *node, struct str key, bool after, struct rows_node **left,
		  struct rows_node **right)
{
	if (!node) {
		*left = *right = NULL;
		return;
	}
	node = own(node);
	int c = store_key_cmp(row_key(node->row), key);
	if (c < 0 || (after && c == 0)) {
		split(node->right, key, after, &node->right, right);
		*left = node;
	} else {
		split(node->left, key, after, left, &node->left);
		*right = node;
	}
}

/* All keys of @a are below those of @b. Takes over both. */
static struct rows_node *merge(struct rows_node *a, struct rows_node *b)
{
	if (!a || !b)
		return a ? a : b;
	if (a->priority >= b->priority) {
		a = own(a);
		a->right = merge(a->right, b);
		return a;
	}
	b = own(b);
	b->left = merge(a, b->left);
	return b;
}

void rows_done(struct rows *rows)
{
	unref(rows->root);
	rows->root = NULL;
}

void rows_copy(struct rows *ret, const struct rows *from)
{
	ret->root = ref(from->root);
}

void rows_put(struct rows *rows, struct str key, struct str value)
{
	struct row *row = mem_alloc(sizeof(*row) + key.len + value.len);
	struct rows_node *node = mem_alloc(sizeof(*node)), *left, *same, *right;

	*row = (struct row){ .refs = 1, .key_len = (uint32_t)key.len, .value_len = value.len };
	memcpy(row->data, key.ptr, key.len);
	if (value.len)
		memcpy(row->data + key.len, value.ptr, value.len);
	*node = (struct rows_node){ .refs = 1,
				    .priority = XXH3_64bits(key.ptr, key.len),
				    .row = row };
	split(rows->root, key, false, &left, &right);
	split(right, key, true, &same, &right);
	unref(same);
	rows->root = merge(merge(left, node), right);
}

void rows_del(struct rows *rows, struct str key)
{
	struct rows_node *left, *same, *right;

	split(rows->root, key, false, &left, &right);
	split(right, key, true, &same, &right);
	unref(same);
	rows->root = merge(left, right);
}

void rows_drop(struct rows *rows, struct str lo, struct str hi)
{
	struct rows_node *left, *middle, *right = NULL;

	split(rows->root, lo, false, &left, &middle);
	if (hi.ptr)
		split(middle, hi, false, &middle, &right);
	unref(middle);
	rows->root = merge(left, right);
}

bool rows_get(const struct rows *rows, struct str key, struct str *ret_value)
{
	const struct rows_node *node = rows->root;

	while (node) {
		int c = store_key_cmp(key, row_key(node->row));

		if (c == 0) {
			*ret_value = row_value(node->row);
			return true;
		}
		node = c < 0 ? node->left : node->right;
	}
	return false;
}

struct walk {
	struct str lo, hi;
	bool reverse;
	bool (*on_row)(void *arg, struct str key, struct str value);
	void *arg;
};

static bool walk_node(const struct rows_node *node, const struct walk *walk)
{
	if (!node)
		return true;
	struct str key = row_key(node->row);
	bool below = store_key_cmp(key, walk->lo) < 0;
	bool above = walk->hi.ptr && store_key_cmp(key, walk->hi) >= 0;
	const struct rows_node *first = walk->reverse ? node->right : node->left;
	const struct rows_node *second = walk->reverse ? node->left : node->right;

	if (!(walk->reverse ? above : below) && !walk_node(first, walk))
		return false;
	if (!below && !above && !walk->on_row(walk->arg, key, row_value(node->row)))
		return false;
	return (walk->reverse ? below : above) || walk_node(second, walk);
}

void rows_walk(const struct rows *rows, struct str lo, struct str hi, bool reverse,
	       bool (*on_row)(void *arg, struct str key, struct str value), void *arg)
{
	struct walk walk = { lo, hi, reverse, on_row, arg };

	walk_node(rows->root, &walk);
}
