/* Shared compression: whatever else a connection got, stock decoders read every byte as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/random.h"
#include "ws/share.h"

enum { TEXT_MAX = 256 << 10, CLIENTS = 60 };

struct client {
	struct ws_link link;
	struct buf wire;
	z_stream zlib;
	ZSTD_DStream *zstd;
	uint32_t s;
	size_t bytes, plain; /* on the wire, of text */
};

static void client_init(struct client *client)
{
	*client = (struct client){};
	buf_init(&client->wire, TEXT_MAX);
	assert_int_equal(inflateInit(&client->zlib), Z_OK);
	client->zstd = ZSTD_createDStream();
}

static void client_done(struct ws_share *share, struct client *client)
{
	ws_share_drop(share, &client->link);
	buf_done(&client->wire);
	inflateEnd(&client->zlib);
	ZSTD_freeDStream(client->zstd);
}

static char text[TEXT_MAX];

static size_t unpack(struct client *client, enum ws_compress_kind kind)
{
	client->bytes += client->wire.len;
	if (kind == WS_ZSTD_STREAM) {
		ZSTD_inBuffer in = { client->wire.ptr, client->wire.len, 0 };
		ZSTD_outBuffer out = { text, TEXT_MAX, 0 };

		while (in.pos < in.size) {
			size_t r = ZSTD_decompressStream(client->zstd, &out, &in);

			assert_false(ZSTD_isError(r));
			assert_true(r != 0); /* the frame never ends */
		}
		ZSTD_decompressStream(client->zstd, &out, &in);
		return out.pos;
	}
	assert_memory_equal(client->wire.ptr + client->wire.len - 4, "\0\0\xff\xff", 4);
	client->zlib.next_in = (Bytef *)client->wire.ptr;
	client->zlib.avail_in = (uInt)client->wire.len;
	client->zlib.next_out = (Bytef *)text;
	client->zlib.avail_out = TEXT_MAX;
	assert_int_equal(inflate(&client->zlib, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(client->zlib.avail_in, 0);
	return TEXT_MAX - client->zlib.avail_out;
}

static void send_event(struct ws_share *share, enum ws_compress_kind kind, struct client *client,
		       const char *name, struct bytes *body, bool room)
{
	char head[WS_SHARE_HEAD_MAX], prefix[128];
	struct str piece;
	int n = snprintf(prefix, sizeof(prefix), "{\"t\":\"%s\",\"s\":%-10u,\"op\":0,\"d\":", name,
			 ++client->s);
	size_t prefix_len = (size_t)n;

	assert_int_equal(ws_share_piece(share, &client->link, prefix_len, body, '}', room, &piece),
			 0);
	buf_clear(&client->wire);
	buf_put(&client->wire, head, ws_share_head(share, &client->link, prefix_len, head));
	buf_put(&client->wire, prefix, prefix_len);
	buf_put_str(&client->wire, piece);
	size_t len = unpack(client, kind), white = len - prefix_len - body->len - 1;
	client->plain += prefix_len + body->len + 1;
	assert_memory_equal(text, prefix, prefix_len);
	for (size_t i = 0; i < white; i++)
		assert_non_null(memchr(" \n\r\t", text[prefix_len + i], 4));
	assert_memory_equal(text + prefix_len + white, body->data, body->len);
	assert_int_equal(text[len - 1], '}');
}

static void send_plain(struct ws_share *share, enum ws_compress_kind kind, struct client *client)
{
	static const char ack[] = "{\"t\":null,\"s\":null,\"op\":11,\"d\":null}";

	buf_clear(&client->wire);
	ws_share_plain(share, &client->link, str_z(ack), &client->wire);
	ws_share_drop(share, &client->link);
	size_t len = unpack(client, kind);
	assert_true(len >= sizeof(ack) - 1);
	client->plain += len;
	assert_memory_equal(text, ack, sizeof(ack) - 1);
	for (size_t i = sizeof(ack) - 1; i < len; i++)
		assert_int_equal(text[i], ' ');
}

/* An event about as they are. */
static struct bytes *event(struct random *random, size_t words_max)
{
	static const char *const words[] = { "the",	"room", "hello", "who", "has", "seen",
					     "<@1175>", "\\n",	"of",	 "it",	"?",   "quick" };
	struct buf buf;

	buf_init(&buf, 1 << 20);
	buf_printf(
		&buf,
		"{\"id\":\"%lu\",\"type\":0,\"timestamp\":\"2026-11-24T15:%02lu:%02lu.%06lu+00:00\",\"author\":{\"id\":\"117500000000%lu\","
		"\"username\":\"somebody%lu\",\"discriminator\":\"0\",\"avatar\":null},\"mentions\":[],\"mention_roles\":[],"
		"\"attachments\":[],\"embeds\":[],\"pinned\":false,\"flags\":0,\"tts\":false,\"channel_id\":\"1175000000000000001\",\"content\":\"",
		1175000000000000000 + random_below(random, 1 << 30), random_below(random, 60),
		random_below(random, 60), random_below(random, 1000000), random_below(random, 50),
		random_below(random, 50));
	for (uint64_t n = random_below(random, words_max); n > 0; n--) {
		buf_put_str(&buf, str_z(words[random_below(random, ARRAY_SIZE(words))]));
		buf_putc(&buf, ' ');
	}
	buf_put_str(&buf, S("\"}"));
	struct bytes *made = bytes_from(buf_str(&buf));
	buf_done(&buf);
	return made;
}

static void mixed_histories(enum ws_compress_kind kind)
{
	struct ws_share *share = ws_share_new(kind);
	static struct client clients[CLIENTS];
	struct random_seeded seeded;
	struct random *random = &seeded.random;

	assert_non_null(share);
	random_seeded_init(&seeded, 11);
	for (uint32_t i = 0; i < CLIENTS; i++)
		client_init(&clients[i]);
	for (uint32_t round = 0; round < 150; round++) {
		struct bytes *body = event(random, round % 10 == 0 ? 1500 : 30);

		for (uint32_t i = 0; i < CLIENTS; i++) {
			struct client *client = &clients[i];

			if (i % 4 == 1 && random_below(random, 10) == 0) {
				struct bytes *private = event(random, 40);

				send_event(share, kind, client, "TYPING_START", private, false);
				bytes_unref(private);
			}
			if (i % 4 == 2 && random_below(random, 20) == 0)
				send_plain(share, kind, client);
			if (i % 4 == 3 && random_below(random, 5) == 0)
				continue; /* it may not see this one */
			send_event(share, kind, client,
				   round % 7 == 0 ? "MESSAGE_UPDATE" : "MESSAGE_CREATE", body,
				   i % 30 != 0);
		}
		if (round == 70)
			ws_share_trim(share);
		bytes_unref(body);
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		client_done(share, &clients[i]);
	ws_share_free(share);
}

static void sessions_with_any_history_inflate_every_byte(void **state)
{
	(void)state;
	mixed_histories(WS_ZLIB_STREAM);
}

static void sessions_with_any_history_read_one_endless_zstd_frame(void **state)
{
	(void)state;
	mixed_histories(WS_ZSTD_STREAM);
}

/* The text of the bar: a busy room, and everybody in step. */
static double room_ratio(enum ws_compress_kind kind)
{
	struct ws_share *share = ws_share_new(kind);
	struct client clients[4];
	struct random_seeded seeded;

	random_seeded_init(&seeded, 5);
	for (uint32_t i = 0; i < 4; i++)
		client_init(&clients[i]);
	for (uint32_t round = 0; round < 200; round++) {
		struct bytes *body = event(&seeded.random, 30);

		for (uint32_t i = 0; i < 4; i++)
			send_event(share, kind, &clients[i], "MESSAGE_CREATE", body, true);
		bytes_unref(body);
	}
	double ratio = (double)clients[1].plain / (double)clients[1].bytes;
	for (uint32_t i = 0; i < 4; i++)
		client_done(share, &clients[i]);
	ws_share_free(share);
	print_message("ratio %.2f\n", ratio);
	return ratio;
}

static void a_room_in_step_gets_a_good_ratio(void **state)
{
	(void)state;
	assert_true(room_ratio(WS_ZLIB_STREAM) >= 3.0);
	assert_true(room_ratio(WS_ZSTD_STREAM) >= 1.5);
}

/* There are clients that subtract what came from what it was. */
static void nothing_but_answers_is_shorter_than_its_text(void **state)
{
	(void)state;
	for (enum ws_compress_kind kind = WS_ZLIB_STREAM; kind <= WS_ZSTD_STREAM; kind++) {
		struct ws_share *share = ws_share_new(kind);
		struct client client;

		client_init(&client);
		for (uint32_t i = 0; i < 3000; i++) {
			send_plain(share, kind, &client);
			assert_true(client.bytes < client.plain);
		}
		client_done(share, &client);
		ws_share_free(share);
	}
}

static void those_in_step_share_one_piece_and_its_bytes_are_these(void **state)
{
	struct ws_share *share = ws_share_new(WS_ZLIB_STREAM);
	struct bytes *body = bytes_from(S("{\"content\":\"hello hello hello\"}"));
	struct ws_link a = {}, b = {}, late = {};
	struct str first, same, again, other;
	char head[WS_SHARE_HEAD_MAX];

	(void)state;
	assert_int_equal(ws_share_piece(share, &a, 40, body, '}', true, &first), 0);
	static const char pinned[] =
		"\xaa\x56\x4a\xce\xcf\x2b\x49\xcd\x2b\x51\xb2\x52\xca\x48\xcd\xc9\xc9\x57\x40\x22\x95\x6a\x6b\x01"
		"\x00\x00\x00\xff\xff";
	assert_int_equal(first.len, sizeof(pinned) - 1);
	assert_memory_equal(first.ptr, pinned, sizeof(pinned) - 1);
	assert_int_equal(ws_share_piece(share, &b, 40, body, '}', true, &same), 0);
	assert_ptr_equal(first.ptr, same.ptr);
	/* The second time it leans on the first. */
	assert_int_equal(ws_share_piece(share, &a, 40, body, '}', true, &again), 0);
	assert_int_equal(ws_share_piece(share, &late, 40, body, '}', true, &other), 0);
	/* Its first bytes: the stream's header, a stored block of 40 bytes. */
	assert_int_equal(ws_share_head(share, &late, 40, head), 7);
	assert_memory_equal(head, "\x78\x01\x00\x28\x00\xd7\xff", 7);
	assert_int_equal(ws_share_head(share, &late, 40, head), 5);
	ws_share_drop(share, &a);
	ws_share_drop(share, &b);
	ws_share_drop(share, &late);
	bytes_unref(body);
	ws_share_free(share);
}

static void the_white_space_that_sets_the_offsets_is_this(void **state)
{
	struct ws_share *share = ws_share_new(WS_ZSTD_STREAM);
	struct bytes *body = bytes_from(S("{\"content\":\"hello hello hello\"}"));
	struct ws_link link = {};
	char head[WS_SHARE_HEAD_MAX];
	struct str piece;

	(void)state;
	assert_int_equal(ws_share_piece(share, &link, 40, body, '}', true, &piece), 0);
	/* A compressed block: twelve literals, three sequences with offsets of their own. */
	static const char pinned[] =
		"\xac\x00\x00\x60\x20\x0a\x0d\x09\x0a\x09\x0a\x09\x09\x09\x0d\x09\x03\x14\x03\x06\x06\x82\x27\x01";
	assert_true(piece.len > sizeof(pinned) - 1);
	assert_memory_equal(piece.ptr, pinned, sizeof(pinned) - 1);
	assert_int_equal(ws_share_head(share, &link, 40, head), 9);
	assert_memory_equal(head, "\x28\xb5\x2f\xfd\x00\x20\x40\x01\x00", 9);
	ws_share_drop(share, &link);
	bytes_unref(body);
	ws_share_free(share);
}

static void memory_is_bounded_however_many_have_histories_of_their_own(void **state)
{
	struct random_seeded seeded;

	(void)state;
	random_seeded_init(&seeded, 3);
	for (enum ws_compress_kind kind = WS_ZLIB_STREAM; kind <= WS_ZSTD_STREAM; kind++) {
		struct ws_share *share = ws_share_new(kind);
		static struct ws_link links[500];
		struct str piece;

		for (uint32_t i = 0; i < 500; i++) {
			struct bytes *body = event(&seeded.random, 100);

			links[i] = (struct ws_link){};
			assert_int_equal(
				ws_share_piece(share, &links[i], 60, body, '}', i % 2, &piece), 0);
			bytes_unref(body);
		}
		assert_true(ws_share_memory(share) < 24 << 20);
		ws_share_trim(share);
		assert_true(ws_share_memory(share) < 4096);
		for (uint32_t i = 0; i < 500; i++)
			ws_share_drop(share, &links[i]);
		ws_share_free(share);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_with_any_history_inflate_every_byte),
		cmocka_unit_test(sessions_with_any_history_read_one_endless_zstd_frame),
		cmocka_unit_test(a_room_in_step_gets_a_good_ratio),
		cmocka_unit_test(nothing_but_answers_is_shorter_than_its_text),
		cmocka_unit_test(those_in_step_share_one_piece_and_its_bytes_are_these),
		cmocka_unit_test(the_white_space_that_sets_the_offsets_is_this),
		cmocka_unit_test(memory_is_bounded_however_many_have_histories_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
