/* Byte ranges (RFC 9110 §14) and entity tags (§8.8.3). Pure functions, any thread. */
#pragma once

#include "base/str.h"

enum http_range {
	HTTP_RANGE_NONE, /* send the whole: no Range, another unit, malformed, or several ranges */
	HTTP_RANGE_PART, /* 206 */
	HTTP_RANGE_OUTSIDE, /* 416 */
};

/* @value of a Range field (null: absent) against something of @size bytes. HTTP_RANGE_PART sets
 * what to send, at least one byte. */
enum http_range http_range_parse(struct str value, uint64_t size, uint64_t *ret_from,
				 uint64_t *ret_length);
/* Does the list of an If-None-Match contain @etag (with its quotes), or is it "*"? Weak
 * comparison. */
bool http_etag_listed(struct str list, struct str etag);
