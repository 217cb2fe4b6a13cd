#include "base/arena.h"
#include "user/protobuf.h"

int fuzz_protobuf(const uint8_t *data, size_t size);
/* Two messages, the first as long as the first byte says. */
int fuzz_protobuf(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct str ret;

	if (!size)
		return 0;
	size_t cut = 1 + data[0] % size;
	arena_init(&arena);
	protobuf_merge(&arena, (struct str){ (const char *)data + 1, cut - 1 }, (struct str){ (const char *)data + cut, size - cut }, &ret);
	arena_done(&arena);
	return 0;
}
