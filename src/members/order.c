#include "members/order.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

/* The next code point, folded; names are valid UTF-8, and what is not has an order too. */
static int32_t next_folded(struct str s, size_t *at)
{
	uint8_t byte = (uint8_t)s.ptr[*at];
	int32_t i = (int32_t)*at, c;

	if (byte < 0x80) {
		++*at;
		return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
	}
	U8_NEXT((const uint8_t *)s.ptr, i, (int32_t)s.len, c);
	*at = (size_t)i;
	return c < 0 ? 0x110000 : u_foldCase(c, U_FOLD_CASE_DEFAULT);
}

int names_compare(struct str a, struct str b)
{
	size_t i = 0, k = 0;

	while (i < a.len && k < b.len) {
		int32_t x = next_folded(a, &i), y = next_folded(b, &k);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return (i < a.len) - (k < b.len);
}

uint64_t name_prefix(struct str name)
{
	uint64_t prefix = 0;
	size_t at = 0;

	/* Three code points of 21 bits each, one more than the number so that the end comes before all. */
	for (int n = 0; n < 3; n++)
		prefix = prefix << 21 | (at < name.len ? (uint64_t)next_folded(name, &at) + 1 : 0);
	return prefix;
}
