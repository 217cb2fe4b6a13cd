/* Bodies on their way in: how much of one may come, decided from the head, before it is read. */
#pragma once

#include "api/req.h"
#include "http/server.h"

/* http_server_config.on_headers for paths under /api. Small bodies are read at once; above
 * LIMIT_BODY_UNCHECKED_BYTES, or with files, the caller is looked at first: token, channel,
 * permissions. */
enum http_verdict api_on_headers(struct core *core, struct http_request *http);
/* Fills req->files from the parts that have come. At home. */
void intake_files(struct req *req);
