/* A crowd in one room: many sessions on the gateway, several who send, and what it costs the server.
 *
 * 	load_gateway PID PORT TOKENS CHANNEL SESSIONS WORKERS [-c zlib|zstd] PHASE...
 *
 * PID: whose processor time and memory is told. TOKENS: a file with one a line, the first is who sends. WORKERS: processes
 * that hold the sessions, for one may have 20,000 descriptors; each comes from a loopback address of its own. A phase is
 * NAME:SECONDS[:N] and prints one line of JSON:
 *   idle   memory of a session that has beaten twice, user and kernel apart
 *   w1     one sender that awaits each answer and, after it, the last receiver
 *   busy   N senders that await each answer
 *   rate   N messages a second, whatever happens; how long until each receiver had them
 *   beat   a heartbeat from each session, once
 *   flood  as busy; beside it a GET and a heartbeat of a bystander again and again: how long they take
 *   stall  as rate, while every hundredth session reads nothing
 *   resume all connections are cut, N messages said meanwhile, then all sessions come back at once
 * At the end of each phase every session has got every message, numbered without a gap, a repeat or a step back, or the
 * program says so and fails. */
#include "gateway_crowd.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct crowd *crowd;

void die(const char *what)
{
	fprintf(stderr, "gateway: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int dial(uint32_t source)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)crowd->port) };
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(0x7f000002 + source) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* -- the server, from outside -- */

/* Processor time of all its threads. */
static uint64_t cpu_ns(void)
{
	char path[320];
	uint64_t total = 0;
	struct dirent *task;

	snprintf(path, sizeof(path), "/proc/%d/task", crowd->pid);
	DIR *dir = opendir(path);
	if (!dir)
		die(path);
	while ((task = readdir(dir))) {
		unsigned long ran = 0;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", crowd->pid,
			 task->d_name);
		FILE *f = task->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%lu", &ran) == 1)
			total += ran;
		fclose(f);
	}
	closedir(dir);
	return total;
}

static uint64_t user_bytes(void)
{
	char path[64], line[256];
	unsigned long kb = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", crowd->pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %lu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return (uint64_t)kb * 1024;
}

/* What sockets are made of, of the whole machine: so without other loads. */
static uint64_t kernel_bytes(void)
{
	static const char *const names[] = { "TCP", "sock_inode_cache", "filp", "eventpoll_epi" };
	char line[512], name[64];
	unsigned long used, size;
	uint64_t total = 0;
	FILE *f = fopen("/proc/slabinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %lu %*u %lu", name, &used, &size) == 3)
			for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
				if (!strcmp(name, names[i]))
					total += used * size;
	if (f)
		fclose(f);
	return total;
}

/* -- senders -- */

struct sender {
	int fd;
	bool busy;
	size_t len;
	char in[4096];
};
static struct sender senders[SENDERS_MAX];
static uint32_t counted; /* sessions since memory was looked at first */

static void post(struct sender *sender)
{
	char body[512], text[1280];
	uint32_t number = crowd->said;

	if (number == MESSAGES_MAX)
		die("too many messages for one run");
	int n = snprintf(body, sizeof(body), "{\"content\":\"#%08u %s\"}", number,
			 &"What people say in a busy room is short, and most of it has been said "
			  "before, in other words."[number * 7 % 40]);
	n = snprintf(text, sizeof(text),
		     "POST /api/v10/channels/%s/messages HTTP/1.1\r\nHost: bench\r\nAuthorization: "
		     "Bot %s\r\n"
		     "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		     crowd->channel, crowd->tokens[0], n, body);
	crowd->sent_ns[number] = now_ns();
	crowd->said++;
	if (send(sender->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		die("send");
	sender->busy = true;
}

static void read_answer(struct sender *sender)
{
	ssize_t n = recv(sender->fd, sender->in + sender->len, sizeof(sender->in) - 1 - sender->len,
			 MSG_DONTWAIT);
	const char *end, *length;

	if (n == 0)
		die("the server closed");
	if (n < 0)
		return;
	sender->len += (size_t)n;
	sender->in[sender->len] = '\0';
	end = strstr(sender->in, "\r\n\r\n");
	length = strcasestr(sender->in, "content-length: ");
	if (!end ||
	    sender->len <
		    (size_t)(end - sender->in) + 4 + (length ? strtoul(length + 16, NULL, 10) : 0))
		return;
	if (strncmp(sender->in + 9, "200", 3)) {
		fprintf(stderr, "gateway: %.400s\n", sender->in);
		exit(1);
	}
	sender->len = 0;
	sender->busy = false;
}

/* Waits for answers, at most @timeout_ms. */
static void answers(uint32_t count, int timeout_ms)
{
	struct pollfd fds[SENDERS_MAX];

	for (uint32_t i = 0; i < count; i++)
		fds[i] = (struct pollfd){ senders[i].fd, POLLIN, 0 };
	if (poll(fds, count, timeout_ms) > 0)
		for (uint32_t i = 0; i < count; i++)
			if (fds[i].revents)
				read_answer(&senders[i]);
}

static uint64_t sum(size_t offset)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < crowd->workers; i++)
		total += *(volatile uint64_t *)((char *)&crowd->worker[i] + offset);
	return total;
}
#define SUM(field) sum(offsetof(struct worker_stats, field))

static void await_sum(size_t offset, uint64_t target, const char *what, double seconds)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);

	while (sum(offset) < target) {
		if (now_ns() > end) {
			fprintf(stderr, "gateway: %s: %lu of %lu\n", what,
				(unsigned long)sum(offset), (unsigned long)target);
			exit(1);
		}
		usleep(200);
	}
}
#define AWAIT(field, target, what, seconds) \
	await_sum(offsetof(struct worker_stats, field), target, what, seconds)

