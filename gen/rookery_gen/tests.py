"""model/roundtrip_test.c and fuzz_objects.c: every object through every codec."""
from . import ctext

ROUNDTRIP = r'''/* Random objects of every description: what is written can be read back, and says the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/random.h"
#include "codec/dec.h"
#include "codec/dup.h"
#include "codec/enc.h"
#include "codec/etf.h"
#include "codec/json.h"
#include "codec/row.h"
#include "model/objects.h"

enum { ROUNDS = 40, TEXT_MAX = 16 << 20 };

static void encode(struct buf *buf, enum enc_format format, const struct obj_desc *desc, const void *obj)
{
	struct enc enc;

	buf_clear(buf);
	enc_init(&enc, buf, format);
	enc_start(&enc);
	desc->enc(&enc, obj);
	assert_false(buf->full);
	assert_int_equal(enc.depth, 0);
}

static void assert_same(const char *what, const struct obj_desc *desc, const struct buf *a, const struct buf *b)
{
	if (!str_eq(buf_str(a), buf_str(b)))
		fail_msg("%s of %s differs:\n%.*s\n%.*s", what, desc->name, STR_FMT(buf_str(a)), STR_FMT(buf_str(b)));
}

/* Decodes @json (given up) and encodes it again. */
static void again(struct arena *arena, const struct obj_desc *desc, json_t *json, const struct buf *sent,
		  const char *what)
{
	struct buf back;
	struct dec dec;

	if (!json)
		fail_msg("%s of %s is malformed: %.*s", what, desc->name, STR_FMT(buf_str(sent)));
	buf_init(&back, TEXT_MAX);
	dec_init(&dec, arena);
	void *obj = arena_alloc(arena, desc->size);
	if (dec_object(&dec, desc, json, obj)) {
		struct enc enc;

		enc_init(&enc, &back, ENC_JSON);
		enc_form_errors(&enc, &dec);
		fail_msg("%s of %s is refused: %.*s\n%.*s", what, desc->name, STR_FMT(buf_str(&back)),
			 STR_FMT(buf_str(sent)));
	}
	json_decref(json);
	encode(&back, ENC_JSON, desc, obj);
	assert_same(what, desc, sent, &back);
	buf_done(&back);
}

static void each(void (*check)(struct arena *arena, const struct obj_desc *desc, const void *obj))
{
	struct random_seeded random;
	struct arena arena;

	random_seeded_init(&random, 20);
	arena_init(&arena);
	for (int i = 0; i < OBJ_COUNT; i++) {
		for (int round = 0; round < ROUNDS; round++) {
			check(&arena, obj_descs[i], obj_sample(&arena, obj_descs[i], &random.random));
			arena_done(&arena);
		}
	}
}

static void check_json(struct arena *arena, const struct obj_desc *desc, const void *obj)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	encode(&text, ENC_JSON, desc, obj);
	again(arena, desc, json_parse(buf_str(&text)), &text, "JSON");
	buf_done(&text);
}

static void check_etf(struct arena *arena, const struct obj_desc *desc, const void *obj)
{
	struct buf text, term;
	int error = 0;

	buf_init(&text, TEXT_MAX);
	buf_init(&term, TEXT_MAX);
	encode(&text, ENC_JSON, desc, obj);
	encode(&term, ENC_ETF, desc, obj);
	again(arena, desc, etf_parse(buf_str(&term), &error), &text, "ETF");
	buf_done(&term);
	buf_done(&text);
}

static void check_row(struct arena *arena, const struct obj_desc *desc, const void *obj)
{
	struct buf row, back;

	if (!desc->base->unknown_at)
		return;
	buf_init(&row, TEXT_MAX);
	buf_init(&back, TEXT_MAX);
	row_put(&row, desc, obj);
	void *read = arena_alloc(arena, desc->size);
	if (row_get(buf_str(&row), desc, arena, read))
		fail_msg("a row of %s is malformed", desc->name);
	row_put(&back, desc, read);
	if (!str_eq(buf_str(&row), buf_str(&back)))
		fail_msg("a row of %s differs", desc->name);
	buf_done(&back);
	buf_done(&row);
}

static void check_copy(struct arena *arena, const struct obj_desc *desc, const void *obj)
{
	struct buf before, after;

	buf_init(&before, TEXT_MAX);
	buf_init(&after, TEXT_MAX);
	encode(&before, ENC_JSON, desc, obj);
	void *copy = obj_dup(desc, obj);
	arena_done(arena); /* the copy stands alone */
	encode(&after, ENC_JSON, desc, copy);
	free(copy);
	assert_same("a copy", desc, &before, &after);
	buf_done(&after);
	buf_done(&before);
}

static void every_object_survives_json(void **state)
{
	(void)state;
	each(check_json);
}

static void every_object_survives_etf(void **state)
{
	(void)state;
	each(check_etf);
}

static void every_stored_object_survives_its_row(void **state)
{
	(void)state;
	each(check_row);
}

static void every_object_can_be_copied_whole(void **state)
{
	(void)state;
	each(check_copy);
}

static void a_zeroed_object_can_be_written(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, TEXT_MAX);
	for (int i = 0; i < OBJ_COUNT; i++) {
		struct arena arena;

		arena_init(&arena);
		encode(&text, ENC_JSON, obj_descs[i], arena_alloc(&arena, obj_descs[i]->size));
		json_t *json = json_parse(buf_str(&text));
		assert_non_null(json);
		json_decref(json);
		arena_done(&arena);
	}
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_object_survives_json),
		cmocka_unit_test(every_object_survives_etf),
		cmocka_unit_test(every_stored_object_survives_its_row),
		cmocka_unit_test(every_object_can_be_copied_whole),
		cmocka_unit_test(a_zeroed_object_can_be_written),
	};

	return cmocka_run_group_tests_name("roundtrip", tests, NULL, NULL);
}
'''

