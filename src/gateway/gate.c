#include "gateway/gate.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

enum { SETS = 512, WAYS = 4 };

void gate_done(struct gate *gate)
{
	free(gate->slots);
	gate->slots = NULL;
}

uint64_t gate_try(struct gate *gate, uint64_t key, uint64_t now_us, uint64_t per_us)
{
	if (!gate->slots)
		gate->slots = mem_zalloc(SETS * WAYS * sizeof(*gate->slots));
	struct gate_slot *set = gate->slots + (hash_u64(key) % SETS) * WAYS;
	struct gate_slot *victim = set;

	for (uint32_t i = 0; i < WAYS; i++) {
		if (set[i].key == key && set[i].until_us > now_us)
			return set[i].until_us - now_us;
		if (set[i].key == key) {
			victim = &set[i];
			break;
		}
		if (set[i].until_us < victim->until_us)
			victim = &set[i];
	}
	*victim = (struct gate_slot){ key, now_us + per_us };
	return 0;
}
