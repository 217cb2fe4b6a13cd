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
	uint8_t bytes
		[8 +
		 U8_MAX_LENGTH] = {}; /* folded, in UTF-8, whose order is that of the code points */
	int32_t used = 0;
	uint64_t prefix = 0;
	size_t at = 0;

	while (at < name.len && used < 8) {
		int32_t c = next_folded(name, &at);

		if (c > 0x10ffff) /* what is no character comes last; U+10FFFF is a noncharacter */
			c = 0x10ffff;
		U8_APPEND_UNSAFE(bytes, used, c);
	}
	for (int i = 0; i < 8; i++)
		prefix = prefix << 8 | bytes[i];
	return prefix;
}
