#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/dec.h"
#include "codec/enc.h"
#include "codec/json.h"
#include "codec/thing_test.h"

/* Decodes; "" when it is taken, else the errors. In @arena. */
static const char *errors_of(struct arena *arena, const char *text, bool query, struct thing *thing)
{
	struct dec dec;
	struct buf buf;
	struct enc enc;
	int r;

	dec_init(&dec, arena);
	*thing = (struct thing){};
	if (query) {
		r = dec_query(&dec, &desc_thing, str_z(text), thing);
	} else {
		json_t *json = json_parse(str_z(text));

		if (!json)
			fail_msg("the test's own JSON is wrong: %s", text);
		r = dec_object(&dec, &desc_thing, json, thing);
		json_decref(json);
	}
	assert_int_equal(r, dec_failed(&dec) ? DEC_INVALID : 0);
	if (!r)
		return "";
	buf_init(&buf, 1 << 20);
	enc_init(&enc, &buf, ENC_JSON);
	enc_form_errors(&enc, &dec);
	struct str errors = buf_str(&buf),
		   head = S("{\"message\":\"Invalid Form Body\",\"code\":50035,\"errors\":");
	assert_true(str_starts(errors, head));
	errors = str_skip(errors, head.len);
	errors.len--;
	errors = arena_str(arena, errors);
	buf_done(&buf);
	return errors.ptr;
}

#define LEAF(code, message) "{\"_errors\":[{\"code\":\"" code "\",\"message\":\"" message "\"}]}"
#define REQUIRED LEAF("BASE_TYPE_REQUIRED", "This field is required")

