/* What the generic engine knows about a generated struct: its fields, where they lie, what they may hold.
 *
 * The tables are constants made by the generator (docs/schema.md); the decoder (dec.h), the row codec (row.h) and the
 * copier (dup.h) walk them. The encoder does not: it is straight-line code, since it is the hot path. */
#pragma once

#include "base/str.h"

struct arena;
struct enc;
struct obj_desc;
struct pattern;
struct random;

/* The C side of arrays; for an array of objects it is struct NAME_list in model/objects.h. */
struct bool_list {
	bool *items;
	uint32_t count;
};
struct i64_list {
	int64_t *items;
	uint32_t count;
};
struct u64_list {
	uint64_t *items;
	uint32_t count;
};
struct f64_list {
	double *items;
	uint32_t count;
};
struct str_list {
	struct str *items;
	uint32_t count;
};
/* The same for objects with free keys; struct NAME_map for objects. */
struct bool_map {
	struct str *keys;
	bool *values;
	uint32_t count;
};
struct i64_map {
	struct str *keys;
	int64_t *values;
	uint32_t count;
};
struct u64_map {
	struct str *keys;
	uint64_t *values;
	uint32_t count;
};
struct f64_map {
	struct str *keys;
	double *values;
	uint32_t count;
};
struct str_map {
	struct str *keys;
	struct str *values;
	uint32_t count;
};

enum type_kind {
	TYPE_BOOL, /* bool */
	TYPE_INT, /* int64_t */
	TYPE_FLOAT, /* double */
	TYPE_SNOWFLAKE, /* uint64_t */
	TYPE_U64, /* uint64_t */
	TYPE_STRING, /* struct str */
	TYPE_TIME, /* int64_t, microseconds of Unix time */
	TYPE_JSON, /* struct str, JSON text */
	TYPE_INT_OR_STRING, /* struct str, followed by bool NAME_is_int */
	TYPE_OBJECT, /* struct NAME *; in arrays and maps struct NAME */
	TYPE_LIST, /* any of the lists above */
	TYPE_MAP, /* any of the maps above */
};

struct type_desc {
	enum type_kind kind;
	uint32_t size; /* of one value in an array, in bytes */
	const struct type_desc *of; /* TYPE_LIST, TYPE_MAP: of an element */
	const struct obj_desc *object; /* TYPE_OBJECT; may be a view */
};

enum field_flag {
	FIELD_OPTIONAL = 1 << 0, /* may be absent */
	FIELD_NULLABLE = 1 << 1, /* may be null */
	FIELD_WIRE = 1 << 2, /* on the wire */
	FIELD_STORED = 1 << 3, /* in rows */
	FIELD_TRIM = 1 << 4, /* white space at both ends is dropped */
	FIELD_UNIQUE = 1 << 5, /* an array without repetitions */
	FIELD_COERCE = 1 << 6, /* number as a string, single value for an array */
	FIELD_DEFAULT = 1 << 7, /* rules->default_* when absent */
	FIELD_MIN = 1 << 8,
	FIELD_MAX = 1 << 9,
	FIELD_NULL_ABSENT = 1 << 10, /* null in a body is as if the field were not there */
};
enum { FIELD_NO_BIT = 0xffff };

struct field_rules {
	int64_t min, max; /* numbers: of the value; strings: code points; FIELD_MIN, FIELD_MAX */
	double float_min, float_max; /* TYPE_FLOAT */
	uint32_t min_items, max_items; /* arrays, maps; max 0: CODEC_ITEMS_MAX */
	uint32_t max_bytes,
		max_depth; /* TYPE_JSON; 0: CODEC_JSON_BYTES_MAX, CODEC_JSON_DEPTH_MAX */
	const struct pattern *pattern; /* TYPE_STRING */
	const int64_t *int_choices;
	const struct str *str_choices;
	uint32_t choice_count;
	int64_t default_int; /* bool, int, snowflake, u64, time */
	double default_float;
	struct str default_str;
};
enum {
	CODEC_ITEMS_MAX = 10000, /* in an array that has no limit of its own */
	CODEC_DEPTH_MAX = 24, /* objects and arrays inside each other, structs and rows */
	CODEC_JSON_BYTES_MAX = 65536, /* of a json field */
	CODEC_JSON_DEPTH_MAX = 16,
};

struct field_desc {
	struct str name; /* the key on the wire; NUL-terminated */
	const struct type_desc *type;
	const struct field_rules *rules; /* NULL: none */
	uint32_t offset;
	uint16_t id; /* in rows; 0: none */
	uint16_t flags;
	uint16_t has_bit, null_bit; /* in the object's bit sets, FIELD_NO_BIT: none */
};

struct variant_desc {
	int64_t number;
	struct str text;
	const struct obj_desc *desc; /* of the union's struct */
};

struct obj_desc {
	const char *name;
	uint32_t size; /* of the struct */
	uint32_t has_at; /* offset of its bit sets; 0: it has none */
	uint32_t null_at;
	uint32_t unknown_at; /* of unknown_fields; 0: never stored */
	const struct field_desc *fields;
	uint32_t field_count;
	uint32_t variant_count; /* not 0: a union */
	const struct variant_desc *variants;
	const struct field_desc *tag; /* a union's tag */
	int64_t tag_default; /* taken when the tag is absent, if tag_has_default */
	bool tag_has_default;
	const struct obj_desc
		*base; /* the object of a view (itself otherwise): rows and copies go by it */
	const struct field_desc
		*list; /* a root array: size is that of the list, and only this is set */
	void (*enc)(struct enc *enc, const void *obj);
};

/* Bits of `has` and `null`, by number. The generator counts them as the compiler lays out bit-fields (from the lowest
 * bit on, on every machine that Rookery runs on; checked in obj.c). */
static inline bool obj_bit(const void *obj, uint32_t at, uint16_t bit)
{
	return (((const unsigned char *)obj)[at + (bit >> 3)] >> (bit & 7)) & 1;
}
static inline void obj_bit_set(void *obj, uint32_t at, uint16_t bit)
{
	((unsigned char *)obj)[at + (bit >> 3)] |= (unsigned char)(1u << (bit & 7));
}

/* The place of a member by its offset. */
static inline void *obj_at(void *obj, size_t offset)
{
	return (char *)obj + offset;
}
static inline const void *obj_at_const(const void *obj, size_t offset)
{
	return (const char *)obj + offset;
}

/* Any list or map, whatever its elements: loaded and stored through memcpy(), since the structs differ in name. */
struct any_list {
	void *items;
	uint32_t count;
};
struct any_map {
	struct str *keys;
	void *values;
	uint32_t count;
};

/* The variant that @obj's tag names, or NULL; @desc itself when it is no union. Any core. */
const struct obj_desc *obj_variant(const struct obj_desc *desc, const void *obj);

/* A random object within the rules of @desc, in @arena, for tests: what decode(encode(x)) is tried on. NULL for a
 * root array. */
void *obj_sample(struct arena *arena, const struct obj_desc *desc, struct random *random);
