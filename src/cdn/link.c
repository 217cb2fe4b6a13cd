#include "cdn/link.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>

#include "config/config.h"

enum { LINK_LIFE_S = 24 * 3600, LINK_STEP_S = 3600 };

struct str link_base(struct core *core, struct arena *arena)
{
	const struct config *config = config_of(core);
	const char *base = config->cdn_url && config->cdn_url[0] ? config->cdn_url
								 : config->public_url;

	return arena_str(arena, str_z(base && base[0] ? base : app_of(core)->default_url));
}

/* False when @path is longer than any that we make. */
static bool sign(struct core *core, struct str path, uint64_t issued, uint64_t expires,
		 char ret_hex[65])
{
	struct app *app = app_of(core);
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	char text[LINK_PATH_MAX + 64];

	if (path.len > LINK_PATH_MAX)
		return false;
	int n = snprintf(text, sizeof(text), "%lx %lx %.*s", expires, issued, STR_FMT(path));
	HMAC(EVP_sha256(), file_key_of(app), FILE_KEY_BYTES, (unsigned char *)text, (size_t)n, mac,
	     &len);
	sodium_bin2hex(ret_hex, 65, mac, 32);
	return true;
}

struct str link_sign(struct core *core, struct arena *arena, struct str path, uint64_t life_s)
{
	/* Steps of an hour, so that the same file has the same link for a while and browsers can
	 * keep it. */
	uint64_t issued = core_wall_us(core) / 1000000 / LINK_STEP_S * LINK_STEP_S,
		 expires = issued + life_s + LINK_STEP_S;
	char hex[65];

	if (!sign(core, path, issued, expires, hex))
		return S("");
	return arena_printf(arena, "ex=%lx&is=%lx&hm=%s&", expires, issued, hex);
}

void link_attachment(struct core *core, struct arena *arena, uint64_t channel_id,
		     struct attachment *attachment)
{
	struct str path = arena_printf(arena, "/attachments/%lu/%lu/%.*s",
				       attachment->channel_id ? attachment->channel_id : channel_id,
				       attachment->id, STR_FMT(attachment->filename));
	struct str base = link_base(core, arena), query = link_sign(core, arena, path, LINK_LIFE_S);

	attachment->url = arena_printf(arena, "%.*s%.*s?%.*s", STR_FMT(base), STR_FMT(path),
				       STR_FMT(query));
	attachment->proxy_url = attachment->url;
}

static struct str query_value(struct str query, struct str name)
{
	while (query.len) {
		size_t end = str_find(query, '&'), eq = str_find(query, '=');

		if (eq < end && str_eq((struct str){ query.ptr, eq }, name))
			return (struct str){ query.ptr + eq + 1, end - eq - 1 };
		query = str_skip(query, end + 1);
	}
	return (struct str){};
}

bool link_check(struct core *core, struct str path, struct str query)
{
	struct str mac = query_value(query, S("hm"));
	uint64_t issued, expires;
	char hex[65];

	if (!str_hex(query_value(query, S("ex")), &expires) ||
	    !str_hex(query_value(query, S("is")), &issued) || mac.len != 64 ||
	    expires < core_wall_us(core) / 1000000)
		return false;
	return sign(core, path, issued, expires, hex) && CRYPTO_memcmp(hex, mac.ptr, 64) == 0;
}

bool link_parse(struct str path, uint64_t *ret_channel_id, uint64_t *ret_id, struct str *ret_name)
{
	struct str rest = str_skip(path, sizeof("/attachments/") - 1);

	if (!str_starts(path, S("/attachments/")))
		return false;
	size_t slash = str_find(rest, '/');
	if (!str_u64((struct str){ rest.ptr, slash }, ret_channel_id))
		return false;
	rest = str_skip(rest, slash + 1);
	slash = str_find(rest, '/');
	if (!str_u64((struct str){ rest.ptr, slash }, ret_id))
		return false;
	*ret_name = str_skip(rest, slash + 1);
	return ret_name->len > 0 && str_find(*ret_name, '/') == ret_name->len;
}
