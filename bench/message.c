/* Durable sends: N people, each with a guild of its own, one session that listens and one connection that sends, a message
 * in flight each. Prints what the server's processor time is for a message, and how long a lone message takes from send to
 * event. The server is started by script/bench, its process id and port are arguments. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PEOPLE_MAX = 256, BUF = 1 << 16, SEQUENTIAL = 1000 };

struct person {
	char token[160], channel[32];
	int http, ws;
	char in[BUF], ws_in[BUF];
	size_t in_len, ws_len;
	uint64_t answers, events;
	bool busy;
};

static struct person people[PEOPLE_MAX];
static int port;

static void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, 0);

		if (n <= 0)
			die("send");
		text += n;
		len -= (size_t)n;
	}
}

/* The length of a complete answer at the start of @in, 0: not yet. */
static size_t answer_len(const char *in, size_t len)
{
	const char *end = memmem(in, len, "\r\n\r\n", 4), *length;

	if (!end)
		return 0;
	size_t head = (size_t)(end - in) + 4, body = 0;
	length = memmem(in, head, "Content-Length: ", 16);
	if (length)
		body = strtoul(length + 16, NULL, 10);
	return len >= head + body ? head + body : 0;
}

/* One call on @fd, the whole answer in @ret. */
static void call(int fd, const char *method, const char *path, const char *token, const char *body,
		 char *ret)
{
	char text[4096];
	size_t len = 0, whole;

	int n = snprintf(
		text, sizeof(text),
		"%s %s HTTP/1.1\r\nHost: bench\r\nAuthorization: %s\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		method, path, token, strlen(body), body);
	send_all(fd, text, (size_t)n);
	while (!(whole = answer_len(ret, len))) {
		ssize_t got = recv(fd, ret + len, BUF - 1 - len, 0);

		if (got <= 0)
			die("recv");
		len += (size_t)got;
	}
	ret[whole] = '\0';
	if (strncmp(ret + 9, "20", 2)) {
		fprintf(stderr, "bench: %s %s: %.300s\n", method, path, ret);
		exit(1);
	}
}

static void field(const char *json, const char *key, char *ret, size_t size)
{
	const char *at = strstr(json, key);

	if (!at)
		die(key);
	at += strlen(key);
	size_t n = strcspn(at, "\"");
	snprintf(ret, size, "%.*s", (int)n, at);
}

static void ws_send(int fd, const char *text)
{
	unsigned char head[8] = { 0x81 };
	size_t len = strlen(text), n = 2;

	if (len < 126) {
		head[1] = (unsigned char)(0x80 | len);
	} else {
		head[1] = 0x80 | 126;
		head[2] = (unsigned char)(len >> 8);
		head[3] = (unsigned char)len;
		n = 4;
	}
	send_all(fd, (char *)head, n);
	send_all(fd, "\0\0\0\0", 4); /* a mask of zeros changes nothing */
	send_all(fd, text, len);
}

/* Takes complete frames out of the buffer; how many hold @what. */
static uint64_t frames(struct person *p, const char *what)
{
	uint64_t hits = 0;
	size_t at = 0;

	while (p->ws_len - at >= 2) {
		unsigned char *f = (unsigned char *)p->ws_in + at;
		size_t head = 2, len = f[1] & 0x7f;

		if (len == 126) {
			if (p->ws_len - at < 4)
				break;
			len = (size_t)f[2] << 8 | f[3];
			head = 4;
		} else if (len == 127) {
			if (p->ws_len - at < 10)
				break;
			len = 0;
			for (int i = 2; i < 10; i++)
				len = len << 8 | f[i];
			head = 10;
		}
		if (p->ws_len - at < head + len)
			break;
		hits += memmem(f + head, len, what, strlen(what)) != NULL;
		at += head + len;
	}
	memmove(p->ws_in, p->ws_in + at, p->ws_len - at);
	p->ws_len -= at;
	return hits;
}

static void setup(struct person *p, int i)
{
	char body[512];
	static char ret[BUF];

	p->http = dial();
	snprintf(body, sizeof(body),
		 "{\"username\":\"bench%d_%d\",\"password\":\"bench-password\",\"consent\":true}",
		 (int)getpid(), i);
	call(p->http, "POST", "/api/v10/auth/register", "", body, ret);
	field(ret, "\"token\":\"", p->token, sizeof(p->token));
	call(p->http, "POST", "/api/v10/guilds", p->token, "{\"name\":\"bench\"}", ret);
	field(ret, "\"system_channel_id\":\"", p->channel, sizeof(p->channel));
	p->ws = dial();
	const char *upgrade =
		"GET /?v=10&encoding=json HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	send_all(p->ws, upgrade, strlen(upgrade));
	snprintf(
		body, sizeof(body),
		"{\"op\":2,\"d\":{\"token\":\"%.159s\",\"properties\":{\"os\":\"l\",\"browser\":\"b\",\"device\":\"d\"}}}",
		p->token);
	bool answered = false, identified = false;
	for (uint64_t ready = 0; !ready;) {
		ssize_t n = recv(p->ws, p->ws_in + p->ws_len, BUF - p->ws_len, 0);

		if (n <= 0)
			die("gateway");
		p->ws_len += (size_t)n;
		char *end = answered ? NULL : memmem(p->ws_in, p->ws_len, "\r\n\r\n", 4);
		if (end) {
			size_t head = (size_t)(end - p->ws_in) + 4;

			memmove(p->ws_in, p->ws_in + head, p->ws_len - head);
			p->ws_len -= head;
			answered = true;
		}
		if (answered && !identified) {
			ws_send(p->ws, body);
			identified = true;
		}
		if (answered)
			ready = frames(p, "\"t\":\"READY\"");
	}
}

static void post(struct person *p)
{
	static const char body[] =
		"{\"content\":\"A message of about the length that people write in a chat room, give or take.\"}";
	char text[1024];

	int n = snprintf(
		text, sizeof(text),
		"POST /api/v10/channels/%s/messages HTTP/1.1\r\nHost: bench\r\nAuthorization: %s\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		p->channel, p->token, sizeof(body) - 1, body);
	send_all(p->http, text, (size_t)n);
	p->busy = true;
}

/* Reads what is there; true when an answer was complete. */
static bool read_answer(struct person *p)
{
	ssize_t n = recv(p->http, p->in + p->in_len, BUF - p->in_len, MSG_DONTWAIT);

	if (n == 0)
		die("the server closed");
	if (n > 0)
		p->in_len += (size_t)n;
	size_t len = answer_len(p->in, p->in_len);
	if (!len)
		return false;
	if (strncmp(p->in + 9, "200", 3)) {
		fprintf(stderr, "bench: %.300s\n", p->in);
		exit(1);
	}
	memmove(p->in, p->in + len, p->in_len - len);
	p->in_len -= len;
	p->answers++;
	p->busy = false;
	return true;
}

static void read_events(struct person *p)
{
	ssize_t n = recv(p->ws, p->ws_in + p->ws_len, BUF - p->ws_len, MSG_DONTWAIT);

	if (n == 0)
		die("the gateway closed");
	if (n > 0) {
		p->ws_len += (size_t)n;
		p->events += frames(p, "\"t\":\"MESSAGE_CREATE\"");
	}
}

/* Seconds of processor time of a process, all threads. */
static double cpu_s(int pid)
{
	char path[64], text[1024];
	unsigned long user, system;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f))
		die(path);
	fclose(f);
	char *after = strrchr(text, ')');
	if (sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		   &system) != 2)
		die(path);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: message PID PORT PEOPLE SECONDS\n");
		return 2;
	}
	int pid = atoi(argv[1]), count = atoi(argv[3]);
	double seconds = atof(argv[4]), took[SEQUENTIAL];

	port = atoi(argv[2]);
	if (count < 1 || count > PEOPLE_MAX)
		return 2;
	for (int i = 0; i < count; i++)
		setup(&people[i], i);

	/* One after the other: from the send to the event. */
	for (int i = 0; i < SEQUENTIAL; i++) {
		struct person *p = &people[0];
		uint64_t answers = p->answers, events = p->events;
		double start = now_s(), heard = 0;

		post(p);
		while (p->answers == answers || p->events == events) {
			if (p->events == events) {
				read_events(p);
				heard = now_s();
			}
			read_answer(p);
		}
		took[i] = heard - start;
	}
	qsort(took, SEQUENTIAL, sizeof(took[0]), compare);
	printf("sequential send to event: p50 %.0f us, p99 %.0f us\n", took[SEQUENTIAL / 2] * 1e6,
	       took[SEQUENTIAL * 99 / 100] * 1e6);

	/* All at once. */
	int poll = epoll_create1(0);
	for (int i = 0; i < count; i++) {
		struct epoll_event http = { EPOLLIN, { .u32 = (uint32_t)i } },
				   ws = { EPOLLIN, { .u32 = (uint32_t)i | 1u << 31 } };

		epoll_ctl(poll, EPOLL_CTL_ADD, people[i].http, &http);
		epoll_ctl(poll, EPOLL_CTL_ADD, people[i].ws, &ws);
		people[i].answers = people[i].events = 0;
	}
	double start = now_s(), cpu = cpu_s(pid);
	for (int i = 0; i < count; i++)
		post(&people[i]);
	for (bool running = true; running;) {
		struct epoll_event ready[128];
		int n = epoll_wait(poll, ready, 128, 1000);
		bool more = now_s() - start < seconds;

		running = more;
		for (int k = 0; k < n; k++) {
			struct person *p = &people[ready[k].data.u32 & ~(1u << 31)];

			if (ready[k].data.u32 >> 31)
				read_events(p);
			else if (read_answer(p) && more)
				post(p);
		}
		for (int i = 0; i < count; i++)
			running |= people[i].busy || people[i].events < people[i].answers;
		if (now_s() - start > seconds + 10)
			die("answers or events are missing");
	}
	double wall = now_s() - start, used = cpu_s(pid) - cpu;
	uint64_t answers = 0, events = 0;
	for (int i = 0; i < count; i++) {
		answers += people[i].answers;
		events += people[i].events;
	}
	printf("%d in flight: %lu messages in %.1f s, %.0f a second, server CPU %.1f us a message; events %lu\n",
	       count, (unsigned long)answers, wall, (double)answers / wall,
	       used / (double)answers * 1e6, (unsigned long)events);
	return answers == events ? 0 : 1;
}
