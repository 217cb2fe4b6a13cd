/* The generated descriptions, laid out by table byte: RocksDB asks for the prefix of each key it meets. */
#include "store/tables.h"

#include <assert.h>
#include <string.h>

#include "model/tables.h"
#include "store/store.h"

uint8_t store_partition_lens[256]; /* written once, before main() */
static bool is_messages[256];

static_assert((int)STORE_KEY_MAX >= (int)KEY_MAX, "the store takes any key of the schema");

__attribute__((constructor)) static void tables_begin(void)
{
	memset(store_partition_lens, STORE_TABLE_NONE, sizeof(store_partition_lens));
	store_partition_lens[STORE_TABLE_META] = 0;
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		const struct table_desc *table = &table_descs[i];

		store_partition_lens[table->byte] = (uint8_t)(table->partition_len - 1);
		is_messages[table->byte] = str_eq(str_z(table->family), S("messages"));
	}
}

size_t store_partition_len(uint8_t table)
{
	uint8_t len = store_partition_lens[table];

	return len == STORE_TABLE_NONE ? 0 : len;
}

bool store_table_is_messages(uint8_t table)
{
	return is_messages[table];
}

struct str store_partition(struct str key)
{
	size_t len = key.len ? 1 + store_partition_len((uint8_t)key.ptr[0]) : 0;

	return (struct str){ key.ptr, key.len < len ? key.len : len };
}
