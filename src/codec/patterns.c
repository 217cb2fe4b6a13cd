#include "codec/patterns.h"

#include <unicode/uchar.h>

#include "codec/text.h"

static bool lower(unsigned char c)
{
	return c >= 'a' && c <= 'z';
}

static bool upper(unsigned char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool alnum(unsigned char c)
{
	return lower(c) || upper(c) || digit(c);
}

static bool hex_digit(unsigned char c)
{
	return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool code_char(unsigned char c)
{
	return alnum(c) || c == '-' || c == '_';
}

static bool slug_char(unsigned char c)
{
	return lower(c) || digit(c) || c == '-';
}

static bool word_char(unsigned char c)
{
	return alnum(c) || c == '_';
}

/* Not empty, and every byte is @ok. */
static bool all(struct str s, bool (*ok)(unsigned char c))
{
	for (size_t i = 0; i < s.len; i++)
		if (!ok((unsigned char)s.ptr[i]))
			return false;
	return s.len > 0;
}

static bool username(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (!lower(c) && !digit(c) && c != '_' && c != '.')
			return false;
		if (c == '.' && i && s.ptr[i - 1] == '.')
			return false;
	}
	return s.len > 0;
}

static bool emoji_name(struct str s)
{
	return all(s, word_char);
}

/* The code point at *i of valid UTF-8, and past it. */
static UChar32 next_code_point(struct str s, size_t *i)
{
	unsigned char first = (unsigned char)s.ptr[(*i)++];
	UChar32 c = first < 0x80 ? first
		: first < 0xe0	 ? first & 0x1f
		: first < 0xf0	 ? first & 0x0f
				 : first & 0x07;

	while (*i < s.len && ((unsigned char)s.ptr[*i] & 0xc0) == 0x80)
		c = c << 6 | ((unsigned char)s.ptr[(*i)++] & 0x3f);
	return c;
}

static bool command_name(struct str s)
{
	for (size_t i = 0; i < s.len;) {
		UChar32 c = next_code_point(s, &i);

		if (c == '-' || c == '_' || c == '\'')
			continue;
		if (u_isUUppercase(c) && u_tolower(c) != c)
			return false;
		/* Combining vowel signs of Devanagari and Thai are no letters but belong to names. */
		if (!u_isalpha(c) && !(U_GET_GC_MASK(c) & (U_GC_N_MASK | U_GC_M_MASK)))
			return false;
	}
	return s.len > 0;
}

static bool colour(struct str s)
{
	return s.len == 7 && s.ptr[0] == '#' && all(str_skip(s, 1), hex_digit);
}

static bool locale(struct str s)
{
	size_t dash = str_find(s, '-');

	if (dash < 2 || dash > 3 || !all((struct str){ s.ptr, dash }, lower))
		return false;
	if (dash == s.len)
		return true;
	struct str region = str_skip(s, dash + 1);
	return region.len >= 2 && region.len <= 4 && all(region, alnum);
}

static bool hex(struct str s)
{
	return all(s, hex_digit);
}

static bool url_char(unsigned char c)
{
	return c > 0x20 && c != 0x7f && c != '"' && c != '<' && c != '>' && c != '\\';
}

static bool url(struct str s)
{
	size_t scheme = str_starts(s, S("https://")) ? 8 : str_starts(s, S("http://")) ? 7 : 0;
	struct str rest = str_skip(s, scheme);

	if (!scheme || !all(s, url_char))
		return false;
	return rest.len > 0 && !strchr("/?#:.@", rest.ptr[0]);
}

static bool media_url(struct str s)
{
	return url(s) || (s.len > 13 && str_starts(s, S("attachment://")) && all(s, url_char));
}

static bool scheme_char(unsigned char c)
{
	return alnum(c) || c == '+' || c == '-' || c == '.';
}

static bool uri(struct str s)
{
	size_t colon = str_find(s, ':');
	struct str scheme = { s.ptr, colon };

	if (colon == s.len || colon + 1 == s.len || !all(scheme, scheme_char) || !all(s, url_char))
		return false;
	return !str_ieq(scheme, S("javascript")) && !str_ieq(scheme, S("data")) &&
		!str_ieq(scheme, S("vbscript"));
}

static bool base64(struct str s)
{
	while (s.len && s.ptr[s.len - 1] == '=' && s.len % 4 == 0 && s.len > 1) {
		s.len--;
		if (s.ptr[s.len - 1] == '=')
			s.len--;
		break;
	}
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (!alnum(c) && c != '+' && c != '/')
			return false;
	}
	return s.len > 0 && s.len % 4 != 1;
}

