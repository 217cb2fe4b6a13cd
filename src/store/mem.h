/* The store in memory, for tests and the simulator: single-threaded, and nothing happens but in
 * store_mem_step() (reads that do not go to the "disk" excepted). What was handed over but not stepped is lost
 * in a crash, or part of it is not, as on a real disk.
 *
 *	struct store *store = store_mem_new(NULL);      (cores_new() gets it)
 *	store_commit(store, batch);
 *	store_mem_step(store);                          durable; batch->done runs in the core's next turn
 *	image = store_mem_crash(store);                 the cores are thrown away before
 *	store = store_mem_open(NULL, image);            epoch + 1
 *
 * Without latencies and faults set, a step completes all that waits. */
#pragma once

#include "base/random.h"
#include "store/store.h"

/* All zero: none. May be changed at any time, applies to what happens from then on. */
struct store_mem_faults {
	struct random *
		random; /* seeded; NULL: latencies are the least, nothing that has a chance happens but
				  * a crash loses all that is not durable */
	uint32_t commit_min_us,
		commit_max_us; /* from store_commit() to durable; commits stay in order */
	uint32_t read_min_us, read_max_us;
	uint32_t
		slow_read_percent; /* of reads that do not answer at once; they see the rows of when they are answered */
	uint32_t fail_rounds; /* so many of the next rounds (what one step writes) fail */
	int fail_errno; /* with this; 0 is -EIO */
	uint32_t
		failed_lands_percent; /* of batches in a failed round that are on the disk nevertheless */
	bool full; /* refuse all with -ENOSPC */
	/* Bugs to plant, which a checker must find. */
	bool publish_before_sync; /* done comes before durable: store_mem_sync() is what makes it so */
	bool ignore_gates;
	bool tear_whole_batches; /* not a bug, but milder: a crash tears between batches only */
};
/* The store's own, to be changed in place. */
struct store_mem_faults *store_mem_faults(struct store *store);

/* Completes what is due at the clock's now (the clock of the core that asked), in order. How many completed. */
uint32_t store_mem_step(struct store *store);
/* The monotonic time when the next is due; UINT64_MAX: nothing waits. */
uint64_t store_mem_next_us(struct store *store);
/* Commits not yet done. */
uint32_t store_mem_waiting(const struct store *store);
/* With publish_before_sync: makes all that was completed durable. Else it is so already. */
void store_mem_sync(struct store *store);

/* What is on the disk. */
struct store_mem_image;
/* The machine dies: frees the store; batches and reads in flight are forgotten (batches freed), their done is
 * not called. With faults.random, some of the commits that wait, in their order, have reached the disk although
 * nobody was told, and the next one is torn: any of its partitions may be there, each whole. */
struct store_mem_image *store_mem_crash(struct store *store);
/* Opens an image, which is the store's from then on. @cores may be NULL. */
struct store *store_mem_open(struct cores *cores, struct store_mem_image *image);
/* A copy of what is durable now, at no cost in rows; to open or to compare. */
struct store_mem_image *store_mem_image_of(struct store *store);
void store_mem_image_free(struct store_mem_image *image);
/* A hash of all rows: equal for equal contents (versions count). */
uint64_t store_mem_image_hash(const struct store_mem_image *image);
