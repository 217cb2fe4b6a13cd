/* Query strings and form-urlencoded bodies (https://url.spec.whatwg.org/#urlencoded-parsing). */
#include "base/mem.h"
#include "base/url.h"
#include "codec/internal.h"

struct str dec_percent(struct arena *arena, struct str s, bool form)
{
	char *out = arena_alloc(arena, s.len + 1);
	size_t len;

	if (!url_decode(s, form ? URL_FORM : 0, out, &len))
		return (struct str){};
	struct str decoded = { out, len };
	return str_utf8_valid(decoded) ? decoded : (struct str){};
}

struct pair {
	struct str key, value;
};

/* All pairs, decoded; a pair that is malformed has a null key and is passed over. */
static struct pair *split(struct dec *dec, struct str query, uint32_t *ret_count)
{
	uint32_t count = 1, at = 0;

	for (size_t i = 0; i < query.len; i++)
		count += query.ptr[i] == '&';
	count = MIN(count, (uint32_t)DEC_PAIRS_MAX);
	struct pair *pairs = arena_array(dec->arena, struct pair, count);
	for (struct str rest = query; rest.len && at < count;) {
		struct str pair = { rest.ptr, str_find(rest, '&') };
		size_t equals = str_find(pair, '=');

		rest = str_skip(rest, pair.len + 1);
		if (!pair.len)
			continue;
		pairs[at].key = dec_percent(dec->arena, (struct str){ pair.ptr, equals }, true);
		pairs[at].value = dec_percent(dec->arena, str_skip(pair, equals + 1), true);
		if (pairs[at].key.ptr && pairs[at].value.ptr)
			at++;
	}
	*ret_count = at;
	return pairs;
}

static void scalar(struct dec *dec, const struct obj_desc *desc, const struct field_desc *field,
		   struct str text, void *obj)
{
	dec_mark(desc, field, obj, false);
	dec_scalar_text(dec, field, field->type, text, obj_at(obj, field->offset));
}

/* Numbers may also come as "1,2,3" where the field takes what is loosely written. */
static bool splits(const struct field_desc *field)
{
	enum type_kind kind = field->type->of->kind;

	return (field->flags & FIELD_COERCE) &&
		(kind == TYPE_SNOWFLAKE || kind == TYPE_INT || kind == TYPE_U64);
}

static uint32_t count_values(const struct field_desc *field, const struct pair *pairs,
			     uint32_t pair_count)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < pair_count; i++) {
		if (!str_eq(pairs[i].key, field->name))
			continue;
		count++;
		for (size_t j = 0; splits(field) && j < pairs[i].value.len; j++)
			count += pairs[i].value.ptr[j] == ',';
	}
	return count;
}

static void list(struct dec *dec, const struct obj_desc *desc, const struct field_desc *field,
		 const struct pair *pairs, uint32_t pair_count, void *obj)
{
	const struct type_desc *of = field->type->of;
	uint32_t count = count_values(field, pairs, pair_count);

	dec_mark(desc, field, obj, false);
	if (!dec_check_count(dec, field, count))
		return;
	struct any_list values = { dec_values(dec, of, count), 0 };
	for (uint32_t i = 0; i < pair_count; i++) {
		struct str rest = pairs[i].value;

		if (!str_eq(pairs[i].key, field->name))
			continue;
		do {
			struct str text = rest;

			if (splits(field))
				text.len = str_find(rest, ',');
			dec->path[dec->depth++] = (struct dec_step){ .index = values.count };
			dec_scalar_text(dec, field, of, text,
					obj_at(values.items, (size_t)of->size * values.count));
			dec->depth--;
			values.count++;
			rest = (struct str){ rest.ptr + text.len, rest.len - text.len };
			rest = rest.len ? str_skip(rest, 1) : (struct str){};
		} while (rest.ptr);
	}
	memcpy(obj_at(obj, field->offset), &values, sizeof(values));
	if (field->flags & FIELD_UNIQUE)
		dec_check_unique(dec, field, &values);
}

static void field_of(struct dec *dec, const struct obj_desc *desc, const struct field_desc *field,
		     const struct pair *pairs, uint32_t pair_count, void *obj)
{
	const struct pair *last = NULL;

	for (uint32_t i = 0; i < pair_count; i++)
		if (str_eq(pairs[i].key, field->name))
			last = &pairs[i];
	dec->path[dec->depth++] = (struct dec_step){ .name = field->name };
	if (last && field->type->kind == TYPE_LIST)
		list(dec, desc, field, pairs, pair_count, obj);
	else if (last)
		scalar(dec, desc, field, last->value, obj);
	else if (field->flags & FIELD_DEFAULT)
		dec_default(field, obj);
	else if (!(field->flags & FIELD_OPTIONAL))
		dec_complain(dec, "BASE_TYPE_REQUIRED", "This field is required");
	dec->depth--;
}

int dec_query(struct dec *dec, const struct obj_desc *desc, struct str query, void *ret)
{
	uint32_t count;
	const struct pair *pairs = split(dec, query, &count);

	for (uint32_t i = 0; i < desc->field_count; i++)
		if (desc->fields[i].flags & FIELD_WIRE)
			field_of(dec, desc, &desc->fields[i], pairs, count, ret);
	return dec_failed(dec) ? DEC_INVALID : 0;
}
