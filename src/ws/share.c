#include "ws/share.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "ws/deflate.h"

enum {
	ROOMS_MAX = 32, /* chains that many may share */
	OWNS_MAX = 64, /* chains of one connection */
	PIECES_MAX = 16, /* of a room's chain: more gain less than is lost by those out of step */
	ROOM_BODY_MAX = 8 << 10, /* larger ones are not kept for others */
	ZLIB_LEVEL = 6,
	ROOM_WINDOW_BITS = 14,
	ROOM_MEM_LEVEL = 7,
	OWN_WINDOW_BITS = 12,
	OWN_MEM_LEVEL = 5,
	ZSTD_LEVEL = 3,
	ZSTD_WINDOW_LOG = 14,
	ZSTD_TABLE_LOG = 12,
	ZSTD_HEADER = 6, /* of a frame without size and checksum */
	PIECE_MAX = 256 << 20,
	WHITE = 64,
	WHITE_LEN = 24,
	RESET_LEN = 39,
	RESET_TRIES = 64,
};

struct engine {
	bool own;
	z_stream zlib;
	ZSTD_CCtx *zstd;
};

struct piece {
	struct bytes *body;
	uint32_t prefix_len;
	struct bytes *packed;
};

struct ws_chain {
	struct list
		node; /* in share->rooms or ->owns, the one that waits longest first; of none when dead */
	struct engine *engine; /* NULL: dead, nobody is in step with it */
	bool own;
	uint32_t links;
	uint32_t count; /* pieces made */
	struct piece pieces[]; /* of a room */
};

struct ws_share {
	enum ws_compress_kind kind;
	struct list rooms, owns;
	uint32_t rooms_count, owns_count;
	struct engine *spare[2]; /* of a room, of an own */
	struct map roots; /* a body's address → the room's chain that begins with it */
	struct buf packed; /* a piece that is not kept */
	char frame_header[ZSTD_HEADER];
	char white[WHITE_LEN]; /* blocks that are WHITE spaces */
	size_t white_len;
	char reset[RESET_LEN]; /* zstd: the white space that sets the offsets */
};

/* -- engines -- */

static void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	if (engine->zstd)
		ZSTD_freeCCtx(engine->zstd);
	else
		deflateEnd(&engine->zlib);
	free(engine);
}

static struct engine *engine_new(enum ws_compress_kind kind, bool own)
{
	struct engine *engine = mem_zalloc(sizeof(*engine));
	int r;

	engine->own = own;
	if (kind == WS_ZSTD_STREAM)
		r = ws_zstd_new(&(struct ws_zstd_size){ .level = ZSTD_LEVEL,
							.window_log = ZSTD_WINDOW_LOG,
							.hash_log = ZSTD_TABLE_LOG,
							.chain_log = ZSTD_TABLE_LOG },
				&engine->zstd);
	else
		r = deflateInit2(&engine->zlib, ZLIB_LEVEL, Z_DEFLATED,
				 own ? -OWN_WINDOW_BITS : -ROOM_WINDOW_BITS,
				 own ? OWN_MEM_LEVEL : ROOM_MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK
			? 0
			: -ENOMEM;
	if (r == 0)
		return engine;
	free(engine);
	return NULL;
}

static int engine_run(struct engine *engine, struct str in, bool flush, struct buf *out)
{
	if (in.len == 0 && !flush)
		return 0;
	if (engine->zstd)
		return ws_zstd(engine->zstd, in, flush ? ZSTD_e_flush : ZSTD_e_continue, out);
	return ws_deflate(&engine->zlib, in, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH, out);
}

/* No history. */
static int engine_reset(const struct ws_share *share, struct engine *engine, struct buf *out)
{
	size_t from = out->len;

	if (!engine->zstd)
		return deflateReset(&engine->zlib) == Z_OK ? 0 : -EIO;
	if (ZSTD_isError(ZSTD_CCtx_reset(engine->zstd, ZSTD_reset_session_only)))
		return -EIO;
	int r = engine_run(engine, (struct str){ share->reset, RESET_LEN }, true, out);
	if (r)
		return r;
	if (out->len < from + ZSTD_HEADER)
		return -EIO;
	/* The frame's header was sent with the connection's first message. */
	memmove(out->ptr + from, out->ptr + from + ZSTD_HEADER, out->len - from - ZSTD_HEADER);
	out->len -= ZSTD_HEADER;
	return 0;
}

/* Lets the compressor pass over a prefix that is not its affair. */
static int engine_skip(struct engine *engine, size_t len, struct buf *out)
{
	char nothing[WS_SHARE_PREFIX_MAX];
	size_t from = out->len;

	memset(nothing, 1, len);
	int r = engine_run(engine, (struct str){ nothing, len }, true, out);
	if (r)
		return r;
	/* zstd: a run of one byte is no compressed block (type 2), so the offsets and tables are those of the piece
	 * before, as they are for who gets the prefix as a raw block. */
	if (engine->zstd && (out->len < from + 4 || ((uint8_t)out->ptr[from] >> 1 & 3) == 2))
		return -EIO;
	out->len = from;
	return 0;
}

/* -- chains -- */

/* It takes no more part; what is left of it goes with the last link. Its engine is the caller's. */
static struct engine *chain_end(struct ws_share *share, struct ws_chain *chain)
{
	struct engine *engine = chain->engine;

