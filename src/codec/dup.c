#include "codec/dup.h"

#include <assert.h>

#include "base/mem.h"
#include "base/region.h"

/* The same walk twice: once to measure (at NULL), once to copy. */
struct copier {
	char *at;
	size_t used;
};

static size_t aligned(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Room for @size bytes copied from @src; NULL while measuring. */
static void *take(struct copier *copier, const void *src, size_t size, size_t extra)
{
	char *to = copier->at ? copier->at + copier->used : NULL;

	copier->used += aligned(size + extra);
	if (to) {
		if (size)
			memcpy(to, src, size);
		memset(to + size, 0, extra);
	}
	return to;
}

static void copy_object(struct copier *copier, const struct obj_desc *desc, const void *from,
			void *to);

static void copy_str(struct copier *copier, struct str from, struct str *to)
{
	if (!from.ptr)
		return;
	char *ptr = take(copier, from.ptr, from.len, 1);
	if (to)
		to->ptr = ptr;
}

/* What the value at @from points to; @to holds a plain copy of the value, NULL while measuring. */
static void copy_value(struct copier *copier, const struct type_desc *type, const void *from,
		       void *to)
{
	switch (type->kind) {
	case TYPE_STRING:
	case TYPE_JSON:
	case TYPE_INT_OR_STRING: copy_str(copier, *(const struct str *)from, to); break;
	case TYPE_OBJECT: copy_object(copier, type->object->base, from, to); break;
	case TYPE_LIST: {
		struct any_list list;

		memcpy(&list, from, sizeof(list));
		if (!list.items)
			break;
		char *items = take(copier, list.items, (size_t)type->of->size * list.count,
				   list.count ? 0 : 8);
		for (uint32_t i = 0; i < list.count; i++)
			copy_value(copier, type->of,
				   (const char *)list.items + (size_t)type->of->size * i,
				   items ? items + (size_t)type->of->size * i : NULL);
		list.items = items;
		if (to)
			memcpy(to, &list, sizeof(list));
		break;
	}
	case TYPE_MAP: {
		struct any_map map;

		memcpy(&map, from, sizeof(map));
		if (!map.keys)
			break;
		struct str *keys = take(copier, map.keys, sizeof(*keys) * map.count,
					map.count ? 0 : 8);
		char *values = take(copier, map.values, (size_t)type->of->size * map.count,
				    map.count ? 0 : 8);
		for (uint32_t i = 0; i < map.count; i++) {
			copy_str(copier, map.keys[i], keys ? &keys[i] : NULL);
			copy_value(copier, type->of,
				   (const char *)map.values + (size_t)type->of->size * i,
				   values ? values + (size_t)type->of->size * i : NULL);
		}
		map.keys = keys;
		map.values = values;
		if (to)
			memcpy(to, &map, sizeof(map));
		break;
	}
	case TYPE_BOOL:
	case TYPE_INT:
	case TYPE_FLOAT:
	case TYPE_SNOWFLAKE:
	case TYPE_U64:
	case TYPE_TIME: break;
	}
}

static void copy_object(struct copier *copier, const struct obj_desc *desc, const void *from,
			void *to)
{
	for (uint32_t i = 0; i < desc->field_count; i++) {
		const struct field_desc *field = &desc->fields[i];
		const void *value = obj_at_const(from, field->offset);
		void *place = to ? obj_at(to, field->offset) : NULL;

		if (field->type->kind != TYPE_OBJECT) {
			copy_value(copier, field->type, value, place);
			continue;
		}
		const void *object;
		memcpy(&object, value, sizeof(object));
		if (!object)
			continue;
		void *copy = take(copier, object, field->type->object->size, 0);
		if (place)
			memcpy(place, &copy, sizeof(copy));
		copy_object(copier, field->type->object->base, object, copy);
	}
	if (desc->unknown_at)
		copy_str(copier, *(const struct str *)obj_at_const(from, desc->unknown_at),
			 to ? obj_at(to, desc->unknown_at) : NULL);
}

size_t obj_weight(const struct obj_desc *desc, const void *obj)
{
	struct copier copier = {};

	take(&copier, obj, desc->size, 0);
	copy_object(&copier, desc->base, obj, NULL);
	return copier.used;
}

static void *copy_to(char *block, size_t size, const struct obj_desc *desc, const void *obj)
{
	struct copier copier = { .at = block };
	void *copy = take(&copier, obj, desc->size, 0);

	copy_object(&copier, desc->base, obj, copy);
	assert(copier.used == size);
	return copy;
}

void *obj_dup(const struct obj_desc *desc, const void *obj)
{
	size_t size = obj_weight(desc, obj);

	return copy_to(mem_alloc(size), size, desc, obj);
}

void *obj_dup_arena(struct arena *arena, const struct obj_desc *desc, const void *obj)
{
	size_t size = obj_weight(desc, obj);

	return copy_to(arena_alloc(arena, size), size, desc, obj);
}

void *obj_dup_region(struct region *region, const struct obj_desc *desc, const void *obj)
{
	size_t size = obj_weight(desc, obj);

	return copy_to(region_alloc(region, size), size, desc, obj);
}
