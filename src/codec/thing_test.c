#include "codec/thing_test.h"

#include <stddef.h>

#include "codec/enc.h"

static const struct type_desc t_bool = { .kind = TYPE_BOOL, .size = sizeof(bool) };
static const struct type_desc t_int = { .kind = TYPE_INT, .size = sizeof(int64_t) };
static const struct type_desc t_float = { .kind = TYPE_FLOAT, .size = sizeof(double) };
static const struct type_desc t_snowflake = { .kind = TYPE_SNOWFLAKE, .size = sizeof(uint64_t) };
static const struct type_desc t_u64 = { .kind = TYPE_U64, .size = sizeof(uint64_t) };
static const struct type_desc t_string = { .kind = TYPE_STRING, .size = sizeof(struct str) };
static const struct type_desc t_time = { .kind = TYPE_TIME, .size = sizeof(int64_t) };
static const struct type_desc t_json = { .kind = TYPE_JSON, .size = sizeof(struct str) };
static const struct type_desc t_either = { .kind = TYPE_INT_OR_STRING, .size = sizeof(struct str) };
static const struct type_desc t_ids = { .kind = TYPE_LIST,
					.size = sizeof(struct u64_list),
					.of = &t_snowflake };
static const struct type_desc t_tags = { .kind = TYPE_LIST,
					 .size = sizeof(struct str_list),
					 .of = &t_string };
static const struct type_desc t_thing = { .kind = TYPE_OBJECT,
					  .size = sizeof(struct thing),
					  .object = &desc_thing };
static const struct type_desc t_things = { .kind = TYPE_LIST,
					   .size = sizeof(struct thing_list),
					   .of = &t_thing };
static const struct type_desc t_texts = { .kind = TYPE_MAP,
					  .size = sizeof(struct str_map),
					  .of = &t_string };

enum { BOTH = FIELD_WIRE | FIELD_STORED, NO = FIELD_NO_BIT };
#define AT(member) offsetof(struct thing, member)
#define RULES(...)                  \
	&(const struct field_rules) \
	{                           \
		__VA_ARGS__         \
	}

static const struct field_desc fields[] = {
	{ { "id", 2 }, &t_snowflake, NULL, AT(id), 1, BOTH, NO, NO },
	{ { "name", 4 },
	  &t_string,
	  RULES(.min = 2, .max = 5),
	  AT(name),
	  2,
	  BOTH | FIELD_OPTIONAL | FIELD_NULLABLE | FIELD_MIN | FIELD_MAX | FIELD_TRIM,
	  0,
	  NO },
	{ { "count", 5 },
	  &t_int,
	  RULES(.min = 0, .max = 100),
	  AT(count),
	  3,
	  BOTH | FIELD_OPTIONAL | FIELD_NULLABLE | FIELD_MIN | FIELD_MAX,
	  1,
	  0 },
	{ { "on", 2 }, &t_bool, NULL, AT(on), 4, BOTH | FIELD_OPTIONAL, 2, NO },
	{ { "ratio", 5 }, &t_float, NULL, AT(ratio), 5, BOTH | FIELD_OPTIONAL, 3, NO },
	{ { "perms", 5 },
	  &t_u64,
	  NULL,
	  AT(perms),
	  6,
	  BOTH | FIELD_OPTIONAL | FIELD_NULL_ABSENT,
	  4,
	  NO },
	{ { "at", 2 }, &t_time, NULL, AT(at), 7, BOTH | FIELD_OPTIONAL | FIELD_NULLABLE, 5, NO },
	{ { "extra", 5 },
	  &t_json,
	  RULES(.max_bytes = 40, .max_depth = 3),
	  AT(extra),
	  8,
	  BOTH | FIELD_OPTIONAL,
	  6,
	  NO },
	{ { "nonce", 5 },
	  &t_either,
	  RULES(.max = 5),
	  AT(nonce),
	  9,
	  BOTH | FIELD_OPTIONAL | FIELD_MAX,
	  7,
	  NO },
	{ { "ids", 3 },
	  &t_ids,
	  RULES(.max_items = 3),
	  AT(ids),
	  10,
	  BOTH | FIELD_OPTIONAL | FIELD_UNIQUE | FIELD_COERCE,
	  8,
	  NO },
	{ { "tags", 4 },
	  &t_tags,
	  RULES(.max_items = 4, .str_choices = (const struct str[]){ { "a", 1 }, { "b", 1 } },
		.choice_count = 2),
	  AT(tags),
	  11,
	  BOTH | FIELD_OPTIONAL | FIELD_NULLABLE,
	  9,
	  NO },
	{ { "child", 5 },
	  &t_thing,
	  NULL,
	  AT(child),
	  12,
	  BOTH | FIELD_OPTIONAL | FIELD_NULLABLE,
	  10,
	  NO },
	{ { "children", 8 },
	  &t_things,
	  RULES(.max_items = 200),
	  AT(children),
	  13,
	  BOTH | FIELD_OPTIONAL,
	  11,
	  NO },
	{ { "texts", 5 }, &t_texts, NULL, AT(texts), 14, BOTH | FIELD_OPTIONAL, 12, NO },
	{ { "level", 5 },
	  &t_int,
	  RULES(.default_int = 7, .int_choices = (const int64_t[]){ 7, 8 }, .choice_count = 2),
	  AT(level),
	  15,
	  BOTH | FIELD_DEFAULT,
	  NO,
	  NO },
};

static void enc_thing(struct enc *enc, const void *obj)
{
	const struct thing *thing = obj;

	enc_obj_begin(enc);
	enc_key(enc, "id");
	enc_u64(enc, thing->id);
	if (thing->has.name) {
		enc_key(enc, "name");
		enc_str_or_null(enc, thing->name);
	}
	enc_obj_end(enc);
}

const struct obj_desc desc_thing = {
	.name = "thing",
	.size = sizeof(struct thing),
	.has_at = AT(has),
	.null_at = AT(null),
	.unknown_at = AT(unknown_fields),
	.fields = fields,
	.field_count = sizeof(fields) / sizeof(fields[0]),
	.base = &desc_thing,
	.enc = enc_thing,
};
const struct obj_desc desc_old_thing = {
	.name = "thing",
	.size = sizeof(struct thing),
	.has_at = AT(has),
	.null_at = AT(null),
	.unknown_at = AT(unknown_fields),
	.fields = fields,
	.field_count = 3,
	.base = &desc_old_thing,
	.enc = enc_thing,
};
