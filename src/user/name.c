#include "user/name.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "cell/txn.h"
#include "codec/row.h"
#include "model/errors.h"
#include "model/objects.h"
#include "model/tables.h"
#include "store/store.h"

static uint64_t name_hash(struct str name)
{
	uint64_t hash =
		0xcbf29ce484222325ULL; /* FNV-1a: stable on disk, no secret needed, collisions share a partition */

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.ptr[i]) * 0x100000001b3ULL;
	return hash;
}

static uint64_t cell_id(enum name_kind kind, struct str name)
{
	return hash_u64(name_hash(name) + kind) | 1ULL << 63;
}

static struct str key_of(struct key *key, enum name_kind kind, struct str name)
{
	return kind == NAME_USERNAME ? key_username_entry(key, name_hash(name), name)
				     : key_email_entry(key, name_hash(name), name);
}

struct question {
	enum name_kind kind;
	struct str name;
	uint64_t user_id; /* in; out for find */
};

static int read_entry(struct txn *txn, const struct question *q, struct user_entry *ret)
{
	struct key key;

	*ret = (struct user_entry){};
	return txn_get_obj_wait(txn, key_of(&key, q->kind, q->name), &desc_user_entry, ret);
}

static int run_take(struct txn *txn, void *arg)
{
	const struct question *q = arg;
	struct user_entry entry;
	struct key key;

	int r = txn_lock_wait(txn, q->name);
	if (r)
		return r;
	r = read_entry(txn, q, &entry);
	if (r && r != ENOENT)
		return r;
	if (!r && entry.user_id != q->user_id)
		return ERR_NAME_TAKEN;
	entry = (struct user_entry){ .user_id = q->user_id,
				     .created_at = (int64_t)core_wall_us(txn->core) };
	txn_put(txn, key_of(&key, q->kind, q->name), &desc_user_entry, &entry);
	return 0;
}

static int run_release(struct txn *txn, void *arg)
{
	const struct question *q = arg;
	struct user_entry entry;
	struct key key;

	int r = txn_lock_wait(txn, q->name);
	if (r)
		return r;
	r = read_entry(txn, q, &entry);
	if (r == ENOENT || (!r && entry.user_id != q->user_id))
		return 0;
	if (r)
		return r;
	txn_del(txn, key_of(&key, q->kind, q->name));
	return 0;
}

static int run_find(struct txn *txn, void *arg)
{
	struct question *q = arg;
	struct user_entry entry;

	int r = read_entry(txn, q, &entry);
	q->user_id = entry.user_id;
	return r;
}

static int ask(struct core *core, int (*fn)(struct txn *, void *), struct question *q)
{
	int r = cell_call_wait(core, CELL_NAME, cell_id(q->kind, q->name), fn, q);

	return r == 0 || r == ENOENT || r == ERR_NAME_TAKEN ? r : ERR_UNAVAILABLE;
}

int name_take_wait(struct core *core, enum name_kind kind, struct str name, uint64_t user_id)
{
	return ask(core, run_take, &(struct question){ kind, name, user_id });
}

int name_release_wait(struct core *core, enum name_kind kind, struct str name, uint64_t user_id)
{
	return ask(core, run_release, &(struct question){ kind, name, user_id });
}

struct releasing {
	struct question q;
	char name[];
};

static int run_release_later(struct txn *txn, void *arg)
{
	struct releasing *releasing = arg;

	releasing->q.name.ptr = releasing->name;
	return run_release(txn, &releasing->q);
}

void name_release_later(struct core *core, enum name_kind kind, struct str name, uint64_t user_id)
{
	struct releasing *releasing = mem_zalloc(sizeof(*releasing) + name.len);

	releasing->q = (struct question){ kind, { NULL, name.len }, user_id };
	memcpy(releasing->name, name.ptr, name.len);
	cell_tell(core, CELL_NAME, cell_id(kind, name), false, run_release_later, releasing);
}

int name_find_wait(struct core *core, enum name_kind kind, struct str name, uint64_t *ret_user_id)
{
	struct question q = { kind, name, 0 };

	int r = ask(core, run_find, &q);
	if (!r)
		*ret_user_id = q.user_id;
	return r;
}

struct str username_canonical(struct arena *arena, struct str name)
{
	char *lower = arena_alloc(arena, name.len + 1);

	if (name.len < 2 || name.len > 32)
		return (struct str){};
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 'a' - 'A');
		bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
			c == '.';
		if (!fine || (c == '.' && i && lower[i - 1] == '.'))
			return (struct str){};
		lower[i] = c;
	}
	return (struct str){ lower, name.len };
}

static int load_wait(struct cell *cell)
{
	static int nothing;

	cell->state = &nothing; /* all of it is in its rows */
	return 0;
}

void name_register(void)
{
	static const struct cell_type type = { .name = "name", .load_wait = load_wait };

	cell_type_register(CELL_NAME, &type);
}
