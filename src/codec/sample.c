/* Random objects within the rules of their descriptions, for round-trip tests and benches. */
#include <stdio.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/obj.h"
#include "codec/patterns.h"

enum { SAMPLE_DEPTH = 4, SAMPLE_ITEMS = 3 };

struct sampler {
	struct arena *arena;
	struct random *random;
	uint32_t depth;
};

static uint64_t below(struct sampler *sampler, uint64_t n)
{
	return random_below(sampler->random, n);
}

static int64_t sample_int(struct sampler *sampler, const struct field_desc *field)
{
	const struct field_rules *rules = field->rules;
	int64_t min = INT32_MIN, max = INT64_C(1) << 52;

	if (rules && rules->int_choices)
		return rules->int_choices[below(sampler, rules->choice_count)];
	if (rules && (field->flags & FIELD_MIN))
		min = rules->min;
	if (rules && (field->flags & FIELD_MAX))
		max = rules->max;
	if (max < min)
		max = min;
	uint64_t span = (uint64_t)max - (uint64_t)min;
	/* Small values as often as large ones. */
	uint64_t ceiling = UINT64_MAX >> (1 + below(sampler, 60));
	span = MIN(span, ceiling);
	return (int64_t)((uint64_t)min + below(sampler, span + 1));
}

static double sample_float(struct sampler *sampler, const struct field_desc *field)
{
	double min = field->flags & FIELD_MIN ? field->rules->float_min : -1000;
	double max = field->flags & FIELD_MAX ? field->rules->float_max : min + 2000;

	return min + (max - min) * (double)below(sampler, 1000001) / 1000000;
}

static struct str sample_str(struct sampler *sampler, const struct field_desc *field)
{
	static const char *const pieces[] = {
		"a", "Z",   "7",  "-",	"\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
		"b", "x",   "\"", "\\", "\n",	    "\x01",	    "/",
		"q", "\x7f"
	};
	const struct field_rules *rules = field->rules;
	char text[128];
	size_t len = 0;
	uint64_t min = 0, max = 24;

	if (rules && rules->str_choices)
		return rules->str_choices[below(sampler, rules->choice_count)];
	if (rules && rules->pattern)
		return str_z(rules->pattern->sample);
	if (rules && (field->flags & FIELD_MIN))
		min = (uint64_t)MAX(rules->min, 0);
	if (rules && (field->flags & FIELD_MAX))
		max = (uint64_t)MAX(rules->max, 0);
	max = MIN(max, min + 24);
	for (uint64_t i = min + below(sampler, max - min + 1); i && len < sizeof(text) - 5; i--) {
		const char *piece = pieces[below(sampler, ARRAY_SIZE(pieces))];

		if ((field->flags & FIELD_TRIM) && *piece == '\n')
			piece = "n";
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", piece);
	}
	return arena_str(sampler->arena, (struct str){ text, len });
}

static void sample_object(struct sampler *sampler, const struct obj_desc *desc, void *obj);

