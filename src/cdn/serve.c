#include "cdn/serve.h"

bool cdn_serve(struct core *core, struct http_request *request)
{
	(void)core;
	(void)request;
	return false; /* no files are stored yet */
}

enum http_verdict cdn_on_headers(struct core *core, struct http_request *request)
{
	(void)core;
	(void)request;
	return HTTP_READ;
}
