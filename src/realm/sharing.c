#include "realm/sharing.h"

#include "realm/class.h"

void sharing_init(struct sharing *sharing, struct realm *realm, struct arena *arena,
		  const struct live_member *viewer)
{
	*sharing = (struct sharing){ .realm = realm,
				     .arena = arena,
				     .known_count = realm->classes_next };
	sharing->see = class_sight(realm, arena, viewer, &sharing->bytes);
	sharing->known = arena_array(arena, int8_t, sharing->known_count + 1);
}

static bool meet(const struct sharing *sharing, const uint8_t *see, uint32_t bytes)
{
	for (uint32_t i = 0; i < MIN(bytes, sharing->bytes); i++)
		if (see[i] & sharing->see[i])
			return true;
	return false;
}

bool sharing_with(struct sharing *sharing, const struct live_member *member)
{
	int8_t *known = member->sessions && member->class_id < sharing->known_count
		? &sharing->known[member->class_id]
		: NULL;
	uint32_t bytes;

	if (known && *known)
		return *known > 0;
	const uint8_t *see = class_sight(sharing->realm, sharing->arena, member, &bytes);
	bool shares = meet(sharing, see, bytes);
	if (known)
		*known = shares ? 1 : -1;
	return shares;
}
