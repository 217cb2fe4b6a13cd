#include "http/token.h"

enum { TCHAR = 1, FIELD = 2 };

#define T (TCHAR | FIELD)
#define F FIELD
/* One row for each 16 characters. DEL is no field character; what is above ASCII is obs-text. */
static const unsigned char classes[256] = {
	[0x09] = F, [0x20] = F,		 T, F, T, T, T, T, T, F, F, T, T, F, T, T,
	F,	    [0x30] = T,		 T, T, T, T, T, T, T, T, T, F, F, F, F, F,
	F,	    [0x40] = F,		 T, T, T, T, T, T, T, T, T, T, T, T, T, T,
	T,	    [0x50] = T,		 T, T, T, T, T, T, T, T, T, T, F, F, F, T,
	T,	    [0x60] = T,		 T, T, T, T, T, T, T, T, T, T, T, T, T, T,
	T,	    [0x70] = T,		 T, T, T, T, T, T, T, T, T, T, F, T, F, T,
	0,	    [0x80 ... 0xff] = F,
};
#undef T
#undef F

bool http_is_tchar(char c)
{
	return classes[(unsigned char)c] & TCHAR;
}

/* No branch for each byte: what is checked is nearly always right. */
static bool all_are(struct str s, unsigned char class)
{
	unsigned char all = class;

	for (size_t i = 0; i < s.len; i++)
		all &= classes[(unsigned char)s.ptr[i]];
	return all & class;
}

bool http_is_token(struct str s)
{
	return s.len > 0 && all_are(s, TCHAR);
}

bool http_is_field_value(struct str s)
{
	return all_are(s, FIELD);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

struct str http_trim(struct str s)
{
	while (s.len && is_space(s.ptr[0]))
		s = str_skip(s, 1);
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool http_list_next(struct str *rest, struct str *ret_item)
{
	while (rest->len) {
		size_t comma = str_find(*rest, ',');
		struct str item = http_trim((struct str){ rest->ptr, comma });

		*rest = str_skip(*rest, comma + 1);
		if (item.len) {
			*ret_item = item;
			return true;
		}
	}
	return false;
}

bool http_list_has(struct str list, struct str token)
{
	struct str item;

	while (http_list_next(&list, &item))
		if (str_ieq(item, token))
			return true;
	return false;
}

/* The length of a quoted string's inside; @s begins after the opening quote. SIZE_MAX when it never
 * closes. A backslash hides only a quote or a backslash: old browsers send Windows paths with bare
 * ones. */
static size_t quoted_len(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"')
			return i;
		if (s.ptr[i] == '\\' && i + 1 < s.len &&
		    (s.ptr[i + 1] == '"' || s.ptr[i + 1] == '\\'))
			i++;
	}
	return SIZE_MAX;
}

int http_param_next(struct str *rest, struct str *ret_name, struct str *ret_value, bool *ret_quoted)
{
	struct str s = http_trim(*rest);
	size_t n = 0;

	/* Empty parameters, as in "a; ;b=c" or "a;", are passed over (RFC 9110 §5.6.6). */
	if (s.len && s.ptr[0] != ';')
		return -1;
	while (s.len && s.ptr[0] == ';')
		s = http_trim(str_skip(s, 1));
	*rest = s;
	if (!s.len)
		return 0;
	while (n < s.len && http_is_tchar(s.ptr[n]))
		n++;
	if (n == 0 || n == s.len || s.ptr[n] != '=')
		return -1;
	struct str name = { s.ptr, n };
	s = str_skip(s, n + 1);
	bool quoted = s.len && s.ptr[0] == '"';
	if (quoted) {
		s = str_skip(s, 1);
		n = quoted_len(s);
		if (n == SIZE_MAX)
			return -1;
	} else {
		/* More than tokens: unquoted file names with odd characters are seen in the
		 * wild. */
		n = str_find(s, ';');
	}
	struct str value = { s.ptr, n };
	*ret_name = name;
	*ret_value = quoted ? value : http_trim(value);
	*ret_quoted = quoted;
	*rest = str_skip(s, n + (quoted ? 1 : 0));
	return 1;
}
