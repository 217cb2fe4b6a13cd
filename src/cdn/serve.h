/* Files by HTTP: Discord's CDN paths, and uploads on their way in.
 *
 *	GET /attachments/CHANNEL/ID/NAME?ex=…   while its row is there and the signature good
 *	GET /avatars/USER/HASH.EXT and its kin  as stored, whatever EXT and size are asked for
 *	GET /embed/avatars/N.png                made here
 *	PUT /uploads/CHANNEL/ID/SIZE/NAME?ex=…  what POST /channels/{id}/attachments announced */
#pragma once

#include <stdbool.h>

#include "http/server.h"

/* True when @request names a file's path: it is (or will be) answered. */
bool cdn_serve(struct core *core, struct http_request *request);
/* http_server_config.on_headers for paths outside /api: how much of a body may come, and where
 * to. */
enum http_verdict cdn_on_headers(struct core *core, struct http_request *request);
/* The signed path for a file of @size bytes that is to come as DATA/files/uploads/ID. */
struct str cdn_upload_url(struct core *core, struct arena *arena, uint64_t channel_id, uint64_t id,
			  uint64_t size, struct str filename);
