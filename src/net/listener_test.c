#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "core/core.h"
#include "net/listener.h"
#include "net/peercred.h"
#include "net/signal.h"
#include "net/sock.h"
#include "net/test_cert.h"
#include "net/tls.h"

/* -- an echo server -- */

static _Atomic uint32_t accepted[2], refused, closed;
/* What each core saw last. */
static struct seen {
	struct addr peer, local;
	struct peercred cred;
	int nodelay;
} seen[2];

static void on_echo(struct core *core, struct sock *sock, uint32_t events)
{
	char bytes[4096];
	ssize_t n = sock_recv(sock, bytes, sizeof(bytes));

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		atomic_fetch_add(&closed, 1);
		sock_close(core, sock);
		return;
	}
	sock_send(sock, bytes, (size_t)n);
}

static void on_accept(struct core *core, struct sock *sock, void *owner)
{
	struct seen *here = &seen[core_index(core)];
	socklen_t len = sizeof(here->nodelay);

	(void)owner;
	here->peer = *sock_peer(sock);
	here->local = sock_local(sock);
	peercred_of(sock, &here->cred);
	getsockopt(sock_fd(sock), IPPROTO_TCP, TCP_NODELAY, &here->nodelay, &len);
	sock_watch(core, sock, EPOLLIN, on_echo);
	atomic_fetch_add(&accepted[core_index(core)], 1);
}

static void on_refuse(struct core *core, struct sock *sock, enum quota_answer why, void *owner)
{
	(void)core, (void)owner;
	atomic_fetch_add(&refused, 1);
	sock_send(sock, why == QUOTA_TOTAL ? "full" : "many", 4);
}

static uint32_t accepted_all(void)
{
	return atomic_load(&accepted[0]) + atomic_load(&accepted[1]);
}

static int setup(void **state)
{
	accepted[0] = accepted[1] = refused = closed = 0;
	memset(seen, 0, sizeof(seen));
	*state = cores_new(&(struct cores_config){
		.count = 2, .fibers_max = 4, .clock = &clock_real, .random = &random_real });
	return 0;
}

static int teardown(void **state)
{
	cores_stop(*state); /* when a test failed half-way */
	cores_free(*state);
	return 0;
}

/* -- a client that blocks, for at most some seconds -- */

/* What the test cannot go on without. */
static int must(int fd)
{
	if (fd < 0)
		abort();
	return fd;
}

static int dial(const struct addr *addr)
{
	struct sockaddr_storage address;
	struct timeval limit = { .tv_sec = 5 };
	socklen_t len = addr_to_sockaddr(addr, &address);
	int fd = must(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&address, len)) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void echo(int fd)
{
	char bytes[8];

	assert_int_equal(send(fd, "ping", 4, MSG_NOSIGNAL), 4);
	assert_int_equal(recv(fd, bytes, 4, MSG_WAITALL), 4);
	assert_memory_equal(bytes, "ping", 4);
}

static struct listener *listen_at(struct cores *cores, const char *address, struct quota *quota)
{
	struct listener *listener = NULL;
	int r = listener_open(cores,
			      &(struct listener_config){ .address = address,
							 .quota = quota,
							 .on_accept = on_accept,
							 .on_refuse = on_refuse },
			      &listener);

	if (r)
		fail_msg("%s: %s", address, strerror(-r));
	return listener;
}

static struct addr loopback_at(const struct listener *listener)
{
	struct addr addr = { .family = ADDR_IP4, .ip = { 127, 0, 0, 1 } };

	addr.port = listener_address(listener)->port;
	return addr;
}

static void wait_for(const _Atomic uint32_t *counter, uint32_t at_least)
{
	for (int i = 0; i < 5000 && atomic_load(counter) < at_least; i++)
		usleep(1000);
	assert_true(atomic_load(counter) >= at_least);
}

struct passing {
	struct msg msg;
	_Atomic uint32_t *passed;
};

static void on_pass(struct core *core, struct msg *msg)
{
	(void)core;
	atomic_fetch_add(container_of(msg, struct passing, msg)->passed, 1);
}

