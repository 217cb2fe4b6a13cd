#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

enum { THINGS = 3000, STEPS = 200000 };

struct thing {
	unsigned char *ptr;
	size_t size;
	unsigned char mark;
};
static struct thing things[THINGS];

static void make(struct thing *thing, struct random *random)
{
	thing->size = 1 + random_below(random, SLAB_SIZE_MAX);
	thing->mark = (unsigned char)(1 + random_below(random, 255));
	thing->ptr = slab_alloc(thing->size);
	assert_int_equal((uintptr_t)thing->ptr % 8, 0);
	for (size_t i = 0; i < thing->size; i++)
		assert_int_equal(thing->ptr[i], 0);
	memset(thing->ptr, thing->mark, thing->size);
}

static void end(struct thing *thing)
{
	for (size_t i = 0; i < thing->size; i++)
		assert_int_equal(thing->ptr[i], thing->mark);
	slab_free(TAKE(thing->ptr));
}

static void things_are_zeroed_and_apart(void **state)
{
	struct random_seeded seeded;

	(void)state;
	random_seeded_init(&seeded, 1);
	for (int i = 0; i < STEPS; i++) {
		struct thing *thing = &things[random_below(&seeded.random, THINGS)];

		thing->ptr ? end(thing) : make(thing, &seeded.random);
	}
	for (int i = 0; i < THINGS; i++)
		if (things[i].ptr)
			end(&things[i]);
	slab_free(NULL);
}

static void *end_all(void *arg)
{
	(void)arg;
	for (int i = 0; i < THINGS; i++)
		end(&things[i]);
	return NULL;
}

static void another_thread_may_free(void **state)
{
	struct random_seeded seeded;

	(void)state;
	random_seeded_init(&seeded, 2);
	for (int round = 0; round < 5; round++) {
		pthread_t thread;

		for (int i = 0; i < THINGS; i++)
			make(&things[i], &seeded.random);
		assert_int_equal(pthread_create(&thread, NULL, end_all, NULL), 0);
		/* Meanwhile this one makes others. */
		struct thing mine[100];
		for (int i = 0; i < 100; i++)
			make(&mine[i], &seeded.random);
		assert_int_equal(pthread_join(thread, NULL), 0);
		for (int i = 0; i < 100; i++)
			end(&mine[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(things_are_zeroed_and_apart),
		cmocka_unit_test(another_thread_may_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
