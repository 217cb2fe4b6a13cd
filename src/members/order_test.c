#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "members/list_id.h"
#include "members/order.h"
#include "model/objects.h"
#include "model/permissions.h"

static void the_hash_is_the_one_that_clients_compute(void **state)
{
	static const struct {
		struct str text;
		uint32_t hash;
	} cases[] = {
		{ { "", 0 }, 0 },
		{ { "deny:41771983423143937", 22 }, 3744388739 },
		{ { "allow:41771983423143940,deny:41771983423143937", 46 }, 740497073 },
		{ { "allow:1,allow:2,deny:3", 22 }, 3400353990 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(murmur3(cases[i].text), cases[i].hash);
}

static void a_list_is_named_by_who_may_see_it(void **state)
{
	struct overwrite some[] = {
		{ .id = 41771983423143937, .deny = PERM_VIEW_CHANNEL },
		{ .id = 5, .deny = PERM_SEND_MESSAGES },
		{ .id = 41771983423143940, .allow = PERM_VIEW_CHANNEL | PERM_SEND_MESSAGES },
	};
	struct overwrite_list none = {}, all = { some, 3 }, harmless = { some + 1, 2 };
	char id[LIST_ID_MAX];

	(void)state;
	list_id_make(&none, true, false, id);
	assert_string_equal(id, "everyone");
	list_id_make(&harmless, true, false, id);
	assert_string_equal(id, "everyone");
	list_id_make(&none, false, false, id);
	assert_string_equal(id, "0");
	list_id_make(&none, true, true, id);
	assert_string_equal(id, "0");
	list_id_make(&all, true, false, id);
	assert_string_equal(id, "740497073");
}

static void names_are_in_order_without_regard_to_case(void **state)
{
	static const char *const sorted[] = { "",      "1",	"Ann",	 "ANNA", "annb", "Zoe", "ß",
					      "äffin", "Ärger", "ωmega", "Ωz",	 "Ж",	 "😀" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++)
		for (size_t k = 0; k < ARRAY_SIZE(sorted); k++) {
			struct str a = str_z(sorted[i]), b = str_z(sorted[k]);
			int order = names_compare(a, b);

			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
			if (name_prefix(a) != name_prefix(b))
				assert_int_equal(name_prefix(a) < name_prefix(b), i < k);
		}
	assert_int_equal(names_compare(S("ÄRGER"), S("ärger")), 0);
	assert_int_equal(names_compare(S("A\xff"), S("a\xfe")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_the_one_that_clients_compute),
		cmocka_unit_test(a_list_is_named_by_who_may_see_it),
		cmocka_unit_test(names_are_in_order_without_regard_to_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