	assert(engine);
	list_del(&chain->node);
	if (chain->own) {
		share->owns_count--;
	} else {
		share->rooms_count--;
		if (chain->count &&
		    map_get(&share->roots, (uintptr_t)chain->pieces[0].body) == chain)
			map_del(&share->roots, (uintptr_t)chain->pieces[0].body);
		for (uint32_t i = 0; i < chain->count; i++) {
			bytes_unref(chain->pieces[i].body);
			bytes_unref(chain->pieces[i].packed);
		}
	}
	chain->engine = NULL;
	if (chain->links == 0)
		free(chain);
	return engine;
}

/* One engine is kept for the next chain. */
static void chain_kill(struct ws_share *share, struct ws_chain *chain)
{
	bool own = chain->own;
	struct engine *engine = chain_end(share, chain);

	engine_free(share->spare[own]);
	share->spare[own] = engine;
}

/* From the chain that was longest not gone on with, when there are many. */
static struct engine *engine_take(struct ws_share *share, bool own)
{
	struct list *list = own ? &share->owns : &share->rooms;

	if (share->spare[own])
		return TAKE(share->spare[own]);
	if ((own ? share->owns_count : share->rooms_count) < (uint32_t)(own ? OWNS_MAX : ROOMS_MAX))
		return engine_new(share->kind, own);
	return chain_end(share, list_entry(list->next, struct ws_chain, node));
}

static struct ws_chain *chain_new(struct ws_share *share, bool own)
{
	struct engine *engine = engine_take(share, own);

	if (!engine)
		return NULL;
	struct ws_chain *chain = mem_zalloc(sizeof(*chain) +
					    (own ? 0 : PIECES_MAX * sizeof(struct piece)));
	chain->engine = engine;
	chain->own = own;
	list_init(&chain->node);
	list_add_tail(own ? &share->owns : &share->rooms, &chain->node);
	if (own)
		share->owns_count++;
	else
		share->rooms_count++;
	return chain;
}

void ws_share_drop(struct ws_share *share, struct ws_link *link)
{
	struct ws_chain *chain = link->chain;

	link->chain = NULL;
	link->at = 0;
	if (!chain || --chain->links > 0)
		return;
	if (!chain->engine)
		free(chain);
	else if (chain->own)
		chain_kill(share, chain);
}

static void link_set(struct ws_share *share, struct ws_link *link, struct ws_chain *chain)
{
	if (link->chain == chain)
		return;
	chain->links++;
	ws_share_drop(share, link);
	link->chain = chain;
}

/* One more piece, into share->packed. */
static int chain_run(struct ws_share *share, struct ws_chain *chain, size_t prefix_len,
		     struct str body, char tail)
{
	struct buf *out = &share->packed;
	int r;

