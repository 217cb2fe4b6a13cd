#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "user/read_rule.h"

static void an_ack_moves_on_and_an_older_one_only_when_it_is_manual(void **state)
{
	struct read_mark mark = { .last = 100, .mentions = 3 };

	(void)state;
	assert_false(read_ack(&mark, &(struct read_ack){ .message_id = 99 }));
	assert_int_equal(mark.last, 100);
	assert_int_equal(mark.mentions, 3);
	assert_true(read_ack(&mark,
			     &(struct read_ack){ .message_id = 100 })); /* the same: mentions go */
	assert_int_equal(mark.mentions, 0);
	assert_true(read_ack(&mark, &(struct read_ack){ .message_id = 50, .manual = true }));
	assert_int_equal(mark.last, 50);
	assert_true(read_ack(
		&mark,
		&(struct read_ack){ .message_id = 60, .has_mentions = true, .mentions = 9 }));
	assert_int_equal(mark.mentions, 0); /* a count is taken only with a manual one */
}

static void mentions_are_counted_once_and_only_after_what_was_read(void **state)
{
	struct read_mark mark = { .last = 100 };

	(void)state;
	assert_false(read_mentioned(&mark, 100));
	assert_true(read_mentioned(&mark, 101));
	assert_true(read_mentioned(&mark, 102));
	assert_int_equal(mark.mentions, 2);
	assert_true(read_ack(&mark, &(struct read_ack){ .message_id = 102 }));
	assert_false(read_mentioned(&mark, 102)); /* late, after it was read */
	assert_int_equal(mark.mentions, 0);
}

static void what_the_client_has_counted_is_not_counted_again(void **state)
{
	struct read_mark mark = { .last = 100 };
	struct read_ack back = {
		.message_id = 40, .manual = true, .has_mentions = true, .mentions = 2, .now_id = 110
	};

	(void)state;
	assert_true(read_ack(&mark, &back));
	assert_int_equal(mark.mentions, 2);
	assert_false(read_is_news(&mark, 105));
	assert_false(read_mentioned(&mark, 105));
	assert_true(read_is_news(&mark, 111));
	assert_true(read_mentioned(&mark, 111));
	assert_int_equal(mark.mentions, 3);
	assert_true(read_ack(&mark, &(struct read_ack){ .message_id = 60 }));
	assert_true(read_is_news(&mark, 105)); /* after a plain ack only the message counts */
}

static void ones_own_message_reads_all_before_it(void **state)
{
	struct read_mark mark = { .last = 100, .mentions = 5, .counted_to = 120 };

	(void)state;
	assert_false(read_spoke(&mark, 90));
	assert_int_equal(mark.mentions, 5);
	assert_true(read_spoke(&mark, 130));
	assert_int_equal(mark.last, 130);
	assert_int_equal(mark.mentions, 0);
	assert_false(read_mentioned(&mark, 125));
	assert_true(read_mentioned(&mark, 131));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ack_moves_on_and_an_older_one_only_when_it_is_manual),
		cmocka_unit_test(mentions_are_counted_once_and_only_after_what_was_read),
		cmocka_unit_test(what_the_client_has_counted_is_not_counted_again),
		cmocka_unit_test(ones_own_message_reads_all_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
