/* Transport compression: what goes in comes out of the stock decoders, message by message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "base/random.h"
#include "ws/compress.h"

enum { BIG = 3 << 20 };

/* A client: one decoder for the whole connection. */
struct client {
	enum ws_compress_kind kind;
	z_stream zlib;
	ZSTD_DStream *zstd;
	char *out;
};

static void client_init(struct client *client, enum ws_compress_kind kind)
{
	*client = (struct client){ .kind = kind, .out = mem_alloc(BIG + 1024) };
	assert_int_equal(inflateInit(&client->zlib), Z_OK);
	client->zstd = ZSTD_createDStream();
}

static void client_done(struct client *client)
{
	inflateEnd(&client->zlib);
	ZSTD_freeDStream(client->zstd);
	free(client->out);
}

static struct str client_read(struct client *client, struct str message)
{
	if (client->kind == WS_ZSTD_STREAM) {
		ZSTD_inBuffer in = { message.ptr, message.len, 0 };
		ZSTD_outBuffer out = { client->out, BIG + 1024, 0 };

		/* It may need several calls for one message, but never ends the frame. */
		while (in.pos < in.size) {
			size_t r = ZSTD_decompressStream(client->zstd, &out, &in);

			assert_false(ZSTD_isError(r));
			assert_true(r != 0);
		}
		return (struct str){ client->out, out.pos };
	}
	client->zlib.next_in = (Bytef *)(uintptr_t)message.ptr;
	client->zlib.avail_in = (uInt)message.len;
	client->zlib.next_out = (Bytef *)client->out;
	client->zlib.avail_out = BIG + 1024;
	int r = inflate(&client->zlib, Z_SYNC_FLUSH);
	assert_int_equal(client->zlib.avail_in, 0);
	assert_int_equal(r, client->kind == WS_ZLIB_PAYLOAD ? Z_STREAM_END : Z_OK);
	struct str text = { client->out, BIG + 1024 - client->zlib.avail_out };
	if (client->kind == WS_ZLIB_PAYLOAD)
		inflateReset(&client->zlib);
	return text;
}

/* Random words, so that it compresses about as chat does. */
static void fill(struct random *random, struct buf *buf, size_t len)
{
	static const char *const words[] = {
		"\"content\":\"", "hello ", "{\"id\":\"", "12", "3", "},", "\"a\","
	};

	buf_clear(buf);
	while (buf->len < len)
		buf_put_str(buf, str_z(words[random_below(random, ARRAY_SIZE(words))]));
	buf->len = len;
}

static void round_trips(enum ws_compress_kind kind, bool trims)
{
	static const size_t lengths[] = { 1, 2, 40, 500, 3000, 70000 };
	struct ws_compress *compress = ws_compress_new(kind);
	struct random_seeded seeded;
	struct buf prefix, body, out;
	struct client client;
	size_t in_bytes = 0, out_bytes = 0;

	random_seeded_init(&seeded, 5);
	client_init(&client, kind);
	buf_init(&prefix, 1 << 10);
	buf_init(&body, BIG);
	buf_init(&out, BIG + 1024);
	for (int i = 0; i < 400; i++) {
		size_t len = i == 399 ? BIG
				      : lengths[random_below(&seeded.random, ARRAY_SIZE(lengths))];

		fill(&seeded.random, &prefix, random_below(&seeded.random, 3) * 20);
		fill(&seeded.random, &body, len);
		buf_clear(&out);
		assert_int_equal(
			ws_compress_message(compress, buf_str(&prefix), buf_str(&body), &out), 0);
		if (kind == WS_ZLIB_STREAM)
			assert_memory_equal(out.ptr + out.len - 4, "\x00\x00\xff\xff", 4);
		struct str text = client_read(&client, buf_str(&out));
		assert_int_equal(text.len, prefix.len + body.len);
		if (prefix.len)
			assert_memory_equal(text.ptr, prefix.ptr, prefix.len);
		if (body.len)
			assert_memory_equal(text.ptr + prefix.len, body.ptr, body.len);
		in_bytes += text.len;
		out_bytes += out.len;
		if (trims && i % 7 == 0)
			ws_compress_trim(compress);
	}
	assert_true(out_bytes * 2 < in_bytes);
	buf_done(&prefix);
	buf_done(&body);
	buf_done(&out);
	client_done(&client);
	ws_compress_free(compress);
}

static void a_zlib_stream_decodes_as_one_stream(void **state)
{
	(void)state;
	round_trips(WS_ZLIB_STREAM, false);
}

static void a_zlib_stream_goes_on_after_its_memory_was_given_back(void **state)
{
	(void)state;
	round_trips(WS_ZLIB_STREAM, true);
}

static void a_zstd_stream_is_one_frame_that_never_ends(void **state)
{
	(void)state;
	round_trips(WS_ZSTD_STREAM, true);
}

static void a_payload_is_a_stream_of_its_own(void **state)
{
	(void)state;
	round_trips(WS_ZLIB_PAYLOAD, false);
	round_trips(WS_ZLIB_PAYLOAD, true);
}

static void memory_comes_with_the_first_message_and_is_small(void **state)
{
	static const struct {
		enum ws_compress_kind kind;
		size_t held_max;
		bool trims;
	} cases[] = {
		{ WS_ZLIB_STREAM, 48 << 10, true },
		{ WS_ZSTD_STREAM, 200 << 10, false },
		{ WS_ZLIB_PAYLOAD, 48 << 10, true },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ws_compress *compress = ws_compress_new(cases[i].kind);

		assert_in_range(ws_compress_memory(compress), 1, 100);
		assert_int_equal(ws_compress_message(compress, S(""), S("{\"op\":10}"), &out), 0);
		assert_in_range(ws_compress_memory(compress), 1, cases[i].held_max);
		assert_int_equal(ws_compress_trim(compress) > 0, cases[i].trims);
		ws_compress_free(compress);
	}
	ws_compress_free(NULL);
	buf_done(&out);
}

static void a_stream_that_ran_out_of_room_stays_broken(void **state)
{
	static const enum ws_compress_kind kinds[] = { WS_ZLIB_STREAM, WS_ZSTD_STREAM,
						       WS_ZLIB_PAYLOAD };
	char noise[9000];

	(void)state;
	random_fill(&random_real, noise, sizeof(noise));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct ws_compress *compress = ws_compress_new(kinds[i]);
		struct buf out;

		buf_init(&out, 4096);
		assert_int_equal(ws_compress_message(compress, S("x"),
						     (struct str){ noise, sizeof(noise) }, &out),
				 -ENOBUFS);
		buf_clear(&out);
		assert_int_equal(ws_compress_message(compress, S("x"), S("y"), &out),
				 kinds[i] == WS_ZLIB_PAYLOAD ? 0 : -ENOBUFS);
		buf_done(&out);
		ws_compress_free(compress);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zlib_stream_decodes_as_one_stream),
		cmocka_unit_test(a_zlib_stream_goes_on_after_its_memory_was_given_back),
		cmocka_unit_test(a_zstd_stream_is_one_frame_that_never_ends),
		cmocka_unit_test(a_payload_is_a_stream_of_its_own),
		cmocka_unit_test(memory_comes_with_the_first_message_and_is_small),
		cmocka_unit_test(a_stream_that_ran_out_of_room_stays_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
