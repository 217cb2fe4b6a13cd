/* What both kinds of streams, a connection's own (compress.h) and shared ones (share.h), do with zlib and zstd. */
#pragma once

#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"

/* Feeds @in to a deflate stream and appends what comes, with room asked for as it is needed. @flush: Z_NO_FLUSH, Z_SYNC_FLUSH or
 * Z_FINISH. 0; -ENOBUFS: @out is at its ceiling, -EIO: the library failed; then the stream is broken. */
int ws_deflate(z_stream *zlib, struct str in, int flush, struct buf *out);
/* The same for zstd: ZSTD_e_continue or ZSTD_e_flush. */
int ws_zstd(ZSTD_CCtx *zstd, struct str in, ZSTD_EndDirective flush, struct buf *out);

struct ws_zstd_size {
	int level, window_log, hash_log;
	int chain_log; /* 0: as the level has it */
};
/* A context for frames without size and checksum. 0, -ENOMEM, -EIO: a parameter is refused. ZSTD_freeCCtx() it. */
int ws_zstd_new(const struct ws_zstd_size *size, ZSTD_CCtx **ret);
