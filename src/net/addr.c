#include "net/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void set_ip6(struct addr *ret, const uint8_t ip[16], uint32_t scope)
{
	if (memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		ret->family = ADDR_IP4;
		memcpy(ret->ip, ip + sizeof(mapped_prefix), 4);
		return;
	}
	ret->family = ADDR_IP6;
	memcpy(ret->ip, ip, 16);
	ret->scope = scope;
}

static bool parse_scope(const char *text, uint32_t *ret)
{
	uint64_t n;

	if (!str_u64(str_z(text), &n))
		n = if_nametoindex(text);
	*ret = (uint32_t)n;
	return n > 0 && n <= UINT32_MAX;
}

bool addr_parse_ip(struct str text, struct addr *ret)
{
	char z[ADDR_TEXT_MAX], *percent;
	struct addr addr = { 0 };
	uint32_t scope = 0;
	uint8_t ip[16];

	if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']') {
		text = (struct str){ text.ptr + 1, text.len - 2 };
		if (str_find(text, ':') == text.len)
			return false;
	}
	if (text.len == 0 || text.len >= sizeof(z) || memchr(text.ptr, 0, text.len))
		return false;
	memcpy(z, text.ptr, text.len);
	z[text.len] = 0;
	if (inet_pton(AF_INET, z, ip) == 1) {
		addr.family = ADDR_IP4;
		memcpy(addr.ip, ip, 4);
		*ret = addr;
		return true;
	}
	percent = strchr(z, '%');
	if (percent) {
		if (!parse_scope(percent + 1, &scope))
			return false;
		*percent = 0;
	}
	if (inet_pton(AF_INET6, z, ip) != 1)
		return false;
	set_ip6(&addr, ip, scope);
	*ret = addr;
	return true;
}

/* Splits at the last colon, which must lie behind a closing bracket if there is one. */
static bool split_port(struct str text, struct str *ret_host, uint16_t *ret_port)
{
	size_t colon = text.len;
	uint64_t port;

	while (colon > 0 && text.ptr[colon - 1] != ':' && text.ptr[colon - 1] != ']')
		colon--;
	if (colon == 0 || text.ptr[colon - 1] != ':')
		return false;
	if (!str_u64(str_skip(text, colon), &port) || port > UINT16_MAX)
		return false;
	*ret_host = (struct str){ text.ptr, colon - 1 };
	*ret_port = (uint16_t)port;
	return true;
}

bool addr_parse(struct str text, struct addr *ret)
{
	struct addr addr = { 0 };
	struct str host;
	uint16_t port;

	if (!split_port(text, &host, &port))
		return false;
	if (host.len == 0 || str_eq(host, S("*"))) {
		addr.family = ADDR_IP6;
	} else if (str_ieq(host, S("localhost"))) {
		addr.family = ADDR_IP4;
		memcpy(addr.ip, (uint8_t[]){ 127, 0, 0, 1 }, 4);
	} else {
		/* Without brackets nobody can say where an IPv6 address ends. */
		if (host.ptr[0] != '[' && str_find(host, ':') < host.len)
			return false;
		if (!addr_parse_ip(host, &addr))
			return false;
	}
	addr.port = port;
	*ret = addr;
	return true;
}

size_t addr_text_ip(const struct addr *addr, char ret[static ADDR_TEXT_MAX])
{
	size_t len;

	switch (addr->family) {
	case ADDR_IP4: inet_ntop(AF_INET, addr->ip, ret, ADDR_TEXT_MAX); break;
	case ADDR_IP6:
		inet_ntop(AF_INET6, addr->ip, ret, ADDR_TEXT_MAX);
		len = strlen(ret);
		if (addr->scope)
			snprintf(ret + len, ADDR_TEXT_MAX - len, "%%%u", addr->scope);
		break;
	default: snprintf(ret, ADDR_TEXT_MAX, "%s", addr->family == ADDR_UNIX ? "unix" : "none");
	}
	return strlen(ret);
}

size_t addr_text(const struct addr *addr, char ret[static ADDR_TEXT_MAX])
{
	char ip[ADDR_TEXT_MAX];
	size_t len = addr_text_ip(addr, ip);

	if (addr->family == ADDR_IP4)
		return (size_t)snprintf(ret, ADDR_TEXT_MAX, "%.15s:%u", ip, addr->port);
	if (addr->family == ADDR_IP6)
		return (size_t)snprintf(ret, ADDR_TEXT_MAX, "[%.54s]:%u", ip, addr->port);
	memcpy(ret, ip, len + 1);
	return len;
}

void addr_from_sockaddr(const struct sockaddr_storage *from, struct addr *ret)
{
	const struct sockaddr_in *in = (const void *)from;
	const struct sockaddr_in6 *in6 = (const void *)from;

	*ret = (struct addr){ 0 };
	switch (from->ss_family) {
	case AF_INET:
		ret->family = ADDR_IP4;
		memcpy(ret->ip, &in->sin_addr, 4);
		ret->port = ntohs(in->sin_port);
		break;
	case AF_INET6:
		set_ip6(ret, in6->sin6_addr.s6_addr, in6->sin6_scope_id);
		ret->port = ntohs(in6->sin6_port);
		break;
	case AF_UNIX: ret->family = ADDR_UNIX; break;
	default: break;
	}
}

