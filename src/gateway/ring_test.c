/* The ring against a model that keeps everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/random.h"
#include "gateway/fake.h"

enum { EVENTS = 3000 };
static const struct ring_limits limits = {
	.events_max = 64,
	.bytes_max = 64 << 10,
	.keep_events = 16,
	.keep_bytes = 4000,
	.keep_us = 1000,
};

static struct event *event_of(int n)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", n);
	return event_new(EVENT_MESSAGE_CREATE, bytes_from((struct str){ text, strlen(text) + 1 }));
}

static int number_of(const struct ring *ring, uint64_t seq)
{
	enum event_form form;

	return atoi(ring_get(ring, seq, &form)->full->data);
}

/* Every event that the ring holds is the one that got this number; and its sums are right. */
static void check(const struct ring *ring, const int *said, uint64_t next)
{
	size_t bytes = 0, unsent = 0;

	assert_int_equal(ring_next(ring), next);
	assert_true(ring->first <= ring->cursor && ring->cursor <= next);
	assert_true(ring->taken < next && ring->cursor <= ring->taken + 1);
	assert_true(ring->confirmed <= ring->taken);
	for (uint64_t seq = ring->first; seq < next; seq++) {
		enum event_form form;
		struct event *event = ring_get(ring, seq, &form);

		assert_int_equal(number_of(ring, seq), said[seq]);
		bytes += ring_event_bytes(event, form);
		unsent += seq >= ring->cursor ? ring_event_bytes(event, form) : 0;
	}
	assert_int_equal(ring->bytes, bytes);
	assert_int_equal(ring->unsent_bytes, unsent);
}

static void any_history_keeps_numbers_and_sums(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct random_seeded random;
		struct ring ring;
		int said[EVENTS] = {};
		uint64_t next = 1, now_us = 5000;

		random_seeded_init(&random, seed);
		ring_init(&ring);
		for (int n = 1; next < EVENTS - 1 && n < 20000; n++) {
			uint64_t any = random_below(&random.random, next + 2);

			now_us += random_below(&random.random, 100);
			switch (random_below(&random.random, 8)) {
			case 0: /* before anything was sent */
				if (ring.taken == 0 && next == ring.first + ring.count &&
				    ring.first == 1 && next < 20) {
					memmove(said + 2, said + 1, next * sizeof(said[0]));
					said[1] = n;
					next++;
					ring_push_front(&ring, event_of(n), FORM_FULL);
				}
				break;
			case 1:
			case 2:
			case 3:
				if (!ring_push(&ring, &limits, event_of(n), FORM_FULL)) {
					assert_true(ring_next(&ring) - ring.cursor >=
						    limits.events_max);
					while (ring_unsent(&ring))
						ring_advance(&ring);
				}
				said[next++] = n;
				break;
			case 4:
			case 5:
				if (ring_unsent(&ring))
					ring_advance(&ring);
				break;
			case 6: ring_confirm(&ring, &limits, any, now_us); break;
			case 7: {
				enum ring_peek peek = ring_peek(&ring, any);

				assert_int_equal(peek,
						 any > ring.taken		? RING_TOO_NEW
							 : any + 1 < ring.first ? RING_TOO_OLD
										: RING_OK);
				if (peek == RING_OK) {
					ring_rewind(&ring, any);
					assert_int_equal(ring.cursor, any + 1);
				}
				break;
			}
			}
			check(&ring, said, next);
		}
		ring_done(&ring);
		assert_null(ring.slots);
	}
}

static void confirmed_events_go_after_a_while_and_leave_no_memory(void **state)
{
	struct ring ring;

	(void)state;
	ring_init(&ring);
	for (int n = 0; n < 10; n++) {
		assert_true(ring_push(&ring, &limits, event_of(n), FORM_FULL));
		ring_advance(&ring);
	}
	ring_confirm(&ring, &limits, 10, 10000);
	assert_int_equal(ring.count, 10);
	assert_int_equal(ring_peek(&ring, 3), RING_OK);
	ring_confirm(&ring, &limits, 10, 10500);
	assert_int_equal(ring.count, 10);
	ring_confirm(&ring, &limits, 10, 11001);
	assert_int_equal(ring.count, 0);
	assert_null(ring.slots);
	assert_int_equal(ring_next(&ring), 11);
	assert_int_equal(ring_peek(&ring, 10), RING_OK);
	assert_int_equal(ring_peek(&ring, 9), RING_TOO_OLD);
	assert_int_equal(ring_peek(&ring, 11), RING_TOO_NEW);
	ring_done(&ring);
}

