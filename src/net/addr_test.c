#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/addr.h"

static void addresses_with_ports_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *back; /* back NULL: refused */
	} cases[] = {
		{ "127.0.0.1:8080", "127.0.0.1:8080" },
		{ "localhost:1", "127.0.0.1:1" },
		{ "0.0.0.0:0", "0.0.0.0:0" },
		{ "[::1]:443", "[::1]:443" },
		{ "[2001:DB8:0:0:0:0:0:1]:65535", "[2001:db8::1]:65535" },
		{ "[::ffff:192.0.2.1]:80", "192.0.2.1:80" },
		{ "[fe80::1%7]:80", "[fe80::1%7]:80" },
		{ ":80", "[::]:80" },
		{ "*:80", "[::]:80" },
		{ "127.0.0.1", NULL },
		{ "127.0.0.1:", NULL },
		{ "127.0.0.1:65536", NULL },
		{ "127.0.0.1:-1", NULL },
		{ "127.0.0.1:+1", NULL },
		{ "127.0.0.1: 1", NULL },
		{ "127.1:80", NULL },
		{ "127.0.0.01:80", NULL },
		{ "::1:80", NULL },
		{ "[::1]80", NULL },
		{ "[::1]", NULL },
		{ "[127.0.0.1]:80", NULL },
		{ "[::1%]:80", NULL },
		{ "[::1%no-such-interface]:80", NULL },
		{ "example.org:80", NULL },
		{ "", NULL },
		{ ":", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[ADDR_TEXT_MAX];
		struct addr addr;
		bool ok = addr_parse(str_z(cases[i].text), &addr);

		if (ok != (cases[i].back != NULL))
			fail_msg("%s", cases[i].text);
		if (!ok)
			continue;
		assert_int_equal(addr_text(&addr, text), strlen(cases[i].back));
		assert_string_equal(text, cases[i].back);
	}
}

static void an_address_survives_the_kernels_form(void **state)
{
	static const char *const texts[] = { "192.0.2.9:80", "[2001:db8::5]:8443",
					     "[fe80::1%3]:9" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct sockaddr_storage storage;
		struct addr addr, back;

		assert_true(addr_parse(str_z(texts[i]), &addr));
		assert_true(addr_to_sockaddr(&addr, &storage) > 0);
		addr_from_sockaddr(&storage, &back);
		assert_memory_equal(&addr, &back, sizeof(addr));
		assert_true(addr_same_ip(&addr, &back));
	}
}

static void special_addresses_are_told_from_public_ones(void **state)
{
	static const struct {
		const char *ip;
		bool private, loopback;
	} cases[] = {
		{ "127.0.0.1", true, true },
		{ "127.255.255.255", true, true },
		{ "::1", true, true },
		{ "::ffff:127.0.0.1", true, true },
		{ "0.0.0.0", true, false },
		{ "10.1.2.3", true, false },
		{ "100.63.255.255", false, false },
		{ "100.64.0.0", true, false },
		{ "100.127.255.255", true, false },
		{ "100.128.0.0", false, false },
		{ "169.254.169.254", true, false },
		{ "172.15.255.255", false, false },
		{ "172.31.255.255", true, false },
		{ "172.32.0.0", false, false },
		{ "192.168.0.1", true, false },
		{ "198.19.255.255", true, false },
		{ "198.20.0.0", false, false },
		{ "223.255.255.255", false, false },
		{ "224.0.0.1", true, false },
		{ "255.255.255.255", true, false },
		{ "8.8.8.8", false, false },
		{ "::", true, false },
		{ "::8.8.8.8", true, false },
		{ "::ffff:8.8.8.8", false, false },
		{ "::ffff:10.0.0.1", true, false },
		{ "64:ff9b::8.8.8.8", false, false },
		{ "64:ff9b::10.0.0.1", true, false },
		{ "64:ff9b:1::1", true, false },
		{ "2002:0808:0808::1", false, false },
		{ "2002:7f00:0001::1", true, false },
		{ "2001::1", true, false },
		{ "2001:db8::1", true, false },
		{ "2001:4860:4860::8888", false, false },
		{ "2606:4700::1111", false, false },
		{ "3fff::1", true, false },
		{ "fc00::1", true, false },
		{ "fdff::1", true, false },
		{ "fe80::1", true, false },
		{ "fec0::1", true, false },
		{ "ff02::1", true, false },
	};
	struct addr none = { 0 }, unix_addr = { .family = ADDR_UNIX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr addr;

		assert_true(addr_parse_ip(str_z(cases[i].ip), &addr));
		if (addr_is_private(&addr) != cases[i].private ||
		    addr_is_loopback(&addr) != cases[i].loopback)
			fail_msg("%s", cases[i].ip);
	}
	assert_true(addr_is_private(&none));
	assert_true(addr_is_private(&unix_addr));
	assert_false(addr_is_loopback(&unix_addr));
}

static void ranges_match_by_their_bits(void **state)
{
	static const struct {
		const char *cidr, *ip;
		bool match;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.1.2.3/8", "10.9.9.9", true },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.200", true },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "0.0.0.0/0", "203.0.113.1", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "1.2.3.4", false },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "::ffff:10.0.0.0/104", "10.9.9.9", true },
		{ "10.0.0.0/8", "::ffff:10.9.9.9", true },
	};
	static const char *const bad[] = {
		"",	  "/8",	 "10.0.0.0/",	       "10.0.0.0/33", "10.0.0.0/-1",
		"::/129", "x/8", "::ffff:10.0.0.0/95", "10.0.0.0/8/8"
	};
	struct addr unix_addr = { .family = ADDR_UNIX };
	struct cidr cidr;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr addr;

		assert_true(cidr_parse(str_z(cases[i].cidr), &cidr));
		assert_true(addr_parse_ip(str_z(cases[i].ip), &addr));
		if (cidr_match(&cidr, &addr) != cases[i].match)
			fail_msg("%s %s", cases[i].cidr, cases[i].ip);
		assert_int_equal(cidr_match_any(&cidr, 1, &addr), cases[i].match);
		assert_false(cidr_match(&cidr, &unix_addr));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (cidr_parse(str_z(bad[i]), &cidr))
			fail_msg("%s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_with_ports_are_read_and_written),
		cmocka_unit_test(an_address_survives_the_kernels_form),
		cmocka_unit_test(special_addresses_are_told_from_public_ones),
		cmocka_unit_test(ranges_match_by_their_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
