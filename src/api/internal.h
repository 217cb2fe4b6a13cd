/* Shared by the files of api/. */
#pragma once

#include "api/hold.h"
#include "api/req.h"
#include "core/fiber.h"
#include "core/local.h"

struct auth_cache;

struct api_local {
	struct core *core;
	struct auth_cache *auth;
	struct limit_table *buckets, *login;
	struct route_stats *routes;
	struct limited_stats limited;
	/* Requests that read pages of messages here, from their turn (or their waiting for it) until their answer is with the
	 * socket on the core that they came from, which counts them out. */
	_Atomic uint32_t reading;
	struct hold hold;
	struct fiber_wait to_read; /* those whose turn has not come */
};

/* The path without /api and its version. False when there is another version than ours. */
bool api_strip(struct str *path);
/* Answers a request whose body was not read with error @r. */
void api_refuse(struct core *core, struct http_request *http, int r);
