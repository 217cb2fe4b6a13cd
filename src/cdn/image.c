#include "cdn/image.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cdn/files.h"
#include "codec/patterns.h"
#include "config/config.h"
#include "core/fiber.h"
#include "model/errors.h"

struct storing {
	const char *dir, *kind;
	uint64_t owner, max, reserve;
	struct str base64, type, bytes, fixed;
	struct sniffed sniffed;
	char hash[IMAGE_HASH_CHARS + 3];
	int r;
};

static bool is_image(const struct sniffed *sniffed, struct str said)
{
	if (!sniffed->type || !str_starts(str_z(sniffed->type), S("image/")))
		return false;
	if (sniffed->width > IMAGE_PIXELS_MAX || sniffed->height > IMAGE_PIXELS_MAX)
		return false;
	/* Clients say image/jpg too, or the kind of what was there before they converted it: the
	 * bytes decide. */
	return str_starts(said, S("image/"));
}

static void hash_of(struct storing *storing)
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	char hex[IMAGE_HASH_CHARS + 1];

	crypto_hash_sha256(digest, (const unsigned char *)storing->bytes.ptr, storing->bytes.len);
	sodium_bin2hex(hex, sizeof(hex), digest, IMAGE_HASH_CHARS / 2);
	snprintf(storing->hash, sizeof(storing->hash), "%s%s",
		 storing->sniffed.animated ? "a_" : "", hex);
}

static int write_it(const struct storing *storing)
{
	char name[FILES_PATH_MAX];
	struct str last = storing->fixed.ptr ? storing->fixed : str_z(storing->hash);
	int n = snprintf(name, sizeof(name), "images/%s/%lu/%.*s", storing->kind, storing->owner,
			 STR_FMT(last));

	if (n <= 0 || n >= (int)sizeof(name))
		return -ENAMETOOLONG;
	if (!files_room(storing->dir, storing->bytes.len, storing->reserve))
		return ERR_UNAVAILABLE;
	struct str at = { name, (size_t)n };
	int r = files_make_parents(storing->dir, at);
	if (!r)
		r = files_write(storing->dir, at, storing->bytes);
	return r == -ENOSPC ? ERR_UNAVAILABLE : r;
}

/* In a pool thread: ten megabytes take a while to decode and hash. */
static void store(void *arg)
{
	struct storing *storing = arg;
	struct str text = storing->base64;
	size_t len = 0, cap = text.len / 4 * 3 + 3;
	unsigned char *bytes = mem_alloc(cap);

	while (text.len && text.ptr[text.len - 1] == '=')
		text.len--;
	storing->r = EINVAL;
	if (!sodium_base642bin(bytes, cap, text.ptr, text.len, NULL, &len, NULL,
			       sodium_base64_VARIANT_ORIGINAL_NO_PADDING)) {
		storing->bytes = (struct str){ (const char *)bytes, len };
		storing->sniffed = sniff_bytes(storing->bytes);
		if (len > storing->max) {
			storing->r = EFBIG;
		} else if (len && is_image(&storing->sniffed, storing->type)) {
			hash_of(storing);
			storing->r = write_it(storing);
		}
	}
	free(bytes);
}

int image_store_wait(struct core *core, struct arena *arena, const char *kind, uint64_t owner,
		     struct str data_uri, uint64_t max, struct str *ret_hash)
{
	struct storing storing = { .dir = app_of(core)->files,
				   .kind = kind,
				   .owner = owner,
				   .max = max,
				   .reserve = config_of(core)->disk_reserve };

	if (!storing.dir || !pattern_split_data_uri(data_uri, &storing.type, &storing.base64))
		return EINVAL;
	if (storing.base64.len / 4 * 3 > max + 3)
		return EFBIG;
	int r = fiber_offload_wait(core, store, &storing);
	if (r || storing.r)
		return r ? r : storing.r;
	*ret_hash = arena_str(arena, str_z(storing.hash));
	return 0;
}

static void store_as(void *arg)
{
	struct storing *storing = arg;

	storing->sniffed = sniff_bytes(storing->bytes);
	storing->r = write_it(storing);
}

int image_store_as_wait(struct core *core, struct arena *arena, const char *kind, uint64_t owner,
			struct str bytes, struct str name, struct sniffed *ret)
{
	struct storing storing = { .dir = app_of(core)->files,
				   .kind = kind,
				   .owner = owner,
				   .bytes = bytes,
				   .fixed = name,
				   .reserve = config_of(core)->disk_reserve };

	(void)arena;
	if (!storing.dir || !files_hash_ok(name))
		return EINVAL;
	int r = fiber_offload_wait(core, store_as, &storing);
	if (r || storing.r)
		return r ? r : storing.r;
	*ret = storing.sniffed;
	return 0;
}

struct str image_name(struct arena *arena, const char *kind, uint64_t owner, struct str hash)
{
	return files_hash_ok(hash) ? files_image(arena, kind, owner, hash) : (struct str){};
}
