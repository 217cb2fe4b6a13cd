/* Fills a guild of a stopped server with members, straight into the store: fill_members DATA GUILD COUNT [ROLE]... */
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

enum { BATCH = 500, IN_FLIGHT = 8 };

struct fill {
	struct cores *cores;
	struct msg start;
	uint64_t guild, at, count, first_ms;
	uint64_t *roles;
	uint32_t roles_count, flying;
	struct random_seeded random;
	_Atomic bool finished;
};
static struct fill fill;

static uint32_t below(uint32_t n)
{
	return (uint32_t)random_below(&fill.random.random, n);
}

static int make_name(char *name, size_t size)
{
	static const char *const syllables[] = { "an", "be", "cor", "da", "el", "fi", "gu",
						 "ha", "io", "jo",  "ka", "li", "mo", "na",
						 "or", "pe", "qu",  "ri", "sa", "to" };
	int len = 0;

	for (int i = 0; i < 4; i++)
		len += snprintf(name + len, size - (size_t)len, "%s", syllables[below(20)]);
	return len;
}

/* As members are: most with a picture, half with a name to show, some with a nickname and roles. */
static void put_member(struct store_batch *batch, uint64_t id)
{
	char username[40], shown[40], nick[40], avatar[40];
	uint64_t roles[3];
	struct member_row row = { .user_id = id,
				  .joined_at = (int64_t)fill.first_ms * 1000 +
					  (int64_t)fill.at * 1000003,
				  .discriminator = S("0") };
	struct buf value;
	struct key key;

	int len = make_name(username, sizeof(username));
	len += snprintf(username + len, sizeof(username) - (size_t)len, "%u", below(10000));
	row.username = (struct str){ username, (size_t)len };
	if (below(2))
		row.global_name = (struct str){ shown, (size_t)make_name(shown, sizeof(shown)) };
	if (below(10) == 0)
		row.nick = (struct str){ nick, (size_t)make_name(nick, sizeof(nick)) };
	if (below(10) < 6) {
		snprintf(avatar, sizeof(avatar), "%016lx%016lx", id * 0x9e3779b97f4a7c15,
			 id * 0xc4ceb9fe1a85ec53);
		row.user_avatar = (struct str){ avatar, 32 };
	}
	row.roles.items = roles;
	for (uint32_t i = 0; i < 3 && fill.roles_count; i++)
		if (below(3) == 0)
			roles[row.roles.count++] =
				fill.roles[(below(fill.roles_count) + i) % fill.roles_count];
	buf_init(&value, 1 << 20);
	row_put(&value, &desc_member_row, &row);
	store_batch_put(batch, key_member(&key, fill.guild, id), buf_str(&value));
	buf_done(&value);
}

static void pump(struct core *core);

static void on_done(struct core *core, struct store_batch *batch, int r)
{
	store_batch_free(batch);
	if (r) {
		fprintf(stderr, "fill_members: %s\n", strerror(-r));
		exit(1);
	}
	fill.flying--;
	pump(core);
}

static void pump(struct core *core)
{
	while (fill.flying < IN_FLIGHT && fill.at < fill.count) {
		struct store_batch *batch = store_batch_new(core, NULL);

		for (uint32_t i = 0; i < BATCH && fill.at < fill.count; i++, fill.at++)
			put_member(batch,
				   snowflake_at(fill.first_ms + fill.at * 500) | (fill.at & 0xfff));
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

	if (argc < 4) {
		fprintf(stderr, "usage: fill_members DATA GUILD COUNT [ROLE]...\n");
		return 2;
	}
	snprintf(dir, sizeof(dir), "%s/store", argv[1]);
	fill.guild = strtoull(argv[2], NULL, 10);
	fill.count = strtoull(argv[3], NULL, 10);
	fill.roles = mem_alloc((size_t)argc * sizeof(uint64_t));
	for (int i = 4; i < argc; i++)
		fill.roles[fill.roles_count++] = strtoull(argv[i], NULL, 10);
	random_seeded_init(&fill.random, 1);
	fill.first_ms = clock_wall_us(&clock_real) / 1000 - 40ULL * 86400 * 1000;
	int r = store_rocks_open(
		&(struct store_rocks_config){
			.dir = dir, .cache_bytes = 64 << 20, .readers = 1, .sync_interval_ms = -1 },
		&store);
	if (r) {
		fprintf(stderr, "fill_members: %s: %s\n", dir, strerror(-r));
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
	free(fill.roles);
	return 0;
}
