#include "http/date.h"

#include <time.h>

#include "base/mem.h"

/* Not strftime(): names must be English whatever the locale. */
void http_date(int64_t unix_s, char ret[static HTTP_DATE_LEN])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const int64_t last = 253402300799; /* the end of 9999 */
	time_t t = (time_t)MAX(MIN(unix_s, last), 0);
	struct tm tm;

	gmtime_r(&t, &tm);
	int year = tm.tm_year + 1900;
	memcpy(ret, "Xxx, 00 Xxx 0000 00:00:00 GMT", HTTP_DATE_LEN);
	memcpy(ret, days + tm.tm_wday * 3, 3);
	memcpy(ret + 8, months + tm.tm_mon * 3, 3);
	const int digits[][2] = { { 5, tm.tm_mday },  { 12, year / 100 }, { 14, year % 100 },
				  { 17, tm.tm_hour }, { 20, tm.tm_min },  { 23, tm.tm_sec } };
	for (size_t i = 0; i < ARRAY_SIZE(digits); i++) {
		ret[digits[i][0]] = (char)('0' + digits[i][1] / 10);
		ret[digits[i][0] + 1] = (char)('0' + digits[i][1] % 10);
	}
}
