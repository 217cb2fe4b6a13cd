/* The request methods that are served (RFC 9110 §9). TRACE and CONNECT are answered 405, anything else 501. */
#pragma once

#include "base/str.h"

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_METHOD_COUNT,
};

/* "GET" and so on; any thread. */
static inline struct str http_method_name(enum http_method method)
{
	static const char *const names[HTTP_METHOD_COUNT] = { "GET",   "HEAD",	 "POST",   "PUT",
							      "PATCH", "DELETE", "OPTIONS" };

	return str_z(names[method]);
}
