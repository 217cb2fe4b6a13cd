/* What everybody may see of many users at once. */
#include <errno.h>
#include <stdlib.h>

#include "codec/dup.h"
#include "core/fiber.h"
#include "store/store.h"
#include "user/user.h"

enum { AT_ONCE = 64 };

struct reading {
	struct store_read read[AT_ONCE];
	struct arena arena[AT_ONCE];
	struct key key[AT_ONCE];
};

static int take(struct reading *reading, uint32_t i, struct arena *arena, struct user *ret)
{
	const struct store_read *read = &reading->read[i];
	struct account account = {};

	*ret = (struct user){};
	if (read->result == ENOENT)
		return 0;
	int r = read->result
		? read->result
		: row_get(read->rows[0].value, &desc_account, &reading->arena[i], &account);
	if (r)
		return r;
	struct user view = user_public(&account);
	*ret = *(struct user *)obj_dup_arena(arena, &desc_user, &view);
	return 0;
}

int user_publics_wait(struct core *core, struct arena *arena, const uint64_t *ids, uint32_t count,
		      struct user *ret)
{
	struct reading *reading = mem_alloc(sizeof(*reading));
	int r = 0;

	for (uint32_t from = 0; from < count && !r; from += AT_ONCE) {
		uint32_t now = MIN(count - from, (uint32_t)AT_ONCE);

		for (uint32_t i = 0; i < now; i++) {
			arena_init(&reading->arena[i]);
			reading->read[i] = (struct store_read){
				.arena = &reading->arena[i],
				.key = key_account(&reading->key[i], ids[from + i]),
			};
		}
		store_reads_wait(core, reading->read, now);
		for (uint32_t i = 0; i < now; i++) {
			if (!r)
				r = take(reading, i, arena, &ret[from + i]);
			arena_done(&reading->arena[i]);
		}
	}
	free(reading);
	return r;
}
