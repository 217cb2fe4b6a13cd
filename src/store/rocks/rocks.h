/* Inside store/rocks: one RocksDB, one committer thread, a few reader threads.
 *
 * db.c opens, closes and repairs; commit.c is the committer; read.c answers reads; check.c has the
 * slow looks at the whole. The handle of the database changes only in a repair, which the committer makes
 * while nobody is inside a *pass* (below). */
#pragma once

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdalign.h>

#include "store/internal.h"

enum { CF_REST, CF_MESSAGES, CF_COUNT };
enum { PASS_SHARED = 64, PASS_COUNT };

struct rocks {
	struct store store;
	char *dir;
	uint64_t reserve_bytes, log_bytes_max;
	int sync_interval_ms;

	/* db.c */
	rocksdb_options_t *options[CF_COUNT];
	rocksdb_writeoptions_t *write_plain, *write_sync;
	rocksdb_readoptions_t *get_memory,
		*get_disk; /* never changed, so that all threads may use them */
	rocksdb_t *db;    /* NULL while a repair has not worked yet */
	rocksdb_column_family_handle_t *cf[CF_COUNT];
	rocksdb_cache_t *cache;
	uint64_t cache_bytes; /* of it, as configured */
	uint64_t epoch, counter; /* of the next version; the committer's */
	uint64_t room_checked_us, room_written; /* bytes since the last look */
	/* Passes: who uses the database says so in a word of his own core, or in the last one when he is on no
	 * core; the repairer sets @shut and waits until all are zero. */
	_Atomic bool shut;
	struct {
		alignas(64) _Atomic uint32_t inside;
	} pass[PASS_COUNT];

	/* commit.c */
	pthread_t committer;
	pthread_mutex_t mutex; /* over head, tail, asleep, stopping */
	pthread_cond_t cond;
	struct msg *head, *tail; /* batches handed over */
	bool asleep, stopping;
	rocksdb_writebatch_t *writes;
	int trouble; /* 0, or why nothing is written: -ENOSPC, -EIO */
	uint64_t refused_bytes; /* of the batch that found no room */
	bool broken; /* the log failed: close and open again */
	uint64_t retry_us; /* not before: the next try to get out of trouble */
	uint64_t repaired_us; /* when the last one worked */
	uint64_t unsynced_us; /* when the oldest write was made that is not synced; 0: none */
	struct store_gate **suspects; /* of the round that broke the log */
	uint32_t suspect_count;
	_Atomic bool refusing;

	/* read.c */
	pthread_t *readers;
	uint32_t reader_count;
	pthread_mutex_t read_mutex; /* over the rest */
	pthread_cond_t read_cond; /* work, or the end */
	pthread_cond_t open_cond; /* the store open again, or the end */
	struct store_flight *flight_head, *flight_tail;
	struct store_flight *flight_hash[256];
	bool read_stopping;
};

static inline struct rocks *rocks_of(struct store *store)
{
	return container_of(store, struct rocks, store);
}
static inline rocksdb_column_family_handle_t *rocks_cf(const struct rocks *r, struct str key)
{
	return r->cf[store_table_is_messages((uint8_t)key.ptr[0]) ? CF_MESSAGES : CF_REST];
}

/* -- db.c -- */
/* A condition for rocks_wait_until(). */
void rocks_cond_init(pthread_cond_t *cond);
/* Waits, at most until @at_us of the monotonic clock (0: for ever). False when that has come. */
bool rocks_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t at_us);
/* The errno in a message of RocksDB, which is freed: -EAGAIN when only the disk knows. 0 for NULL. */
int rocks_error(char *err);
/* False while the store is shut. Leave as soon as you can: a repair waits. */
bool rocks_enter(struct rocks *r, uint32_t pass);
void rocks_leave(struct rocks *r, uint32_t pass);
/* Opens the database and raises the epoch. */
int rocks_db_open(struct rocks *r);
void rocks_db_close(struct rocks *r);
/* Closes and opens again; the committer's. On failure there is no database, reads wait or fail. */
int rocks_db_reopen(struct rocks *r);
/* Writes the next epoch, synced; versions then start anew. */
int rocks_raise_epoch(struct rocks *r);
/* Is there room for @extra bytes more? The committer's; looks at the disk now and then only. */
bool rocks_room(struct rocks *r, uint64_t extra);

/* -- commit.c -- */
int rocks_committer_start(struct rocks *r);
void rocks_committer_stop(struct rocks *r);
void rocks_commit(struct store *store, struct store_batch *batch);

/* -- read.c -- */
int rocks_readers_start(struct rocks *r, uint32_t count);
/* Answers what waits first. */
void rocks_readers_stop(struct rocks *r);
/* After a repair: wakes readers that wait for the store to be open. */
void rocks_readers_wake(struct rocks *r);
bool rocks_read(struct store *store, struct store_read *read);

/* -- check.c -- */
int rocks_checkpoint(struct store *store, const char *dest);
int rocks_check(struct store *store, uint64_t *ret_rows, uint64_t *ret_bad);
