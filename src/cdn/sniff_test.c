#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cdn/sniff.h"

#define PNG_HEAD "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0\0\0\0\0"

static void images_tell_their_size(void **state)
{
	static const struct {
		struct str file;
		const char *type;
		uint32_t width, height;
		bool animated;
	} cases[] = {
#define CASE(text, ...) { { text, sizeof(text) - 1 }, __VA_ARGS__ }
		CASE(PNG_HEAD, "image/png", 640, 480, false),
		CASE(PNG_HEAD "\0\0\0\x08"
			      "acTL\0\0\0\x03\0\0\0\0....",
		     "image/png", 640, 480, true),
		CASE(PNG_HEAD "\0\0\0\0IDAT....\0\0\0\x08"
			      "acTL\0\0\0\x03\0\0\0\0....",
		     "image/png", 640, 480, false),
		CASE("\xff\xd8\xff\xe0\0\x04..\xff\xc0\0\x0b\x08\0\x10\0\x20\x03.....",
		     "image/jpeg", 32, 16, false),
		CASE("\xff\xd8\xff\xff\xff\xe1\0\x03.\xff\xc2\0\x0b\x08\0\x10\0\x20\x03.....",
		     "image/jpeg", 32, 16, false),
		CASE("GIF89a\x0a\0\x14\0\0\0\0\x2c\0\0\0\0\x0a\0\x14\0\0\x02\x01.\0;", "image/gif",
		     10, 20, false),
		CASE("GIF89a\x0a\0\x14\0\0\0\0\x21\xf9\x01.\0\x2c\0\0\0\0\x0a\0\x14\0\0\x02\x01."
		     "\0\x2c\0\0\0\0\x0a\0\x14\0\0\x02\x01.\0;",
		     "image/gif", 10, 20, true),
		CASE("RIFF....WEBPVP8X\x0a\0\0\0\x02\0\0\0\x63\0\0\x31\0\0", "image/webp", 100, 50,
		     true),
		CASE("RIFF....WEBPVP8L....\x2f\x63\x40\x0c\0", "image/webp", 100, 50, false),
		CASE("RIFF....WEBPVP8 ....\0\0\0\x9d\x01\x2a\x64\0\x32\0", "image/webp", 100, 50,
		     false),
		CASE("\0\0\0\x1c"
		     "ftypavif........\0\0\0\x14ispe\0\0\0\0\0\0\0\x64\0\0\0\x32",
		     "image/avif", 100, 50, false),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sniffed sniffed = sniff_bytes(cases[i].file);

		assert_non_null(sniffed.type);
		assert_string_equal(sniffed.type, cases[i].type);
		assert_int_equal(sniffed.width, cases[i].width);
		assert_int_equal(sniffed.height, cases[i].height);
		assert_int_equal(sniffed.animated, cases[i].animated);
	}
}

static void a_file_cut_off_anywhere_is_read_no_further(void **state)
{
	static const struct str files[] = {
		{ PNG_HEAD "\0\0\0\x08"
			   "acTL",
		  sizeof(PNG_HEAD) + 7 },
		{ "GIF89a\x0a\0\x14\0\xf7\0\0\x2c\0\0\0\0\x0a\0\x14\0\x87\x02\xff", 25 },
		{ "\xff\xd8\xff\xe0\xff\xff..\xff\xc0", 10 },
		{ "RIFF....WEBPVP8X\x0a\0\0\0\x02", 21 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		for (size_t len = 0; len <= files[i].len; len++) {
			/* A block of exactly this size: a sanitizer sees what is read past it. */
			char *copy = mem_dup(files[i].ptr, len);

			sniff_bytes((struct str){ copy, len });
			free(copy);
		}
}

static void media_and_archives_tell_what_they_are(void **state)
{
	static const struct {
		struct str file;
		const char *type;
	} cases[] = {
#define CASE(text, type) { { text, sizeof(text) - 1 }, type }
		CASE("\0\0\0\x18"
		     "ftypisom",
		     "video/mp4"),
		CASE("\0\0\0\x18"
		     "ftypM4A ",
		     "audio/mp4"),
		CASE("\x1a\x45\xdf\xa3....webm", "video/webm"),
		CASE("OggS", "audio/ogg"),
		CASE("fLaC", "audio/flac"),
		CASE("\xff\xfb\x90", "audio/mpeg"),
		CASE("ID3", "audio/mpeg"),
		CASE("RIFF....WAVE", "audio/wav"),
		CASE("%PDF-1.7", "application/pdf"),
		CASE("PK\x03\x04", NULL),
		CASE("hello", NULL),
		CASE("", NULL),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *type = sniff_bytes(cases[i].file).type;

		assert_int_equal(type == NULL, cases[i].type == NULL);
		if (type)
			assert_string_equal(type, cases[i].type);
	}
	assert_string_equal(
		sniff_name(S("a.b.DOCX")),
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document");
	assert_null(sniff_name(S("Makefile")));
	assert_null(sniff_name(S("a.")));
}

static void text_is_text_although_its_last_character_is_cut_off(void **state)
{
	(void)state;
	assert_true(sniff_is_text(S("plain\ntext\t\r\n")));
	assert_true(sniff_is_text(S("gr\xc3\xbc\xc3\x9f"
				    "e \xf0\x9f\x91\x8b")));
	assert_true(sniff_is_text(S("gr\xc3\xbc\xf0\x9f\x91")));
	assert_false(sniff_is_text(S("\xff\xfe")));
	assert_false(sniff_is_text(S("a\0b")));
	assert_false(sniff_is_text(S("a\xc3"
				     "b")));
	assert_false(sniff_is_text(S("")));
}

static void what_can_run_is_not_shown_by_itself(void **state)
{
	(void)state;
	assert_true(sniff_is_inert(S("image/png")));
	assert_true(sniff_is_inert(S("text/plain; charset=utf-8")));
	assert_false(sniff_is_inert(S("image/svg+xml")));
	assert_false(sniff_is_inert(S("text/html; charset=utf-8")));
	assert_false(sniff_is_inert(S("application/pdf")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_tell_their_size),
		cmocka_unit_test(a_file_cut_off_anywhere_is_read_no_further),
		cmocka_unit_test(media_and_archives_tell_what_they_are),
		cmocka_unit_test(text_is_text_although_its_last_character_is_cut_off),
		cmocka_unit_test(what_can_run_is_not_shown_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