unsigned addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (void *)ret;
	struct sockaddr_in6 *in6 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	switch (addr->family) {
	case ADDR_IP4:
		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, addr->ip, 4);
		in->sin_port = htons(addr->port);
		return sizeof(*in);
	case ADDR_IP6:
		in6->sin6_family = AF_INET6;
		memcpy(in6->sin6_addr.s6_addr, addr->ip, 16);
		in6->sin6_port = htons(addr->port);
		in6->sin6_scope_id = addr->scope;
		return sizeof(*in6);
	default: return 0;
	}
}

static size_t ip_size(const struct addr *addr)
{
	return addr->family == ADDR_IP4 ? 4 : addr->family == ADDR_IP6 ? 16 : 0;
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->scope == b->scope &&
		memcmp(a->ip, b->ip, ip_size(a)) == 0;
}

/* -- ranges -- */

struct range {
	uint8_t ip[16];
	uint8_t bits;
};

static bool in_prefix(const uint8_t *ip, const uint8_t *prefix, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(ip, prefix, bits / 8) != 0)
		return false;
	return rest == 0 || ((ip[bits / 8] ^ prefix[bits / 8]) & (0xff << (8 - rest)) & 0xff) == 0;
}

/* The IANA registries of special-purpose addresses, and multicast. */
static const struct range special_ip4[] = {
	{ { 0 }, 8 }, /* this network */
	{ { 10 }, 8 }, /* private */
	{ { 100, 64 }, 10 }, /* shared, RFC 6598 */
	{ { 127 }, 8 }, /* loopback */
	{ { 169, 254 }, 16 }, /* link-local; clouds keep their metadata there */
	{ { 172, 16 }, 12 }, /* private */
	{ { 192, 0, 0 }, 24 }, /* protocol assignments */
	{ { 192, 0, 2 }, 24 }, /* documentation */
	{ { 192, 88, 99 }, 24 }, /* 6to4 relays, deprecated */
	{ { 192, 168 }, 16 }, /* private */
	{ { 198, 18 }, 15 }, /* benchmarks */
	{ { 198, 51, 100 }, 24 }, /* documentation */
	{ { 203, 0, 113 }, 24 }, /* documentation */
	{ { 224 }, 4 }, /* multicast */
	{ { 240 }, 4 }, /* reserved, broadcast */
};
/* Inside 2000::/3; all outside of it is special anyway. */
static const struct range special_ip6[] = {
	{ { 0x20, 0x01, 0x00 }, 23 }, /* protocol assignments: Teredo, ORCHID, benchmarks... */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
	{ { 0x3f, 0xff }, 20 }, /* documentation, RFC 9637 */
};
static const struct range global_ip6 = { { 0x20 }, 3 };
static const struct range sixtofour = { { 0x20, 0x02 }, 16 }; /* the IPv4 address follows */
static const struct range nat64 = { { 0x00, 0x64, 0xff, 0x9b }, 96 }; /* here too, RFC 6052 */

static bool in_any(const uint8_t *ip, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (in_prefix(ip, ranges[i].ip, ranges[i].bits))
			return true;
	return false;
}

static bool is_private_ip4(const uint8_t *ip)
{
	return in_any(ip, special_ip4, ARRAY_SIZE(special_ip4));
}

static bool is_private_ip6(const uint8_t *ip)
{
	if (in_prefix(ip, nat64.ip, nat64.bits))
		return is_private_ip4(ip + 12);
	if (in_prefix(ip, sixtofour.ip, sixtofour.bits))
		return is_private_ip4(ip + 2);
	return !in_prefix(ip, global_ip6.ip, global_ip6.bits) ||
		in_any(ip, special_ip6, ARRAY_SIZE(special_ip6));
}

bool addr_is_loopback(const struct addr *addr)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (addr->family == ADDR_IP4)
		return addr->ip[0] == 127;
	return addr->family == ADDR_IP6 && memcmp(addr->ip, one, sizeof(one)) == 0;
}

bool addr_is_private(const struct addr *addr)
{
	switch (addr->family) {
	case ADDR_IP4: return is_private_ip4(addr->ip);
	case ADDR_IP6: return is_private_ip6(addr->ip);
	default: return true;
	}
}

bool cidr_parse(struct str text, struct cidr *ret)
{
	size_t slash = str_find(text, '/');
	struct cidr cidr = { 0 };
	uint64_t bits;

	if (!addr_parse_ip((struct str){ text.ptr, slash }, &cidr.addr))
		return false;
	bits = ip_size(&cidr.addr) * 8;
	if (slash < text.len) {
		uint64_t given;

		if (!str_u64(str_skip(text, slash + 1), &given) || given > 128)
			return false;
		/* ::ffff:10.0.0.0/104 became 10.0.0.0/8. */
		if (cidr.addr.family == ADDR_IP4 && str_find(text, ':') < text.len) {
			if (given < 96)
				return false;
			given -= 96;
		}
		if (given > bits)
			return false;
		bits = given;
	}
	cidr.bits = (uint8_t)bits;
	*ret = cidr;
	return true;
}

bool cidr_match(const struct cidr *cidr, const struct addr *addr)
{
	return ip_size(addr) > 0 && addr->family == cidr->addr.family &&
		in_prefix(addr->ip, cidr->addr.ip, cidr->bits);
}

bool cidr_match_any(const struct cidr *cidrs, size_t count, const struct addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (cidr_match(&cidrs[i], addr))
			return true;
	return false;
}
