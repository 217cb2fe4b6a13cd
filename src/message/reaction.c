#include "message/reaction.h"

uint64_t reaction_emoji_key(const struct partial_emoji *emoji)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	if (emoji->id)
		return emoji->id;
	for (size_t i = 0; i < emoji->name.len; i++)
		hash = (hash ^ (unsigned char)emoji->name.ptr[i]) * 0x100000001b3ULL;
	return hash | 1ULL << 63;
}
