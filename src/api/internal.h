/* Shared by the files of api/. */
#pragma once

#include "api/req.h"
#include "core/local.h"

struct auth_cache;

struct api_local {
	struct core *core;
	struct auth_cache *auth;
	struct limit_table *buckets, *login;
	struct route_stats *routes;
};

/* The path without /api and its version. False when there is another version than ours. */
bool api_strip(struct str *path);
/* Answers a request whose body was not read with error @r. */
void api_refuse(struct core *core, struct http_request *http, int r);
