/* JSON text straight into terms: no tree between them, which for a GUILD_CREATE of some ten megabytes would be twenty times as
 * long. The text is our own writer's, so keys are different and the text is UTF-8; whatever it is, nothing is read behind its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/internal.h"

struct reader {
	const char *at, *end;
	struct buf scratch; /* a string with escapes, without them */
	uint32_t depth;
};

enum { STRING_MAX = 64 << 20, NUMBER_MAX = 40 };

static bool value(struct reader *r, struct enc *enc);

static void blanks(struct reader *r)
{
	while (r->at < r->end &&
	       (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
		r->at++;
}

/* Passes over @c, and blanks before it. */
static bool take(struct reader *r, char c)
{
	blanks(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool hex4(struct reader *r, uint32_t *ret)
{
	*ret = 0;
	if (r->end - r->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = *r->at++, low = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			*ret = *ret << 4 | (uint32_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			*ret = *ret << 4 | (uint32_t)(low - 'a' + 10);
		else
			return false;
	}
	return true;
}

static void put_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(out, (char)c);
	} else if (c < 0x800) {
		buf_putc(out, (char)(0xc0 | c >> 6));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_putc(out, (char)(0xe0 | c >> 12));
		buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_putc(out, (char)(0xf0 | c >> 18));
		buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
	}
}

static bool escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t c, low;

	if (r->at == r->end)
		return false;
	char kind = *r->at++;
	if (kind != 'u') {
		const char *found = kind ? strchr(from, kind) : NULL;

		if (found)
			buf_putc(&r->scratch, to[found - from]);
		return found;
	}
	if (!hex4(r, &c) || (c >= 0xdc00 && c < 0xe000))
		return false;
	if (c >= 0xd800 && c < 0xdc00) { /* the first of two */
		if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
			return false;
		r->at += 2;
		if (!hex4(r, &low) || low < 0xdc00 || low >= 0xe000)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
	}
	put_utf8(&r->scratch, c);
	return true;
}

/* Behind the first quote. *ret is in the text, or in the scratch until the next string. */
static bool string(struct reader *r, struct str *ret)
{
	const char *from = r->at;

	while (r->at < r->end && *r->at != '"' && *r->at != '\\')
		r->at++;
	if (r->at < r->end && *r->at == '"') {
		*ret = (struct str){ from, (size_t)(r->at++ - from) };
		return true;
	}
	buf_clear(&r->scratch);
	while (r->at < r->end) {
		buf_put(&r->scratch, from, (size_t)(r->at - from));
		if (*r->at++ == '"') {
			*ret = buf_str(&r->scratch);
			return !r->scratch.full;
		}
		if (!escape(r))
			return false;
		from = r->at;
		while (r->at < r->end && *r->at != '"' && *r->at != '\\')
			r->at++;
	}
	return false;
}

static bool object(struct reader *r, struct enc *enc)
{
	struct str key;

	enc_obj_begin(enc);
	if (!take(r, '}')) {
		do {
			if (!take(r, '"') || !string(r, &key))
				return false;
			enc_key_str(enc, key);
			if (!take(r, ':') || !value(r, enc))
				return false;
		} while (take(r, ','));
		if (!take(r, '}'))
			return false;
	}
	enc_obj_end(enc);
	return true;
}

static bool array(struct reader *r, struct enc *enc)
{
	enc_arr_begin(enc);
	if (!take(r, ']')) {
		do
			if (!value(r, enc))
				return false;
		while (take(r, ','));
		if (!take(r, ']'))
			return false;
	}
	enc_arr_end(enc);
	return true;
}

static bool number(struct reader *r, struct enc *enc)
{
	char text[NUMBER_MAX + 1], *end;
	size_t len = 0;
	bool whole = true;

	while (r->at < r->end && len < NUMBER_MAX && *r->at && strchr("+-.eE0123456789", *r->at)) {
		whole = whole && *r->at != '.' && *r->at != 'e' && *r->at != 'E';
		text[len++] = *r->at++;
	}
	text[len] = '\0';
	errno = 0;
	if (whole)
		enc_int(enc, strtoll(text, &end, 10));
	else
		enc_float(enc, strtod(text, &end));
	return len && *end == '\0' && !(whole && errno);
}

static bool word(struct reader *r, struct str expected)
{
	if ((size_t)(r->end - r->at) < expected.len || memcmp(r->at, expected.ptr, expected.len))
		return false;
	r->at += expected.len;
	return true;
}

static bool value(struct reader *r, struct enc *enc)
{
	struct str text;
	bool good;

	blanks(r);
	if (r->at == r->end || r->depth == ENC_DEPTH_MAX)
		return false;
	r->depth++;
	switch (*r->at) {
	case '{':
		r->at++;
		good = object(r, enc);
		break;
	case '[':
		r->at++;
		good = array(r, enc);
		break;
	case '"':
		r->at++;
		good = string(r, &text);
		if (good)
			enc_str(enc, text);
		break;
	case 't':
		good = word(r, S("true"));
		enc_bool(enc, true);
		break;
	case 'f':
		good = word(r, S("false"));
		enc_bool(enc, false);
		break;
	case 'n':
		good = word(r, S("null"));
		enc_null(enc);
		break;
	default: good = number(r, enc);
	}
	r->depth--;
	return good;
}

bool enc_transcode(struct enc *enc, struct str json)
{
	struct reader r = { .at = json.ptr, .end = json.ptr + json.len };
	struct enc_level level = enc->levels[enc->depth];
	uint32_t depth = enc->depth;
	size_t len = enc->buf->len;
	bool after_key = enc->after_key;

	buf_init(&r.scratch, STRING_MAX);
	bool good = value(&r, enc);
	blanks(&r);
	buf_done(&r.scratch);
	if (good && r.at == r.end)
		return true;
	/* As if nothing had been put. */
	enc->buf->len = len;
	enc->after_key = after_key;
	enc->depth = depth;
	enc->levels[depth] = level;
	return false;
}