/* Until every core has run the messages that this thread posted before. */
static void let_all_come_by(struct cores *cores)
{
	_Atomic uint32_t passed = 0;
	struct passing passing[2];

	for (uint32_t i = 0; i < cores->count; i++) {
		passing[i] = (struct passing){ .msg.run = on_pass, .passed = &passed };
		core_post(cores->core[i], &passing[i].msg);
	}
	wait_for(&passed, cores->count);
}

/* -- tests -- */

static void the_kernel_spreads_connections_over_the_cores(void **state)
{
	struct cores *cores = *state;
	struct listener *listener = listen_at(cores, "127.0.0.1:0", NULL);
	struct addr addr = loopback_at(listener);
	int fds[40];

	assert_true(addr.port != 0);
	cores_start(cores);
	for (int i = 0; i < 40; i++) {
		fds[i] = must(dial(&addr));
	}
	for (int i = 0; i < 40; i++)
		echo(fds[i]);
	assert_int_equal(accepted_all(), 40);
	assert_true(accepted[0] > 0);
	assert_true(accepted[1] > 0);
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	wait_for(&closed, 40);
	listener_stop(listener);
	let_all_come_by(cores);
	assert_int_equal(dial(&addr), -ECONNREFUSED);
	cores_stop(cores);
	for (int i = 0; i < 2; i++) {
		assert_true(addr_is_loopback(&seen[i].peer));
		assert_true(addr_is_loopback(&seen[i].local));
		assert_int_equal(seen[i].local.port, addr.port);
		assert_int_equal(seen[i].nodelay, 1);
	}
	listener_free(listener);
}

static void both_families_are_served_at_once(void **state)
{
	static const char *const addresses[] = { "*:0", ":0", "[::]:0" };
	struct cores *cores = *state;
	struct listener *listeners[3];
	struct addr six = { .family = ADDR_IP6, .ip = { [15] = 1 } };
	uint32_t dialled = 0;

	for (size_t i = 0; i < 3; i++) {
		struct addr four;
		int fd;

		listeners[i] = listen_at(cores, addresses[i], NULL);
		four = loopback_at(listeners[i]);
		six.port = four.port;
		fd = must(dial(&four));
		close(fd);
		dialled++;
		fd = dial(&six);
		if (fd >= 0) { /* where there is IPv6 */
			close(fd);
			dialled++;
		}
	}
	for (int i = 0; i < 50; i++)
		for (uint32_t c = 0; c < 2; c++)
			core_turn(cores->core[c], 1000);
	assert_int_equal(accepted_all(), dialled);
	assert_int_equal(closed, dialled);
	for (size_t i = 0; i < 3; i++)
		listener_free(listeners[i]);
}

static void a_port_that_is_served_already_is_refused(void **state)
{
	struct cores *cores = *state;
	struct listener *listener = listen_at(cores, "127.0.0.1:0", NULL), *second = NULL;
	struct addr addr = loopback_at(listener);
	char text[ADDR_TEXT_MAX];

	addr_text(&addr, text);
	assert_int_equal(
		listener_open(cores, &(struct listener_config){ .address = text }, &second),
		-EADDRINUSE);
	listener_free(listener);
	/* And is free again at once, though connections of before may linger in TIME_WAIT. */
	second = listen_at(cores, text, NULL);
	listener_free(second);
	assert_int_equal(
		listener_open(cores, &(struct listener_config){ .address = "127.0.0.1" }, &second),
		-EINVAL);
	assert_int_equal(listener_open(cores, &(struct listener_config){ .address = "192.0.2.1:1" },
				       &second),
			 -EADDRNOTAVAIL);
}

