/* Network addresses: text, ranges, who is near. Values, no allocation; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct sockaddr_storage;

enum addr_family { ADDR_NONE, ADDR_IP4, ADDR_IP6, ADDR_UNIX };

/* An IPv4 address that came mapped into IPv6 (::ffff:a.b.c.d, RFC 4291 2.5.5.2) is kept as IPv4. */
struct addr {
	uint8_t family; /* enum addr_family */
	uint8_t ip[16]; /* network order; the first 4 for IPv4 */
	uint16_t port;
	uint32_t scope; /* of a link-local IPv6 address, 0 otherwise */
};

enum { ADDR_TEXT_MAX = 64 }; /* with the NUL byte */

/* An address alone: "192.0.2.1", "2001:db8::1", "[2001:db8::1]". False when it is not one. Port becomes 0. */
bool addr_parse_ip(struct str text, struct addr *ret);
/* With a port: "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (IPv4), ":8080" and "*:8080" (all of both
 * families, so [::]). False when it is malformed. */
bool addr_parse(struct str text, struct addr *ret);
/* "192.0.2.1:80", "[2001:db8::1]:80"; "unix" and "none" for the others. NUL-terminated; returns the length. */
size_t addr_text(const struct addr *addr, char ret[static ADDR_TEXT_MAX]);
/* Without the port. */
size_t addr_text_ip(const struct addr *addr, char ret[static ADDR_TEXT_MAX]);

/* To and from the kernel's form. A family we do not know becomes ADDR_NONE. */
void addr_from_sockaddr(const struct sockaddr_storage *from, struct addr *ret);
/* The length for bind() and connect(), 0 for ADDR_NONE and ADDR_UNIX. */
unsigned addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *ret);

/* Same address; ports do not matter. */
bool addr_same_ip(const struct addr *a, const struct addr *b);
static inline bool addr_is_unix(const struct addr *addr)
{
	return addr->family == ADDR_UNIX;
}
bool addr_is_loopback(const struct addr *addr);
/* Anything a stranger's URL may not make us call: loopback, private, shared, link-local, multicast,
 * documentation and other special ranges (RFC 6890 and its registries), IPv6 forms that carry such an IPv4
 * address inside (mapped, 6to4, NAT64), unix, none. */
bool addr_is_private(const struct addr *addr);

/* A range of addresses. */
struct cidr {
	struct addr addr;
	uint8_t bits;
};
/* "10.0.0.0/8", "2001:db8::/32", or an address alone (all its bits). Bits below the prefix are ignored. */
bool cidr_parse(struct str text, struct cidr *ret);
/* Never true for unix or none, nor across families. */
bool cidr_match(const struct cidr *cidr, const struct addr *addr);
/* Any of @count. */
bool cidr_match_any(const struct cidr *cidrs, size_t count, const struct addr *addr);
