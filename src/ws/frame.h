/* WebSocket frames, the server's side (RFC 6455 §5): masked frames in, whole messages out; frames
 * written unmasked. No I/O. No extensions, so RSV bits are errors; permessage-deflate is declined
 * in the handshake. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

enum {
	WS_CONTROL_MAX = 125, /* payload of a control frame (§5.5) */
	WS_FRAGMENTS_MAX = 1024, /* of one message: 1008 */
	WS_HEADER_MAX = 10, /* of a frame that we write */
};

/* What ws_parser_next() returns. Anything above is a close code (RFC 6455 §7.4.1) to send before
 * closing: 1002 protocol error, 1007 not UTF-8, 1008 too many fragments, 1009 too big. It is
 * final. */
enum ws_result {
	WS_MESSAGE = 0,
	WS_MORE = 1,
};

struct ws_message {
	enum ws_opcode opcode; /* WS_TEXT, WS_BINARY, WS_CLOSE, WS_PING, WS_PONG */
	/* Of a close: the reason. Lives until the next call, in the input or the parser. */
	struct str payload;
	uint16_t code; /* of a close: as sent, 1005 when none was */
};

struct ws_parser {
	size_t message_max; /* bytes of a message, all fragments together: 1009 */
	uint64_t left; /* of the current frame's payload */
	uint32_t fragments;
	uint16_t error;
	uint8_t header_len, header_need;
	uint8_t header[14];
	uint8_t opcode; /* of the current frame */
	uint8_t message; /* opcode of the fragmented message under way, 0: none */
	bool fin, in_payload, closed, delivered;
	uint8_t mask[4];
	uint32_t mask_at; /* payload bytes unmasked so far */
	uint32_t control_len;
	struct buf data; /* the message under way when it did not come in one piece */
	char control[WS_CONTROL_MAX];
};

/* Allocates nothing; memory is held only while a message is incomplete, and at most
 * @message_max. */
void ws_parser_init(struct ws_parser *parser, size_t message_max);
void ws_parser_done(struct ws_parser *parser);
/* Takes from *data, of *size bytes, which it may change (it unmasks in place). WS_MESSAGE: *ret is
 * one message or control frame. WS_MORE: all input is used up. Otherwise a close code. After a
 * close frame no more comes out (§5.5.1). */
int ws_parser_next(struct ws_parser *parser, char **data, size_t *size, struct ws_message *ret);

/* XORs @size bytes with the mask (§5.3), whose first byte to use is mask[@at % 4]. */
void ws_mask(char *data, size_t size, const uint8_t mask[static 4], size_t at);
/* May an endpoint send this close code (§7.4.2, and IANA's registry)? */
bool ws_close_code_valid(uint16_t code);

/* Writes the header of a whole, unmasked frame into @ret; its length, 2, 4 or 10. */
size_t ws_header(char ret[static WS_HEADER_MAX], enum ws_opcode opcode, uint64_t payload_len);
/* Appends a whole frame; a control frame's payload has at most WS_CONTROL_MAX bytes. */
void ws_put(struct buf *out, enum ws_opcode opcode, struct str payload);
/* Appends a close frame; @reason is cut to 123 bytes at a character's border. */
void ws_put_close(struct buf *out, uint16_t code, struct str reason);