static int dial_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void a_unix_path_tells_who_calls_and_cleans_up(void **state)
{
	struct cores *cores = *state;
	char dir[] = "/tmp/listener_test.XXXXXX", path[100], address[110];
	struct listener *listener, *second = NULL;
	struct stat info;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(address, sizeof(address), "unix:%s", path);
	listener = listen_at(cores, address, NULL);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(
		listener_open(cores, &(struct listener_config){ .address = path }, &second),
		-EADDRINUSE);
	assert_int_equal(stat(path, &info), 0); /* the refused one left it alone */
	cores_start(cores);
	fd = dial_unix(path);
	assert_true(fd >= 0);
	echo(fd);
	close(fd);
	wait_for(&closed, 2); /* the test connection of the second listener was one, too */
	cores_stop(cores);
	assert_true(addr_is_unix(&seen[0].peer));
	assert_int_equal(seen[0].cred.uid, getuid());
	assert_int_equal(seen[0].cred.pid, getpid());
	listener_free(listener);
	assert_int_equal(stat(path, &info), -1);

	/* A dead server's socket is in nobody's way; a file is. */
	fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
	struct sockaddr_un dead = { .sun_family = AF_UNIX };
	snprintf(dead.sun_path, sizeof(dead.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&dead, sizeof(dead)), 0);
	close(fd);
	listener = listen_at(cores, path, NULL);
	listener_free(listener);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(
		listener_open(cores, &(struct listener_config){ .address = path }, &second),
		-EEXIST);
	assert_int_equal(stat(path, &info), 0);
	unlink(path);
	rmdir(dir);
}

static void the_total_is_bounded_and_places_are_given_back(void **state)
{
	struct cores *cores = *state;
	struct quota *quota = quota_new(&(struct quota_config){ .total_max = 5 }, &random_real);
	struct listener *listener = listen_at(cores, "127.0.0.1:0", quota);
	struct addr addr = loopback_at(listener);
	char text[8] = "";
	int fds[5], fd;

	cores_start(cores);
	for (int i = 0; i < 5; i++) {
		fds[i] = must(dial(&addr));
		echo(fds[i]);
	}
	fd = must(dial(&addr));
	assert_int_equal(recv(fd, text, 4, MSG_WAITALL), 4);
	assert_string_equal(text, "full");
	assert_int_equal(recv(fd, text, 4, 0), 0);
	close(fd);
	assert_int_equal(quota_open(quota), 5);
	assert_int_equal(quota_refused(quota), 1);
	close(fds[0]);
	wait_for(&closed, 1);
	while (quota_open(quota) == 5)
		usleep(1000);
	fds[0] = must(dial(&addr));
	echo(fds[0]);
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	wait_for(&closed, 6);
	cores_stop(cores);
	listener_free(listener);
	assert_int_equal(quota_open(quota), 0);
	quota_unref(quota);
}

static void an_address_is_bounded_unless_exempt(void **state)
{
	struct cidr proxies;
	struct quota *quota;
	struct addr a, b, same_net, proxy, local;

	(void)state;
	cidr_parse(S("203.0.113.0/24"), &proxies);
	quota = quota_new(&(struct quota_config){ .per_address_max = 3,
						  .exempt = &proxies,
						  .exempt_count = 1 },
			  &random_real);
	addr_parse_ip(S("198.51.100.7"), &a);
	addr_parse_ip(S("2001:db8:1:2::1"), &b);
	addr_parse_ip(S("2001:db8:1:2:ffff::9"), &same_net);
	addr_parse_ip(S("203.0.113.5"), &proxy);
	addr_parse_ip(S("127.0.0.1"), &local);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(quota_take(quota, &a), QUOTA_OK);
		assert_int_equal(quota_take(quota, i % 2 ? &b : &same_net), QUOTA_OK);
	}
	assert_int_equal(quota_take(quota, &a), QUOTA_ADDRESS);
	assert_int_equal(quota_take(quota, &b), QUOTA_ADDRESS);
	assert_int_equal(quota_take(quota, &same_net), QUOTA_ADDRESS);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(quota_take(quota, &proxy), QUOTA_OK);
		assert_int_equal(quota_take(quota, &local), QUOTA_OK);
	}
	quota_give(quota, &a);
	assert_int_equal(quota_take(quota, &a), QUOTA_OK);
	assert_int_equal(quota_take(quota, &a), QUOTA_ADDRESS);
	assert_int_equal(quota_open(quota), 26);
	assert_int_equal(quota_refused(quota), 4);
	quota_unref(quota);
}

