#include "codec/row.h"

#include <errno.h>

#include "base/mem.h"

enum wire { WIRE_VARINT, WIRE_FIXED, WIRE_BYTES, WIRE_NULL };

/* -- writing -- */

static void put_varint(struct buf *buf, uint64_t n)
{
	char bytes[10];
	size_t len = 0;

	while (n >= 0x80) {
		bytes[len++] = (char)(n | 0x80);
		n >>= 7;
	}
	bytes[len++] = (char)n;
	buf_put(buf, bytes, len);
}

static void put_fixed(struct buf *buf, uint64_t n)
{
	buf_put(buf, &n, 8); /* little-endian machines only: obj.c */
}

static void put_bytes(struct buf *buf, struct str s)
{
	put_varint(buf, s.len);
	buf_put_str(buf, s);
}

static uint64_t zigzag(int64_t n)
{
	return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static enum wire wire_of(enum type_kind kind)
{
	switch (kind) {
	case TYPE_BOOL:
	case TYPE_INT:
	case TYPE_U64:
	case TYPE_TIME: return WIRE_VARINT;
	case TYPE_FLOAT:
	case TYPE_SNOWFLAKE: return WIRE_FIXED;
	case TYPE_STRING:
	case TYPE_JSON:
	case TYPE_INT_OR_STRING:
	case TYPE_OBJECT:
	case TYPE_LIST:
	case TYPE_MAP:
	default: return WIRE_BYTES;
	}
}

static void put_value(struct buf *buf, const struct type_desc *type, const void *at);

static size_t varint_size(uint64_t n)
{
	return n ? (size_t)(70 - __builtin_clzll(n)) / 7 : 1;
}

/* Bytes of unknown length: written, then moved up to make room for their length. */
static void put_sized_end(struct buf *buf, size_t from)
{
	if (buf->full)
		return;
	size_t len = buf->len - from, head = varint_size(len);
	if (!buf_reserve(buf, head))
		return;
	memmove(buf->ptr + from + head, buf->ptr + from, len);
	buf->len = from;
	put_varint(buf, len);
	buf->len += len;
}

static void put_list(struct buf *buf, const struct type_desc *type, const void *at)
{
	struct any_list list;

	memcpy(&list, at, sizeof(list));
	put_varint(buf, list.count);
	for (uint32_t i = 0; i < list.count; i++)
		put_value(buf, type->of, (const char *)list.items + (size_t)type->of->size * i);
}

static void put_map(struct buf *buf, const struct type_desc *type, const void *at)
{
	struct any_map map;

	memcpy(&map, at, sizeof(map));
	put_varint(buf, map.count);
	for (uint32_t i = 0; i < map.count; i++) {
		put_bytes(buf, map.keys[i]);
		put_value(buf, type->of, (const char *)map.values + (size_t)type->of->size * i);
	}
}

static void put_value(struct buf *buf, const struct type_desc *type, const void *at)
{
	size_t from;
	uint64_t bits;

	switch (type->kind) {
	case TYPE_BOOL: put_varint(buf, *(const bool *)at); break;
	case TYPE_INT:
	case TYPE_TIME: put_varint(buf, zigzag(*(const int64_t *)at)); break;
	case TYPE_U64: put_varint(buf, *(const uint64_t *)at); break;
	case TYPE_FLOAT:
		memcpy(&bits, at, 8);
		put_fixed(buf, bits);
		break;
	case TYPE_SNOWFLAKE: put_fixed(buf, *(const uint64_t *)at); break;
	case TYPE_STRING:
	case TYPE_JSON: put_bytes(buf, *(const struct str *)at); break;
	case TYPE_INT_OR_STRING: {
		struct str text = *(const struct str *)at;

		put_varint(buf, text.len + 1);
		buf_putc(buf, *(const bool *)obj_at_const(at, sizeof(struct str)) ? 1 : 0);
		buf_put_str(buf, text);
		break;
	}
	case TYPE_OBJECT:
	case TYPE_LIST:
	case TYPE_MAP:
		from = buf->len;
		if (type->kind == TYPE_OBJECT)
			row_put(buf, type->object, at);
		else if (type->kind == TYPE_LIST)
			put_list(buf, type, at);
		else
			put_map(buf, type, at);
		put_sized_end(buf, from);
		break;
	}
}

/* How a field stands: not there, null (or what null is said by), a value. */
enum standing { ZERO, POINTER_NULL, VALUE };

static enum standing standing_of(const struct field_desc *field, const void *at)
{
	struct any_list list;

	switch (field->type->kind) {
	case TYPE_BOOL: return *(const bool *)at ? VALUE : ZERO;
	case TYPE_INT:
	case TYPE_TIME: return *(const int64_t *)at ? VALUE : ZERO;
	case TYPE_SNOWFLAKE:
	case TYPE_U64: return *(const uint64_t *)at ? VALUE : ZERO;
	case TYPE_FLOAT: {
		uint64_t bits;

		memcpy(&bits, at, 8);
		return bits ? VALUE : ZERO;
	}
	case TYPE_STRING:
	case TYPE_JSON:
	case TYPE_INT_OR_STRING: return ((const struct str *)at)->ptr ? VALUE : POINTER_NULL;
	case TYPE_OBJECT: {
		void *object;

		memcpy(&object, at, sizeof(object));
		return object ? VALUE : POINTER_NULL;
	}
	case TYPE_LIST:
		memcpy(&list, at, sizeof(list));
		/* An empty array that cannot be null is nothing to write. */
		if (!list.count && !(field->flags & FIELD_NULLABLE))
			return ZERO;
		return list.items ? VALUE : POINTER_NULL;
	case TYPE_MAP: {
		struct any_map map;

		memcpy(&map, at, sizeof(map));
		if (!map.count && !(field->flags & FIELD_NULLABLE))
			return ZERO;
		return map.keys ? VALUE : POINTER_NULL;
	}
	}
	return ZERO;
}

static void put_field(struct buf *buf, const struct obj_desc *desc, const struct field_desc *field,
		      const void *obj)
{
	const void *at = obj_at_const(obj, field->offset);
	bool optional = field->has_bit != FIELD_NO_BIT;
	bool null = field->null_bit != FIELD_NO_BIT && obj_bit(obj, desc->null_at, field->null_bit);
	enum standing standing = standing_of(field, at);

	if (optional && !obj_bit(obj, desc->has_at, field->has_bit))
		return;
	if (null || (standing == POINTER_NULL && optional)) {
		put_varint(buf, (uint64_t)field->id << 3 | WIRE_NULL);
		return;
	}
	if (standing == POINTER_NULL || (standing == ZERO && !optional))
		return;
	put_varint(buf, (uint64_t)field->id << 3 | wire_of(field->type->kind));
	if (field->type->kind == TYPE_OBJECT) {
		void *object;

		memcpy(&object, at, sizeof(object));
		size_t from = buf->len;
		row_put(buf, field->type->object, object);
		put_sized_end(buf, from);
		return;
	}
	put_value(buf, field->type, at);
}

void row_put(struct buf *buf, const struct obj_desc *desc, const void *obj)
{
	const struct obj_desc *base = desc->base;
	const struct obj_desc *variant = obj_variant(base, obj);

	if (base->variant_count && (base->tag->flags & FIELD_STORED)) {
		/* Always, also when it is zero: who reads learns from it whose fields follow. */
		put_varint(buf, (uint64_t)base->tag->id << 3 | wire_of(base->tag->type->kind));
		put_value(buf, base->tag->type, obj_at_const(obj, base->tag->offset));
	}
	for (uint32_t i = 0; variant && i < variant->field_count; i++) {
		const struct field_desc *field = &variant->fields[i];

		if ((field->flags & FIELD_STORED) &&
		    !(base->variant_count && field->offset == base->tag->offset))
			put_field(buf, base, field, obj);
	}
	if (base->unknown_at)
		buf_put_str(buf, *(const struct str *)obj_at_const(obj, base->unknown_at));
}

/* -- reading -- */

struct reader {
	struct arena *arena;
	size_t budget; /* of the arena; a small row may not ask for much */
	uint32_t depth;
};

static bool get_varint(struct str *row, uint64_t *ret)
{
	uint64_t n = 0;

	for (uint32_t shift = 0, i = 0; i < row->len && i < 10; i++, shift += 7) {
		unsigned char byte = (unsigned char)row->ptr[i];

		if (shift == 63 && byte > 1)
			return false;
		n |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*row = str_skip(*row, i + 1);
			*ret = n;
			return true;
		}
	}
	return false;
}

