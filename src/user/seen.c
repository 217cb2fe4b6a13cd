#include "user/seen.h"

#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "codec/row.h"
#include "core/fiber.h"
#include "model/objects.h"
#include "model/tables.h"
#include "store/store.h"

enum { AT_ONCE = 64, ACCOUNT = 0, TOKENS, READS };

struct reading {
	struct store_read read[AT_ONCE][READS];
	struct arena arena[AT_ONCE][READS];
	struct key key[AT_ONCE][READS];
};

static void prepare(struct reading *reading, uint32_t i, uint64_t id)
{
	struct str keys[READS] = { key_account(&reading->key[i][ACCOUNT], id),
				   prefix_token(&reading->key[i][TOKENS], id) };

	for (int k = 0; k < READS; k++) {
		arena_init(&reading->arena[i][k]);
		reading->read[i][k] = (struct store_read){ .arena = &reading->arena[i][k],
							   .key = keys[k],
							   .scan = k == TOKENS };
	}
}

static int64_t look(struct reading *reading, uint32_t i)
{
	const struct store_read *read = reading->read[i];
	struct arena *arena = reading->arena[i];
	struct account account = {};

	if (read[ACCOUNT].result == ENOENT)
		return 0;
	if (read[ACCOUNT].result || read[TOKENS].result ||
	    row_get(read[ACCOUNT].rows[0].value, &desc_account, &arena[ACCOUNT], &account))
		return INT64_MAX;
	int64_t at_us = MAX(account.last_seen_at, account.created_at);
	for (uint32_t k = 0; k < read[TOKENS].count; k++) {
		struct token_row row = {};

		if (row_get(read[TOKENS].rows[k].value, &desc_token_row, &arena[TOKENS], &row))
			return INT64_MAX;
		at_us = MAX(at_us, row.last_used_at);
	}
	return at_us;
}

void user_seen_wait(struct core *core, const uint64_t *ids, uint32_t count, int64_t *ret_at_us)
{
	struct reading *reading = mem_alloc(sizeof(*reading));

	for (uint32_t from = 0; from < count; from += AT_ONCE) {
		uint32_t now = MIN(count - from, (uint32_t)AT_ONCE);

		for (uint32_t i = 0; i < now; i++)
			prepare(reading, i, ids[from + i]);
		store_reads_wait(core, reading->read[0], now * READS);
		for (uint32_t i = 0; i < now; i++) {
			ret_at_us[from + i] = look(reading, i);
			for (int k = 0; k < READS; k++)
				arena_done(&reading->arena[i][k]);
		}
		fiber_yield(core);
	}
	free(reading);
}