/* Connects with TLS and tells the name in the certificate; echoes through it. */
static void tls_name_of(const struct addr *addr, char *ret, size_t size)
{
	static const unsigned char alpn[] = "\x02h2\x08http/1.1";
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	const unsigned char *chosen;
	unsigned chosen_size;
	char bytes[8];
	X509 *cert;
	int fd = must(dial(addr));

	SSL_set_fd(ssl, fd);
	SSL_set_alpn_protos(ssl, alpn, sizeof(alpn) - 1);
	assert_int_equal(SSL_connect(ssl), 1);
	SSL_get0_alpn_selected(ssl, &chosen, &chosen_size);
	assert_int_equal(chosen_size, 8);
	assert_memory_equal(chosen, "http/1.1", 8);
	cert = SSL_get1_peer_certificate(ssl);
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, ret, (int)size);
	X509_free(cert);
	assert_int_equal(SSL_write(ssl, "ping", 4), 4);
	assert_int_equal(SSL_read(ssl, bytes, 4), 4);
	assert_memory_equal(bytes, "ping", 4);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
}

static void tls_material_is_exchanged_while_serving(void **state)
{
	struct cores *cores = *state;
	char dir[] = "/tmp/listener_test.XXXXXX", cert[64], key[64], why[200], name[64];
	struct listener *listener;
	struct tls *tls;
	struct addr addr;
	FILE *file;

	assert_non_null(mkdtemp(dir));
	snprintf(cert, sizeof(cert), "%s/cert", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	assert_int_equal(tls_server_new(cert, key, &tls, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, cert));
	test_cert_write("one.example", cert, key);
	assert_int_equal(tls_server_new(cert, key, &tls, why, sizeof(why)), 0);
	assert_int_equal(listener_open(cores,
				       &(struct listener_config){ .address = "127.0.0.1:0",
								  .tls = tls,
								  .on_accept = on_accept },
				       &listener),
			 0);
	addr = loopback_at(listener);
	cores_start(cores);
	tls_name_of(&addr, name, sizeof(name));
	assert_string_equal(name, "one.example");
	test_cert_write("two.example", cert, key);
	assert_int_equal(tls_reload(tls, why, sizeof(why)), 0);
	tls_name_of(&addr, name, sizeof(name));
	assert_string_equal(name, "two.example");
	file = fopen(key, "w"); /* half an upload */
	if (!file)
		abort();
	fputs("-----BEGIN PRIVATE KEY-----\n", file);
	fclose(file);
	assert_int_equal(tls_reload(tls, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, key));
	tls_name_of(&addr, name, sizeof(name));
	assert_string_equal(name, "two.example");
	wait_for(&closed, 3);
	cores_stop(cores);
	listener_free(listener);
	tls_unref(tls);
	unlink(cert);
	unlink(key);
	rmdir(dir);
}

static int highest_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

/* In a child: a server that may open five more descriptors. Its parent connects. */
static void serve_with_few_descriptors(int ready_fd)
{
	struct cores *cores = cores_new(&(struct cores_config){
		.count = 1, .fibers_max = 4, .clock = &clock_real, .random = &random_real });
	struct listener *listener = listen_at(cores, "127.0.0.1:0", NULL);
	rlim_t limit = (rlim_t)highest_fd() + 5;

	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ limit, limit });
	assert_int_equal(write(ready_fd, &listener_address(listener)->port, sizeof(uint16_t)),
			 sizeof(uint16_t));
	for (;;) /* until killed */
		core_turn(cores->core[0], UINT64_MAX);
}

static void without_descriptors_new_connections_are_closed_and_old_ones_served(void **state)
{
	enum { DIALLED = 12 };
	struct addr addr = { .family = ADDR_IP4, .ip = { 127, 0, 0, 1 } };
	int ready[2], fds[DIALLED], served = 0, log[2];
	char text[4096] = "";
	size_t text_len = 0;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready) | pipe(log), 0);
	child = fork();
	if (child == 0) {
		dup2(log[1], STDERR_FILENO);
		serve_with_few_descriptors(ready[1]);
	}
	assert_int_equal(read(ready[0], &addr.port, sizeof(addr.port)), sizeof(addr.port));
	for (int i = 0; i < DIALLED; i++) {
		char bytes[4];

		fds[i] = must(dial(&addr));
		if (send(fds[i], "ping", 4, MSG_NOSIGNAL) == 4 &&
		    recv(fds[i], bytes, 4, MSG_WAITALL) == 4)
			served++;
	}
	assert_int_equal(served, 5);
	for (int i = 0; i < 5; i++)
		echo(fds[i]); /* undisturbed */
	close(fds[0]);
	usleep(50000);
	fds[0] = must(dial(&addr));
	echo(fds[0]); /* and a free place is used again */
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(log[1]);
	for (ssize_t n; (n = read(log[0], text + text_len, sizeof(text) - 1 - text_len)) > 0;)
		text_len += (size_t)n;
	assert_non_null(strstr(text, "no descriptor left"));
	assert_null(strstr(strstr(text, "no descriptor left") + 1,
			   "no descriptor left")); /* said once */
	for (int i = 0; i < DIALLED; i++)
		close(fds[i]);
	close(log[0]);
	close(ready[0]);
	close(ready[1]);
}

