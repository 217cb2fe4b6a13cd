#include "cdn/filename.h"
#include "cdn/sniff.h"

int fuzz_sniff(const uint8_t *data, size_t size);

int fuzz_sniff(const uint8_t *data, size_t size)
{
	struct str file = { (const char *)data, size };

	sniff_bytes(file);
	sniff_is_text(file);
	sniff_name(file);
	if (str_utf8_valid(file)) {
		struct arena arena;
		struct str title;

		arena_init(&arena);
		filename_clean(&arena, file, &title);
		arena_done(&arena);
	}
	return 0;
}