	buf_clear(out);
	if (chain->count == 0)
		r = engine_reset(share, chain->engine, out);
	else
		r = engine_skip(chain->engine, prefix_len, out);
	if (!r && tail) {
		r = engine_run(chain->engine, body, false, out);
		body = (struct str){ &tail, 1 };
	}
	if (!r)
		r = engine_run(chain->engine, body, true, out);
	if (!r && out->full)
		r = -ENOMEM;
	if (r)
		return r;
	list_del(&chain->node);
	list_add_tail(chain->own ? &share->owns : &share->rooms, &chain->node);
	return 0;
}

/* -- pieces -- */

static bool piece_is(const struct piece *piece, const struct bytes *body, size_t prefix_len)
{
	return piece->body == body && piece->prefix_len == prefix_len;
}

/* Where this connection gets @body as all do who are in step with it; NULL: no chain has it yet. */
static struct ws_chain *room_find(const struct ws_share *share, const struct ws_link *link,
				  const struct bytes *body, size_t prefix_len, uint32_t *ret_at)
{
	struct ws_chain *chain = link->chain, *root = map_get(&share->roots, (uintptr_t)body);

	if (root && !piece_is(&root->pieces[0], body, prefix_len))
		root = NULL;
	if (chain && chain->engine && !chain->own) {
		*ret_at = link->at;
		if (link->at < chain->count && piece_is(&chain->pieces[link->at], body, prefix_len))
			return chain;
		/* When more have begun anew here, it is better to be with them: so groups come together again. */
		if (link->at == chain->count && chain->count < PIECES_MAX &&
		    !(root && root->links > chain->links))
			return chain;
	}
	*ret_at = 0;
	return root;
}

static int room_piece(struct ws_share *share, struct ws_link *link, size_t prefix_len,
		      struct bytes *body, char tail, struct str *ret)
{
	uint32_t at;
	struct ws_chain *chain = room_find(share, link, body, prefix_len, &at);

	if (!chain) {
		chain = chain_new(share, false);
		if (!chain)
			return -ENOMEM;
	}
	if (at == chain->count) {
		int r = chain_run(share, chain, prefix_len, bytes_str(body), tail);

		if (r) {
			chain_kill(share, chain);
			return r;
		}
		chain->pieces[at] = (struct piece){
			.body = bytes_ref(body),
			.prefix_len = (uint32_t)prefix_len,
			.packed = bytes_from(buf_str(&share->packed)),
		};
		chain->count++;
		if (at == 0)
			map_set(&share->roots, (uintptr_t)body, chain);
	}
	link_set(share, link, chain);
	link->at = at + 1;
	*ret = bytes_str(chain->pieces[at].packed);
	return 0;
}

static int own_piece(struct ws_share *share, struct ws_link *link, size_t prefix_len,
		     struct str body, char tail, struct str *ret)
{
	struct ws_chain *chain = link->chain;

