/* Memory that cannot fail, and the cleanup helpers used everywhere.
 *
 * Small allocations end the process when the machine has none left; a size named by a peer is checked
 * against a limit before it gets here. Any thread may call these. */
#pragma once

#include <stddef.h>

/* Uninitialised / zeroed memory, never NULL (for size 0 too). Free with free(). */
[[nodiscard]] void *mem_alloc(size_t size);
[[nodiscard]] void *mem_zalloc(size_t size);
/* As realloc(), never NULL. */
[[nodiscard]] void *mem_realloc(void *ptr, size_t size);
/* A copy of @size bytes at @src, owned by the caller. */
[[nodiscard]] void *mem_dup(const void *src, size_t size);
/* A NUL-terminated copy of a NUL-terminated string. */
[[nodiscard]] char *mem_strdup(const char *z);

#define CLEANUP(fn) __attribute__((cleanup(fn)))
/* Moves ownership out of a CLEANUP variable: the value, and NULL left behind. */
#define TAKE(ptr)                       \
	({                              \
		typeof(ptr) t_ = (ptr); \
		(ptr) = NULL;           \
		t_;                     \
	})
/* DEFINE_CLEANUP(struct session, session_free) makes session_freep() for CLEANUP(). */
#define DEFINE_CLEANUP(type, fn)             \
	static inline void fn##p(type **ptr) \
	{                                    \
		fn(*ptr);                    \
	}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

void mem_free_cleanup(void *ptr_to_ptr);
/* CLEANUP_FREE char *path = ...; frees on leaving the scope. */
#define CLEANUP_FREE CLEANUP(mem_free_cleanup)
