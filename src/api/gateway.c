/* Where the gateway is. */
#include "api/req.h"
#include "config/config.h"
#include "model/limits.h"

enum { GUILDS_PER_SHARD_ADVISED = 1000, DAY_MS = 86400000, IDENTIFIES_PER_DAY = 1000 };

static struct str url_of(struct req *req)
{
	const char *configured = config_of(req->core)->gateway_url;

	if (configured)
		return str_z(configured);
	return arena_printf(req->arena, "%s://%.*s", req->secure ? "wss" : "ws",
			    STR_FMT(req->host));
}

int api_get_gateway(struct req *req, struct gateway_url *out)
{
	out->url = url_of(req);
	return 0;
}

int api_get_bot_gateway(struct req *req, struct gateway_bot *out)
{
	struct session_start_limit *limit = arena_new(req->arena, struct session_start_limit);

	*limit = (struct session_start_limit){ .total = IDENTIFIES_PER_DAY,
					       .remaining = IDENTIFIES_PER_DAY,
					       .reset_after = DAY_MS,
					       .max_concurrency = 1 };
	out->url = url_of(req);
	out->shards = 1;
	out->session_start_limit = limit;
	return 0;
}
