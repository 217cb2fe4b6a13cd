#include "admin/manifest.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"

enum { FORMAT = 1 };

bool manifest_name_ok(const char *name)
{
	if (strlen(name) >= MANIFEST_NAME_MAX)
		return false;
	for (const char *c = name; *c; c++)
		if (*c < ' ' || *c == 127)
			return false;
	if (!strcmp(name, "secrets"))
		return true;
	if (strncmp(name, "store/", 6) && strncmp(name, "files/", 6))
		return false;
	for (const char *part = name;; part++) {
		size_t len = strcspn(part, "/");

		if (!len || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part += len;
		if (!*part)
			return true;
	}
}

void manifest_add(struct manifest *manifest, const char *name, uint64_t size,
		  const uint8_t sha256[DISK_SHA256])
{
	/* Grows by doubling: at each power of two. */
	if (!(manifest->count & (manifest->count - 1)))
		manifest->files = mem_realloc(
			manifest->files, sizeof(*manifest->files) * MAX(manifest->count * 2, 2u));
	struct manifest_file *file = &manifest->files[manifest->count++];
	file->name = mem_strdup(name);
	file->size = size;
	memcpy(file->sha256, sha256, DISK_SHA256);
}

void manifest_done(struct manifest *manifest)
{
	for (uint32_t i = 0; i < manifest->count; i++)
		free(manifest->files[i].name);
	free(manifest->files);
	*manifest = (struct manifest){};
}

void manifest_text(const struct manifest *manifest, const char *version, struct buf *ret)
{
	buf_printf(ret, "rookery-backup %d\nversion %s\nepoch %lu\nmade_at_us %ld\n", FORMAT,
		   version, manifest->epoch, manifest->made_at_us);
	for (uint32_t i = 0; i < manifest->count; i++) {
		const struct manifest_file *file = &manifest->files[i];
		char hex[2 * DISK_SHA256 + 1];

		sodium_bin2hex(hex, sizeof(hex), file->sha256, DISK_SHA256);
		buf_printf(ret, "%s %lu %s\n", hex, file->size, file->name);
	}
	buf_printf(ret, "end %u\n", manifest->count);
}

/* The text before the next @end, which is taken off @rest too; false when there is none. */
static bool take(struct str *rest, char end, struct str *ret)
{
	size_t len = str_find(*rest, end);

	if (len == rest->len)
		return false;
	*ret = (struct str){ rest->ptr, len };
	*rest = str_skip(*rest, len + 1);
	return true;
}

static bool take_number(struct str *rest, struct str word, uint64_t *ret)
{
	struct str line, name;

	return take(rest, '\n', &line) && take(&line, ' ', &name) && str_eq(name, word) &&
		str_u64(line, ret);
}

static bool parse_file(struct str line, struct manifest *ret)
{
	char name[MANIFEST_NAME_MAX] = "";
	uint8_t sha256[DISK_SHA256];
	struct str hex, size;
	size_t len = 0;
	uint64_t n;

	if (!take(&line, ' ', &hex) || !take(&line, ' ', &size) || !str_u64(size, &n) ||
	    line.len >= sizeof(name) || memchr(line.ptr, '\0', line.len))
		return false;
	if (sodium_hex2bin(sha256, sizeof(sha256), hex.ptr, hex.len, NULL, &len, NULL) ||
	    len != DISK_SHA256)
		return false;
	memcpy(name, line.ptr, line.len);
	name[line.len] = '\0';
	if (!manifest_name_ok(name) || ret->count == MANIFEST_FILES_MAX)
		return false;
	manifest_add(ret, name, n, sha256);
	return true;
}

int manifest_parse(struct str text, struct manifest *ret)
{
	uint64_t format, made_at, count;
	struct str line, word;

	*ret = (struct manifest){};
	if (text.len > MANIFEST_TEXT_MAX || !take_number(&text, S("rookery-backup"), &format) ||
	    format != FORMAT)
		return -EBADMSG;
	if (!take(&text, '\n', &line) || !take_number(&text, S("epoch"), &ret->epoch) ||
	    !take_number(&text, S("made_at_us"), &made_at) || made_at > INT64_MAX)
		return -EBADMSG;
	ret->made_at_us = (int64_t)made_at;
	while (take(&text, '\n', &line)) {
		struct str rest = line;

		if (take(&rest, ' ', &word) && str_eq(word, S("end")))
			return str_u64(rest, &count) && count == ret->count && !text.len ? 0
											 : -EBADMSG;
		if (!parse_file(line, ret))
			return -EBADMSG;
	}
	return -EBADMSG; /* it was cut off */
}
