#include "cdn/sniff.h"

#include "base/mem.h"

/* -- numbers in files; 0 past the end -- */

static uint32_t byte(struct str s, size_t at)
{
	return at < s.len ? (unsigned char)s.ptr[at] : 0;
}

static uint32_t be16(struct str s, size_t at)
{
	return byte(s, at) << 8 | byte(s, at + 1);
}

static uint32_t be32(struct str s, size_t at)
{
	return be16(s, at) << 16 | be16(s, at + 2);
}

static uint32_t le16(struct str s, size_t at)
{
	return byte(s, at + 1) << 8 | byte(s, at);
}

static uint32_t le24(struct str s, size_t at)
{
	return byte(s, at + 2) << 16 | le16(s, at);
}

static bool holds(struct str s, size_t at, struct str what)
{
	return at <= s.len && s.len - at >= what.len && memcmp(s.ptr + at, what.ptr, what.len) == 0;
}

/* -- images -- */

/* https://www.w3.org/TR/png-3/ §5.3, §11.2; acTL comes before the first IDAT. */
static void png(struct str file, struct sniffed *ret)
{
	ret->type = "image/png";
	if (!holds(file, 12, S("IHDR")))
		return;
	ret->width = be32(file, 16);
	ret->height = be32(file, 20);
	for (size_t at = 8; at + 12 <= file.len;) {
		if (holds(file, at + 4, S("IDAT")))
			return;
		if (holds(file, at + 4, S("acTL"))) {
			ret->animated = be32(file, at + 8) > 1;
			return;
		}
		at += (size_t)be32(file, at) + 12;
	}
}

/* ITU T.81 annex B: markers until a frame header. */
static void jpeg(struct str file, struct sniffed *ret)
{
	ret->type = "image/jpeg";
	for (size_t at = 2; at + 9 <= file.len;) {
		uint32_t marker = byte(file, at + 1);

		if (byte(file, at) != 0xff)
			return;
		if (marker == 0xff) { /* fill */
			at++;
			continue;
		}
		if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
		    marker != 0xcc) {
			ret->height = be16(file, at + 5);
			ret->width = be16(file, at + 7);
			return;
		}
		if (marker == 0xd9 || marker == 0xda)
			return;
		at += marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)
			? 2
			: (size_t)be16(file, at + 2) + 2;
	}
}

static size_t gif_skip_blocks(struct str file, size_t at)
{
	while (at < file.len && byte(file, at))
		at += byte(file, at) + 1;
	return at + 1;
}

static size_t gif_colours(uint32_t flags)
{
	return flags & 0x80 ? 3u << ((flags & 7) + 1) : 0;
}

/* GIF89a §18 to §26: a second image descriptor makes it an animation. */
static void gif(struct str file, struct sniffed *ret)
{
	uint32_t frames = 0;

	ret->type = "image/gif";
	ret->width = le16(file, 6);
	ret->height = le16(file, 8);
	for (size_t at = 13 + gif_colours(byte(file, 10)); at < file.len && frames < 2;) {
		switch (byte(file, at)) {
		case 0x21: at = gif_skip_blocks(file, at + 2); break;
		case 0x2c:
			frames++;
			at = gif_skip_blocks(file, at + 11 + gif_colours(byte(file, at + 9)));
			break;
		default: at = file.len;
		}
	}
	ret->animated = frames > 1;
}

/* https://developers.google.com/speed/webp/docs/riff_container, RFC 6386 §9.1. */
static void webp(struct str file, struct sniffed *ret)
{
	ret->type = "image/webp";
	if (holds(file, 12, S("VP8X"))) {
		ret->animated = byte(file, 20) & 2;
		ret->width = le24(file, 24) + 1;
		ret->height = le24(file, 27) + 1;
	} else if (holds(file, 12, S("VP8L"))) {
		uint32_t bits = le16(file, 21) | le16(file, 23) << 16;

		ret->width = (bits & 0x3fff) + 1;
		ret->height = (bits >> 14 & 0x3fff) + 1;
	} else if (holds(file, 12, S("VP8 ")) && holds(file, 23, S("\x9d\x01\x2a"))) {
		ret->width = le16(file, 26) & 0x3fff;
		ret->height = le16(file, 28) & 0x3fff;
	}
}

