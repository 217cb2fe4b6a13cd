#include "realm/directory.h"

#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "codec/row.h"
#include "core/local.h"
#include "model/errors.h"
#include "model/objects.h"
#include "model/tables.h"
#include "store/store.h"

enum { REMEMBERED_MAX = 1 << 17, ENTRY_GUILD = 1, ENTRY_DM = 2 };

struct place {
	uint64_t realm_id;
	enum cell_kind kind;
};

struct directory {
	struct map channels; /* channel id → struct place */
};

struct directory *directory_new(void)
{
	struct directory *directory = mem_zalloc(sizeof(*directory));

	map_init(&directory->channels);
	return directory;
}

static void forget_all(struct directory *directory)
{
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(&directory->channels, &at, &id, &value))
		free(value);
	map_done(&directory->channels);
}

void directory_free(struct directory *directory)
{
	if (!directory)
		return;
	forget_all(directory);
	free(directory);
}

bool directory_channel_cached(struct core *core, uint64_t channel_id, enum cell_kind *ret_kind,
			      uint64_t *ret_id)
{
	const struct place *place = map_get(&local_of(core)->directory->channels, channel_id);

	if (!place)
		return false;
	*ret_kind = place->kind;
	*ret_id = place->realm_id;
	return true;
}

int directory_channel_wait(struct core *core, uint64_t channel_id, enum cell_kind *ret_kind,
			   uint64_t *ret_id)
{
	struct directory *directory = local_of(core)->directory;
	struct realm_entry row = {};
	struct arena arena;
	struct str value;
	struct key key;

	if (channel_id == 0)
		return ENOENT;
	if (directory_channel_cached(core, channel_id, ret_kind, ret_id))
		return 0;
	arena_init(&arena);
	int r = store_get_wait(core, &arena, key_channel_entry(&key, channel_id), &value);
	if (!r)
		r = row_get(value, &desc_realm_entry, &arena, &row);
	arena_done(&arena);
	if (r)
		return r == ENOENT ? ENOENT : ERR_UNAVAILABLE;
	if (directory->channels.count >= REMEMBERED_MAX)
		forget_all(directory);
	struct place *place = mem_alloc(sizeof(*place));
	*place = (struct place){ row.realm_id, row.kind == ENTRY_DM ? CELL_DM : CELL_GUILD };
	*ret_kind = place->kind;
	*ret_id = place->realm_id;
	free(map_set(&directory->channels, channel_id, place));
	return 0;
}

void directory_put_channel(struct store_batch *batch, uint64_t channel_id, enum cell_kind kind,
			   uint64_t realm_id)
{
	struct realm_entry row = { .realm_id = realm_id,
				   .kind = kind == CELL_DM ? ENTRY_DM : ENTRY_GUILD };
	struct buf value;
	struct key key;

	buf_init(&value, 256);
	row_put(&value, &desc_realm_entry, &row);
	store_batch_put(batch, key_channel_entry(&key, channel_id), buf_str(&value));
	buf_done(&value);
}

struct writing {
	struct fiber *fiber;
	int result;
	bool finished;
};

static void on_written(struct core *core, struct store_batch *batch, int r)
{
	struct writing *writing = batch->owner;

	store_batch_free(batch);
	writing->result = r;
	writing->finished = true;
	fiber_wake(core, writing->fiber);
}

int directory_write_wait(struct core *core, uint64_t channel_id, enum cell_kind kind,
			 uint64_t realm_id)
{
	struct writing writing = { .fiber = fiber_self(core) };
	struct store_batch *batch = store_batch_new(core, NULL);

	directory_put_channel(batch, channel_id, kind, realm_id);
	batch->done = on_written;
	batch->owner = &writing;
	store_commit(core_cores(core)->store, batch);
	while (!writing.finished)
		fiber_park(core);
	return writing.result == -EIO || writing.result == -ENOSPC ? ERR_UNAVAILABLE
								   : writing.result;
}