FUZZ = r'''/* Strangers' bytes into every object. The first two bytes choose the object (by its name, so that saved inputs keep
 * their meaning while others come and go), the third how. What was accepted is written again, and read again where that
 * must work. Bytes alone seldom get past the first field, so they also make samples, which are then bruised. */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/dec.h"
#include "codec/dup.h"
#include "codec/enc.h"
#include "codec/etf.h"
#include "codec/json.h"
#include "codec/row.h"
#include "model/objects.h"

int fuzz_objects(const uint8_t *data, size_t size);
int fuzz_rows(const uint8_t *data, size_t size);

enum { TEXT_MAX = 64 << 20 };

/* The object whose name's hash comes next after @wanted. */
static const struct obj_desc *choose(uint16_t wanted)
{
	static uint16_t hashes[OBJ_COUNT];
	static bool ready;
	int best = 0;

	for (int i = 0; !ready && i < OBJ_COUNT; i++) {
		uint32_t hash = 0x811c9dc5;

		for (const char *c = obj_descs[i]->name; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 0x01000193;
		hashes[i] = (uint16_t)(hash ^ hash >> 16);
	}
	ready = true;
	for (int i = 1; i < OBJ_COUNT; i++)
		if ((uint16_t)(hashes[i] - wanted) < (uint16_t)(hashes[best] - wanted))
			best = i;
	return obj_descs[best];
}

/* The input as a source of choices, each taken from a few bytes of it; after its end they are seeded. */
struct choices {
	struct random random;
	struct str rest;
	struct random_seeded seeded;
};

static void choices_fill(struct random *random, void *ret, size_t size)
{
	struct choices *choices = container_of(random, struct choices, random);
	size_t n = MIN(size, 2U);

	if (choices->rest.len < n) {
		choices->rest = (struct str){};
		random_fill(&choices->seeded.random, ret, size);
		return;
	}
	memset(ret, 0, size);
	memcpy(ret, choices->rest.ptr, n);
	choices->rest = str_skip(choices->rest, n);
}

static void choices_init(struct choices *choices, struct str input)
{
	choices->random.fill = choices_fill;
	choices->rest = input;
	random_seeded_init(&choices->seeded, input.len);
}

static void encode(struct buf *buf, enum enc_format format, const struct obj_desc *desc, const void *obj)
{
	struct enc enc;

	buf_init(buf, TEXT_MAX);
	enc_init(&enc, buf, format);
	enc_start(&enc);
	desc->enc(&enc, obj);
	assert(buf->full || enc.depth == 0);
}

static void rewrite(const struct obj_desc *desc, const void *obj)
{
	for (enum enc_format format = ENC_JSON; format <= ENC_ETF; format++) {
		struct buf buf;

		encode(&buf, format, desc, obj);
		if (!buf.full && format == ENC_JSON) {
			json_t *json = json_parse(buf_str(&buf));

			assert(json || buf.len > 65536); /* long ones may be over the parser's own limits */
			json_decref(json);
		}
		buf_done(&buf);
	}
	free(obj_dup(desc, obj));
}

/* -- samples -- */

static json_t *odd_value(struct random *random)
{
	static const char *const odd[] = {
		"null", "true", "0", "-1", "1", "2", "9007199254740993", "-9223372036854775808", "9223372036854775807", "1.5", "2.0",
		"1e300", "\"\"", "\" \"", "\"1\"", "\"-5\"", "\"2.5\"", "\"true\"", "\"99999999999999999999\"", "\"text\"",
		"\"2024-02-30T00:00:00Z\"", "\"2024-02-29T12:00:00+00:00\"", "\"https://example.com/a\"", "\"\\u0000\"",
		"\"\xf0\x9f\x98\x80\"", "[]", "{}", "[null]", "[1,1]", "[\"a\",\"a\"]", "[{}]", "{\"a\":null}", "{\"a\":{\"b\":[[]]}}",
		"[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
	};
	uint64_t which = random_below(random, ARRAY_SIZE(odd) + 1);

	if (which == ARRAY_SIZE(odd)) {
		char text[6001];

		memset(text, 'x', sizeof(text));
		text[random_below(random, sizeof(text))] = '\0';
		text[sizeof(text) - 1] = '\0';
		return json_string(text);
	}
	json_t *json = json_loads(odd[which], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert(json);
	return json;
}

static bool holds(const json_t *json)
{
	return json_is_object(json) || json_is_array(json);
}

/* Goes down to some place in @json; there something is taken away, doubled or replaced. */
static void bruise(json_t *json, struct random *random)
{
	for (;;) {
		bool list = json_is_array(json);
		size_t count = list ? json_array_size(json) : json_object_size(json), at;
		const char *key = NULL;

		if (!count)
			return;
		at = random_below(random, count);
		void *iter = json_object_iter(json);
		for (size_t i = 0; !list && i < at; i++)
			iter = json_object_iter_next(json, iter);
		if (!list)
			key = json_object_iter_key(iter);
		json_t *child = list ? json_array_get(json, at) : json_object_get(json, key);
		uint64_t how = random_below(random, 8);
		if (holds(child) && how >= 3) {
			json = child;
			continue;
		}
		if (how == 0 && list)
			json_array_remove(json, at);
		else if (how == 0)
			json_object_del(json, key);
		else if (how == 1 && list)
			json_array_append(json, child);
		else if (list)
			json_array_set_new(json, at, odd_value(random));
		else
			json_object_set_new(json, key, odd_value(random));
		return;
	}
}

static void put_percent(struct buf *buf, struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		buf_printf(buf, "%%%02x", (unsigned char)text.ptr[i]);
}

static void put_pair(struct buf *buf, const char *key, const json_t *json)
{
	buf_printf(buf, "%s%s=", buf->len ? "&" : "", key);
	if (json_is_string(json)) {
		put_percent(buf, (struct str){ json_string_value(json), json_string_length(json) });
	} else {
		char *text = json_dumps(json, JSON_ENCODE_ANY);

		put_percent(buf, str_z(text));
		free(text);
	}
}

/* What a client would make of @json in a query. */
static void as_query(struct buf *buf, json_t *json)
{
	const char *key;
	json_t *value, *element;
	size_t i;

	buf_init(buf, TEXT_MAX);
	json_object_foreach(json, key, value)
	{
		if (!json_is_array(value))
			put_pair(buf, key, value);
		json_array_foreach(value, i, element) put_pair(buf, key, element);
	}
}

static uint32_t nesting(struct str json)
{
	uint32_t depth = 0, most = 0;
	bool quoted = false;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			most = MAX(most, ++depth);
		else if (!quoted && (c == '}' || c == ']'))
			depth--;
	}
	return most;
}

/* A sample of @desc made of the input's choices, perhaps bruised, and as whole as it was when it was not. */
static void try_sample(struct dec *dec, const struct obj_desc *desc, struct str input, bool query, void *obj)
{
	struct choices choices;
	struct buf text, again;

	choices_init(&choices, input);
	uint64_t bruises = random_below(&choices.random, 4);
	const void *sample = obj_sample(dec->arena, desc, &choices.random);
	if (!sample)
		return; /* a root array */
	encode(&text, ENC_JSON, desc, sample);
	json_t *json = json_parse(buf_str(&text));
	assert(json || nesting(buf_str(&text)) > JSON_DEPTH_MAX); /* choices that always nest: more than any client may */
	if (!json) {
		buf_done(&text);
		return;
	}
	for (uint64_t i = 0; i < bruises; i++)
		bruise(json, &choices.random);
	if (query) {
		as_query(&again, json);
		if (!desc->variant_count && !dec_query(dec, desc, buf_str(&again), obj))
			rewrite(desc, obj);
		buf_done(&again);
	} else if (!dec_object(dec, desc, json, obj)) {
		rewrite(desc, obj);
		if (!bruises) {
			encode(&again, ENC_JSON, desc, obj);
			assert(str_eq(buf_str(&text), buf_str(&again)));
			buf_done(&again);
		}
	} else {
		assert(bruises || nesting(buf_str(&text)) > CODEC_DEPTH_MAX); /* the same: more than a struct may */
	}
	json_decref(json);
	buf_done(&text);
}

/* -- the targets -- */

static void try_tree(struct dec *dec, const struct obj_desc *desc, json_t *json, void *obj)
{
	bool good = json && !dec_object(dec, desc, json, obj);

	json_decref(json); /* nothing of it is in @obj */
	if (good)
		rewrite(desc, obj);
}

int fuzz_objects(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct dec dec;
	int error;

	if (size < 3)
		return 0;
	const struct obj_desc *desc = choose((uint16_t)(data[0] | data[1] << 8));
	struct str text = { (const char *)data + 3, size - 3 };
	arena_init(&arena);
	dec_init(&dec, &arena);
	void *obj = arena_alloc(&arena, desc->size);
	switch (data[2] % 5) {
	case 0:
		if (!desc->variant_count && !dec_query(&dec, desc, text, obj))
			rewrite(desc, obj);
		break;
	case 1: try_tree(&dec, desc, json_parse(text), obj); break;
	case 2: try_tree(&dec, desc, etf_parse(text, &error), obj); break;
	default: try_sample(&dec, desc, text, data[2] % 5 == 4, obj);
	}
	if (dec_failed(&dec)) {
		struct buf buf;
		struct enc enc;

		buf_init(&buf, TEXT_MAX);
		enc_init(&enc, &buf, ENC_JSON);
		enc_form_errors(&enc, &dec);
		json_t *json = json_parse(buf_str(&buf));
		assert(json || nesting(buf_str(&buf)) > JSON_DEPTH_MAX); /* a tree is deeper than its body */
		json_decref(json);
		buf_done(&buf);
	}
	arena_done(&arena);
	return 0;
}

/* A sample's row, perhaps with bytes changed, cut out or doubled. */
static void sample_row(struct arena *arena, const struct obj_desc *desc, struct str input, struct buf *row,
		       uint64_t *ret_wounds)
{
	struct choices choices;

	choices_init(&choices, input);
	*ret_wounds = random_below(&choices.random, 5);
	const void *sample = obj_sample(arena, desc, &choices.random);
	if (sample)
		row_put(row, desc, sample);
	for (uint64_t i = 0; row->len && i < *ret_wounds; i++) {
		size_t at = random_below(&choices.random, row->len);
		size_t len = random_below(&choices.random, MIN(row->len - at, 64U) + 1);
		struct str doubled = { row->ptr + at, len };

		switch (random_below(&choices.random, 4)) {
		case 0: row->ptr[at] = (char)random_below(&choices.random, 256); break;
		case 1: row->ptr[at] = (char)(row->ptr[at] ^ (1U << random_below(&choices.random, 8))); break;
		case 2:
			memmove(row->ptr + at, row->ptr + at + len, row->len - at - len);
			row->len -= len;
			break;
		default:
			doubled = arena_str(arena, doubled);
			buf_put_str(row, doubled);
		}
	}
}

int fuzz_rows(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct buf sample, first, second;
	uint64_t wounds = 1;

	if (size < 3)
		return 0;
	const struct obj_desc *desc = choose((uint16_t)(data[0] | data[1] << 8));
	struct str row = { (const char *)data + 3, size - 3 };
	arena_init(&arena);
	buf_init(&sample, TEXT_MAX);
	buf_init(&first, TEXT_MAX);
	buf_init(&second, TEXT_MAX);
	if (data[2] & 1) {
		sample_row(&arena, desc, row, &sample, &wounds);
		row = buf_str(&sample);
	}
	void *obj = arena_alloc(&arena, desc->size), *copy = arena_alloc(&arena, desc->size);
	if (!row_get(row, desc, &arena, obj)) {
		free(obj_dup(desc, obj));
		row_put(&first, desc, obj);
		int r = row_get(buf_str(&first), desc, &arena, copy);
		assert(!r);
		row_put(&second, desc, copy);
		assert(str_eq(buf_str(&first), buf_str(&second)));
	} else {
		assert(wounds);
	}
	buf_done(&second);
	buf_done(&first);
	buf_done(&sample);
	arena_done(&arena);
	return 0;
}
'''


def files(model) -> dict:
    return {'model/roundtrip_test.c': ctext.NOTE + ROUNDTRIP, 'model/fuzz_objects.c': ctext.NOTE + FUZZ}
