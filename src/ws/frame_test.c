/* WebSocket frames: good and evil ones, torn at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "ws/frame.h"

enum { MESSAGE_MAX = 70000 };

/* What comes out of @data in pieces of up to @step bytes (of random sizes with @random), as
 * text. */
static char *parsed(struct str data, size_t step, struct random *random)
{
	static const char *const names[] = { [WS_TEXT] = "text",
					     [WS_BINARY] = "binary",
					     [WS_CLOSE] = "close",
					     [WS_PING] = "ping",
					     [WS_PONG] = "pong" };
	struct ws_parser parser;
	struct ws_message message;
	struct buf out;
	int r = WS_MORE;

	buf_init(&out, 1 << 22);
	ws_parser_init(&parser, MESSAGE_MAX);
	for (size_t at = 0; at < data.len && r == WS_MORE;) {
		size_t n = random ? 1 + (size_t)random_below(random, step) : step;

		n = MIN(n, data.len - at);
		char *copy = mem_dup(data.ptr + at, n),
		     *piece = copy; /* exact, and it is written to */
		size_t left = n;
		while ((r = ws_parser_next(&parser, &piece, &left, &message)) == WS_MESSAGE) {
			buf_printf(&out, "%s(", names[message.opcode]);
			if (message.opcode == WS_CLOSE)
				buf_printf(&out, "%d ", message.code);
			buf_put_str(&out, message.payload);
			buf_put_str(&out, S(")"));
		}
		assert_true(r != WS_MORE || left == 0);
		free(copy);
		at += n;
	}
	if (r != WS_MORE)
		buf_printf(&out, "=%d", r);
	buf_putc(&out, '\0');
	ws_parser_done(&parser);
	return out.ptr;
}

static void assert_cut_anywhere(struct str data)
{
	struct random_seeded seeded;
	char *whole = parsed(data, data.len + 1, NULL);

	random_seeded_init(&seeded, data.len);
	for (size_t i = 0; i < 8; i++) {
		char *cut = parsed(data, i ? (size_t)1 << i : 1, i ? &seeded.random : NULL);

		assert_string_equal(whole, cut);
		free(cut);
	}
	free(whole);
}

/* Puts a frame as a client does. @first: FIN, RSV and opcode. */
static void put_frame(struct buf *buf, uint8_t first, struct str payload)
{
	static const uint8_t mask[4] = { 0x12, 0xab, 0x00, 0x7f };

	buf_putc(buf, (char)first);
	if (payload.len < 126) {
		buf_putc(buf, (char)(0x80 | payload.len));
	} else if (payload.len < 65536) {
		buf_putc(buf, (char)(0x80 | 126));
		buf_put_u16(buf, (uint16_t)payload.len);
	} else {
		buf_putc(buf, (char)(0x80 | 127));
		buf_put_u64(buf, payload.len);
	}
	buf_put(buf, mask, sizeof(mask));
	for (size_t i = 0; i < payload.len; i++)
		buf_putc(buf, (char)(payload.ptr[i] ^ mask[i % 4]));
}

enum {
	FIN = 0x80,
	TEXT = FIN | 1,
	BINARY = FIN | 2,
	CLOSE = FIN | 8,
	PING = FIN | 9,
	PONG = FIN | 10
};

struct frame {
	uint8_t first;
	const char *payload;
	uint8_t len; /* when the payload has zeros */
};

