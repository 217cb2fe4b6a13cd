#include "store/testing.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/internal.h"

void rig_init(struct rig *rig, struct store *store, bool mem)
{
	rig->store = store;
	rig->mem = mem;
	rig->cores = cores_new(&(struct cores_config){ .count = 1,
						       .fibers_max = 256,
						       .clock = &clock_real,
						       .random = &random_real,
						       .store = store });
	rig->core = rig->cores->core[0];
}

void rig_done(struct rig *rig)
{
	rig->store->ops->close(rig->store);
	cores_free(rig->cores);
}

void rig_turn(struct rig *rig)
{
	if (rig->mem)
		store_mem_step(rig->store);
	core_turn(rig->core, rig->mem ? 0 : 1000);
}

static void on_counted(struct core *core, struct store_batch *batch, int r)
{
	struct rig_count *count = batch->owner;

	(void)core;
	count->last = r;
	count->durable += r == 0;
	count->stale += r == -ESTALE;
	count->failed += r && r != -ESTALE;
	store_batch_free(batch);
}

void rig_commit_counted(struct rig *rig, struct store_batch *batch, struct rig_count *count)
{
	batch->owner = count;
	batch->done = on_counted;
	count->asked++;
	store_commit(rig->store, batch);
}

int rig_commit(struct rig *rig, struct store_batch *batch)
{
	struct rig_count count = {};

	rig_commit_counted(rig, batch, &count);
	while (count.durable + count.failed + count.stale == 0)
		rig_turn(rig);
	return count.last;
}

int rig_put(struct rig *rig, struct str key, struct str value)
{
	struct store_batch *batch = store_batch_new(rig->core, NULL);

	store_batch_put(batch, key, value);
	return rig_commit(rig, batch);
}

static void on_read(struct core *core, struct store_read *read)
{
	(void)core;
	*(bool *)read->owner = true;
}

void rig_read(struct rig *rig, struct store_read *read)
{
	bool done = false;

	read->core = rig->core;
	read->done = on_read;
	read->owner = &done;
	if (store_read(rig->store, read))
		return;
	while (!done)
		rig_turn(rig);
}

int rig_get(struct rig *rig, struct arena *arena, struct str key, struct str *ret_value)
{
	struct store_read read = { .arena = arena, .key = key };

	rig_read(rig, &read);
	if (read.result == 0)
		*ret_value = read.rows[0].value;
	return read.result;
}

char *test_dir(void)
{
	char *dir = mem_strdup("/var/tmp/store-test-XXXXXX");

	if (!mkdtemp(dir))
		abort();
	return dir;
}

static int on_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void test_dir_remove(const char *dir)
{
	nftw(dir, on_file, 16, FTW_DEPTH | FTW_PHYS);
}

struct str test_key(char room[64], uint8_t table, uint64_t partition, uint64_t order)
{
	size_t len = store_partition_len(table);

	memset(room, 0, 64);
	room[0] = (char)table;
	partition = __builtin_bswap64(partition);
	order = __builtin_bswap64(order);
	memcpy(room + 1, &partition, len < 8 ? len : 8);
	memcpy(room + 1 + len, &order, 8);
	return (struct str){ room, 1 + len + 8 };
}

/* RocksDB and what it compresses with are not built for the thread sanitizer, which sees their mutexes but not their
 * atomics. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:librocksdb\nrace:libzstd\nrace:liblz4\n";
}
