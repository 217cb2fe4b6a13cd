/* "Not again before": one pass for a key in a while. A table of fixed size that forgets the
 * entry soonest to end when it is crowded, so strangers cannot make it grow; whoever is
 * forgotten passes once too early. One core's. */
#pragma once

#include <stdint.h>

struct gate {
	struct gate_slot {
		uint64_t key, until_us;
	} *slots; /* allocated at the first use */
};

void gate_done(struct gate *gate);
/* 0: it may pass, and nobody with the same @key (not 0) for @per_us from now. Else microseconds
 * until it may. */
uint64_t gate_try(struct gate *gate, uint64_t key, uint64_t now_us, uint64_t per_us);