/* ISO/IEC 23008-12 §6.5.3: the largest `ispe` near the beginning is the image, smaller ones are
 * tiles and thumbnails. */
static void avif(struct str file, struct sniffed *ret)
{
	size_t end = MIN(file.len, (size_t)8192);

	ret->type = "image/avif";
	ret->animated = holds(file, 8, S("avis"));
	for (size_t at = 16; at + 16 <= end; at++) {
		if (!holds(file, at, S("ispe")))
			continue;
		uint32_t width = be32(file, at + 8), height = be32(file, at + 12);
		if (width > ret->width && width <= 65536 && height <= 65536) {
			ret->width = width;
			ret->height = height;
		}
	}
}

/* -- the rest -- */

static const char *ftyp(struct str file)
{
	if (holds(file, 8, S("qt  ")))
		return "video/quicktime";
	if (holds(file, 8, S("M4A")) || holds(file, 8, S("M4B")))
		return "audio/mp4";
	return "video/mp4";
}

static const char *matroska(struct str file)
{
	struct str head = { file.ptr, MIN(file.len, (size_t)64) };

	for (size_t at = 4; at < head.len; at++)
		if (holds(head, at, S("webm")))
			return "video/webm";
	return "video/x-matroska";
}

static const char *ogg(struct str file)
{
	struct str head = { file.ptr, MIN(file.len, (size_t)128) };

	for (size_t at = 28; at < head.len; at++)
		if (holds(head, at, S("theora")))
			return "video/ogg";
	return "audio/ogg";
}

struct sniffed sniff_bytes(struct str file)
{
	static const struct {
		struct str magic;
		const char *type;
	} plain[] = {
		{ { "%PDF-", 5 }, "application/pdf" },
		{ { "PK\x03\x04", 4 },
		  NULL }, /* documents of all kinds are zips: the name knows better */
		{ { "\x1f\x8b", 2 }, "application/gzip" },
		{ { "7z\xbc\xaf\x27\x1c", 6 }, "application/x-7z-compressed" },
		{ { "\x28\xb5\x2f\xfd", 4 }, "application/zstd" },
		{ { "fLaC", 4 }, "audio/flac" },
		{ { "ID3", 3 }, "audio/mpeg" },
	};
	struct sniffed ret = {};

	if (holds(file, 0, S("\x89PNG\r\n\x1a\n")))
		png(file, &ret);
	else if (holds(file, 0, S("\xff\xd8\xff")))
		jpeg(file, &ret);
	else if (holds(file, 0, S("GIF87a")) || holds(file, 0, S("GIF89a")))
		gif(file, &ret);
	else if (holds(file, 0, S("RIFF")) && holds(file, 8, S("WEBP")))
		webp(file, &ret);
	else if (holds(file, 4, S("ftypavif")) || holds(file, 4, S("ftypavis")))
		avif(file, &ret);
	else if (holds(file, 0, S("RIFF")) && holds(file, 8, S("WAVE")))
		ret.type = "audio/wav";
	else if (holds(file, 4, S("ftyp")))
		ret.type = ftyp(file);
	else if (holds(file, 0, S("\x1a\x45\xdf\xa3")))
		ret.type = matroska(file);
	else if (holds(file, 0, S("OggS")))
		ret.type = ogg(file);
	else if (byte(file, 0) == 0xff && (byte(file, 1) & 0xe6) == 0xe2)
		ret.type = "audio/mpeg";
	for (size_t i = 0; i < ARRAY_SIZE(plain) && !ret.type; i++)
		if (holds(file, 0, plain[i].magic))
			ret.type = plain[i].type;
	return ret;
}

