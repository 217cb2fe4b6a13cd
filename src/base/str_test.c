#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

static const struct str null_view = { NULL, 0 };

static void null_views_are_empty_strings(void **state)
{
	(void)state;
	assert_true(str_eq(null_view, S("")));
	assert_true(str_ieq(null_view, S("")));
	assert_true(str_starts(null_view, null_view));
	assert_int_equal(str_find(null_view, 'a'), 0);
	assert_int_equal(str_skip(null_view, 3).len, 0);
	assert_int_equal(str_trim(null_view).len, 0);
	assert_true(str_utf8_valid(null_view));
	assert_int_equal(str_z(NULL).len, 0);
}

static void strings_are_compared_and_cut(void **state)
{
	(void)state;
	assert_true(str_eq(S("abc"), S("abc")));
	assert_false(str_eq(S("abc"), S("abd")));
	assert_false(str_eq(S("abc"), S("ab")));
	assert_true(str_ieq(S("Content-Type"), S("content-TYPE")));
	assert_true(str_starts(S("Bot x"), S("Bot ")));
	assert_false(str_starts(S("Bo"), S("Bot ")));
	assert_int_equal(str_find(S("a:b"), ':'), 1);
	assert_int_equal(str_find(S("ab"), ':'), 2);
	assert_true(str_eq(str_skip(S("hello"), 2), S("llo")));
	assert_int_equal(str_skip(S("hello"), 9).len, 0);
}

static void numbers_are_whole_strings_that_fit(void **state)
{
	static const struct {
		struct str text;
		bool ok;
		uint64_t n;
	} cases[] = {
		{ S("0"), true, 0 },
		{ S("007"), true, 7 },
		{ S("18446744073709551615"), true, UINT64_MAX },
		{ S("18446744073709551616"), false, 0 },
		{ S("99999999999999999999"), false, 0 },
		{ S("000000000000000000001"), false, 0 }, /* 21 digits */
		{ S(""), false, 0 },
		{ S("-1"), false, 0 },
		{ S("+1"), false, 0 },
		{ S(" 1"), false, 0 },
		{ S("1 "), false, 0 },
		{ S("1a"), false, 0 },
		{ S("1\0"), false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t n = 0;

		assert_int_equal(str_u64(cases[i].text, &n), cases[i].ok);
		assert_int_equal(n, cases[i].n);
	}
}

static void hexadecimal_numbers_are_whole_strings_of_lower_case(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_true(str_hex(S("0"), &n) && n == 0);
	assert_true(str_hex(S("00ff"), &n) && n == 255);
	assert_true(str_hex(S("fedcba9876543210"), &n) && n == 0xfedcba9876543210);
	assert_false(str_hex(S(""), &n) || str_hex(S("00000000000000001"), &n) ||
		     str_hex(S("A"), &n) || str_hex(S("0x1"), &n) || str_hex(S("1 "), &n) ||
		     str_hex(S("g"), &n) || str_hex(S("1\0"), &n));
	assert_true(n == 0xfedcba9876543210);
}

static void signed_numbers_know_their_sign_and_range(void **state)
{
	int64_t n;

	(void)state;
	assert_true(str_i64(S("-12"), &n));
	assert_int_equal(n, -12);
	assert_true(str_i64(S("9223372036854775807"), &n));
	assert_int_equal(n, INT64_MAX);
	assert_false(str_i64(S("9223372036854775808"), &n));
	assert_false(str_i64(S("-"), &n));
	assert_false(str_i64(S("--1"), &n));
	assert_false(str_i64(null_view, &n));
}

static void utf8_is_taken_only_when_well_formed(void **state)
{
	static const struct {
		struct str text;
		bool ok;
	} cases[] = {
		{ S("plain text, longer than eight bytes"), true },
		{ S("gr\xc3\xbc\xc3\x9f"), true },
		{ S("\xe2\x82\xac"), true },
		{ S("\xf0\x9f\x90\xa6"), true },
		{ S("\xf4\x8f\xbf\xbf"), true },	 /* U+10FFFF */
		{ S("\xf4\x90\x80\x80"), false },	  /* beyond */
		{ S("\xc0\x80"), false },	  /* overlong */
		{ S("\xe0\x80\x80"), false },
		{ S("\xf0\x80\x80\x80"), false },
		{ S("\xed\xa0\x80"), false },	      /* a surrogate */
		{ S("\xed\x9f\xbf"), true },	     /* the last before them */
		{ S("\x80"), false },
		{ S("1234567\xc3"), false },	     /* cut short, past the fast path */
		{ S("12345678\xff"), false },
		{ S("\xe2\x82"), false },
		{ S("\xf0\x9f\x90"), false },
		{ S("\xe2\x28\xa1"), false },
		{ S("\xf5\x80\x80\x80"), false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(str_utf8_valid(cases[i].text), cases[i].ok);
}

static void lengths_count_code_points(void **state)
{
	(void)state;
	assert_int_equal(str_utf8_len(S("abc")), 3);
	assert_int_equal(str_utf8_len(S("gr\xc3\xbc\xc3\x9f")), 4);
	assert_int_equal(str_utf8_len(S("\xf0\x9f\x90\xa6")), 1);
}

static void trimming_takes_unicode_space_and_nothing_else(void **state)
{
	static const struct {
		struct str text, trimmed;
	} cases[] = {
		{ S("  a b \t\n"), S("a b") },
		{ S("\xc2\xa0x\xc2\xa0"), S("x") },
		{ S("\xe3\x80\x80y\xe2\x80\x8b"), S("y") },
		{ S("\xef\xbb\xbfz\xe2\x81\x9f"), S("z") },
		{ S(" \xc2\xa0 "), S("") },
		{ S("\xc3\xa0"), S("\xc3\xa0") }, /* its last byte is that of a no-break space */
		{ S("\xe4\x80\x80"), S("\xe4\x80\x80") },
		{ S(""), S("") },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_true(str_eq(str_trim(cases[i].text), cases[i].trimmed));
}

static void a_hexadecimal_digit_has_a_value_in_either_case(void **state)
{
	static const char digits[] = "0123456789abcdef", big[] = "0123456789ABCDEF";
	int values = 0;

	(void)state;
	for (int i = 0; i < 16; i++) {
		assert_int_equal(hex_value(digits[i]), i);
		assert_int_equal(hex_value(big[i]), i);
	}
	for (int c = 0; c < 256; c++)
		values += hex_value((char)c) >= 0;
	assert_int_equal(values, 22); /* nothing else has one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hexadecimal_digit_has_a_value_in_either_case),
		cmocka_unit_test(null_views_are_empty_strings),
		cmocka_unit_test(strings_are_compared_and_cut),
		cmocka_unit_test(numbers_are_whole_strings_that_fit),
		cmocka_unit_test(hexadecimal_numbers_are_whole_strings_of_lower_case),
		cmocka_unit_test(signed_numbers_know_their_sign_and_range),
		cmocka_unit_test(utf8_is_taken_only_when_well_formed),
		cmocka_unit_test(lengths_count_code_points),
		cmocka_unit_test(trimming_takes_unicode_space_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
