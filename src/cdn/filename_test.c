#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cdn/avatar.h"
#include "cdn/filename.h"
#include "cdn/sniff.h"

static void names_become_what_a_link_can_hold(void **state)
{
	static const struct {
		const char *name, *clean, *title; /* NULL: unchanged */
	} cases[] = {
		{ "note.txt", "note.txt", NULL },
		{ "my file.txt", "my_file.txt", "my file" },
		{ "..\\..\\evil.exe", "evil.exe", "evil" },
		{ "/etc/passwd", "passwd", "passwd" },
		{ ".bashrc", "bashrc", ".bashrc" },
		{ "a..b...png", "a.b.png", "a..b.." },
		{ "\xd1\x82\xd0\xb5\xd1\x81\xd1\x82.png", "unknown.png",
		  "\xd1\x82\xd0\xb5\xd1\x81\xd1\x82" },
		{ "", "unknown", NULL },
		{ "...", "unknown", ".." },
		{ "archive.tar.gz", "archive.tar.gz", NULL },
		{ "a\"b\r\nc?.txt", "abc.txt", "a\"b\r\nc?" },
	};
	struct arena arena;
	struct str title;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct str clean = filename_clean(&arena, str_z(cases[i].name), &title);

		if (!str_eq(clean, str_z(cases[i].clean)) || !title.ptr != !cases[i].title ||
		    (cases[i].title && !str_eq(title, str_z(cases[i].title))))
			fail_msg("%s: %.*s, %.*s", cases[i].name, STR_FMT(clean), STR_FMT(title));
	}
	arena_done(&arena);
}

static void a_long_name_keeps_its_extension(void **state)
{
	char name[1100];
	struct arena arena;
	struct str title;

	(void)state;
	memset(name, 'x', sizeof(name));
	memcpy(name + 1000, ".png", 5);
	arena_init(&arena);
	struct str clean = filename_clean(&arena, str_z(name), &title);
	assert_int_equal(clean.len, FILENAME_MAX_BYTES);
	assert_true(str_eq(str_skip(clean, clean.len - 4), S(".png")));
	assert_true(str_eq(filename_spoiler(&arena, S("a.png")), S("SPOILER_a.png")));
	assert_true(str_eq(filename_spoiler(&arena, S("SPOILER_a.png")), S("SPOILER_a.png")));
	arena_done(&arena);
}

static void the_picture_of_those_without_one_is_a_png(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (uint32_t i = 0; i < AVATARS; i++) {
		struct str png = avatar_default(&arena, i);
		struct sniffed sniffed = sniff_bytes(png);

		assert_string_equal(sniffed.type, "image/png");
		assert_int_equal(sniffed.width, 256);
		assert_int_equal(sniffed.height, 256);
		assert_memory_equal(png.ptr + png.len - 8, "IEND", 4);
	}
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_what_a_link_can_hold),
		cmocka_unit_test(a_long_name_keeps_its_extension),
		cmocka_unit_test(the_picture_of_those_without_one_is_a_png),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
