/* Lists, parameters, dates, ranges, entity tags, the WebSocket handshake, and who asks behind
 * proxies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/internal.h"
#include "http/range.h"
#include "http/token.h"
#include "http/upgrade.h"

static void lists_are_split_at_commas(void **state)
{
	struct str rest = S(" a,, b\t, ,c d ,"), item;

	(void)state;
	assert_true(http_list_next(&rest, &item) && str_eq(item, S("a")));
	assert_true(http_list_next(&rest, &item) && str_eq(item, S("b")));
	assert_true(http_list_next(&rest, &item) && str_eq(item, S("c d")));
	assert_false(http_list_next(&rest, &item));
	assert_true(http_list_has(S("Upgrade, HTTP2-Settings"), S("upgrade")));
	assert_false(http_list_has(S("upgrades"), S("upgrade")));
	assert_false(http_list_has((struct str){}, S("upgrade")));
}

static void every_byte_has_its_class(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		bool visible = c > ' ' && c < 0x7f;
		bool token = visible && !strchr("\"(),/:;<=>?@[\\]{}", c);

		assert_int_equal(http_is_tchar(byte), token);
		assert_int_equal(http_is_field_value((struct str){ &byte, 1 }),
				 visible || c == ' ' || c == '\t' || c >= 0x80);
	}
	assert_false(http_is_token(S("")));
	assert_true(http_is_token(S("x-y")));
}

static void dates_are_written_as_http_wants_them(void **state)
{
	static const struct {
		int64_t unix_s;
		const char *text;
	} cases[] = {
		{ 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ -5, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
		{ 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ 1767225599, "Wed, 31 Dec 2025 23:59:59 GMT" },
		{ INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT" },
	};
	char date[HTTP_DATE_LEN + 1] = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		http_date(cases[i].unix_s, date);
		assert_string_equal(date, cases[i].text);
	}
}

static void ranges_are_cut_to_what_is_there(void **state)
{
	static const struct {
		const char *value;
		uint64_t size;
		enum http_range result;
		uint64_t from, length;
	} cases[] = {
		{ "bytes=0-0", 10, HTTP_RANGE_PART, 0, 1 },
		{ "bytes=0-9", 10, HTTP_RANGE_PART, 0, 10 },
		{ "bytes=0-99", 10, HTTP_RANGE_PART, 0, 10 },
		{ "Bytes= 3-5 ", 10, HTTP_RANGE_PART, 3, 3 },
		{ "bytes=3-", 10, HTTP_RANGE_PART, 3, 7 },
		{ "bytes=-3", 10, HTTP_RANGE_PART, 7, 3 },
		{ "bytes=-30", 10, HTTP_RANGE_PART, 0, 10 },
		{ "bytes=9-18446744073709551615", 10, HTTP_RANGE_PART, 9, 1 },
		{ "bytes=10-", 10, HTTP_RANGE_OUTSIDE, 0, 0 },
		{ "bytes=-0", 10, HTTP_RANGE_OUTSIDE, 0, 0 },
		{ "bytes=0-", 0, HTTP_RANGE_OUTSIDE, 0, 0 },
		{ "bytes=-5", 0, HTTP_RANGE_OUTSIDE, 0, 0 },
		{ "bytes=5-3", 10, HTTP_RANGE_NONE, 0, 0 },
		{ "bytes=-", 10, HTTP_RANGE_NONE, 0, 0 },
		{ "bytes=", 10, HTTP_RANGE_NONE, 0, 0 },
		{ "bytes=a-b", 10, HTTP_RANGE_NONE, 0, 0 },
		{ "bytes=1-2,4-5", 10, HTTP_RANGE_NONE, 0, 0 },
		{ "bytes=99999999999999999999-", 10, HTTP_RANGE_NONE, 0, 0 },
		{ "lines=1-2", 10, HTTP_RANGE_NONE, 0, 0 },
		{ "", 10, HTTP_RANGE_NONE, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t from = 0, length = 0;

		if (http_range_parse(str_z(cases[i].value), cases[i].size, &from, &length) !=
			    cases[i].result ||
		    from != cases[i].from || length != cases[i].length)
			fail_msg("%s of %llu", cases[i].value, (unsigned long long)cases[i].size);
	}
}

static void entity_tags_are_compared_weakly(void **state)
{
	(void)state;
	assert_true(http_etag_listed(S("\"a\""), S("\"a\"")));
	assert_true(http_etag_listed(S("\"b\", W/\"a\""), S("\"a\"")));
	assert_true(http_etag_listed(S(" * "), S("\"a\"")));
	assert_false(http_etag_listed(S("\"b\""), S("\"a\"")));
	assert_false(http_etag_listed(S(""), S("\"a\"")));
}

/* -- the handshake -- */

static int checked(const char *request, struct str *ret_key)
{
	struct http_header headers[HTTP_HEADERS_MAX];
	struct http_parser parser;
	struct http_head head;

	http_parser_init(&parser);
	assert_int_equal(http_parser_run(&parser, str_z(request)), HTTP_DONE);
	http_parser_head(&parser, request, headers, &head);
	return http_upgrade_check(&head, ret_key);
}

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define WS "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define GET "GET /?v=10 HTTP/1.1\r\nHost: h\r\n"

