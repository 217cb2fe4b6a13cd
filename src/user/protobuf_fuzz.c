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
	protobuf_merge(&arena, (struct str){ (const char *)data + 1, cut - 1 },
		       (struct str){ (const char *)data + cut, size - cut }, &ret);
	uint64_t number;
	for (uint64_t field = 0; field < 16; field++)
		if (protobuf_bytes((struct str){ (const char *)data + 1, size - 1 }, field, &ret))
			protobuf_fixed64(ret, field, &number);
	arena_done(&arena);
	return 0;
}