static void complaints_are_those_of_discord(void **state)
{
	static const struct {
		const char *json, *errors;
	} cases[] = {
		{ "{\"id\":\"5\"}", "" },
		{ "{\"id\":5,\"unknown\":[{}]}", "" },
		{ "{}", "{\"id\":" REQUIRED "}" },
		{ "{\"id\":null}", "{\"id\":" REQUIRED "}" },
		{ "[]", LEAF("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType") },
		{ "{\"id\":\"x\"}",
		  "{\"id\":" LEAF("NUMBER_TYPE_COERCE", "Value \\\"x\\\" is not snowflake.") "}" },
		{ "{\"id\":-1}",
		  "{\"id\":" LEAF("NUMBER_TYPE_COERCE", "Value \\\"-1\\\" is not snowflake.") "}" },
		{ "{\"id\":1.5}",
		  "{\"id\":" LEAF("NUMBER_TYPE_COERCE",
				  "Value \\\"1.5\\\" is not snowflake.") "}" },
		{ "{\"id\":\"\"}",
		  "{\"id\":" LEAF("NUMBER_TYPE_COERCE", "Value \\\"\\\" is not snowflake.") "}" },
		{ "{\"id\":1,\"name\":\"a\"}",
		  "{\"name\":" LEAF("BASE_TYPE_BAD_LENGTH",
				    "Must be between 2 and 5 in length.") "}" },
		{ "{\"id\":1,\"name\":\"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\"}", "" },
		{ "{\"id\":1,\"name\":\"  abc    \"}", "" },
		{ "{\"id\":1,\"name\":7}",
		  "{\"name\":" LEAF("BASE_TYPE_BAD_TYPE", "Must be a string.") "}" },
		{ "{\"id\":1,\"count\":101}",
		  "{\"count\":" LEAF("NUMBER_TYPE_MAX",
				     "int value should be less than or equal to 100.") "}" },
		{ "{\"id\":1,\"count\":-1}",
		  "{\"count\":" LEAF("NUMBER_TYPE_MIN",
				     "int value should be greater than or equal to 0.") "}" },
		{ "{\"id\":1,\"count\":\"5\"}",
		  "{\"count\":" LEAF("NUMBER_TYPE_COERCE", "Value \\\"5\\\" is not int.") "}" },
		{ "{\"id\":1,\"count\":5.0}", "" },
		{ "{\"id\":1,\"on\":1}",
		  "{\"on\":" LEAF("BOOLEAN_TYPE_CONVERT", "Must be either true or false.") "}" },
		{ "{\"id\":1,\"at\":\"soon\"}",
		  "{\"at\":" LEAF("DATE_TIME_TYPE_PARSE",
				  "Could not parse soon. Should be ISO8601.") "}" },
		{ "{\"id\":1,\"level\":9}",
		  "{\"level\":" LEAF("BASE_TYPE_CHOICES", "Value must be one of (7, 8).") "}" },
		{ "{\"id\":1,\"nonce\":\"123456\"}",
		  "{\"nonce\":" LEAF("BASE_TYPE_MAX_LENGTH", "Must be 5 or fewer in length.") "}" },
		{ "{\"id\":1,\"nonce\":123456}",
		  "{\"nonce\":" LEAF("BASE_TYPE_MAX_LENGTH", "Must be 5 or fewer in length.") "}" },
		{ "{\"id\":1,\"ids\":[1,2,3,4]}",
		  "{\"ids\":" LEAF("BASE_TYPE_MAX_LENGTH", "Must be 3 or fewer in length.") "}" },
		{ "{\"id\":1,\"ids\":[1,\"1\"]}",
		  "{\"ids\":" LEAF("SET_TYPE_ALREADY_CONTAINS_VALUE",
				   "The set already contains this value") "}" },
		{ "{\"id\":1,\"ids\":[1,null,\"y\"]}",
		  "{\"ids\":{\"1\":" REQUIRED
		  ",\"2\":" LEAF("NUMBER_TYPE_COERCE", "Value \\\"y\\\" is not snowflake.") "}}" },
		{ "{\"id\":1,\"ids\":7}", "" },
		{ "{\"id\":1,\"tags\":7}",
		  "{\"tags\":" LEAF("LIST_TYPE_CONVERT",
				    "Only iterables may be used in a ListType") "}" },
		{ "{\"id\":1,\"tags\":[\"a\",\"c\"]}",
		  "{\"tags\":{\"1\":" LEAF("BASE_TYPE_CHOICES",
					   "Value must be one of ('a', 'b').") "}}" },
		{ "{\"id\":1,\"child\":5}",
		  "{\"child\":" LEAF("DICT_TYPE_CONVERT",
				     "Only dictionaries may be used in a DictType") "}" },
		{ "{\"id\":1,\"child\":{\"id\":2,\"children\":[{\"id\":3},{}]}}",
		  "{\"child\":{\"children\":{\"1\":{\"id\":" REQUIRED "}}}}" },
		{ "{\"name\":\"a\",\"children\":[{}]}",
		  "{\"id\":" REQUIRED ",\"name\":" LEAF(
			  "BASE_TYPE_BAD_LENGTH",
			  "Must be between 2 and 5 in length.") ",\"children\":{\"0\":{"
								"\"id\":" REQUIRED "}}}" },
		{ "{\"id\":1,\"extra\":{\"a\":{\"b\":[1]}}}", "" },
		{ "{\"id\":1,\"extra\":[[[[1]]]]}",
		  "{\"extra\":" LEAF("BASE_TYPE_BAD_TYPE", "Nested too deeply.") "}" },
		/* Time must not grow with 2 to the depth. */
		{ "{\"id\":1,\"extra\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
		  "{\"extra\":" LEAF("BASE_TYPE_BAD_TYPE", "Nested too deeply.") "}" },
		{ "{\"id\":1,\"extra\":\"0123456789012345678901234567890123456789\"}",
		  "{\"extra\":" LEAF("BASE_TYPE_MAX_LENGTH",
				     "Must be 40 or fewer in length.") "}" },
		{ "{\"id\":1,\"texts\":{\"x\":1}}",
		  "{\"texts\":{\"x\":" LEAF("BASE_TYPE_BAD_TYPE", "Must be a string.") "}}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena arena;
		struct thing thing;

		arena_init(&arena);
		const char *errors = errors_of(&arena, cases[i].json, false, &thing);
		if (strcmp(errors, cases[i].errors) != 0)
			fail_msg("%s\n is %s\n not %s", cases[i].json, errors, cases[i].errors);
		arena_done(&arena);
	}
}

static void absent_null_and_value_are_three_things(void **state)
{
	struct arena arena;
	struct thing thing;

	(void)state;
	arena_init(&arena);
	assert_string_equal(errors_of(&arena, "{\"id\":1}", false, &thing), "");
	assert_false(thing.has.name || thing.has.count || thing.has.tags || thing.has.child);
	assert_int_equal(thing.level, 7);

	assert_string_equal(
		errors_of(&arena,
			  "{\"id\":1,\"name\":null,\"count\":null,\"tags\":null,\"child\":null}",
			  false, &thing),
		"");
	assert_true(thing.has.name && thing.has.count && thing.has.tags && thing.has.child);
	assert_true(thing.null.count);
	assert_null(thing.name.ptr);
	assert_null(thing.tags.items);
	assert_null(thing.child);

	assert_string_equal(
		errors_of(
			&arena,
			"{\"id\":1,\"name\":\" ab \",\"count\":0,\"tags\":[],\"child\":{\"id\":2}}",
			false, &thing),
		"");
	assert_true(str_eq(thing.name, S("ab")));
	assert_true(thing.has.count && !thing.null.count && thing.count == 0);
	assert_true(thing.tags.items && thing.tags.count == 0);
	assert_int_equal(thing.child->id, 2);
	/* Null where the field says so is as if nothing were there, and no 0. */
	assert_string_equal(errors_of(&arena, "{\"id\":1,\"perms\":null}", false, &thing), "");
	assert_false(thing.has.perms);
	assert_string_equal(errors_of(&arena, "{\"id\":1,\"perms\":\"0\"}", false, &thing), "");
	assert_true(thing.has.perms);
	arena_done(&arena);
}

static void ids_are_exact_however_they_come(void **state)
{
	struct arena arena;
	struct thing thing;

	(void)state;
	arena_init(&arena);
	assert_string_equal(errors_of(&arena,
				      "{\"id\":1311000000000000001,\"ids\":["
				      "\"18446744073709551615\",9007199254740993],"
				      "\"perms\":\"8866461766385663\",\"nonce\":-12}",
				      false, &thing),
			    "");
	assert_int_equal(thing.id, 1311000000000000001);
	assert_true(thing.ids.items[0] == UINT64_MAX);
	assert_int_equal(thing.ids.items[1], 9007199254740993);
	assert_int_equal(thing.perms, 8866461766385663);
	assert_true(thing.nonce_is_int && str_eq(thing.nonce, S("-12")));
	arena_done(&arena);
}

static void queries_are_decoded_by_the_same_rules(void **state)
{
	static const struct {
		const char *query, *errors;
	} cases[] = {
		{ "id=5&name=a%20b&on=True&count=7&ids=1&ids=2&at=2023-02-19&perms=9&ratio=1.5",
		  "" },
		{ "id=5&ids=1,2&ids=3", "" },
		{ "id=5&ids=1,,2",
		  "{\"ids\":{\"1\":" LEAF("NUMBER_TYPE_COERCE",
					  "Value \\\"\\\" is not snowflake.") "}}" },
		{ "id=5&ids=1,2,3,4",
		  "{\"ids\":" LEAF("BASE_TYPE_MAX_LENGTH", "Must be 3 or fewer in length.") "}" },
		{ "id=1&id=2&id=5&&x&y=%zz&%=1", "" },
		{ "", "{\"id\":" REQUIRED "}" },
		{ "id=a+b",
		  "{\"id\":" LEAF("NUMBER_TYPE_COERCE",
				  "Value \\\"a b\\\" is not snowflake.") "}" },
		{ "id=5&on=maybe",
		  "{\"on\":" LEAF("BOOLEAN_TYPE_CONVERT", "Must be either true or false.") "}" },
		{ "id=5&count=0x5",
		  "{\"count\":" LEAF("NUMBER_TYPE_COERCE", "Value \\\"0x5\\\" is not int.") "}" },
		{ "id=5&ratio=inf",
		  "{\"ratio\":" LEAF("NUMBER_TYPE_COERCE", "Value \\\"inf\\\" is not float.") "}" },
		{ "id=5&ids=1&ids=z",
		  "{\"ids\":{\"1\":" LEAF("NUMBER_TYPE_COERCE",
					  "Value \\\"z\\\" is not snowflake.") "}}" },
		{ "id=5&name=abcdef",
		  "{\"name\":" LEAF("BASE_TYPE_BAD_LENGTH",
				    "Must be between 2 and 5 in length.") "}" },
	};
	struct arena arena;
	struct thing thing;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		arena_init(&arena);
		const char *errors = errors_of(&arena, cases[i].query, true, &thing);
		if (strcmp(errors, cases[i].errors) != 0)
			fail_msg("%s\n is %s\n not %s", cases[i].query, errors, cases[i].errors);
		if (!*errors)
			assert_int_equal(thing.id, 5);
		arena_done(&arena);
	}
	arena_init(&arena);
	errors_of(&arena, cases[0].query, true, &thing);
	assert_true(thing.on && thing.count == 7 && thing.ids.count == 2 &&
		    thing.ids.items[1] == 2 && thing.ratio > 1.4);
	assert_true(str_eq(thing.name, S("a b")));
	arena_done(&arena);
}