	if (!chain || !chain->engine || !chain->own) {
		chain = chain_new(share, true);
		if (!chain)
			return -ENOMEM;
	}
	link_set(share, link, chain);
	int r = chain_run(share, chain, prefix_len, body, tail);
	if (r) {
		chain_kill(share, chain);
		return r;
	}
	link->at = ++chain->count;
	*ret = buf_str(&share->packed);
	return 0;
}

static void trim_packed(struct ws_share *share)
{
	if (share->packed.cap <= 256 << 10)
		return;
	buf_done(&share->packed);
	buf_init(&share->packed, PIECE_MAX);
}

int ws_share_piece(struct ws_share *share, struct ws_link *link, size_t prefix_len,
		   struct bytes *body, char tail, bool room, struct str *ret)
{
	assert(prefix_len > 0 && prefix_len <= WS_SHARE_PREFIX_MAX && body->len > 0);
	trim_packed(share); /* of the last piece, which has been copied by now */
	if (room && body->len <= ROOM_BODY_MAX)
		return room_piece(share, link, prefix_len, body, tail, ret);
	return own_piece(share, link, prefix_len, bytes_str(body), tail, ret);
}

int ws_share_alone(const struct ws_share *share, struct str body, char tail, struct buf *out)
{
	struct engine *engine = engine_new(share->kind, false);
	int r = engine ? engine_reset(share, engine, out) : -ENOMEM;

	if (!r)
		r = engine_run(engine, body, false, out);
	if (!r)
		r = engine_run(engine, (struct str){ &tail, 1 }, true, out);
	engine_free(engine);
	return r ? r : out->full ? -ENOBUFS : 0;
}

/* -- what is not compressed -- */

static size_t stream_header(const struct ws_share *share, struct ws_link *link, char *ret)
{
	if (link->begun)
		return 0;
	link->begun = true;
	if (share->kind == WS_ZSTD_STREAM) {
		memcpy(ret, share->frame_header, ZSTD_HEADER);
		return ZSTD_HEADER;
	}
	memcpy(ret, "\x78\x01", 2); /* a window of 32 KB: any piece may follow */
	return 2;
}

static size_t block_header(const struct ws_share *share, size_t len, char *ret)
{
	if (share->kind == WS_ZSTD_STREAM) { /* RFC 8878 3.1.1.2: not the last, raw, its size */
		for (uint32_t i = 0; i < 3; i++)
			ret[i] = (char)(len << 3 >> 8 * i);
		return 3;
	}
	ret[0] = 0; /* RFC 1951 3.2.4: not final, stored; we stand at a byte's border */
	ret[1] = (char)len;
	ret[2] = (char)(len >> 8);
	ret[3] = (char)~len;
	ret[4] = (char)(~len >> 8);
	return 5;
}

size_t ws_share_head(const struct ws_share *share, struct ws_link *link, size_t prefix_len,
		     char ret[static WS_SHARE_HEAD_MAX])
{
	size_t len = stream_header(share, link, ret);

	return len + block_header(share, prefix_len, ret + len);
}

void ws_share_plain(const struct ws_share *share, struct ws_link *link, struct str text,
		    struct buf *out)
{
	char head[WS_SHARE_HEAD_MAX];

