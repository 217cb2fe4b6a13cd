#include "http/range.h"

#include "base/mem.h"
#include "http/token.h"

enum http_range http_range_parse(struct str value, uint64_t size, uint64_t *ret_from,
				 uint64_t *ret_length)
{
	uint64_t first = 0, last = UINT64_MAX;

	if (value.len < 6 || !str_ieq((struct str){ value.ptr, 6 }, S("bytes=")))
		return HTTP_RANGE_NONE;
	struct str range = http_trim(str_skip(value, 6));
	size_t dash = str_find(range, '-');
	struct str from = { range.ptr, dash }, to = str_skip(range, dash + 1);
	if (dash == range.len || (!from.len && !to.len))
		return HTTP_RANGE_NONE;
	/* A list of ranges has a comma, so it is no number: the whole is sent, as §14.2 allows. */
	if ((from.len && !str_u64(from, &first)) || (to.len && !str_u64(to, &last)) || first > last)
		return HTTP_RANGE_NONE;
	if (!from.len) { /* the last so many bytes */
		first = last < size ? size - last : 0;
		if (!last)
			return HTTP_RANGE_OUTSIDE;
		last = UINT64_MAX;
	}
	if (first >= size)
		return HTTP_RANGE_OUTSIDE;
	*ret_from = first;
	*ret_length = MIN(last, size - 1) - first + 1;
	return HTTP_RANGE_PART;
}

bool http_etag_listed(struct str list, struct str etag)
{
	struct str item;

	if (str_eq(http_trim(list), S("*")))
		return true;
	/* Our tags hold no comma, so splitting at commas cannot make one up. */
	while (http_list_next(&list, &item)) {
		if (str_starts(item, S("W/")))
			item = str_skip(item, 2);
		if (str_eq(item, etag))
			return true;
	}
	return false;
}
