#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"
#include "net/test_flow.h"

static struct cores *cores_make(uint32_t count)
{
	return cores_new(&(struct cores_config){
		.count = count, .fibers_max = 4, .clock = &clock_real, .random = &random_real });
}

static void turn_all(struct cores *cores, int times)
{
	for (int i = 0; i < times; i++)
		for (uint32_t c = 0; c < cores->count; c++)
			core_turn(cores->core[c], 0);
}

static uint32_t events_seen, calls;

static void on_event(struct core *core, struct sock *sock, uint32_t events)
{
	(void)core, (void)sock;
	events_seen |= events;
	calls++;
}

static void bytes_arrive_in_a_later_turn_and_stay_until_read(void **state)
{
	struct cores *cores = cores_make(2);
	struct sock *a, *b;
	char text[8];

	(void)state;
	sock_pair(cores->core[0], cores->core[1], NULL, &a, &b);
	assert_true(addr_is_loopback(sock_peer(a)));
	assert_int_equal(sock_fd(a), -1);
	sock_watch(cores->core[1], b, EPOLLIN, on_event);
	calls = 0;
	turn_all(cores, 2);
	assert_int_equal(calls, 0);
	assert_int_equal(sock_send(a, "hello", 5), 5);
	assert_int_equal(sock_recv(b, text, sizeof(text)), -EAGAIN);
	core_turn(cores->core[1], 0);
	assert_int_equal(calls, 1);
	core_turn(cores->core[1], 0);
	assert_int_equal(calls, 2); /* level-triggered, once a turn */
	assert_int_equal(sock_recv(b, text, 2), 2);
	assert_int_equal(sock_recv(b, text + 2, 6), 3);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(sock_recv(b, text, sizeof(text)), -EAGAIN);
	core_turn(cores->core[1], 0);
	calls = 0;
	turn_all(cores, 3);
	assert_int_equal(calls, 0);
	sock_close(cores->core[0], a);
	turn_all(cores, 1);
	assert_int_equal(calls, 1);
	assert_int_equal(sock_recv(b, text, sizeof(text)), 0);
	assert_int_equal(sock_recv(b, text, sizeof(text)), 0);
	assert_int_equal(sock_send(b, "x", 1), -EPIPE);
	sock_close(cores->core[1], b);
	turn_all(cores, 2);
	cores_free(cores);
}

static void a_full_pair_takes_nothing_until_the_peer_reads(void **state)
{
	struct cores *cores = cores_make(1);
	struct core *core = cores->core[0];
	char bytes[64] = { 0 };
	struct sock *a, *b;

	(void)state;
	sock_pair(core, core, &(struct sock_pair_config){ .capacity = 10 }, &a, &b);
	assert_int_equal(sock_send(a, bytes, sizeof(bytes)), 10);
	assert_int_equal(sock_send(a, bytes, sizeof(bytes)), -EAGAIN);
	calls = events_seen = 0;
	sock_watch(core, a, EPOLLOUT, on_event);
	turn_all(cores, 3);
	assert_int_equal(calls, 0);
	assert_int_equal(sock_recv(b, bytes, 4), 4);
	turn_all(cores, 1);
	assert_int_equal(events_seen, EPOLLOUT);
	assert_int_equal(sock_send(a, bytes, sizeof(bytes)), 4);
	sock_watch(core, a, 0, NULL);
	calls = 0;
	turn_all(cores, 2);
	assert_int_equal(calls, 0);
	sock_close(core, a);
	sock_close(core, b);
	turn_all(cores, 2);
	cores_free(cores);
}

static void closing_with_unread_bytes_resets_the_peer(void **state)
{
	struct cores *cores = cores_make(1);
	struct core *core = cores->core[0];
	struct sock *a, *b;
	char text[8];

	(void)state;
	sock_pair(core, core, NULL, &a, &b);
	sock_send(a, "request", 7);
	turn_all(cores, 2);
	sock_send(b, "answer", 6);
	sock_close(core, b); /* without having read */
	turn_all(cores, 2);
	assert_int_equal(sock_recv(a, text, sizeof(text)), -ECONNRESET);
	sock_close(core, a);

	sock_pair(core, core, NULL, &a, &b);
	sock_send(a, "request", 7);
	turn_all(cores, 2);
	sock_send(b, "answer", 6);
	sock_finish(core, b); /* the same, politely */
	turn_all(cores, 2);
	assert_int_equal(sock_recv(a, text, sizeof(text)), 6);
	assert_int_equal(sock_recv(a, text, sizeof(text)), 0);
	assert_int_equal(sock_send(a, "more", 4), 4);
	sock_close(core, a);
	turn_all(cores, 3);

	sock_pair(core, core, NULL, &a, &b);
	sock_send(a, "lost", 4);
	sock_pair_reset(a);
	turn_all(cores, 2);
	assert_int_equal(sock_recv(a, text, sizeof(text)), -ECONNRESET);
	assert_int_equal(sock_recv(b, text, sizeof(text)), -ECONNRESET);
	assert_int_equal(sock_send(b, text, sizeof(text)), -ECONNRESET);
	sock_close(core, a);
	sock_close(core, b);
	turn_all(cores, 2);
	cores_free(cores);
}

