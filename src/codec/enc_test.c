#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/mem.h"
#include "codec/enc.h"
#include "codec/etf.h"
#include "codec/json.h"

static void write_sample(struct enc *enc)
{
	enc_obj_begin(enc);
	enc_key(enc, "id");
	enc_u64(enc, 18446744073709551615ULL);
	enc_key(enc, "empty");
	enc_arr_begin(enc);
	enc_arr_end(enc);
	enc_key(enc, "list");
	enc_arr_begin(enc);
	enc_int(enc, 0);
	enc_int(enc, 255);
	enc_int(enc, 256);
	enc_int(enc, -1);
	enc_int(enc, INT32_MIN);
	enc_int(enc, 1LL << 31);
	enc_int(enc, INT64_MIN);
	enc_bool(enc, true);
	enc_bool(enc, false);
	enc_null(enc);
	enc_float(enc, 0.1);
	enc_float(enc, 3);
	enc_float(enc, INFINITY);
	enc_obj_begin(enc);
	enc_obj_end(enc);
	enc_arr_end(enc);
	enc_key_str(enc, S("a \"key\""));
	enc_str(enc, S("tab\there \x01 and \xe2\x82\xac"));
	enc_key(enc, "at");
	enc_time(enc, 1676844033136000);
	enc_key(enc, "raw");
	enc_raw_json(enc, S("{\"x\": [1, 2]}"));
	enc_key(enc, "none");
	enc_raw_json(enc, (struct str){});
	enc_key(enc, "nonce");
	enc_int_or_str(enc, S("12"), true);
	enc_obj_end(enc);
}

static void json_is_written_with_its_commas_and_escapes(void **state)
{
	struct buf buf;
	struct enc enc;

	(void)state;
	buf_init(&buf, 4096);
	enc_init(&enc, &buf, ENC_JSON);
	enc_start(&enc);
	write_sample(&enc);
	buf_putc(&buf, '\0');
	assert_string_equal(
		buf.ptr,
		"{\"id\":\"18446744073709551615\",\"empty\":[],\"list\":[0,255,256,-1,-2147483648,"
		"2147483648,"
		"-9223372036854775808,true,false,null,0.1,3.0,null,{}],\"a \\\"key\\\"\":"
		"\"tab\\there \\u0001 and "
		"\xe2\x82\xac\",\"at\":\"2023-02-19T22:00:33.136000+00:00\","
		"\"raw\":{\"x\": [1, 2]},\"none\":null,\"nonce\":12}");
	buf_done(&buf);
}

static void terms_are_written_as_erlang_reads_them(void **state)
{
	static const char expected[] = "\x83"
				       "t\0\0\0\3"
				       "m\0\0\0\2id"
				       "m\0\0\0\2"
				       "12"
				       "m\0\0\0\4list"
				       "l\0\0\0\6"
				       "a\xff"
				       "b\0\0\1\0"
				       "b\xff\xff\xff\xff"
				       "n\5\0\0\0\0\0\1"
				       "d\0\4true"
				       "d\0\3nil"
				       "j"
				       "m\0\0\0\5"
				       "empty"
				       "j";
	struct buf buf;
	struct enc enc;

	(void)state;
	buf_init(&buf, 4096);
	enc_init(&enc, &buf, ENC_ETF);
	enc_start(&enc);
	enc_obj_begin(&enc);
	enc_key(&enc, "id");
	enc_u64(&enc, 12);
	enc_key(&enc, "list");
	enc_arr_begin(&enc);
	enc_int(&enc, 255);
	enc_int(&enc, 256);
	enc_int(&enc, -1);
	enc_int(&enc, 1LL << 32);
	enc_bool(&enc, true);
	enc_null(&enc);
	enc_arr_end(&enc);
	enc_key(&enc, "empty");
	enc_arr_begin(&enc);
	enc_arr_end(&enc);
	enc_obj_end(&enc);
	assert_int_equal(buf.len, sizeof(expected) - 1);
	assert_memory_equal(buf.ptr, expected, buf.len);
	buf_done(&buf);
}

static void both_formats_say_the_same(void **state)
{
	struct buf json, term;
	struct enc enc;
	int error = 0;

	(void)state;
	buf_init(&json, 4096);
	buf_init(&term, 4096);
	enc_init(&enc, &json, ENC_JSON);
	write_sample(&enc);
	enc_init(&enc, &term, ENC_ETF);
	enc_start(&enc);
	write_sample(&enc);
	json_t *a = json_parse(buf_str(&json)), *b = etf_parse(buf_str(&term), &error);
	assert_non_null(a);
	assert_non_null(b);
	assert_true(json_equal(a, b));
	json_decref(a);
	json_decref(b);
	buf_done(&term);
	buf_done(&json);
}

static void strings_of_every_length_and_byte_come_back(void **state)
{
	char text[80];

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		for (int c = 0; c < 128; c++) {
			struct str s = { text, len };
			struct buf buf;
			struct enc enc;

			memset(text, 'x', sizeof(text));
			if (len)
				text[(size_t)c * 7 % len] = (char)c;
			buf_init(&buf, 1024);
			enc_init(&enc, &buf, ENC_JSON);
			enc_str(&enc, s);
			json_t *json = json_parse(buf_str(&buf));
			assert_non_null(json);
			assert_true(str_eq(
				s,
				(struct str){ json_string_value(json), json_string_length(json) }));
			json_decref(json);
			buf_done(&buf);
		}
	}
}

