/* Arenas, regions, buffers, counted bytes, lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/random.h"
#include "base/region.h"

static void an_arena_gives_zeroed_aligned_memory_of_any_size(void **state)
{
	struct arena arena;
	size_t total = 0;

	(void)state;
	arena_init(&arena);
	for (size_t size = 0; size < 9000; size += 13) {
		char *ptr = arena_alloc(&arena, size);

		assert_int_equal((uintptr_t)ptr % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(ptr[i], 0);
		memset(ptr, 0xaa, size);
		total += size;
	}
	assert_true(arena.used >= total);
	arena_done(&arena);
	assert_int_equal(arena.used, 0);
	assert_non_null(arena_alloc(&arena, 1)); /* may be used again */
	arena_done(&arena);
}

static void an_arena_copies_and_formats_strings(void **state)
{
	struct arena arena;
	struct str s;

	(void)state;
	arena_init(&arena);
	s = arena_str(&arena, S("abc"));
	assert_string_equal(s.ptr, "abc");
	assert_null(arena_str(&arena, (struct str){ NULL, 0 }).ptr);
	s = arena_printf(&arena, "%d-%s", 7, "x");
	assert_int_equal(s.len, 3);
	assert_string_equal(s.ptr, "7-x");
	assert_memory_equal(arena_dup(&arena, "12", 2), "12", 2);
	arena_done(&arena);
}

static void a_region_frees_one_by_one_or_all_at_once(void **state)
{
	struct region region;
	char *a, *b;

	(void)state;
	region_init(&region);
	a = region_alloc(&region, 100);
	b = region_alloc(&region, 50);
	assert_int_equal(region.bytes, 150);
	memset(a, 1, 100);
	a = region_realloc(&region, a, 200);
	assert_int_equal(a[99], 1);
	assert_int_equal(a[100], 0);
	assert_int_equal(a[199], 0);
	assert_int_equal(region.bytes, 250);
	region_free(&region, b);
	region_free(&region, NULL);
	assert_int_equal(region.bytes, 200);
	assert_non_null(region_realloc(&region, NULL, 8));
	assert_string_equal(region_str(&region, S("name")).ptr, "name");
	region_drop(&region);
	assert_int_equal(region.bytes, 0);
}

static void a_buffer_stops_at_its_ceiling_and_says_so(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	for (int i = 0; i < 300; i++)
		buf_put(&buf, "abcd", 4);
	assert_int_equal(buf.len, 1000);
	assert_true(buf.full);
	buf_putc(&buf, 'x');
	assert_int_equal(buf.len, 1000);
	assert_null(buf_reserve(&buf, 1));
	assert_null(buf_reserve(&buf, SIZE_MAX));
	buf_clear(&buf);
	assert_false(buf.full);
	buf_printf(&buf, "%*s", 2000, "");
	assert_true(buf.full);
	assert_int_equal(buf.len, 0);
	buf_done(&buf);
}

static void a_buffer_writes_numbers_and_is_consumed_from_the_front(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
		{ 0, "0" }, { 9, "9" }, { 10, "10" }, { UINT64_MAX, "18446744073709551615" }
	};
	struct buf buf;

	(void)state;
	buf_init(&buf, 4096);
	buf_put_u16(&buf, 0x0102);
	buf_put_u32(&buf, 0x03040506);
	buf_put_u64(&buf, 0x0708090a0b0c0d0eULL);
	assert_memory_equal(buf.ptr, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16", 14);
	buf_consume(&buf, 13);
	assert_true(str_eq(buf_str(&buf), S("\16")));
	buf_consume(&buf, 1);
	assert_int_equal(buf.len, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		buf_clear(&buf);
		buf_put_decimal(&buf, cases[i].n);
		assert_true(str_eq(buf_str(&buf), str_z(cases[i].text)));
	}
	buf_done(&buf);
}

static void counted_bytes_live_until_the_last_reference(void **state)
{
	struct bytes *bytes = bytes_from(S("event"));

	(void)state;
	assert_ptr_equal(bytes_ref(bytes), bytes);
	bytes_unref(bytes);
	assert_true(str_eq(bytes_str(bytes), S("event")));
	bytes_unref(bytes);
	bytes_unref(NULL);
}

struct item {
	struct list node;
	int n;
};

static void a_list_keeps_order_and_survives_removal_while_walked(void **state)
{
	struct list head;
	int sum = 0;

	(void)state;
	list_init(&head);
	assert_null(list_pop(&head));
	for (int i = 1; i <= 5; i++) {
		struct item *item = mem_zalloc(sizeof(*item));

		item->n = i;
		if (i % 2)
			list_add_tail(&head, &item->node);
		else
			list_add_head(&head, &item->node);
	}
	assert_int_equal(list_entry(head.next, struct item, node)->n, 4);
	assert_int_equal(list_entry(head.prev, struct item, node)->n, 5);
	list_for_each (node, &head) {
		struct item *item = list_entry(node, struct item, node);

		sum = sum * 10 + item->n;
		list_del(node);
		list_del(node); /* harmless */
		free(item);
	}
	assert_int_equal(sum, 42135);
	assert_true(list_empty(&head));
}

static void seeded_randomness_repeats_itself(void **state)
{
	struct random_seeded a, b;
	uint64_t seen = 0;
	char bytes[13];

	(void)state;
	random_seeded_init(&a, 5);
	random_seeded_init(&b, 5);
	for (int i = 0; i < 200; i++) {
		uint64_t n = random_below(&a.random, 7);

		assert_true(n < 7);
		assert_int_equal(n, random_below(&b.random, 7));
		seen |= 1U << n;
	}
	assert_int_equal(seen, 0x7f);
	assert_int_equal(random_below(&a.random, 1), 0);
	random_fill(&random_real, bytes, sizeof(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_of_any_size),
		cmocka_unit_test(an_arena_copies_and_formats_strings),
		cmocka_unit_test(a_region_frees_one_by_one_or_all_at_once),
		cmocka_unit_test(a_buffer_stops_at_its_ceiling_and_says_so),
		cmocka_unit_test(a_buffer_writes_numbers_and_is_consumed_from_the_front),
		cmocka_unit_test(counted_bytes_live_until_the_last_reference),
		cmocka_unit_test(a_list_keeps_order_and_survives_removal_while_walked),
		cmocka_unit_test(seeded_randomness_repeats_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
