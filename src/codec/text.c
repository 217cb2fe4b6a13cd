#include "codec/text.h"

#include "base/mem.h"

static const char digit_pairs[] = "0001020304050607080910111213141516171819"
				  "2021222324252627282930313233343536373839"
				  "4041424344454647484950515253545556575859"
				  "6061626364656667686970717273747576777879"
				  "8081828384858687888990919293949596979899";

static void two(char *dst, uint32_t n)
{
	memcpy(dst, digit_pairs + (size_t)n * 2, 2);
}

/* Eight digits, n < 100,000,000: 32-bit divisions by constants, in parallel. */
static void eight(char *dst, uint32_t n)
{
	uint32_t high = n / 10000, low = n % 10000;

	two(dst, high / 100);
	two(dst + 2, high % 100);
	two(dst + 4, low / 100);
	two(dst + 6, low % 100);
}

size_t text_u64(char *dst, uint64_t n)
{
	char digits[24];
	size_t from = 0;

	if (n < 10) {
		*dst = (char)('0' + n);
		return 1;
	}
	if (n < 100000000) {
		eight(digits + 16, (uint32_t)n);
		from = 16;
	} else if (n < 10000000000000000ULL) {
		eight(digits + 8, (uint32_t)(n / 100000000));
		eight(digits + 16, (uint32_t)(n % 100000000));
		from = 8;
	} else {
		uint64_t low = n % 10000000000000000ULL;

		eight(digits, (uint32_t)(n / 10000000000000000ULL));
		eight(digits + 8, (uint32_t)(low / 100000000));
		eight(digits + 16, (uint32_t)(low % 100000000));
	}
	while (digits[from] == '0')
		from++;
	memcpy(dst, digits + from, 24 - from);
	return 24 - from;
}

enum { DAY_FIRST = -719162, DAY_LAST = 2932896 }; /* 0001-01-01, 9999-12-31 */
#define DAY_US (86400LL * 1000000)

/* Howard Hinnant's days-from-civil arithmetic: years begin in March, so that the leap day is the last. */
static int64_t days_from_civil(int64_t year, uint32_t month, uint32_t day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	uint32_t year_of_era = (uint32_t)(year - era * 400);
	uint32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	uint32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + (int64_t)day_of_era - 719468;
}

void text_time(char *dst, int64_t unix_us)
{
	int64_t days = unix_us / DAY_US, rest = unix_us % DAY_US;

	if (rest < 0) {
		rest += DAY_US;
		days--;
	}
	if (days < DAY_FIRST) {
		days = DAY_FIRST;
		rest = 0;
	} else if (days > DAY_LAST) {
		days = DAY_LAST;
		rest = DAY_US - 1;
	}
	uint32_t z = (uint32_t)(days + 719468); /* days since 0000-03-01, positive in our range */
	uint32_t era = z / 146097, day_of_era = z % 146097;
	uint32_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint32_t day_of_year = day_of_era -
		(365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint32_t shifted = (5 * day_of_year + 2) / 153;
	uint32_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
	uint32_t month = shifted < 10 ? shifted + 3 : shifted - 9;
	uint32_t year = year_of_era + era * 400 + (month <= 2);
	uint32_t seconds = (uint32_t)(rest / 1000000), micros = (uint32_t)(rest % 1000000);

	memcpy(dst, "0000-00-00T00:00:00.000000+00:00", TEXT_TIME_LEN);
	two(dst, year / 100);
	two(dst + 2, year % 100);
	two(dst + 5, month);
	two(dst + 8, day);
	two(dst + 11, seconds / 3600);
	two(dst + 14, seconds / 60 % 60);
	two(dst + 17, seconds % 60);
	two(dst + 20, micros / 10000);
	two(dst + 22, micros / 100 % 100);
	two(dst + 24, micros % 100);
}

/* Exactly @count digits at the front of *s, taken off. */
static bool take_digits(struct str *s, size_t count, uint32_t *ret)
{
	uint32_t n = 0;

	if (s->len < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		uint32_t digit = (uint32_t)(unsigned char)s->ptr[i] - '0';

		if (digit > 9)
			return false;
		n = n * 10 + digit;
	}
	*s = str_skip(*s, count);
	*ret = n;
	return true;
}

static bool take_char(struct str *s, char c)
{
	if (!s->len || s->ptr[0] != c)
		return false;
	*s = str_skip(*s, 1);
	return true;
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Z, +hh:mm, +hhmm, +hh or nothing, to the end of @s; in minutes. */
static bool take_offset(struct str *s, int64_t *ret_minutes)
{
	uint32_t hours, minutes = 0;

	*ret_minutes = 0;
	if (!s->len)
		return true;
	if (take_char(s, 'Z') || take_char(s, 'z'))
		return s->len == 0;
	bool negative = s->ptr[0] == '-';
	if (!negative && s->ptr[0] != '+')
		return false;
	*s = str_skip(*s, 1);
	if (!take_digits(s, 2, &hours))
		return false;
	take_char(s, ':');
	if (s->len && !take_digits(s, 2, &minutes))
		return false;
	if (s->len || hours > 23 || minutes > 59)
		return false;
	*ret_minutes = (negative ? -1 : 1) * (int64_t)(hours * 60 + minutes);
	return true;
}

bool text_time_parse(struct str s, int64_t *ret_unix_us)
{
	uint32_t year, month, day, hour = 0, minute = 0, second = 0, micros = 0;
	int64_t offset = 0;

	if (!take_digits(&s, 4, &year) || !take_char(&s, '-') || !take_digits(&s, 2, &month) ||
	    !take_char(&s, '-') || !take_digits(&s, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return false;
	if (take_char(&s, 'T') || take_char(&s, 't') || take_char(&s, ' ')) {
		if (!take_digits(&s, 2, &hour) || !take_char(&s, ':') ||
		    !take_digits(&s, 2, &minute))
			return false;
		if (take_char(&s, ':')) {
			uint32_t digit, scale = 100000;

			if (!take_digits(&s, 2, &second))
				return false;
			if (take_char(&s, '.') || take_char(&s, ',')) {
				if (!take_digits(&s, 1, &digit))
					return false;
				do {
					micros += digit * scale;
					scale /= 10;
				} while (take_digits(&s, 1, &digit));
			}
		}
		if (!take_offset(&s, &offset))
			return false;
	}
	if (s.len || hour > 23 || minute > 59 || second > 60)
		return false;
	int64_t days = days_from_civil(year, month, day);
	int64_t seconds = days * 86400 + (int64_t)(hour * 3600 + minute * 60 + second) -
		offset * 60;
	*ret_unix_us = seconds * 1000000 + micros;
	return *ret_unix_us >= DAY_FIRST * DAY_US && *ret_unix_us < (DAY_LAST + 1) * DAY_US;
}

struct str text_cut(struct str s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
		max--;
	return (struct str){ s.ptr, max };
}
