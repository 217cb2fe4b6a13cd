#include "cell/many.h"

#include <assert.h>
#include <stdlib.h>

enum { AT_ONCE = 128 }; /* fibers elsewhere are bounded too */

struct many {
	struct core *core;
	struct fiber *fiber;
	int (*fn)(struct txn *txn, void *arg);
	uint32_t left;
};

struct one {
	struct cell_work work;
	struct msg back;
	struct many *many;
	void *arg;
	int *ret_r;
	int result;
};

static int run_one(struct txn *txn, struct cell_work *work)
{
	struct one *one = container_of(work, struct one, work);

	return one->many->fn(txn, one->arg);
}

static void on_back(struct core *core, struct msg *msg)
{
	struct one *one = container_of(msg, struct one, back);
	struct many *many = one->many;

	*one->ret_r = one->result;
	if (--many->left == 0)
		fiber_wake(core, many->fiber);
}

static void on_done(struct core *core, struct cell_work *work, int r)
{
	struct one *one = container_of(work, struct one, work);

	(void)core;
	one->result = r;
	one->back.run = on_back;
	core_post(one->many->core, &one->back);
}

void cell_call_many_wait(struct core *core, enum cell_kind kind, const uint64_t *ids,
			 uint32_t count, bool if_loaded, int (*fn)(struct txn *txn, void *arg),
			 void *args, size_t size, int *ret_r)
{
	struct many many = { .core = core, .fiber = fiber_self(core), .fn = fn };
	struct one *ones = mem_alloc(MIN(count, (uint32_t)AT_ONCE) * sizeof(*ones) + 1);

	assert(many.fiber);
	for (uint32_t from = 0; from < count; from += AT_ONCE) {
		uint32_t now = MIN(count - from, (uint32_t)AT_ONCE);

		many.left = now;
		for (uint32_t i = 0; i < now; i++) {
			ones[i] = (struct one){ .many = &many,
						.arg = (char *)args + (from + i) * size,
						.ret_r = &ret_r[from + i] };
			ones[i].work = (struct cell_work){ .kind = kind,
							   .id = ids[from + i],
							   .if_loaded = if_loaded,
							   .run = run_one,
							   .done = on_done };
			cell_post(core, &ones[i].work);
		}
		while (many.left)
			fiber_park(core);
	}
	free(ones);
}
