#include "http/parser.h"

#include <assert.h>

#include "http/token.h"

enum { BEFORE, FIELDS, DONE, FAILED };

enum {
	HAS_HOST = 1,
	HAS_LENGTH = 2,
	HAS_CHUNKED = 4,
	HAS_CLOSE = 8,
	HAS_KEEP_ALIVE = 16,
	HAS_UPGRADE = 32,
	HAS_EXPECT = 64,
	HAS_AUTHORITY = 128, /* the target was absolute */
};

static_assert(HTTP_HEAD_MAX <= UINT16_MAX, "offsets are 16 bits wide");

void http_parser_init(struct http_parser *parser)
{
	/* The arrays need no zeroing: only the first @count entries are read. */
	memset(parser, 0, offsetof(struct http_parser, names));
}

static struct http_span span(const char *base, struct str s)
{
	return (struct http_span){ (uint16_t)(s.ptr - base), (uint16_t)s.len };
}

static struct str view(const char *base, struct http_span s)
{
	return (struct str){ base + s.at, s.len };
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_host_char(char c)
{
	/* reg-name: unreserved / pct-encoded / sub-delims (RFC 3986 §3.2.2), without the quote and
	 * what no name has. '_' is in use. */
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		(c && strchr("-._~%!$&()*+,;=", c));
}

bool http_host_valid(struct str host)
{
	size_t n = 0;

	if (host.len && host.ptr[0] == '[') {
		for (n = 1; n < host.len && host.ptr[n] != ']'; n++)
			if (!is_digit(host.ptr[n]) && host.ptr[n] != ':' && host.ptr[n] != '.' &&
			    ((host.ptr[n] | 0x20) < 'a' || (host.ptr[n] | 0x20) > 'f'))
				return false;
		if (n < 3 || n++ == host.len)
			return false;
	} else {
		while (n < host.len && is_host_char(host.ptr[n]))
			n++;
		if (n == 0)
			return false;
	}
	if (n == host.len)
		return true;
	if (host.ptr[n] != ':' || host.len - n > 6)
		return false;
	for (n++; n < host.len; n++)
		if (!is_digit(host.ptr[n]))
			return false;
	return true;
}

/* "HTTP/" DIGIT "." DIGIT */
static int parse_version(struct http_parser *parser, struct str s)
{
	if (s.len != 8 || !str_starts(s, S("HTTP/")) || !is_digit(s.ptr[5]) || s.ptr[6] != '.' ||
	    !is_digit(s.ptr[7]))
		return 400;
	if (s.ptr[5] != '1')
		return 505;
	parser->minor = s.ptr[7] !=
		'0'; /* a later minor version is served as 1.1 (RFC 9110 §2.5) */
	return 0;
}

static int parse_method(struct http_parser *parser, struct str s)
{
	if (!http_is_token(s))
		return 400;
	for (int i = 0; i < HTTP_METHOD_COUNT; i++)
		if (str_eq(s, http_method_name((enum http_method)i))) {
			parser->method = (uint8_t)i;
			return 0;
		}
	/* Those are known and not served (RFC 9110 §15.5.6); others are unknown (§15.6.2). */
	return str_eq(s, S("TRACE")) || str_eq(s, S("CONNECT")) ? 405 : 501;
}

/* origin-form, absolute-form, or "*" with OPTIONS (RFC 9112 §3.2); CONNECT has ended before.
 * Characters that RFC 3986 would have encoded are let through, since browsers and curl send some of
 * them raw; but no controls and no "#". */
static int parse_target(struct http_parser *parser, const char *base, struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f || s.ptr[i] == '#')
			return 400;
	parser->target = span(base, s);
	if (str_eq(s, S("*"))) {
		parser->path = parser->target;
		return parser->method == HTTP_OPTIONS ? 0 : 400;
	}
	if (s.len && s.ptr[0] != '/') {
		size_t scheme = s.len > 7 && str_ieq((struct str){ s.ptr, 7 }, S("http://")) ? 7
			: s.len > 8 && str_ieq((struct str){ s.ptr, 8 }, S("https://"))	     ? 8
											     : 0;
		struct str rest = str_skip(s, scheme), host = rest;

		host.len = str_find(rest, '/');
		host.len = str_find(host, '?');
		if (!scheme || !http_host_valid(host))
			return 400;
		parser->host = span(base, host);
		parser->flags |= HAS_AUTHORITY;
		s = str_skip(rest, host.len);
	}
	size_t mark = str_find(s, '?');
	if (mark < s.len)
		parser->query = span(base, str_skip(s, mark + 1));
	parser->path = span(base, (struct str){ s.ptr, mark });
	/* An absolute target may have an empty path, which means "/": http_parser_head() says
	 * so. */
	return mark || parser->flags & HAS_AUTHORITY ? 0 : 400;
}

