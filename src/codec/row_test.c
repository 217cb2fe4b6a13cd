#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/region.h"
#include "codec/dup.h"
#include "codec/row.h"
#include "codec/thing_test.h"

static struct buf row_of(const struct obj_desc *desc, const struct thing *thing)
{
	struct buf buf;

	buf_init(&buf, 1 << 16);
	row_put(&buf, desc, thing);
	assert_false(buf.full);
	return buf;
}

static void rows_keep_what_is_absent_null_zero_and_empty(void **state)
{
	struct arena arena;
	uint64_t nothing;
	struct thing back,
		thing = {
			.id = 5,
			.name = S(""),
			.count = 0,
			.tags = { .items = (struct str *)&nothing, .count = 0 },
			.has = { .name = true,
				 .count = true,
				 .on = true,
				 .tags = true,
				 .child = true,
				 .at = true },
		};

	(void)state;
	arena_init(&arena);
	struct buf row = row_of(&desc_thing, &thing);
	assert_int_equal(row_get(buf_str(&row), &desc_thing, &arena, &back), 0);
	assert_int_equal(back.has.words[0], thing.has.words[0]);
	assert_false(back.null.count);
	assert_non_null(back.name.ptr);
	assert_non_null(back.tags.items);
	assert_null(back.child);
	buf_done(&row);

	thing.null.count = true;
	thing.name = (struct str){};
	thing.tags.items = NULL;
	row = row_of(&desc_thing, &thing);
	assert_int_equal(row_get(buf_str(&row), &desc_thing, &arena, &back), 0);
	assert_true(back.null.count && back.has.count && back.has.name && back.has.tags);
	assert_null(back.name.ptr);
	assert_null(back.tags.items);
	buf_done(&row);
	arena_done(&arena);
}

static void a_zeroed_object_is_an_empty_row(void **state)
{
	struct thing thing = {};

	(void)state;
	struct buf row = row_of(&desc_thing, &thing);
	assert_int_equal(row.len, 0);
	buf_done(&row);
}

static void the_format_on_disk_does_not_change(void **state)
{
	/* Fields 1 (snowflake), 3 (int, zigzag), 2 (text), 12 (object) and 10 (array). */
	static const char expected[] = "\x09\x05\0\0\0\0\0\0\0"
				       "\x12\x02"
				       "ab"
				       "\x18\x03"
				       "\x52\x11\x02"
				       "\x01\0\0\0\0\0\0\0"
				       "\x02\0\0\0\0\0\0\0"
				       "\x62\x09"
				       "\x09\x07\0\0\0\0\0\0\0";
	uint64_t ids[] = { 1, 2 };
	struct thing child = { .id = 7 };
	struct thing thing = {
		.id = 5,
		.name = S("ab"),
		.count = -2,
		.ids = { ids, 2 },
		.child = &child,
		.has = { .name = true, .count = true, .ids = true, .child = true },
	};

	(void)state;
	struct buf row = row_of(&desc_thing, &thing);
	assert_int_equal(row.len, sizeof(expected) - 1);
	assert_memory_equal(row.ptr, expected, row.len);
	buf_done(&row);
}

static void an_older_version_keeps_what_it_does_not_know(void **state)
{
	struct random_seeded random;
	struct arena arena;

	(void)state;
	random_seeded_init(&random, 3);
	for (int i = 0; i < 300; i++) {
		struct thing old, again;

		arena_init(&arena);
		struct buf row = row_of(&desc_thing,
					obj_sample(&arena, &desc_thing, &random.random));
		assert_int_equal(row_get(buf_str(&row), &desc_old_thing, &arena, &old), 0);
		struct buf rewritten = row_of(&desc_old_thing, &old);
		assert_int_equal(row_get(buf_str(&rewritten), &desc_thing, &arena, &again), 0);
		struct buf twice = row_of(&desc_thing, &again);
		assert_true(str_eq(buf_str(&row), buf_str(&twice)));
		buf_done(&twice);
		buf_done(&rewritten);
		buf_done(&row);
		arena_done(&arena);
	}
}