static void only_so_many_complaints_are_gathered(void **state)
{
	struct arena arena;
	struct buf text;
	struct thing thing;
	size_t count = 0;

	(void)state;
	arena_init(&arena);
	buf_init(&text, 1 << 20);
	buf_put_str(&text, S("{\"id\":1,\"children\":["));
	for (int i = 0; i < 150; i++)
		buf_put_str(&text, i ? S(",{}") : S("{}"));
	buf_put_str(&text, S("]}"));
	buf_putc(&text, '\0');
	const char *errors = errors_of(&arena, text.ptr, false, &thing);
	for (const char *at = errors; (at = strstr(at, "_errors")); at++)
		count++;
	assert_int_equal(count, DEC_ERRORS_MAX);
	buf_done(&text);
	arena_done(&arena);
}

static void handlers_add_their_own_complaints(void **state)
{
	struct arena arena;
	struct dec dec;
	struct buf buf;
	struct enc enc;

	(void)state;
	arena_init(&arena);
	dec_init(&dec, &arena);
	dec_error(&dec, "A", "first", "embeds.%d.title", 0);
	dec_error(&dec, "B", "second", "embeds.%d.title", 0);
	dec_error(&dec, "C", "whole", "%s", "");
	buf_init(&buf, 4096);
	enc_init(&enc, &buf, ENC_JSON);
	enc_form_errors(&enc, &dec);
	buf_putc(&buf, '\0');
	assert_string_equal(
		buf.ptr,
		"{\"message\":\"Invalid Form "
		"Body\",\"code\":50035,\"errors\":{\"embeds\":{\"0\":{\"title\":{\"_errors\":"
		"[{\"code\":\"A\",\"message\":\"first\"},{\"code\":\"B\",\"message\":\"second\"}]}}"
		"},"
		"\"_errors\":[{\"code\":\"C\",\"message\":\"whole\"}]}}");
	buf_done(&buf);
	arena_done(&arena);
}

