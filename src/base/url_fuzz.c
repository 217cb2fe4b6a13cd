/* Percent-decoding and queries: never longer than the input, and encoding undoes decoding. */
#include <assert.h>
#include <stdlib.h>

#include "base/url.h"
#include "http/form.h"
#include "http/range.h"

int fuzz_url(const uint8_t *data, size_t size);
int fuzz_url(const uint8_t *data, size_t size)
{
	struct str input = { (const char *)data, size };
	struct form form = {};
	uint64_t from, length;
	struct arena arena;
	struct buf buf;

	arena_init(&arena);
	for (unsigned flags = 0; flags < 4; flags++) {
		struct str out = url_decode_arena(&arena, input, flags);

		assert(out.len <= size && (out.ptr || !(flags & URL_LENIENT)));
		if (!out.ptr)
			continue;
		buf_init(&buf, SIZE_MAX);
		url_encode(&buf, out);
		assert(str_eq(url_decode_arena(&arena, buf_str(&buf), 0), out));
		buf_done(&buf);
	}
	form_parse_urlencoded(&form, &arena, input);
	form_done(&form);
	if (http_range_parse(input, 1000, &from, &length) == HTTP_RANGE_PART)
		assert(length > 0 && from < 1000 && length <= 1000 - from);
	arena_done(&arena);
	return 0;
}
