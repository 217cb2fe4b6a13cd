/* The floor: the least that any gateway must do, to compare the server with. One thread, epoll, one room: every POST is a
 * message to all; each session has a number `s` of its own, so each delivery is one copy behind its own prefix, and all
 * that a session gained in a turn of the loop is one send. No accounts, no permissions, no store, no replay.
 *
 * 	load_floor PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 2048, EVENT_LEN = 880, PENDING_MAX = 256, INPUT = 16 << 10, SLOT = 256 << 10 };

struct peer {
	int fd;
	bool session; /* gets the messages */
	uint32_t s;
};
struct message {
	char body[BODY_MAX];
	size_t len;
};

static struct peer **sessions;
static uint32_t count, cap;
static struct message pending[PENDING_MAX];
static uint32_t pending_count;
static char input[INPUT + 1], slot[SLOT];

static size_t header(char *at, size_t len)
{
	at[0] = (char)0x81;
	if (len < 126) {
		at[1] = (char)len;
		return 2;
	}
	at[1] = 126;
	at[2] = (char)(len >> 8);
	at[3] = (char)len;
	return 4;
}

static bool say(int fd, const char *text)
{
	char frame[1024];
	size_t len = strlen(text), n = header(frame, len);

	memcpy(frame + n, text, len);
	return send(fd, frame, n + len, MSG_NOSIGNAL) == (ssize_t)(n + len);
}

/* The event as the server writes it, of about the same length. */
static void publish(const char *content, size_t len)
{
	static const char event[] =
		"{\"id\":\"1175000000000000000\",\"channel_id\":\"1175000000000000001\",\"type\":0,\"content\":\"%.*s\","
		"\"timestamp\":\"2026-01-01T00:00:00.000000+00:00\",\"edited_timestamp\":null,\"tts\":false,\"mention_everyone\":false,"
		"\"mentions\":[],\"mention_roles\":[],\"attachments\":[],\"embeds\":[],\"pinned\":false,\"flags\":0,\"author\":{\"id\":"
		"\"1175000000000000002\",\"username\":\"somebody\",\"discriminator\":\"0\",\"avatar\":null,\"bot\":true},"
		"\"guild_id\":\"1175000000000000003\",\"components\":[]}";

	if (pending_count == PENDING_MAX)
		exit(1);
	struct message *m = &pending[pending_count++];
	m->len = (size_t)snprintf(m->body, sizeof(m->body), event, (int)len, content);
	/* As long as the server's, whose author is a member too: white space is legal there. */
	while (m->len < EVENT_LEN)
		m->body[m->len++] = ' ';
}

static void leave(struct peer *peer)
{
	for (uint32_t i = 0; peer->session && i < count; i++)
		if (sessions[i] == peer) {
			sessions[i] = sessions[--count];
			break;
		}
	close(peer->fd);
	free(peer);
}

static void enter(struct peer *peer)
{
	if (count == cap) {
		cap = cap ? cap * 2 : 1024;
		sessions = realloc(sessions, cap * sizeof(struct peer *));
		if (!sessions)
			exit(1);
	}
	peer->session = true;
	peer->s = 2;
	sessions[count++] = peer;
}

static bool on_request(struct peer *peer, ssize_t n)
{
	static const char upgrade[] =
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
	const char *content;

	input[n] = '\0';
	if (input[0] == 'P' && (content = strstr(input, "\"content\":\""))) {
		content += 11;
		publish(content, strcspn(content, "\""));
		return send(peer->fd, ok, sizeof(ok) - 1, MSG_NOSIGNAL) > 0;
	}
	if (!strstr(input, "Upgrade: "))
		return send(peer->fd, ok, sizeof(ok) - 1, MSG_NOSIGNAL) > 0;
	return send(peer->fd, upgrade, sizeof(upgrade) - 1, MSG_NOSIGNAL) > 0 &&
		say(peer->fd,
		    "{\"t\":null,\"s\":null,\"op\":10,\"d\":{\"heartbeat_interval\":41250}}");
}

