#include "user/totp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* RFC 6238 appendix B, SHA-1, the last six of its eight digits; the secret is "12345678901234567890". */
static void codes_are_those_of_the_rfc(void **state)
{
	static const struct {
		uint64_t at;
		const char *code;
	} cases[] = { { 59, "287082" },
		      { 1111111109, "081804" },
		      { 1234567890, "005924" },
		      { 2000000000, "279037" } };
	struct str secret = S("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(totp_check(secret, str_z(cases[i].code), cases[i].at, 0),
				 cases[i].at / 30);
}

static void a_code_serves_once(void **state)
{
	struct str secret = S("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");

	(void)state;
	assert_int_equal(totp_check(secret, S("287082"), 59, 1), 0);
	assert_int_equal(totp_check(secret, S("287083"), 59, 0), 0);
	assert_int_equal(totp_check(secret, S("28708"), 59, 0), 0);
}

static void short_and_malformed_secrets_are_refused(void **state)
{
	(void)state;
	assert_true(totp_secret_valid(S("GEZD GNBV GY3T QOJQ")));
	assert_false(totp_secret_valid(S("GEZDGNBV")));
	assert_false(totp_secret_valid(S("1111111111111111")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_those_of_the_rfc),
		cmocka_unit_test(a_code_serves_once),
		cmocka_unit_test(short_and_malformed_secrets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
