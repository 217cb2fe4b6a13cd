/* Batches, gates, rows, ranges, checksums: what the backends share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "store/crc32c.h"
#include "store/internal.h"
#include "store/rows.h"
#include "store/testing.h"

static void the_checksum_is_that_of_the_rfc(void **state)
{
	/* RFC 3720, B.4, and the usual check string. */
	char bytes[32];

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	memset(bytes, 0, 32);
	assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (char)i;
	assert_int_equal(crc32c(0, bytes, 32), 0x46dd794e);
}

static void the_checksum_does_not_depend_on_the_processor_or_on_the_parts(void **state)
{
	char bytes[300];

	(void)state;
	random_fill(&random_real, bytes, sizeof(bytes));
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		size_t part = len / 3;
		uint32_t whole = crc32c(0, bytes, len);

		assert_int_equal(whole, crc32c_plain(0, bytes, len));
		assert_int_equal(whole, crc32c(crc32c(0, bytes, part), bytes + part, len - part));
	}
}

static void a_batch_gives_back_what_was_put_into_it(void **state)
{
	struct store_batch *batch = store_batch_new(NULL, NULL);
	char a[64], b[64];
	struct str key_a = test_key(a, 16, 1, 1), key_b = test_key(b, 32, 2, 2), value;
	struct store_op op;
	uint64_t version;
	size_t at = 0;

	(void)state;
	store_batch_put(batch, key_a, S("words"));
	store_batch_put(batch, key_a, S(""));
	store_batch_del(batch, key_b);
	store_batch_drop(batch, store_partition(key_b));
	assert_int_equal(batch->ops, 4);

	assert_true(store_batch_next(batch, &at, &op));
	assert_int_equal(op.kind, OP_PUT);
	assert_true(str_eq(op.key, key_a));
	store_op_stamp(&op, 5ull << 36 | 7);
	struct str row = { op.row, op.row_len };
	assert_int_equal(store_row_open(key_a, row, &value, &version), 0);
	assert_true(str_eq(value, S("words")));
	assert_int_equal(version, 5ull << 36 | 7);
	assert_int_equal(store_row_open(key_b, row, &value, &version), -EBADMSG);
	for (size_t i = 0; i < row.len; i++) {
		op.row[i] ^= 0x10;
		assert_int_equal(store_row_open(key_a, row, &value, NULL), -EBADMSG);
		op.row[i] ^= 0x10;
	}
	assert_int_equal(
		store_row_open(key_a, (struct str){ row.ptr, ROW_HEADER - 1 }, &value, NULL),
		-EBADMSG);

	assert_true(store_batch_next(batch, &at, &op));
	store_op_stamp(&op, 1);
	assert_int_equal(store_row_open(key_a, (struct str){ op.row, op.row_len }, &value, NULL),
			 0);
	assert_int_equal(value.len, 0);
	assert_true(store_batch_next(batch, &at, &op));
	assert_int_equal(op.kind, OP_DEL);
	assert_true(store_batch_next(batch, &at, &op));
	assert_int_equal(op.kind, OP_DROP);
	assert_true(str_eq(op.key, store_partition(key_b)));
	assert_false(store_batch_next(batch, &at, &op));
	store_batch_free(batch);
}

static void peeking_sees_the_last_word_on_a_key(void **state)
{
	struct store_batch *batch = store_batch_new(NULL, NULL);
	char a[64], b[64];
	struct str one = test_key(a, 32, 9, 1), two = test_key(b, 32, 9, 2), value;

	(void)state;
	assert_int_equal(store_batch_peek(batch, one, &value), 0);
	store_batch_put(batch, one, S("old"));
	store_batch_put(batch, one, S("new"));
	assert_int_equal(store_batch_peek(batch, one, &value), 1);
	assert_true(str_eq(value, S("new")));
	assert_int_equal(store_batch_peek(batch, two, &value), 0);
	store_batch_del(batch, one);
	assert_int_equal(store_batch_peek(batch, one, &value), -1);
	store_batch_put(batch, two, S("2"));
	store_batch_drop(batch, store_partition(two));
	assert_int_equal(store_batch_peek(batch, two, &value), -1);
	store_batch_put(batch, two, S("3"));
	assert_int_equal(store_batch_peek(batch, two, &value), 1);
	assert_true(str_eq(value, S("3")));
	store_batch_free(batch);
}

static void a_batch_over_its_limit_stays_readable_and_says_so(void **state)
{
	struct store_batch *batch = store_batch_new(NULL, NULL);
	char room[64], *big = mem_zalloc(20 << 20);
	uint32_t ops = 0;
	struct store_op op;

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		store_batch_put(batch, test_key(room, 16, 1, i), (struct str){ big, 20 << 20 });
	assert_true(batch->data.full);
	store_batch_put(batch, test_key(room, 16, 1, 9), S("small")); /* never in part */
	for (size_t at = 0; store_batch_next(batch, &at, &op);)
		ops++;
	assert_int_equal(ops, 3);
	assert_int_equal(batch->ops, 3);
	store_batch_free(batch);

	batch = store_batch_new(NULL, NULL);
	big[0] = 16;
	store_batch_del(batch, (struct str){ big, STORE_KEY_MAX + 1 });
	assert_true(batch->data.full);
	store_batch_free(batch);
	free(big);
}

