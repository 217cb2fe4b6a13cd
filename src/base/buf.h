/* A growing byte buffer, created with its ceiling. Past the ceiling it drops what is put and says so in
 * @full: writers need not check each put, only the end. */
#pragma once

#include "base/str.h"

struct buf {
	char *ptr;
	size_t len, cap, max;
	bool full;
};

/* @max in bytes. Nothing is allocated until the first put. */
void buf_init(struct buf *buf, size_t max);
void buf_done(struct buf *buf);
/* Room for @size more bytes at the returned place, NULL when that is over the ceiling. buf->len is not moved. */
char *buf_reserve(struct buf *buf, size_t size);
void buf_put(struct buf *buf, const void *src, size_t size);
static inline void buf_put_str(struct buf *buf, struct str s)
{
	buf_put(buf, s.ptr, s.len);
}
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Big-endian integers. */
void buf_put_u16(struct buf *buf, uint16_t n);
void buf_put_u32(struct buf *buf, uint32_t n);
void buf_put_u64(struct buf *buf, uint64_t n);
/* Decimal digits of @n. */
void buf_put_decimal(struct buf *buf, uint64_t n);
/* Drops the first @size bytes (moves the rest down). */
void buf_consume(struct buf *buf, size_t size);
static inline struct str buf_str(const struct buf *buf)
{
	return (struct str){ buf->ptr, buf->len };
}
static inline void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->full = false;
}
