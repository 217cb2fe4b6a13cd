/* What the embedded store costs: durable puts with 1, 16 and 64 of them under way, the newest 50 of a channel, the memory
 * of an idle store, the opening after a kill. One core, turned here. CPU is of the whole process, all threads.
 *
 *	bench_store [DIR [MESSAGES [SECONDS]]]		(default: a new directory in /var/tmp, 300000, 3) */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/internal.h"

enum { CHANNELS = 10000, VALUE = 300, PUTS_MAX = 1000000 };

static uint64_t seconds = 3; /* for each measurement */

struct bench {
	struct store *store;
	struct cores *cores;
	struct core *core;
	struct random_seeded seeded;
	char text[VALUE];
	uint64_t next_id, asked, done, until_us, count_max;
	uint32_t *latency_us; /* of each put */
};

struct put {
	struct bench *bench;
	uint64_t at_us;
};

static uint64_t cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
		(uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static uint64_t now_us(void)
{
	return clock_mono_us(&clock_real);
}

static long resident_kb(void)
{
	long pages = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file && fscanf(file, "%ld %ld", &pages, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void open_store(struct bench *b, const char *dir, int sync_interval_ms)
{
	uint64_t at = now_us();

	if (store_rocks_open(&(struct store_rocks_config){ .dir = dir,
							   .sync_interval_ms = sync_interval_ms },
			     &b->store))
		exit(1);
	printf("opened in %.0f ms, resident %ld KB\n", (double)(now_us() - at) / 1000,
	       resident_kb());
	b->cores = cores_new(&(struct cores_config){ .count = 1,
						     .fibers_max = 8,
						     .clock = &clock_real,
						     .random = &random_real,
						     .store = b->store });
	b->core = b->cores->core[0];
}

/* Until nothing is compacted any more, which would count as ours. */
static void wait_quiet(void)
{
	uint64_t cpu, quiet = 0;

	for (int i = 0; i < 600 && quiet < 5; i++) {
		cpu = cpu_us();
		usleep(100 * 1000);
		quiet = cpu_us() - cpu < 1000 ? quiet + 1 : 0;
	}
}

static void close_store(struct bench *b)
{
	uint64_t at = now_us();

	b->store->ops->close(b->store);
	cores_free(b->cores);
	printf("closed in %.0f ms\n", (double)(now_us() - at) / 1000);
}

/* A few channels are busy, most are not: u^3, as in real communities. */
static uint64_t some_channel(struct bench *b)
{
	double u = (double)random_below(&b->seeded.random, 1u << 30) / (1u << 30);

	return 1 + (uint64_t)(u * u * u * (double)CHANNELS);
}

static struct str message_key(char room[21], uint64_t channel, uint64_t id)
{
	channel = __builtin_bswap64(channel);
	id = __builtin_bswap64(~id);
	room[0] = 16; /* the table of messages */
	memcpy(room + 1, &channel, 8);
	memset(room + 9, 0, 4);
	memcpy(room + 13, &id, 8);
	return (struct str){ room, 21 };
}

static void put_next(struct bench *b);

static void on_put(struct core *core, struct store_batch *batch, int r)
{
	struct put *put = batch->owner;
	struct bench *b = put->bench;

	(void)core;
	if (r)
		exit(1);
	b->latency_us[b->done++] = (uint32_t)(now_us() - put->at_us);
	free(put);
	store_batch_free(batch);
	put_next(b);
}

static void put_next(struct bench *b)
{
	char key[21];

	if (b->asked == b->count_max || now_us() >= b->until_us)
		return;
	struct put *put = mem_alloc(sizeof(*put));
	*put = (struct put){ b, now_us() };
	struct store_batch *batch = store_batch_new(b->core, NULL);
	/* A third of noise is about as hard to press as words are. */
	random_fill(&b->seeded.random, b->text, VALUE / 3);
	store_batch_put(batch, message_key(key, some_channel(b), ++b->next_id),
			(struct str){ b->text, VALUE });
	batch->owner = put;
	batch->done = on_put;
	b->asked++;
	store_commit(b->store, batch);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void bench_puts(struct bench *b, uint64_t under_way, uint64_t count_max, uint64_t limit_s,
		       const char *what)
{
	uint64_t cpu = cpu_us(), at = now_us(), syncs = b->store->stats.syncs;

	b->asked = b->done = 0;
	b->count_max = MIN(count_max, (uint64_t)PUTS_MAX);
	b->until_us = at + limit_s * 1000000;
	for (uint64_t i = 0; i < under_way; i++)
		put_next(b);
	while (b->done < b->asked)
		core_turn(b->core, 1000);
	cpu = cpu_us() - cpu;
	at = now_us() - at;
	qsort(b->latency_us, b->done, sizeof(*b->latency_us), by_size);
	printf("%s, %llu under way: %.0f puts/s, %.1f CPU us a put, p50 %u us, p99 %u us, %.1f "
	       "puts a sync\n",
	       what, (unsigned long long)under_way, (double)b->done * 1e6 / (double)at,
	       (double)cpu / (double)b->done, b->latency_us[b->done / 2],
	       b->latency_us[b->done * 99 / 100],
	       (double)b->done / (double)MAX(b->store->stats.syncs - syncs, 1u));
}

static void on_read(struct core *core, struct store_read *read)
{
	(void)core;
	*(bool *)read->owner = true;
}

static void bench_scans(struct bench *b, uint64_t channels, const char *what)
{
	uint64_t cpu = cpu_us(), at = now_us(), scans = 0, rows = 0,
		 disk = b->store->stats.reads_disk;
	char key[21];

	while (now_us() < at + seconds * 1000000) {
		struct arena arena;
		bool done = false;

		arena_init(&arena);
		struct store_read read = { .core = b->core,
					   .arena = &arena,
					   .scan = true,
					   .limit = 50,
					   .done = on_read,
					   .owner = &done };
		read.key = store_partition(message_key(key, 1 + some_channel(b) % channels, 0));
		if (!store_read(b->store, &read))
			while (!done)
				core_turn(b->core, 1000);
		scans++;
		rows += read.count;
		arena_done(&arena);
	}
	printf("newest 50, %s: %.1f CPU us a scan, %.0f scans/s, %.1f rows each, %.1f%% from the "
	       "disk\n",
	       what, (double)(cpu_us() - cpu) / (double)scans,
	       (double)scans * 1e6 / (double)(now_us() - at), (double)rows / (double)scans,
	       (double)(b->store->stats.reads_disk - disk) * 100 / (double)scans);
}

int main(int argc, char **argv)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	char *dir = argc > 1 ? mem_strdup(argv[1]) : mem_strdup("/var/tmp/store-bench-XXXXXX");
	uint64_t messages = argc > 2 ? strtoull(argv[2], NULL, 10) : 300000;

	if (argc > 3)
		seconds = strtoull(argv[3], NULL, 10);
	random_seeded_init(&b->seeded, 1);
	b->latency_us = mem_alloc(PUTS_MAX * sizeof(*b->latency_us));
	if (argc < 2 && !mkdtemp(dir))
		return 1;
	printf("directory %s\n", dir);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		open_store(b, dir, 0);
		bench_puts(b, 64, messages, 600, "not synced");
		printf("killed, resident %ld KB\n", resident_kb());
		fflush(stdout);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, NULL, 0);
	b->next_id = messages;
	open_store(b, dir, -1);
	wait_quiet();
	bench_puts(b, 1, PUTS_MAX, seconds, "durable");
	bench_puts(b, 16, PUTS_MAX, seconds, "durable");
	bench_puts(b, 64, PUTS_MAX, seconds, "durable");
	close_store(b);
	open_store(b, dir, -1);
	wait_quiet();
	printf("quiet, resident %ld KB\n", resident_kb());
	bench_scans(b, CHANNELS, "any channel");
	bench_scans(b, 20, "20 channels");
	printf("resident %ld KB\n", resident_kb());
	close_store(b);
	free(b->latency_us);
	free(b);
	free(dir);
	return 0;
}
