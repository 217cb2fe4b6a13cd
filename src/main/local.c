#include <stdlib.h>

#include "api/auth.h"
#include "api/req.h"
#include "cell/ids.h"
#include "core/local.h"
#include "gateway/gateway.h"
#include "main/daemon.h"
#include "message/latest.h"
#include "realm/directory.h"
#include "realm/realm.h"
#include "user/forward.h"
#include "user/name.h"
#include "user/user.h"

/* What is published on this core: the API's memory of tokens first, then the sessions. */
static void apply(struct core *core, struct publication *publication)
{
	for (uint32_t i = 0; i < publication->count; i++)
		if (publication->effects[i].kind == EFFECT_LOGOUT ||
		    publication->effects[i].kind == EFFECT_FORGET)
			auth_forget(core, publication->cell_id);
	view_apply(core, publication);
}

void daemon_register(void)
{
	user_register();
	realm_register();
	name_register();
	publish_apply = apply;
	publish_forward = user_forward;
}

void daemon_local_new(struct core *core, uint32_t maker)
{
	const struct config *config = config_of(core);
	struct local *local = mem_zalloc(sizeof(*local));
	struct gateway_config gateway;

	core_set_local(core, local);
	local->ids = mem_zalloc(sizeof(*local->ids));
	local->ids->maker = maker;
	local->cell = cell_local_new(core);
	local->directory = directory_new();
	local->latest = latest_new();
	local->api = api_local_new(core);
	gateway_config_init(&gateway);
	gateway.rate_limits = config->rate_limits == RATE_LIMITS_DISCORD;
	gateway.public_url = config_of(core)->gateway_url;
	local->gateway = gateway_local_new(core, &gateway);
}

void daemon_local_free(struct core *core)
{
	struct local *local = local_of(core);

	if (!local)
		return;
	gateway_local_free(local->gateway);
	api_local_free(local->api);
	cell_local_free(local->cell);
	directory_free(local->directory);
	latest_free(local->latest);
	free(local->ids);
	free(local);
	core_set_local(core, NULL);
}
