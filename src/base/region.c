#include "base/region.h"

#include <stdlib.h>
#include <string.h>

#include "base/slab.h"

struct block {
	struct list node;
	size_t size;
	char data[];
};

static struct block *block_of(void *ptr)
{
	return container_of(ptr, struct block, data);
}

/* Of small ones there are many: one for each session of a guild. */
static struct block *block_make(size_t size)
{
	size_t all = sizeof(struct block) + size;
	struct block *block = all <= SLAB_SIZE_MAX ? slab_alloc(all) : mem_zalloc(all);

	block->size = size;
	return block;
}

static void block_free(struct block *block)
{
	if (sizeof(*block) + block->size <= SLAB_SIZE_MAX)
		slab_free(block);
	else
		free(block);
}

void region_init(struct region *region)
{
	list_init(&region->blocks);
	region->bytes = 0;
}

void region_drop(struct region *region)
{
	list_for_each (node, &region->blocks)
		block_free(list_entry(node, struct block, node));
	region_init(region);
}

void *region_alloc(struct region *region, size_t size)
{
	struct block *block = block_make(size);

	list_add_tail(&region->blocks, &block->node);
	region->bytes += size;
	return block->data;
}

void *region_realloc(struct region *region, void *ptr, size_t size)
{
	if (!ptr)
		return region_alloc(region, size);
	struct block *block = block_of(ptr), *other;
	size_t before = block->size;
	list_del(&block->node);
	if (sizeof(*block) + MIN(before, size) > SLAB_SIZE_MAX) {
		block = mem_realloc(block, sizeof(*block) + size);
		if (size > before)
			memset(block->data + before, 0, size - before);
		block->size = size;
	} else {
		other = block_make(size);
		memcpy(other->data, block->data, MIN(before, size));
		block_free(block);
		block = other;
	}
	region->bytes += size - before;
	list_add_tail(&region->blocks, &block->node);
	return block->data;
}

void region_free(struct region *region, void *ptr)
{
	if (!ptr)
		return;
	struct block *block = block_of(ptr);
	list_del(&block->node);
	region->bytes -= block->size;
	block_free(block);
}

struct str region_str(struct region *region, struct str s)
{
	if (!s.ptr)
		return s;
	char *ptr = region_alloc(region, s.len + 1);
	memcpy(ptr, s.ptr, s.len);
	return (struct str){ ptr, s.len };
}