static void on_event_close(struct core *core, struct sock *sock, uint32_t events)
{
	(void)events;
	calls++;
	sock_close(core, sock);
}

static void a_handler_may_close_its_sock(void **state)
{
	struct cores *cores = cores_make(1);
	struct core *core = cores->core[0];
	struct sock *a, *b;

	(void)state;
	sock_pair(core, core, NULL, &a, &b);
	calls = 0;
	sock_watch(core, b, EPOLLIN | EPOLLOUT, on_event_close);
	sock_send(a, "x", 1);
	turn_all(cores, 3);
	assert_int_equal(calls, 1);
	sock_close(core, a);
	turn_all(cores, 2);
	cores_free(cores);
}

static void torn_streams_arrive_whole(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct cores *cores = cores_make(2);
		struct random_seeded random;
		struct flow a = {
			.to_send = 20000, .to_receive = 30000, .piece_max = 5000, .closes = true
		};
		struct flow b = { .to_send = 30000, .to_receive = 20000, .piece_max = 700 };
		struct sock *sock_a, *sock_b;

		random_seeded_init(&random, seed);
		sock_pair(cores->core[0], cores->core[1],
			  &(struct sock_pair_config){ .capacity = 4096, .random = &random.random },
			  &sock_a, &sock_b);
		flow_start(cores->core[0], &a, sock_a, &random.random);
		flow_start(cores->core[1], &b, sock_b, &random.random);
		for (int i = 0; i < 100000 && !(a.over && b.over); i++)
			core_turn(cores->core[random_below(&random.random, 2)], 0);
		assert_true(a.over && b.over);
		assert_int_equal(a.error, 0);
		assert_int_equal(b.error, 0);
		turn_all(cores, 2);
		cores_free(cores);
	}
}

static void a_pair_may_move_between_stepped_cores_while_bytes_fly(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct cores *cores = cores_make(3);
		struct random_seeded random;
		struct flow a = {
			.to_send = 9000, .to_receive = 9000, .piece_max = 300, .closes = true
		};
		struct flow b = { .to_send = 9000, .to_receive = 9000, .piece_max = 300 };
		struct sock *sock_a, *sock_b;

		random_seeded_init(&random, seed);
		a.move_to = cores->core[2];
		a.move_after = 100 + random_below(&random.random, 8000);
		b.move_to = cores->core[0];
		b.move_after = 100 + random_below(&random.random, 8000);
		sock_pair(cores->core[0], cores->core[1],
			  &(struct sock_pair_config){ .capacity = 1000, .random = &random.random },
			  &sock_a, &sock_b);
		flow_start(cores->core[0], &a, sock_a, &random.random);
		flow_start(cores->core[1], &b, sock_b, &random.random);
		for (int i = 0; i < 100000 && !(a.over && b.over); i++)
			core_turn(cores->core[random_below(&random.random, 3)], 0);
		assert_true(a.over && b.over);
		assert_int_equal(a.error, 0);
		assert_int_equal(b.error, 0);
		assert_ptr_equal(a.moved_to, cores->core[2]);
		assert_ptr_equal(b.moved_to, cores->core[0]);
		turn_all(cores, 3);
		cores_free(cores);
	}
}

static void a_pair_may_move_between_threads_while_bytes_fly(void **state)
{
	struct cores *cores = cores_make(2);
	struct random_seeded random_a, random_b;
	struct flow a = {
		.to_send = 300000, .to_receive = 300000, .piece_max = 3000, .closes = true
	};
	struct flow b = { .to_send = 300000, .to_receive = 300000, .piece_max = 3000 };
	struct sock *sock_a, *sock_b;

	(void)state;
	random_seeded_init(&random_a, 1);
	random_seeded_init(&random_b, 2);
	a.move_to = cores->core[1];
	a.move_after = 100000;
	b.move_to = cores->core[0];
	b.move_after = 150000;
	sock_pair(cores->core[0], cores->core[1], &(struct sock_pair_config){ .capacity = 8000 },
		  &sock_a, &sock_b);
	flow_start(cores->core[0], &a, sock_a, &random_a.random);
	flow_start(cores->core[1], &b, sock_b, &random_b.random);
	cores_start(cores);
	for (int i = 0; i < 20000 && !(atomic_load(&a.over) && atomic_load(&b.over)); i++)
		usleep(1000);
	cores_stop(cores);
	assert_true(a.over && b.over);
	assert_int_equal(a.error, 0);
	assert_int_equal(b.error, 0);
	turn_all(cores, 2);
	cores_free(cores);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_arrive_in_a_later_turn_and_stay_until_read),
		cmocka_unit_test(a_full_pair_takes_nothing_until_the_peer_reads),
		cmocka_unit_test(closing_with_unread_bytes_resets_the_peer),
		cmocka_unit_test(a_handler_may_close_its_sock),
		cmocka_unit_test(torn_streams_arrive_whole),
		cmocka_unit_test(a_pair_may_move_between_stepped_cores_while_bytes_fly),
		cmocka_unit_test(a_pair_may_move_between_threads_while_bytes_fly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
