#include "base/bytes.h"

#include <assert.h>
#include <stdlib.h>

struct bytes *bytes_new(size_t len)
{
	assert(len <= UINT32_MAX);
	struct bytes *bytes = mem_alloc(sizeof(*bytes) + len);
	atomic_init(&bytes->refs, 1);
	bytes->len = (uint32_t)len;
	return bytes;
}

struct bytes *bytes_from(struct str s)
{
	struct bytes *bytes = bytes_new(s.len);

	if (s.len)
		memcpy(bytes->data, s.ptr, s.len);
	return bytes;
}

void bytes_begin(struct buf *buf)
{
	static const struct bytes none;

	assert(buf->len == 0);
	buf_put(buf, &none, sizeof(none));
}

struct bytes *bytes_end(struct buf *buf)
{
	assert(!buf->full && buf->len >= sizeof(struct bytes));
	struct bytes *bytes = mem_realloc(buf->ptr, buf->len);
	size_t len = buf->len - sizeof(*bytes);

	assert(len <= UINT32_MAX);
	atomic_init(&bytes->refs, 1);
	bytes->len = (uint32_t)len;
	buf_init(buf, buf->max);
	return bytes;
}

struct bytes *bytes_ref(struct bytes *bytes)
{
	atomic_fetch_add_explicit(&bytes->refs, 1, memory_order_relaxed);
	return bytes;
}

void bytes_unref(struct bytes *bytes)
{
	if (bytes && atomic_fetch_sub_explicit(&bytes->refs, 1, memory_order_acq_rel) == 1)
		free(bytes);
}
