/* The body of a request as it stands on the wire, by its length or in chunks (RFC 9112 §6, §7.1).
 * No I/O, no allocation; payload comes out as views into the input. Chunk extensions and trailers
 * are bounded and ignored. */
#pragma once

#include "http/parser.h"

enum {
	HTTP_CHUNK_LINE_MAX = 256, /* size and extensions of one chunk: 400 */
	HTTP_CHUNK_WASTE_MAX = 64 << 10, /* extensions of all chunks together: 400 */
	HTTP_TRAILERS_MAX = 8 << 10, /* bytes of all trailers: 431 */
};

struct http_body {
	uint64_t left; /* of the body or of the current chunk */
	uint64_t total; /* payload bytes so far, this chunk's rest included */
	uint64_t max; /* payload bytes allowed: 413. May be raised while the body is read */
	uint32_t waste, line;
	uint8_t state;
	bool cr; /* the last byte of the line was a CR */
	bool in_ext; /* past the chunk size */
	uint8_t digits;
	bool colon;
};

/* As the head says; a request without Content-Length and Transfer-Encoding has no body. */
void http_body_init(struct http_body *body, const struct http_head *head, uint64_t max);
/* Takes from *in. HTTP_PIECE: *ret_piece is payload (not empty). HTTP_MORE: *in is empty now.
 * HTTP_DONE: the body is complete, what is left in *in belongs to the next request. 400, 413, 431:
 * final. */
int http_body_next(struct http_body *body, struct str *in, struct str *ret_piece);
/* Complete, also before the first http_body_next() when there is none. */
bool http_body_done(const struct http_body *body);