static void damaged_rows_are_refused_or_harmless(void **state)
{
	struct random_seeded random;
	struct arena arena;
	uint32_t refused = 0;

	(void)state;
	random_seeded_init(&random, 4);
	for (int i = 0; i < 3000; i++) {
		struct thing thing;

		arena_init(&arena);
		struct buf row = row_of(&desc_thing,
					obj_sample(&arena, &desc_thing, &random.random));
		for (uint64_t n = random_below(&random.random, 3) + 1; n && row.len; n--)
			row.ptr[random_below(&random.random, row.len)] = (char)random_below(
				&random.random, 256);
		/* An exact copy, so that a sanitizer sees a read past its end. */
		size_t len = row.len ? random_below(&random.random, row.len + 1) : 0;
		char *copy = mem_dup(row.ptr, len);
		int r = row_get((struct str){ copy, len }, &desc_thing, &arena, &thing);
		assert_true(r == 0 || r == -EBADMSG);
		refused += r != 0;
		if (!r)
			free(obj_dup(&desc_thing, &thing));
		free(copy);
		buf_done(&row);
		arena_done(&arena);
	}
	assert_true(refused > 500);
}

static void malformed_rows_are_refused(void **state)
{
	static const struct str cases[] = {
		{ "\x09\x05", 2 },	   /* cut short */
		{ "\x08\x05", 2 },	   /* a snowflake as a varint */
		{ "\x0c", 1 },	       /* wire type 4 */
		{ "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11 },
		{ "\x12\x05"
		  "ab",
		  4 },	       /* length past the end */
		{ "\x20\x02", 2 },	   /* a boolean of 2 */
		{ "\x52\x03\xff\xff\x01", 5 },   /* more elements than bytes */
		{ "\x52\x0a\x01\x01\0\0\0\0\0\0\0\0", 12 }, /* bytes left behind the elements */
		{ "\x4a\x01\x02", 3 },	       /* a flag that is neither */
	};
	struct arena arena;
	struct thing thing;
	char deep[400];
	size_t len = 0;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (row_get(cases[i], &desc_thing, &arena, &thing) != -EBADMSG)
			fail_msg("case %zu was taken", i);
	/* child in child in child ... */
	for (int i = 0; i < 50; i++) {
		memmove(deep + 2, deep, len);
		deep[0] = 0x62;
		deep[1] = (char)len;
		len += 2;
	}
	assert_int_equal(row_get((struct str){ deep, len }, &desc_thing, &arena, &thing), -EBADMSG);
	arena_done(&arena);
}

static void a_copy_stands_alone(void **state)
{
	struct random_seeded random;
	struct region region;
	struct arena arena;

	(void)state;
	random_seeded_init(&random, 5);
	region_init(&region);
	for (int i = 0; i < 200; i++) {
		arena_init(&arena);
		struct thing *thing = obj_sample(&arena, &desc_thing, &random.random);
		struct buf before = row_of(&desc_thing, thing);
		struct thing *copy = obj_dup(&desc_thing, thing);
		struct thing *third = obj_dup_region(&region, &desc_thing, thing);
		arena_done(&arena);
		struct buf after = row_of(&desc_thing, copy), last = row_of(&desc_thing, third);
		assert_true(str_eq(buf_str(&before), buf_str(&after)));
		assert_true(str_eq(buf_str(&before), buf_str(&last)));
		if (copy->name.ptr)
			assert_int_equal(copy->name.ptr[copy->name.len], '\0');
		buf_done(&last);
		buf_done(&after);
		buf_done(&before);
		region_free(&region, third);
		free(copy);
	}
	assert_int_equal(region.bytes, 0);
	region_drop(&region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_keep_what_is_absent_null_zero_and_empty),
		cmocka_unit_test(a_zeroed_object_is_an_empty_row),
		cmocka_unit_test(the_format_on_disk_does_not_change),
		cmocka_unit_test(an_older_version_keeps_what_it_does_not_know),
		cmocka_unit_test(damaged_rows_are_refused_or_harmless),
		cmocka_unit_test(malformed_rows_are_refused),
		cmocka_unit_test(a_copy_stands_alone),
	};

	return cmocka_run_group_tests_name("row", tests, NULL, NULL);
}
