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
