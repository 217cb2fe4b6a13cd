/* A roll against a plain sorted array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/region.h"
#include "members/roll.h"

enum { ITEMS = 3000, OPERATIONS = 200000 };

/* Order is by value, then by number; values collide. */
static uint32_t values[ITEMS];

static int compare(void *context, uint32_t a, uint32_t b)
{
	assert_ptr_equal(context, values);
	if (values[a] != values[b])
		return values[a] < values[b] ? -1 : 1;
	return a < b ? -1 : a > b;
}

static int compare_plain(const void *a, const void *b)
{
	return compare(values, *(const uint32_t *)a, *(const uint32_t *)b);
}

static bool below_value(void *context, uint32_t item, const void *needle)
{
	(void)context;
	return values[item] < *(const uint32_t *)needle;
}

static void check(const struct roll *roll, const bool *there)
{
	static uint32_t plain[ITEMS];
	struct roll_at at = {};
	uint32_t count = 0, item;

	for (uint32_t i = 0; i < ITEMS; i++)
		if (there[i])
			plain[count++] = i;
	qsort(plain, count, sizeof(*plain), compare_plain);
	assert_int_equal(roll->count, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(roll_next(roll, &at, &item));
		assert_int_equal(item, plain[i]);
	}
	assert_false(roll_next(roll, &at, &item));
	for (uint32_t value = 0; value < 520; value += 7) {
		uint32_t i = 0;

		while (i < count && values[plain[i]] < value)
			i++;
		at = roll_seek(roll, below_value, &value);
		assert_int_equal(roll_next(roll, &at, &item), i < count);
		if (i < count)
			assert_int_equal(item, plain[i]);
	}
}

static void it_is_what_a_sorted_array_would_be(void **state)
{
	static bool there[ITEMS];
	struct random_seeded random;
	struct region region;
	struct roll roll;

	(void)state;
	random_seeded_init(&random, 1);
	region_init(&region);
	roll_init(&roll, &region, compare, values);
	for (uint32_t i = 0; i < ITEMS; i++)
		values[i] = (uint32_t)random_below(&random.random, 500);
	for (uint32_t i = 0; i < OPERATIONS; i++) {
		uint32_t item = (uint32_t)random_below(&random.random, ITEMS);
		bool grows = i / 20000 % 2 == 0,
		     in = random_below(&random.random, 10) < (grows ? 7 : 2);

		if (in)
			assert_int_equal(roll_insert(&roll, item), !there[item]);
		else
			assert_int_equal(roll_remove(&roll, item), there[item]);
		there[item] = in;
		if (i % 2000 == 0)
			check(&roll, there);
	}
	for (uint32_t i = 0; i < ITEMS; i++)
		roll_remove(&roll, i);
	assert_int_equal(region.bytes, 0);
	region_drop(&region);
}

static void what_is_in_order_is_appended(void **state)
{
	static bool there[ITEMS];
	struct region region;
	struct roll roll;

	(void)state;
	region_init(&region);
	roll_init(&roll, &region, compare, values);
	for (uint32_t i = 0; i < ITEMS; i++)
		values[i] = i / 7;
	for (uint32_t i = 0; i < ITEMS; i++) {
		roll_append(&roll, i);
		there[i] = true;
	}
	check(&roll, there);
	assert_true(region.bytes < ITEMS * sizeof(uint32_t) * 5 / 4 + 1000);
	roll_done(&roll);
	/* What grows at its end by insertion is as dense. */
	for (uint32_t i = 0; i < ITEMS; i++)
		assert_true(roll_insert(&roll, i));
	check(&roll, there);
	assert_true(region.bytes < ITEMS * sizeof(uint32_t) * 5 / 4 + 1000);
	roll_done(&roll);
	assert_int_equal(region.bytes, 0);
	region_drop(&region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_a_sorted_array_would_be),
		cmocka_unit_test(what_is_in_order_is_appended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
