#include "codec/enc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/internal.h"
#include "codec/text.h"

enum etf_tag {
	ETF_VERSION = 131,
	ETF_NEW_FLOAT = 70,
	ETF_SMALL_INTEGER = 97,
	ETF_INTEGER = 98,
	ETF_ATOM = 100,
	ETF_NIL = 106,
	ETF_LIST = 108,
	ETF_BINARY = 109,
	ETF_SMALL_BIG = 110,
	ETF_MAP = 116,
};

void enc_init(struct enc *enc, struct buf *buf, enum enc_format format)
{
	/* Levels are set when they are entered. */
	enc->buf = buf;
	enc->format = format;
	enc->after_key = false;
	enc->depth = 0;
	enc->levels[0] = (struct enc_level){};
}

void enc_start(struct enc *enc)
{
	if (enc->format == ENC_ETF)
		buf_putc(enc->buf, (char)ETF_VERSION);
}

static inline char *room(struct enc *enc, size_t size)
{
	struct buf *buf = enc->buf;

	if (__builtin_expect(buf->cap - buf->len >= size, 1))
		return buf->ptr + buf->len;
	return buf_reserve(buf, size);
}

static inline void advance(struct enc *enc, size_t size)
{
	enc->buf->len += size;
}

/* A short copy without a call; memcpy() of a size that the compiler does not know costs more than the bytes. */
static inline void copy_short(char *dst, const char *src, size_t n)
{
	if (n >= 16) {
		for (size_t i = 0; i + 16 < n; i += 16)
			memcpy(dst + i, src + i, 16);
		memcpy(dst + n - 16, src + n - 16, 16);
	} else if (n >= 8) {
		memcpy(dst, src, 8);
		memcpy(dst + n - 8, src + n - 8, 8);
	} else if (n >= 4) {
		memcpy(dst, src, 4);
		memcpy(dst + n - 4, src + n - 4, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			dst[i] = src[i];
	}
}

/* To be called before each value is written: the comma between elements, and the count. */
static inline void begin_value(struct enc *enc)
{
	if (enc->after_key) {
		enc->after_key = false;
		return;
	}
	if (enc->levels[enc->depth].count++ && enc->format == ENC_JSON && enc->depth)
		buf_putc(enc->buf, ',');
}

static void put_literal(struct enc *enc, const char *src, size_t n)
{
	char *p = room(enc, n);

	if (p) {
		copy_short(p, src, n);
		advance(enc, n);
	}
}

static void put_u32_at(char *p, uint32_t n)
{
	n = __builtin_bswap32(n);
	memcpy(p, &n, 4);
}

/* One deeper. What is deeper than ENC_DEPTH_MAX is counted, not written, and the buffer is called full. */
static bool enter(struct enc *enc)
{
	if (enc->depth >= ENC_DEPTH_MAX) {
		enc->buf->full = true;
		return false;
	}
	enc->depth++;
	enc->levels[enc->depth] = (struct enc_level){ .at = enc->buf->len };
	return true;
}

void enc_obj_begin(struct enc *enc)
{
	begin_value(enc);
	if (!enter(enc))
		return;
	if (enc->format == ENC_JSON)
		buf_putc(enc->buf, '{');
	else
		put_literal(enc, "t\0\0\0\0", 5);
}

void enc_obj_end(struct enc *enc)
{
	struct enc_level *level = &enc->levels[enc->depth];

	if (enc->depth)
		enc->depth--;
	enc->after_key = false;
	if (enc->format == ENC_JSON)
		buf_putc(enc->buf, '}');
	else if (!enc->buf->full)
		put_u32_at(enc->buf->ptr + level->at + 1, level->count);
}

void enc_arr_begin(struct enc *enc)
{
	begin_value(enc);
	if (!enter(enc))
		return;
	if (enc->format == ENC_JSON)
		buf_putc(enc->buf, '[');
	else
		put_literal(enc, "l\0\0\0\0", 5);
}

void enc_arr_end(struct enc *enc)
{
	struct enc_level *level = &enc->levels[enc->depth];

	if (enc->depth)
		enc->depth--;
	enc->after_key = false;
	if (enc->format == ENC_JSON) {
		buf_putc(enc->buf, ']');
		return;
	}
	if (enc->buf->full)
		return;
	if (level->count)
		put_u32_at(enc->buf->ptr + level->at + 1, level->count);
	else
		enc->buf->len = level->at; /* an empty list is NIL_EXT alone */
	buf_putc(enc->buf, (char)ETF_NIL);
}

void enc_key_literal(struct enc *enc, const char *literal, size_t len)
{
	char *p = room(enc, len + 1);
	size_t first = enc->levels[enc->depth].count++ == 0;

	enc->after_key = true;
	if (!p)
		return;
	if (enc->format == ENC_JSON) {
		copy_short(p, literal + first, len - first);
		advance(enc, len - first);
		return;
	}
	/* The name lies between ," and ": */
	*p = (char)ETF_BINARY;
	put_u32_at(p + 1, (uint32_t)len - 4);
	copy_short(p + 5, literal + 2, len - 4);
	advance(enc, len + 1);
}

/* A bit in the top of each byte of @w that is a quote, a backslash or a control character. */
static inline uint64_t specials(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101ULL, tops = 0x8080808080808080ULL;
	uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');

	/* Bytes >= 0x80 are excluded by ~w; borrows only make more hits above a hit, which is checked bytewise. */
	return (((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
		tops;
}

static void put_escaped_byte(struct buf *buf, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char out[6] = { '\\', 0, '0', '0' };
	size_t n = 2;

	switch (c) {
	case '"':
	case '\\': out[1] = (char)c; break;
	case '\b': out[1] = 'b'; break;
	case '\f': out[1] = 'f'; break;
	case '\n': out[1] = 'n'; break;
	case '\r': out[1] = 'r'; break;
	case '\t': out[1] = 't'; break;
	default:
		out[1] = 'u';
		out[4] = hex[c >> 4];
		out[5] = hex[c & 15];
		n = 6;
	}
	buf_put(buf, out, n);
}

static bool special_byte(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* The rest of a string from its first special byte on. */
static void put_escaped(struct buf *buf, struct str s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (!special_byte(c))
			continue;
		buf_put(buf, s.ptr + from, i - from);
		put_escaped_byte(buf, c);
		from = i + 1;
	}
	buf_put(buf, s.ptr + from, s.len - from);
}

/* Copies and looks in one pass; most strings have nothing to escape. */
static void put_json_str(struct enc *enc, struct str s, size_t after)
{
	char *p = room(enc, s.len + 3);
	size_t i = 0;

	if (!p)
		return;
	*p++ = '"';
	for (; i + 8 <= s.len; i += 8) {
		uint64_t word;

		memcpy(&word, s.ptr + i, 8);
		memcpy(p + i, &word, 8);
		if (__builtin_expect(specials(word) != 0, 0))
			goto escape;
	}
	for (; i < s.len; i++) {
		if (__builtin_expect(special_byte((unsigned char)s.ptr[i]), 0))
			goto escape;
		p[i] = s.ptr[i];
	}
	p[i] = '"';
	p[i + 1] = ':'; /* counted only after a key */
	advance(enc, s.len + 2 + after);
	return;
escape:
	advance(enc, 1 + i);
	put_escaped(enc->buf, str_skip(s, i));
	buf_put(enc->buf, "\":", 1 + after);
}

static void put_binary(struct enc *enc, struct str s)
{
	char *p = room(enc, s.len + 5);

	if (!p)
		return;
	*p = (char)ETF_BINARY;
	put_u32_at(p + 1, (uint32_t)s.len);
	if (s.len)
		memcpy(p + 5, s.ptr, s.len);
	advance(enc, s.len + 5);
}

void enc_key_str(struct enc *enc, struct str key)
{
	bool first = enc->levels[enc->depth].count++ == 0;

	enc->after_key = true;
	if (enc->format == ENC_ETF) {
		put_binary(enc, key);
		return;
	}
	if (!first)
		buf_putc(enc->buf, ',');
	put_json_str(enc, key, 1);
}

static void put_atom(struct enc *enc, struct str name)
{
	char *p = room(enc, 16);

	if (!p)
		return;
	*p = (char)ETF_ATOM;
	p[1] = 0;
	p[2] = (char)name.len;
	memcpy(p + 3, name.ptr, name.len);
	advance(enc, name.len + 3);
}

void enc_null(struct enc *enc)
{
	begin_value(enc);
	if (enc->format == ENC_JSON)
		put_literal(enc, "null", 4);
	else
		put_atom(enc, S("nil"));
}

void enc_bool(struct enc *enc, bool value)
{
	begin_value(enc);
	if (enc->format == ENC_ETF)
		put_atom(enc, value ? S("true") : S("false"));
	else if (value)
		put_literal(enc, "true", 4);
	else
		put_literal(enc, "false", 5);
}

static void put_etf_int(struct enc *enc, int64_t n)
{
	char *p = room(enc, 12);

	if (!p)
		return;
	if (n >= 0 && n <= 255) {
		*p = (char)ETF_SMALL_INTEGER;
		p[1] = (char)n;
		advance(enc, 2);
		return;
	}
	if (n >= INT32_MIN && n <= INT32_MAX) {
		*p = (char)ETF_INTEGER;
		put_u32_at(p + 1, (uint32_t)(int32_t)n);
		advance(enc, 5);
		return;
	}
	uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	size_t size = 0;
	for (; magnitude; magnitude >>= 8)
		p[3 + size++] = (char)(magnitude & 255);
	*p = (char)ETF_SMALL_BIG;
	p[1] = (char)size;
	p[2] = n < 0;
	advance(enc, size + 3);
}

static void put_json_int(struct enc *enc, int64_t n)
{
	char *p = room(enc, TEXT_U64_MAX + 1);
	size_t size = 0;

	if (!p)
		return;
	if (n < 0)
		p[size++] = '-';
	size += text_u64(p + size, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
	advance(enc, size);
}

void enc_int(struct enc *enc, int64_t n)
{
	begin_value(enc);
	if (enc->format == ENC_JSON)
		put_json_int(enc, n);
	else
		put_etf_int(enc, n);
}

static void put_json_float(struct enc *enc, double n)
{
	char text[40];
	int len = 0;

	for (int precision = 15; precision <= 17; precision++) {
		len = snprintf(text, sizeof(text), "%.*g", precision, n);
		if (strtod(text, NULL) == n)
			break;
	}
	buf_put(enc->buf, text, (size_t)len);
	if (!strpbrk(text,
		     ".e")) /* a reader that tells integers from floats shall read back a float */
		buf_put(enc->buf, ".0", 2);
}

void enc_float(struct enc *enc, double n)
{
	if (!isfinite(n)) {
		enc_null(enc);
		return;
	}
	begin_value(enc);
	if (enc->format == ENC_JSON) {
		put_json_float(enc, n);
		return;
	}
	uint64_t bits;
	memcpy(&bits, &n, 8);
	buf_putc(enc->buf, (char)ETF_NEW_FLOAT);
	buf_put_u64(enc->buf, bits);
}

void enc_str(struct enc *enc, struct str s)
{
	begin_value(enc);
	if (enc->format == ENC_JSON)
		put_json_str(enc, s, 0);
	else
		put_binary(enc, s);
}

/* Text that needs no escaping. */
static void put_plain(struct enc *enc, const char *text, size_t len)
{
	char *p = room(enc, len + 5);

	if (!p)
		return;
	if (enc->format == ENC_JSON) {
		*p = '"';
		copy_short(p + 1, text, len);
		p[len + 1] = '"';
		advance(enc, len + 2);
		return;
	}
	*p = (char)ETF_BINARY;
	put_u32_at(p + 1, (uint32_t)len);
	copy_short(p + 5, text, len);
	advance(enc, len + 5);
}

void enc_u64(struct enc *enc, uint64_t n)
{
	char text[TEXT_U64_MAX];

	begin_value(enc);
	put_plain(enc, text, text_u64(text, n));
}

void enc_time(struct enc *enc, int64_t unix_us)
{
	char text[TEXT_TIME_LEN];

	begin_value(enc);
	text_time(text, unix_us);
	put_plain(enc, text, sizeof(text));
}

void enc_str_or_null(struct enc *enc, struct str s)
{
	if (s.ptr)
		enc_str(enc, s);
	else
		enc_null(enc);
}

void enc_u64_or_null(struct enc *enc, uint64_t n)
{
	if (n)
		enc_u64(enc, n);
	else
		enc_null(enc);
}

void enc_time_or_null(struct enc *enc, int64_t unix_us)
{
	if (unix_us)
		enc_time(enc, unix_us);
	else
		enc_null(enc);
}

void enc_int_or_str(struct enc *enc, struct str text, bool is_int)
{
	int64_t n;

	if (is_int && str_i64(text, &n))
		enc_int(enc, n);
	else
		enc_str_or_null(enc, text);
}

void enc_raw(struct enc *enc, struct str encoded)
{
	begin_value(enc);
	buf_put_str(enc->buf, encoded);
}

void enc_raw_json(struct enc *enc, struct str json)
{
	if (json.len && enc->format == ENC_JSON)
		enc_raw(enc, json);
	else if (!json.len || !enc_transcode(enc, json))
		enc_null(enc);
}

void enc_json(struct enc *enc, const json_t *json)
{
	const char *key;
	json_t *value;
	size_t i;

	switch (json ? json_typeof(json) : JSON_NULL) {
	case JSON_OBJECT:
		enc_obj_begin(enc);
		json_object_foreach((json_t *)json, key, value)
		{
			enc_key_str(enc, str_z(key));
			enc_json(enc, value);
		}
		enc_obj_end(enc);
		break;
	case JSON_ARRAY:
		enc_arr_begin(enc);
		json_array_foreach(json, i, value) enc_json(enc, value);
		enc_arr_end(enc);
		break;
	case JSON_STRING:
		enc_str(enc, (struct str){ json_string_value(json), json_string_length(json) });
		break;
	case JSON_INTEGER: enc_int(enc, json_integer_value(json)); break;
	case JSON_REAL: enc_float(enc, json_real_value(json)); break;
	case JSON_TRUE:
	case JSON_FALSE: enc_bool(enc, json_is_true(json)); break;
	case JSON_NULL:
	default: enc_null(enc);
	}
}