static void a_gate_refuses_until_its_owner_has_restarted(void **state)
{
	struct store_gate *gate = store_gate_new();
	struct store_batch *first = store_batch_new(NULL, gate),
			   *second = store_batch_new(NULL, gate);

	(void)state;
	assert_true(store_gate_admits(first));
	store_gate_fail(first);
	assert_false(store_gate_admits(second));
	struct store_batch *third = store_batch_new(NULL, gate); /* made before the restart */
	assert_false(store_gate_admits(third));
	store_gate_reopen(gate);
	assert_false(store_gate_admits(second));
	assert_false(store_gate_admits(third));
	struct store_batch *fourth = store_batch_new(NULL, gate);
	assert_true(store_gate_admits(fourth));
	store_gate_fail(second); /* of the old life: means nothing to the new one */
	assert_true(store_gate_admits(fourth));
	store_gate_close(gate);
	assert_false(store_gate_admits(fourth));
	store_gate_unref(gate);
	store_batch_free(first);
	store_batch_free(second);
	store_batch_free(third);
	store_batch_free(fourth); /* the last reference */
	assert_int_equal(store_gate_admits(&(struct store_batch){}), true);
}

static void a_range_is_the_prefix_cut_by_its_bounds(void **state)
{
	static const struct {
		const char *prefix, *from, *to;
		const char *lo, *hi; /* lo NULL: empty; hi NULL: no end */
	} cases[] = {
		{ "ab", NULL, NULL, "ab", "ac" },
		{ "a\xff", NULL, NULL, "a\xff", "b" },
		{ "\xff\xff", NULL, NULL, "\xff\xff", NULL },
		{ "ab", "abc", NULL, "abc", "ac" },
		{ "ab", "aa", NULL, "ab", "ac" },
		{ "ab", "b", NULL, NULL, NULL },
		{ "ab", NULL, "abx", "ab", "abx" },
		{ "ab", NULL, "ad", "ab", "ac" },
		{ "ab", NULL, "ab", NULL, NULL },
		{ "ab", NULL, "aa", NULL, NULL },
		{ "ab", "abc", "abc", NULL, NULL },
		{ "ab", "abd", "abc", NULL, NULL },
		{ "\xff", NULL, "\xff\x01", "\xff", "\xff\x01" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct store_read read = { .key = str_z(cases[i].prefix),
					   .from = str_z(cases[i].from),
					   .to = str_z(cases[i].to) };
		struct store_range range;

		if (!cases[i].lo) {
			assert_false(store_range_init(&range, &read));
			continue;
		}
		assert_true(store_range_init(&range, &read));
		assert_true(str_eq(range.lo, str_z(cases[i].lo)));
		assert_int_equal(!range.hi.ptr, !cases[i].hi);
		assert_true(str_eq(range.hi, str_z(cases[i].hi)));
	}
}

/* -- the map -- */

enum { KEYS = 200 };

static bool collect(void *arg, struct str key, struct str value)
{
	struct buf *buf = arg;

	buf_put_str(buf, key);
	buf_putc(buf, '=');
	buf_put_str(buf, value);
	buf_putc(buf, ' ');
	return true;
}

static void the_map_is_ordered_and_its_copies_stay_as_they_were(void **state)
{
	struct random_seeded seeded;
	struct rows rows, copy;
	int plain[KEYS], then[KEYS] = {}; /* values; 0: absent */
	char key[16], value[16];
	struct buf got, want;
	struct str found;

	(void)state;
	random_seeded_init(&seeded, 4711);
	memset(plain, 0, sizeof(plain));
	rows_init(&rows);
	rows_init(&copy);
	buf_init(&got, 1 << 20);
	buf_init(&want, 1 << 20);
	for (int step = 1; step <= 4000; step++) {
		int n = (int)random_below(&seeded.random, KEYS),
		    what = (int)random_below(&seeded.random, 100);
		struct str k = { key, (size_t)snprintf(key, sizeof(key), "%03d", n) };

		if (what < 70) {
			struct str v = { value,
					 (size_t)snprintf(value, sizeof(value), "%d", step) };

			rows_put(&rows, k, v);
			plain[n] = step;
		} else if (what < 98) {
			rows_del(&rows, k);
			plain[n] = 0;
		} else {
			char hi[16];
			int end = MIN(n + 20, KEYS);

			rows_drop(
				&rows, k,
				(struct str){ hi, (size_t)snprintf(hi, sizeof(hi), "%03d", end) });
			for (int i = n; i < end; i++)
				plain[i] = 0;
		}
		if (step % 500 == 1) {
			rows_done(&copy);
			rows_copy(&copy, &rows);
			memcpy(then, plain, sizeof(then));
		}
		assert_int_equal(rows_get(&rows, k, &found), plain[n] != 0);
		assert_int_equal(rows_get(&copy, k, &found), then[n] != 0);
		if (step % 100)
			continue;
		for (int reverse = 0; reverse < 2; reverse++) {
			buf_clear(&got);
			buf_clear(&want);
			rows_walk(&rows, S("050"), S("150"), reverse, collect, &got);
			for (int i = 50; i < 150; i++) {
				int at = reverse ? 199 - i : i;

				if (plain[at])
					buf_printf(&want, "%03d=%d ", at, plain[at]);
			}
			assert_true(str_eq(buf_str(&got), buf_str(&want)));
		}
	}
	rows_done(&rows);
	rows_done(&copy);
	buf_done(&got);
	buf_done(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checksum_is_that_of_the_rfc),
		cmocka_unit_test(the_checksum_does_not_depend_on_the_processor_or_on_the_parts),
		cmocka_unit_test(a_batch_gives_back_what_was_put_into_it),
		cmocka_unit_test(peeking_sees_the_last_word_on_a_key),
		cmocka_unit_test(a_batch_over_its_limit_stays_readable_and_says_so),
		cmocka_unit_test(a_gate_refuses_until_its_owner_has_restarted),
		cmocka_unit_test(a_range_is_the_prefix_cut_by_its_bounds),
		cmocka_unit_test(the_map_is_ordered_and_its_copies_stay_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
