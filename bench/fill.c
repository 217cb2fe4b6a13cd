/* Fills a channel of a stopped server with old messages, straight into the store: fill DATA REALM CHANNEL AUTHOR COUNT. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/row.h"
#include "core/core.h"
#include "model/objects.h"
#include "model/snowflake.h"
#include "model/tables.h"
#include "store/store.h"

enum { BATCH = 500, IN_FLIGHT = 8, BUCKET_MS = 864000000 };

struct fill {
	struct cores *cores;
	struct msg start;
	uint64_t realm, channel, author, at, count, first_ms, step_us;
	uint32_t flying, bucket;
	_Atomic bool finished;
};
static struct fill fill;

static void put(struct store_batch *batch, struct str key, const struct obj_desc *desc,
		const void *row)
{
	struct buf value;

	buf_init(&value, 1 << 20);
	row_put(&value, desc, row);
	store_batch_put(batch, key, buf_str(&value));
	buf_done(&value);
}

static void pump(struct core *core);

static void on_done(struct core *core, struct store_batch *batch, int r)
{
	store_batch_free(batch);
	if (r) {
		fprintf(stderr, "fill: %s\n", strerror(-r));
		exit(1);
	}
	fill.flying--;
	pump(core);
}

static void pump(struct core *core)
{
	while (fill.flying < IN_FLIGHT && fill.at < fill.count) {
		struct store_batch *batch = store_batch_new(core, NULL);
		struct message_author author = { .username = S("somebody"),
						 .discriminator = S("0") };

		for (uint32_t i = 0; i < BATCH && fill.at < fill.count; i++, fill.at++) {
			uint64_t ms = fill.first_ms + fill.at * fill.step_us / 1000;
			uint64_t id = snowflake_at(ms) | (fill.at & 0xfff);
			uint32_t bucket = (uint32_t)((id >> 22) / BUCKET_MS);
			char text[256];
			struct key key;

			if (bucket != fill.bucket) {
				struct bucket_row row = { .first_message_id = id };

				fill.bucket = bucket;
				put(batch, key_bucket(&key, fill.realm, fill.channel, bucket),
				    &desc_bucket_row, &row);
			}
			int n = snprintf(
				text, sizeof(text),
				"message %lu: the quick brown fox jumps over the lazy dog, %lx times or more, "
				"and nobody has counted how often it was asked to",
				fill.at, fill.at * 2654435761u);
			struct message message = { .id = id,
						   .channel_id = fill.channel,
						   .content = { text, (size_t)n },
						   .timestamp = (int64_t)ms * 1000,
						   .author_id = fill.author,
						   .author_copy = &author };
			put(batch, key_message(&key, fill.channel, bucket, id), &desc_message,
			    &message);
		}
		batch->done = on_done;
		fill.flying++;
		store_commit(core_cores(core)->store, batch);
	}
	if (!fill.flying && fill.at == fill.count)
		atomic_store(&fill.finished, true);
}

static void on_start(struct core *core, struct msg *msg)
{
	(void)msg;
	pump(core);
}

int main(int argc, char **argv)
{
	struct store *store;
	char dir[4096];

	if (argc != 6) {
		fprintf(stderr, "usage: fill DATA REALM CHANNEL AUTHOR COUNT\n");
		return 2;
	}
	snprintf(dir, sizeof(dir), "%s/store", argv[1]);
	fill.realm = strtoull(argv[2], NULL, 10);
	fill.channel = strtoull(argv[3], NULL, 10);
	fill.author = strtoull(argv[4], NULL, 10);
	fill.count = strtoull(argv[5], NULL, 10);
	uint64_t now_ms = clock_wall_us(&clock_real) / 1000, span_ms = 40ULL * 86400 * 1000;
	fill.first_ms = now_ms - span_ms;
	fill.step_us = span_ms * 1000 / (fill.count + 1);
	int r = store_rocks_open(
		&(struct store_rocks_config){
			.dir = dir, .cache_bytes = 64 << 20, .readers = 1, .sync_interval_ms = -1 },
		&store);
	if (r) {
		fprintf(stderr, "fill: %s: %s\n", dir, strerror(-r));
		return 1;
	}
	fill.cores = cores_new(&(struct cores_config){ .count = 1,
						       .fibers_max = 8,
						       .offload_threads = 1,
						       .clock = &clock_real,
						       .random = &random_real,
						       .store = store });
	fill.start.run = on_start;
	core_post(fill.cores->core[0], &fill.start);
	cores_start(fill.cores);
	while (!atomic_load(&fill.finished))
		usleep(10000);
	cores_stop(fill.cores);
	store->ops->close(store);
	cores_free(fill.cores);
	return 0;
}
