/* Named checks of strings, for `pattern = "NAME"` in the schema and for handlers. Lengths are the schema's business
 * (min, max). All take valid UTF-8. Any core. */
#pragma once

#include "base/str.h"

struct pattern {
	const char *name;
	bool (*ok)(struct str s);
	const char *code, *message; /* of the form error; NULL: STRING_TYPE_REGEX */
	const char *sample; /* a string that passes, for tests */
};

/* New-style account names: a-z 0-9 _ and . , no two dots in a row. */
extern const struct pattern pattern_username;
/* Word characters only: letters, digits, _ (\w). */
extern const struct pattern pattern_emoji_name;
/* Chat-input command and option names: lower-case letters of any script, digits, - _ ' . */
extern const struct pattern pattern_command_name;
/* #rrggbb. */
extern const struct pattern pattern_colour;
/* en-US, de, zh-CN. */
extern const struct pattern pattern_locale;
/* Lower- or upper-case hexadecimal digits, at least one. */
extern const struct pattern pattern_hex;
/* http:// or https:// with a host, no spaces or control characters. */
extern const struct pattern pattern_url;
/* The same or attachment://name. */
extern const struct pattern pattern_media_url;
/* Any scheme (redirect addresses of applications), but not javascript or data. */
extern const struct pattern pattern_uri;
/* data:image/TYPE;base64,DATA with TYPE png, jpeg, gif, webp or avif. */
extern const struct pattern pattern_image_data;
/* data:audio/TYPE;base64,DATA. */
extern const struct pattern pattern_audio_data;
/* Base64, with or without padding. */
extern const struct pattern pattern_base64;
/* a-z 0-9 -: chosen invite codes. */
extern const struct pattern pattern_slug;
/* A-Za-z0-9 - _: invite and template codes. */
extern const struct pattern pattern_code;
/* something@domain.tld, loosely (RFC 5321 lengths). */
extern const struct pattern pattern_email;
/* Decimal digits. */
extern const struct pattern pattern_digits;
/* At least one character that is not white space. */
extern const struct pattern pattern_not_blank;
/* No control characters. */
extern const struct pattern pattern_printable;
/* One line: no control characters, no line ends. */
#define pattern_single_line pattern_printable
/* A 0-9 code of six digits, spaces allowed within (authenticator apps show 123 456). */
extern const struct pattern pattern_totp;
/* YYYY-MM-DD. */
extern const struct pattern pattern_date;

/* Decodes data:...;base64,DATA: its media type and the place of DATA in @s. False when it is none. */
bool pattern_split_data_uri(struct str s, struct str *ret_type, struct str *ret_base64);
