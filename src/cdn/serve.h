/* Files by HTTP: Discord's CDN paths, and uploads on their way in. */
#pragma once

#include <stdbool.h>

#include "http/server.h"

/* True when @request names a file's path: it is (or will be) answered. */
bool cdn_serve(struct core *core, struct http_request *request);
/* http_server_config.on_headers: how much of a body may come, and where to. */
enum http_verdict cdn_on_headers(struct core *core, struct http_request *request);
