/* Heads and bodies: good and evil ones, and every way to cut them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "http/transcript.h"

/* The status an input leads to: 0 a complete request, 1 more is awaited. */
static int outcome(struct str data)
{
	struct http_header headers[HTTP_HEADERS_MAX];
	struct http_parser parser;
	struct http_head head;
	struct http_body body;
	struct str rest, piece;

	http_parser_init(&parser);
	int r = http_parser_run(&parser, data);
	if (r)
		return r;
	http_parser_head(&parser, data.ptr, headers, &head);
	http_body_init(&body, &head, 100);
	rest = str_skip(data, parser.at);
	while ((r = http_body_next(&body, &rest, &piece)) == HTTP_PIECE)
		;
	return r;
}

/* However it is cut, it comes out the same. */
static void assert_cut_anywhere(struct str data)
{
	struct random_seeded seeded;
	char *whole = transcript_of(data, data.len, NULL);

	random_seeded_init(&seeded, data.len);
	for (int i = 0; i < 8; i++) {
		char *cut = transcript_of(data, i ? (size_t)1 << i : 1, i ? &seeded.random : NULL);

		assert_string_equal(whole, cut);
		free(cut);
	}
	free(whole);
}

#define HEAD "GET / HTTP/1.1\r\nHost: h\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"

