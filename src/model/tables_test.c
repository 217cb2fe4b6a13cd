#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/closecodes.h"
#include "model/errors.h"
#include "model/events.h"
#include "model/permissions.h"
#include "model/tables.h"

static int compare(struct str a, struct str b)
{
	int r = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

static void newer_messages_come_first(void **state)
{
	struct key older, newer, other;

	(void)state;
	struct str a = key_message(&newer, 7, 3, 1000), b = key_message(&older, 7, 3, 999);
	assert_true(compare(a, b) < 0);
	assert_true(compare(b, key_message(&other, 7, 4, 2000)) < 0);
	struct str prefix = prefix_message(&other, 7, 3);
	assert_true(str_starts(a, prefix) && str_starts(b, prefix));
	assert_true(str_starts(prefix, partition_message(&other, 7, 3)));
	assert_int_equal(a.ptr[0], 16);
}

static void keys_are_taken_apart_again(void **state)
{
	uint64_t channel_id, id;
	uint32_t bucket;
	struct key key;

	(void)state;
	struct str message = key_message(&key, UINT64_MAX, 77, 1311000000000000001);
	assert_true(parse_message(message, &channel_id, &bucket, &id));
	assert_true(channel_id == UINT64_MAX && bucket == 77 && id == 1311000000000000001);
	assert_true(parse_message(message, NULL, NULL, NULL));
	for (size_t len = 0; len < message.len; len++)
		assert_false(parse_message((struct str){ message.ptr, len }, NULL, NULL, NULL));
	assert_false(parse_reaction(message, NULL, NULL, NULL, NULL, NULL, NULL));
}

static void a_key_names_its_table(void **state)
{
	struct key key;

	(void)state;
	assert_ptr_equal(table_find(key_message(&key, 1, 2, 3)), &table_descs[TABLE_message]);
	assert_ptr_equal(table_find(key_role(&key, 1, 2)), &table_descs[TABLE_role]);
	assert_int_equal(key_realm_kind(key_role(&key, 1, 2)), KIND_role);
	assert_null(table_find(S("")));
	assert_null(table_find(S("\xfezzzzzzzzzzzz")));
	assert_int_equal(key_realm_kind(S("\x20")), -1);
	for (int i = 0; i < TABLE_COUNT; i++)
		assert_int_equal(table_partition_len(table_descs[i].byte),
				 table_descs[i].partition_len);
}

static void long_text_makes_a_key_of_its_own(void **state)
{
	char text[5000];
	struct key a, b;

	(void)state;
	memset(text, 'x', sizeof(text));
	struct str first = key_invite(&a, 1, (struct str){ text, sizeof(text) });
	struct str second = key_invite(&b, 1, (struct str){ text, sizeof(text) - 1 });
	assert_true(first.len <= KEY_MAX && first.len == second.len);
	assert_int_not_equal(compare(first, second), 0);
	assert_int_equal(compare(first, key_invite(&b, 1, (struct str){ text, sizeof(text) })), 0);
}

static void codes_are_looked_up(void **state)
{
	(void)state;
	assert_int_equal(error_find(ERR_UNKNOWN_CHANNEL)->http, 404);
	assert_int_equal(error_find(ERR_UNKNOWN_CHANNEL)->wire, 10003);
	assert_int_equal(error_find(ERR_NOT_FOUND)->wire, 0);
	assert_int_equal(error_find(123456789)->http, 500);
	for (int i = 0; i < ERROR_COUNT; i++)
		assert_ptr_equal(error_find(error_descs[i].code), &error_descs[i]);
	assert_true(close_find(CLOSE_RATE_LIMITED)->may_reconnect);
	assert_null(close_find(1));
	assert_true(event_descs[EVENT_MESSAGE_CREATE].enc &&
		    event_descs[EVENT_MESSAGE_CREATE].intents);
	assert_true((PERM_SET_ALL & PERM_VIEW_CHANNEL) &&
		    ~PERM_USE_APPLICATION_COMMANDS >> 32 == UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newer_messages_come_first),
		cmocka_unit_test(keys_are_taken_apart_again),
		cmocka_unit_test(a_key_names_its_table),
		cmocka_unit_test(long_text_makes_a_key_of_its_own),
		cmocka_unit_test(codes_are_looked_up),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