static void upgrades_are_told_from_requests(void **state)
{
	static const struct {
		const char *request;
		int result;
	} cases[] = {
		{ GET WS KEY V13 "\r\n", 101 },
		{ GET "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n" KEY V13 "\r\n",
		  101 },
		{ GET WS KEY V13
		  "Sec-WebSocket-Extensions: permessage-deflate\r\nContent-Length: 0\r\n\r\n",
		  101 },
		{ GET "\r\n", 0 },
		{ GET "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: "
		      "AAMAAABkAAQAAP__\r\n\r\n",
		  0 },
		{ GET "Connection: Upgrade\r\n\r\n", 0 },
		{ "POST / HTTP/1.1\r\nHost: h\r\n" WS KEY V13 "\r\n", 0 },
		{ GET WS KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426 },
		{ GET WS KEY "Sec-WebSocket-Version: 013\r\n\r\n", 426 },
		{ GET WS KEY "\r\n", 400 },
		{ GET WS KEY V13 V13 "\r\n", 400 },
		{ GET WS V13 "\r\n", 400 },
		{ GET WS KEY KEY V13 "\r\n", 400 },
		{ GET "Connection: Upgrade\r\n" KEY V13 "\r\n", 400 },
		{ GET "Upgrade: websocket\r\n" KEY V13 "\r\n", 400 },
		{ GET "Upgrade: websocket\r\n\r\n", 400 },
		{ GET "Upgrade: h2c\r\nConnection: Upgrade\r\n" V13 "\r\n", 400 },
		{ GET "Sec-WebSocket-Anything: x\r\n\r\n", 400 },
		{ "GET / HTTP/1.0\r\nHost: h\r\n" WS KEY V13 "\r\n", 400 },
		{ GET WS V13 "Sec-WebSocket-Key: short\r\n\r\n", 400 },
		{ GET WS V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=a\r\n\r\n", 400 },
		{ GET WS V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n", 400 },
		{ GET WS V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZ\"Bub25jZQ==\r\n\r\n", 400 },
		{ GET WS KEY V13 "Content-Length: 1\r\n\r\n", 400 },
		{ GET WS KEY V13 "Transfer-Encoding: chunked\r\n\r\n", 400 },
	};
	struct str key;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int result = checked(cases[i].request, &key);

		if (result != cases[i].result)
			fail_msg("%s gives %d, not %d", cases[i].request, result, cases[i].result);
	}
}

static void the_accept_of_the_rfc_s_example_is_right(void **state)
{
	char accept[HTTP_ACCEPT_LEN + 1] = {};
	struct str key;

	(void)state;
	assert_int_equal(checked(GET WS KEY V13 "\r\n", &key), 101);
	http_upgrade_accept(key, accept);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* -- peers -- */

static void a_peer_is_who_trusted_proxies_say(void **state)
{
	static const struct {
		const char *from, *fields, *peer;
		bool secure;
	} cases[] = {
		{ "9.9.9.9", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n", "9.9.9.9",
		  false },
		{ "10.0.0.1", "", "10.0.0.1", false },
		{ "10.0.0.1", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n", "1.2.3.4",
		  true },
		{ "10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.2\r\n", "1.2.3.4", false },
		{ "10.0.0.1", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4",
		  false },
		{ "10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3", false },
		{ "10.0.0.1", "X-Forwarded-For: 1.2.3.4, rubbish\r\n", "10.0.0.1", false },
		{ "10.0.0.1", "X-Forwarded-For: rubbish, 10.0.0.2\r\n", "10.0.0.2", false },
		{ "10.0.0.1", "X-Forwarded-For: ,,\r\n", "10.0.0.1", false },
		{ "10.0.0.1", "X-Forwarded-For: [2001:db8::1]:99\r\n", "2001:db8::1", false },
		{ "10.0.0.1", "X-Forwarded-For: 1.2.3.4:99\r\nX-Forwarded-Proto: https, http\r\n",
		  "1.2.3.4", false },
		{ "unix", "X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4", false },
	};
	struct cidr trusted;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	assert_true(cidr_parse(S("10.0.0.0/8"), &trusted));
	const struct http_server_config config = { .trusted = &trusted,
						   .trusted_count = 1,
						   .trust_unix = true };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_header headers[HTTP_HEADERS_MAX];
		struct str text = arena_printf(&arena, "GET / HTTP/1.0\r\n%s\r\n", cases[i].fields);
		struct addr peer = { .family = ADDR_UNIX };
		char shown[ADDR_TEXT_MAX];
		struct http_parser parser;
		struct http_head head;
		bool secure = false;

		addr_parse_ip(str_z(cases[i].from), &peer);
		http_parser_init(&parser);
		assert_int_equal(http_parser_run(&parser, text), HTTP_DONE);
		http_parser_head(&parser, text.ptr, headers, &head);
		http_peer_resolve(&config, &head, &peer, &secure);
		addr_text_ip(&peer, shown);
		if (strcmp(shown, cases[i].peer) != 0 || secure != cases[i].secure)
			fail_msg("from %s with %s gives %s", cases[i].from, cases[i].fields, shown);
	}
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_split_at_commas),
		cmocka_unit_test(every_byte_has_its_class),
		cmocka_unit_test(dates_are_written_as_http_wants_them),
		cmocka_unit_test(ranges_are_cut_to_what_is_there),
		cmocka_unit_test(entity_tags_are_compared_weakly),
		cmocka_unit_test(upgrades_are_told_from_requests),
		cmocka_unit_test(the_accept_of_the_rfc_s_example_is_right),
		cmocka_unit_test(a_peer_is_who_trusted_proxies_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
