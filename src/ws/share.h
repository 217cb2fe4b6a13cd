/* Compression that sessions share: an event's body is compressed once for all who get it, so that a session costs a copy
 * and no context (zlib-stream and zstd-stream, JSON only).
 *
 * A message is a *head* of its own, that is not compressed (a stored or raw block with the prefix, which has the
 * session's number in it), and a *piece*, the body compressed, which is the same for many. How a piece may fit behind
 * different histories:
 *  - the first piece of a chain refers to nothing before its own beginning, so it fits any connection at any time;
 *  - a later piece refers back to those before it in its chain. It fits exactly the connections that have got these
 *    pieces, all of them, behind prefixes of the same lengths, and nothing else in between: those in step.
 * A link says of a connection where it is in which chain. Chains end after a number of pieces, and everybody begins the
 * next one at the same event; who got something else in between begins one at the next event.
 *
 * In the place of prefixes the compressor sees bytes that JSON never has, so nothing refers to them.
 *
 * deflate: a piece begins and ends at a byte's border (Z_SYNC_FLUSH) and each has its own code tables.
 * zstd: one frame for a connection, pieces are its blocks. A block may use the three last offsets of the block before;
 * so a chain's first piece begins with a constant block of white space that sets all three. Whether it does is
 * proved when a share is made, against the library that is there.
 *
 * A share and its links belong to one core. */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "base/str.h"
#include "ws/compress.h"

struct buf;
struct ws_chain;
struct ws_share;

/* A connection's part; zeroed at first. */
struct ws_link {
	struct ws_chain *chain;
	uint32_t at; /* pieces of it that the connection has */
	bool begun; /* something has been sent, so the stream's header too */
};

enum {
	WS_SHARE_HEAD_MAX = 16, /* of the bytes before a prefix */
	WS_SHARE_PREFIX_MAX = 1024,
};

/* @kind: WS_ZLIB_STREAM or WS_ZSTD_STREAM. NULL when the library does not do what this rests on: then each connection
 * needs a context of its own (ws/compress.h). */
struct ws_share *ws_share_new(enum ws_compress_kind kind);
/* All links must be dropped. NULL is allowed. */
void ws_share_free(struct ws_share *share);
/* Bytes of contexts and pieces, about. */
size_t ws_share_memory(const struct ws_share *share);
/* Gives all of that back; every connection begins anew with its next message. */
void ws_share_trim(struct ws_share *share);

/* Writes what stands before a prefix of @prefix_len bytes (at most WS_SHARE_PREFIX_MAX) into @ret; its length. The prefix
 * and the piece have to follow. */
size_t ws_share_head(const struct ws_share *share, struct ws_link *link, size_t prefix_len,
		     char ret[static WS_SHARE_HEAD_MAX]);
/* The compressed @body and @tail (one more byte, '\0': none), for a connection that gets it behind a prefix of
 * @prefix_len bytes, which holds no part of the body. @room: it goes to many, who may be in step with each other. The
 * same @body always stands for the same text and tail. *ret lives until the next call. 0; -ENOMEM, -ENOBUFS, -EIO: the
 * connection must end. */
int ws_share_piece(struct ws_share *share, struct ws_link *link, size_t prefix_len,
		   struct bytes *body, char tail, bool room, struct str *ret);
/* Appends a piece for one connection that fits whatever the connection has got, made with a context that nobody else has. Any thread,
 * while @share is there. The connection's link must be dropped before it is sent. As above. */
int ws_share_alone(const struct ws_share *share, struct str body, char tail, struct buf *out);
/* Appends a whole message, not compressed, of at most 16 KB, and white space behind it, so that it is shorter than its text: for what is
 * small and for one connection only. */
void ws_share_plain(const struct ws_share *share, struct ws_link *link, struct str text,
		    struct buf *out);
/* The connection ends, or leaves this core; it may go on with another share of the same kind. */
void ws_share_drop(struct ws_share *share, struct ws_link *link);
