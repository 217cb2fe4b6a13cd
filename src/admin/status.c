/* How the server is. */
#include "admin/command.h"
#include "admin/memory.h"
#include "admin/owner.h"
#include "base/buf.h"
#include "cell/cell.h"
#include "config/config.h"
#include "gateway/gateway.h"
#include "store/store.h"

int admin_status(struct admin_call *call)
{
	struct cores *cores = call->admin->cores;
	uint64_t connections = 0, sessions = 0, cells = 0, owner = 0;

	for (uint32_t i = 0; i < cores->count; i++) {
		connections += atomic_load(&gateway_stats(cores->core[i])->connections);
		sessions += atomic_load(&gateway_stats(cores->core[i])->sessions);
		cells += atomic_load(&cell_stats(cores->core[i])->loaded);
	}
	owner_load_wait(call->core, &owner);
	admin_set_str(call->result, "version", str_z(call->admin->version));
	admin_set_int(call->result, "uptime_s",
		      (cores->clock->mono_us(cores->clock) - app_of(call->core)->started_us) /
			      1000000);
	admin_set_int(call->result, "cores", cores->count);
	admin_set_bool(call->result, "serving", atomic_load(&app_of(call->core)->serving));
	admin_set_bool(call->result, "store_refusing", cores->store->ops->refusing(cores->store));
	admin_set_int(call->result, "epoch", cores->store->epoch);
	admin_set_int(call->result, "connections", connections);
	admin_set_int(call->result, "sessions", sessions);
	admin_set_int(call->result, "cells", cells);
	admin_set_int(call->result, "memory_bytes", memory_resident());
	admin_set_int(call->result, "memory_max", config_of(call->core)->memory_max);
	admin_set_bool(call->result, "memory_short",
		       atomic_load(&app_of(call->core)->memory_short));
	admin_set_id(call->result, "owner_id", owner);
	return 0;
}

int admin_metrics(struct admin_call *call)
{
	struct buf buf;

	if (!call->admin->metrics)
		return admin_fail(call, "no daemon runs here, so there is nothing to count");
	call->quiet = true;
	buf_init(&buf, ADMIN_REPLY_MAX / 4);
	call->admin->metrics(&buf, call->admin->cores);
	admin_set_str(call->result, "text", buf_str(&buf));
	buf_done(&buf);
	return 0;
}
