/* Who asks? A proxy that we trust tells it in X-Forwarded-For; anybody else may write there what
 * they like. */
#include "base/mem.h"
#include "http/internal.h"
#include "http/token.h"

static bool is_trusted(const struct http_server_config *config, const struct addr *addr)
{
	return addr_is_unix(addr) ? config->trust_unix
				  : cidr_match_any(config->trusted, config->trusted_count, addr);
}

/* The last member of the list, taken off it. */
static bool last_member(struct str *list, struct str *ret)
{
	while (list->len) {
		size_t at = list->len;

		while (at && list->ptr[at - 1] != ',')
			at--;
		*ret = http_trim(str_skip(*list, at));
		list->len = at ? at - 1 : 0;
		if (ret->len)
			return true;
	}
	return false;
}

void http_peer_resolve(const struct http_server_config *config, const struct http_head *head,
		       struct addr *peer, bool *secure)
{
	struct str item;
	struct addr addr;

	if (!is_trusted(config, peer))
		return;
	struct str proto = http_head_get(head, S("x-forwarded-proto"));
	if (proto.ptr && last_member(&proto, &item))
		*secure = str_ieq(item, S("https"));
	/* Each proxy appends whom it saw, so from the right: the first that is not one of ours is
	 * the client. Several fields are one list (RFC 9110 §5.3). */
	for (uint32_t i = head->header_count; i-- > 0;) {
		struct str list = head->headers[i].value;

		if (!str_ieq(head->headers[i].name, S("x-forwarded-for")))
			continue;
		while (last_member(&list, &item)) {
			if (!addr_parse_ip(item, &addr) && !addr_parse(item, &addr))
				return; /* what is left of this nobody vouches for */
			addr.port = 0;
			*peer = addr;
			if (!is_trusted(config, peer))
				return;
		}
	}
}

void http_peer(const struct http_server_config *config, const struct sock *sock,
	       struct http_request *request)
{
	request->peer = *sock_peer(sock);
	request->secure = sock_is_tls(sock);
	http_peer_resolve(config, &request->head, &request->peer, &request->secure);
}
