#include "codec/dec.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/enc.h"
#include "codec/internal.h"
#include "codec/text.h"

static bool value(struct dec *dec, const struct field_desc *field, const struct type_desc *type,
		  const json_t *json, void *at);
static bool object(struct dec *dec, const struct obj_desc *desc, const json_t *json, void *obj);

/* One step down; false (with a complaint) where that is too deep. */
static bool enter(struct dec *dec, struct str name, uint32_t index)
{
	if (dec->depth >= ARRAY_SIZE(dec->path))
		return dec_complain(dec, "BASE_TYPE_BAD_TYPE", "Nested too deeply.");
	dec->path[dec->depth++] = (struct dec_step){ name, index };
	return true;
}

static void leave(struct dec *dec)
{
	dec->depth--;
}

static struct str json_text(const json_t *json)
{
	return (struct str){ json_string_value(json), json_string_length(json) };
}

/* An integral real counts as an integer: some senders have only doubles. Exact up to 2^53. */
static bool exact_int(const json_t *json, int64_t *ret)
{
	if (json_is_integer(json)) {
		*ret = json_integer_value(json);
		return true;
	}
	if (!json_is_real(json))
		return false;
	double n = json_real_value(json);
	if (n != floor(n) || fabs(n) > 9007199254740992.0)
		return false;
	*ret = (int64_t)n;
	return true;
}

/* For complaints: what was sent, in short. */
static struct str shown(const json_t *json, char room[48])
{
	switch (json_typeof(json)) {
	case JSON_STRING: return json_text(json);
	case JSON_INTEGER:
		return (struct str){ room,
				     (size_t)snprintf(room, 48, "%lld",
						      (long long)json_integer_value(json)) };
	case JSON_REAL:
		return (struct str){ room,
				     (size_t)snprintf(room, 48, "%.17g", json_real_value(json)) };
	case JSON_TRUE: return S("True");
	case JSON_FALSE: return S("False");
	case JSON_NULL: return S("None");
	case JSON_OBJECT: return S("{...}");
	case JSON_ARRAY:
	default: return S("[...]");
	}
}

static bool complain_coerce(struct dec *dec, const json_t *json, const char *type)
{
	char room[48];
	struct str text = text_cut(shown(json, room), 100);

	return dec_complainf(dec, "NUMBER_TYPE_COERCE", "Value \"%.*s\" is not %s.", STR_FMT(text),
			     type);
}