static void sample_value(struct sampler *sampler, const struct field_desc *field,
			 const struct type_desc *type, void *at)
{
	switch (type->kind) {
	case TYPE_BOOL: *(bool *)at = below(sampler, 2); break;
	case TYPE_INT: *(int64_t *)at = sample_int(sampler, field); break;
	case TYPE_FLOAT: *(double *)at = sample_float(sampler, field); break;
	case TYPE_SNOWFLAKE:
	case TYPE_U64:
		*(uint64_t *)at = 1 + (below(sampler, UINT64_MAX) >> below(sampler, 63));
		break;
	case TYPE_STRING: *(struct str *)at = sample_str(sampler, field); break;
	case TYPE_TIME: *(int64_t *)at = (int64_t)(1 + below(sampler, 4000000000000000ULL)); break;
	case TYPE_JSON: {
		static const char *const texts[] = { "\"text\"", "5", "{}", "[1,2,\"x\"]",
						     "{\"a\":{\"b\":[true]}}" };
		bool flat = field->rules && field->rules->max_depth && field->rules->max_depth < 3;

		*(struct str *)at = str_z(texts[below(sampler, ARRAY_SIZE(texts) - flat)]);
		break;
	}
	case TYPE_INT_OR_STRING: {
		bool is_int = below(sampler, 2);

		*(struct str *)at = is_int
			? arena_printf(sampler->arena, "%u", (unsigned)below(sampler, 1000))
			: sample_str(sampler, field);
		*(bool *)obj_at(at, sizeof(struct str)) = is_int;
		break;
	}
	case TYPE_OBJECT: sample_object(sampler, type->object, at); break;
	case TYPE_LIST:
	case TYPE_MAP: {
		uint32_t min = field->rules ? field->rules->min_items : 0;
		uint32_t max = field->rules && field->rules->max_items ? field->rules->max_items
								       : UINT32_MAX;
		uint32_t count = min + (uint32_t)below(sampler, SAMPLE_ITEMS);

		count = MIN(count, max);
		if (sampler->depth > SAMPLE_DEPTH || ((field->flags & FIELD_UNIQUE) && count > 1))
			count = min;
		char *values = arena_alloc(sampler->arena, (size_t)type->of->size * count);
		struct str *keys = arena_array(sampler->arena, struct str, count);
		for (uint32_t i = 0; i < count; i++) {
			sample_value(sampler, field, type->of, values + (size_t)type->of->size * i);
			keys[i] = arena_printf(sampler->arena, "%u", i * 7 + 1);
		}
		if (type->kind == TYPE_LIST)
			memcpy(at, &(struct any_list){ values, count }, sizeof(struct any_list));
		else
			memcpy(at, &(struct any_map){ keys, values, count },
			       sizeof(struct any_map));
		break;
	}
	}
}

static void sample_field(struct sampler *sampler, const struct obj_desc *desc,
			 const struct field_desc *field, void *obj)
{
	void *at = obj_at(obj, field->offset);
	bool deep = sampler->depth > SAMPLE_DEPTH && field->type->kind >= TYPE_OBJECT;

	if (field->flags & FIELD_OPTIONAL) {
		if (deep || below(sampler, 2))
			return;
		if (field->has_bit != FIELD_NO_BIT)
			obj_bit_set(obj, desc->has_at, field->has_bit);
	} else if (field->has_bit != FIELD_NO_BIT) {
		obj_bit_set(obj, desc->has_at, field->has_bit);
	}
	if ((field->flags & FIELD_NULLABLE) && (deep || !below(sampler, 3))) {
		if (field->null_bit != FIELD_NO_BIT)
			obj_bit_set(obj, desc->null_at, field->null_bit);
		return;
	}
	if (field->type->kind != TYPE_OBJECT) {
		sample_value(sampler, field, field->type, at);
		return;
	}
	void *object = arena_alloc(sampler->arena, field->type->object->size);
	memcpy(at, &object, sizeof(object));
	sample_object(sampler, field->type->object, object);
}

static void sample_object(struct sampler *sampler, const struct obj_desc *desc, void *obj)
{
	if (sampler->depth > 4 * SAMPLE_DEPTH)
		return; /* an object that must hold itself; the schema is wrong, tests will say so */
	sampler->depth++;
	const struct obj_desc *fields = desc;
	if (desc->variant_count) {
		const struct variant_desc *variant =
			&desc->variants[below(sampler, desc->variant_count)];

		fields = variant->desc;
		for (uint32_t i = 0; i < fields->field_count; i++)
			sample_field(sampler, fields, &fields->fields[i], obj);
		if (desc->tag->type->kind == TYPE_STRING)
			*(struct str *)obj_at(obj, desc->tag->offset) = variant->text;
		else
			*(int64_t *)obj_at(obj, desc->tag->offset) = variant->number;
		if (desc->tag->has_bit != FIELD_NO_BIT)
			obj_bit_set(obj, desc->has_at, desc->tag->has_bit);
	} else {
		for (uint32_t i = 0; i < fields->field_count; i++)
			sample_field(sampler, fields, &fields->fields[i], obj);
	}
	sampler->depth--;
}

void *obj_sample(struct arena *arena, const struct obj_desc *desc, struct random *random)
{
	struct sampler sampler = { .arena = arena, .random = random };

	if (desc->list)
		return NULL;
	void *obj = arena_alloc(arena, desc->size);
	sample_object(&sampler, desc, obj);
	return obj;
}
