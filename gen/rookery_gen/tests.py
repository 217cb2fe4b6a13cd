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

FUZZ = r'''/* Strangers' bytes into every object: the first two bytes choose the object, the third how. What was accepted is
 * written again, and read again where that must work. */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
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

static void rewrite(const struct obj_desc *desc, const void *obj)
{
	for (enum enc_format format = ENC_JSON; format <= ENC_ETF; format++) {
		struct buf buf;
		struct enc enc;

		buf_init(&buf, TEXT_MAX);
		enc_init(&enc, &buf, format);
		enc_start(&enc);
		desc->enc(&enc, obj);
		assert(buf.full || enc.depth == 0);
		if (!buf.full && format == ENC_JSON) {
			json_t *json = json_parse(buf_str(&buf));

			assert(json || buf.len > 65536); /* long ones may be over the parser's own limits */
			json_decref(json);
		}
		buf_done(&buf);
	}
	free(obj_dup(desc, obj));
}

int fuzz_objects(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct dec dec;
	int error;

	if (size < 3)
		return 0;
	const struct obj_desc *desc = obj_descs[(data[0] | data[1] << 8) % OBJ_COUNT];
	struct str text = { (const char *)data + 3, size - 3 };
	arena_init(&arena);
	dec_init(&dec, &arena);
	void *obj = arena_alloc(&arena, desc->size);
	if (data[2] % 3 == 0) {
		if (!desc->variant_count && !dec_query(&dec, desc, text, obj))
			rewrite(desc, obj);
	} else {
		json_t *json = data[2] % 3 == 1 ? json_parse(text) : etf_parse(text, &error);

		if (json && !dec_object(&dec, desc, json, obj)) {
			json_decref(json);
			rewrite(desc, obj);
		} else {
			json_decref(json);
		}
	}
	if (dec_failed(&dec)) {
		struct buf buf;
		struct enc enc;

		buf_init(&buf, TEXT_MAX);
		enc_init(&enc, &buf, ENC_JSON);
		enc_form_errors(&enc, &dec);
		json_t *json = json_parse(buf_str(&buf));
		assert(json);
		json_decref(json);
		buf_done(&buf);
	}
	arena_done(&arena);
	return 0;
}

int fuzz_rows(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct buf first, second;

	if (size < 2)
		return 0;
	const struct obj_desc *desc = obj_descs[(data[0] | data[1] << 8) % OBJ_COUNT];
	struct str row = { (const char *)data + 2, size - 2 };
	arena_init(&arena);
	buf_init(&first, TEXT_MAX);
	buf_init(&second, TEXT_MAX);
	void *obj = arena_alloc(&arena, desc->size), *copy = arena_alloc(&arena, desc->size);
	if (!row_get(row, desc, &arena, obj)) {
		free(obj_dup(desc, obj));
		row_put(&first, desc, obj);
		int r = row_get(buf_str(&first), desc, &arena, copy);
		assert(!r);
		row_put(&second, desc, copy);
		assert(str_eq(buf_str(&first), buf_str(&second)));
	}
	buf_done(&second);
	buf_done(&first);
	arena_done(&arena);
	return 0;
}
'''


def files(model) -> dict:
    return {'model/roundtrip_test.c': ctext.NOTE + ROUNDTRIP, 'model/fuzz_objects.c': ctext.NOTE + FUZZ}