const char *sniff_name(struct str filename)
{
	static const struct {
		struct str ext;
		const char *type;
	} types[] = {
#define TYPE(ext, type) { { ext, sizeof(ext) - 1 }, type }
		TYPE("png", "image/png"),
		TYPE("apng", "image/apng"),
		TYPE("jpg", "image/jpeg"),
		TYPE("jpeg", "image/jpeg"),
		TYPE("gif", "image/gif"),
		TYPE("webp", "image/webp"),
		TYPE("avif", "image/avif"),
		TYPE("bmp", "image/bmp"),
		TYPE("svg", "image/svg+xml"),
		TYPE("ico", "image/x-icon"),
		TYPE("tif", "image/tiff"),
		TYPE("tiff", "image/tiff"),
		TYPE("heic", "image/heic"),
		TYPE("mp4", "video/mp4"),
		TYPE("m4v", "video/mp4"),
		TYPE("webm", "video/webm"),
		TYPE("mov", "video/quicktime"),
		TYPE("mkv", "video/x-matroska"),
		TYPE("avi", "video/x-msvideo"),
		TYPE("mp3", "audio/mpeg"),
		TYPE("ogg", "audio/ogg"),
		TYPE("oga", "audio/ogg"),
		TYPE("opus", "audio/ogg"),
		TYPE("wav", "audio/wav"),
		TYPE("flac", "audio/flac"),
		TYPE("m4a", "audio/mp4"),
		TYPE("aac", "audio/aac"),
		TYPE("txt", "text/plain; charset=utf-8"),
		TYPE("log", "text/plain; charset=utf-8"),
		TYPE("md", "text/markdown; charset=utf-8"),
		TYPE("csv", "text/csv; charset=utf-8"),
		TYPE("html", "text/html; charset=utf-8"),
		TYPE("htm", "text/html; charset=utf-8"),
		TYPE("css", "text/css; charset=utf-8"),
		TYPE("js", "text/javascript; charset=utf-8"),
		TYPE("mjs", "text/javascript; charset=utf-8"),
		TYPE("json", "application/json"),
		TYPE("xml", "application/xml"),
		TYPE("py", "text/x-python; charset=utf-8"),
		TYPE("c", "text/x-c; charset=utf-8"),
		TYPE("h", "text/x-c; charset=utf-8"),
		TYPE("pdf", "application/pdf"),
		TYPE("zip", "application/zip"),
		TYPE("gz", "application/gzip"),
		TYPE("tar", "application/x-tar"),
		TYPE("7z", "application/x-7z-compressed"),
		TYPE("rar", "application/vnd.rar"),
		TYPE("zst", "application/zstd"),
		TYPE("jar", "application/java-archive"),
		TYPE("exe", "application/x-msdos-program"),
		TYPE("apk", "application/vnd.android.package-archive"),
		TYPE("doc", "application/msword"),
		TYPE("rtf", "application/rtf"),
		TYPE("epub", "application/epub+zip"),
		TYPE("docx",
		     "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
		TYPE("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
		TYPE("pptx",
		     "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
		TYPE("odt", "application/vnd.oasis.opendocument.text"),
		TYPE("ttf", "font/ttf"),
		TYPE("woff2", "font/woff2"),
#undef TYPE
	};
	size_t dot = filename.len;

	while (dot > 0 && filename.ptr[dot - 1] != '.')
		dot--;
	if (!dot)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_ieq(str_skip(filename, dot), types[i].ext))
			return types[i].type;
	return NULL;
}

bool sniff_is_text(struct str head)
{
	size_t end = head.len;

	/* At most three bytes of a character may be missing. */
	while (end && head.len - end < 4 && ((unsigned char)head.ptr[end - 1] & 0xc0) == 0x80)
		end--;
	if (end && (unsigned char)head.ptr[end - 1] >= 0xc0)
		end--;
	if (str_utf8_valid(head))
		end = head.len;
	for (size_t i = 0; i < end; i++) {
		unsigned char c = (unsigned char)head.ptr[i];

		if (c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b)
			return false;
	}
	return head.len > 0 && str_utf8_valid((struct str){ head.ptr, end });
}

bool sniff_is_inert(struct str type)
{
	static const struct str inert[] = {
		{ "image/png", 9 },	    { "image/apng", 10 },   { "image/jpeg", 10 },
		{ "image/gif", 9 },	    { "image/webp", 10 },   { "image/avif", 10 },
		{ "image/bmp", 9 },	    { "image/x-icon", 12 }, { "video/mp4", 9 },
		{ "video/webm", 10 },	    { "video/ogg", 9 },	    { "video/quicktime", 15 },
		{ "video/x-matroska", 16 }, { "audio/mpeg", 10 },   { "audio/ogg", 9 },
		{ "audio/wav", 9 },	    { "audio/flac", 10 },   { "audio/mp4", 9 },
		{ "audio/aac", 9 },	    { "text/plain", 10 },
	};

	type.len = str_find(type, ';');
	for (size_t i = 0; i < ARRAY_SIZE(inert); i++)
		if (str_ieq(type, inert[i]))
			return true;
	return false;
}
