#include "base/random.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

static void real_fill(struct random *random, void *ret, size_t size)
{
	char *at = ret;

	(void)random;
	while (size) {
		ssize_t n = getrandom(at, size, 0);

		if (n <= 0)
			continue; /* EINTR only: the pool is ready long before we start */
		at += n;
		size -= (size_t)n;
	}
}

struct random random_real = { real_fill };

uint64_t random_below(struct random *random, uint64_t below)
{
	uint64_t n;

	do
		random_fill(random, &n, sizeof(n));
	while (n > UINT64_MAX - below && n >= UINT64_MAX - UINT64_MAX % below);
	return n % below;
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static uint64_t next(uint64_t *s)
{
	uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

static void seeded_fill(struct random *random, void *ret, size_t size)
{
	struct random_seeded *seeded = container_of(random, struct random_seeded, random);
	char *at = ret;

	while (size) {
		uint64_t n = next(seeded->s);
		size_t part = MIN(size, sizeof(n));

		memcpy(at, &n, part);
		at += part;
		size -= part;
	}
}

void random_seeded_init(struct random_seeded *seeded, uint64_t seed)
{
	seeded->random.fill = seeded_fill;
	for (int i = 0; i < 4; i++) {
		/* splitmix64, as xoshiro's authors advise for seeding. */
		uint64_t z = seed += 0x9e3779b97f4a7c15ULL;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
		seeded->s[i] = z ^ (z >> 31);
	}
}