	assert(text.len > 0 && text.len <= 1 << ZSTD_WINDOW_LOG);
	buf_put(out, head, ws_share_head(share, link, text.len, head));
	buf_put_str(out, text);
	buf_put(out, share->white, share->white_len);
}

/* White space behind a message that is not compressed, which costs less than it is long. A connection that hears of heartbeats alone
 * would else get ever more bytes than text, and there are clients that count on the contrary (twilight-gateway 0.16 subtracts
 * one from the other). It refers to nothing before itself, and ends with a flush, which clients look for. */
static bool white_make(struct ws_share *share)
{
	char white[WHITE];
	struct buf out;
	z_stream zlib = {};

	memset(white, ' ', WHITE);
	if (share->kind == WS_ZSTD_STREAM) { /* RFC 8878 3.1.1.2: a byte and how often it comes */
		share->white_len = 4;
		for (uint32_t i = 0; i < 3; i++)
			share->white[i] = (char)((WHITE << 3 | 1 << 1) >> 8 * i);
		share->white[3] = ' ';
		return true;
	}
	if (deflateInit2(&zlib, ZLIB_LEVEL, Z_DEFLATED, -OWN_WINDOW_BITS, 1, Z_FIXED) != Z_OK)
		return false;
	buf_init(&out, 64 << 10);
	int r = ws_deflate(&zlib, (struct str){ white, WHITE }, Z_SYNC_FLUSH, &out);
	deflateEnd(&zlib);
	bool good = !r && out.len > 4 && out.len <= WHITE_LEN;
	if (good)
		memcpy(share->white, out.ptr, share->white_len = out.len);
	buf_done(&out);
	return good;
}

/* -- zstd's proof -- */

/* The block of white space has to be a compressed one with three sequences. */
static bool reset_has_three(struct str block)
{
	if (block.len < 6 || ((uint8_t)block.ptr[0] >> 1 & 3) != 2)
		return false;
	/* RFC 8878 3.1.1.3.1.1: raw literals with a size of 5 bits are enough for it. */
	uint8_t literals = (uint8_t)block.ptr[3];
	if ((literals & 3) != 0 || (literals >> 2 & 1) != 0)
		return false;
	size_t at = 4 + (size_t)(literals >> 3);
	return at < block.len && block.ptr[at] == 3;
}

static void reset_make(struct ws_share *share, uint32_t seed)
{
	static const char white[] = { ' ', '\n', '\t', '\r' };
	char *r = share->reset;

	for (uint32_t i = 0; i < 12; i++) {
		seed = seed * 1664525 + 1013904223;
		r[i] = white[seed >> 30];
	}
	/* Copies at three offsets that differ. */
	memcpy(r + 12, r, 9);
	memcpy(r + 21, r + 12, 9);
	memcpy(r + 30, r + 19, 9);
}

struct proof {
	struct ws_share *share;
	ZSTD_DCtx *decoder;
	struct ws_link link;
	struct buf message;
};

/* Sends one message through and looks whether it comes out. */
static bool proof_step(struct proof *proof, struct bytes *body, uint32_t number, bool room)
{
	char head[WS_SHARE_HEAD_MAX], prefix[64], text[2048];
	struct str piece;
	int n = snprintf(prefix, sizeof(prefix), "{\"s\":%-10u,\"d\":", number);
	ZSTD_outBuffer out = { text, sizeof(text), 0 };

	if (ws_share_piece(proof->share, &proof->link, (size_t)n, body, '}', room, &piece))
		return false;
	buf_clear(&proof->message);
	buf_put(&proof->message, head, ws_share_head(proof->share, &proof->link, (size_t)n, head));
	buf_put(&proof->message, prefix, (size_t)n);
	buf_put_str(&proof->message, piece);
	ZSTD_inBuffer in = { proof->message.ptr, proof->message.len, 0 };
	while (in.pos < in.size) {
		size_t left = ZSTD_decompressStream(proof->decoder, &out, &in);

		if (ZSTD_isError(left) || left == 0)
			return false;
	}
	ZSTD_decompressStream(proof->decoder, &out, &in);
	/* White space may stand between them. */
	return out.pos >= (size_t)n + body->len + 1 && !memcmp(text, prefix, (size_t)n) &&
		!memcmp(text + out.pos - body->len - 1, body->data, body->len) &&
		text[out.pos - 1] == '}';
}

enum { PROOF_BODIES = 12, PROOF_LINKS = 6, PROOF_STEPS = 60 };

static void proof_bodies(struct bytes *bodies[PROOF_BODIES])
{
	uint32_t seed = 1;

	for (uint32_t i = 0; i < PROOF_BODIES; i++) {
		char text[1024];
		size_t len = 0;

		/* Parts of other distances in each, repeated, so that each leaves other offsets. */
		while (len < 200 + i * 50) {
			seed = seed * 1664525 + 1013904223;
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"\"key_%u\":\"value %u\",\"%.*s\":null,",
						seed >> 29, seed >> (24 + i % 4), (int)(i % 7 + 1),
						"abcdefgh");
		}
		bodies[i] = bytes_from((struct str){ text, len });
	}
}

/* Connections with different histories, all of them right. */
static bool proof_run(struct ws_share *share)
{
	struct bytes *bodies[PROOF_BODIES];
	struct proof proofs[PROOF_LINKS] = {};
	uint32_t seed = 7;
	bool good = true;

	proof_bodies(bodies);
	for (uint32_t i = 0; i < PROOF_LINKS; i++) {
		proofs[i].share = share;
		proofs[i].decoder = ZSTD_createDCtx();
		buf_init(&proofs[i].message, 1 << 20);
	}
	for (uint32_t step = 0; good && step < PROOF_STEPS; step++) {
		seed = seed * 1664525 + 1013904223;
		struct bytes *body = bodies[(seed >> 8) % PROOF_BODIES];
		for (uint32_t i = 0; good && i < PROOF_LINKS; i++) {
			if (seed >> (16 + i) & 1 && i > 0)
				good = proof_step(&proofs[i], bodies[(seed >> 4) % PROOF_BODIES],
						  step + 1000000, false);
			if (good && (i % 2 == 0 || seed >> (20 + i) & 1))
				good = proof_step(&proofs[i], body, step, true);
		}
	}
	for (uint32_t i = 0; i < PROOF_LINKS; i++) {
		ws_share_drop(share, &proofs[i].link);
		ZSTD_freeDCtx(proofs[i].decoder);
		buf_done(&proofs[i].message);
	}
	for (uint32_t i = 0; i < PROOF_BODIES; i++)
		bytes_unref(bodies[i]);
	ws_share_trim(share);
	return good;
}

