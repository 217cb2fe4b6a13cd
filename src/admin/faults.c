/* Breaks something on purpose, to see that the rest goes on: only in a daemon with `faults = true`. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "admin/command.h"
#include "cell/cell.h"
#include "config/config.h"
#include "core/fiber.h"
#include "gateway/gateway.h"

enum { TIMES_MAX = 100 };

static const struct {
	const char *name;
	enum fault fault;
} faults[] = {
#define X(name, text, doc) { text, FAULT_##name },
	FAULTS(X)
#undef X
};

struct planting {
	struct msg msg;
	struct core *core;
	struct fiber *fiber;
	enum cell_kind kind;
	uint64_t id;
	enum fault fault;
	enum session_fault session; /* 0: in a cell */
	uint8_t times;
	bool done, found;
};

static void on_planted(struct core *core, struct msg *msg)
{
	struct planting *planting = container_of(msg, struct planting, msg);

	planting->done = true;
	fiber_wake(core, planting->fiber);
}

static void on_plant(struct core *core, struct msg *msg)
{
	struct planting *planting = container_of(msg, struct planting, msg);

	planting->found = true;
	if (planting->session)
		planting->found = gateway_fault(core, planting->id, planting->session);
	else
		cell_fault(core, planting->kind, planting->id, planting->fault, planting->times);
	msg->run = on_planted;
	core_post(planting->core, msg);
}

static bool find(struct str name, enum fault *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		if (str_eq(name, str_z(faults[i].name))) {
			*ret = faults[i].fault;
			return true;
		}
	return false;
}

static int plant_wait(struct admin_call *call, struct planting *planting, struct core *owner)
{
	planting->core = call->core;
	planting->fiber = fiber_self(call->core);
	planting->msg.run = on_plant;
	core_post(owner, &planting->msg);
	while (!planting->done)
		fiber_park(call->core);
	return planting->found ? 0 : admin_fail(call, "there is no such session");
}

static int session_wait(struct admin_call *call, enum session_fault fault)
{
	struct planting planting = { .session = fault };
	struct cores *cores = core_cores(call->core);
	uint32_t core;

	if (!gateway_session_parse(admin_text(call, "id"), &planting.id, &core) ||
	    core >= cores->count)
		return admin_fail(call, "fault ring|kept SESSION: its session_id, as READY has it");
	return plant_wait(call, &planting, cores->core[core]);
}

int admin_fault(struct admin_call *call)
{
	uint64_t times = admin_number(call, "times");
	struct str name = admin_text(call, "name"), id = admin_text(call, "id");
	struct planting planting = { .times = 1 };

	if (!config_of(call->core)->faults || !atomic_load(&app_of(call->core)->serving))
		return admin_fail(call, "this server was not started with faults = true");
	if (str_eq(name, S("assert")))
		assert(false && "asked for by the operator");
	if (str_eq(name, S("ring")) || str_eq(name, S("kept")))
		return session_wait(call,
				    name.ptr[0] == 'r' ? SESSION_FAULT_RING : SESSION_FAULT_KEPT);
	if (!find(name, &planting.fault))
		return admin_fail(
			call,
			"there is no fault \"%.*s\": assert, behind, check, kept, landed, "
			"load, ring, row, write",
			(int)MIN(name.len, 40), name.ptr);
	if (!str_u64(id, &planting.id) || times > TIMES_MAX)
		return admin_fail(
			call,
			"fault NAME ID [--times N]: the id of a guild, or with --user of an account");
	planting.kind = admin_flag(call, "user") ? CELL_USER : CELL_GUILD;
	if (times)
		planting.times = (uint8_t)times;
	return plant_wait(call, &planting, cell_owner(core_cores(call->core), planting.id));
}
