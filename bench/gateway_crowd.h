/* Shared by bench/gateway.c, which commands and sends, and bench/gateway_crowd.c, the processes that hold the sessions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	WORKERS_MAX = 8,
	TOKENS_MAX = 2048,
	SENDERS_MAX = 32,
	MESSAGES_MAX = 1 << 16,
	BUCKETS = 64 * 32, /* of latencies: 32 for each power of two of a microsecond */
};

enum coding { CODING_NONE, CODING_ZLIB, CODING_ZSTD };

enum order {
	ORDER_NONE,
	ORDER_BEAT,
	ORDER_BEAT_CALMLY,
	ORDER_STALL,
	ORDER_GO_ON,
	ORDER_CUT,
	ORDER_RESUME,
	ORDER_END
};

/* Written by one worker, read by all. */
struct worker_stats {
	uint64_t ready, resumed, deliveries, acks, obeyed, stalled, faults, bytes;
	uint64_t
		order_hash; /* at the end: of the numbers in the order they came, the same for all */
	uint64_t latency[BUCKETS];
};

/* Memory of all processes. */
struct crowd {
	int pid, port;
	uint32_t sessions, workers, stalled;
	uint32_t open_max; /* so many sessions of each worker may be there by now */
	enum coding coding;
	char channel[32];
	uint32_t tokens_count;
	char tokens[TOKENS_MAX][160];
	enum order order;
	uint32_t order_number;
	uint32_t said, said_before;
	uint64_t delivered_before;
	uint64_t sent_ns[MESSAGES_MAX];
	uint64_t last_ns[WORKERS_MAX]
			[MESSAGES_MAX]; /* when a message's last receiver there had it */
	struct worker_stats worker[WORKERS_MAX];
};
extern struct crowd *crowd;

_Noreturn void die(const char *what);
uint64_t now_ns(void);
/* A connection to the server, from 127.0.0.(2 + @source). */
int dial(uint32_t source);
/* Holds its part of the sessions, until ORDER_END. */
void worker(uint32_t index);
/* Somebody who gets no messages asks and beats for @seconds, and prints how long that took. */
void bystander(double seconds);

uint32_t bucket_of(uint64_t ns);
double bucket_ms(uint32_t bucket);