static void requests_lead_to_the_right_status(void **state)
{
	static const struct {
		const char *request;
		int status;
	} cases[] = {
		/* request lines */
		{ "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "GET / HTTP/1.0\r\n\r\n", 0 },
		{ "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\n", 1 },
		{ "GET / HTTP/1.1\nHost: h\n\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\n\n", 400 },
		{ "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", 400 },
		{ "GET /\r\n\r\n", 400 },
		{ "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /\tHTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ " GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400 },
		{ "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET ?a HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /{a|b}\"<> HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "GET /\xf0\x9f\x98\x80 HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "GET HTTPS://h:1/ HTTP/1.1\r\nHost: other\r\n\r\n", 0 },
		{ "GET http://h/ HTTP/1.1\r\n\r\n", 400 },
		{ "GET http:/// HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET http://a@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		/* methods */
		{ "get / HTTP/1.1\r\nHost: h\r\n\r\n", 501 },
		{ "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 405 },
		{ "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 405 },
		{ "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501 },
		{ "G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "\x16\x03\x01\x02\r\n", 400 },
		/* versions */
		{ "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
		{ "GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505 },
		{ "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 0 },
		{ "GET / http/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET / HTTP/1.11\r\nHost: h\r\n\r\n", 400 },
		{ "GET / HTTP/11\r\nHost: h\r\n\r\n", 400 },
		/* fields */
		{ HEAD "A: b\r\n\r\n", 0 },
		{ HEAD "A:\r\n\r\n", 0 },
		{ HEAD "A:b\r\n\r\n", 0 },
		{ HEAD "A : b\r\n\r\n", 400 },
		{ HEAD " A: b\r\n\r\n", 400 },
		{ HEAD "A: b\r\n c\r\n\r\n", 400 },
		{ HEAD "A: b\r\n\tc\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400 },
		{ HEAD "A\r\n\r\n", 400 },
		{ HEAD ": b\r\n\r\n", 400 },
		{ HEAD "A(: b\r\n\r\n", 400 },
		{ HEAD "A: b\x01\r\n\r\n", 400 },
		{ HEAD "A: b\rc\r\n\r\n", 400 },
		{ HEAD "A: b\x7f\r\n\r\n", 400 },
		{ HEAD "A: b\xff\r\n\r\n", 0 },
		{ HEAD "A: b\r\n\r\r\n", 400 },
		/* Host */
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400 },
		{ "GET / HTTP/1.0\r\nHost: h\r\nHost: i\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h:80\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\nHost: h:\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\nHost: h:8a\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h:123456\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: [::x]\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", 400 },
		/* Expect */
		{ POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na", 0 },
		{ POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na", 0 },
		{ POST "Expect: miracles\r\n\r\n", 417 },
		{ "POST / HTTP/1.0\r\nExpect: miracles\r\n\r\n", 0 },
		/* Content-Length */
		{ POST "Content-Length: 3\r\n\r\nabc", 0 },
		{ POST "Content-Length: 3\r\n\r\nab", 1 },
		{ POST "Content-Length: 0\r\n\r\n", 0 },
		{ POST "Content-Length: 003\r\n\r\nabc", 0 },
		{ POST "Content-Length: 101\r\n\r\n", 413 },
		{ POST "Content-Length: 999999999999999999\r\n\r\n", 413 },
		{ POST "Content-Length: 9999999999999999999\r\n\r\n", 400 },
		{ POST "Content-Length: 99999999999999999999999\r\n\r\n", 400 },
		{ POST "Content-Length: -1\r\n\r\n", 400 },
		{ POST "Content-Length: +1\r\n\r\na", 400 },
		{ POST "Content-Length: 0x1\r\n\r\na", 400 },
		{ POST "Content-Length: 1 1\r\n\r\na", 400 },
		{ POST "Content-Length: 1, 1\r\n\r\na", 400 },
		{ POST "Content-Length:\r\n\r\n", 400 },
		{ POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400 },
		{ POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\na", 400 },
		{ POST "Content-Length : 1\r\n\r\na", 400 },
		/* Transfer-Encoding */
		{ POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0 },
		{ POST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0 },
		{ POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		  400 },
		{ POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: \x0b"
		       "chunked\r\n\r\n0\r\n\r\n",
		  400 },
		{ POST "Transfer-Encoding: identity\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: gzip\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 400 },
		{ POST "Transfer-Encoding:\r\n\r\n", 400 },
		{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = outcome(str_z(cases[i].request));

		if (status != cases[i].status)
			fail_msg("%s gives %d, not %d", cases[i].request, status, cases[i].status);
		assert_cut_anywhere(str_z(cases[i].request));
	}
}

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static void chunks_are_read_strictly(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = {
		{ "3\r\nabc\r\n0\r\n\r\n", 0 },
		{ "0003\r\nabc\r\n0\r\n\r\n", 0 },
		{ "a\r\n0123456789\r\n0\r\n\r\n", 0 },
		{ "A\r\n0123456789\r\n0\r\n\r\n", 0 },
		{ "3;a=b\r\nabc\r\n0;c\r\n\r\n", 0 },
		{ "3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n", 0 },
		{ "3\r\nabc\r\n", 1 },
		{ "3\nabc\r\n0\r\n\r\n", 400 },
		{ "3\r\nabc\n0\r\n\r\n", 400 },
		{ "3\r\nabcd\r\n0\r\n\r\n", 400 },
		{ "3\r\nab\r\n0\r\n\r\n", 400 },
		{ "3 \r\nabc\r\n0\r\n\r\n", 400 },
		{ " 3\r\nabc\r\n0\r\n\r\n", 400 },
		{ "3 ;a\r\nabc\r\n0\r\n\r\n", 400 },
		{ "0x3\r\nabc\r\n0\r\n\r\n", 400 },
		{ "-3\r\nabc\r\n0\r\n\r\n", 400 },
		{ "\r\nabc\r\n0\r\n\r\n", 400 },
		{ ";a\r\nabc\r\n0\r\n\r\n", 400 },
		{ "g\r\nabc\r\n0\r\n\r\n", 400 },
		{ "3\rX\nabc\r\n0\r\n\r\n", 400 },
		{ "3;a\x01\r\nabc\r\n0\r\n\r\n", 400 },
		{ "3;a\nabc\r\n0\r\n\r\n", 400 },
		{ "10000000000000003\r\nabc\r\n0\r\n\r\n", 400 },
		{ "0000000000000000\r\n\r\n", 400 },
		{ "fffffffffffffff\r\n", 413 },
		{ "65\r\n", 413 },
		{ "0\r\n A: b\r\n\r\n", 400 },
		{ "0\r\nA\r\n\r\n", 400 },
		{ "0\r\n: b\r\n\r\n", 400 },
		{ "0\r\nA: b\n\r\n", 400 },
		{ "0\r\nA: \x01\r\n\r\n", 400 },
		{ "0\r\nA : b\r\n\r\n", 400 },
		{ "0\r\n\rX", 400 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena arena;

		arena_init(&arena);
		struct str request = arena_printf(&arena, "%s%s", CHUNKED, cases[i].body);
		int status = outcome(request);
		if (status != cases[i].status)
			fail_msg("%s gives %d, not %d", cases[i].body, status, cases[i].status);
		assert_cut_anywhere(request);
		arena_done(&arena);
	}
}

static struct str repeated(struct arena *arena, const char *before, const char *again, size_t count,
			   const char *after)
{
	struct buf buf;

	buf_init(&buf, 1 << 20);
	buf_put_str(&buf, str_z(before));
	for (size_t i = 0; i < count; i++)
		buf_put_str(&buf, str_z(again));
	buf_put_str(&buf, str_z(after));
	struct str s = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	return s;
}

static void what_is_too_long_is_refused_at_its_limit(void **state)
{
	const struct {
		const char *before, *again;
		size_t count;
		const char *after;
		int status;
	} cases[] = {
		{ "GET /", "a", HTTP_LINE_MAX - 14, " HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
		{ "GET /", "a", HTTP_LINE_MAX - 13, " HTTP/1.1\r\nHost: h\r\n\r\n", 414 },
		{ "GET /", "a", HTTP_LINE_MAX - 5, "", 1 },
		{ "GET /", "a", HTTP_LINE_MAX - 4, "", 1 }, /* the last may be a CR */
		{ "GET /", "a", HTTP_LINE_MAX - 3, "", 414 },
		{ HEAD, "A: b\r\n", HTTP_HEADERS_MAX - 1, "\r\n", 0 },
		{ HEAD, "A: b\r\n", HTTP_HEADERS_MAX, "\r\n", 431 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nA: ", "a", HTTP_HEADER_BYTES_MAX - 9 - 3 - 4,
		  "\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nA: ", "a", HTTP_HEADER_BYTES_MAX - 9 - 3 - 3,
		  "\r\n\r\n", 431 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nA: ", "a", HTTP_HEADER_BYTES_MAX - 9 - 3 - 1, "",
		  1 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nA: ", "a", HTTP_HEADER_BYTES_MAX - 9 - 3, "", 431 },
		{ CHUNKED "1;", "a", HTTP_CHUNK_LINE_MAX - 2, "\r\nX\r\n0\r\n\r\n", 400 },
		{ CHUNKED "1;", "a", HTTP_CHUNK_LINE_MAX - 3, "\r\nX\r\n0\r\n\r\n", 0 },
		{ CHUNKED "0\r\n", "A: b\r\n", 1000, "\r\n", 0 },
		{ CHUNKED "0\r\n", "A: b\r\n", 1400, "\r\n", 431 },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct str request = repeated(&arena, cases[i].before, cases[i].again,
					      cases[i].count, cases[i].after);
		int status = outcome(request);

		if (status != cases[i].status)
			fail_msg("case %zu gives %d, not %d", i, status, cases[i].status);
		assert_cut_anywhere(request);
	}
	arena_done(&arena);
}

static void pipelined_requests_come_out_one_after_the_other(void **state)
{
	static const char stream[] =
		"POST /a?b=c HTTP/1.1\r\nHost: x:1\r\nContent-Length: 5\r\nConnection: a, "
		"Upgrade\r\n\r\nhello"
		"\r\nGET http://y/d HTTP/1.1\r\nhost: z\r\nConnection: close\r\n\r\n"
		"PUT /e HTTP/1.1\r\nHost: z\r\nTransfer-Encoding: "
		"chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\nT: u\r\n\r\n"
		"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
		"NONSENSE\r\n\r\n";
	static const char expected[] =
		"POST path=/a query=b=c host=x:1 minor=1 keep-alive upgrade length=5\n"
		" [Host]=[x:1]\n [Content-Length]=[5]\n [Connection]=[a, Upgrade]\nhello\nend\n"
		"GET path=/d query= host=y minor=1 length=-1\n [host]=[z]\n "
		"[Connection]=[close]\n\nend\n"
		"PUT path=/e query= host=z minor=1 chunked keep-alive length=-1\n"
		" [Host]=[z]\n [Transfer-Encoding]=[chunked]\nabc\nend\n"
		"GET path=/ query= host= minor=0 keep-alive length=-1\n "
		"[Connection]=[Keep-Alive]\n\nend\n"
		"error 400\n";
	char *text = transcript_of(str_z(stream), sizeof(stream), NULL);

	(void)state;
	assert_string_equal(text, expected);
	free(text);
	assert_cut_anywhere(str_z(stream));
}

static void fields_are_found_whatever_their_case(void **state)
{
	static const char request[] = "GET /x?y HTTP/1.1\r\nHost: h\r\nAuthorization:  Bot x "
				      "\r\nVia: a\r\nVia: b, c\r\n\r\n";
	struct http_header headers[HTTP_HEADERS_MAX];
	struct http_parser parser;
	struct http_head head;

	(void)state;
	http_parser_init(&parser);
	assert_false(http_parser_began(&parser, S("")));
	assert_int_equal(http_parser_run(&parser, str_z(request)), HTTP_DONE);
	assert_true(http_parser_began(&parser, str_z(request)));
	assert_int_equal(http_parser_run(&parser, str_z(request)), HTTP_DONE);
	http_parser_head(&parser, request, headers, &head);
	assert_true(str_eq(http_head_get(&head, S("AUTHORIZATION")), S("Bot x")));
	assert_null(http_head_get(&head, S("cookie")).ptr);
	assert_true(http_head_lists(&head, S("via"), S("C")));
	assert_false(http_head_lists(&head, S("via"), S("d")));
	assert_true(str_eq(head.target, S("/x?y")));
	assert_true(str_eq(head.query, S("y")));
}

static void a_failed_parser_stays_failed(void **state)
{
	struct http_parser parser;

	(void)state;
	http_parser_init(&parser);
	assert_int_equal(http_parser_run(&parser, S("x\n")), 400);
	assert_int_equal(http_parser_run(&parser, S("x\nGET / HTTP/1.0\r\n\r\n")), 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_lead_to_the_right_status),
		cmocka_unit_test(chunks_are_read_strictly),
		cmocka_unit_test(what_is_too_long_is_refused_at_its_limit),
		cmocka_unit_test(pipelined_requests_come_out_one_after_the_other),
		cmocka_unit_test(fields_are_found_whatever_their_case),
		cmocka_unit_test(a_failed_parser_stays_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
