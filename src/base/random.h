/* The random seam: secrets and choices come from here, so that a seeded simulator repeats itself. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct random {
	void (*fill)(struct random *random, void *ret, size_t size);
};

/* The kernel's generator (getrandom); any thread. */
extern struct random random_real;
static inline void random_fill(struct random *random, void *ret, size_t size)
{
	random->fill(random, ret, size);
}
/* Uniform in [0, below), below > 0. */
uint64_t random_below(struct random *random, uint64_t below);

/* A seeded generator (xoshiro256**) for tests and the simulator. */
struct random_seeded {
	struct random random;
	uint64_t s[4];
};
void random_seeded_init(struct random_seeded *seeded, uint64_t seed);