static bool get_fixed(struct str *row, uint64_t *ret)
{
	if (row->len < 8)
		return false;
	memcpy(ret, row->ptr, 8);
	*row = str_skip(*row, 8);
	return true;
}

static bool get_bytes(struct str *row, struct str *ret)
{
	uint64_t len;

	if (!get_varint(row, &len) || len > row->len)
		return false;
	*ret = (struct str){ row->ptr, (size_t)len };
	*row = str_skip(*row, (size_t)len);
	return true;
}

static void *allocate(struct reader *reader, size_t size)
{
	if (size > reader->budget)
		return NULL;
	reader->budget -= size;
	return arena_alloc(reader->arena, size);
}

static bool get_record(struct reader *reader, struct str row, const struct obj_desc *desc,
		       void *obj);
static bool get_value(struct reader *reader, struct str *row, const struct type_desc *type,
		      void *at);

static bool get_list(struct reader *reader, struct str bytes, const struct type_desc *type,
		     void *at)
{
	struct any_list list = {};
	uint64_t count;

	if (!get_varint(&bytes, &count) || count > bytes.len) /* an element takes a byte at least */
		return false;
	list.items = allocate(reader, (size_t)type->of->size * (size_t)count);
	if (!list.items)
		return false;
	for (; list.count < count; list.count++)
		if (!get_value(reader, &bytes, type->of,
			       (char *)list.items + (size_t)type->of->size * list.count))
			return false;
	memcpy(at, &list, sizeof(list));
	return bytes.len == 0;
}

