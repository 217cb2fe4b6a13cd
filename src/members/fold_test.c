#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "members/fold.h"

static void case_accents_and_formats_do_not_count(void **state)
{
	static const struct {
		const char *name, *folded;
	} cases[] = {
		{ "", "" },
		{ "Ann_1.x", "ann_1.x" },
		{ "ÉLODIE", "elodie" },
		{ "Straße", "strasse" },
		{ "Łódź", "łodz" }, /* a stroke is part of the letter */
		{ "ΣΊΣΥΦΟΣ", "σισυφοσ" },
		{ "Йод", "иод" },
		{ "ＷＩＤＥ", "wide" },
		{ "ﬁn", "fin" },
		{ "田中さん", "田中さん" },
		{ "が", "\xe3\x81\x8b\xe3\x82\x99" }, /* voicing is no accent */
		{ "e\xcc\x81", "e" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char folded[NAME_FOLDED_MAX];
		uint32_t len = name_fold(str_z(cases[i].name), folded);

		if (len != strlen(cases[i].folded) || memcmp(folded, cases[i].folded, len) != 0)
			fail_msg("%s became %.*s", cases[i].name, (int)len, folded);
	}
}

static void a_beginning_is_found_however_it_is_written(void **state)
{
	char prefix[NAME_FOLDED_MAX];
	uint32_t len = name_fold(S("Élo"), prefix);

	(void)state;
	assert_true(name_begins(S("elodie"), (struct str){ prefix, len }));
	assert_true(name_begins(S("ÉLODIE"), (struct str){ prefix, len }));
	assert_false(name_begins(S("el"), (struct str){ prefix, len }));
	len = name_fold(S("가"), prefix);
	assert_true(name_begins(S("각하"), (struct str){ prefix, len }));
	assert_true(name_fold_compare(S("ANNA"), S("anne")) < 0);
	assert_int_equal(name_fold_compare(S("ÄNNE"), S("anne")), 0);
	assert_true(name_fold_compare(S("anne"), S("ann")) > 0);
}

static void names_that_are_too_long_or_no_text_do_no_harm(void **state)
{
	char folded[NAME_FOLDED_MAX], name[2000];

	(void)state;
	memset(name, 'A', sizeof(name));
	assert_true(name_fold((struct str){ name, sizeof(name) }, folded) <= NAME_FOLDED_MAX);
	for (size_t i = 0; i + 3 <= sizeof(name); i += 3)
		memcpy(name + i, "\xef\xb7\xba", 3); /* one that becomes eighteen */
	assert_true(name_fold((struct str){ name, sizeof(name) }, folded) <= NAME_FOLDED_MAX);
	assert_true(name_fold((struct str){ name, 60 }, folded) <= NAME_FOLDED_MAX);
	assert_true(name_fold(S("\xff\xc3"), folded) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_accents_and_formats_do_not_count),
		cmocka_unit_test(a_beginning_is_found_however_it_is_written),
		cmocka_unit_test(names_that_are_too_long_or_no_text_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
