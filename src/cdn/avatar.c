#include "cdn/avatar.h"

#include <assert.h>
#include <zlib.h>

#include "base/buf.h"

enum { SIDE = 256, GRID = 16, CELL = SIDE / GRID, ROW = 1 + SIDE / 8, PNG_MAX = 8192 };

/* A rook, as on a chess board. */
static const char *const rook[GRID] = {
	"................", "................", "...##..##..##...", "...##..##..##...",
	"...##########...", "....########....", ".....######.....", ".....######.....",
	".....######.....", ".....######.....", ".....######.....", "....########....",
	"...##########...", "..############..", "................", "................",
};

static const unsigned char colours[AVATARS][3] = {
	{ 0x4f, 0x6b, 0xd8 }, { 0x6b, 0x72, 0x80 }, { 0x2f, 0x9e, 0x6e },
	{ 0xd9, 0x8a, 0x1f }, { 0xcf, 0x4b, 0x4b }, { 0xb4, 0x4c, 0x9d },
};

static void put_chunk(struct buf *png, const char *type, const void *data, size_t len)
{
	buf_put_u32(png, (uint32_t)len);
	size_t from = png->len;
	buf_put(png, type, 4);
	buf_put(png, data, len);
	buf_put_u32(png,
		    (uint32_t)crc32(0, (const unsigned char *)png->ptr + from,
				    (unsigned int)(len + 4)));
}

/* One bit a pixel, the first byte of a line says "not filtered". */
static void draw(unsigned char lines[SIDE * ROW])
{
	for (uint32_t y = 0; y < SIDE; y++)
		for (uint32_t x = 0; x < SIDE; x++)
			if (rook[y / CELL][x / CELL] == '#')
				lines[y * ROW + 1 + x / 8] |= (unsigned char)(0x80 >> x % 8);
}

struct str avatar_default(struct arena *arena, uint32_t index)
{
	static const unsigned char head[] = { 0,	  0, SIDE >> 8, SIDE & 255, 0, 0, SIDE >> 8,
					      SIDE & 255, 1, 3,		0,	    0, 0 };
	unsigned char *lines = arena_alloc(arena, SIDE * ROW),
		      palette[6] = { 0, 0, 0, 0xff, 0xff, 0xff }, packed[PNG_MAX];
	uLongf len = sizeof(packed);
	struct buf png;

	assert(index < AVATARS);
	memcpy(palette, colours[index], 3);
	draw(lines);
	int r = compress2(packed, &len, lines, SIDE * ROW, 9);
	assert(r == Z_OK);
	buf_init(&png, 2 * PNG_MAX);
	buf_put_str(&png, S("\x89PNG\r\n\x1a\n"));
	put_chunk(&png, "IHDR", head, sizeof(head));
	put_chunk(&png, "PLTE", palette, sizeof(palette));
	put_chunk(&png, "IDAT", packed, len);
	put_chunk(&png, "IEND", "", 0);
	struct str copy = arena_str(arena, buf_str(&png));
	buf_done(&png);
	return copy;
}
