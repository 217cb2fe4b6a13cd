/* For the store's own tests: a core that the test turns by hand, a store on it, and calls that wait. */
#pragma once

#include "store/mem.h"
#include "store/store.h"

struct rig {
	struct cores *cores;
	struct core *core; /* the first */
	struct store *store;
	bool mem; /* a store_mem, stepped while waiting */
};
/* @store as it came from an open. */
void rig_init(struct rig *rig, struct store *store, bool mem);
/* Closes the store too. */
void rig_done(struct rig *rig);
void rig_turn(struct rig *rig);
/* Commits, waits, frees. */
int rig_commit(struct rig *rig, struct store_batch *batch);
int rig_put(struct rig *rig, struct str key, struct str value);
/* Hands over without waiting; the result is added up in @count: count->durable, failed, stale. */
struct rig_count {
	uint32_t asked, durable, failed, stale;
	int last;
};
void rig_commit_counted(struct rig *rig, struct store_batch *batch, struct rig_count *count);
/* Reads, waits. */
void rig_read(struct rig *rig, struct store_read *read);
int rig_get(struct rig *rig, struct arena *arena, struct str key, struct str *ret_value);

/* A new directory's path below /var/tmp (not memory: what is synced matters); free(). */
char *test_dir(void);
void test_dir_remove(const char *dir);
/* table | partition (table's length, filled from @partition) | @order, in @room. */
struct str test_key(char room[64], uint8_t table, uint64_t partition, uint64_t order);
