#include "ws/deflate.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"

enum { OUT_STEP = 1024 /* room asked for at a time, at least */ };

int ws_deflate(z_stream *zlib, struct str in, int flush, struct buf *out)
{
	/* zlib wants a pointer that is not const but does not write there. */
	zlib->next_in = (Bytef *)(uintptr_t)in.ptr;
	zlib->avail_in = (uInt)in.len;
	assert(in.len <= UINT32_MAX);
	for (;;) {
		/* deflateBound() would do it in one go, but asks for more than most messages need. */
		char *dst = buf_reserve(out, MAX((size_t)zlib->avail_in / 2, (size_t)OUT_STEP));
		size_t room = MIN(out->cap - out->len, (size_t)UINT32_MAX);

		if (!dst)
			return -ENOBUFS;
		zlib->next_out = (Bytef *)dst;
		zlib->avail_out = (uInt)room;
		int r = deflate(zlib, flush);
		out->len += room - zlib->avail_out;
		if (r == Z_STREAM_END)
			return 0;
		if (r != Z_OK && r != Z_BUF_ERROR)
			return -EIO;
		if (zlib->avail_out) /* all that there was */
			return flush == Z_FINISH ? -EIO : 0;
	}
}

int ws_zstd(ZSTD_CCtx *zstd, struct str in, ZSTD_EndDirective flush, struct buf *out)
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

int ws_zstd_new(const struct ws_zstd_size *size, ZSTD_CCtx **ret)
{
	/* name, value */
	const struct {
		ZSTD_cParameter name;
		int value;
	} parameters[] = {
		{ ZSTD_c_compressionLevel, size->level },
		{ ZSTD_c_windowLog, size->window_log },
		{ ZSTD_c_hashLog, size->hash_log },
		{ ZSTD_c_chainLog, size->chain_log },
		{ ZSTD_c_contentSizeFlag, 0 },
		{ ZSTD_c_checksumFlag, 0 },
	};
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	if (!zstd)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, parameters[i].name,
							parameters[i].value))) {
			ZSTD_freeCCtx(zstd);
			return -EIO;
		}
	*ret = zstd;
	return 0;
}
