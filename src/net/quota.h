/* How many connections may be open: in all, and from one address (for IPv6 from one /64).
 *
 * Counted by atomics that all cores share, since a peer's connections land on any core. The count of an
 * address lives in a keyed two-row sketch: never too low, too high only when both rows collide. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

struct random;
struct quota;

enum quota_answer { QUOTA_OK, QUOTA_TOTAL, QUOTA_ADDRESS };

struct quota_config {
	uint32_t total_max;	    /* 0: no limit */
	uint32_t per_address_max; /* 0: no limit */
	/* Addresses that only count in the total: trusted proxies. Copied. Loopback and unix are always exempt. */
	const struct cidr *exempt;
	size_t exempt_count;
};
/* One reference, the caller's. */
struct quota *quota_new(const struct quota_config *config, struct random *random);
struct quota *quota_ref(struct quota *quota);
void quota_unref(struct quota *quota);

/* Any thread. Takes a place; QUOTA_OK must be given back with the same address. */
enum quota_answer quota_take(struct quota *quota, const struct addr *addr);
void quota_give(struct quota *quota, const struct addr *addr);
/* Open now, and refused so far. Any thread. */
uint64_t quota_open(const struct quota *quota);
uint64_t quota_refused(const struct quota *quota);
