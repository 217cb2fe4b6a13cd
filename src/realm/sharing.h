/* Who shares a visible channel with somebody: to others it shows no presence. */
#pragma once

#include "realm/realm.h"

struct sharing {
	struct realm *realm;
	struct arena *arena;
	const uint8_t *see;
	uint32_t bytes;
	int8_t *known; /* by class: 1 yes, -1 no */
	uint32_t known_count;
};
/* For @viewer. Good as long as nothing changes. */
void sharing_init(struct sharing *sharing, struct realm *realm, struct arena *arena,
		  const struct live_member *viewer);
bool sharing_with(struct sharing *sharing, const struct live_member *member);
