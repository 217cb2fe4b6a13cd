/* Percent-encoding, queries, url-encoded forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/url.h"
#include "http/form.h"

static void escapes_are_decoded(void **state)
{
	static const struct {
		const char *in;
		unsigned flags;
		const char *out; /* NULL: refused */
	} cases[] = {
		{ "", 0, "" },
		{ "abc", 0, "abc" },
		{ "a%20b", 0, "a b" },
		{ "a+b", 0, "a+b" },
		{ "a+b", URL_FORM, "a b" },
		{ "%F0%9f%98%80", 0, "\xf0\x9f\x98\x80" },
		{ "%2B", URL_FORM, "+" },
		{ "%", 0, NULL },
		{ "%2", 0, NULL },
		{ "%2x", 0, NULL },
		{ "%x2", 0, NULL },
		{ "100%", URL_LENIENT, "100%" },
		{ "%%41", URL_LENIENT, "%A" },
		{ "%4", URL_LENIENT, "%4" },
		{ "%zz+", URL_FORM | URL_LENIENT, "%zz " },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct str out = url_decode_arena(&arena, str_z(cases[i].in), cases[i].flags);

		if (!cases[i].out)
			assert_null(out.ptr);
		else if (!out.ptr || !str_eq(out, str_z(cases[i].out)))
			fail_msg("%s gives %.*s", cases[i].in, STR_FMT(out));
	}
	assert_non_null(url_decode_arena(&arena, (struct str){}, 0).ptr);
	arena_done(&arena);
}

static void what_is_encoded_decodes_to_itself(void **state)
{
	char all[256], back[256];
	struct buf buf;
	size_t n;

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	buf_init(&buf, 4096);
	url_encode(&buf, (struct str){ all, sizeof(all) });
	assert_null(memchr(buf.ptr, '/', buf.len));
	assert_true(url_decode(buf_str(&buf), 0, buf.ptr, &n)); /* in place */
	assert_int_equal(n, sizeof(all));
	memcpy(back, buf.ptr, n);
	assert_memory_equal(back, all, sizeof(all));
	buf_done(&buf);
}

static void a_query_is_walked_pair_by_pair(void **state)
{
	struct str rest = S("&a=1&b&&c=d=e&=f&"), key, value;
	static const char *const expected[][2] = {
		{ "a", "1" }, { "b", "" }, { "c", "d=e" }, { "", "f" }
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_true(url_query_next(&rest, &key, &value));
		assert_true(str_eq(key, str_z(expected[i][0])));
		assert_true(str_eq(value, str_z(expected[i][1])));
	}
	assert_false(url_query_next(&rest, &key, &value));
}

static void a_value_is_found_by_its_decoded_key(void **state)
{
	struct arena arena;
	struct str value;

	(void)state;
	arena_init(&arena);
	struct str query = S("v=10&enc%6Fding=js+on&x=%");
	assert_true(url_query_get(&arena, query, S("encoding"), &value));
	assert_true(str_eq(value, S("js on")));
	assert_true(url_query_get(&arena, query, S("x"), &value));
	assert_true(str_eq(value, S("%")));
	assert_false(url_query_get(&arena, query, S("y"), &value));
	assert_false(url_query_get(&arena, (struct str){}, S("y"), &value));
	arena_done(&arena);
}

static void an_encoded_form_becomes_parts(void **state)
{
	struct form form = {};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	assert_true(form_is_urlencoded(S("application/x-www-form-urlencoded; charset=utf-8")));
	assert_true(form_is_urlencoded(S("Application/X-WWW-Form-urlencoded")));
	assert_false(form_is_urlencoded(S("application/json")));
	assert_int_equal(form_parse_urlencoded(&form, &arena, S("payload_json=%7B%7D&a=b+c")), 0);
	assert_int_equal(form.count, 2);
	assert_true(str_eq(form_find(&form, S("payload_json"))->data, S("{}")));
	assert_true(str_eq(form_find(&form, S("a"))->data, S("b c")));
	assert_null(form_find(&form, S("b")));
	form_done(&form);
	assert_int_equal(form_parse_urlencoded(&form, &arena, S("a=%ff")), 400);
	form_done(&form);
	arena_done(&arena);
}

static void too_many_pairs_are_refused(void **state)
{
	char pairs[2 * (FORM_PAIRS_MAX + 1)];
	struct form form = {};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(pairs); i++)
		pairs[i] = i % 2 ? '&' : 'a';
	assert_int_equal(form_parse_urlencoded(&form, &arena, (struct str){ pairs, sizeof(pairs) }),
			 413);
	assert_int_equal(
		form_parse_urlencoded(&form, &arena, (struct str){ pairs, sizeof(pairs) - 2 }), 0);
	form_done(&form);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(what_is_encoded_decodes_to_itself),
		cmocka_unit_test(a_query_is_walked_pair_by_pair),
		cmocka_unit_test(a_value_is_found_by_its_decoded_key),
		cmocka_unit_test(an_encoded_form_becomes_parts),
		cmocka_unit_test(too_many_pairs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
