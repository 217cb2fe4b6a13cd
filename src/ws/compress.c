#include "ws/compress.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ws/deflate.h"

enum {
	/* 12 bits and level 5 of memory: 39 KB a connection instead of 268 KB, a tenth of the time,
	 * and three quarters of the ratio of the usual 15 and 8 (measured on chat events). */
	ZLIB_LEVEL = 6,
	ZLIB_WINDOW_BITS = 12,
	ZLIB_MEM_LEVEL = 5,
	ZSTD_LEVEL = 1,
	ZSTD_WINDOW_LOG = 14, /* 15: 111 KB more a connection for half a percent of ratio */
	ZSTD_HASH_LOG = 12,
};

struct ws_compress {
	enum ws_compress_kind kind;
	int error;
	bool begun; /* something has been sent */
	union {
		z_stream *zlib; /* NULL: no memory held */
		ZSTD_CCtx *zstd;
	};
};

struct ws_compress *ws_compress_new(enum ws_compress_kind kind)
{
	struct ws_compress *compress = mem_zalloc(sizeof(*compress));

	compress->kind = kind;
	return compress;
}

static void zlib_drop(struct ws_compress *compress)
{
	if (compress->zlib)
		deflateEnd(compress->zlib);
	free(compress->zlib);
	compress->zlib = NULL;
}

void ws_compress_free(struct ws_compress *compress)
{
	if (!compress)
		return;
	if (compress->kind == WS_ZSTD_STREAM)
		ZSTD_freeCCtx(compress->zstd);
	else
		zlib_drop(compress);
	free(compress);
}

/* -- zlib -- */

static int zlib_begin(struct ws_compress *compress, int window_bits)
{
	compress->zlib = mem_zalloc(sizeof(*compress->zlib));
	if (deflateInit2(compress->zlib, ZLIB_LEVEL, Z_DEFLATED, window_bits, ZLIB_MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) == Z_OK)
		return 0;
	free(TAKE(compress->zlib));
	return -ENOMEM;
}

static int zlib_stream(struct ws_compress *compress, struct str prefix, struct str body,
		       struct buf *out)
{
	/* The header is written here and deflate runs raw: so a context can be dropped and begun
	 * anew within the stream, and blocks made elsewhere can be spliced in. It promises a window
	 * of 32 KB, the most there is, so that any of them may follow. */
	int r = compress->zlib ? 0 : zlib_begin(compress, -ZLIB_WINDOW_BITS);

	if (r)
		return r;
	if (!compress->begun)
		buf_put_str(out, S("\x78\x01"));
	compress->begun = true;
	r = prefix.len ? ws_deflate(compress->zlib, prefix, Z_NO_FLUSH, out) : 0;
	return r ? r : ws_deflate(compress->zlib, body, Z_SYNC_FLUSH, out);
}

static int zlib_payload(struct ws_compress *compress, struct str prefix, struct str body,
			struct buf *out)
{
	/* The memory stays, the history does not. */
	int r = compress->zlib ? (deflateReset(compress->zlib) == Z_OK ? 0 : -EIO)
			       : zlib_begin(compress, ZLIB_WINDOW_BITS);

	if (!r && prefix.len)
		r = ws_deflate(compress->zlib, prefix, Z_NO_FLUSH, out);
	if (!r)
		r = ws_deflate(compress->zlib, body, Z_FINISH, out);
	return r;
}

/* -- zstd -- */

static int zstd_begin(struct ws_compress *compress)
{
	return ws_zstd_new(&(struct ws_zstd_size){ .level = ZSTD_LEVEL,
						   .window_log = ZSTD_WINDOW_LOG,
						   .hash_log = ZSTD_HASH_LOG },
			   &compress->zstd);
}

static int zstd_stream(struct ws_compress *compress, struct str prefix, struct str body,
		       struct buf *out)
{
	int r = compress->zstd ? 0 : zstd_begin(compress);

	if (!r && prefix.len)
		r = ws_zstd(compress->zstd, prefix, ZSTD_e_continue, out);
	return r ? r : ws_zstd(compress->zstd, body, ZSTD_e_flush, out);
}

int ws_compress_message(struct ws_compress *compress, struct str prefix, struct str body,
			struct buf *out)
{
	assert(prefix.len + body.len >
	       0); /* flushing nothing writes nothing, not even the suffix */
	if (!compress->error)
		switch (compress->kind) {
		case WS_ZLIB_STREAM:
			compress->error = zlib_stream(compress, prefix, body, out);
			break;
		case WS_ZSTD_STREAM:
			compress->error = zstd_stream(compress, prefix, body, out);
			break;
		case WS_ZLIB_PAYLOAD: return zlib_payload(compress, prefix, body, out);
		}
	return compress->error;
}

size_t ws_compress_memory(const struct ws_compress *compress)
{
	size_t own = sizeof(*compress);

	if (compress->kind == WS_ZSTD_STREAM)
		return own + (compress->zstd ? ZSTD_sizeof_CCtx(compress->zstd) : 0);
	/* zconf.h: (1 << (windowBits + 2)) + (1 << (memLevel + 9)), and the state itself. */
	return own +
		(compress->zlib ? (1U << (ZLIB_WINDOW_BITS + 2)) + (1U << (ZLIB_MEM_LEVEL + 9)) +
				 sizeof(z_stream) + 6000
				: 0);
}

size_t ws_compress_trim(struct ws_compress *compress)
{
	size_t before = ws_compress_memory(compress);

	/* After a sync flush the stream stands at a byte's border, and a new context refers to
	 * nothing before itself. A zstd context cannot be left: blocks lean on the offsets and
	 * tables of those before. */
	if (compress->kind != WS_ZSTD_STREAM)
		zlib_drop(compress);
	return before - ws_compress_memory(compress);
}

bool ws_compress_splices(const struct ws_compress *compress)
{
	return compress->kind == WS_ZLIB_STREAM;
}

struct str ws_compress_splice(struct ws_compress *compress, struct str message)
{
	assert(ws_compress_splices(compress) && message.len > 2);
	if (compress->error)
		return (struct str){};
	/* What comes next may not refer to what came before this. */
	zlib_drop(compress);
	if (compress->begun)
		message = str_skip(message, 2);
	compress->begun = true;
	return message;
}
