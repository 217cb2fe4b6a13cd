#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/etf.h"
#include "codec/json.h"

#define TERM(lit) { lit, sizeof(lit) - 1 }

static void terms_that_clients_send_are_read(void **state)
{
	static const struct {
		struct str term;
		const char *json;
	} cases[] = {
		{ TERM("\x83"
		       "a\x07"),
		  "7" },
		{ TERM("\x83"
		       "b\xff\xff\xff\xfe"),
		  "-2" },
		{ TERM("\x83"
		       "n\x08\0\xff\xff\xff\xff\xff\xff\xff\x7f"),
		  "9223372036854775807" },
		{ TERM("\x83"
		       "n\x08\x01\0\0\0\0\0\0\0\x80"),
		  "-9223372036854775808" },
		{ TERM("\x83"
		       "n\x08\0\xff\xff\xff\xff\xff\xff\xff\xff"),
		  "\"18446744073709551615\"" },
		{ TERM("\x83"
		       "n\x0a\0\x01\0\0\0\0\0\0\0\0\0"),
		  "1" },
		{ TERM("\x83"
		       "o\0\0\0\x01\0\x05"),
		  "5" },
		{ TERM("\x83"
		       "F\x3f\xf8\0\0\0\0\0\0"),
		  "1.5" },
		{ TERM("\x83"
		       "c1.50000000000000000000e+00\0\0\0\0\0"),
		  "1.5" },
		{ TERM("\x83"
		       "m\0\0\0\x02hi"),
		  "\"hi\"" },
		{ TERM("\x83"
		       "d\0\x04true"),
		  "true" },
		{ TERM("\x83"
		       "s\x05"
		       "false"),
		  "false" },
		{ TERM("\x83"
		       "w\x03nil"),
		  "null" },
		{ TERM("\x83"
		       "v\0\x04null"),
		  "null" },
		{ TERM("\x83"
		       "d\0\x05hello"),
		  "\"hello\"" },
		{ TERM("\x83"
		       "j"),
		  "[]" },
		{ TERM("\x83"
		       "k\0\x03\x01\x02\xff"),
		  "[1,2,255]" },
		{ TERM("\x83"
		       "l\0\0\0\x02"
		       "a\x01"
		       "a\x02"
		       "j"),
		  "[1,2]" },
		{ TERM("\x83"
		       "h\x02"
		       "a\x01"
		       "a\x02"),
		  "[1,2]" },
		{ TERM("\x83"
		       "i\0\0\0\x01"
		       "a\x01"),
		  "[1]" },
		{ TERM("\x83"
		       "t\0\0\0\x01"
		       "m\0\0\0\x01x"
		       "a\x01"),
		  "{\"x\":1}" },
		{ TERM("\x83"
		       "t\0\0\0\x01"
		       "k\0\x01x"
		       "a\x01"),
		  "{\"x\":1}" },
		{ TERM("\x83"
		       "t\0\0\0\x02"
		       "a\x05"
		       "a\x01"
		       "n\x05\0\0\0\0\0\x01"
		       "j"),
		  "{\"5\":1,\"4294967296\":[]}" },
		{ TERM("\x83"
		       "t\0\0\0\x02"
		       "m\0\0\0\x01x"
		       "a\x01"
		       "m\0\0\0\x01x"
		       "a\x02"),
		  "{\"x\":2}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int error = 0;
		json_t *json = etf_parse(cases[i].term, &error),
		       *expected = json_parse(str_z(cases[i].json));

		if (!json || !json_equal(json, expected)) {
			char *text = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;

			fail_msg("case %zu: %s instead of %s (%d)", i, text ? text : "nothing",
				 cases[i].json, error);
		}
		json_decref(json);
		json_decref(expected);
	}
}

static void terms_that_are_none_are_refused(void **state)
{
	static const struct {
		struct str term;
		int error;
	} cases[] = {
		{ TERM(""), -EBADMSG },
		{ TERM("\x83"), -EBADMSG },
		{ TERM("\x82"
		       "a\x01"),
		  -EBADMSG },
		{ TERM("\x83"
		       "P\0\0\0\x05xxxx"),
		  -EOPNOTSUPP },
		{ TERM("\x83"
		       "a\x01x"),
		  -EBADMSG },	      /* trailing */
		{ TERM("\x83"
		       "t\0\0\0\x01"
		       "d\0\x01x"
		       "a\x01"),
		  -EBADMSG }, /* atom key */
		{ TERM("\x83"
		       "t\0\0\0\x01"
		       "w\x01x"
		       "a\x01"),
		  -EBADMSG },
		{ TERM("\x83"
		       "t\xff\xff\xff\xff"),
		  -EBADMSG },
		{ TERM("\x83"
		       "l\xff\xff\xff\xff"
		       "a\x01"
		       "j"),
		  -EBADMSG },
		{ TERM("\x83"
		       "l\0\0\0\x01"
		       "a\x01"
		       "a\x02"),
		  -EBADMSG }, /* improper */
		{ TERM("\x83"
		       "m\xff\xff\xff\xff"),
		  -EBADMSG },
		{ TERM("\x83"
		       "m\0\0\0\x01\xff"),
		  -EBADMSG },	      /* not UTF-8 */
		{ TERM("\x83"
		       "n\x09\0\0\0\0\0\0\0\0\0\x01"),
		  -EBADMSG }, /* 2^64 */
		{ TERM("\x83"
		       "n\x08\x01\x01\0\0\0\0\0\0\x80"),
		  -EBADMSG },
		{ TERM("\x83"
		       "F\x7f\xf0\0\0\0\0\0\0"),
		  -EBADMSG }, /* infinity */
		{ TERM("\x83"
		       "g"),
		  -EBADMSG },	      /* a pid */
		{ TERM("\x83"
		       "t\0\0\0\x01"
		       "m\0\0\0\x01\0"
		       "a\x01"),
		  -EBADMSG },
	};
	char deep[5 * 40 + 1 + 1 + 40] = "\x83";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int error = 0;

		assert_null(etf_parse(cases[i].term, &error));
		if (error != cases[i].error)
			fail_msg("case %zu: %d", i, error);
	}
	for (size_t i = 0; i < 40; i++)
		memcpy(deep + 1 + 5 * i, "l\0\0\0\1", 5);
	deep[1 + 5 * 40] = 'j';
	memset(deep + 2 + 5 * 40, 'j', 40);
	int error = 0;
	assert_null(etf_parse((struct str){ deep, sizeof(deep) }, &error));
	assert_int_equal(error, -E2BIG);
}

