/* What a single value must keep to, and the complaint in Discord's words when it does not. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/internal.h"
#include "codec/patterns.h"
#include "codec/text.h"

enum { ECHO_MAX = 100 /* bytes of a stranger's value in a message */ };

void dec_mark(const struct obj_desc *desc, const struct field_desc *field, void *obj, bool is_null)
{
	if (field->has_bit != FIELD_NO_BIT)
		obj_bit_set(obj, desc->has_at, field->has_bit);
	if (is_null && field->null_bit != FIELD_NO_BIT)
		obj_bit_set(obj, desc->null_at, field->null_bit);
}

void dec_default(const struct field_desc *field, void *obj)
{
	const struct field_rules *rules = field->rules;
	void *at = obj_at(obj, field->offset);

	switch (field->type->kind) {
	case TYPE_BOOL: *(bool *)at = rules->default_int != 0; break;
	case TYPE_INT:
	case TYPE_TIME: *(int64_t *)at = rules->default_int; break;
	case TYPE_SNOWFLAKE:
	case TYPE_U64: *(uint64_t *)at = (uint64_t)rules->default_int; break;
	case TYPE_FLOAT: *(double *)at = rules->default_float; break;
	case TYPE_STRING:
	case TYPE_JSON:
	case TYPE_INT_OR_STRING: *(struct str *)at = rules->default_str; break;
	case TYPE_LIST: {
		/* Not NULL, which would be null; nobody writes to no elements. */
		static uint64_t nothing;
		struct any_list list = { &nothing, 0 };

		memcpy(at, &list, sizeof(list));
		break;
	}
	case TYPE_OBJECT:
	case TYPE_MAP: break; /* zeroed is empty */
	}
}

static void put_choices(struct buf *buf, const struct field_rules *rules)
{
	buf_put_str(buf, S("Value must be one of ("));
	for (uint32_t i = 0; i < rules->choice_count; i++) {
		if (i)
			buf_put_str(buf, S(", "));
		if (rules->int_choices)
			buf_printf(buf, "%lld", (long long)rules->int_choices[i]);
		else
			buf_printf(buf, "'%.*s'", STR_FMT(rules->str_choices[i]));
	}
	if (rules->choice_count == 1)
		buf_putc(buf, ',');
	buf_put_str(buf, S(")."));
	buf_putc(buf, '\0');
}

static bool complain_choices(struct dec *dec, const struct field_rules *rules)
{
	struct buf buf;

	buf_init(&buf, 4096);
	put_choices(&buf, rules);
	dec_complain(dec, "BASE_TYPE_CHOICES",
		     buf.full ? "Value must be one of the listed ones." : buf.ptr);
	buf_done(&buf);
	return false;
}

bool dec_check_int(struct dec *dec, const struct field_desc *field, int64_t n)
{
	const struct field_rules *rules = field->rules;

	if (!rules)
		return true;
	if ((field->flags & FIELD_MIN) && n < rules->min)
		return dec_complainf(dec, "NUMBER_TYPE_MIN",
				     "int value should be greater than or equal to %lld.",
				     (long long)rules->min);
	if ((field->flags & FIELD_MAX) && n > rules->max)
		return dec_complainf(dec, "NUMBER_TYPE_MAX",
				     "int value should be less than or equal to %lld.",
				     (long long)rules->max);
	if (!rules->int_choices)
		return true;
	for (uint32_t i = 0; i < rules->choice_count; i++)
		if (rules->int_choices[i] == n)
			return true;
	return complain_choices(dec, rules);
}

bool dec_check_float(struct dec *dec, const struct field_desc *field, double n)
{
	const struct field_rules *rules = field->rules;

	if (!rules)
		return true;
	if ((field->flags & FIELD_MIN) && n < rules->float_min)
		return dec_complainf(dec, "NUMBER_TYPE_MIN",
				     "float value should be greater than or equal to %g.",
				     rules->float_min);
	if ((field->flags & FIELD_MAX) && n > rules->float_max)
		return dec_complainf(dec, "NUMBER_TYPE_MAX",
				     "float value should be less than or equal to %g.",
				     rules->float_max);
	return true;
}

/* Lengths of strings and numbers of elements are complained about alike. */
static bool complain_length(struct dec *dec, bool has_min, bool has_max, int64_t min, int64_t max)
{
	if (has_min && has_max)
		return dec_complainf(dec, "BASE_TYPE_BAD_LENGTH",
				     "Must be between %lld and %lld in length.", (long long)min,
				     (long long)max);
	if (has_max)
		return dec_complainf(dec, "BASE_TYPE_MAX_LENGTH",
				     "Must be %lld or fewer in length.", (long long)max);
	return dec_complainf(dec, "BASE_TYPE_MIN_LENGTH", "Must be %lld or more in length.",
			     (long long)min);
}

bool dec_check_str(struct dec *dec, const struct field_desc *field, struct str s)
{
	const struct field_rules *rules = field->rules;

	if (!rules)
		return true;
	if (field->flags & (FIELD_MIN | FIELD_MAX)) {
		bool has_min = field->flags & FIELD_MIN, has_max = field->flags & FIELD_MAX;
		int64_t len = (int64_t)str_utf8_len(s);

		if (has_min && len == 0 && rules->min == 1 && !(field->flags & FIELD_OPTIONAL))
			return dec_complain(dec, "BASE_TYPE_REQUIRED", "This field is required");
		if ((has_min && len < rules->min) || (has_max && len > rules->max))
			return complain_length(dec, has_min, has_max, rules->min, rules->max);
	}
	if (rules->str_choices) {
		for (uint32_t i = 0; i < rules->choice_count; i++)
			if (str_eq(rules->str_choices[i], s))
				return true;
		return complain_choices(dec, rules);
	}
	if (rules->pattern && !rules->pattern->ok(s)) {
		const struct pattern *pattern = rules->pattern;

		if (pattern->code)
			return dec_complain(dec, pattern->code, pattern->message);
		return dec_complain(dec, "STRING_TYPE_REGEX",
				    "String value did not match validation regex.");
	}
	return true;
}

