/* Socks over descriptors, plain and TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/core.h"
#include "net/test_cert.h"
#include "net/test_flow.h"
#include "net/tls.h"

struct fixture {
	char dir[64], cert[80], key[80];
	struct cores *cores;
	struct core *core;
	struct tls *server, *client;
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	char why[200];

	strcpy(f->dir, "/tmp/sock_test.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->cert, sizeof(f->cert), "%s/cert.pem", f->dir);
	snprintf(f->key, sizeof(f->key), "%s/key.pem", f->dir);
	test_cert_write("localhost", f->cert, f->key);
	assert_int_equal(tls_server_new(f->cert, f->key, &f->server, why, sizeof(why)), 0);
	f->client = tls_client_new_insecure();
	f->cores = cores_new(&(struct cores_config){
		.count = 2, .fibers_max = 4, .clock = &clock_real, .random = &random_real });
	f->core = f->cores->core[0];
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	cores_free(f->cores);
	tls_unref(f->server);
	tls_unref(f->client);
	unlink(f->cert);
	unlink(f->key);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* Two connected TCP sockets on the loopback, with small buffers so that writes do not always fit. */
static void tcp_pair(int ret[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = 4096, on = 1;

	if (listening < 0)
		abort();
	setsockopt(listening, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	assert_int_equal(bind(listening, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &len), 0);
	ret[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ret[0] < 0)
		abort();
	setsockopt(ret[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(ret[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	assert_int_equal(connect(ret[0], (struct sockaddr *)&address, len), 0);
	ret[1] = accept(listening, NULL, NULL);
	assert_true(ret[1] >= 0);
	setsockopt(ret[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(ret[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(ret[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	close(listening);
}

static void turn_until(struct core *core, const struct flow *a, const struct flow *b)
{
	for (int i = 0; i < 200000 && !(a->over && b->over); i++)
		core_turn(core, 1000);
	if (!a->over || !b->over)
		fail_msg("a: over=%d sent=%zu received=%zu calls=%u  b: over=%d sent=%zu "
			 "received=%zu calls=%u",
			 a->over, a->sent, a->received, a->calls, b->over, b->sent, b->received,
			 b->calls);
}

enum { KINDS = 3 };
static const char *const kind_names[KINDS] = { "tcp", "unix", "tls" };

static void make_pair(struct fixture *f, int kind, struct sock **ret_server,
		      struct sock **ret_client)
{
	int fds[2];

	if (kind == 1)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	else
		tcp_pair(fds);
	*ret_server = kind == 2 ? sock_from_fd_tls(f->core, fds[0], f->server)
				: sock_from_fd(f->core, fds[0]);
	*ret_client = kind == 2 ? sock_from_fd_tls(f->core, fds[1], f->client)
				: sock_from_fd(f->core, fds[1]);
	assert_int_equal(sock_is_tls(*ret_server), kind == 2);
	assert_int_equal(addr_is_unix(sock_peer(*ret_server)), kind == 1);
	if (kind != 1) {
		assert_true(addr_is_loopback(sock_peer(*ret_server)));
		assert_int_equal(sock_peer(*ret_server)->port, sock_local(*ret_client).port);
	}
}

static void streams_arrive_whole_in_pieces_of_any_size(void **state)
{
	static const size_t pieces[] = { 1, 7, 500, 17000, 32768 };
	struct fixture *f = *state;

	for (int kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
			size_t total = MIN(pieces[i], pieces[4 - i]) < 100 ? 3000 : 400000;
			struct random_seeded random;
			struct flow a = { .to_send = total,
					  .to_receive = total / 2,
					  .piece_max = pieces[i],
					  .closes = true };
			struct flow b = { .to_send = total / 2,
					  .to_receive = total,
					  .piece_max = pieces[4 - i] };
			struct sock *server, *client;

			random_seeded_init(&random, i);
			make_pair(f, kind, &server, &client);
			flow_start(f->core, &a, server, &random.random);
			flow_start(f->core, &b, client, &random.random);
			turn_until(f->core, &a, &b);
			if (a.error || b.error)
				fail_msg("%s piece=%zu %d %d", kind_names[kind], pieces[i], a.error,
					 b.error);
		}
}

static uint32_t calls;

static void on_nothing(struct core *core, struct sock *sock, uint32_t events)
{
	(void)core, (void)sock, (void)events;
	calls++;
}

static void turn_a_while(struct core *core)
{
	for (int i = 0; i < 30; i++)
		core_turn(core, 1000);
}

static void what_tls_has_buffered_is_told_each_turn_until_it_is_read(void **state)
{
	struct fixture *f = *state;
	struct sock *server, *client;
	char text[64];

	make_pair(f, 2, &server, &client);
	sock_watch(f->core, server, EPOLLIN, on_nothing);
	sock_watch(f->core, client, EPOLLIN, on_nothing);
	for (int i = 0; i < 10; i++) { /* the handshake lives in the calls */
		assert_int_equal(sock_recv(client, text, sizeof(text)), -EAGAIN);
		assert_int_equal(sock_recv(server, text, sizeof(text)), -EAGAIN);
		core_turn(f->core, 1000);
	}
	assert_int_equal(sock_send(client, "abcdef", 6), 6);
	assert_int_equal(sock_send(client, "ghi", 3), 3);
	for (int i = 0; i < 100 && sock_recv(server, text, 1) != 1; i++)
		core_turn(f->core, 1000);
	assert_int_equal(text[0], 'a');
	core_turn(f->core, 1000);
	calls = 0;
	turn_a_while(f->core); /* the kernel has nothing more for us */
	assert_true(calls >= 30);
	assert_int_equal(sock_recv(server, text, sizeof(text)), 5);
	assert_int_equal(sock_recv(server, text, sizeof(text)), 3);
	assert_int_equal(sock_recv(server, text, sizeof(text)), -EAGAIN);
	core_turn(f->core, 0);
	calls = 0;
	turn_a_while(f->core);
	assert_int_equal(calls, 0);
	sock_close(f->core, client);
	core_turn(f->core, 1000);
	assert_true(calls > 0);
	assert_int_equal(sock_recv(server, text, sizeof(text)), 0);
	assert_int_equal(sock_recv(server, text, sizeof(text)), 0);
	sock_close(f->core, server);
}

static void an_end_that_only_wants_to_send_gets_through_the_handshake(void **state)
{
	struct fixture *f = *state;
	struct random_seeded random;
	struct flow a = { .to_receive = 1000, .piece_max = 100, .closes = true };
	struct flow b = { .to_send = 1000, .piece_max = 100 };
	struct sock *server, *client;

	random_seeded_init(&random, 3);
	make_pair(f, 2, &server, &client);
	flow_start(f->core, &a, server, &random.random);
	flow_start(f->core, &b, client, &random.random);
	sock_watch(f->core, client, EPOLLOUT, NULL);
	for (int i = 0; i < 1000 && !b.over; i++)
		core_turn(f->core, 10000);
	assert_true(b.over);
	assert_true(b.calls < 60); /* and it did not turn idly while the peer had to speak */
	assert_int_equal(b.error, 0);
	assert_int_equal(a.error, 0);
}

static void what_is_no_tls_is_an_error_and_nothing_worse(void **state)
{
	struct fixture *f = *state;
	char text[64];
	int fds[2];
	struct sock *server;
	ssize_t n = -EAGAIN;

	tcp_pair(fds);
	server = sock_from_fd_tls(f->core, fds[0], f->server);
	assert_int_equal(write(fds[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
	for (int i = 0; i < 100 && n == -EAGAIN; i++) {
		n = sock_recv(server, text, sizeof(text));
		core_turn(f->core, 1000);
	}
	assert_int_equal(n, -EPROTO);
	assert_int_equal(sock_recv(server, text, sizeof(text)), -EPROTO);
	assert_int_equal(sock_send(server, "x", 1), -EPROTO);
	sock_close(f->core, server);
	close(fds[1]);

	/* A peer that leaves in the middle of the handshake, while we wait to send. */
	tcp_pair(fds);
	server = sock_from_fd_tls(f->core, fds[0], f->server);
	assert_int_equal(sock_send(server, "x", 1), -EAGAIN);
	calls = 0;
	sock_watch(f->core, server, EPOLLOUT, on_nothing);
	turn_a_while(f->core);
	assert_int_equal(calls, 0);
	close(fds[1]);
	for (int i = 0; i < 100 && !calls; i++)
		core_turn(f->core, 1000);
	assert_true(calls > 0);
	n = sock_send(server, "x", 1);
	assert_true(n == -EPIPE || n == -ECONNRESET || n == -EPROTO);
	sock_close(f->core, server);
}

static void an_early_answer_reaches_a_peer_that_still_writes(void **state)
{
	struct fixture *f = *state;

	for (int kind = 0; kind < KINDS; kind++) {
		struct sock *server, *client;
		char body[4000] = { 0 }, text[64];
		ssize_t n = -EAGAIN;
		bool answered = false;

		make_pair(f, kind, &server, &client);
		for (int i = 0; i < 10; i++) {
			sock_recv(client, text, sizeof(text));
			sock_recv(server, text, sizeof(text));
			core_turn(f->core, 1000);
		}
		assert_true(sock_send(client, body, sizeof(body)) > 0);
		usleep(2000);
		assert_int_equal(sock_send(server, "413", 3), 3);
		sock_finish(f->core, server);
		turn_a_while(f->core);
		assert_true(sock_send(client, body, sizeof(body)) > 0); /* it is still writing */
		turn_a_while(f->core);
		for (int i = 0; i < 100 && n != 0; i++) {
			n = sock_recv(client, text, sizeof(text));
			if (n == 3)
				answered = memcmp(text, "413", 3) == 0;
			else if (n != -EAGAIN && n != 0)
				fail_msg("%s: %zd", kind_names[kind], n);
			core_turn(f->core, 1000);
		}
		assert_true(answered);
		assert_int_equal(n, 0);
		sock_close(f->core, client);
		turn_a_while(f->core); /* the server's end notices and goes */
	}
}

static void bytes_taken_by_tls_are_sent_after_the_close(void **state)
{
	struct fixture *f = *state;
	struct random_seeded random;
	struct flow b = { .to_receive = SIZE_MAX, .piece_max = 20000 };
	struct sock *server, *client;
	char text[64], *bytes = mem_alloc(1 << 20);
	size_t taken = 0;
	ssize_t n;

	random_seeded_init(&random, 3);
	make_pair(f, 2, &server, &client);
	for (int i = 0; i < 10; i++) {
		sock_recv(client, text, sizeof(text));
		sock_recv(server, text, sizeof(text));
		core_turn(f->core, 1000);
	}
	for (size_t i = 0; i < 1 << 20; i++)
		bytes[i] = (char)flow_byte(i);
	while ((n = sock_send(server, bytes + taken, (1 << 20) - taken)) > 0)
		taken += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_true(taken < 1 << 20);
	sock_close(f->core, server); /* lingers: the last record did not fit into the kernel */
	flow_start(f->core, &b, client, &random.random);
	for (int i = 0; i < 100000 && !b.over; i++)
		core_turn(f->core, 1000);
	assert_int_equal(b.error, -EPIPE); /* a clean end, before SIZE_MAX bytes */
	assert_int_equal(b.received, taken);
	free(bytes);
}

static void a_broken_connection_is_told_as_the_watched_event(void **state)
{
	struct fixture *f = *state;
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };
	struct sock *server;
	char text[8];
	int fds[2];

	tcp_pair(fds);
	server = sock_from_fd(f->core, fds[0]);
	calls = 0;
	sock_watch(f->core, server, EPOLLIN, on_nothing);
	sock_watch(f->core, server, 0, NULL);
	setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fds[1]);
	turn_a_while(f->core);
	assert_int_equal(calls, 0); /* nothing watched, nothing told, no idle turning */
	sock_watch(f->core, server, EPOLLIN, NULL);
	core_turn(f->core, 1000);
	assert_int_equal(calls, 1);
	assert_int_equal(sock_recv(server, text, sizeof(text)), -ECONNRESET);
	sock_close(f->core, server);
}

static void a_connection_moves_between_threads_in_mid_stream(void **state)
{
	struct fixture *f = *state;

	for (int kind = 0; kind < KINDS; kind++) {
		struct cores *cores = cores_new(&(struct cores_config){ .count = 2,
									.fibers_max = 4,
									.clock = &clock_real,
									.random = &random_real });
		struct random_seeded random_a, random_b;
		struct flow a = { .to_send = 500000, .to_receive = 500000, .piece_max = 30000 };
		struct flow b = {
			.to_send = 500000, .to_receive = 500000, .piece_max = 9000, .closes = true
		};
		struct sock *server, *client;

		random_seeded_init(&random_a, 11);
		random_seeded_init(&random_b, 12);
		f->core = cores->core[0];
		make_pair(f, kind, &server, &client);
		a.move_to = cores->core[1]; /* the server's end leaves */
		a.move_after = 200000;
		flow_start(cores->core[0], &a, server, &random_a.random);
		flow_start(cores->core[0], &b, client, &random_b.random);
		cores_start(cores);
		for (int i = 0; i < 20000 && !(atomic_load(&a.over) && atomic_load(&b.over)); i++)
			usleep(1000);
		cores_stop(cores);
		if (!a.over || !b.over || a.error || b.error)
			fail_msg("%s: %d %d", kind_names[kind], a.error, b.error);
		assert_ptr_equal(a.moved_to, cores->core[1]);
		cores_free(cores);
	}
}

#define SOCK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCK_TEST(streams_arrive_whole_in_pieces_of_any_size),
		SOCK_TEST(what_tls_has_buffered_is_told_each_turn_until_it_is_read),
		SOCK_TEST(an_end_that_only_wants_to_send_gets_through_the_handshake),
		SOCK_TEST(what_is_no_tls_is_an_error_and_nothing_worse),
		SOCK_TEST(an_early_answer_reaches_a_peer_that_still_writes),
		SOCK_TEST(bytes_taken_by_tls_are_sent_after_the_close),
		SOCK_TEST(a_broken_connection_is_told_as_the_watched_event),
		SOCK_TEST(a_connection_moves_between_threads_in_mid_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