static int parse_line(struct http_parser *parser, const char *base, struct str line)
{
	size_t first = str_find(line, ' ');
	struct str rest = str_skip(line, first + 1);
	size_t second = str_find(rest, ' ');
	/* Exactly one space on each side: a target has none. */
	if (first == line.len || second == rest.len)
		return 400;
	int version = parse_version(parser, str_skip(rest, second + 1));
	if (version)
		return version;
	int method = parse_method(parser, (struct str){ line.ptr, first });
	if (method)
		return method;
	return parse_target(parser, base, (struct str){ rest.ptr, second });
}

static int parse_length(struct http_parser *parser, struct str value)
{
	/* A second one, or a list, even of equal numbers, is refused: only an attacker or a broken
	 * proxy sends it. */
	if (parser->flags & (HAS_LENGTH | HAS_CHUNKED) || !str_u64(value, &parser->length) ||
	    value.len > 18)
		return 400;
	parser->flags |= HAS_LENGTH;
	return 0;
}

static int parse_transfer(struct http_parser *parser, struct str value)
{
	struct str rest = value, item = {};
	uint32_t count = 0, chunked = 0;

	/* Not in HTTP/1.0 (RFC 9112 §6.1), and once only. */
	if (parser->flags & (HAS_LENGTH | HAS_CHUNKED) || parser->minor == 0)
		return 400;
	for (; http_list_next(&rest, &item); count++)
		chunked += str_ieq(item, S("chunked"));
	/* The body's end is known only when chunked comes last, and once (RFC 9112 §6.3). */
	if (chunked != 1 || !str_ieq(item, S("chunked")))
		return 400;
	if (count > 1)
		return 501; /* another coding inside, which nobody here undoes */
	if (!str_ieq(value, S("chunked")))
		return 400; /* ",chunked": legal, but what filters take for something else */
	parser->flags |= HAS_CHUNKED;
	return 0;
}

static int parse_host(struct http_parser *parser, const char *base, struct str value)
{
	if (parser->flags & HAS_HOST || !http_host_valid(value))
		return 400;
	parser->flags |= HAS_HOST;
	if (!(parser->flags & HAS_AUTHORITY))
		parser->host = span(base, value);
	return 0;
}

static int parse_known(struct http_parser *parser, const char *base, struct str name,
		       struct str value)
{
	switch (name.len) {
	case 4:
		if (str_ieq(name, S("host")))
			return parse_host(parser, base, value);
		break;
	case 6:
		if (!str_ieq(name, S("expect")) || parser->minor == 0)
			break;
		if (!str_ieq(value, S("100-continue")))
			return 417;
		parser->flags |= HAS_EXPECT;
		break;
	case 10:
		if (!str_ieq(name, S("connection")))
			break;
		if (http_list_has(value, S("close")))
			parser->flags |= HAS_CLOSE;
		if (http_list_has(value, S("keep-alive")))
			parser->flags |= HAS_KEEP_ALIVE;
		if (http_list_has(value, S("upgrade")))
			parser->flags |= HAS_UPGRADE;
		break;
	case 14:
		if (str_ieq(name, S("content-length")))
			return parse_length(parser, value);
		break;
	case 17:
		if (str_ieq(name, S("transfer-encoding")))
			return parse_transfer(parser, value);
		break;
	}
	return 0;
}

static int parse_field(struct http_parser *parser, const char *base, struct str line)
{
	size_t colon = str_find(line, ':');
	struct str name = { line.ptr, colon };
	struct str value = http_trim(str_skip(line, colon + 1));

	/* A folded line begins with a space, which no token has (RFC 9112 §5.2); so does "Name
	 * :". */
	if (colon == line.len || !http_is_token(name) || !http_is_field_value(value))
		return 400;
	if (parser->count == HTTP_HEADERS_MAX)
		return 431;
	parser->names[parser->count] = span(base, name);
	parser->values[parser->count] = span(base, value);
	parser->count++;
	return parse_known(parser, base, name, value);
}

