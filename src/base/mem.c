#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* docs/adr/0013: nothing is left to be saved. */
static void *checked(void *ptr, size_t size)
{
	if (!ptr) {
		fprintf(stderr, "error out of memory, ends bytes=%zu\n", size);
		abort();
	}
	return ptr;
}

void *mem_alloc(size_t size)
{
	return checked(malloc(size ? size : 1), size);
}

void *mem_zalloc(size_t size)
{
	return checked(calloc(1, size ? size : 1), size);
}

void *mem_realloc(void *ptr, size_t size)
{
	return checked(realloc(ptr, size ? size : 1), size);
}

void *mem_dup(const void *src, size_t size)
{
	void *ptr = mem_alloc(size);

	if (size)
		memcpy(ptr, src, size);
	return ptr;
}

char *mem_strdup(const char *z)
{
	return mem_dup(z, strlen(z) + 1);
}

void mem_free_cleanup(void *ptr_to_ptr)
{
	free(*(void **)ptr_to_ptr);
}
