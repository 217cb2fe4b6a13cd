/* Addresses and ranges: what is accepted is written, read again and the same. */
#include <assert.h>

#include "net/addr.h"

int fuzz_addr(const uint8_t *data, size_t size);

int fuzz_addr(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	char written[ADDR_TEXT_MAX];
	struct addr addr, again;
	struct cidr cidr;

	if (addr_parse(text, &addr)) {
		size_t len = addr_text(&addr, written);

		assert(len < ADDR_TEXT_MAX);
		assert(addr_parse((struct str){ written, len }, &again));
		assert(addr_same_ip(&addr, &again));
		assert(addr.port == again.port);
	}
	if (addr_parse_ip(text, &addr)) {
		size_t len = addr_text_ip(&addr, written);

		assert(addr_parse_ip((struct str){ written, len }, &again));
		assert(addr_same_ip(&addr, &again));
		addr_is_private(&addr);
	}
	if (cidr_parse(text, &cidr))
		assert(cidr_match(&cidr, &cidr.addr));
	return 0;
}
