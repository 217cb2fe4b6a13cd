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

struct piece {
	struct fiber *fiber;
	uint32_t left;
};

struct reading {
	struct store_read read[READS];
	struct arena arena[READS];
	struct key key[READS];
};

static void on_read(struct core *core, struct store_read *read)
{
	struct piece *piece = read->owner;

	if (--piece->left == 0)
		fiber_wake(core, piece->fiber);
}

static void begin(struct core *core, struct piece *piece, struct reading *reading, uint64_t id)
{
	struct str keys[READS] = { key_account(&reading->key[ACCOUNT], id),
				   prefix_token(&reading->key[TOKENS], id) };

	for (int i = 0; i < READS; i++) {
		arena_init(&reading->arena[i]);
		reading->read[i] = (struct store_read){ .core = core,
							.arena = &reading->arena[i],
							.key = keys[i],
							.scan = i == TOKENS,
							.done = on_read,
							.owner = piece };
		piece->left += !store_read(core_cores(core)->store, &reading->read[i]);
	}
}

static int64_t look(struct reading *reading)
{
	const struct store_read *read = reading->read;
	struct account account = {};

	if (read[ACCOUNT].result == ENOENT)
		return 0;
	if (read[ACCOUNT].result || read[TOKENS].result ||
	    row_get(read[ACCOUNT].rows[0].value, &desc_account, &reading->arena[ACCOUNT], &account))
		return INT64_MAX;
	int64_t at_us = MAX(account.last_seen_at, account.created_at);
	for (uint32_t i = 0; i < read[TOKENS].count; i++) {
		struct token_row row = {};

		if (row_get(read[TOKENS].rows[i].value, &desc_token_row, &reading->arena[TOKENS],
			    &row))
			return INT64_MAX;
		at_us = MAX(at_us, row.last_used_at);
	}
	return at_us;
}

void user_seen_wait(struct core *core, const uint64_t *ids, uint32_t count, int64_t *ret_at_us)
{
	struct reading *readings = mem_alloc(AT_ONCE * sizeof(*readings));
	struct piece piece = { .fiber = fiber_self(core) };

	for (uint32_t from = 0; from < count; from += AT_ONCE) {
		uint32_t now = MIN(count - from, (uint32_t)AT_ONCE);

		for (uint32_t i = 0; i < now; i++)
			begin(core, &piece, &readings[i], ids[from + i]);
		while (piece.left)
			fiber_park(core);
		for (uint32_t i = 0; i < now; i++) {
			ret_at_us[from + i] = look(&readings[i]);
			for (int k = 0; k < READS; k++)
				arena_done(&readings[i].arena[k]);
		}
		fiber_yield(core);
	}
	free(readings);
}