static void json_keeps_large_integers_and_bounds_depth(void **state)
{
	(void)state;
	json_t *json = json_parse(S("[9007199254740993, 9223372036854775807]"));
	assert_int_equal(json_integer_value(json_array_get(json, 0)), 9007199254740993);
	assert_int_equal(json_integer_value(json_array_get(json, 1)), INT64_MAX);
	json_decref(json);

	json = json_parse(S("{\"a\":1,\"a\":2}"));
	assert_int_equal(json_integer_value(json_object_get(json, "a")), 2);
	json_decref(json);

	char *deep = mem_alloc(200000);
	memset(deep, '[', 100000);
	memset(deep + 100000, ']', 100000);
	assert_null(json_parse((struct str){ deep, 200000 }));
	free(deep);
	assert_null(json_parse(
		S("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]")));
	json = json_parse(S("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ \\\" [[[[\"]"));
	assert_non_null(json);
	json_decref(json);

	static const char *const bad[] = {
		"", "{", "[1,]", "nul", "\"\xff\"", "{\"a\":1}x", "[99999999999999999999]"
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(json_parse(str_z(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms_that_clients_send_are_read),
		cmocka_unit_test(terms_that_are_none_are_refused),
		cmocka_unit_test(json_keeps_large_integers_and_bounds_depth),
	};

	return cmocka_run_group_tests_name("etf", tests, NULL, NULL);
}
