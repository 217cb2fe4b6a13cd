/* Slow looks at the whole store, for operators: a copy beside it, and a check of every row. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "store/rocks/rocks.h"

enum { CHECK_ROWS = 4096 }; /* in one pass: a repair does not wait for longer */

/* Enters, or waits for a repair to be over. False when it takes too long. */
static bool enter_wait(struct rocks *r)
{
	for (int i = 0; i < 500; i++) {
		if (rocks_enter(r, PASS_SHARED))
			return true;
		usleep(10 * 1000);
	}
	return false;
}

int rocks_checkpoint(struct store *store, const char *dest)
{
	struct rocks *r = rocks_of(store);
	char *err = NULL;
	struct stat st;

	if (lstat(dest, &st) == 0)
		return -EEXIST;
	if (!enter_wait(r))
		return -EIO;
	/* 0: what is in memory is flushed first, so that the copy has no log to replay. */
	rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(r->db, &err);
	if (!err) {
		rocksdb_checkpoint_create(checkpoint, dest, 0, &err);
		rocksdb_checkpoint_object_destroy(checkpoint);
	}
	rocks_leave(r, PASS_SHARED);
	if (err)
		log_debug("checkpoint failed dest=%s text=\"%s\"", dest, err);
	int e = rocks_error(err);
	if (!e && chmod(dest, 0700))
		e = -errno;
	return err_trace(e == -EAGAIN ? -EIO : e);
}

static bool is_good(const struct rocks *r, int family, struct str key, struct str row)
{
	struct str value;

	if (key.len > STORE_KEY_MAX || key.len < 1 + store_partition_len((uint8_t)key.ptr[0]))
		return false;
	if (rocks_cf(r, key) != r->cf[family])
		return false;
	return store_row_open(key, row, &value, NULL) == 0;
}

/* Some rows from *@from on, which is moved; empty at the end. */
static int check_some(struct rocks *r, rocksdb_readoptions_t *options, int family, struct buf *from,
		      uint64_t *rows, uint64_t *bad)
{
	rocksdb_iterator_t *it = rocksdb_create_iterator_cf(r->db, options, r->cf[family]);
	char *err = NULL;
	size_t len;

	rocksdb_iter_seek(it, from->ptr, from->len);
	buf_clear(from);
	for (int i = 0; rocksdb_iter_valid(it); rocksdb_iter_next(it), i++) {
		struct str key, row;

		key.ptr = rocksdb_iter_key(it, &len);
		key.len = len;
		if (i == CHECK_ROWS) {
			buf_put_str(from, key);
			break;
		}
		row.ptr = rocksdb_iter_value(it, &len);
		row.len = len;
		*rows += key.len && key.ptr[0] != STORE_TABLE_META;
		if (!key.len || !is_good(r, family, key, row))
			++*bad;
	}
	rocksdb_iter_get_error(it, &err);
	rocksdb_iter_destroy(it);
	if (err)
		log_debug("check ends early text=\"%s\"", err);
	return rocks_error(err);
}

int rocks_check(struct store *store, uint64_t *ret_rows, uint64_t *ret_bad)
{
	struct rocks *r = rocks_of(store);
	rocksdb_readoptions_t *options = rocksdb_readoptions_create();
	uint64_t rows = 0, bad = 0;
	struct buf from;
	int e = 0;

	rocksdb_readoptions_set_total_order_seek(options, 1);
	rocksdb_readoptions_set_fill_cache(options, 0);
	rocksdb_readoptions_set_verify_checksums(options, 1);
	buf_init(&from, 1 << 20);
	for (int family = 0; family < CF_COUNT && !e; family++) {
		buf_clear(&from);
		buf_putc(&from, '\0');
		while (from.len && !e) {
			if (!enter_wait(r)) {
				e = -EIO;
				break;
			}
			e = check_some(r, options, family, &from, &rows, &bad);
			rocks_leave(r, PASS_SHARED);
		}
	}
	buf_done(&from);
	rocksdb_readoptions_destroy(options);
	*ret_rows = rows;
	*ret_bad = bad;
	return err_trace(e);
}
