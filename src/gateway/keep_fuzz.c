/* Rows of an earlier run, as a disk may give them, into the start of the next one. The first byte: whether the row about the run
 * fits the others (bit 0: no, it is the input's), and how the domain answers; then rows: kind, number (8 bytes), length (2), value. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/testing.h"
#include "codec/row.h"
#include "core/fiber.h"
#include "gateway/internal.h"
#include "model/errors.h"
#include "model/tables.h"
#include "store/mem.h"

int fuzz_gateway_kept(const uint8_t *data, size_t size);

enum { STEP_US = 50000, TURNS_MAX = 2000, ROWS_MAX = 64 };

static struct world {
	struct test_clock clock;
	struct cores *cores;
	struct local local;
	struct random_seeded random;
	uint8_t answer;
	bool done;
} world = { .clock = TEST_CLOCK };

/* Instead of the domain: never runs the work. */
static void answer(struct core *core, struct cell_work *work)
{
	static const int results[] = {
		0, 0, 0, -EAGAIN, 4004, ERR_RESTARTED, ERR_UNKNOWN_GUILD, 0
	};
	int r = results[world.answer++ % ARRAY_SIZE(results)];

	if (work->run == user_open_run && r == 0) {
		struct user_open *open = container_of(work, struct user_open, work);

		open->user_id = work->id;
		open->ready = bytes_from(S("{\"v\":10}"));
	}
	work->done(core, work, r);
}

static void begin(void)
{
	struct gateway_config config;

	log_set_level((enum log_level) - 1);
	world.clock.now_us = 1700000000ULL * 1000000;
	random_seeded_init(&world.random, 1);
	world.cores = cores_new(&(struct cores_config){ .count = 1,
							.fibers_max = 4,
							.clock = &world.clock.clock,
							.random = &world.random.random });
	gateway_config_init(&config);
	world.local.gateway = gateway_local_new(world.cores->core[0], &config);
	world.local.gateway->post = answer;
	core_set_local(world.cores->core[0], &world.local);
}

static void turn(void)
{
	world.clock.now_us += STEP_US;
	store_mem_step(world.cores->store);
	core_turn(world.cores->core[0], 0);
}

static void on_put(struct core *core, struct store_batch *batch, int r)
{
	(void)core;
	assert(r == 0);
	store_batch_free(batch);
}

static void put_run(struct store_batch *batch, int64_t sessions, int64_t events)
{
	struct kept_run run = { .epoch = (int64_t)world.cores->store->epoch,
				.saved_at = (int64_t)world.clock.now_us,
				.sessions = sessions,
				.events = events };
	struct key key;
	struct buf value;

	buf_init(&value, 1000);
	row_put(&value, &desc_kept_run, &run);
	store_batch_put(batch, key_kept_run(&key), buf_str(&value));
	buf_done(&value);
}

/* The rows of the input, in a store of which this is the next opening. */
static void put_rows(const uint8_t *data, size_t size, bool fits)
{
	struct store_batch *batch = store_batch_new(world.cores->core[0], NULL);
	uint64_t numbers[2][ROWS_MAX];
	uint32_t counts[2] = {};
	struct key key;

	while (size >= 11) {
		uint8_t kind = data[0] % 3;
		size_t len = MIN((size_t)data[9] << 8 | data[10], size - 11);
		struct str value = { (const char *)data + 11, len };
		uint64_t number;

		memcpy(&number, data + 1, sizeof(number));
		data += 11 + len;
		size -= 11 + len;
		if (kind == 2) {
			if (!fits)
				store_batch_put(batch, key_kept_run(&key), value);
			continue;
		}
		bool again = counts[kind] == ROWS_MAX;
		for (uint32_t i = 0; i < counts[kind]; i++)
			again |= numbers[kind][i] == number;
		if (again)
			continue; /* a store has a key once */
		numbers[kind][counts[kind]++] = number;
		store_batch_put(
			batch, kind ? key_kept_event(&key, number) : key_kept_session(&key, number),
			value);
	}
	if (fits)
		put_run(batch, counts[0], counts[1]);
	batch->done = on_put;
	store_commit(world.cores->store, batch);
	turn();
	turn();
	struct store_mem_image *image = store_mem_image_of(world.cores->store);
	world.cores->store->ops->close(world.cores->store);
	world.cores->store = store_mem_open(NULL, image);
}

static void restore(struct core *core, void *arg)
{
	(void)arg;
	gateway_restore_wait(core);
	world.done = true;
}

int fuzz_gateway_kept(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (!world.cores)
		begin();
	world.answer = data[0] >> 1;
	world.cores->store = store_mem_new(NULL);
	put_rows(data + 1, size - 1, !(data[0] & 1));
	world.done = false;
	int r = fiber_start(world.cores->core[0], restore, NULL);
	assert(r == 0);
	for (int i = 0; i < TURNS_MAX && !world.done; i++)
		turn();
	assert(world.done);
	/* They wait for clients that do not come. */
	for (struct session *first; (first = session_detached_first(world.local.gateway));)
		session_end(first);
	for (int i = 0; i < 20; i++)
		turn();
	assert(world.local.gateway->sessions.count == 0);
	world.cores->store->ops->close(world.cores->store);
	return 0;
}
