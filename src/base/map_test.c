#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/region.h"

static void an_empty_map_answers(void **state)
{
	struct map map;
	uint32_t at = 0;
	uint64_t key;
	void *value;

	(void)state;
	map_init(&map);
	assert_null(map_get(&map, 1));
	assert_null(map_get(&map, 0));
	assert_null(map_del(&map, 1));
	assert_false(map_next(&map, &at, &key, &value));
	map_done(&map);
}

static void a_value_is_replaced_and_handed_back(void **state)
{
	struct map map;
	int a, b;

	(void)state;
	map_init(&map);
	assert_null(map_set(&map, 7, &a));
	assert_ptr_equal(map_set(&map, 7, &b), &a);
	assert_int_equal(map.count, 1);
	assert_ptr_equal(map_del(&map, 7), &b);
	assert_null(map.slots);
	map_done(&map);
}

enum { KEYS = 300 };

/* Against a plain array, with keys that collide. */
static void agree(struct map *map, uint64_t seed)
{
	struct random_seeded seeded;
	char *model[KEYS] = {};
	char values[KEYS];
	uint32_t count = 0;

	random_seeded_init(&seeded, seed);
	for (int step = 0; step < 20000; step++) {
		uint64_t k = random_below(&seeded.random, KEYS), key = (k + 1) << 40;
		/* Mostly filling for a while, then mostly emptying, again and again. */
		bool fill = random_below(&seeded.random, 10) < (step / 2000 % 2 ? 2 : 8);

		if (fill) {
			assert_ptr_equal(map_set(map, key, &values[k]), model[k]);
			count += !model[k];
			model[k] = &values[k];
		} else {
			assert_ptr_equal(map_del(map, key), model[k]);
			count -= model[k] != NULL;
			model[k] = NULL;
		}
		assert_int_equal(map->count, count);
		if (step % 500 == 0) {
			uint32_t at = 0, walked = 0;
			void *value;

			for (k = 0; k < KEYS; k++)
				assert_ptr_equal(map_get(map, (k + 1) << 40), model[k]);
			while (map_next(map, &at, &key, &value)) {
				assert_ptr_equal(value, model[(key >> 40) - 1]);
				walked++;
			}
			assert_int_equal(walked, count);
		}
	}
}

static void it_agrees_with_a_plain_array(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct map map;

		map_init(&map);
		agree(&map, seed);
		map_done(&map);
	}
}

static void in_a_region_it_is_dropped_with_it(void **state)
{
	struct region region;
	struct map map;

	(void)state;
	region_init(&region);
	map_init_in(&map, &region);
	agree(&map, 9);
	region_drop(&region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_answers),
		cmocka_unit_test(a_value_is_replaced_and_handed_back),
		cmocka_unit_test(it_agrees_with_a_plain_array),
		cmocka_unit_test(in_a_region_it_is_dropped_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
