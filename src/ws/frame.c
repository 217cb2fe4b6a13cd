#include "ws/frame.h"

#include <assert.h>

#include "base/mem.h"

void ws_parser_init(struct ws_parser *parser, size_t message_max)
{
	memset(parser, 0, offsetof(struct ws_parser, control));
	parser->message_max = message_max;
	parser->header_need = 2;
	buf_init(&parser->data, message_max);
}

void ws_parser_done(struct ws_parser *parser)
{
	buf_done(&parser->data);
}

void ws_mask(char *data, size_t size, const uint8_t mask[static 4], size_t at)
{
	uint8_t turned[8];
	uint64_t word, value;
	size_t i = 0;

	for (size_t k = 0; k < 8; k++)
		turned[k] = mask[(at + k) % 4];
	memcpy(&word, turned, sizeof(word));
	for (; size - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&value, data + i, sizeof(value));
		value ^= word;
		memcpy(data + i, &value, sizeof(value));
	}
	for (; i < size; i++)
		data[i] = (char)(data[i] ^ turned[i % 4]);
}

bool ws_close_code_valid(uint16_t code)
{
	/* 1004 is reserved, 1005, 1006 and 1015 never stand in a frame; 1016-2999 are for future
	 * standards. */
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
		(code >= 3000 && code <= 4999);
}

static bool is_control(uint8_t opcode)
{
	return opcode & 8;
}

/* How many bytes of header there are, known from its first two. */
static uint8_t header_size(const uint8_t *header)
{
	uint8_t len = header[1] & 0x7f;

	return (uint8_t)(2 + (len == 126 ? 2 : len == 127 ? 8 : 0) + 4);
}

/* The first two bytes: what can be refused is refused before more is read. */
static int check_first(struct ws_parser *parser)
{
	const uint8_t *header = parser->header;
	uint8_t opcode = header[0] & 0x0f, len = header[1] & 0x7f;
	bool fin = header[0] & 0x80;

	if (header[0] & 0x70 || !(header[1] & 0x80)) /* RSV without extensions; unmasked (§5.1) */
		return 1002;
	if (is_control(opcode)) {
		if (opcode > WS_PONG || !fin || len > WS_CONTROL_MAX)
			return 1002;
	} else if (opcode > WS_BINARY || (opcode == WS_CONTINUATION) != (parser->message != 0)) {
		return 1002; /* reserved, or out of order (§5.4) */
	}
	parser->opcode = opcode;
	parser->fin = fin;
	return 0;
}

static int begin_payload(struct ws_parser *parser)
{
	const uint8_t *header = parser->header;
	uint64_t len = header[1] & 0x7f;
	uint8_t extended = len == 126 ? 2 : len == 127 ? 8 : 0;

	if (extended) {
		len = 0;
		for (int i = 0; i < extended; i++)
			len = len << 8 | header[2 + i];
		/* The shortest form is a must, and the top bit is zero (§5.2). */
		if (len < 126 || (extended == 8 && (len < 65536 || len >> 63)))
			return 1002;
	}
	memcpy(parser->mask, header + 2 + extended, 4);
	parser->left = len;
	parser->mask_at = 0;
	parser->control_len = 0;
	parser->in_payload = true;
	if (is_control(parser->opcode))
		return 0;
	if (len > parser->message_max - parser->data.len)
		return 1009;
	if (++parser->fragments > WS_FRAGMENTS_MAX)
		return 1008;
	if (parser->opcode != WS_CONTINUATION)
		parser->message = parser->opcode;
	return 0;
}

/* True when the header is complete; *ret_error when it is bad. */
static bool run_header(struct ws_parser *parser, char **data, size_t *size, int *ret_error)
{
	*ret_error = 0;
	while (*size && parser->header_len < parser->header_need) {
		parser->header[parser->header_len++] = (uint8_t)**data;
		++*data;
		--*size;
		if (parser->header_len == 2) {
			*ret_error = check_first(parser);
			if (*ret_error)
				return false;
			parser->header_need = header_size(parser->header);
		}
	}
	if (parser->header_len < parser->header_need)
		return false;
	*ret_error = begin_payload(parser);
	return !*ret_error;
}

static void frame_done(struct ws_parser *parser)
{
	parser->in_payload = false;
	parser->header_len = 0;
	parser->header_need = 2;
}

static int deliver_close(struct ws_parser *parser, struct ws_message *ret)
{
	struct str payload = { parser->control, parser->control_len };

	*ret = (struct ws_message){ .opcode = WS_CLOSE, .code = 1005, .payload = S("") };
	parser->closed = true;
	if (!payload.len)
		return WS_MESSAGE;
	if (payload.len == 1)
		return 1002;
	ret->code = (uint16_t)((uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1]);
	ret->payload = str_skip(payload, 2);
	if (!ws_close_code_valid(ret->code))
		return 1002;
	return str_utf8_valid(ret->payload) ? WS_MESSAGE : 1007;
}

