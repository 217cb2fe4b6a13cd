/* A borrowed view of bytes. It owns nothing; copy what you keep. ptr NULL is "no string" (JSON null). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *ptr;
	size_t len;
};

/* A view of a string literal / of a NUL-terminated string (NULL gives the null view). */
#define S(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
static inline struct str str_z(const char *z)
{
	return (struct str){ z, z ? strlen(z) : 0 };
}
/* For printf: "%.*s", STR_FMT(s). */
#define STR_FMT(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline bool str_eq(struct str a, struct str b)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): what has a length has bytes */
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
/* ASCII case only. */
bool str_ieq(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
/* Bytes from @from to the end, clamped. */
static inline struct str str_skip(struct str s, size_t from)
{
	size_t n = from < s.len ? from : s.len;

	return (struct str){ n ? s.ptr + n : s.ptr, s.len - n }; /* NULL + 0 is undefined */
}
/* Index of @c or s.len. */
size_t str_find(struct str s, char c);
/* The value of a hexadecimal digit, of either case; -1: it is none. */
int hex_value(char c);
/* Whole string as a u64 of 1 to 16 hexadecimal digits, lower case as we write them. */
bool str_hex(struct str s, uint64_t *ret);
/* Whole string as a decimal u64; false on empty, junk or overflow. */
bool str_u64(struct str s, uint64_t *ret);
/* Whole string as a signed decimal. */
bool str_i64(struct str s, int64_t *ret);
/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms)? */
bool str_utf8_valid(struct str s);
/* Code points of valid UTF-8. Discord counts lengths in code points here. */
size_t str_utf8_len(struct str s);
/* Without ASCII and Unicode white space at both ends. */
struct str str_trim(struct str s);