static void encoded_bytes_can_be_spliced_in(void **state)
{
	for (enum enc_format format = ENC_JSON; format <= ENC_ETF; format++) {
		struct buf body, whole, plain;
		struct enc enc;

		(void)state;
		buf_init(&body, 4096);
		buf_init(&whole, 4096);
		buf_init(&plain, 4096);
		enc_init(&enc, &body, format);
		write_sample(&enc);
		enc_init(&enc, &whole, format);
		enc_arr_begin(&enc);
		enc_raw(&enc, buf_str(&body));
		enc_raw(&enc, buf_str(&body));
		enc_arr_end(&enc);
		enc_init(&enc, &plain, format);
		enc_arr_begin(&enc);
		write_sample(&enc);
		write_sample(&enc);
		enc_arr_end(&enc);
		assert_true(str_eq(buf_str(&whole), buf_str(&plain)));
		buf_done(&plain);
		buf_done(&whole);
		buf_done(&body);
	}
}

static void a_full_buffer_is_told_and_nothing_else_happens(void **state)
{
	(void)state;
	for (size_t max = 0; max < 200; max++) {
		for (enum enc_format format = ENC_JSON; format <= ENC_ETF; format++) {
			struct buf buf;
			struct enc enc;

			buf_init(&buf, max);
			enc_init(&enc, &buf, format);
			write_sample(&enc);
			assert_true(buf.full);
			assert_true(buf.len <= max);
			buf_done(&buf);
		}
	}
}

static void endless_nesting_fills_the_buffer(void **state)
{
	struct buf buf;
	struct enc enc;

	(void)state;
	buf_init(&buf, 1 << 20);
	enc_init(&enc, &buf, ENC_ETF);
	for (int i = 0; i < 1000; i++)
		enc_arr_begin(&enc);
	for (int i = 0; i < 1000; i++)
		enc_arr_end(&enc);
	assert_true(buf.full);
	buf_done(&buf);
}

/* What an event's text becomes for those who speak ETF. */
static void text_becomes_the_terms_of_its_tree(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"[ ]",
		" {\"a\" : [ 1 , -2.5e3 , true , false , null ] ,\n\t\"b\":{\"c\":\"\"}} ",
		"\"\\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u0001 \\u00e9 \\u20ac \\ud83d\\ude00 \xe2\x82\xac\"",
		"{\"a \\\"key\\\"\":\"\\u0041\"}",
		"[9223372036854775807,-9223372036854775808,0.1,1e300]",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	};
	struct buf straight, tree;
	struct enc enc;

	(void)state;
	buf_init(&straight, 4096);
	buf_init(&tree, 4096);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *json = json_parse(str_z(texts[i]));

		assert_non_null(json);
		buf_clear(&straight);
		buf_clear(&tree);
		enc_init(&enc, &straight, ENC_ETF);
		enc_raw_json(&enc, str_z(texts[i]));
		enc_init(&enc, &tree, ENC_ETF);
		enc_json(&enc, json);
		assert_true(str_eq(buf_str(&straight), buf_str(&tree)));
		json_decref(json);
	}
	buf_done(&straight);
	buf_done(&tree);
}

static void text_that_is_not_json_is_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"[",
		"\"",
		"[1",
		"[1,",
		"[1,]",
		"[,]",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,}",
		"{a:1}",
		"tru",
		"nul",
		"-",
		"+",
		"1.2.3",
		"1e",
		"9223372036854775808",
		"1 2",
		"\"\\",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\ud800\"",
		"\"\\ud800\\u0041\"",
		"\"\\udc00\"",
		"[1]]",
		"{\"a\":[1,{\"b\":x}]}",
	};
	struct buf buf;
	struct enc enc;

	(void)state;
	buf_init(&buf, 4096);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		buf_clear(&buf);
		enc_init(&enc, &buf, ENC_ETF);
		enc_obj_begin(&enc);
		enc_key(&enc, "d");
		enc_raw_json(&enc, str_z(texts[i]));
		enc_key(&enc, "s");
		enc_int(&enc, 7);
		enc_obj_end(&enc);
		assert_memory_equal(buf.ptr, "t\0\0\0\2m\0\0\0\1dd\0\3nilm\0\0\0\1sa\7", 25);
	}
	buf_done(&buf);
}

/* GUILD_CREATE of a guild of many has millions of values. */
static void long_text_becomes_terms_too(void **state)
{
	enum { VALUES = 1000000 };
	struct buf text, terms;
	struct enc enc;

	(void)state;
	buf_init(&text, 64 << 20);
	buf_init(&terms, 64 << 20);
	enc_init(&enc, &text, ENC_JSON);
	enc_arr_begin(&enc);
	for (uint32_t i = 0; i < VALUES; i++)
		enc_str(&enc, S("x"));
	enc_arr_end(&enc);
	enc_init(&enc, &terms, ENC_ETF);
	enc_raw_json(&enc, buf_str(&text));
	assert_int_equal(terms.len, 5 + VALUES * 6 + 1);
	buf_done(&text);
	buf_done(&terms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_written_with_its_commas_and_escapes),
		cmocka_unit_test(terms_are_written_as_erlang_reads_them),
		cmocka_unit_test(both_formats_say_the_same),
		cmocka_unit_test(strings_of_every_length_and_byte_come_back),
		cmocka_unit_test(encoded_bytes_can_be_spliced_in),
		cmocka_unit_test(a_full_buffer_is_told_and_nothing_else_happens),
		cmocka_unit_test(endless_nesting_fills_the_buffer),
		cmocka_unit_test(text_becomes_the_terms_of_its_tree),
		cmocka_unit_test(text_that_is_not_json_is_nothing),
		cmocka_unit_test(long_text_becomes_terms_too),
	};

	return cmocka_run_group_tests_name("enc", tests, NULL, NULL);
}
