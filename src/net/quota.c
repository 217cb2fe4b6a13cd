#include "net/quota.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/random.h"

/* Two rows of 64 Ki counters: with 100,000 addresses connected about one in two hundred shares both places. */
enum { ROWS = 2, COLUMNS = 1 << 16 };

struct quota {
	_Atomic uint32_t refs;
	uint32_t total_max, per_address_max;
	uint64_t key; /* or a stranger could find addresses that share a victim's counters */
	struct cidr *exempt;
	size_t exempt_count;
	_Atomic uint64_t open, refused;
	_Atomic uint32_t sketch[ROWS][COLUMNS];
};

struct quota *quota_new(const struct quota_config *config, struct random *random)
{
	struct quota *quota = mem_zalloc(sizeof(*quota));

	quota->refs = 1;
	quota->total_max = config->total_max;
	quota->per_address_max = config->per_address_max;
	quota->exempt = mem_dup(config->exempt, config->exempt_count * sizeof(*config->exempt));
	quota->exempt_count = config->exempt_count;
	random_fill(random, &quota->key, sizeof(quota->key));
	return quota;
}

struct quota *quota_ref(struct quota *quota)
{
	atomic_fetch_add_explicit(&quota->refs, 1, memory_order_relaxed);
	return quota;
}

void quota_unref(struct quota *quota)
{
	if (!quota || atomic_fetch_sub_explicit(&quota->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(quota->exempt);
	free(quota);
}

static bool counts_by_address(const struct quota *quota, const struct addr *addr)
{
	return quota->per_address_max && (addr->family == ADDR_IP4 || addr->family == ADDR_IP6) &&
		!addr_is_loopback(addr) &&
		!cidr_match_any(quota->exempt, quota->exempt_count, addr);
}

/* The counters of an address. A home or a virtual machine is given a /64, so there is no use in counting less. */
static void places(struct quota *quota, const struct addr *addr, _Atomic uint32_t *ret[ROWS])
{
	uint64_t hash = XXH3_64bits_withSeed(addr->ip, addr->family == ADDR_IP4 ? 4 : 8,
					     quota->key);

	ret[0] = &quota->sketch[0][hash % COLUMNS];
	ret[1] = &quota->sketch[1][(hash >> 32) % COLUMNS];
}

static bool take_address(struct quota *quota, const struct addr *addr)
{
	_Atomic uint32_t *place[ROWS];
	uint32_t count = UINT32_MAX;

	places(quota, addr, place);
	for (int i = 0; i < ROWS; i++) {
		uint32_t before = atomic_fetch_add_explicit(place[i], 1, memory_order_relaxed);

		count = MIN(count, before);
	}
	if (count < quota->per_address_max)
		return true;
	for (int i = 0; i < ROWS; i++)
		atomic_fetch_sub_explicit(place[i], 1, memory_order_relaxed);
	return false;
}

static enum quota_answer refuse(struct quota *quota, enum quota_answer why)
{
	atomic_fetch_add_explicit(&quota->refused, 1, memory_order_relaxed);
	return why;
}

enum quota_answer quota_take(struct quota *quota, const struct addr *addr)
{
	uint64_t before = atomic_fetch_add_explicit(&quota->open, 1, memory_order_relaxed);

	if (quota->total_max && before >= quota->total_max) {
		atomic_fetch_sub_explicit(&quota->open, 1, memory_order_relaxed);
		return refuse(quota, QUOTA_TOTAL);
	}
	if (counts_by_address(quota, addr) && !take_address(quota, addr)) {
		atomic_fetch_sub_explicit(&quota->open, 1, memory_order_relaxed);
		return refuse(quota, QUOTA_ADDRESS);
	}
	return QUOTA_OK;
}

void quota_give(struct quota *quota, const struct addr *addr)
{
	_Atomic uint32_t *place[ROWS];

	if (counts_by_address(quota, addr)) {
		places(quota, addr, place);
		for (int i = 0; i < ROWS; i++) {
			uint32_t before = atomic_fetch_sub_explicit(place[i], 1,
								    memory_order_relaxed);

			assert(before > 0);
		}
	}
	atomic_fetch_sub_explicit(&quota->open, 1, memory_order_relaxed);
}

uint64_t quota_open(const struct quota *quota)
{
	return atomic_load_explicit(&quota->open, memory_order_relaxed);
}

uint64_t quota_refused(const struct quota *quota)
{
	return atomic_load_explicit(&quota->refused, memory_order_relaxed);
}
