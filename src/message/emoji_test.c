#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "message/emoji.h"

static void all_spellings_of_an_emoji_are_one(void **state)
{
	static const struct {
		const char *text, *name; /* NULL: none */
	} cases[] = {
		{ "👍", "👍" },
		{ "👍\ufe0f", "👍" },
		{ "❤", "❤\ufe0f" },
		{ "❤\ufe0f", "❤\ufe0f" },
		{ "1\u20e3", "1\ufe0f\u20e3" },
		{ "1\ufe0f\u20e3", "1\ufe0f\u20e3" },
		{ "👋🏽", "👋🏽" },
		{ "✌🏽", "✌🏽" },
		{ "👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦" },
		{ "🏳‍🌈", "🏳\ufe0f‍🌈" },
		{ "🇩🇪", "🇩🇪" },
		{ "🇩", "🇩" },
		{ "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿" },
		{ "♀", "♀\ufe0f" },
		{ "🕵‍♂", "🕵\ufe0f‍♂\ufe0f" },
		{ "", NULL },
		{ "a", NULL },
		{ "1", NULL },
		{ "#", NULL },
		{ "nonsense", NULL },
		{ "👍👍", NULL },
		{ "👍a", NULL },
		{ "\ufe0f", NULL },
		{ "\u200d", NULL },
		{ "🏽👍", NULL },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct str name = emoji_standard(&arena, str_z(cases[i].text));

		if (!name.ptr != !cases[i].name ||
		    (cases[i].name && !str_eq(name, str_z(cases[i].name))))
			fail_msg("case %zu: %s gives \"%.*s\"", i, cases[i].text, STR_FMT(name));
	}
	arena_done(&arena);
}

static void paths_name_custom_emoji_by_name_and_id(void **state)
{
	struct partial_emoji emoji;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	assert_true(emoji_parse(&arena, S("parrot:123"), &emoji));
	assert_int_equal(emoji.id, 123);
	assert_true(str_eq(emoji.name, S("parrot")));
	assert_false(emoji.animated);
	assert_true(emoji_parse(&arena, S("a:parrot:123"), &emoji));
	assert_int_equal(emoji.id, 123);
	assert_true(emoji.animated);
	assert_true(emoji_parse(&arena, S("🎉"), &emoji));
	assert_int_equal(emoji.id, 0);
	const struct str wrong[] = { S(""),    S(":"),	 S("a:"),   S(":1"),	S("x:"),
				     S("x:0"), S("x:y"), S("x:-1"), S("x:1:2"), S("words") };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(emoji_parse(&arena, wrong[i], &emoji));
	arena_done(&arena);
}

static void text_of_any_length_is_refused_calmly(void **state)
{
	char text[4000];
	struct arena arena;

	(void)state;
	arena_init(&arena);
	memset(text, 'x', sizeof(text));
	assert_null(emoji_standard(&arena, (struct str){ text, sizeof(text) }).ptr);
	for (size_t i = 0; i + 4 <= sizeof(text); i += 4)
		memcpy(text + i, "👍", 4);
	for (size_t len = 8; len <= 400; len += 4)
		assert_null(emoji_standard(&arena, (struct str){ text, len }).ptr);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_spellings_of_an_emoji_are_one),
		cmocka_unit_test(paths_name_custom_emoji_by_name_and_id),
		cmocka_unit_test(text_of_any_length_is_refused_calmly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
