/* Percent-encoding and queries (RFC 3986, and the WHATWG rules for form data). Pure functions, any
 * thread. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum url_flags {
	URL_FORM = 1, /* '+' is a space */
	URL_LENIENT = 2, /* a '%' without two hex digits stands for itself; otherwise an error */
};

/* Decodes @s into @dst, which has room for s.len bytes and may be s.ptr itself. True and the length
 * in *ret_len; false on a bad escape. The result may hold any byte, NUL included: check it for
 * UTF-8 where text is wanted. */
bool url_decode(struct str s, unsigned flags, char *dst, size_t *ret_len);
/* The same into @arena, or @s itself when there is nothing to decode. The null view on a bad
 * escape. */
struct str url_decode_arena(struct arena *arena, struct str s, unsigned flags);
/* Puts @s with everything but unreserved characters (RFC 3986 §2.3) encoded. */
void url_encode(struct buf *buf, struct str s);

/* The next `key=value` of a query or of an application/x-www-form-urlencoded body, still encoded. A
 * key without `=` has an empty value; empty pairs are passed over. False at the end. *rest begins
 * as the whole query. */
bool url_query_next(struct str *rest, struct str *ret_key, struct str *ret_value);
/* The first value of @key in @query, decoded (URL_FORM | URL_LENIENT) into @arena. False when
 * absent. */
bool url_query_get(struct arena *arena, struct str query, struct str key, struct str *ret_value);
