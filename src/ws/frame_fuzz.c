/* WebSocket frames: cut in two ways they must give the same messages; no message is longer than
 * allowed. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "ws/frame.h"

enum { MESSAGE_MAX = 4096 };

static struct buf outcome(struct str input, size_t step, struct random *random)
{
	struct ws_parser parser;
	struct ws_message message;
	struct buf out;
	int r = WS_MORE;

	buf_init(&out, 1 << 24);
	ws_parser_init(&parser, MESSAGE_MAX);
	while (input.len && r == WS_MORE) {
		size_t n = random ? 1 + (size_t)random_below(random, step) : step;

		n = MIN(n, input.len);
		size_t left = n;
		char *copy = mem_dup(input.ptr, n), *piece = copy;

		while ((r = ws_parser_next(&parser, &piece, &left, &message)) == WS_MESSAGE) {
			assert(message.payload.len <= MESSAGE_MAX);
			assert(message.opcode != WS_CLOSE || message.code == 1005 ||
			       ws_close_code_valid(message.code));
			buf_printf(&out, "%d %d %zu:", message.opcode, message.code,
				   message.payload.len);
			buf_put_str(&out, message.payload);
		}
		free(copy);
		input = str_skip(input, n);
	}
	assert(r == WS_MORE || (r >= 1002 && r <= 1009));
	buf_printf(&out, "=%d", r);
	ws_parser_done(&parser);
	return out;
}

int fuzz_websocket(const uint8_t *data, size_t size);
int fuzz_websocket(const uint8_t *data, size_t size)
{
	struct str input = { (const char *)data, size };
	struct random_seeded seeded;

	random_seeded_init(&seeded, size);
	struct buf whole = outcome(input, size + 1, NULL);
	struct buf cut = outcome(input, 1 + size % 32, &seeded.random);
	assert(str_eq(buf_str(&whole), buf_str(&cut)));
	buf_done(&whole);
	buf_done(&cut);
	return 0;
}