/* Until every session that reads has everything. */
static void await_all(void)
{
	uint32_t readers = crowd->sessions - crowd->stalled;

	AWAIT(deliveries,
	      crowd->delivered_before + (uint64_t)readers * (crowd->said - crowd->said_before),
	      "deliveries", 60);
}

static void order(enum order what)
{
	__atomic_store_n(&crowd->order, what, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&crowd->order_number, 1, __ATOMIC_SEQ_CST);
	AWAIT(obeyed, (uint64_t)crowd->order_number * crowd->workers, "an order", 30);
}

/* -- phases -- */

static double quantile(const uint64_t *buckets, double q)
{
	uint64_t total = 0, seen = 0;

	for (uint32_t i = 0; i < BUCKETS; i++)
		total += buckets[i];
	for (uint32_t i = 0; i < BUCKETS; i++) {
		seen += buckets[i];
		if (total && (double)seen >= q * (double)total)
			return bucket_ms(i);
	}
	return 0;
}

/* Of all workers, since the phase began; and how long each message took to its last receiver. */
static void print_latency(void)
{
	static uint64_t all[BUCKETS], last[BUCKETS];

	memset(all, 0, sizeof(all));
	memset(last, 0, sizeof(last));
	for (uint32_t w = 0; w < crowd->workers; w++)
		for (uint32_t i = 0; i < BUCKETS; i++)
			all[i] += crowd->worker[w].latency[i];
	for (uint32_t m = crowd->said_before; m < crowd->said; m++) {
		uint64_t ns = 0;

		for (uint32_t w = 0; w < crowd->workers; w++)
			if (crowd->last_ns[w][m] > ns)
				ns = crowd->last_ns[w][m];
		last[bucket_of(ns - crowd->sent_ns[m])]++;
	}
	printf(",\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"last_p50_ms\":%.2f,\"last_p99_ms\":%.2f",
	       quantile(all, 0.5), quantile(all, 0.99), quantile(last, 0.5), quantile(last, 0.99));
}

static uint64_t began_ns, began_cpu_ns, began_bytes;

static void begin(void)
{
	for (uint32_t w = 0; w < crowd->workers; w++)
		memset(crowd->worker[w].latency, 0, sizeof(crowd->worker[w].latency));
	crowd->said_before = crowd->said;
	crowd->delivered_before = SUM(deliveries);
	began_bytes = SUM(bytes);
	began_ns = now_ns();
	began_cpu_ns = cpu_ns();
}

static void print_deliveries(const char *name)
{
	uint64_t used = cpu_ns() - began_cpu_ns, n = SUM(deliveries) - crowd->delivered_before,
		 took = now_ns() - began_ns;

	if (!n)
		n = 1;
	printf("{\"phase\":\"%s\",\"messages\":%u,\"deliveries\":%lu,\"cpu_us\":%.3f,\"per_s\":%."
	       "0f,\"bytes\":%.0f",
	       name, crowd->said - crowd->said_before, (unsigned long)n,
	       (double)used / (double)n / 1000, (double)n * 1e9 / (double)took,
	       (double)(SUM(bytes) - began_bytes) / (double)n);
	print_latency();
}

