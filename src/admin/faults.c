/* Breaks something on purpose, to see that the rest goes on: only in a daemon with `faults = true`. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "admin/command.h"
#include "cell/cell.h"
#include "config/config.h"
#include "core/fiber.h"

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
	uint8_t times;
	bool done;
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

int admin_fault(struct admin_call *call)
{
	uint64_t times = admin_number(call, "times");
	struct str name = admin_text(call, "name"), id = admin_text(call, "id");
	struct planting planting = { .core = call->core,
				     .fiber = fiber_self(call->core),
				     .times = 1 };

	if (!config_of(call->core)->faults || !atomic_load(&app_of(call->core)->serving))
		return admin_fail(call, "this server was not started with faults = true");
	if (str_eq(name, S("assert")))
		assert(false && "asked for by the operator");
	if (!find(name, &planting.fault))
		return admin_fail(
			call, "there is no fault \"%.*s\": assert, check, landed, load, row, write",
			(int)MIN(name.len, 40), name.ptr);
	if (!str_u64(id, &planting.id) || times > TIMES_MAX)
		return admin_fail(call,
				  "fault NAME ID [--times N]: the id of a guild, or with --user of "
				  "an account");
	planting.kind = admin_flag(call, "user") ? CELL_USER : CELL_GUILD;
	if (times)
		planting.times = (uint8_t)times;
	planting.msg.run = on_plant;
	core_post(cell_owner(core_cores(call->core), planting.id), &planting.msg);
	while (!planting.done)
		fiber_park(call->core);
	return 0;
}
