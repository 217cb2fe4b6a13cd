#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/random.h"
#include "codec/patterns.h"
#include "codec/text.h"

static void digits_are_those_of_printf(void **state)
{
	struct random_seeded random;
	char text[TEXT_U64_MAX], expected[32];

	(void)state;
	random_seeded_init(&random, 1);
	for (int i = 0; i < 100000; i++) {
		uint64_t n = random_below(&random.random, UINT64_MAX) >>
			random_below(&random.random, 64);
		int len = snprintf(expected, sizeof(expected), "%" PRIu64, n);

		assert_int_equal(text_u64(text, n), len);
		assert_memory_equal(text, expected, (size_t)len);
	}
	static const uint64_t edges[] = {
		0, 9, 10, 99999999, 100000000, 9999999999999999, 10000000000000000, UINT64_MAX
	};
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		int len = snprintf(expected, sizeof(expected), "%" PRIu64, edges[i]);

		assert_int_equal(text_u64(text, edges[i]), len);
		assert_memory_equal(text, expected, (size_t)len);
	}
}

static void assert_time(int64_t us, const char *expected)
{
	char text[TEXT_TIME_LEN + 1] = {};

	text_time(text, us);
	assert_string_equal(text, expected);
}

static void times_look_like_discords(void **state)
{
	(void)state;
	assert_time(1676844033136000, "2023-02-19T22:00:33.136000+00:00");
	assert_time(0, "1970-01-01T00:00:00.000000+00:00");
	assert_time(-1, "1969-12-31T23:59:59.999999+00:00");
	assert_time(951782400000000, "2000-02-29T00:00:00.000000+00:00");
	assert_time(4107542400000000, "2100-03-01T00:00:00.000000+00:00");
	assert_time(INT64_MIN, "0001-01-01T00:00:00.000000+00:00");
	assert_time(INT64_MAX, "9999-12-31T23:59:59.999999+00:00");
}

static void times_are_read_as_they_were_written(void **state)
{
	struct random_seeded random;

	(void)state;
	random_seeded_init(&random, 2);
	for (int i = 0; i < 100000; i++) {
		int64_t us = (int64_t)random_below(&random.random,
						   253402300800000000ULL + 62135596800000000ULL) -
			62135596800000000LL,
			back;
		char text[TEXT_TIME_LEN];

		text_time(text, us);
		assert_true(text_time_parse((struct str){ text, sizeof(text) }, &back));
		assert_int_equal(back, us);
	}
}

