/* For tests and fuzzing: a stream of bytes read as requests in given pieces, and what came out as
 * text, so that two ways to cut the stream can be compared. */
#pragma once

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "http/body.h"

struct transcript {
	struct buf in; /* bytes not used yet */
	struct buf out; /* the text */
	struct http_parser parser;
	struct http_body body;
	bool in_body, ended;
};

static inline void transcript_init(struct transcript *t)
{
	*t = (struct transcript){};
	buf_init(&t->in, 16 << 20);
	buf_init(&t->out, 64 << 20);
	http_parser_init(&t->parser);
}

static inline void transcript_done(struct transcript *t)
{
	buf_done(&t->in);
	buf_done(&t->out);
}

static inline void transcript_fail(struct transcript *t, int status)
{
	buf_printf(&t->out, "error %d\n", status);
	t->ended = true;
}

static inline bool transcript_head(struct transcript *t)
{
	struct http_header headers[HTTP_HEADERS_MAX];
	struct http_head head;
	int r = http_parser_run(&t->parser, buf_str(&t->in));

	if (r == HTTP_MORE)
		return false;
	if (r != HTTP_DONE) {
		transcript_fail(t, r);
		return false;
	}
	http_parser_head(&t->parser, t->in.ptr, headers, &head);
	struct str method = http_method_name(head.method);
	buf_printf(&t->out, "%.*s path=%.*s query=%.*s host=%.*s minor=%d%s%s%s%s length=%lld\n",
		   STR_FMT(method), STR_FMT(head.path), STR_FMT(head.query), STR_FMT(head.host),
		   head.minor, head.chunked ? " chunked" : "", head.keep_alive ? " keep-alive" : "",
		   head.upgrade ? " upgrade" : "", head.expect ? " expect" : "",
		   head.has_length ? (long long)head.length : -1LL);
	for (uint32_t i = 0; i < head.header_count; i++)
		buf_printf(&t->out, " [%.*s]=[%.*s]\n", STR_FMT(headers[i].name),
			   STR_FMT(headers[i].value));
	http_body_init(&t->body, &head, 1 << 20);
	buf_consume(&t->in, t->parser.at);
	t->in_body = true;
	return true;
}

static inline bool transcript_body(struct transcript *t)
{
	struct str rest = buf_str(&t->in), piece;
	int r;

	while ((r = http_body_next(&t->body, &rest, &piece)) == HTTP_PIECE)
		buf_put_str(&t->out, piece);
	buf_consume(&t->in, t->in.len - rest.len);
	if (r == HTTP_MORE)
		return false;
	if (r != HTTP_DONE) {
		transcript_fail(t, r);
		return false;
	}
	buf_put_str(&t->out, S("\nend\n"));
	t->in_body = false;
	http_parser_init(&t->parser);
	return true;
}

static inline void transcript_feed(struct transcript *t, struct str data)
{
	if (t->ended || !data.len)
		return;
	buf_put_str(&t->in, data);
	while (!t->ended && (t->in_body ? transcript_body(t) : transcript_head(t)))
		;
}

/* The transcript of @data cut into pieces of at most @step bytes, of random sizes when @random is
 * set. The caller's to free(), NUL-terminated. */
static inline char *transcript_of(struct str data, size_t step, struct random *random)
{
	struct transcript t;

	transcript_init(&t);
	for (size_t at = 0; at < data.len;) {
		size_t n = random ? 1 + (size_t)random_below(random, step) : step;

		n = MIN(n, data.len - at);
		transcript_feed(&t, (struct str){ data.ptr + at, n });
		at += n;
	}
	buf_putc(&t.out, '\0');
	char *text = TAKE(t.out.ptr);
	transcript_done(&t);
	return text;
}