static int deliver(struct ws_parser *parser, struct str payload, struct ws_message *ret)
{
	*ret = (struct ws_message){ .opcode = (enum ws_opcode)parser->message, .payload = payload };
	parser->message = 0;
	parser->fragments = 0;
	parser->delivered = true;
	return ret->opcode == WS_TEXT && !str_utf8_valid(payload) ? 1007 : WS_MESSAGE;
}

/* The payload of a control frame; they may come between the fragments of a message. */
static int run_control(struct ws_parser *parser, char **data, size_t *size, struct ws_message *ret)
{
	size_t n = (size_t)MIN((uint64_t)*size, parser->left);

	memcpy(parser->control + parser->control_len, *data, n);
	parser->control_len += (uint32_t)n;
	parser->left -= n;
	*data += n;
	*size -= n;
	if (parser->left)
		return WS_MORE;
	ws_mask(parser->control, parser->control_len, parser->mask, 0);
	frame_done(parser);
	if (parser->opcode == WS_CLOSE)
		return deliver_close(parser, ret);
	*ret = (struct ws_message){ .opcode = (enum ws_opcode)parser->opcode,
				    .payload = { parser->control, parser->control_len } };
	return WS_MESSAGE;
}

static int run_data(struct ws_parser *parser, char **data, size_t *size, struct ws_message *ret)
{
	size_t n = (size_t)MIN((uint64_t)*size, parser->left);
	struct str piece = { *data, n };

	ws_mask(*data, n, parser->mask, parser->mask_at);
	parser->mask_at += (uint32_t)n;
	parser->left -= n;
	*data += n;
	*size -= n;
	if (parser->left) {
		buf_put_str(&parser->data, piece);
		return WS_MORE;
	}
	frame_done(parser);
	/* The whole message in one piece stays where it came. */
	if (parser->fin && !parser->data.len)
		return deliver(parser, piece, ret);
	buf_put_str(&parser->data, piece);
	return parser->fin ? deliver(parser, buf_str(&parser->data), ret) : WS_MORE;
}

static int run(struct ws_parser *parser, char **data, size_t *size, struct ws_message *ret)
{
	int r = 0;

	/* A frame without payload is complete with its header, so a finished header goes on with no
	 * input left. */
	for (;;) {
		if (!parser->in_payload && !run_header(parser, data, size, &r))
			return r ? r : WS_MORE;
		r = is_control(parser->opcode) ? run_control(parser, data, size, ret)
					       : run_data(parser, data, size, ret);
		if (r != WS_MORE || !*size)
			return r;
	}
}

int ws_parser_next(struct ws_parser *parser, char **data, size_t *size, struct ws_message *ret)
{
	if (parser->error)
		return parser->error;
	/* What was delivered from here has been used by now. */
	if (parser->delivered) {
		buf_done(&parser->data);
		parser->delivered = false;
	}
	if (parser->closed && *size) {
		*data += *size;
		*size = 0;
	}
	if (!*size)
		return WS_MORE;
	int r = run(parser, data, size, ret);
	if (r > WS_MORE)
		parser->error = (uint16_t)r;
	return r;
}

/* -- writing -- */

size_t ws_header(char ret[static WS_HEADER_MAX], enum ws_opcode opcode, uint64_t payload_len)
{
	ret[0] = (char)(0x80 | (int)opcode);
	if (payload_len < 126) {
		ret[1] = (char)payload_len;
		return 2;
	}
	if (payload_len < 65536) {
		uint16_t len = __builtin_bswap16((uint16_t)payload_len);

		ret[1] = 126;
		memcpy(ret + 2, &len, sizeof(len));
		return 4;
	}
	uint64_t len = __builtin_bswap64(payload_len);
	ret[1] = 127;
	memcpy(ret + 2, &len, sizeof(len));
	return 10;
}

void ws_put(struct buf *out, enum ws_opcode opcode, struct str payload)
{
	char header[WS_HEADER_MAX];

	assert(!is_control((uint8_t)opcode) || payload.len <= WS_CONTROL_MAX);
	size_t n = ws_header(header, opcode, payload.len);
	if (!buf_reserve(out, n + payload.len))
		return; /* all of it or nothing */
	buf_put(out, header, n);
	buf_put_str(out, payload);
}

void ws_put_close(struct buf *out, uint16_t code, struct str reason)
{
	char payload[WS_CONTROL_MAX] = { (char)(code >> 8), (char)code };
	size_t n = MIN(reason.len, sizeof(payload) - 2);

	while (n < reason.len && n > 0 && ((unsigned char)reason.ptr[n] & 0xc0) == 0x80)
		n--;
	if (n)
		memcpy(payload + 2, reason.ptr, n);
	ws_put(out, WS_CLOSE, (struct str){ payload, n + 2 });
}
