#include "store/tables.h"

size_t store_partition_len(uint8_t table)
{
	switch (table) {
	case STORE_TABLE_META:
	case 80: /* one partition for the whole table */
		return 0;
	case STORE_TABLE_MESSAGE: /* channel u64, bucket u32 */
		return 12;
	default: /* a realm's or a user's id */
		return 8;
	}
}

struct str store_partition(struct str key)
{
	size_t len = key.len ? 1 + store_partition_len((uint8_t)key.ptr[0]) : 0;

	return (struct str){ key.ptr, key.len < len ? key.len : len };
}