static void a_snapshot_goes_when_it_was_confirmed_twice(void **state)
{
	struct ring ring;

	(void)state;
	ring_init(&ring);
	assert_true(ring_push(&ring, &limits, event_new(EVENT_GUILD_CREATE, bytes_from(S("{}"))),
			      FORM_FULL));
	assert_true(ring_push(&ring, &limits, event_of(2), FORM_FULL));
	ring_confirm(&ring, &limits, 1, 500);
	ring_advance(&ring);
	ring_confirm(&ring, &limits, 1, 600);
	assert_int_equal(ring_peek(&ring, 0), RING_OK);
	ring_confirm(&ring, &limits, 1, 700);
	assert_int_equal(ring_peek(&ring, 0), RING_TOO_OLD);
	assert_int_equal(ring_peek(&ring, 1), RING_OK);
	assert_int_equal(number_of(&ring, 2), 2);
	ring_done(&ring);
}

static void a_client_cannot_confirm_what_was_not_sent(void **state)
{
	struct ring ring;

	(void)state;
	ring_init(&ring);
	assert_true(ring_push(&ring, &limits, event_of(1), FORM_FULL));
	ring_confirm(&ring, &limits, 99, 10000);
	ring_confirm(&ring, &limits, 99, 20000);
	assert_int_equal(ring.confirmed, 0);
	assert_int_equal(number_of(&ring, 1), 1);
	ring_done(&ring);
}

static void one_event_larger_than_the_ring_still_passes(void **state)
{
	struct ring ring;
	struct bytes *big = bytes_new(1 << 20);

	(void)state;
	ring_init(&ring);
	memset(big->data, ' ', big->len);
	struct ring_limits wide = limits;
	wide.bytes_max = 512 << 10;
	assert_true(ring_push(&ring, &wide, event_new(EVENT_GUILD_CREATE, big), FORM_FULL));
	assert_true(ring_push(&ring, &wide, event_of(2), FORM_FULL));
	ring_done(&ring);
}

/* -- the gate -- */

static void a_gate_lets_one_pass_in_a_while(void **state)
{
	struct gate gate = {};

	(void)state;
	assert_int_equal(gate_try(&gate, 7, 1000, 500), 0);
	assert_int_equal(gate_try(&gate, 7, 1100, 500), 400);
	assert_int_equal(gate_try(&gate, 8, 1100, 500), 0);
	assert_int_equal(gate_try(&gate, 7, 1500, 500), 0);
	assert_int_equal(gate_try(&gate, 7, 1501, 500), 499);
	/* Strangers fill it; nothing grows, and most are still known. */
	uint32_t known = 0;
	for (uint64_t key = 100; key < 1100; key++)
		assert_int_equal(gate_try(&gate, key, 2000, 500), 0);
	for (uint64_t key = 100; key < 1100; key++)
		known += gate_try(&gate, key, 2000, 500) != 0;
	assert_true(known > 900);
	gate_done(&gate);
}

/* -- close codes -- */

static void close_codes_say_what_becomes_of_the_session(void **state)
{
	static const struct {
		int code;
		bool kept, back;
	} rows[] = {
		{ 4000, true, true },	{ 4001, true, true },	{ 4002, true, true },
		{ 4003, false, true },	{ 4004, false, false }, { 4005, true, true },
		{ 4007, false, true },	{ 4008, true, true },	{ 4009, true, true },
		{ 4010, false, false }, { 4011, false, false }, { 4012, false, false },
		{ 4013, false, false }, { 4014, false, false }, { 1000, false, true },
		{ 1001, false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct close_desc *desc = close_find(rows[i].code);

		assert_non_null(desc);
		assert_int_equal(desc->may_resume, rows[i].kept);
		assert_int_equal(desc->may_reconnect, rows[i].back);
		assert_true(strlen(desc->text) <= 123);
		assert_int_equal(gateway_close_code(gateway_close_slot(rows[i].code)),
				 rows[i].code);
	}
	assert_null(close_find(4006));
	assert_int_equal(gateway_close_slot(-5), 0);
	assert_int_equal(gateway_close_slot(99999), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_history_keeps_numbers_and_sums),
		cmocka_unit_test(confirmed_events_go_after_a_while_and_leave_no_memory),
		cmocka_unit_test(a_snapshot_goes_when_it_was_confirmed_twice),
		cmocka_unit_test(a_client_cannot_confirm_what_was_not_sent),
		cmocka_unit_test(one_event_larger_than_the_ring_still_passes),
		cmocka_unit_test(a_gate_lets_one_pass_in_a_while),
		cmocka_unit_test(close_codes_say_what_becomes_of_the_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
