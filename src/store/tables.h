/* What the store must know of the tables: how long a key's partition is. Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* The store's own rows (format, epoch); no table of the schema has this byte. */
enum { STORE_TABLE_META = 0, STORE_TABLE_MESSAGE = 16 };

/* Bytes of the partition, which follow the table byte. */
size_t store_partition_len(uint8_t table);
/* The table byte and the partition of @key, or what there is of them. */
struct str store_partition(struct str key);