static void times_are_taken_in_the_forms_of_iso_8601(void **state)
{
	static const struct {
		const char *text;
		int64_t us; /* -1: refused */
	} cases[] = {
		{ "2023-02-19", 1676764800000000 },
		{ "2023-02-19T22:00:33Z", 1676844033000000 },
		{ "2023-02-19 22:00", 1676844000000000 },
		{ "2023-02-19T22:00:33.5", 1676844033500000 },
		{ "2023-02-19T22:00:33.123456789Z", 1676844033123456 },
		{ "2023-02-20T00:00:33+02:00", 1676844033000000 },
		{ "2023-02-19T17:00:33-0500", 1676844033000000 },
		{ "2023-02-29", -1 },
		{ "2024-02-29", 1709164800000000 },
		{ "2023-13-01", -1 },
		{ "2023-00-01", -1 },
		{ "0000-01-01", -1 },
		{ "2023-02-19T24:00:00Z", -1 },
		{ "2023-02-19T22:00:33+25:00", -1 },
		{ "2023-02-19T22:00:33Zx", -1 },
		{ "2023-02-19T", -1 },
		{ "2023-02-19T22:00:33.", -1 },
		{ "2023-2-19", -1 },
		{ "yesterday", -1 },
		{ "", -1 },
		{ "0001-01-01T00:00:00+12:00", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t us = -1;
		bool good = text_time_parse(str_z(cases[i].text), &us);

		if (good != (cases[i].us >= 0) || (good && us != cases[i].us))
			fail_msg("%s: %s %lld", cases[i].text, good ? "taken" : "refused",
				 (long long)us);
	}
}

static void text_is_cut_at_a_character(void **state)
{
	struct str s = S("a\xe2\x82\xac"
			 "b");

	(void)state;
	assert_int_equal(text_cut(s, 10).len, 5);
	assert_int_equal(text_cut(s, 4).len, 4);
	assert_int_equal(text_cut(s, 3).len, 1);
	assert_int_equal(text_cut(s, 2).len, 1);
	assert_int_equal(text_cut(s, 0).len, 0);
}

static void patterns_take_their_own_samples_and_refuse_what_is_not_theirs(void **state)
{
	static const struct {
		const struct pattern *pattern;
		const char *good[4], *bad[6];
	} cases[] = {
		{ &pattern_username, { "ann", "a.b_2" }, { "", "Ann", "a..b", "a b", "\xc3\xbc" } },
		{ &pattern_emoji_name, { "ok_1" }, { "", "no-dash", "a b" } },
		{ &pattern_command_name,
		  { "add-role", "\xe0\xa4\x95\xe0\xa4\xbe",
		    "\xc3\xbc"
		    "ber" },
		  { "", "Add", "a b", "a/b" } },
		{ &pattern_colour, { "#00FFaa" }, { "", "00ffaa", "#12345", "#12345g" } },
		{ &pattern_locale, { "de", "zh-CN", "es-419" }, { "", "d", "en_US", "en-", "EN" } },
		{ &pattern_hex, { "0Af" }, { "", "xyz" } },
		{ &pattern_url,
		  { "http://a", "https://a.b/c?d=e#f" },
		  { "", "ftp://a", "https://", "https:///a", "https://a b",
		    "javascript:alert(1)" } },
		{ &pattern_media_url,
		  { "attachment://x.png", "https://a" },
		  { "attachment://", "file:///etc" } },
		{ &pattern_uri,
		  { "myapp:/x", "https://a" },
		  { "", "javascript:x", "data:text/html,x", "nothing" } },
		{ &pattern_image_data,
		  { "data:image/png;base64,AAAA" },
		  { "", "data:image/png,AAAA", "data:text/html;base64,AAAA",
		    "data:image/png;base64,", "image/png;base64,AA" } },
		{ &pattern_audio_data,
		  { "data:audio/mpeg;base64,AAAA" },
		  { "data:image/png;base64,AAAA" } },
		{ &pattern_base64, { "AAA=", "AA==", "AAAA", "AA" }, { "", "A", "A===", "A A=" } },
		{ &pattern_slug, { "our-place" }, { "", "Our", "a_b" } },
		{ &pattern_code, { "aB3-_" }, { "", "a/b", "a b" } },
		{ &pattern_email,
		  { "a@b.c", "a+b@c.example" },
		  { "", "a", "a@b", "@b.c", "a@.c", "a@b@c.d" } },
		{ &pattern_digits, { "0123" }, { "", "1a", "-1" } },
		{ &pattern_not_blank, { "x", " x " }, { "", "  ", "\xe2\x80\x8b" } },
		{ &pattern_printable, { "", "a b" }, { "a\nb", "\x01", "\x7f" } },
		{ &pattern_totp, { "123456", "123 456" }, { "", "12345", "1234567", "12345a" } },
		{ &pattern_date, { "2001-02-28" }, { "2001-02-29", "2001-2-3", "" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct pattern *pattern = cases[i].pattern;

		assert_true(pattern->ok(str_z(pattern->sample)));
		for (size_t j = 0; j < 4 && cases[i].good[j]; j++)
			if (!pattern->ok(str_z(cases[i].good[j])))
				fail_msg("%s refuses \"%s\"", pattern->name, cases[i].good[j]);
		for (size_t j = 0; j < 6 && cases[i].bad[j]; j++)
			if (pattern->ok(str_z(cases[i].bad[j])))
				fail_msg("%s takes \"%s\"", pattern->name, cases[i].bad[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits_are_those_of_printf),
		cmocka_unit_test(times_look_like_discords),
		cmocka_unit_test(times_are_read_as_they_were_written),
		cmocka_unit_test(times_are_taken_in_the_forms_of_iso_8601),
		cmocka_unit_test(text_is_cut_at_a_character),
		cmocka_unit_test(patterns_take_their_own_samples_and_refuse_what_is_not_theirs),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