static void frames_give_messages_or_close_codes(void **state)
{
	static const struct {
		struct frame frames[5];
		const char *expected;
	} cases[] = {
		{ { { TEXT, "hello", 0 } }, "text(hello)" },
		{ { { TEXT, "", 0 } }, "text()" },
		{ { { BINARY, "\xff\xfe", 0 }, { TEXT, "b", 0 } }, "binary(\xff\xfe)text(b)" },
		{ { { 1, "a", 0 }, { 0, "b", 0 }, { FIN, "c", 0 } }, "text(abc)" },
		{ { { 1, "", 0 }, { FIN, "", 0 } }, "text()" },
		{ { { 1, "", 0 }, { FIN, "c", 0 } }, "text(c)" },
		{ { { 2, "a", 0 }, { PING, "p", 0 }, { FIN, "b", 0 } }, "ping(p)binary(ab)" },
		{ { { 1, "a", 0 }, { PONG, "", 0 }, { FIN, "", 0 }, { TEXT, "x", 0 } },
		  "pong()text(a)text(x)" },
		/* UTF-8 cut within a character */
		{ { { 1, "\xe2\x82", 0 }, { PING, "\xff", 0 }, { FIN, "\xac", 0 } },
		  "ping(\xff)text(\xe2\x82\xac)" },
		{ { { TEXT, "\xc0\xaf", 0 } }, "=1007" },
		{ { { 1, "\xe2\x82", 0 }, { FIN, "", 0 } }, "=1007" },
		{ { { TEXT, "\xed\xa0\x80", 0 } }, "=1007" },
		/* closing */
		{ { { CLOSE, "", 0 } }, "close(1005 )" },
		{ { { CLOSE, "\x03\xe8", 0 } }, "close(1000 )" },
		{ { { CLOSE,
		      "\x03\xe8"
		      "bye",
		      0 },
		    { TEXT, "late", 0 } },
		  "close(1000 bye)" },
		{ { { CLOSE, "\x0f\xa0", 0 } }, "close(4000 )" },
		{ { { CLOSE, "\x0b\xb8", 0 } }, "close(3000 )" },
		{ { { 1, "a", 0 }, { CLOSE, "\x03\xe9", 0 } }, "close(1001 )" },
		{ { { CLOSE, "\x03", 0 } }, "=1002" },
		{ { { CLOSE, "\x03\xed", 0 } }, "=1002" },
		{ { { CLOSE, "\x03\xee", 0 } }, "=1002" },
		{ { { CLOSE, "\x03\xf7", 0 } }, "=1002" },
		{ { { CLOSE, "\x03\xe7", 0 } }, "=1002" },
		{ { { CLOSE, "\x13\x88", 0 } }, "=1002" },
		{ { { CLOSE, "\x00\x00", 2 } }, "=1002" },
		{ { { CLOSE, "\x03\xe8\xff", 0 } }, "=1007" },
		/* the order of frames */
		{ { { FIN, "a", 0 } }, "=1002" },
		{ { { 0, "a", 0 } }, "=1002" },
		{ { { 1, "a", 0 }, { TEXT, "b", 0 } }, "=1002" },
		{ { { 1, "a", 0 }, { 2, "b", 0 } }, "=1002" },
		{ { { TEXT, "a", 0 }, { FIN, "b", 0 } }, "text(a)=1002" },
		/* reserved bits and opcodes, fragmented control frames */
		{ { { TEXT | 0x40, "a", 0 } }, "=1002" },
		{ { { TEXT | 0x20, "a", 0 } }, "=1002" },
		{ { { TEXT | 0x10, "a", 0 } }, "=1002" },
		{ { { FIN | 3, "a", 0 } }, "=1002" },
		{ { { FIN | 7, "a", 0 } }, "=1002" },
		{ { { FIN | 11, "a", 0 } }, "=1002" },
		{ { { FIN | 15, "a", 0 } }, "=1002" },
		{ { { 9, "a", 0 } }, "=1002" },
		{ { { 8, "", 0 } }, "=1002" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf data;

		buf_init(&data, 4096);
		for (const struct frame *frame = cases[i].frames; frame->payload; frame++)
			put_frame(&data, frame->first,
				  frame->len ? (struct str){ frame->payload, frame->len }
					     : str_z(frame->payload));
		char *out = parsed(buf_str(&data), 4096, NULL);
		if (strcmp(out, cases[i].expected) != 0)
			fail_msg("case %zu gives %s, not %s", i, out, cases[i].expected);
		free(out);
		assert_cut_anywhere(buf_str(&data));
		buf_done(&data);
	}
}

static void headers_that_break_the_rules_are_refused(void **state)
{
	static const struct {
		struct str bytes;
		const char *expected;
	} cases[] = {
		{ { "\x81\x01x", 3 }, "=1002" }, /* not masked */
		{ { "\x89\xfe\x00\x7e", 4 }, "=1002" }, /* a long ping */
		{ { "\x81\xfe\x00\x7d\0\0\0\0", 8 }, "=1002" }, /* 125 in 16 bits */
		{ { "\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14 }, "=1002" }, /* 65535 in 64 bits */
		{ { "\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14 }, "=1002" }, /* the top bit */
		{ { "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14 },
		  "=1009" }, /* 2^63 - 1 */
		{ { "\x81\xff\0\0\0\0\0\x01\x11\x71\0\0\0\0", 14 }, "=1009" }, /* 70001 */
		{ { "\x81\xff\0\0\0\0\0\x01\x11\x70\0\0\0\0", 14 }, "" }, /* 70000 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *out = parsed(cases[i].bytes, 100, NULL);

		if (strcmp(out, cases[i].expected) != 0)
			fail_msg("case %zu gives %s", i, out);
		free(out);
		assert_cut_anywhere(cases[i].bytes);
	}
}

static void messages_of_all_lengths_come_through(void **state)
{
	static const size_t lengths[] = { 0,   1,   7,	  8,	 9,	124,	    125,
					  126, 127, 1000, 65535, 65536, MESSAGE_MAX };
	char *text = mem_alloc(MESSAGE_MAX);

	(void)state;
	for (size_t i = 0; i < MESSAGE_MAX; i++)
		text[i] = (char)('a' + i % 26);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct buf data;

		buf_init(&data, 1 << 20);
		put_frame(&data, TEXT, (struct str){ text, lengths[i] });
		put_frame(&data, 1, (struct str){ text, lengths[i] / 2 });
		put_frame(&data, FIN,
			  (struct str){ text + lengths[i] / 2, lengths[i] - lengths[i] / 2 });
		char *out = parsed(buf_str(&data), 1 << 20, NULL);
		assert_memory_equal(out, "text(", 5);
		assert_memory_equal(out + 5, text, lengths[i]);
		assert_memory_equal(out + 5 + lengths[i], ")text(", 6);
		assert_memory_equal(out + 11 + lengths[i], text, lengths[i]);
		assert_string_equal(out + 11 + 2 * lengths[i], ")");
		free(out);
		assert_cut_anywhere(buf_str(&data));
		buf_done(&data);
	}
	free(text);
}

static void fragments_together_are_bounded(void **state)
{
	char *text = mem_zalloc(MESSAGE_MAX);
	struct buf data;

	(void)state;
	buf_init(&data, 1 << 20);
	put_frame(&data, 2, (struct str){ text, MESSAGE_MAX - 1 });
	put_frame(&data, 0, (struct str){ text, 1 });
	put_frame(&data, FIN, (struct str){ text, 1 });
	char *out = parsed(buf_str(&data), 1 << 20, NULL);
	assert_string_equal(out, "=1009");
	free(out);
	buf_clear(&data);
	put_frame(&data, 2, S(""));
	for (int i = 0; i < WS_FRAGMENTS_MAX; i++)
		put_frame(&data, 0, S(""));
	out = parsed(buf_str(&data), 1 << 20, NULL);
	assert_string_equal(out, "=1008");
	free(out);
	buf_done(&data);
	free(text);
}

static void masking_twice_gives_the_same_bytes(void **state)
{
	static const uint8_t mask[4] = { 1, 2, 3, 0xff };
	char data[64], plain[64];

	(void)state;
	for (size_t size = 0; size <= sizeof(data); size++)
		for (size_t at = 0; at < 9; at++) {
			memset(plain, 'x', sizeof(plain));
			memset(data, 'x', sizeof(data));
			ws_mask(data, size, mask, at);
			for (size_t i = 0; i < size; i++)
				plain[i] = (char)(plain[i] ^ mask[(at + i) % 4]);
			assert_memory_equal(data, plain, sizeof(data));
		}
}

static void what_we_write_has_the_shortest_header(void **state)
{
	char header[WS_HEADER_MAX];
	struct buf out;

	(void)state;
	assert_int_equal(ws_header(header, WS_TEXT, 125), 2);
	assert_memory_equal(header, "\x81\x7d", 2);
	assert_int_equal(ws_header(header, WS_BINARY, 126), 4);
	assert_memory_equal(header, "\x82\x7e\x00\x7e", 4);
	assert_int_equal(ws_header(header, WS_BINARY, 65535), 4);
	assert_int_equal(ws_header(header, WS_TEXT, 65536), 10);
	assert_memory_equal(header, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
	buf_init(&out, 200);
	ws_put(&out, WS_PONG, S("abc"));
	assert_true(str_eq(buf_str(&out),
			   S("\x8a\x03"
			     "abc")));
	buf_clear(&out);
	ws_put_close(&out, 4004, S("Authentication failed."));
	assert_true(str_eq(buf_str(&out),
			   S("\x88\x18\x0f\xa4"
			     "Authentication failed.")));
	buf_clear(&out);
	/* 122 bytes, then a character of two that does not fit */
	char reason[130];
	memset(reason, 'a', sizeof(reason));
	reason[122] = '\xc3';
	reason[123] = '\xa4';
	ws_put_close(&out, 1000, (struct str){ reason, sizeof(reason) });
	assert_int_equal(out.len, 2 + 2 + 122);
	/* all or nothing at the ceiling */
	ws_put(&out, WS_TEXT, (struct str){ reason, 100 });
	assert_int_equal(out.len, 2 + 2 + 122);
	assert_true(out.full);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_give_messages_or_close_codes),
		cmocka_unit_test(headers_that_break_the_rules_are_refused),
		cmocka_unit_test(messages_of_all_lengths_come_through),
		cmocka_unit_test(fragments_together_are_bounded),
		cmocka_unit_test(masking_twice_gives_the_same_bytes),
		cmocka_unit_test(what_we_write_has_the_shortest_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