static void w1(double seconds)
{
	begin();
	while ((double)(now_ns() - began_ns) < seconds * 1e9) {
		post(&senders[0]);
		while (senders[0].busy)
			answers(1, 1000);
		await_all();
	}
	print_deliveries("w1");
	puts("}");
}

static void busy(double seconds, uint32_t n)
{
	begin();
	while ((double)(now_ns() - began_ns) < seconds * 1e9) {
		for (uint32_t i = 0; i < n; i++)
			if (!senders[i].busy)
				post(&senders[i]);
		answers(n, 1000);
	}
	for (bool more = true; more;) {
		more = false;
		for (uint32_t i = 0; i < n; i++)
			more |= senders[i].busy;
		if (more)
			answers(n, 1000);
	}
	await_all();
	print_deliveries("busy");
	printf(",\"senders\":%u}\n", n);
}

static void rate(const char *name, double seconds, uint32_t per_s)
{
	begin();
	for (uint32_t i = 0; i < seconds * per_s; i++) {
		uint64_t due = began_ns + (uint64_t)i * 1000000000u / per_s;

		while (now_ns() < due || senders[i % SENDERS_MAX].busy) {
			uint64_t now = now_ns();

			answers(SENDERS_MAX, now < due ? (int)((due - now) / 1000000) : 1);
		}
		post(&senders[i % SENDERS_MAX]);
	}
	await_all();
	usleep(100000);
	answers(SENDERS_MAX, 0);
	print_deliveries(name);
	puts("}");
}

static void stall(double seconds, uint32_t per_s)
{
	order(ORDER_STALL);
	crowd->stalled = (uint32_t)SUM(stalled);
	rate("stall", seconds, per_s);
	order(ORDER_GO_ON);
	/* Those who slept read on, or are closed and come back by RESUME: nothing is lost either way. */
	crowd->stalled = 0;
	order(ORDER_RESUME);
	crowd->delivered_before = 0;
	AWAIT(deliveries, (uint64_t)crowd->sessions * crowd->said, "what sleepers missed", 60);
	printf("{\"phase\":\"awake\",\"server_bytes\":%lu}\n", (unsigned long)user_bytes());
}

/* Twice from all who are there: then nobody will ask for how the session began. */
static void beats(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t before = SUM(acks), there = SUM(ready);

		order(ORDER_BEAT_CALMLY);
		AWAIT(acks, before + there, "heartbeats", 30);
	}
}

static void beat(void)
{
	uint64_t before = SUM(acks);

	usleep(200000);
	begin();
	order(ORDER_BEAT);
	AWAIT(acks, before + crowd->sessions, "heartbeats", 30);
	printf("{\"phase\":\"beat\",\"cpu_us\":%.3f}\n",
	       (double)(cpu_ns() - began_cpu_ns) / crowd->sessions / 1000);
}

static void flood(double seconds, uint32_t n)
{
	int ready[2];
	char line[512] = "";

	/* The bystander is a process of its own, so that nothing here stands in its way. */
	if (pipe(ready))
		die("pipe");
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		dup2(ready[1], 1);
		bystander(seconds);
		fflush(stdout);
		_exit(0);
	}
	close(ready[1]);
	begin();
	while ((double)(now_ns() - began_ns) < seconds * 1e9) {
		for (uint32_t i = 0; i < n; i++)
			if (!senders[i].busy)
				post(&senders[i]);
		answers(n, 1000);
	}
	ssize_t got = read(ready[0], line, sizeof(line) - 1);
	waitpid(child, NULL, 0);
	close(ready[0]);
	for (uint32_t i = 0; i < n; i++)
		while (senders[i].busy)
			answers(n, 1000);
	await_all();
	print_deliveries("flood");
	printf("%s}\n", got > 0 ? line : "");
}

static void resume(uint32_t n)
{
	order(ORDER_CUT);
	usleep(300000);
	begin();
	for (uint32_t i = 0; i < n; i++) {
		post(&senders[0]);
		while (senders[0].busy)
			answers(1, 1000);
	}
	uint64_t before = SUM(resumed);
	began_ns = now_ns();
	began_cpu_ns = cpu_ns();
	order(ORDER_RESUME);
	AWAIT(resumed, before + crowd->sessions, "resumed", 60);
	uint64_t took = now_ns() - began_ns, used = cpu_ns() - began_cpu_ns;
	await_all();
	printf("{\"phase\":\"resume\",\"seconds\":%.2f,\"cpu_us\":%.1f,\"sessions\":%u,\"missed\":%"
	       "u}\n",
	       (double)took / 1e9, (double)used / crowd->sessions / 1000, crowd->sessions, n);
}

