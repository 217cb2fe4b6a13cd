#include "message/emoji.h"

#include <errno.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include "codec/row.h"

enum {
	UNITS_MAX =
		64, /* the longest emoji are families and flags of regions, about 35 UTF-16 units */
	SELECTOR = 0xfe0f,
	REGION_FIRST = 0x1f1e6,
	REGION_LAST = 0x1f1ff,
	TONE_FIRST = 0x1f3fb,
	TONE_LAST = 0x1f3ff,
};

struct units {
	UChar at[UNITS_MAX];
	int32_t len;
};

static void append(struct units *units, UChar32 c)
{
	UBool failed = 0;

	if (units->len + 2 < UNITS_MAX)
		U16_APPEND(units->at, units->len, UNITS_MAX, c, failed);
	(void)failed;
}

static bool is_rgi(const struct units *units)
{
	return units->len && u_stringHasBinaryProperty(units->at, units->len, UCHAR_RGI_EMOJI);
}

static struct str to_str(struct arena *arena, const struct units *units)
{
	char *text = arena_alloc(arena, UNITS_MAX * 3 + 1);
	UErrorCode error = U_ZERO_ERROR;
	int32_t len = 0;

	u_strToUTF8(text, UNITS_MAX * 3 + 1, &len, units->at, units->len, &error);
	return U_SUCCESS(error) ? (struct str){ text, (size_t)len } : (struct str){};
}

/* The code points of @text without variation selectors. */
static bool read_bare(struct str text, UChar32 code[UNITS_MAX], uint32_t *ret_count)
{
	UErrorCode error = U_ZERO_ERROR;
	UChar units[UNITS_MAX];
	int32_t len = 0;
	uint32_t count = 0;

	u_strFromUTF8(units, UNITS_MAX / 2, &len, text.ptr, (int32_t)text.len, &error);
	if (U_FAILURE(error))
		return false;
	for (int32_t i = 0; i < len;) {
		UChar32 c;

		U16_NEXT(units, i, len, c);
		if (c != SELECTOR)
			code[count++] = c;
	}
	*ret_count = count;
	return count > 0;
}

struct str emoji_standard(struct arena *arena, struct str text)
{
	UChar32 code[UNITS_MAX];
	struct units bare = {}, qualified = {};
	uint32_t count;

	if (!text.len || text.len > UNITS_MAX * 3 || !read_bare(text, code, &count))
		return (struct str){};
	if (count == 1 && code[0] >= REGION_FIRST && code[0] <= REGION_LAST)
		return arena_str(arena, text);
	for (uint32_t i = 0; i < count; i++) {
		bool toned = i + 1 < count && code[i + 1] >= TONE_FIRST && code[i + 1] <= TONE_LAST;

		append(&bare, code[i]);
		append(&qualified, code[i]);
		/* What shows as text by itself gets the selector that makes it a picture. */
		if (!toned && u_hasBinaryProperty(code[i], UCHAR_EMOJI) &&
		    !u_hasBinaryProperty(code[i], UCHAR_EMOJI_PRESENTATION) &&
		    !u_hasBinaryProperty(code[i], UCHAR_REGIONAL_INDICATOR))
			append(&qualified, SELECTOR);
	}
	if (is_rgi(&qualified))
		return to_str(arena, &qualified);
	return is_rgi(&bare) ? to_str(arena, &bare) : (struct str){};
}

bool emoji_parse(struct arena *arena, struct str text, struct partial_emoji *ret)
{
	*ret = (struct partial_emoji){};
	if (str_starts(text, S("a:"))) {
		text = str_skip(text, 2);
		ret->animated = ret->has.animated = true;
	}
	size_t colon = str_find(text, ':');
	if (colon < text.len) {
		ret->name = (struct str){ text.ptr, colon };
		return colon > 0 && str_u64(str_skip(text, colon + 1), &ret->id) && ret->id;
	}
	ret->name = emoji_standard(arena, text);
	return ret->name.ptr != NULL;
}

/* -- custom ones -- */

static void take(struct arena *arena, const struct emoji *emoji, struct partial_emoji *ret)
{
	ret->name = arena_str(arena, emoji->name);
	ret->animated = emoji->animated;
	ret->has.animated = emoji->animated;
}

struct foreign {
	struct arena *arena;
	uint64_t user_id;
	struct partial_emoji *emoji;
	bool found;
};

static int run_foreign(struct txn *txn, void *arg)
{
	struct foreign *foreign = arg;
	const struct emoji *emoji = map_get(&realm_of(txn)->emojis, foreign->emoji->id);

	if (emoji && realm_member(realm_of(txn), foreign->user_id)) {
		take(foreign->arena, emoji, foreign->emoji);
		foreign->found = true;
	}
	return 0;
}

int emoji_find_wait(struct txn *txn, uint64_t user_id, bool external, struct partial_emoji *emoji)
{
	const struct emoji *own = map_get(&realm_of(txn)->emojis, emoji->id);
	struct foreign foreign = { .arena = txn->arena, .user_id = user_id, .emoji = emoji };
	struct realm_entry entry = {};
	struct emoji app = {};
	struct key key;

	if (own) {
		take(txn->arena, own, emoji);
		return 0;
	}
	if (!external)
		return ERR_UNKNOWN_EMOJI;
	int r = txn_get_obj_wait(txn, key_application_emoji(&key, user_id, emoji->id), &desc_emoji,
				 &app);
	if (!r) {
		take(txn->arena, &app, emoji);
		return 0;
	}
	if (r == ENOENT)
		r = txn_get_obj_wait(txn, key_emoji_entry(&key, emoji->id), &desc_realm_entry,
				     &entry);
	if (r == ENOENT || (!r && (!entry.realm_id || entry.realm_id == txn->cell->id)))
		return ERR_UNKNOWN_EMOJI;
	if (!r)
		r = txn_call_wait(txn, CELL_GUILD, entry.realm_id, run_foreign, &foreign);
	if (r && r != ENOENT)
		return r;
	return foreign.found ? 0 : ERR_UNKNOWN_EMOJI;
}
