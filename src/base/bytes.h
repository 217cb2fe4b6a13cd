/* Immutable bytes that many read: an encoded event, a snapshot segment. Atomically counted; the only
 * memory that cores share. Filled by its maker before it is shown to anybody else. */
#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

struct bytes {
	_Atomic uint32_t refs;
	uint32_t len;
	char data[];
};

/* One reference, owned by the caller; data is uninitialised. */
[[nodiscard]] struct bytes *bytes_new(size_t len);
[[nodiscard]] struct bytes *bytes_from(struct str s);
/* Bytes that are written in place: _begin() on a buffer that is empty, anything put behind what it puts, _end() takes the buffer's
 * memory, which is then empty as after buf_init(). The buffer must not be full. */
void bytes_begin(struct buf *buf);
[[nodiscard]] struct bytes *bytes_end(struct buf *buf);
/* Any core may call these. bytes_unref(NULL) does nothing. */
struct bytes *bytes_ref(struct bytes *bytes);
void bytes_unref(struct bytes *bytes);
DEFINE_CLEANUP(struct bytes, bytes_unref)
static inline struct str bytes_str(const struct bytes *bytes)
{
	return (struct str){ bytes->data, bytes->len };
}
