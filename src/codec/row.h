/* Stored objects as bytes: fields by their ids, so that later versions may add some, and keep those they do not know.
 *
 * A record is a run of fields; a field is a varint `id << 3 | wire type` and its payload:
 *   0 varint; int and time in zigzag       2 varint length, bytes: strings, JSON, objects, arrays, maps
 *   1 eight bytes, little-endian: floats,  3 nothing: there, and null (or zero, or empty)
 *     snowflakes
 * Arrays: varint count, elements without tags. Maps: count, then key and value each. int_or_string: a byte, 1 for an
 * integer, and the text. A union writes its tag first. Fields that are zero are not written unless they are optional
 * and there. Any core. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "codec/obj.h"

enum {
	ROW_MAX = 16 << 20, /* bytes of a record */
	ROW_DEPTH_MAX =
		40, /* more than any body may nest (JSON_DEPTH_MAX): what was accepted can be read back */
};

/* Appends @obj's record. buf->full when it does not fit. */
void row_put(struct buf *buf, const struct obj_desc *desc, const void *obj);
/* Fills @ret (zeroed here first). Strings point into @row, the rest lies in @arena. 0, or -EBADMSG: malformed. Fields of
 * unknown ids go to unknown_fields and back out with row_put(). */
[[nodiscard]] int row_get(struct str row, const struct obj_desc *desc, struct arena *arena,
			  void *ret);