/* One frame with a mask of four bytes. */
static bool on_frame(struct peer *peer, ssize_t n)
{
	unsigned char *f = (unsigned char *)input;
	size_t head = (f[1] & 0x7f) == 126 ? 8 : 6;

	if ((size_t)n < head || (f[0] & 15) == 8)
		return false;
	for (size_t i = head; i < (size_t)n; i++)
		f[i] ^= f[head - 4 + (i - head) % 4];
	input[n] = '\0';
	if (strstr(input + head, "\"op\":1,"))
		return say(peer->fd, "{\"t\":null,\"s\":null,\"op\":11,\"d\":null}");
	if (strstr(input + head, "\"op\":2,")) {
		enter(peer);
		return say(peer->fd,
			   "{\"t\":\"READY\",\"s\":1,\"op\":0,\"d\":{\"v\":10,\"session_id\":\"0123456789abcdef0123456789abcdef\"}}") &&
			say(peer->fd, "{\"t\":\"GUILD_CREATE\",\"s\":2,\"op\":0,\"d\":{}}");
	}
	return true;
}

static void on_readable(struct peer *peer)
{
	ssize_t n = recv(peer->fd, input, INPUT, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 ||
	    !((unsigned char)input[0] == 0x81 || (unsigned char)input[0] == 0x88
		      ? on_frame(peer, n)
		      : on_request(peer, n)))
		leave(peer);
}

static size_t prefix(char *at, uint32_t s)
{
	static const char begin[] = "{\"t\":\"MESSAGE_CREATE\",\"s\":", end[] = ",\"op\":0,\"d\":";
	size_t len = sizeof(begin) - 1, digits = 1;

	memcpy(at, begin, len);
	for (uint32_t n = s; n >= 10; n /= 10)
		digits++;
	for (size_t i = digits; i > 0; i--, s /= 10)
		at[len + i - 1] = (char)('0' + s % 10);
	memcpy(at + len + digits, end, sizeof(end) - 1);
	return len + digits + sizeof(end) - 1;
}

static void flush(void)
{
	for (uint32_t i = 0; i < count; i++) {
		struct peer *peer = sessions[i];
		size_t used = 0;

		for (uint32_t k = 0; k < pending_count && used < SLOT - BODY_MAX - 128; k++) {
			char begin[96];
			const struct message *m = &pending[k];
			size_t n = prefix(begin, ++peer->s), len = n + m->len + 1;

			used += header(slot + used, len);
			memcpy(slot + used, begin, n);
			memcpy(slot + used + n, m->body, m->len);
			slot[used + len - 1] = '}';
			used += len;
		}
		if (send(peer->fd, slot, used, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)used)
			fprintf(stderr, "floor: a receiver is too slow for it\n");
	}
	pending_count = 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event events[256];
	int on = 1, poll = epoll_create1(0), door = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 2)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	signal(SIGPIPE, SIG_IGN);
	setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(door, (struct sockaddr *)&at, sizeof(at)) || listen(door, 4096)) {
		perror("floor");
		return 1;
	}
	struct epoll_event first = { EPOLLIN, { .ptr = NULL } };
	epoll_ctl(poll, EPOLL_CTL_ADD, door, &first);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(poll, events, 256, -1);

		for (int i = 0; i < n; i++) {
			struct peer *peer = events[i].data.ptr;

			if (peer) {
				on_readable(peer);
				continue;
			}
			peer = calloc(1, sizeof(*peer));
			if (!peer || (peer->fd = accept4(door, NULL, NULL, SOCK_NONBLOCK)) < 0)
				exit(1);
			setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			struct epoll_event more = { EPOLLIN, { .ptr = peer } };
			epoll_ctl(poll, EPOLL_CTL_ADD, peer->fd, &more);
		}
		if (pending_count)
			flush();
	}
}
