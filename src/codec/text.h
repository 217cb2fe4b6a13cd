/* Numbers and times as text, both ways. Any core. */
#pragma once

#include "base/str.h"

enum { TEXT_U64_MAX = 20, TEXT_TIME_LEN = 32 };

/* Decimal digits of @n at @dst (TEXT_U64_MAX bytes, no NUL). Their count. */
size_t text_u64(char *dst, uint64_t n);
/* Exactly TEXT_TIME_LEN bytes, no NUL: 2023-02-19T22:00:33.136000+00:00. Years outside 1..9999 are clamped. */
void text_time(char *dst, int64_t unix_us);
/* ISO 8601 as clients write it: date, or date and time with T or a space, seconds and their fraction optional, Z or
 * an offset or nothing (UTC). False when it is none, or outside the years 1..9999. */
bool text_time_parse(struct str s, int64_t *ret_unix_us);
/* The first bytes of @s up to @max, cut at a code point. */
struct str text_cut(struct str s, size_t max);
