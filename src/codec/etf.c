#include "codec/etf.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/text.h"

struct reader {
	const unsigned char *at, *end;
	uint32_t depth, values;
	int error;
};

static json_t *term(struct reader *reader);

static json_t *fail(struct reader *reader, int error)
{
	if (!reader->error)
		reader->error = error;
	return NULL;
}

static size_t left(const struct reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

/* A big-endian integer of @size bytes. */
static bool take(struct reader *reader, size_t size, uint64_t *ret)
{
	uint64_t n = 0;

	if (left(reader) < size) {
		fail(reader, -EBADMSG);
		return false;
	}
	for (size_t i = 0; i < size; i++)
		n = n << 8 | *reader->at++;
	*ret = n;
	return true;
}

/* Bytes with a length of @size bytes before them. */
static bool take_bytes(struct reader *reader, size_t size, struct str *ret)
{
	uint64_t len;

	if (!take(reader, size, &len))
		return false;
	if (len > left(reader)) {
		fail(reader, -EBADMSG);
		return false;
	}
	*ret = (struct str){ (const char *)reader->at, (size_t)len };
	reader->at += len;
	return true;
}

static json_t *string(struct reader *reader, struct str s)
{
	if (!str_utf8_valid(s))
		return fail(reader, -EBADMSG);
	return json_stringn_nocheck(s.ptr, s.len);
}

static json_t *atom(struct reader *reader, size_t size)
{
	struct str name;

	if (!take_bytes(reader, size, &name))
		return NULL;
	if (str_eq(name, S("true")))
		return json_true();
	if (str_eq(name, S("false")))
		return json_false();
	if (str_eq(name, S("nil")) || str_eq(name, S("null")) || str_eq(name, S("undefined")))
		return json_null();
	return string(reader, name);
}

/* Magnitude in little-endian bytes after a sign byte. */
static json_t *big(struct reader *reader, uint64_t size)
{
	uint64_t sign, n = 0;

	if (!take(reader, 1, &sign))
		return NULL;
	if (size > left(reader))
		return fail(reader, -EBADMSG);
	for (uint64_t i = 0; i < size; i++) {
		uint64_t byte = *reader->at++;

		if (i >= 8 && byte)
			return fail(reader, -EBADMSG);
		if (i < 8)
			n |= byte << (8 * i);
	}
	if (n <= INT64_MAX)
		return json_integer(sign ? -(json_int_t)n : (json_int_t)n);
	if (sign)
		return n == 1ULL << 63 ? json_integer(INT64_MIN) : fail(reader, -EBADMSG);
	char text[TEXT_U64_MAX];
	return json_stringn_nocheck(text, text_u64(text, n));
}

static json_t *number(struct reader *reader, double n)
{
	json_t *json = isfinite(n) ? json_real(n) : NULL;

	return json ? json : fail(reader, -EBADMSG);
}

static json_t *old_float(struct reader *reader)
{
	char text[32], *end;

	if (left(reader) < 31)
		return fail(reader, -EBADMSG);
	memcpy(text, reader->at, 31);
	text[31] = '\0';
	reader->at += 31;
	double n = strtod(text, &end);
	return end == text ? fail(reader, -EBADMSG) : number(reader, n);
}

static json_t *new_float(struct reader *reader)
{
	uint64_t bits;
	double n;

	if (!take(reader, 8, &bits))
		return NULL;
	memcpy(&n, &bits, 8);
	return number(reader, n);
}

/* @count terms into an array. */
static json_t *elements(struct reader *reader, uint64_t count)
{
	if (count > left(reader)) /* a term takes a byte at least */
		return fail(reader, -EBADMSG);
	json_t *array = json_array();
	for (uint64_t i = 0; i < count; i++) {
		json_t *element = term(reader);

		if (!element || json_array_append_new(array, element)) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *list(struct reader *reader)
{
	uint64_t count, tail;

	if (!take(reader, 4, &count))
		return NULL;
	json_t *array = elements(reader, count);
	if (!array)
		return NULL;
	if (!take(reader, 1, &tail) || tail != 106) { /* an improper list has no JSON */
		json_decref(array);
		return fail(reader, -EBADMSG);
	}
	return array;
}

/* STRING_EXT is how Erlang writes a list of small integers. */
static json_t *byte_list(struct reader *reader)
{
	struct str bytes;

	if (!take_bytes(reader, 2, &bytes))
		return NULL;
	reader->values += (uint32_t)bytes.len;
	if (reader->values > ETF_VALUES_MAX)
		return fail(reader, -E2BIG);
	json_t *array = json_array();
	for (size_t i = 0; i < bytes.len; i++)
		json_array_append_new(array, json_integer((unsigned char)bytes.ptr[i]));
	return array;
}

static bool key(struct reader *reader, char number_text[24], struct str *ret)
{
	uint64_t tag, n;

	if (!take(reader, 1, &tag))
		return false;
	switch (tag) {
	case 109:
		if (!take_bytes(reader, 4, ret))
			return false;
		break;
	case 107:
		if (!take_bytes(reader, 2, ret))
			return false;
		break;
	case 97:
		if (!take(reader, 1, &n))
			return false;
		*ret = (struct str){ number_text, text_u64(number_text, n) };
		break;
	case 98:
	case 110: {
		json_t *json = tag == 98
			? (take(reader, 4, &n) ? json_integer((int32_t)(uint32_t)n) : NULL)
			: (take(reader, 1, &n) ? big(reader, n) : NULL);
		if (!json)
			return false;
		if (json_is_integer(json))
			ret->len = (size_t)snprintf(number_text, 24, "%lld",
						    (long long)json_integer_value(json));
		else
			ret->len = (size_t)snprintf(number_text, 24, "%s", json_string_value(json));
		ret->ptr = number_text;
		json_decref(json);
		break;
	}
	default: /* atoms above all */ fail(reader, -EBADMSG); return false;
	}
	if (!str_utf8_valid(*ret) || str_find(*ret, '\0') != ret->len) {
		fail(reader, -EBADMSG);
		return false;
	}
	return true;
}

static json_t *map(struct reader *reader)
{
	uint64_t count;

	if (!take(reader, 4, &count))
		return NULL;
	if (count > left(reader) / 2)
		return fail(reader, -EBADMSG);
	json_t *object = json_object();
	for (uint64_t i = 0; i < count; i++) {
		char number_text[24];
		struct str name;
		json_t *value = key(reader, number_text, &name) ? term(reader) : NULL;

		if (!value || json_object_setn_new_nocheck(object, name.ptr, name.len, value)) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *tagged(struct reader *reader, uint64_t tag)
{
	struct str bytes;
	uint64_t n;

	switch (tag) {
	case 70: return new_float(reader);
	case 97: return take(reader, 1, &n) ? json_integer((json_int_t)n) : NULL;
	case 98: return take(reader, 4, &n) ? json_integer((int32_t)(uint32_t)n) : NULL;
	case 99: return old_float(reader);
	case 100: /* ATOM_EXT, ATOM_UTF8_EXT */
	case 118: return atom(reader, 2);
	case 115: /* the small ones */
	case 119: return atom(reader, 1);
	case 104: return take(reader, 1, &n) ? elements(reader, n) : NULL;
	case 105: return take(reader, 4, &n) ? elements(reader, n) : NULL;
	case 106: return json_array();
	case 107: return byte_list(reader);
	case 108: return list(reader);
	case 109: return take_bytes(reader, 4, &bytes) ? string(reader, bytes) : NULL;
	case 110: return take(reader, 1, &n) ? big(reader, n) : NULL;
	case 111: return take(reader, 4, &n) ? big(reader, n) : NULL;
	case 116: return map(reader);
	default: return fail(reader, -EBADMSG);
	}
}

static json_t *term(struct reader *reader)
{
	uint64_t tag;

	if (!take(reader, 1, &tag))
		return NULL;
	if (reader->depth >= ETF_DEPTH_MAX || reader->values >= ETF_VALUES_MAX)
		return fail(reader, -E2BIG);
	reader->depth++;
	reader->values++;
	json_t *json = tagged(reader, tag);
	reader->depth--;
	return json;
}

json_t *etf_parse(struct str etf, int *ret_error)
{
	const unsigned char *bytes = (const unsigned char *)etf.ptr;

	if (etf.len > ETF_TEXT_MAX) {
		*ret_error = -E2BIG;
		return NULL;
	}
	if (etf.len < 2 || bytes[0] != 131) {
		*ret_error = -EBADMSG;
		return NULL;
	}
	if (bytes[1] == 80) {
		*ret_error = -EOPNOTSUPP;
		return NULL;
	}
	struct reader reader = { .at = bytes + 1, .end = bytes + etf.len };
	json_t *json = term(&reader);
	if (json && reader.at != reader.end) {
		json_decref(json);
		json = fail(&reader, -EBADMSG);
	}
	if (!json)
		*ret_error = reader.error ? reader.error : -EBADMSG;
	return json;
}
