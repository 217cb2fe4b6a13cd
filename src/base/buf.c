#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){ .max = max };
}

void buf_done(struct buf *buf)
{
	free(buf->ptr);
	*buf = (struct buf){ .max = buf->max };
}

char *buf_reserve(struct buf *buf, size_t size)
{
	if (size > buf->max || buf->len > buf->max - size) {
		buf->full = true;
		return NULL;
	}
	if (buf->cap - buf->len < size) {
		size_t cap = MAX(buf->cap * 2, (size_t)256);

		buf->cap = MIN(MAX(cap, buf->len + size), buf->max);
		buf->ptr = mem_realloc(buf->ptr, buf->cap);
	}
	return buf->ptr + buf->len;
}

void buf_put(struct buf *buf, const void *src, size_t size)
{
	char *ptr = size ? buf_reserve(buf, size) : NULL;

	if (ptr) {
		memcpy(ptr, src, size);
		buf->len += size;
	}
}

void buf_putc(struct buf *buf, char c)
{
	if (buf->len == buf->cap && !buf_reserve(buf, 1))
		return;
	buf->ptr[buf->len++] = c;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *ptr = buf_reserve(buf, (size_t)n + 1);
	if (!ptr)
		return;
	va_start(args, format);
	vsnprintf(ptr, (size_t)n + 1, format, args);
	va_end(args);
	buf->len += (size_t)n;
}

void buf_put_u16(struct buf *buf, uint16_t n)
{
	n = __builtin_bswap16(n);
	buf_put(buf, &n, sizeof(n));
}

void buf_put_u32(struct buf *buf, uint32_t n)
{
	n = __builtin_bswap32(n);
	buf_put(buf, &n, sizeof(n));
}

void buf_put_u64(struct buf *buf, uint64_t n)
{
	n = __builtin_bswap64(n);
	buf_put(buf, &n, sizeof(n));
}

void buf_put_decimal(struct buf *buf, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	buf_put(buf, digits + at, sizeof(digits) - at);
}

void buf_consume(struct buf *buf, size_t size)
{
	buf->len -= size;
	if (buf->len)
		memmove(buf->ptr, buf->ptr + size, buf->len);
}
