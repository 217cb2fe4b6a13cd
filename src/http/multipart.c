#include "http/multipart.h"

#include <assert.h>

#include "base/mem.h"
#include "base/url.h"
#include "http/token.h"

enum {
	PREAMBLE,  /* before the first delimiter */
	AFTER,    /* a delimiter has been read: "--", or padding and CRLF */
	AFTER_DASH,
	AFTER_CR,
	HEAD,
	DATA,
	EPILOGUE, /* ignored */
	FAILED,
};

enum { PADDING_MAX = 64 };

static bool is_boundary_char(char c)
{
	/* bchars of RFC 2046 §5.1.1 */
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		(c && strchr("'()+_,-./:=? ", c));
}

bool multipart_boundary(struct str content_type, struct str *ret_boundary)
{
	size_t end = str_find(content_type, ';');
	struct str rest = str_skip(content_type, end), name, value;
	bool quoted;

	if (!str_ieq(http_trim((struct str){ content_type.ptr, end }), S("multipart/form-data")))
		return false;
	while (http_param_next(&rest, &name, &value, &quoted) > 0) {
		if (!str_ieq(name, S("boundary")))
			continue;
		if (!value.len || value.len > MULTIPART_BOUNDARY_MAX ||
		    value.ptr[value.len - 1] == ' ')
			return false;
		for (size_t i = 0; i < value.len; i++)
			if (!is_boundary_char(value.ptr[i]))
				return false;
		*ret_boundary = value;
		return true;
	}
	return false;
}

void multipart_init(struct multipart *multipart, struct str boundary,
		    const struct multipart_handler *handler, void *owner)
{
	assert(boundary.len && boundary.len <= MULTIPART_BOUNDARY_MAX);
	*multipart = (struct multipart){ .handler = handler,
					 .owner = owner,
					 .parts_max = MULTIPART_PARTS_MAX };
	memcpy(multipart->delimiter, "\r\n--", 4);
	memcpy(multipart->delimiter + 4, boundary.ptr, boundary.len);
	multipart->delimiter_len = (uint8_t)(4 + boundary.len);
	/* The first delimiter may stand at the very beginning, without its CRLF. */
	multipart->match = 2;
	buf_init(&multipart->head, MULTIPART_HEADER_MAX);
}

void multipart_done(struct multipart *multipart)
{
	buf_done(&multipart->head);
}

/* -- the head of a part -- */

struct head {
	struct arena arena;
	struct multipart_part part;
};

/* A quoted value: `\"` and `\\` are escapes of RFC 822, `%22`, `%0D`, `%0A` those of browsers
 * (WHATWG, multipart form data). Nothing else is decoded: a lone "%" or "\" is part of the name. */
static struct str unquote(struct arena *arena, struct str s)
{
	char *dst = arena_dup(arena, s.ptr, s.len);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		struct str left = str_skip(s, i);
		char c = s.ptr[i];

		if (c == '\\' && left.len > 1 && (left.ptr[1] == '"' || left.ptr[1] == '\\')) {
			c = s.ptr[++i];
		} else if (str_starts(left, S("%22"))) {
			c = '"';
			i += 2;
		} else if (str_starts(left, S("%0D")) || str_starts(left, S("%0A"))) {
			c = '_'; /* no file name has a line break */
			i += 2;
		}
		dst[n++] = c;
	}
	return (struct str){ dst, n };
}

/* ext-value of RFC 8187: UTF-8'lang'percent-encoded; null when it is none. RFC 7578 §4.2 forbids
 * it here, aiohttp sends it. */
static struct str unextend(struct arena *arena, struct str s)
{
	size_t first = str_find(s, '\'');
	struct str rest = str_skip(s, first + 1);
	size_t second = str_find(rest, '\'');

	if (!str_ieq((struct str){ s.ptr, first }, S("utf-8")) || second == rest.len)
		return (struct str){};
	return url_decode_arena(arena, str_skip(rest, second + 1), 0);
}

