/* How long it takes to write a page of 50 messages, in both formats, to store and to copy them.
 *
 *	bench_codec [ROUNDS] */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/dec.h"
#include "codec/dup.h"
#include "codec/enc.h"
#include "codec/json.h"
#include "codec/row.h"
#include "model/objects.h"

enum { MESSAGES = 50 };

static int rounds = 20000;

static struct message message_at(uint64_t i, struct user *author)
{
	static struct embed embed = {
		.title = { "A title", 7 },
		.description = { "Somewhat longer text that describes what this is about, in one "
				 "line or two.",
				 75 },
		.color = 0x10a0ff,
		.has = { .words = { 7 } },
	};
	struct message message = {
		.id = 1311000000000000000ULL + (i << 22),
		.channel_id = 1310000000000000000ULL,
		.content = S("What people write in a chat is about this long, mostly "
			     "\xf0\x9f\x98\x80 \"quoted\" or not."),
		.timestamp = 1732450000000000 + (int64_t)i * 1000003,
		.author = author,
		.flags = 0,
	};

	if (i % 10 == 0) {
		message.embeds.items = &embed;
		message.embeds.count = 1;
	}
	return message;
}

static void report(const char *what, uint64_t from, uint64_t size)
{
	double us = (double)(clock_mono_us(&clock_real) - from) / rounds;

	printf("%-28s %8.2f us for %d messages, %llu bytes\n", what, us, MESSAGES,
	       (unsigned long long)size);
}

static void encode(enum enc_format format, const struct message *messages)
{
	struct buf buf;
	struct enc enc;

	buf_init(&buf, 1 << 20);
	uint64_t from = clock_mono_us(&clock_real);
	for (int round = 0; round < rounds; round++) {
		buf_clear(&buf);
		enc_init(&enc, &buf, format);
		enc_arr_begin(&enc);
		for (int i = 0; i < MESSAGES; i++)
			enc_message(&enc, &messages[i]);
		enc_arr_end(&enc);
	}
	report(format == ENC_JSON ? "JSON" : "ETF", from, buf.len);
	buf_done(&buf);
}

static void rows(const struct message *messages)
{
	struct str views[MESSAGES];
	struct arena arena;
	struct buf buf;
	uint64_t size = 0;

	buf_init(&buf, 1 << 20);
	arena_init(&arena);
	uint64_t from = clock_mono_us(&clock_real);
	for (int round = 0; round < rounds; round++) {
		buf_clear(&buf);
		for (int i = 0; i < MESSAGES; i++)
			row_put(&buf, &desc_message, &messages[i]);
		size = buf.len;
	}
	report("rows written", from, size);
	for (int i = 0; i < MESSAGES; i++) {
		struct buf row;

		buf_init(&row, 1 << 16);
		row_put(&row, &desc_message, &messages[i]);
		views[i] = buf_str(&row);
	}
	from = clock_mono_us(&clock_real);
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < MESSAGES; i++) {
			struct message message;

			if (row_get(views[i], &desc_message, &arena, &message))
				abort();
		}
		arena_done(&arena);
	}
	report("rows read", from, size);
	for (int i = 0; i < MESSAGES; i++)
		free((char *)views[i].ptr);
	buf_done(&buf);
}

static void copies(const struct message *messages)
{
	uint64_t size = 0, from = clock_mono_us(&clock_real);

	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < MESSAGES; i++)
			free(obj_dup(&desc_message, &messages[i]));
	for (int i = 0; i < MESSAGES; i++)
		size += obj_weight(&desc_message, &messages[i]);
	report("copies", from, size);
}

static void bodies(void)
{
	const struct str body = S("{\"content\":\"hello there, how are "
				  "you\",\"tts\":false,\"nonce\":\"1311000000000000001\","
				  "\"flags\":0,\"embeds\":[{\"title\":\"x\",\"fields\":[{\"name\":"
				  "\"a\",\"value\":\"b\"}]}]}");
	struct arena arena;

	arena_init(&arena);
	uint64_t from = clock_mono_us(&clock_real);
	for (int round = 0; round < rounds; round++) {
		struct message_create in = {};
		struct dec dec;
		json_t *json = json_parse(body);

		dec_init(&dec, &arena);
		if (dec_object(&dec, &desc_message_create, json, &in))
			abort();
		json_decref(json);
		arena_done(&arena);
	}
	printf("%-28s %8.2f us\n", "one body parsed and decoded",
	       (double)(clock_mono_us(&clock_real) - from) / rounds);
}

int main(int argc, char **argv)
{
	static struct message messages[MESSAGES];
	struct user author = {
		.id = 1309000000000000000ULL,
		.username = S("somebody"),
		.global_name = S("Some Body"),
		.discriminator = S("0"),
		.avatar = S("a_0123456789abcdef0123456789abcdef"),
	};

	if (argc > 1)
		rounds = atoi(argv[1]);
	for (uint64_t i = 0; i < MESSAGES; i++)
		messages[i] = message_at(i, &author);
	encode(ENC_JSON, messages);
	encode(ENC_ETF, messages);
	rows(messages);
	copies(messages);
	bodies();
	return 0;
}