static bool get_map(struct reader *reader, struct str bytes, const struct type_desc *type, void *at)
{
	struct any_map map = {};
	uint64_t count;

	if (!get_varint(&bytes, &count) || count > bytes.len / 2)
		return false;
	map.keys = allocate(reader, sizeof(*map.keys) * (size_t)count);
	map.values = allocate(reader, (size_t)type->of->size * (size_t)count);
	if (!map.keys || !map.values)
		return false;
	for (; map.count < count; map.count++) {
		if (!get_bytes(&bytes, &map.keys[map.count]) ||
		    !get_value(reader, &bytes, type->of,
			       (char *)map.values + (size_t)type->of->size * map.count))
			return false;
	}
	memcpy(at, &map, sizeof(map));
	return bytes.len == 0;
}

static bool get_value(struct reader *reader, struct str *row, const struct type_desc *type,
		      void *at)
{
	struct str bytes;
	uint64_t n;

	switch (type->kind) {
	case TYPE_BOOL:
		if (!get_varint(row, &n) || n > 1)
			return false;
		*(bool *)at = n;
		return true;
	case TYPE_INT:
	case TYPE_TIME:
		if (!get_varint(row, &n))
			return false;
		*(int64_t *)at = (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
		return true;
	case TYPE_U64: return get_varint(row, at);
	case TYPE_SNOWFLAKE: return get_fixed(row, at);
	case TYPE_FLOAT:
		if (!get_fixed(row, &n))
			return false;
		memcpy(at, &n, 8);
		return true;
	case TYPE_STRING:
	case TYPE_JSON: return get_bytes(row, at);
	case TYPE_INT_OR_STRING:
		if (!get_bytes(row, &bytes) || !bytes.len || (unsigned char)bytes.ptr[0] > 1)
			return false;
		*(struct str *)at = str_skip(bytes, 1);
		*(bool *)obj_at(at, sizeof(struct str)) = bytes.ptr[0] == 1;
		return true;
	case TYPE_OBJECT:
	case TYPE_LIST:
	case TYPE_MAP: break;
	}
	if (!get_bytes(row, &bytes) || reader->depth >= ROW_DEPTH_MAX)
		return false;
	reader->depth++;
	bool ok = type->kind == TYPE_OBJECT ? get_record(reader, bytes, type->object->base, at)
		: type->kind == TYPE_LIST   ? get_list(reader, bytes, type, at)
					    : get_map(reader, bytes, type, at);
	reader->depth--;
	return ok;
}

static bool get_field(struct reader *reader, struct str *row, uint64_t wire,
		      const struct obj_desc *desc, const struct field_desc *field, void *obj)
{
	void *at = obj_at(obj, field->offset);

	if (field->has_bit != FIELD_NO_BIT)
		obj_bit_set(obj, desc->has_at, field->has_bit);
	if (wire == WIRE_NULL) {
		if (field->null_bit != FIELD_NO_BIT)
			obj_bit_set(obj, desc->null_at, field->null_bit);
		return true;
	}
	if (wire != (uint64_t)wire_of(field->type->kind))
		return false;
	if (field->type->kind != TYPE_OBJECT)
		return get_value(reader, row, field->type, at);
	void *object = allocate(reader, field->type->object->size);
	if (!object)
		return false;
	memcpy(at, &object, sizeof(object));
	return get_value(reader, row, field->type, object);
}

static bool skip_payload(struct str *row, uint64_t wire)
{
	struct str bytes;
	uint64_t n;

	switch (wire) {
	case WIRE_VARINT: return get_varint(row, &n);
	case WIRE_FIXED: return get_fixed(row, &n);
	case WIRE_BYTES: return get_bytes(row, &bytes);
	case WIRE_NULL: return true;
	default: return false;
	}
}

/* Most records are read in the order in which they were written: the search goes on where it stopped. */
static const struct field_desc *field_by_id(const struct obj_desc *desc, uint64_t id, uint32_t *at)
{
	for (uint32_t i = 0; i < desc->field_count; i++) {
		uint32_t place = (*at + i) % desc->field_count;
		const struct field_desc *field = &desc->fields[place];

		if (field->id == id && (field->flags & FIELD_STORED)) {
			*at = place + 1;
			return field;
		}
	}
	return NULL;
}

/* Unknown fields are mostly one run at the end; when they are not, they are gathered in the arena. */
static bool keep_unknown(struct reader *reader, const struct obj_desc *desc, struct str field,
			 void *obj)
{
	if (!desc->unknown_at)
		return true;
	struct str *kept = obj_at(obj, desc->unknown_at);
	if (!kept->len) {
		*kept = field;
		return true;
	}
	if (kept->ptr + kept->len == field.ptr) {
		kept->len += field.len;
		return true;
	}
	char *joined = allocate(reader, kept->len + field.len);
	if (!joined)
		return false;
	memcpy(joined, kept->ptr, kept->len);
	memcpy(joined + kept->len, field.ptr, field.len);
	*kept = (struct str){ joined, kept->len + field.len };
	return true;
}

static bool get_record(struct reader *reader, struct str row, const struct obj_desc *desc,
		       void *obj)
{
	const struct obj_desc *fields = desc;
	uint32_t at = 0;

	while (row.len) {
		struct str start = row;
		const struct field_desc *field;
		uint64_t tag;

		if (!get_varint(&row, &tag) || !(tag >> 3))
			return false;
		if (desc->variant_count && fields == desc) {
			/* A union: its tag comes first and tells whose ids follow. */
			field = desc->tag->id == tag >> 3 ? desc->tag : NULL;
			if (!field || !get_field(reader, &row, tag & 7, desc, field, obj))
				return false;
			fields = obj_variant(
				desc,
				obj); /* NULL: of a newer version, its fields are all unknown */
			continue;
		}
		if (desc->variant_count && desc->tag->id == tag >> 3)
			return false; /* a second tag would change what the fields before it mean */
		field = fields ? field_by_id(fields, tag >> 3, &at) : NULL;
		if (field) {
			if (!get_field(reader, &row, tag & 7, desc, field, obj))
				return false;
			continue;
		}
		if (!skip_payload(&row, tag & 7))
			return false;
		if (!keep_unknown(reader, desc, (struct str){ start.ptr, start.len - row.len },
				  obj))
			return false;
	}
	return true;
}

int row_get(struct str row, const struct obj_desc *desc, struct arena *arena, void *ret)
{
	struct reader reader = { .arena = arena, .budget = ((size_t)1 << 20) + row.len * 1024 };

	memset(ret, 0, desc->base->size);
	if (row.len > ROW_MAX || !get_record(&reader, row, desc->base, ret))
		return -EBADMSG;
	return 0;
}
