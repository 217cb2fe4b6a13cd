#include "cdn/filename.h"

#include "base/mem.h"

static bool is_kept(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_' || c == '-' || c == '.';
}

/* Where the extension begins (at its dot), or the length. */
static size_t extension(struct str name)
{
	for (size_t i = name.len; i > 1; i--)
		if (name.ptr[i - 1] == '.')
			return name.len - i < 16 ? i - 1 : name.len;
	return name.len;
}

static struct str base_of(struct str name)
{
	for (size_t i = name.len; i > 0; i--)
		if (name.ptr[i - 1] == '/' || name.ptr[i - 1] == '\\')
			return str_skip(name, i);
	return name;
}

static struct str keep(struct arena *arena, struct str name)
{
	char *text = arena_alloc(arena, name.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == ' ')
			text[len++] = '_';
		else if (is_kept(name.ptr[i]) &&
			 !(name.ptr[i] == '.' && (len == 0 || text[len - 1] == '.')))
			text[len++] = name.ptr[i];
	}
	while (len && text[len - 1] == '.')
		len--;
	return (struct str){ text, len };
}

struct str filename_clean(struct arena *arena, struct str name, struct str *ret_title)
{
	struct str base = base_of(str_trim(name));
	size_t dot = extension(base);
	struct str stem = keep(arena, (struct str){ base.ptr, dot });
	struct str end = keep(arena, str_skip(base, MIN(dot + 1, base.len)));

	if (!stem.len)
		stem = S("unknown");
	stem.len = MIN(stem.len, FILENAME_MAX_BYTES - end.len - 1);
	struct str clean = end.len ? arena_printf(arena, "%.*s.%.*s", STR_FMT(stem), STR_FMT(end))
				   : arena_str(arena, stem);
	*ret_title = str_eq(clean, name) || !base.len
		? (struct str){}
		: arena_str(arena, (struct str){ base.ptr, dot });
	return clean;
}

struct str filename_spoiler(struct arena *arena, struct str clean)
{
	if (str_starts(clean, S("SPOILER_")))
		return clean;
	return arena_printf(arena, "SPOILER_%.*s", STR_FMT(clean));
}