/* The empty line has come. */
static int parse_end(struct http_parser *parser)
{
	if (parser->minor && !(parser->flags & HAS_HOST))
		return 400; /* also with an absolute target (RFC 9112 §3.2) */
	parser->state = DONE;
	return 0;
}

/* One line without its CRLF. */
static int parse_any(struct http_parser *parser, const char *base, struct str line)
{
	switch (parser->state) {
	case BEFORE:
		if (!line.len)
			return parser->empty++ < HTTP_EMPTY_LINES_MAX ? 0 : 400;
		parser->state = FIELDS;
		parser->fields = (uint32_t)(line.ptr - base) + (uint32_t)line.len + 2;
		return parse_line(parser, base, line);
	default: return line.len ? parse_field(parser, base, line) : parse_end(parser);
	}
}

/* Is what has come of the unfinished line already too much? The same verdict that the whole line
 * would get. */
static int check_unfinished(const struct http_parser *parser, size_t size)
{
	size_t line = size - parser->at;

	if (parser->state == BEFORE)
		return line > HTTP_LINE_MAX + 1 ? 414 : 0; /* the CR may be there already */
	return size - parser->fields >= HTTP_HEADER_BYTES_MAX ? 431 : 0;
}

static int run(struct http_parser *parser, struct str data)
{
	while (parser->state < DONE) {
		size_t lf = str_find(str_skip(data, parser->seen), '\n') + parser->seen;

		if (lf == data.len) {
			parser->seen = (uint32_t)data.len;
			int r = check_unfinished(parser, data.len);
			return r ? r : HTTP_MORE;
		}
		struct str line = { data.ptr + parser->at, lf - parser->at };
		/* Too long comes before malformed, as for a line whose end has not arrived yet. */
		if (parser->state == BEFORE && line.len > HTTP_LINE_MAX + 1)
			return 414;
		parser->at = parser->seen = (uint32_t)lf + 1;
		bool crlf = line.len && line.ptr[line.len - 1] == '\r';
		if (parser->state != BEFORE && parser->at - parser->fields > HTTP_HEADER_BYTES_MAX)
			return 431;
		if (!crlf)
			return 400;
		line.len--;
		int r = parse_any(parser, data.ptr, line);
		if (r)
			return r;
	}
	return HTTP_DONE;
}

int http_parser_run(struct http_parser *parser, struct str data)
{
	assert(data.len >= parser->seen);
	if (parser->state == FAILED)
		return parser->error;
	int r = run(parser, data);
	if (r >= 400) {
		parser->state = FAILED;
		parser->error = (int16_t)r;
	}
	return r;
}

bool http_parser_began(const struct http_parser *parser, struct str data)
{
	return parser->state != BEFORE || data.len > parser->at;
}

void http_parser_head(const struct http_parser *parser, const char *head,
		      struct http_header *headers, struct http_head *ret)
{
	assert(parser->state == DONE);
	ret->method = (enum http_method)parser->method;
	ret->minor = parser->minor;
	ret->chunked = parser->flags & HAS_CHUNKED;
	ret->has_length = parser->flags & HAS_LENGTH;
	/* RFC 9112 §9.3 */
	ret->keep_alive = !(parser->flags & HAS_CLOSE) &&
		(parser->minor || parser->flags & HAS_KEEP_ALIVE);
	ret->upgrade = parser->flags & HAS_UPGRADE;
	ret->expect = parser->flags & HAS_EXPECT;
	ret->length = parser->length;
	ret->target = view(head, parser->target);
	ret->path = parser->path.len ? view(head, parser->path) : S("/");
	/* A query cannot begin at offset 0, so that says there is none. */
	ret->query = parser->query.at ? view(head, parser->query) : (struct str){};
	ret->host = parser->host.len ? view(head, parser->host) : (struct str){};
	ret->headers = headers;
	ret->header_count = parser->count;
	for (uint32_t i = 0; i < parser->count; i++)
		headers[i] = (struct http_header){ view(head, parser->names[i]),
						   view(head, parser->values[i]) };
}

struct str http_head_get(const struct http_head *head, struct str name)
{
	for (uint32_t i = 0; i < head->header_count; i++)
		if (str_ieq(head->headers[i].name, name))
			return head->headers[i].value;
	return (struct str){};
}

bool http_head_lists(const struct http_head *head, struct str name, struct str token)
{
	for (uint32_t i = 0; i < head->header_count; i++)
		if (str_ieq(head->headers[i].name, name) &&
		    http_list_has(head->headers[i].value, token))
			return true;
	return false;
}