bool dec_check_count(struct dec *dec, const struct field_desc *field, size_t count)
{
	const struct field_rules *rules = field->rules;
	uint32_t min = rules ? rules->min_items : 0;
	uint32_t max = rules && rules->max_items ? rules->max_items : CODEC_ITEMS_MAX;

	if (count >= min && count <= max)
		return true;
	return complain_length(dec, min > 0, true, min, max);
}

static bool complain_coerce(struct dec *dec, struct str text, const char *type)
{
	text = text_cut(text, ECHO_MAX);
	return dec_complainf(dec, "NUMBER_TYPE_COERCE", "Value \"%.*s\" is not %s.", STR_FMT(text),
			     type);
}

static bool parse_float(struct str text, double *ret)
{
	char copy[64], *end;

	/* strtod() would take white space, hexadecimal and words. */
	if (!text.len || text.len >= sizeof(copy))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!strchr("0123456789+-.eE", text.ptr[i]) || !text.ptr[i])
			return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	*ret = strtod(copy, &end);
	return *end == '\0' && __builtin_isfinite(*ret);
}

static bool parse_bool(struct str text, bool *ret)
{
	*ret = str_ieq(text, S("true")) || str_eq(text, S("1"));
	return *ret || str_ieq(text, S("false")) || str_eq(text, S("0"));
}

bool dec_scalar_text(struct dec *dec, const struct field_desc *field, const struct type_desc *type,
		     struct str text, void *at)
{
	switch (type->kind) {
	case TYPE_BOOL:
		if (!parse_bool(text, at))
			return dec_complain(dec, "BOOLEAN_TYPE_CONVERT",
					    "Must be either true or false.");
		return true;
	case TYPE_INT:
		if (!str_i64(text, at))
			return complain_coerce(dec, text, "int");
		return dec_check_int(dec, field, *(int64_t *)at);
	case TYPE_FLOAT:
		if (!parse_float(text, at))
			return complain_coerce(dec, text, "float");
		return dec_check_float(dec, field, *(double *)at);
	case TYPE_SNOWFLAKE:
	case TYPE_U64:
		if (!str_u64(text, at))
			return complain_coerce(dec, text,
					       type->kind == TYPE_U64 ? "int" : "snowflake");
		return true;
	case TYPE_TIME:
		if (text_time_parse(text, at))
			return true;
		text = text_cut(text, ECHO_MAX);
		return dec_complainf(dec, "DATE_TIME_TYPE_PARSE",
				     "Could not parse %.*s. Should be ISO8601.", STR_FMT(text));
	case TYPE_STRING:
	case TYPE_INT_OR_STRING:
		if (field->flags & FIELD_TRIM)
			text = str_trim(text);
		if (!dec_check_str(dec, field, text))
			return false;
		*(struct str *)at = arena_str(dec->arena, text);
		return true;
	case TYPE_JSON:
	case TYPE_OBJECT:
	case TYPE_LIST:
	case TYPE_MAP:
	default: return dec_complain(dec, "BASE_TYPE_BAD_TYPE", "Must not be a string.");
	}
}

void *dec_values(struct dec *dec, const struct type_desc *type, size_t count)
{
	return arena_alloc(dec->arena, (size_t)type->size * count);
}

static uint64_t mix(struct str s)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3ULL;
	return hash;
}

/* The bytes of element @i that decide whether it equals another. */
static struct str element_bytes(const struct any_list *list, const struct type_desc *type,
				uint32_t i)
{
	const char *at = (const char *)list->items + (size_t)type->size * i;

	switch (type->kind) {
	case TYPE_STRING:
	case TYPE_JSON: return *(const struct str *)at;
	case TYPE_BOOL:
	case TYPE_INT:
	case TYPE_FLOAT:
	case TYPE_SNOWFLAKE:
	case TYPE_U64:
	case TYPE_TIME: return (struct str){ at, type->size };
	case TYPE_INT_OR_STRING:
	case TYPE_OBJECT:
	case TYPE_LIST:
	case TYPE_MAP:
	default: return (struct str){}; /* not compared */
	}
}

bool dec_check_unique(struct dec *dec, const struct field_desc *field, const struct any_list *list)
{
	uint32_t slots = 16;

	while (slots < list->count * 2)
		slots *= 2;
	/* Open addressing; the hash is not keyed, but at most CODEC_ITEMS_MAX elements are here. */
	uint32_t *table = arena_array(dec->arena, uint32_t, slots);
	for (uint32_t i = 0; i < list->count; i++) {
		struct str bytes = element_bytes(list, field->type->of, i);

		if (!bytes.ptr)
			return true;
		uint32_t slot = (uint32_t)mix(bytes) & (slots - 1), steps = 0;
		while (table[slot]) {
			if (str_eq(element_bytes(list, field->type->of, table[slot] - 1), bytes))
				return dec_complain(dec, "SET_TYPE_ALREADY_CONTAINS_VALUE",
						    "The set already contains this value");
			if (++steps > 512) /* somebody searched for collisions */
				return dec_complain(dec, "BASE_TYPE_BAD_TYPE",
						    "Too many equal values.");
			slot = (slot + 1) & (slots - 1);
		}
		table[slot] = i + 1;
	}
	return true;
}