static void percent_escapes_are_decoded_or_refused(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena);
	assert_true(str_eq(dec_percent(&arena, S("%F0%9f%98%80"), false), S("\xf0\x9f\x98\x80")));
	assert_true(str_eq(dec_percent(&arena, S("a+b"), false), S("a+b")));
	assert_true(str_eq(dec_percent(&arena, S("a+b"), true), S("a b")));
	assert_null(dec_percent(&arena, S("%"), false).ptr);
	assert_null(dec_percent(&arena, S("%4"), false).ptr);
	assert_null(dec_percent(&arena, S("%g0"), false).ptr);
	assert_null(dec_percent(&arena, S("%ff"), false).ptr);
	assert_true(str_eq(dec_percent(&arena, S("%41"), false), S("A")));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complaints_are_those_of_discord),
		cmocka_unit_test(absent_null_and_value_are_three_things),
		cmocka_unit_test(ids_are_exact_however_they_come),
		cmocka_unit_test(queries_are_decoded_by_the_same_rules),
		cmocka_unit_test(only_so_many_complaints_are_gathered),
		cmocka_unit_test(handlers_add_their_own_complaints),
		cmocka_unit_test(percent_escapes_are_decoded_or_refused),
	};

	return cmocka_run_group_tests_name("dec", tests, NULL, NULL);
}
