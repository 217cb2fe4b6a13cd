#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/row.h"
#include "core/fiber.h"
#include "model/objects.h"
#include "model/tables.h"
#include "store/testing.h"
#include "user/seen.h"

enum { MANY = 200, MADE_US = 1000, SEEN_US = 5000, USED_US = 9000 };

struct world {
	struct rig rig;
	uint64_t ids[MANY];
	int64_t at_us[MANY];
	bool done;
};

static void put(struct world *w, struct str key, const struct obj_desc *desc, const void *row)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	row_put(&text, desc, row);
	assert_int_equal(rig_put(&w->rig, key, buf_str(&text)), 0);
	buf_done(&text);
}

static void put_account(struct world *w, uint64_t id, int64_t seen_us)
{
	struct account account = { .id = id, .created_at = MADE_US, .last_seen_at = seen_us };
	struct key key;

	put(w, key_account(&key, id), &desc_account, &account);
}

static void put_token(struct world *w, uint64_t id, uint8_t n)
{
	struct token_row row = { .user_id = id, .last_used_at = USED_US - n };
	const uint8_t hash[32] = { n };
	struct key key;

	put(w, key_token(&key, id, hash), &desc_token_row, &row);
}

static void on_fiber(struct core *core, void *arg)
{
	struct world *w = arg;

	user_seen_wait(core, w->ids, MANY, w->at_us);
	w->done = true;
}

static void rows_say_when_somebody_was_last_here(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));
	struct key key;

	(void)state;
	rig_init(&w->rig, store_mem_new(NULL), true);
	for (uint32_t i = 0; i < MANY; i++)
		w->ids[i] = i + 1;
	for (uint64_t id = 1; id <= MANY - 3; id++)
		put_account(w, id, id % 2 ? SEEN_US : 0);
	put_token(w, 2, 1);
	put_token(w, 2, 0);
	put_token(w, MANY, 0); /* without an account */
	assert_int_equal(rig_put(&w->rig, key_account(&key, MANY - 1), S("\xff\xff\xff\xff")), 0);
	assert_int_equal(fiber_start(w->rig.core, on_fiber, w), 0);
	while (!w->done)
		rig_turn(&w->rig);
	for (uint32_t id = 1; id <= MANY - 3; id++)
		assert_int_equal(w->at_us[id - 1], id == 2 ? USED_US : id % 2 ? SEEN_US : MADE_US);
	assert_int_equal(w->at_us[MANY - 3], 0);
	assert_int_equal(w->at_us[MANY - 2], INT64_MAX); /* poisoned: spared */
	assert_int_equal(w->at_us[MANY - 1], 0);
	rig_done(&w->rig);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_say_when_somebody_was_last_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
