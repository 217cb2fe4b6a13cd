#include "http/body.h"

#include <assert.h>

#include "base/mem.h"
#include "http/token.h"

enum { BODY_DONE, BODY_LENGTH, CHUNK_LINE, CHUNK_DATA, CHUNK_END, TRAILER };

void http_body_init(struct http_body *body, const struct http_head *head, uint64_t max)
{
	*body = (struct http_body){ .max = max };
	if (head->chunked) {
		body->state = CHUNK_LINE;
	} else if (head->has_length && head->length) {
		body->state = BODY_LENGTH;
		body->left = body->total = head->length;
	}
}

bool http_body_done(const struct http_body *body)
{
	return body->state == BODY_DONE;
}

static int piece(struct http_body *body, struct str *in, struct str *ret_piece)
{
	size_t n = (size_t)MIN((uint64_t)in->len, body->left);

	if (body->total > body->max)
		return 413;
	if (!n)
		return HTTP_MORE;
	*ret_piece = (struct str){ in->ptr, n };
	*in = str_skip(*in, n);
	body->left -= n;
	if (!body->left)
		body->state = body->state == BODY_LENGTH ? BODY_DONE : CHUNK_END;
	return HTTP_PIECE;
}

static void next_line(struct http_body *body, uint8_t state)
{
	body->state = state;
	body->line = 0;
	body->left = 0;
	body->digits = 0;
	body->cr = body->in_ext = body->colon = false;
}

/* One byte of `chunk-size [ chunk-ext ] CRLF`. */
static int chunk_byte(struct http_body *body, char c)
{
	if (body->cr) {
		if (c != '\n')
			return 400;
		uint64_t size = body->left;
		if (!size) {
			next_line(body, TRAILER);
			body->waste = 0;
			return 0;
		}
		if (size > body->max || body->total > body->max - size)
			return 413;
		body->total += size;
		next_line(body, CHUNK_DATA);
		body->left = size;
		return 0;
	}
	if (++body->line > HTTP_CHUNK_LINE_MAX)
		return 400;
	if (c == '\r') {
		body->cr = true;
		return body->digits ? 0 : 400;
	}
	if (body->in_ext) {
		if (!http_is_field_value((struct str){ &c, 1 }) ||
		    ++body->waste > HTTP_CHUNK_WASTE_MAX)
			return 400;
		return 0;
	}
	if (c == ';' && body->digits) {
		body->in_ext = true;
		return 0;
	}
	/* 15 digits: nothing overflows, and nobody has more to send. */
	int digit = hex_value(c);
	if (digit < 0 || ++body->digits > 15)
		return 400;
	body->left = body->left << 4 | (uint64_t)digit;
	return 0;
}

/* One byte of the trailer section: checked like header fields, then forgotten. */
static int trailer_byte(struct http_body *body, char c)
{
	if (++body->waste > HTTP_TRAILERS_MAX)
		return 431;
	if (body->cr) {
		if (c != '\n')
			return 400;
		if (body->line)
			next_line(body, TRAILER);
		else
			body->state = BODY_DONE;
		return 0;
	}
	if (c == '\r') {
		body->cr = true;
		return body->line && !body->colon ? 400 : 0;
	}
	body->line++;
	if (body->colon)
		return http_is_field_value((struct str){ &c, 1 }) ? 0 : 400;
	body->colon = c == ':' && body->line > 1;
	return body->colon || http_is_tchar(c) ? 0 : 400;
}

static int end_byte(struct http_body *body, char c)
{
	if (c != (body->cr ? '\n' : '\r'))
		return 400;
	if (body->cr)
		next_line(body, CHUNK_LINE);
	else
		body->cr = true;
	return 0;
}

int http_body_next(struct http_body *body, struct str *in, struct str *ret_piece)
{
	int r = 0;

	while (!r && body->state != BODY_DONE) {
		if (body->state == BODY_LENGTH || body->state == CHUNK_DATA)
			return piece(body, in, ret_piece);
		if (!in->len)
			return HTTP_MORE;
		char c = in->ptr[0];
		*in = str_skip(*in, 1);
		if (body->state == CHUNK_LINE)
			r = chunk_byte(body, c);
		else
			r = body->state == CHUNK_END ? end_byte(body, c) : trailer_byte(body, c);
	}
	return r;
}