bool pattern_split_data_uri(struct str s, struct str *ret_type, struct str *ret_base64)
{
	size_t comma = str_find(s, ',');
	const struct str start = S("data:"), end = S(";base64");

	if (comma == s.len || !str_starts(s, start) || comma < start.len + end.len)
		return false;
	struct str head = { s.ptr + start.len, comma - start.len };
	if (!str_eq(str_skip(head, head.len - end.len), end))
		return false;
	head.len -= end.len;
	/* Parameters of the type, such as ;charset=, are of no use here. */
	head.len = str_find(head, ';');
	*ret_type = head;
	*ret_base64 = str_skip(s, comma + 1);
	return head.len > 0;
}

static bool image_data(struct str s)
{
	static const struct str types[] = {
		{ "image/png", 9 }, { "image/jpeg", 10 }, { "image/jpg", 9 },
		{ "image/gif", 9 }, { "image/webp", 10 }, { "image/avif", 10 },
	};
	struct str type, data;

	if (!pattern_split_data_uri(s, &type, &data) || !base64(data))
		return false;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_ieq(type, types[i]))
			return true;
	return false;
}

static bool audio_data(struct str s)
{
	struct str type, data;

	return pattern_split_data_uri(s, &type, &data) && str_starts(type, S("audio/")) &&
		base64(data);
}

static bool slug(struct str s)
{
	return all(s, slug_char);
}

static bool code(struct str s)
{
	return all(s, code_char);
}

static bool email(struct str s)
{
	size_t at = str_find(s, '@');
	struct str domain = str_skip(s, at + 1);
	size_t dot = str_find(domain, '.');

	if (at == 0 || at > 64 || s.len > 254 || !all(s, url_char))
		return false;
	if (str_find(domain, '@') != domain.len || dot == 0 || dot + 1 >= domain.len)
		return false;
	return domain.ptr[domain.len - 1] != '.';
}

static bool digits(struct str s)
{
	return all(s, digit);
}

static bool not_blank(struct str s)
{
	return str_trim(s).len > 0;
}

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	return true;
}

static bool totp(struct str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (digit((unsigned char)s.ptr[i]))
			count++;
		else if (s.ptr[i] != ' ')
			return false;
	}
	return count == 6 && s.len <= 10;
}

static bool date(struct str s)
{
	int64_t time;

	return s.len == 10 && text_time_parse(s, &time);
}

const struct pattern pattern_username = {
	"username",
	username,
	"USERNAME_INVALID_CONTAINS",
	"Please only use numbers, letters, underscores _ , or periods.",
	"ann.b_2",
};
const struct pattern pattern_emoji_name = { "emoji_name", emoji_name, NULL, NULL, "party_parrot" };
const struct pattern pattern_command_name = {
	"command_name", command_name, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid",
	"add-role",
};
const struct pattern pattern_colour = { "colour", colour, NULL, NULL, "#10a0ff" };
const struct pattern pattern_locale = { "locale", locale, NULL, NULL, "en-US" };
const struct pattern pattern_hex = { "hex", hex, NULL, NULL, "00c0ffee" };
const struct pattern pattern_url = {
	"url", url, "URL_TYPE_INVALID_URL", "Not a well formed URL.", "https://a.example/b?c=d",
};
const struct pattern pattern_media_url = {
	"media_url",
	media_url,
	"URL_TYPE_INVALID_URL",
	"Not a well formed URL.",
	"attachment://cat.png",
};
const struct pattern pattern_uri = {
	"uri", uri, "URL_TYPE_INVALID_URL", "Not a well formed URL.", "myapp://callback",
};
const struct pattern pattern_image_data = {
	"image_data",
	image_data,
	"IMAGE_INVALID",
	"Invalid image",
	"data:image/png;base64,iVBORw0KGgo=",
};
const struct pattern pattern_audio_data = {
	"audio_data",
	audio_data,
	"BASE_TYPE_INVALID",
	"Invalid sound",
	"data:audio/ogg;base64,T2dnUw==",
};
const struct pattern pattern_base64 = { "base64", base64, NULL, NULL, "aGVsbG8=" };
const struct pattern pattern_slug = { "slug", slug, NULL, NULL, "our-place" };
const struct pattern pattern_code = { "code", code, NULL, NULL, "aB3-_xYz09" };
const struct pattern pattern_email = {
	"email",	 email, "EMAIL_TYPE_INVALID_EMAIL", "Not a well formed email address.",
	"ann@a.example",
};
const struct pattern pattern_digits = { "digits", digits, NULL, NULL, "0123456789" };
const struct pattern pattern_not_blank = {
	"not_blank", not_blank, "BASE_TYPE_REQUIRED", "This field is required", "x y",
};
const struct pattern pattern_printable = { "printable", printable, NULL, NULL, "a line of text" };
const struct pattern pattern_totp = { "totp", totp, NULL, NULL, "123 456" };
const struct pattern pattern_date = { "date", date, NULL, NULL, "2001-02-28" };
