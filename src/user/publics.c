/* What everybody may see of many users at once. */
#include <errno.h>
#include <stdlib.h>

#include "codec/dup.h"
#include "core/fiber.h"
#include "store/store.h"
#include "user/user.h"

enum { AT_ONCE = 64 };

struct piece {
	struct fiber *fiber;
	uint32_t left;
};

struct reading {
	struct store_read read;
	struct arena arena;
	struct key key;
};

static void on_read(struct core *core, struct store_read *read)
{
	struct piece *piece = read->owner;

	if (--piece->left == 0)
		fiber_wake(core, piece->fiber);
}

static void begin(struct core *core, struct piece *piece, struct reading *reading, uint64_t id)
{
	arena_init(&reading->arena);
	reading->read = (struct store_read){ .core = core,
					     .arena = &reading->arena,
					     .key = key_account(&reading->key, id),
					     .done = on_read,
					     .owner = piece };
	piece->left += !store_read(core_cores(core)->store, &reading->read);
}

static int take(struct reading *reading, struct arena *arena, struct user *ret)
{
	struct account account = {};

	*ret = (struct user){};
	if (reading->read.result == ENOENT)
		return 0;
	int r = reading->read.result
		? reading->read.result
		: row_get(reading->read.rows[0].value, &desc_account, &reading->arena, &account);
	if (r)
		return r;
	struct user view = user_public(&account);
	*ret = *(struct user *)obj_dup_arena(arena, &desc_user, &view);
	return 0;
}

int user_publics_wait(struct core *core, struct arena *arena, const uint64_t *ids, uint32_t count,
		      struct user *ret)
{
	struct reading *readings = mem_alloc(AT_ONCE * sizeof(*readings));
	struct piece piece = { .fiber = fiber_self(core) };
	int r = 0;

	for (uint32_t from = 0; from < count && !r; from += AT_ONCE) {
		uint32_t now = MIN(count - from, (uint32_t)AT_ONCE);

		for (uint32_t i = 0; i < now; i++)
			begin(core, &piece, &readings[i], ids[from + i]);
		while (piece.left)
			fiber_park(core);
		for (uint32_t i = 0; i < now; i++) {
			if (!r)
				r = take(&readings[i], arena, &ret[from + i]);
			arena_done(&readings[i].arena);
		}
	}
	free(readings);
	return r;
}