static int parse_disposition(struct head *head, struct str value)
{
	size_t end = str_find(value, ';');
	struct str rest = str_skip(value, end), name, param;
	bool quoted, extended_name = false, extended_filename = false;
	int r;

	if (head->part.name.ptr ||
	    !str_ieq(http_trim((struct str){ value.ptr, end }), S("form-data")))
		return 400;
	while ((r = http_param_next(&rest, &name, &param, &quoted)) > 0) {
		bool extended = name.len && name.ptr[name.len - 1] == '*';
		bool *wins;
		struct str *into;

		name.len -= extended;
		if (str_ieq(name, S("name"))) {
			into = &head->part.name;
			wins = &extended_name;
		} else if (str_ieq(name, S("filename"))) {
			into = &head->part.filename;
			wins = &extended_filename;
		} else {
			continue;
		}
		struct str text = extended ? unextend(&head->arena, param)
			: quoted	   ? unquote(&head->arena, param)
					   : param;
		if (extended && !text.ptr)
			continue; /* another charset, or broken: the plain form has to do */
		if (text.len > MULTIPART_NAME_MAX || memchr(text.ptr, 0, text.len))
			return 400;
		if (!into->ptr || (extended && !*wins))
			*into = text; /* name*= is better wherever it stands; else the first */
		*wins |= extended;
	}
	return r < 0 || !head->part.name.ptr || !str_utf8_valid(head->part.name) ||
			(head->part.filename.ptr && !str_utf8_valid(head->part.filename))
		? 400
		: 0;
}

static int parse_head_line(struct head *head, struct str line)
{
	size_t colon = str_find(line, ':');
	struct str name = { line.ptr, colon };
	struct str value = http_trim(str_skip(line, colon + 1));

	if (colon == line.len || !http_is_token(name) || !http_is_field_value(value))
		return 400;
	if (str_ieq(name, S("content-disposition")))
		return parse_disposition(head, value);
	if (str_ieq(name, S("content-type")) && value.len)
		head->part.content_type = value;
	/* Deprecated by RFC 7578 §4.7. Storing an encoded file as it is would be worse than saying
	 * no. */
	if (str_ieq(name, S("content-transfer-encoding")) && !str_ieq(value, S("binary")) &&
	    !str_ieq(value, S("8bit")) && !str_ieq(value, S("7bit")))
		return 400;
	return 0;
}

/* All header lines of a part are there, each with its CRLF. */
static int parse_head(struct multipart *multipart)
{
	struct str rest = buf_str(&multipart->head);
	struct head head = {};
	int r = 0;

	arena_init(&head.arena);
	while (!r && rest.len) {
		size_t lf = str_find(rest, '\n');

		/* The last line ends in CRLF, so there is an LF; a bare one is refused. */
		r = lf && rest.ptr[lf - 1] == '\r'
			? parse_head_line(&head, (struct str){ rest.ptr, lf - 1 })
			: 400;
		rest = str_skip(rest, lf + 1);
	}
	if (!r && !head.part.name.ptr)
		r = 400;
	if (!r)
		r = multipart->handler->on_part(multipart->owner, &head.part);
	arena_done(&head.arena);
	buf_clear(&multipart->head);
	return r;
}

/* -- the states -- */

/* Content that may hold a delimiter, up to it: the content to @on_content. The delimiter begins
 * with CR, and no boundary holds one, so where a match breaks off it can only begin anew, at this
 * very byte. */
