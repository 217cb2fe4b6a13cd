#include "base/url.h"

bool url_decode(struct str s, unsigned flags, char *dst, size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '+' && flags & URL_FORM) {
			c = ' ';
		} else if (c == '%') {
			int high = s.len - i > 2 ? hex_value(s.ptr[i + 1]) : -1;
			int low = s.len - i > 2 ? hex_value(s.ptr[i + 2]) : -1;

			if (high >= 0 && low >= 0) {
				c = (char)(high << 4 | low);
				i += 2;
			} else if (!(flags & URL_LENIENT)) {
				return false;
			}
		}
		dst[n++] = c;
	}
	*ret_len = n;
	return true;
}

static bool is_encoded(struct str s, unsigned flags)
{
	return s.len &&
		(memchr(s.ptr, '%', s.len) || (flags & URL_FORM && memchr(s.ptr, '+', s.len)));
}

struct str url_decode_arena(struct arena *arena, struct str s, unsigned flags)
{
	size_t len;

	if (!is_encoded(s, flags))
		return s.ptr ? s : S("");
	char *dst = arena_dup(arena, s.ptr, s.len);
	if (!url_decode(s, flags, dst, &len))
		return (struct str){};
	return (struct str){ dst, len };
}

static bool is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' ||
		c == '.' || c == '_' || c == '~';
}

void url_encode(struct buf *buf, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (is_unreserved((char)c)) {
			buf_putc(buf, (char)c);
		} else {
			char escape[3] = { '%', hex[c >> 4], hex[c & 15] };

			buf_put(buf, escape, sizeof(escape));
		}
	}
}

bool url_query_next(struct str *rest, struct str *ret_key, struct str *ret_value)
{
	while (rest->len) {
		size_t end = str_find(*rest, '&');
		struct str pair = { rest->ptr, end };
		size_t equals = str_find(pair, '=');

		*rest = str_skip(*rest, end + 1);
		if (pair.len) {
			*ret_key = (struct str){ pair.ptr, equals };
			*ret_value = str_skip(pair, equals + 1);
			return true;
		}
	}
	return false;
}

bool url_query_get(struct arena *arena, struct str query, struct str key, struct str *ret_value)
{
	struct str name, value;

	while (url_query_next(&query, &name, &value)) {
		if (!str_eq(url_decode_arena(arena, name, URL_FORM | URL_LENIENT), key))
			continue;
		*ret_value = url_decode_arena(arena, value, URL_FORM | URL_LENIENT);
		return true;
	}
	return false;
}
