#include "user/relation_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/errors.h"

static const enum relation NO = RELATION_NONE, FRIEND = RELATION_FRIEND, BLOCK = RELATION_BLOCKED,
			   IN = RELATION_INCOMING, OUT = RELATION_OUTGOING;

static void each_act_does_to_both_sides_what_the_table_says(void **state)
{
	const struct {
		enum relation_act act;
		enum relation actor, other;
		int r;
		enum relation actor_then, other_then;
	} cases[] = {
		{ RELATION_ASK, NO, NO, 0, OUT, IN },
		{ RELATION_ASK, OUT, IN, 0, OUT, IN },
		{ RELATION_ASK, IN, OUT, 0, FRIEND, FRIEND },
		{ RELATION_ASK, FRIEND, FRIEND, ERR_ALREADY_FRIENDS, FRIEND, FRIEND },
		{ RELATION_ASK, BLOCK, NO, 0, OUT, IN },
		{ RELATION_ASK, NO, BLOCK, ERR_FRIEND_REQUEST_BLOCKED, NO, BLOCK },
		{ RELATION_ASK, BLOCK, BLOCK, ERR_FRIEND_REQUEST_BLOCKED, BLOCK, BLOCK },
		{ RELATION_BLOCK, NO, NO, 0, BLOCK, NO },
		{ RELATION_BLOCK, FRIEND, FRIEND, 0, BLOCK, NO },
		{ RELATION_BLOCK, OUT, IN, 0, BLOCK, NO },
		{ RELATION_BLOCK, IN, OUT, 0, BLOCK, NO },
		{ RELATION_BLOCK, NO, BLOCK, 0, BLOCK, BLOCK },
		{ RELATION_BLOCK, BLOCK, BLOCK, 0, BLOCK, BLOCK },
		{ RELATION_END, FRIEND, FRIEND, 0, NO, NO },
		{ RELATION_END, OUT, IN, 0, NO, NO },
		{ RELATION_END, IN, OUT, 0, NO, NO },
		{ RELATION_END, BLOCK, NO, 0, NO, NO },
		{ RELATION_END, BLOCK, BLOCK, 0, NO, BLOCK },
		{ RELATION_END, NO, NO, ERR_UNKNOWN_USER, NO, NO },
		{ RELATION_END, NO, BLOCK, ERR_UNKNOWN_USER, NO, BLOCK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum relation actor = cases[i].actor, other = cases[i].other;

		assert_int_equal(relation_decide(cases[i].act, &actor, &other), cases[i].r);
		assert_int_equal(actor, cases[i].actor_then);
		assert_int_equal(other, cases[i].other_then);
	}
}

/* Whatever two people do, one after the other: friends are so on both sides, and each request has its other half. */
static void both_sides_always_fit(void **state)
{
	uint32_t seed = 7;
	enum relation sides[2] = {};

	(void)state;
	for (int i = 0; i < 10000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t who = seed >> 31;

		relation_decide((enum relation_act)((seed >> 16) % 3), &sides[who], &sides[!who]);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(sides[k] == RELATION_FRIEND, sides[!k] == RELATION_FRIEND);
			assert_int_equal(sides[k] == RELATION_OUTGOING,
					 sides[!k] == RELATION_INCOMING);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_act_does_to_both_sides_what_the_table_says),
		cmocka_unit_test(both_sides_always_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