static void idle(double seconds, uint64_t user_before, uint64_t kernel_before)
{
	beats();
	usleep((useconds_t)(seconds * 1e6));
	printf("{\"phase\":\"idle\",\"user_bytes\":%.0f,\"kernel_bytes\":%.0f}\n",
	       ((double)user_bytes() - (double)user_before) / counted,
	       ((double)kernel_bytes() - (double)kernel_before) / 2 / counted);
}

/* -- */

static void read_tokens(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		die(path);
	while (crowd->tokens_count < TOKENS_MAX &&
	       fscanf(f, "%159s", crowd->tokens[crowd->tokens_count]) == 1)
		crowd->tokens_count++;
	fclose(f);
	if (!crowd->tokens_count)
		die("no tokens");
}

static void run_phase(const char *text, uint64_t user_before, uint64_t kernel_before)
{
	char name[16];
	double seconds = 1;
	unsigned n = 16;

	if (sscanf(text, "%15[^:]:%lf:%u", name, &seconds, &n) < 1)
		die(text);
	if (n < 1 || (n > SENDERS_MAX && (!strcmp(name, "busy") || !strcmp(name, "flood"))))
		die(text);
	if (!strcmp(name, "idle"))
		idle(seconds, user_before, kernel_before);
	else if (!strcmp(name, "w1"))
		w1(seconds);
	else if (!strcmp(name, "busy"))
		busy(seconds, n);
	else if (!strcmp(name, "rate"))
		rate("rate", seconds, n);
	else if (!strcmp(name, "beat"))
		beat();
	else if (!strcmp(name, "flood"))
		flood(seconds, n);
	else if (!strcmp(name, "stall"))
		stall(seconds, n);
	else if (!strcmp(name, "resume"))
		resume(n);
	else
		die(text);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int phase = 7;

	if (argc < 8) {
		fprintf(stderr,
			"usage: gateway PID PORT TOKENS CHANNEL SESSIONS WORKERS [-c zlib|zstd] "
			"PHASE...\n");
		return 2;
	}
	crowd = mmap(NULL, sizeof(*crowd), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (crowd == MAP_FAILED)
		die("memory");
	signal(SIGPIPE, SIG_IGN);
	crowd->pid = atoi(argv[1]);
	crowd->port = atoi(argv[2]);
	read_tokens(argv[3]);
	snprintf(crowd->channel, sizeof(crowd->channel), "%s", argv[4]);
	crowd->sessions = (uint32_t)atoi(argv[5]);
	crowd->workers = (uint32_t)atoi(argv[6]);
	if (crowd->workers < 1 || crowd->workers > WORKERS_MAX || crowd->sessions < crowd->workers)
		return 2;
	if (!strcmp(argv[phase], "-c") && phase + 2 < argc) {
		crowd->coding = !strcmp(argv[phase + 1], "zlib") ? CODING_ZLIB : CODING_ZSTD;
		phase += 2;
	}
	for (uint32_t i = 0; i < SENDERS_MAX; i++)
		senders[i].fd = dial(100 + i);
	/* A fifth of them is there before memory and time are looked at: the guild, the accounts, the pools are made. */
	uint32_t first = crowd->sessions / crowd->workers / 5 * crowd->workers;
	crowd->open_max = first / crowd->workers;
	for (uint32_t i = 0; i < crowd->workers; i++)
		if (fork() == 0) {
			worker(i);
			_exit(0);
		}
	AWAIT(ready, first, "sessions", 120);
	beats();
	uint64_t user_before = user_bytes(), kernel_before = kernel_bytes(), cpu_before = cpu_ns(),
		 start = now_ns();
	counted = crowd->sessions - first;
	__atomic_store_n(&crowd->open_max, UINT32_MAX, __ATOMIC_RELAXED);
	AWAIT(ready, crowd->sessions, "sessions", 120);
	printf("{\"phase\":\"connect\",\"sessions\":%u,\"cpu_us\":%.1f,\"seconds\":%.2f,\"fresh_"
	       "bytes\":%.0f}\n",
	       crowd->sessions, (double)(cpu_ns() - cpu_before) / counted / 1000,
	       (double)(now_ns() - start) / 1e9,
	       ((double)user_bytes() - (double)user_before) / counted);
	fflush(stdout);
	for (; phase < argc; phase++)
		run_phase(argv[phase], user_before, kernel_before);
	order(ORDER_END);
	int status = 0, bad = SUM(faults) > 0;
	while (wait(&status) > 0)
		bad |= status != 0;
	return bad;
}
