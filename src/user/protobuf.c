#include "user/protobuf.h"

#include "base/mem.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5, FIELDS_MAX = 1024 };

struct field {
	uint64_t number;
	struct str raw; /* tag and value */
};

static bool read_varint(struct str *in, uint64_t *ret)
{
	uint64_t n = 0;

	for (uint32_t shift = 0; shift < 64 && in->len; shift += 7) {
		unsigned char byte = (unsigned char)in->ptr[0];

		*in = str_skip(*in, 1);
		n |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = n;
			return true;
		}
	}
	return false;
}

static bool read_field(struct str *in, struct field *ret)
{
	const char *start = in->ptr;
	uint64_t tag, len = 0;

	if (!read_varint(in, &tag) || tag >> 3 == 0)
		return false;
	switch (tag & 7) {
	case VARINT:
		if (!read_varint(in, &len))
			return false;
		len = 0;
		break;
	case FIXED64: len = 8; break;
	case FIXED32: len = 4; break;
	case BYTES:
		if (!read_varint(in, &len))
			return false;
		break;
	default: return false; /* groups are of the last century */
	}
	if (len > in->len)
		return false;
	*in = str_skip(*in, len);
	*ret = (struct field){ tag >> 3, { start, (size_t)(in->ptr - start) } };
	return true;
}

static bool read_all(struct arena *arena, struct str in, struct field **ret, uint32_t *ret_count)
{
	*ret = arena_array(arena, struct field, FIELDS_MAX);
	*ret_count = 0;
	while (in.len)
		if (*ret_count == FIELDS_MAX || !read_field(&in, &(*ret)[(*ret_count)++]))
			return false;
	return true;
}

bool protobuf_merge(struct arena *arena, struct str old, struct str change, struct str *ret)
{
	struct field *a, *b;
	uint32_t a_count, b_count;

	if (!read_all(arena, old, &a, &a_count) || !read_all(arena, change, &b, &b_count))
		return false;
	char *out = arena_alloc(arena, old.len + change.len + 1);
	size_t len = 0;
	for (uint32_t i = 0; i < a_count; i++) {
		bool replaced = false;

		for (uint32_t k = 0; k < b_count && !replaced; k++)
			replaced = a[i].number == b[k].number;
		if (replaced)
			continue;
		memcpy(out + len, a[i].raw.ptr, a[i].raw.len);
		len += a[i].raw.len;
	}
	if (change.len)
		memcpy(out + len, change.ptr, change.len);
	*ret = (struct str){ out, len + change.len };
	return true;
}

static bool last(struct str message, uint64_t number, uint64_t type, struct str *ret_value)
{
	struct field field;
	bool found = false;

	while (message.len && read_field(&message, &field)) {
		uint64_t tag;

		if (field.number != number)
			continue;
		*ret_value = field.raw;
		found = read_varint(ret_value, &tag) && (tag & 7) == type;
	}
	return found;
}

bool protobuf_bytes(struct str message, uint64_t number, struct str *ret)
{
	struct str value;
	uint64_t len;

	if (!last(message, number, BYTES, &value) || !read_varint(&value, &len) || len != value.len)
		return false;
	*ret = value;
	return true;
}

bool protobuf_fixed64(struct str message, uint64_t number, uint64_t *ret)
{
	struct str value;

	if (!last(message, number, FIXED64, &value) || value.len != 8)
		return false;
	*ret = 0;
	for (int i = 7; i >= 0; i--)
		*ret = *ret << 8 | (uint8_t)value.ptr[i];
	return true;
}
