/* The head of a request: request line and fields, HTTP/1.1 and 1.0 (RFC 9112 §2-§5), and the
 * framing of the body that follows. No I/O, no allocation.
 *
 * Strict where two readings of one request could be smuggled past each other: CRLF only, no
 * obs-fold, no space before the colon, one Content-Length at most, never together with
 * Transfer-Encoding, one Host. However the bytes arrive, torn or whole, the outcome is the same. */
#pragma once

#include "base/str.h"
#include "http/method.h"

enum {
	HTTP_LINE_MAX = 16 << 10, /* request line, without its CRLF: 414 */
	HTTP_HEADER_BYTES_MAX = 32 << 10, /* all header lines with their CRLFs: 431 */
	HTTP_HEADERS_MAX = 100, /* header lines: 431 */
	HTTP_EMPTY_LINES_MAX = 4, /* tolerated before a request (RFC 9112 §2.2) */
	/* No head is longer than this, the offsets below fit in 16 bits. */
	HTTP_HEAD_MAX = HTTP_LINE_MAX + HTTP_HEADER_BYTES_MAX + 2 * (HTTP_EMPTY_LINES_MAX + 1),
};

/* What the parsers of this folder return; everything >= 400 is the status to answer, after which
 * the connection ends: where the next request would begin is not known. */
enum http_result {
	HTTP_DONE = 0,
	HTTP_MORE = 1, /* all input is used up, more is needed */
	HTTP_PIECE = 2, /* http_body_next(): a piece of payload */
};

struct http_header {
	struct str name, value; /* as sent; the value trimmed */
};

/* A complete head. The views point into the bytes (and the array) given to http_parser_head(). */
struct http_head {
	enum http_method method;
	uint8_t minor; /* 1 for HTTP/1.1 and later minors, 0 for HTTP/1.0 */
	bool chunked; /* the body is chunked */
	bool has_length; /* Content-Length was given */
	bool keep_alive; /* by version and Connection: may another request follow? */
	bool upgrade; /* Connection names "upgrade" */
	bool expect; /* Expect: 100-continue (never for HTTP/1.0, RFC 9110 §10.1.1) */
	uint64_t length; /* of the body, when has_length */
	struct str target; /* as sent */
	struct str path; /* begins with "/"; still encoded. "*" for OPTIONS * */
	struct str query; /* what follows the "?"; the null view without one */
	/* Of Host, or of the absolute target, which wins (RFC 9112 §3.2.2). Null at most for
	 * HTTP/1.0. */
	struct str host;
	const struct http_header *headers; /* header_count of them, in the order of arrival */
	uint32_t header_count;
};

struct http_parser {
	uint32_t at; /* where the next line begins; the head's length when it is done */
	uint32_t seen; /* no LF before this */
	uint32_t fields; /* where the header lines begin */
	uint16_t count;
	int16_t error; /* status, once failed */
	uint8_t empty; /* empty lines before the request line */
	uint8_t state, method, minor;
	uint8_t flags;
	uint64_t length;
	struct http_span {
		uint16_t at, len;
	} target, path, query, host, names[HTTP_HEADERS_MAX], values[HTTP_HEADERS_MAX];
};

void http_parser_init(struct http_parser *parser);
/* @data: all bytes since the request began, the old ones again with the new at their end (their
 * place in memory may change). HTTP_DONE: the head is the first parser->at bytes; HTTP_MORE; or 400
 * malformed, 405 TRACE and CONNECT, 414, 417 an expectation that is not 100-continue, 431, 501 unknown method or transfer
 * coding, 505. An error is final. */
int http_parser_run(struct http_parser *parser, struct str data);
/* After HTTP_DONE: fills *ret with views into @head, a copy (or the original) of those parser->at
 * bytes. @headers has room for parser->count entries, which is at most HTTP_HEADERS_MAX. */
void http_parser_head(const struct http_parser *parser, const char *head,
		      struct http_header *headers, struct http_head *ret);
/* Has anything but empty lines arrived? */
bool http_parser_began(const struct http_parser *parser, struct str data);

/* The first field @name (ASCII case aside), the null view when there is none. */
struct str http_head_get(const struct http_head *head, struct str name);
/* True when @token is in the list that all fields @name make together (RFC 9110 §5.3). */
bool http_head_lists(const struct http_head *head, struct str name, struct str token);
/* Is @host a valid `host [ ":" port ]` (RFC 9110 §7.2)? Not empty. */
bool http_host_valid(struct str host);
