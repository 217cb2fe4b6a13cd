/* What the store must know of the tables of the schema. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* The store's own rows (format, epoch); no table of the schema has this byte. */
enum { STORE_TABLE_META = 0, STORE_TABLE_NONE = 0xff };

/* Bytes of the partition, which follow the table byte. 0 for bytes that no table has. */
size_t store_partition_len(uint8_t table);
/* STORE_TABLE_NONE for bytes that no table has, else as above: all 256, to be compared with those of last time. */
extern uint8_t store_partition_lens[256];
/* Is it one of those that are kept apart, as messages are? */
bool store_table_is_messages(uint8_t table);
/* The table byte and the partition of @key, or what there is of them. */
struct str store_partition(struct str key);
