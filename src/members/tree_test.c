#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/region.h"
#include "members/tree.h"

enum { ITEMS = 3000, OPERATIONS = 300000, LARGE = 100000 };

struct item {
	uint32_t key;
};

/* Coarse, so that some are equal. */
static uint64_t key(void *context, const void *item)
{
	(void)context;
	return ((const struct item *)item)->key / 7;
}

static int compare(void *context, const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	(void)context;
	return x->key < y->key ? -1 : x->key > y->key;
}

static const struct tree_order order = { key, compare };

/* The plain model: a sorted array. */
struct model {
	struct item *items[ITEMS];
	uint32_t count;
};

static uint32_t model_find(const struct model *model, const struct item *item)
{
	uint32_t at = 0;

	while (at < model->count && model->items[at]->key < item->key)
		at++;
	return at;
}

static bool model_insert(struct model *model, struct item *item)
{
	uint32_t at = model_find(model, item);

	if (at < model->count && model->items[at] == item)
		return false;
	for (uint32_t i = model->count++; i > at; i--)
		model->items[i] = model->items[i - 1];
	model->items[at] = item;
	return true;
}

static bool model_remove(struct model *model, const struct item *item)
{
	uint32_t at = model_find(model, item);

	if (at == model->count || model->items[at] != item)
		return false;
	model->count--;
	for (uint32_t i = at; i < model->count; i++)
		model->items[i] = model->items[i + 1];
	return true;
}

static void check_whole(const struct tree *tree, const struct model *model)
{
	void *items[ITEMS];

	assert_int_equal(tree->count, model->count);
	assert_int_equal(tree_read(tree, 0, items, ITEMS), model->count);
	for (uint32_t i = 0; i < model->count; i++)
		assert_ptr_equal(items[i], model->items[i]);
}

static void a_tree_does_what_a_sorted_array_does(void **state)
{
	struct item *items = calloc(ITEMS, sizeof(*items));
	struct model *model = calloc(1, sizeof(*model));
	struct random_seeded random;
	struct region region;
	struct tree tree;

	(void)state;
	random_seeded_init(&random, 7);
	region_init(&region);
	tree_init(&tree, &region, &order, NULL);
	for (uint32_t i = 0; i < ITEMS; i++)
		items[i].key = i * 2;
	for (uint32_t n = 0; n < OPERATIONS; n++) {
		struct item *item = &items[random_below(&random.random, ITEMS)];
		bool filling = n / 20000 % 2 == 0; /* it grows and shrinks in turn */

		if (random_below(&random.random, 8) < (filling ? 6 : 2))
			assert_int_equal(tree_insert(&tree, item), model_insert(model, item));
		else
			assert_int_equal(tree_remove(&tree, item), model_remove(model, item));
		uint32_t at = model_find(model, item);
		bool there = at < model->count && model->items[at] == item;
		assert_int_equal(tree_position(&tree, item), there ? at : TREE_NOWHERE);
		uint32_t any = (uint32_t)random_below(&random.random, ITEMS);
		assert_ptr_equal(tree_at(&tree, any),
				 any < model->count ? model->items[any] : NULL);
		if (n % 1000 == 0)
			check_whole(&tree, model);
	}
	while (model->count) {
		assert_true(tree_remove(&tree, model->items[0]));
		model_remove(model, model->items[0]);
	}
	assert_int_equal(region.bytes, 0);
	region_drop(&region);
	free(model);
	free(items);
}

static void a_tree_that_grew_in_order_is_like_any_other(void **state)
{
	static const uint32_t counts[] = { 0,  1,	47,	     48,	  49,
					   64, 48 * 48, 48 * 48 + 1, 48 * 48 * 2, LARGE };
	struct item *items = calloc(LARGE, sizeof(*items));
	struct region region;

	(void)state;
	region_init(&region);
	for (uint32_t i = 0; i < LARGE; i++)
		items[i].key = i;
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		struct tree tree;

		tree_init(&tree, &region, &order, NULL);
		for (uint32_t i = 0; i < counts[c]; i++)
			assert_true(tree_insert(&tree, &items[i]));
		assert_int_equal(tree.count, counts[c]);
		for (uint32_t i = 0; i < counts[c]; i++) {
			assert_ptr_equal(tree_at(&tree, i), &items[i]);
			assert_int_equal(tree_position(&tree, &items[i]), i);
		}
		for (uint32_t i = 0; i < counts[c]; i += 2)
			assert_true(tree_remove(&tree, &items[i]));
		for (uint32_t i = 1; i < counts[c]; i += 2)
			assert_int_equal(tree_position(&tree, &items[i]), i / 2);
		tree_done(&tree);
		assert_int_equal(region.bytes, 0);
	}
	region_drop(&region);
	free(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_does_what_a_sorted_array_does),
		cmocka_unit_test(a_tree_that_grew_in_order_is_like_any_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
