#include "http/upgrade.h"

#include <openssl/evp.h>

#include "http/token.h"

enum { KEY_LEN = 24 }; /* base64 of 16 bytes */

static bool is_base64(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '+' ||
		c == '/';
}

/* 16 bytes: 21 characters, one whose low four bits are zero, "==". */
static bool is_key(struct str s)
{
	if (s.len != KEY_LEN || s.ptr[22] != '=' || s.ptr[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++)
		if (!is_base64(s.ptr[i]))
			return false;
	return strchr("AQgw", s.ptr[21]) != NULL;
}

static uint32_t count(const struct http_head *head, struct str name)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < head->header_count; i++)
		n += str_ieq(head->headers[i].name, name);
	return n;
}

static bool is_meant(const struct http_head *head)
{
	if (head->method != HTTP_GET)
		return false;
	for (uint32_t i = 0; i < head->header_count; i++) {
		struct str name = head->headers[i].name;

		name.len = name.len < 14 ? name.len : 14;
		if (str_ieq(name, S("sec-websocket-")))
			return true;
	}
	return http_head_lists(head, S("upgrade"), S("websocket"));
}

int http_upgrade_check(const struct http_head *head, struct str *ret_key)
{
	struct str key = http_head_get(head, S("sec-websocket-key"));

	if (!is_meant(head))
		return 0;
	if (!head->minor || !head->upgrade ||
	    !http_head_lists(head, S("upgrade"), S("websocket")) || head->chunked || head->length ||
	    count(head, S("sec-websocket-version")) != 1 ||
	    count(head, S("sec-websocket-key")) != 1 || !is_key(key))
		return 400;
	if (!str_eq(http_head_get(head, S("sec-websocket-version")), S("13")))
		return 426;
	*ret_key = key;
	return 101;
}

void http_upgrade_accept(struct str key, char ret[static HTTP_ACCEPT_LEN])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char text[KEY_LEN + sizeof(guid) - 1], hash[EVP_MAX_MD_SIZE] = {};
	unsigned char base64[HTTP_ACCEPT_LEN + 1];

	memcpy(text, key.ptr, KEY_LEN);
	memcpy(text + KEY_LEN, guid, sizeof(guid) - 1);
	/* SHA-1 here is no secret, only proof that we understood. It fails only for want of memory;
	 * the client then sees a wrong value and leaves. */
	if (!EVP_Digest(text, sizeof(text), hash, NULL, EVP_sha1(), NULL))
		memset(hash, 0, sizeof(hash));
	EVP_EncodeBlock(base64, hash, 20);
	memcpy(ret, base64, HTTP_ACCEPT_LEN);
}
