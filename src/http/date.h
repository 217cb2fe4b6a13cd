/* HTTP dates: IMF-fixdate (RFC 9110 §5.6.7). Any thread. */
#pragma once

#include <stdint.h>

#include "base/str.h"

enum { HTTP_DATE_LEN = 29 };

/* "Sun, 06 Nov 1994 08:49:37 GMT" of Unix seconds (years 1970 to 9999), no NUL. */
void http_date(int64_t unix_s, char ret[static HTTP_DATE_LEN]);