static int scan(struct multipart *multipart, struct str *in,
		int (*on_content)(struct multipart *multipart, struct str data), uint8_t next)
{
	struct str s = *in;
	size_t from = 0, at = 0;
	int r = 0;

	while (at < s.len && !r) {
		if (!multipart->match) {
			at += str_find(str_skip(s, at), '\r');
			if (at == s.len)
				break;
			if (at > from)
				r = on_content(multipart, (struct str){ s.ptr + from, at - from });
			from = ++at;
			multipart->match = 1;
		} else if (s.ptr[at] == multipart->delimiter[multipart->match]) {
			from = ++at;
			if (++multipart->match < multipart->delimiter_len)
				continue;
			multipart->match = 0;
			multipart->state = next;
			*in = str_skip(s, at);
			return 0;
		} else {
			/* It was content after all; in this very input or an earlier one. */
			r = on_content(multipart,
				       (struct str){ multipart->delimiter, multipart->match });
			multipart->match = 0;
		}
	}
	if (!r && at > from)
		r = on_content(multipart, (struct str){ s.ptr + from, at - from });
	*in = str_skip(s, s.len);
	return r;
}

static int on_preamble(struct multipart *multipart, struct str data)
{
	multipart->preamble += (uint32_t)MIN(data.len, (size_t)MULTIPART_PREAMBLE_MAX + 1);
	return multipart->preamble > MULTIPART_PREAMBLE_MAX ? 400 : 0;
}

static int on_content(struct multipart *multipart, struct str data)
{
	return multipart->handler->on_data(multipart->owner, data);
}

/* What follows a delimiter on its line. */
static int after_byte(struct multipart *multipart, char c)
{
	switch (multipart->state) {
	case AFTER_DASH: multipart->state = EPILOGUE; return c == '-' ? 0 : 400;
	case AFTER_CR:
		multipart->state = HEAD;
		if (c != '\n')
			return 400;
		return ++multipart->parts > multipart->parts_max ? 413 : 0;
	}
	if (c == '-' && !multipart->padding) {
		multipart->state = AFTER_DASH;
		return 0;
	}
	if (c == '\r') {
		multipart->state = AFTER_CR;
		multipart->padding = 0;
		return 0;
	}
	/* transport-padding */
	return (c == ' ' || c == '\t') && multipart->padding++ < PADDING_MAX ? 0 : 400;
}

/* Header lines up to the empty one. */
static int head_bytes(struct multipart *multipart, struct str *in)
{
	size_t lf = str_find(*in, '\n');
	struct str line = { in->ptr, MIN(lf + 1, in->len) };
	struct buf *head = &multipart->head;

	buf_put_str(head, line);
	if (head->full)
		return 431;
	*in = str_skip(*in, line.len);
	if (lf + 1 > line.len)
		return 0;
	/* An empty line: CRLF at the beginning or after another LF. */
	if (head->len < 2 || head->ptr[head->len - 2] != '\r')
		return 400;
	if (head->len > 2 && head->ptr[head->len - 3] != '\n')
		return 0;
	head->len -= 2;
	multipart->state = DATA;
	return parse_head(multipart);
}

static int step(struct multipart *multipart, struct str *in)
{
	uint8_t state = multipart->state;
	int r;

	switch (state) {
	case PREAMBLE: return scan(multipart, in, on_preamble, AFTER);
	case DATA:
		r = scan(multipart, in, on_content, AFTER);
		if (!r && multipart->state == AFTER)
			r = multipart->handler->on_part_end(multipart->owner);
		return r;
	case HEAD: return head_bytes(multipart, in);
	case EPILOGUE: *in = str_skip(*in, in->len); return 0;
	default:
		r = after_byte(multipart, in->ptr[0]);
		*in = str_skip(*in, 1);
		return r;
	}
}

int multipart_feed(struct multipart *multipart, struct str data)
{
	while (data.len && multipart->state != FAILED) {
		int r = step(multipart, &data);

		if (r) {
			multipart->state = FAILED;
			multipart->error = r;
		}
	}
	return multipart->error;
}

int multipart_finish(struct multipart *multipart)
{
	if (multipart->state == FAILED)
		return multipart->error;
	return multipart->state == EPILOGUE ? 0 : 400;
}
