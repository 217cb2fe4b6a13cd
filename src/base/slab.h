/* Small things of which there are very many, and that live long: what each connection is made of. They lie close together, without
 * a header each, and apart from what comes and goes, so that memory which is given back leaves no holes between them.
 *
 * Each thread has slabs of its own. Any thread may free; what is freed by another than its maker is taken back when that one makes
 * something of any size. For threads that live as long as the process. Sanitizer builds use malloc() instead. */
#pragma once

#include <stddef.h>

enum { SLAB_SIZE_MAX = 512 };

/* Zeroed, aligned to 8 bytes, never NULL; @size is SLAB_SIZE_MAX at most. */
[[nodiscard]] void *slab_alloc(size_t size);
/* NULL does nothing. Any thread. */
void slab_free(void *ptr);
