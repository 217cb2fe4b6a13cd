#include "members/fold.h"

#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/mem.h"

enum { UNITS_MAX = 1024 };

/* Accents: what is set on or under letters of Latin, Greek, Cyrillic. */
static bool accent(UChar c)
{
	return (c >= 0x300 && c <= 0x36f) || (c >= 0x1ab0 && c <= 0x1aff) ||
		(c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x20d0 && c <= 0x20ff) ||
		(c >= 0xfe20 && c <= 0xfe2f);
}

static int32_t normalize(const UNormalizer2 *how, const UChar *from, int32_t len, UChar *to)
{
	UErrorCode error = U_ZERO_ERROR;
	int32_t made = unorm2_normalize(how, from, len, to, UNITS_MAX, &error);

	return U_SUCCESS(error) ? made : -1;
}

/* 0: it cannot be done. */
static uint32_t fold_unicode(struct str name, char *folded)
{
	UChar text[UNITS_MAX], other[UNITS_MAX];
	UErrorCode error = U_ZERO_ERROR;
	int32_t len, kept = 0;

	u_strFromUTF8WithSub(text, UNITS_MAX, &len, name.ptr, (int32_t)name.len, 0xfffd, NULL,
			     &error);
	if (U_FAILURE(error))
		return 0;
	len = normalize(unorm2_getNFKCCasefoldInstance(&error), text, len, other);
	if (len >= 0)
		len = normalize(unorm2_getNFDInstance(&error), other, len, text);
	if (len < 0 || U_FAILURE(error))
		return 0;
	for (int32_t i = 0; i < len; i++)
		if (!accent(text[i]))
			text[kept++] = text[i];
	/* No code point of one or two units takes more than three bytes a unit. */
	kept = MIN(kept, (int32_t)NAME_FOLDED_MAX / 3);
	u_strToUTF8WithSub(folded, NAME_FOLDED_MAX, &len, text, kept, 0xfffd, NULL, &error);
	return U_SUCCESS(error) ? (uint32_t)len : 0;
}

uint32_t name_fold(struct str name, char ret_folded[static NAME_FOLDED_MAX])
{
	uint32_t len = (uint32_t)MIN(name.len, (size_t)NAME_FOLDED_MAX / 3);

	for (uint32_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)name.ptr[i];

		if (byte >= 0x80) {
			uint32_t folded = fold_unicode(
				(struct str){ name.ptr, MIN(name.len, (size_t)NAME_FOLDED_MAX) },
				ret_folded);

			return folded;
		}
		ret_folded[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
	}
	return len;
}

bool name_begins(struct str name, struct str prefix)
{
	char folded[NAME_FOLDED_MAX];

	return name_fold(name, folded) >= prefix.len && memcmp(folded, prefix.ptr, prefix.len) == 0;
}

int name_fold_compare(struct str a, struct str b)
{
	char x[NAME_FOLDED_MAX], y[NAME_FOLDED_MAX];
	uint32_t x_len = name_fold(a, x), y_len = name_fold(b, y);
	int order = memcmp(x, y, MIN(x_len, y_len));

	return order ? order : (x_len > y_len) - (x_len < y_len);
}
