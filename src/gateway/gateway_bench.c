/* What one delivery costs the core: sessions in one guild over TCP on the loopback, a message of
 * some 540 bytes to all of them; one at a time, and sixteen in a turn. CPU of the core's thread
 * only. Then memory of an idle one.
 *
 * 	bench_gateway [SESSIONS] */
#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gateway/internal.h"
#include "net/sock.h"

enum { GUILD = 77, ROUNDS = 60, BODY = 500 };

static int poller;

static void *read_all(void *arg)
{
	struct epoll_event events[256];
	static char sink[1 << 16];

	for (;;) {
		int n = epoll_wait(poller, events, ARRAY_SIZE(events), 100);

		for (int i = 0; i < n; i++)
			if (read(events[i].data.fd, sink, sizeof(sink)) <= 0)
				return arg;
	}
}

static int connect_to(int listening, const struct sockaddr_in *address, int *ret_server)
{
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (client < 0 || connect(client, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -1;
	*ret_server = accept(listening, NULL, NULL);
	setsockopt(*ret_server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return *ret_server < 0 ? -1 : client;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void publish(struct core *core, struct effect effect)
{
	struct publication *pub = mem_zalloc(sizeof(*pub) + sizeof(effect));

	atomic_init(&pub->refs, 1);
	pub->cell_id = GUILD;
	pub->kind = CELL_GUILD;
	pub->count = 1;
	pub->effects[0] = effect;
	view_apply(core, pub);
	publication_unref(pub); /* a walk that is still under way holds it */
}

static void say(struct core *core)
{
	char text[BODY + 1];

	memset(text, 'x', BODY);
	memcpy(text, "{\"content\":\"", 12);
	memcpy(text + BODY - 2, "\"}", 2);
	struct event *event = event_new(EVENT_MESSAGE_CREATE,
					bytes_from((struct str){ text, BODY }));
	event->intents = INTENT_GUILD_MESSAGES;
	publish(core, (struct effect){ .kind = EFFECT_EVENT, .event = event });
}

static void settle(struct core *core)
{
	while (core_turn(core, 0) == 0)
		;
}

static void measure(struct core *core, const char *name, uint32_t at_once, uint32_t sessions)
{
	const struct gateway_stats *stats = gateway_stats(core);
	uint64_t before = stats->deliveries, sends = stats->sends, ns = 0;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t begin = cpu_ns();

		for (uint32_t k = 0; k < at_once; k++)
			say(core);
		settle(core);
		ns += cpu_ns() - begin;
		usleep(20000); /* the readers catch up */
	}
	double n = (double)(stats->deliveries - before);
	printf("%-4s %u sessions: %.2f us a delivery, %.2f deliveries a send\n", name, sessions,
	       (double)ns / n / 1000, n / (double)(stats->sends - sends));
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 1 ? (uint32_t)atoi(argv[1]) : 2000;
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct gateway_config config;
	struct local local = {};
	pthread_t reader;

	if (bind(listening, (struct sockaddr *)&address, len) < 0 || listen(listening, 128) < 0 ||
	    getsockname(listening, (struct sockaddr *)&address, &len) < 0)
		return 1;
	poller = epoll_create1(EPOLL_CLOEXEC);
	struct cores *cores = cores_new(&(struct cores_config){
		.count = 1, .fibers_max = 1, .clock = &clock_real, .random = &random_real });
	struct core *core = cores->core[0];
	gateway_config_init(&config);
	local.gateway = gateway_local_new(core, &config);
	core_set_local(core, &local);
	pthread_create(&reader, NULL, read_all, NULL);

	view_hold(local.gateway, GUILD, CELL_GUILD);
	size_t heap = mallinfo2().uordblks;
	for (uint32_t i = 0; i < count; i++) {
		int server, client = connect_to(listening, &address, &server);

		if (client < 0) {
			fprintf(stderr, "only %u connections\n", i);
			return 1;
		}
		struct epoll_event event = { .events = EPOLLIN, .data.fd = client };
		epoll_ctl(poller, EPOLL_CTL_ADD, client, &event);
		struct sock *sock = sock_from_fd(core, server);
		gateway_serve(core, sock, &(struct gateway_upgrade){ .host = S("h") });
		struct conn *conn = sock_owner(sock);
		struct session *session = session_new(local.gateway);
		session->user_id = 1000 + i;
		session->intents = INTENT_GUILD_MESSAGES;
		session_attach(session, conn);
		session_dispatch(session, EVENT_READY, bytes_from(S("{}")));
		session->state = SESSION_LIVE;
		conn_mark(conn);
		publish(core, (struct effect){ .kind = EFFECT_SUBSCRIBE, .session = session->id });
		settle(core);
	}
	printf("heap of a session, its connection, its socket, one guild: %zu bytes\n",
	       (mallinfo2().uordblks - heap) / count);
	measure(core, "W1", 1, count);
	measure(core, "W16", 16, count);
	view_release(local.gateway, GUILD);
	gateway_local_free(local.gateway);
	cores_free(cores);
	pthread_join(reader, NULL); /* it ends with the first connection */
	close(poller);
	close(listening);
	return 0;
}