static bool boolean(struct dec *dec, const struct field_desc *field, const json_t *json, bool *at)
{
	if (json_is_boolean(json)) {
		*at = json_is_true(json);
		return true;
	}
	if (field->flags & FIELD_COERCE) {
		if (json_is_string(json))
			return dec_scalar_text(dec, field, &(struct type_desc){ .kind = TYPE_BOOL },
					       json_text(json), at);
		if (json_is_integer(json) && json_integer_value(json) >= 0 &&
		    json_integer_value(json) <= 1) {
			*at = json_integer_value(json) == 1;
			return true;
		}
	}
	return dec_complain(dec, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
}

static bool integer(struct dec *dec, const struct field_desc *field, const struct type_desc *type,
		    const json_t *json, int64_t *at)
{
	if (exact_int(json, at))
		return dec_check_int(dec, field, *at);
	if (json_is_string(json) && (field->flags & FIELD_COERCE))
		return dec_scalar_text(dec, field, type, json_text(json), at);
	return complain_coerce(dec, json, "int");
}

static bool floating(struct dec *dec, const struct field_desc *field, const struct type_desc *type,
		     const json_t *json, double *at)
{
	if (json_is_number(json)) {
		*at = json_number_value(json);
		return dec_check_float(dec, field, *at);
	}
	if (json_is_string(json) && (field->flags & FIELD_COERCE))
		return dec_scalar_text(dec, field, type, json_text(json), at);
	return complain_coerce(dec, json, "float");
}

static bool unsigned_number(struct dec *dec, const struct field_desc *field,
			    const struct type_desc *type, const json_t *json, uint64_t *at)
{
	int64_t n;

	if (json_is_string(json))
		return dec_scalar_text(dec, field, type, json_text(json), at);
	if (!exact_int(json, &n) || n < 0)
		return complain_coerce(dec, json, type->kind == TYPE_U64 ? "int" : "snowflake");
	*at = (uint64_t)n;
	return true;
}

static bool string(struct dec *dec, const struct field_desc *field, const struct type_desc *type,
		   const json_t *json, struct str *at)
{
	char room[48];

	if (json_is_string(json))
		return dec_scalar_text(dec, field, type, json_text(json), at);
	if (json_is_number(json) && (field->flags & FIELD_COERCE))
		return dec_scalar_text(dec, field, type, shown(json, room), at);
	return dec_complain(dec, "BASE_TYPE_BAD_TYPE", "Must be a string.");
}

static bool int_or_string(struct dec *dec, const struct field_desc *field,
			  const struct type_desc *type, const json_t *json, struct str *at)
{
	char room[48];
	int64_t n;
	bool *is_int = obj_at(at, sizeof(*at));

	*is_int = exact_int(json, &n);
	if (*is_int) {
		struct str text = { room,
				    (size_t)snprintf(room, sizeof(room), "%lld", (long long)n) };

		return dec_scalar_text(dec, field, type, text, at);
	}
	if (json_is_string(json))
		return dec_scalar_text(dec, field, type, json_text(json), at);
	return dec_complain(dec, "BASE_TYPE_BAD_TYPE", "Must be an integer or a string.");
}

static bool time_value(struct dec *dec, const struct field_desc *field,
		       const struct type_desc *type, const json_t *json, int64_t *at)
{
	char room[48];
	struct str text = text_cut(shown(json, room), 100);

	if (json_is_string(json))
		return dec_scalar_text(dec, field, type, json_text(json), at);
	return dec_complainf(dec, "DATE_TIME_TYPE_PARSE",
			     "Could not parse %.*s. Should be ISO8601.", STR_FMT(text));
}

static uint32_t json_depth(const json_t *json)
{
	const char *key;
	json_t *child;
	size_t i;
	uint32_t depth = 0, below;

	/* Not inside MAX(), which names its arguments twice: each level would double the work. */
	json_array_foreach(json, i, child)
	{
		below = json_depth(child);
		depth = MAX(depth, below);
	}
	json_object_foreach((json_t *)json, key, child)
	{
		below = json_depth(child);
		depth = MAX(depth, below);
	}
	return depth + (json_is_object(json) || json_is_array(json));
}

static bool free_json(struct dec *dec, const struct field_desc *field, const json_t *json,
		      struct str *at)
{
	uint32_t bytes_max = field->rules && field->rules->max_bytes ? field->rules->max_bytes
								     : CODEC_JSON_BYTES_MAX;
	uint32_t depth_max = field->rules && field->rules->max_depth ? field->rules->max_depth
								     : CODEC_JSON_DEPTH_MAX;
	struct enc enc;
	struct buf buf;

	if (json_depth(json) > depth_max)
		return dec_complain(dec, "BASE_TYPE_BAD_TYPE", "Nested too deeply.");
	buf_init(&buf, bytes_max);
	enc_init(&enc, &buf, ENC_JSON);
	enc_json(&enc, json);
	bool fits = !buf.full;
	if (fits)
		*at = arena_str(dec->arena, buf_str(&buf));
	else
		dec_complainf(dec, "BASE_TYPE_MAX_LENGTH", "Must be %u or fewer in length.",
			      bytes_max);
	buf_done(&buf);
	return fits;
}

static bool list_of(struct dec *dec, const struct field_desc *field, const struct type_desc *type,
		    const json_t *json, void *at)
{
	bool single = !json_is_array(json);
	size_t count = single ? 1 : json_array_size(json);
	bool ok = true;

	if (single && !(field->flags & FIELD_COERCE))
		return dec_complain(dec, "LIST_TYPE_CONVERT",
				    "Only iterables may be used in a ListType");
	if (!dec_check_count(dec, field, count))
		return false;
	struct any_list list = { dec_values(dec, type->of, count), (uint32_t)count };
	for (size_t i = 0; i < count; i++) {
		const json_t *element = single ? json : json_array_get(json, i);

		if (!enter(dec, (struct str){}, (uint32_t)i))
			return false;
		if (json_is_null(element))
			ok = dec_complain(dec, "BASE_TYPE_REQUIRED", "This field is required");
		else
			ok &= value(dec, field, type->of, element,
				    (char *)list.items + i * type->of->size);
		leave(dec);
	}
	memcpy(at, &list, sizeof(list));
	if (ok && (field->flags & FIELD_UNIQUE))
		ok = dec_check_unique(dec, field, &list);
	return ok;
}

static bool map_of(struct dec *dec, const struct field_desc *field, const struct type_desc *type,
		   const json_t *json, void *at)
{
	const char *key;
	json_t *element;
	bool ok = true;

	if (!json_is_object(json))
		return dec_complain(dec, "DICT_TYPE_CONVERT",
				    "Only dictionaries may be used in a DictType");
	size_t count = json_object_size(json);
	if (!dec_check_count(dec, field, count))
		return false;
	struct any_map map = { arena_array(dec->arena, struct str, count),
			       dec_values(dec, type->of, count), 0 };
	json_object_foreach((json_t *)json, key, element)
	{
		struct str name = arena_str(dec->arena, str_z(key));

		if (!enter(dec, name, 0))
			return false;
		map.keys[map.count] = name;
		if (json_is_null(element))
			ok = dec_complain(dec, "BASE_TYPE_REQUIRED", "This field is required");
		else
			ok &= value(dec, field, type->of, element,
				    (char *)map.values + (size_t)map.count * type->of->size);
		map.count++;
		leave(dec);
	}
	memcpy(at, &map, sizeof(map));
	return ok;
}

static bool value(struct dec *dec, const struct field_desc *field, const struct type_desc *type,
		  const json_t *json, void *at)
{
	switch (type->kind) {
	case TYPE_BOOL: return boolean(dec, field, json, at);
	case TYPE_INT: return integer(dec, field, type, json, at);
	case TYPE_FLOAT: return floating(dec, field, type, json, at);
	case TYPE_SNOWFLAKE:
	case TYPE_U64: return unsigned_number(dec, field, type, json, at);
	case TYPE_STRING: return string(dec, field, type, json, at);
	case TYPE_TIME: return time_value(dec, field, type, json, at);
	case TYPE_JSON: return free_json(dec, field, json, at);
	case TYPE_INT_OR_STRING: return int_or_string(dec, field, type, json, at);
	case TYPE_OBJECT: return object(dec, type->object, json, at);
	case TYPE_LIST: return list_of(dec, field, type, json, at);
	case TYPE_MAP: return map_of(dec, field, type, json, at);
	}
	return false;
}

/* A field that stands alone holds a pointer to its object; arrays and maps hold objects. */
static bool field_value(struct dec *dec, const struct field_desc *field, const json_t *json,
			void *obj)
{
	void *at = obj_at(obj, field->offset);

	if (field->type->kind != TYPE_OBJECT)
		return value(dec, field, field->type, json, at);
	void *target = arena_alloc(dec->arena, field->type->object->size);
	memcpy(at, &target, sizeof(target));
	return object(dec, field->type->object, json, target);
}

static void field_of(struct dec *dec, const struct obj_desc *desc, const struct field_desc *field,
		     const json_t *json, void *obj)
{
	if (!enter(dec, field->name, 0))
		return;
	if (json_is_null(json) && (field->flags & FIELD_NULL_ABSENT))
		json = NULL;
	if (!json) {
		if (field->flags & FIELD_DEFAULT)
			dec_default(field, obj);
		else if (!(field->flags & FIELD_OPTIONAL))
			dec_complain(dec, "BASE_TYPE_REQUIRED", "This field is required");
	} else if (json_is_null(json) && field->type->kind != TYPE_JSON) {
		if (field->flags & FIELD_NULLABLE)
			dec_mark(desc, field, obj, true);
		else
			dec_complain(dec, "BASE_TYPE_REQUIRED", "This field is required");
	} else if (json_is_null(json) && (field->flags & FIELD_NULLABLE)) {
		dec_mark(desc, field, obj, false); /* null is said by the null view */
	} else {
		dec_mark(desc, field, obj, false);
		field_value(dec, field, json, obj);
	}
	leave(dec);
}

/* The variant's description that the tag in @json names; NULL after a complaint. */
static const struct obj_desc *choose_variant(struct dec *dec, const struct obj_desc *desc,
					     const json_t *json)
{
	const json_t *tag = json_object_getn(json, desc->tag->name.ptr, desc->tag->name.len);
	bool known = tag && !json_is_null(tag), text = desc->tag->type->kind == TYPE_STRING;
	int64_t number = desc->tag_default;
	const struct obj_desc *found = NULL;

	if (!enter(dec, desc->tag->name, 0))
		return NULL;
	if (!known && !desc->tag_has_default) {
		dec_complain(dec, "BASE_TYPE_REQUIRED", "This field is required");
	} else if (known && (text ? !json_is_string(tag) : !exact_int(tag, &number))) {
		if (text)
			dec_complain(dec, "BASE_TYPE_BAD_TYPE", "Must be a string.");
		else
			complain_coerce(dec, tag, "int");
	} else {
		for (uint32_t i = 0; i < desc->variant_count && !found; i++) {
			const struct variant_desc *variant = &desc->variants[i];

			if (text && known ? str_eq(variant->text, json_text(tag))
					  : variant->number == number)
				found = variant->desc;
		}
		if (!found)
			/* The tag's choices are the variants: its own check has the complaint. */
			(void)(text ? dec_check_str(dec, desc->tag, json_text(tag))
				    : dec_check_int(dec, desc->tag, number));
	}
	leave(dec);
	return found;
}

static bool object(struct dec *dec, const struct obj_desc *desc, const json_t *json, void *obj)
{
	uint32_t errors = dec->error_count;

	if (!json_is_object(json))
		return dec_complain(dec, "DICT_TYPE_CONVERT",
				    "Only dictionaries may be used in a DictType");
	if (desc->variant_count) {
		desc = choose_variant(dec, desc, json);
		if (!desc)
			return false;
	}
	for (uint32_t i = 0; i < desc->field_count; i++) {
		const struct field_desc *field = &desc->fields[i];

		if (field->flags & FIELD_WIRE)
			field_of(dec, desc, field,
				 json_object_getn(json, field->name.ptr, field->name.len), obj);
	}
	return dec->error_count == errors;
}

int dec_object(struct dec *dec, const struct obj_desc *desc, const json_t *json, void *ret)
{
	if (desc->list)
		value(dec, desc->list, desc->list->type, json, ret);
	else
		object(dec, desc, json, ret);
	return dec_failed(dec) ? DEC_INVALID : 0;
}