/* In a child: two cores that have forty descriptors for all that come. */
static void serve_with_few_on_two_cores(int ready_fd)
{
	struct cores *cores = cores_new(&(struct cores_config){
		.count = 2, .fibers_max = 4, .clock = &clock_real, .random = &random_real });
	struct listener *listener = listen_at(cores, "127.0.0.1:0", NULL);
	rlim_t limit;

	cores_start(cores);
	limit = (rlim_t)highest_fd() + 40;
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ limit, limit });
	assert_int_equal(write(ready_fd, &listener_address(listener)->port, sizeof(uint16_t)),
			 sizeof(uint16_t));
	for (;;)
		pause();
}

/* One core's reserve must not end as another core's connection, or who waits at the first would wait for ever. */
static void without_descriptors_no_core_keeps_anybody_waiting(void **state)
{
	enum { DIALLED = 300 };
	struct addr addr = { .family = ADDR_IP4, .ip = { 127, 0, 0, 1 } };
	int ready[2], fds[DIALLED], served = 0, silent = 0;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		log_set_level((enum log_level) - 1);
		serve_with_few_on_two_cores(ready[1]);
	}
	assert_int_equal(read(ready[0], &addr.port, sizeof(addr.port)), sizeof(addr.port));
	for (int i = 0; i < DIALLED; i++) {
		fds[i] = must(dial(&addr));
		send(fds[i], "ping", 4, MSG_NOSIGNAL);
	}
	for (int i = 0; i < DIALLED; i++) {
		char bytes[4];
		struct pollfd answer = { .fd = fds[i], .events = POLLIN };

		if (poll(&answer, 1, 1000) == 0)
			silent++;
		else if (recv(fds[i], bytes, 4, MSG_WAITALL) == 4)
			served++;
		if (silent == 3)
			break;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (int i = 0; i < DIALLED; i++)
		close(fds[i]);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(silent, 0);
	assert_in_range(served, 30, 40);
}

static int stops[2], reloads;

static void on_stop(struct cores *cores, int number, void *owner)
{
	(void)cores, (void)owner;
	stops[number == SIGINT]++;
}

static void on_reload(struct cores *cores, void *owner)
{
	(void)cores, (void)owner;
	reloads++;
}

static void signals_become_events_of_core_0(void **state)
{
	struct cores *cores = *state;
	struct signals *signals;
	sigset_t before;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	signals_block();
	assert_int_equal(
		signals_open(cores,
			     &(struct signals_config){ .on_stop = on_stop, .on_reload = on_reload },
			     &signals),
		0);
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGINT);
	core_turn(cores->core[0], 1000);
	assert_int_equal(reloads, 1);
	assert_int_equal(stops[0], 1);
	assert_int_equal(stops[1], 1);
	signals_free(signals);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#define LISTENER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENER_TEST(the_kernel_spreads_connections_over_the_cores),
		LISTENER_TEST(both_families_are_served_at_once),
		LISTENER_TEST(a_port_that_is_served_already_is_refused),
		LISTENER_TEST(a_unix_path_tells_who_calls_and_cleans_up),
		LISTENER_TEST(the_total_is_bounded_and_places_are_given_back),
		cmocka_unit_test(an_address_is_bounded_unless_exempt),
		LISTENER_TEST(tls_material_is_exchanged_while_serving),
		cmocka_unit_test(
			without_descriptors_new_connections_are_closed_and_old_ones_served),
		LISTENER_TEST(without_descriptors_no_core_keeps_anybody_waiting),
		LISTENER_TEST(signals_become_events_of_core_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
