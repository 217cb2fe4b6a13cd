/* multipart/form-data (RFC 7578, RFC 2046 §5.1) as a stream: bytes in, parts out. No I/O; holds no
 * part's content. However the bytes are torn, the parts and their bytes are the same. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum {
	MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 §5.1.1 */
	MULTIPART_PARTS_MAX = 32, /* default of parts_max: 413 */
	MULTIPART_HEADER_MAX = 4 << 10, /* default of header_max, for each part: 431 */
	MULTIPART_NAME_MAX = 1024, /* bytes of a name or a file name: 400 */
	MULTIPART_PREAMBLE_MAX = 1 << 10, /* bytes before the first boundary: 400 */
};

/* The head of a part. The views live during the call only. */
struct multipart_part {
	struct str name; /* of the field */
	struct str filename; /* null: not a file */
	struct str content_type; /* null when not given */
};

/* What comes out. Each may end the parse by returning non-zero, which multipart_feed() then returns
 * (a positive HTTP status to answer, or negative errno). */
struct multipart_handler {
	int (*on_part)(void *owner, const struct multipart_part *part);
	int (*on_data)(void *owner, struct str data); /* never empty */
	int (*on_part_end)(void *owner);
};

struct multipart {
	const struct multipart_handler *handler;
	void *owner;
	uint32_t parts_max, parts;
	uint32_t preamble;
	int error;
	uint8_t state;
	uint8_t match; /* bytes of the delimiter seen so far */
	uint8_t delimiter_len; /* CR LF "--" boundary */
	uint8_t padding;
	char delimiter[4 + MULTIPART_BOUNDARY_MAX];
	struct buf head; /* the header lines of the current part */
};

/* The boundary in a Content-Type of `multipart/form-data; boundary=...`. False when it is another
 * type or has no valid boundary. The view points into @content_type. */
bool multipart_boundary(struct str content_type, struct str *ret_boundary);
/* @boundary is copied (valid, as found above). @handler outlives it. */
void multipart_init(struct multipart *multipart, struct str boundary,
		    const struct multipart_handler *handler, void *owner);
void multipart_done(struct multipart *multipart);
/* 0, or the error that ends it: 400 malformed, 413 too many parts, 431 a part's head is too long,
 * or what a handler said. The same error comes from then on. */
int multipart_feed(struct multipart *multipart, struct str data);
/* After the last byte of the body: 0, or 400 when the closing delimiter has not come. */
int multipart_finish(struct multipart *multipart);
