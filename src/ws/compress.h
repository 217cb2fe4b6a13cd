/* Compression of what the gateway sends (not permessage-deflate, which is declined).
 *
 * zlib-stream: one deflate stream for a connection, each message ended by a sync flush, so by
 * 00 00 FF FF.
 * zstd-stream: one frame for a connection, flushed after each message, never ended.
 * payload: each message a complete zlib stream (RFC 1950) of its own; one compressor serves all
 * connections of a core.
 *
 * A message is a prefix and a body, so that what differs for each session need not be copied in
 * front of what all of them share; how they are put together is this module's affair, which leaves
 * room for bodies that are compressed once for many. One core owns a compressor; its memory comes
 * with the first message. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

enum ws_compress_kind { WS_ZLIB_STREAM, WS_ZSTD_STREAM, WS_ZLIB_PAYLOAD };

struct ws_compress;

struct ws_compress *ws_compress_new(enum ws_compress_kind kind);
/* NULL is allowed. */
void ws_compress_free(struct ws_compress *compress);
/* Appends one whole message (not an empty one), compressed, to @out. 0; -ENOBUFS when @out is at
 * its ceiling, -ENOMEM, -EIO when the library fails: then a stream is broken, every later call says
 * the same, and the connection must end. */
int ws_compress_message(struct ws_compress *compress, struct str prefix, struct str body,
			struct buf *out);
/* Can a stream of this one take in what others have made? Then that: the first message of another compressor of WS_ZLIB_STREAM
 * becomes the next one of this stream; what is to be sent of it. The null view: the stream is broken. */
bool ws_compress_splices(const struct ws_compress *compress);
struct str ws_compress_splice(struct ws_compress *compress, struct str message);
/* For a connection that has been quiet: gives memory back where the format allows it (not
 * zstd-stream; the next message begins without history and compresses less well). Returns bytes
 * freed, about. */
size_t ws_compress_trim(struct ws_compress *compress);
/* Bytes held, about: for the memory budget. */
size_t ws_compress_memory(const struct ws_compress *compress);
