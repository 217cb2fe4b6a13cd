/* An ordered map from keys to rows that can be shared: a copy costs nothing, and the two differ from then on.
 * A treap whose priorities are hashes of the keys, so its shape depends on its contents only; a node that
 * two maps hold is copied when one of them changes. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct rows_node;
struct rows {
	struct rows_node *root;
};

static inline void rows_init(struct rows *rows)
{
	rows->root = NULL;
}
void rows_done(struct rows *rows);
void rows_copy(struct rows *ret, const struct rows *from);
/* Copies key and value in. */
void rows_put(struct rows *rows, struct str key, struct str value);
void rows_del(struct rows *rows, struct str key);
/* All keys in lo <= key < hi; a null @hi has no end. */
void rows_drop(struct rows *rows, struct str lo, struct str hi);
/* False when absent. Valid until the map changes. */
bool rows_get(const struct rows *rows, struct str key, struct str *ret_value);
/* Calls @on_row in order, or backwards, until it returns false. It may not change the map. */
void rows_walk(const struct rows *rows, struct str lo, struct str hi, bool reverse,
	       bool (*on_row)(void *arg, struct str key, struct str value), void *arg);
