#include "ws/compress.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

enum {
	/* 12 bits and level 5 of memory: 39 KB a connection instead of 268 KB, a tenth of the time,
	 * and three quarters of the ratio of the usual 15 and 8 (measured on chat events). */
	ZLIB_LEVEL = 6,
	ZLIB_WINDOW_BITS = 12,
	ZLIB_MEM_LEVEL = 5,
	ZSTD_LEVEL = 1,
	ZSTD_WINDOW_LOG = 14, /* 15: 111 KB more a connection for half a percent of ratio */
	ZSTD_HASH_LOG = 12,
	OUT_STEP = 1024, /* room asked for at a time, at least */
};

struct ws_compress {
	enum ws_compress_kind kind;
	int error;
	bool begun; /* something has been sent */
	union {
		z_stream *zlib; /* NULL: no memory held */
		ZSTD_CStream *zstd;
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
		ZSTD_freeCStream(compress->zstd);
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

static int zlib_run(z_stream *zlib, struct str in, int flush, struct buf *out)
{
	/* zlib wants a pointer that is not const but does not write there. */
	zlib->next_in = (Bytef *)(uintptr_t)in.ptr;
	zlib->avail_in = (uInt)in.len;
	assert(in.len <= UINT32_MAX);
	for (;;) {
		/* deflateBound() would do it in one go, but asks for more than most messages
		 * need. */
		size_t room = MAX((size_t)zlib->avail_in / 2, (size_t)OUT_STEP);
		char *dst = buf_reserve(out, room);

		if (!dst)
			return -ENOBUFS;
		room = MIN(out->cap - out->len, (size_t)UINT32_MAX);
		zlib->next_out = (Bytef *)dst;
		zlib->avail_out = (uInt)room;
		int r = deflate(zlib, flush);
		out->len += room - zlib->avail_out;
		if (r == Z_STREAM_END || (flush != Z_FINISH && zlib->avail_out))
			return 0;
		if (r != Z_OK && (r != Z_BUF_ERROR || zlib->avail_out))
			return -EIO;
	}
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
	r = prefix.len ? zlib_run(compress->zlib, prefix, Z_NO_FLUSH, out) : 0;
	return r ? r : zlib_run(compress->zlib, body, Z_SYNC_FLUSH, out);
}

static int zlib_payload(struct ws_compress *compress, struct str prefix, struct str body,
			struct buf *out)
{
	/* The memory stays, the history does not. */
	int r = compress->zlib ? (deflateReset(compress->zlib) == Z_OK ? 0 : -EIO)
			       : zlib_begin(compress, ZLIB_WINDOW_BITS);

	if (!r && prefix.len)
		r = zlib_run(compress->zlib, prefix, Z_NO_FLUSH, out);
	if (!r)
		r = zlib_run(compress->zlib, body, Z_FINISH, out);
	return r;
}

/* -- zstd -- */

static int zstd_begin(struct ws_compress *compress)
{
	/* name, value */
	static const struct {
		ZSTD_cParameter name;
		int value;
	} parameters[] = {
		{ ZSTD_c_compressionLevel, ZSTD_LEVEL },
		{ ZSTD_c_windowLog, ZSTD_WINDOW_LOG },
		{ ZSTD_c_hashLog, ZSTD_HASH_LOG },
		{ ZSTD_c_contentSizeFlag, 0 },
		{ ZSTD_c_checksumFlag, 0 },
	};

	compress->zstd = ZSTD_createCStream();
	if (!compress->zstd)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (ZSTD_isError(ZSTD_CCtx_setParameter(compress->zstd, parameters[i].name,
							parameters[i].value)))
			return -EIO;
	return 0;
}

static int zstd_run(ZSTD_CStream *zstd, struct str in, ZSTD_EndDirective flush, struct buf *out)
{
	ZSTD_inBuffer input = { in.ptr, in.len, 0 };

	for (;;) {
		char *dst = buf_reserve(out, MAX((in.len - input.pos) / 2, (size_t)OUT_STEP));

		if (!dst)
			return -ENOBUFS;
		ZSTD_outBuffer output = { dst, out->cap - out->len, 0 };
		size_t left = ZSTD_compressStream2(zstd, &output, &input, flush);
		out->len += output.pos;
		if (ZSTD_isError(left))
			return -EIO;
		if (flush == ZSTD_e_continue ? input.pos == input.size : left == 0)
			return 0;
	}
}

static int zstd_stream(struct ws_compress *compress, struct str prefix, struct str body,
		       struct buf *out)
{
	int r = compress->zstd ? 0 : zstd_begin(compress);

	if (!r && prefix.len)
		r = zstd_run(compress->zstd, prefix, ZSTD_e_continue, out);
	return r ? r : zstd_run(compress->zstd, body, ZSTD_e_flush, out);
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
		return own + (compress->zstd ? ZSTD_sizeof_CStream(compress->zstd) : 0);
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
