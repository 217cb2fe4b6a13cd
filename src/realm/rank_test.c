#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "realm/rank.h"

enum { ROLES = 5 };
static const uint64_t order[ROLES] = { 10, 20, 30, 40, 50 };

static void wishes_are_met_and_the_others_keep_their_order(void **state)
{
	static const struct {
		struct rank_wish wishes[ROLES];
		uint32_t count;
		uint64_t want[ROLES];
	} cases[] = {
		{ { { 10, 1 } }, 1, { 10, 20, 30, 40, 50 } },
		{ { { 10, 3 } }, 1, { 20, 30, 10, 40, 50 } },
		{ { { 50, 1 } }, 1, { 50, 10, 20, 30, 40 } },
		{ { { 30, 99 } }, 1, { 10, 20, 40, 50, 30 } },
		{ { { 30, 0 } }, 1, { 30, 10, 20, 40, 50 } },
		{ { { 20, 3 }, { 30, 2 } }, 2, { 10, 30, 20, 40, 50 } },
		{ { { 50, 2 }, { 10, 2 } }, 2, { 20, 10, 50, 30, 40 } },
		{ { { 10, 5 }, { 20, 4 }, { 30, 3 }, { 40, 2 }, { 50, 1 } },
		  5,
		  { 50, 40, 30, 20, 10 } },
		{ { { 10, 9 }, { 20, 9 } }, 2, { 30, 40, 50, 10, 20 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rank_wish wishes[ROLES];
		uint64_t got[ROLES] = {};

		memcpy(wishes, cases[i].wishes, sizeof(wishes));
		rank_reorder(order, ROLES, wishes, cases[i].count, got);
		assert_memory_equal(got, cases[i].want, sizeof(got));
	}
}

static void every_order_is_a_permutation_with_each_wish_at_its_place(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 5 * 5 * 5 * 5; seed++) {
		struct rank_wish wishes[2] = { { order[seed % 5], seed / 5 % 5 + 1 },
					       { order[seed / 25 % 5], seed / 125 + 1 } };
		uint64_t got[ROLES];
		uint64_t sum = 0;

		if (wishes[0].id == wishes[1].id || wishes[0].position == wishes[1].position)
			continue;
		struct rank_wish copy[2] = { wishes[0], wishes[1] };
		rank_reorder(order, ROLES, copy, 2, got);
		for (uint32_t i = 0; i < ROLES; i++)
			sum += got[i];
		assert_int_equal(sum, 150);
		for (uint32_t i = 0; i < 2; i++)
			assert_int_equal(got[wishes[i].position - 1], wishes[i].id);
	}
}

static void what_stands_above_an_actor_must_not_move(void **state)
{
	static const uint64_t below[ROLES] = { 20, 10, 30, 40, 50 },
			      across[ROLES] = { 10, 20, 40, 30, 50 };

	(void)state;
	assert_true(rank_same_above(order, below, ROLES, 2));
	assert_false(rank_same_above(order, across, ROLES, 3));
	assert_true(rank_same_above(order, across, ROLES, 4));
	assert_true(rank_same_above(order, across, ROLES, ROLES));
	assert_true(rank_same_above(order, order, ROLES, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wishes_are_met_and_the_others_keep_their_order),
		cmocka_unit_test(every_order_is_a_permutation_with_each_wish_at_its_place),
		cmocka_unit_test(what_stands_above_an_actor_must_not_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
