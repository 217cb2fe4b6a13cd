#include "base/slab.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define USE_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define USE_MALLOC 1
#endif
#endif

#ifdef USE_MALLOC

void *slab_alloc(size_t size)
{
	assert(size <= SLAB_SIZE_MAX);
	return mem_zalloc(size);
}

void slab_free(void *ptr)
{
	free(ptr);
}

#else

enum {
	SLAB_BYTES = 64 << 10, /* and aligned to it: a thing's address says which slab it is in */
	UNIT = 8,
	SIZES = SLAB_SIZE_MAX / UNIT + 1,
};

/* A thing that is free holds the next one. */
struct gap {
	struct gap *next;
};

struct slab {
	struct heap *heap;
	struct slab *prev, *next; /* those of a size that have room */
	struct gap *gaps;
	uint32_t units; /* of each thing */
	uint32_t used, fresh,
		most; /* things: given out; never given out are those from @fresh on; all */
};

struct heap {
	struct slab *roomy[SIZES];
	_Atomic(struct gap *) returned; /* by other threads */
};
static __thread struct heap *own;

static struct slab *slab_of(void *ptr)
{
	return (struct slab *)((uintptr_t)ptr & ~(uintptr_t)(SLAB_BYTES - 1));
}

static void roomy_add(struct slab *slab)
{
	struct slab **first = &slab->heap->roomy[slab->units];

	slab->prev = NULL;
	slab->next = *first;
	if (*first)
		(*first)->prev = slab;
	*first = slab;
}

static void roomy_del(struct slab *slab)
{
	if (slab->prev)
		slab->prev->next = slab->next;
	else
		slab->heap->roomy[slab->units] = slab->next;
	if (slab->next)
		slab->next->prev = slab->prev;
}

static struct slab *slab_make(struct heap *heap, uint32_t units)
{
	char *map = mmap(NULL, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	size_t before;

	if (map == MAP_FAILED)
		abort(); /* as mem_alloc() */
	before = -(uintptr_t)map & (SLAB_BYTES - 1);
	if (before)
		munmap(map, before);
	munmap(map + before + SLAB_BYTES, SLAB_BYTES - before);
	struct slab *slab = (struct slab *)(map + before);
	slab->heap = heap;
	slab->units = units;
	slab->most = (uint32_t)((SLAB_BYTES - sizeof(*slab)) / (units * UNIT));
	roomy_add(slab);
	return slab;
}

static void give_back(struct slab *slab, struct gap *gap)
{
	if (slab->used-- == slab->most)
		roomy_add(slab);
	gap->next = slab->gaps;
	slab->gaps = gap;
	if (slab->used == 0 && (slab->prev || slab->next)) { /* one stays */
		roomy_del(slab);
		munmap(slab, SLAB_BYTES);
	}
}

static void take_back(struct heap *heap)
{
	struct gap *gap = atomic_exchange_explicit(&heap->returned, NULL, memory_order_acquire);

	while (gap) {
		struct gap *next = gap->next;

		give_back(slab_of(gap), gap);
		gap = next;
	}
}

void *slab_alloc(size_t size)
{
	uint32_t units = (uint32_t)((MAX(size, (size_t)1) + UNIT - 1) / UNIT);

	assert(size <= SLAB_SIZE_MAX);
	if (!own)
		own = mem_zalloc(sizeof(*own));
	if (atomic_load_explicit(&own->returned, memory_order_relaxed))
		take_back(own);
	struct slab *slab = own->roomy[units];
	if (!slab)
		slab = slab_make(own, units);
	struct gap *gap = slab->gaps;
	if (gap)
		slab->gaps = gap->next;
	else
		gap = (struct gap *)((char *)(slab + 1) + (size_t)slab->fresh++ * units * UNIT);
	if (++slab->used == slab->most)
		roomy_del(slab);
	memset(gap, 0, units * UNIT);
	return gap;
}

void slab_free(void *ptr)
{
	struct gap *gap = ptr;

	if (!ptr)
		return;
	struct slab *slab = slab_of(ptr);
	if (slab->heap == own) {
		give_back(slab, gap);
		return;
	}
	gap->next = atomic_load_explicit(&slab->heap->returned, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&slab->heap->returned, &gap->next, gap,
						      memory_order_release, memory_order_relaxed))
		;
}

#endif