/* Finds white space that does it, with this library. */
static bool zstd_prove(struct ws_share *share)
{
	for (uint32_t i = 0; i < RESET_TRIES; i++) {
		struct engine *engine = engine_new(WS_ZSTD_STREAM, false);
		struct buf out;
		bool good;

		reset_make(share, i);
		buf_init(&out, 4096);
		good = engine &&
			engine_run(engine, (struct str){ share->reset, RESET_LEN }, true, &out) ==
				0 &&
			out.len > ZSTD_HEADER &&
			reset_has_three(str_skip(buf_str(&out), ZSTD_HEADER));
		if (good)
			memcpy(share->frame_header, out.ptr, ZSTD_HEADER);
		buf_done(&out);
		engine_free(engine);
		if (good && proof_run(share))
			return true;
	}
	return false;
}

/* -- life -- */

struct ws_share *ws_share_new(enum ws_compress_kind kind)
{
	struct ws_share *share = mem_zalloc(sizeof(*share));

	assert(kind == WS_ZLIB_STREAM || kind == WS_ZSTD_STREAM);
	share->kind = kind;
	list_init(&share->rooms);
	list_init(&share->owns);
	map_init(&share->roots);
	buf_init(&share->packed, PIECE_MAX);
	if (white_make(share) && (kind == WS_ZLIB_STREAM || zstd_prove(share)))
		return share;
	ws_share_free(share);
	return NULL;
}

void ws_share_trim(struct ws_share *share)
{
	while (!list_empty(&share->rooms))
		chain_kill(share, list_entry(share->rooms.next, struct ws_chain, node));
	while (!list_empty(&share->owns))
		chain_kill(share, list_entry(share->owns.next, struct ws_chain, node));
	for (uint32_t i = 0; i < ARRAY_SIZE(share->spare); i++)
		engine_free(TAKE(share->spare[i]));
	buf_done(&share->packed);
	buf_init(&share->packed, PIECE_MAX);
}

void ws_share_free(struct ws_share *share)
{
	if (!share)
		return;
	ws_share_trim(share);
	map_done(&share->roots);
	buf_done(&share->packed);
	free(share);
}

static size_t engine_memory(const struct engine *engine)
{
	if (engine->zstd)
		return ZSTD_sizeof_CCtx(engine->zstd);
	/* zconf.h, and the state itself. */
	return engine->own ? (1u << (OWN_WINDOW_BITS + 2)) + (1u << (OWN_MEM_LEVEL + 9)) + 6000
			   : (1u << (ROOM_WINDOW_BITS + 2)) + (1u << (ROOM_MEM_LEVEL + 9)) + 6000;
}

size_t ws_share_memory(const struct ws_share *share)
{
	size_t total = sizeof(*share) + share->packed.cap;

	list_for_each (node, &share->owns)
		total += engine_memory(list_entry(node, struct ws_chain, node)->engine);
	list_for_each (node, &share->rooms) {
		const struct ws_chain *chain = list_entry(node, struct ws_chain, node);

		total += engine_memory(chain->engine) + sizeof(*chain) +
			PIECES_MAX * sizeof(struct piece);
		for (uint32_t i = 0; i < chain->count; i++)
			total += chain->pieces[i].packed->len + sizeof(struct bytes);
	}
	return total;
}
