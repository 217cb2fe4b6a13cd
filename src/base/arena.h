/* Scratch memory of one request or one job: allocate, never free a part, drop it whole.
 * One owner at a time; it is handed over with the request. */
#pragma once

#include "base/str.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *head;
	size_t used; /* bytes given out, all chunks together */
};

void arena_init(struct arena *arena);
/* Frees all of it; the arena may be used again. */
void arena_done(struct arena *arena);
/* Zeroed, aligned for any object, never NULL. */
[[nodiscard]] void *arena_alloc(struct arena *arena, size_t size);
[[nodiscard]] void *arena_dup(struct arena *arena, const void *src, size_t size);
/* A copy of @s; a NUL byte follows it, not counted. */
struct str arena_str(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* arena_new(arena, struct message): one zeroed object. arena_array(arena, struct message, n): n of them. */
#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, n) ((type *)arena_alloc((arena), sizeof(type) * (size_t)(n)))
