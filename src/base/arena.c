#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { CHUNK_MIN = 4096 - 64 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(16) char data[];
};

void arena_init(struct arena *arena)
{
	*arena = (struct arena){};
}

void arena_done(struct arena *arena)
{
	while (arena->head) {
		struct arena_chunk *chunk = arena->head;

		arena->head = chunk->next;
		free(chunk);
	}
	arena->used = 0;
}

static void *raw(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->head;

	size = (size + 15) & ~(size_t)15;
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = MAX(size, chunk ? MIN(chunk->size * 2, (size_t)1 << 20) : CHUNK_MIN);

		chunk = mem_alloc(sizeof(*chunk) + room);
		chunk->next = arena->head;
		chunk->used = 0;
		chunk->size = room;
		arena->head = chunk;
	}
	void *ptr = chunk->data + chunk->used;
	chunk->used += size;
	arena->used += size;
	return ptr;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return memset(raw(arena, size), 0, size);
}

void *arena_dup(struct arena *arena, const void *src, size_t size)
{
	void *ptr = raw(arena, size);

	if (size)
		memcpy(ptr, src, size);
	return ptr;
}

struct str arena_str(struct arena *arena, struct str s)
{
	if (!s.ptr)
		return s;
	char *ptr = raw(arena, s.len + 1);
	memcpy(ptr, s.ptr, s.len);
	ptr[s.len] = '\0';
	return (struct str){ ptr, s.len };
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *ptr = raw(arena, (size_t)n + 1);
	va_start(args, format);
	vsnprintf(ptr, (size_t)n + 1, format, args);
	va_end(args);
	return (struct str){ ptr, (size_t)n };
}
