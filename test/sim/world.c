/* The server under test: its cores, its store, its death and return. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cell/cell.h"
#include "cell/txn.h"
#include "core/fiber.h"
#include "core/local.h"
#include "gateway/gateway.h"
#include "main/daemon.h"
#include "main/ids.h"
#include "main/serve.h"
#include "realm/join.h"
#include "sim/sim.h"
#include "user/account.h"

enum { FIBERS_MAX = 512, ROUND_US = 40, ROUNDS_MAX = 400000 };
static const uint64_t WALL_BASE_US = 1790000000000000; /* some day in 2026 */

uint64_t pick(struct world *world, uint64_t below)
{
	return random_below(&world->random.random, below);
}

bool chance(struct world *world, uint32_t percent)
{
	return pick(world, 100) < percent;
}

/* -- the clock -- */

static uint64_t mono(struct clock *clock)
{
	return container_of(clock, struct world, clock)->now_us;
}

static uint64_t wall(struct clock *clock)
{
	const struct world *world = container_of(clock, struct world, clock);

	return WALL_BASE_US + world->now_us + world->wall_shift_us;
}

/* -- starting and dying -- */

static void on_serve(struct core *core, struct msg *msg)
{
	serve_begin(core);
	free(msg);
}

static void on_recovered(struct core *core)
{
	struct world *world = container_of(app_of(core), struct world, app);

	if (++world->recovered < CORES)
		return;
	world->serving = true;
	atomic_store(&world->app.serving, true);
	trace(world, "serving");
	for (uint32_t i = 0; i < CORES; i++) {
		struct msg *msg = mem_zalloc(sizeof(*msg));

		msg->run = on_serve;
		core_post(world->server->core[i], msg);
	}
}

static void on_recover(struct core *core, struct msg *msg)
{
	free(msg);
	intents_recover(core, on_recovered);
}

static void recover(struct core *core, void *arg)
{
	(void)arg;
	gateway_restore_wait(core);
	atomic_store(&app_of(core)->returning, false);
	for (uint32_t i = 0; i < CORES; i++) {
		struct msg *msg = mem_zalloc(sizeof(*msg));

		msg->run = on_recover;
		core_post(core_cores(core)->core[i], msg);
	}
}

static void on_ids(struct core *core)
{
	if (fiber_self(core) || fiber_start(core, recover, NULL))
		recover(core, NULL);
}

static void on_start(struct core *core, struct msg *msg)
{
	free(msg);
	container_of(app_of(core), struct world, app)->ids = ids_keeper_new(core, on_ids, NULL);
}

void world_start(struct world *world)
{
	struct cores_config config = {
		.count = CORES,
		.fibers_max = FIBERS_MAX,
		.clock = &world->clock,
		.random = &world->random.random,
		.store = world->store,
		.app = &world->app,
	};

	world->life++;
	world->recovered = 0;
	world->serving = false;
	atomic_store(&world->app.serving, false);
	atomic_store(&world->app.returning, true);
	world->server = cores_new(&config);
	for (uint32_t i = 0; i < CORES; i++) {
		daemon_local_new(world->server->core[i], i);
		/* With every other seed a room is a crowd. */
		if (world->seed % 2)
			gateway_fan_slowly(world->server->core[i]);
		serve_new(world->server->core[i]);
	}
	struct msg *msg = mem_zalloc(sizeof(*msg));
	msg->run = on_start;
	core_post(world->server->core[0], msg);
}

/* What the process held in memory goes; what its fibers had allocated is lost, as it is when a process dies. */
static void stop(struct world *world)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(world->rests); i++)
		rest_break(&world->rests[i], true);
	for (uint32_t i = 0; i < VIEWERS; i++)
		viewer_drop(&world->viewers[i], true);
	for (uint32_t i = 0; i < CORES; i++) {
		serve_free(world->server->core[i]);
		daemon_local_free(world->server->core[i]);
	}
	ids_keeper_free(TAKE(world->ids));
	cores_free(TAKE(world->server));
}

void world_crash(struct world *world)
{
	struct store_mem_faults faults = *store_mem_faults(world->store);

	trace(world, "the process dies, %u commits wait", store_mem_waiting(world->store));
	world->crashes++;
	stop(world);
	world->store = store_mem_open(NULL, store_mem_crash(world->store));
	/* Set right by a time server, while we were away. With a failing disk too, ids could repeat. */
	if (!world->disk_failed && chance(world, 20))
		world->wall_shift_us -= pick(world, 1000000);
	*store_mem_faults(world->store) = faults;
	world_start(world);
}

/* As the daemon does it when its cores have stopped. */
static void keep_sessions(struct world *world)
{
	struct gateway_keeping keeping;
	uint32_t quiet = 0;

	for (int i = 0; i < 2000 && quiet < 8; i++) {
		bool busy = store_mem_step(world->store) > 0 || store_mem_waiting(world->store) > 0;

		for (uint32_t k = 0; k < CORES; k++)
			busy |= core_turn(world->server->core[k], 0) == 0;
		world->now_us += 100;
		quiet = busy ? 0 : quiet + 1;
	}
	gateway_keep(world->server, &keeping);
	for (int i = 0; i < 2000 && keeping.waiting; i++) {
		store_mem_step(world->store);
		core_turn(world->server->core[0], 0);
		world->now_us += 100;
	}
	trace(world, "the server stops, %u sessions kept, %u not, r=%d", keeping.sessions,
	      keeping.left_out, keeping.failed);
	/* Who is left out, was on its way; all others must be able to go on. */
	if (keeping.waiting || keeping.failed || keeping.left_out)
		world->life++;
	if (keeping.waiting)
		fail(world, "the sessions are never kept");
}

void world_restart(struct world *world)
{
	struct store_mem_faults faults = *store_mem_faults(world->store);

	if (!world->serving) {
		world_crash(world);
		return;
	}
	keep_sessions(world);
	stop(world);
	world->store = store_mem_open(NULL, store_mem_crash(world->store));
	*store_mem_faults(world->store) = faults;
	world->life--; /* the sessions live on */
	world_start(world);
}

void world_init(struct world *world, uint64_t seed, struct store *store,
		const struct options *options)
{
	/* GUILDS, GUILD_MESSAGES, their reactions and typing: no content, no members */
	enum { BARE_INTENTS = 1 << 0 | 1 << 9 | 1 << 10 | 1 << 11, ALL_INTENTS = (1 << 22) - 1 };
	static const uint32_t users[VIEWERS] = { OWNER,	  ANN,	    ANN,   BOB,	   CID,
						 BOT_ALL, BOT_BARE, OWNER, BOT_ALL };

	*world = (struct world){ .seed = seed, .options = options, .store = store };
	random_seeded_init(&world->random, seed);
	world->clock = (struct clock){ mono, wall };
	world->now_us = 1000000;
	world->config = config_new();
	world->config->rate_limits = RATE_LIMITS_OFF;
	atomic_store(&world->app.config, world->config);
	buf_init(&world->journal.tail, 1 << 20);
	world->clients = cores_new(&(struct cores_config){ .count = 1,
							   .fibers_max = 1,
							   .clock = &world->clock,
							   .random = &world->random.random });
	for (uint32_t i = 0; i < ARRAY_SIZE(world->rests); i++)
		world->rests[i] = (struct rest){ .world = world, .user = i / RESTS_PER_USER };
	for (uint32_t i = 0; i < VIEWERS; i++)
		viewer_init(world, &world->viewers[i], i, users[i],
			    users[i] == BOT_BARE ? BARE_INTENTS : ALL_INTENTS);
	world->viewers[AUDIT_OWNER].off = world->viewers[AUDIT_BOT].off = true;
	for (uint32_t i = 0; i <= CORES; i++)
		world->bias[i] = 50;
}

void world_done(struct world *world)
{
	stop(world);
	for (uint32_t i = 0; i < VIEWERS; i++)
		viewer_done(&world->viewers[i]);
	for (uint32_t i = 0; i < ARRAY_SIZE(world->rests); i++) {
		buf_done(&world->rests[i].in);
		buf_done(&world->rests[i].out);
	}
	for (int i = 0; i < 3; i++)
		core_turn(world->clients->core[0], 0);
	cores_free(world->clients);
	if (world->store)
		store_mem_image_free(store_mem_crash(world->store));
	config_free(world->config);
	journal_done(&world->journal);
	free(world->failure);
}

/* -- rounds -- */

/* When something is to happen by itself. */
static uint64_t next_us(struct world *world, uint64_t core_next_us)
{
	uint64_t next = MIN(core_next_us, store_mem_next_us(world->store));

	for (uint32_t i = 0; i < VIEWERS; i++)
		if (world->viewers[i].state == VIEWER_UP)
			next = MIN(next, world->viewers[i].heartbeat_us);
	return next;
}

static bool clients_busy(const struct world *world)
{
	for (uint32_t i = 0; i < VIEWERS; i++) {
		const struct viewer *viewer = &world->viewers[i];

		if ((viewer->state == VIEWER_DOWN && !viewer->off) || viewer->paused ||
		    (viewer->state != VIEWER_DOWN && viewer->state != VIEWER_UP))
			return true;
	}
	return false;
}

bool world_round(struct world *world)
{
	uint64_t core_next_us = UINT64_MAX;
	bool busy = false, all = true;

	world->tick++;
	if (++world->rounds > ROUNDS_MAX)
		fail(world, "it never becomes quiet");
	uint32_t first = (uint32_t)pick(world, CORES + 1);
	for (uint32_t k = 0; k <= CORES; k++) {
		uint32_t i = (first + k) % (CORES + 1);
		struct core *core = i < CORES ? world->server->core[i] : world->clients->core[0];

		if (!chance(world, world->bias[i])) {
			all = false;
			continue;
		}
		world->tick++;
		uint64_t us = core_turn(core, 0);
		busy |= us == 0;
		if (us && us != UINT64_MAX)
			core_next_us = MIN(core_next_us, world->now_us + us);
	}
	if (chance(world, 60) && store_mem_step(world->store))
		busy = true;
	if (world->options->publish_before_sync && chance(world, 3))
		store_mem_sync(world->store);
	for (uint32_t i = 0; i < VIEWERS; i++)
		viewer_step(&world->viewers[i]);
	world->now_us += pick(world, ROUND_US);
	if (busy || !all || clients_busy(world))
		return true;
	/* All had their turn and wanted no other: on to what comes next, soon if calls wait for it. */
	uint64_t next = next_us(world, core_next_us);
	if (next == UINT64_MAX)
		return false;
	if (next > world->now_us + 10000000 && !world->calls_pending)
		return false;
	world->now_us = MAX(world->now_us, MIN(next, world->now_us + 1000000));
	return true;
}

void world_settle(struct world *world, uint64_t ms)
{
	uint64_t until = world->now_us + ms * 1000, quiet = 0;
	uint32_t bias[CORES + 1];

	memcpy(bias, world->bias, sizeof(bias));
	for (uint32_t i = 0; i <= CORES; i++)
		world->bias[i] = 100;
	while (!world->failed && world->now_us < until && quiet < 4)
		quiet = world_round(world) ? 0 : quiet + 1;
	memcpy(world->bias, bias, sizeof(bias));
}

/* -- the beginning of all seeds -- */

struct making {
	struct world *world;
	bool done;
	int r;
};

static void make_accounts(struct core *core, void *arg)
{
	static const char *const names[USERS] = { "owner", "ann", "bob", "cid", "all", "bare" };
	struct making *making = arg;

	for (uint32_t i = 0; i < USERS && !making->r; i++) {
		struct actor *user = &making->world->users[i];
		/* All privileged intents. */
		struct application application = { .name = str_z(names[i]),
						   .flags = 1 << 12 | 1 << 14 | 1 << 18 };
		struct account_new spec = { .username = str_z(names[i]),
					    .locale = S("en-US"),
					    .bot = i >= BOT_ALL };

		application.null.type = true;
		application.owner_id = making->world->users[OWNER].id;
		application.verify_key = application.sign_seed = application.description = S("");
		user->bot = spec.bot;
		if (spec.bot)
			spec.application = &application;
		making->r = account_create_wait(core, &spec, &user->id, user->token);
		if (!making->r && spec.bot)
			making->r = account_token_wait(core, user->id, TOKEN_BOT, S(""), S(""),
						       user->token);
	}
	making->done = true;
}

struct joining {
	struct world *world;
	bool done;
	int r;
};

static void make_members(struct core *core, void *arg)
{
	struct joining *joining = arg;

	for (uint32_t i = ANN; i < USERS && !joining->r; i++) {
		struct actor *user = &joining->world->users[i];
		struct realm_join join = {
			.user = { .id = user->id, .username = S("somebody"), .bot = user->bot }
		};

		join.user.has.bot = user->bot;
		joining->r = cell_call_wait(core, CELL_GUILD, joining->world->guild, realm_join_run,
					    &join);
		user->joins_min++;
		user->joins_max++;
	}
	joining->done = true;
}

static void must(struct world *world, bool fine, const char *what)
{
	if (fine && !world->failed)
		return;
	fprintf(stderr, "the world cannot be prepared: %s: %s\n", what,
		world->failure ? world->failure : "refused");
	exit(2);
}

static void run_fiber(struct world *world, void (*run)(struct core *, void *), void *arg,
		      const bool *done)
{
	must(world, fiber_start(world->server->core[0], run, arg) == 0, "fiber");
	while (!*done && !world->failed)
		world_round(world);
	must(world, *done, "fiber");
}

static void make_guild(struct world *world)
{
	struct buf body;

	/* A room for all, two that hide, one in a category that hides, one where only some may speak. */
	buf_init(&body, 1 << 16);
	buf_printf(
		&body,
		"{\"name\":\"sim\",\"system_channel_id\":\"1\",\"channels\":["
		"{\"id\":\"1\",\"name\":\"general\",\"type\":0},"
		"{\"id\":\"2\",\"name\":\"secret\",\"type\":0,\"permission_overwrites\":["
		"{\"id\":\"0\",\"type\":0,\"allow\":\"0\",\"deny\":\"1024\"},{\"id\":\"%lu\",\"type\":1,\"allow\":\"1024\",\"deny\":\"0\"}]},"
		"{\"id\":\"3\",\"name\":\"cellar\",\"type\":4},"
		"{\"id\":\"4\",\"name\":\"deep\",\"type\":0,\"parent_id\":\"3\",\"permission_overwrites\":["
		"{\"id\":\"0\",\"type\":0,\"allow\":\"0\",\"deny\":\"1024\"},{\"id\":\"%lu\",\"type\":1,\"allow\":\"1024\",\"deny\":\"0\"}]},"
		"{\"id\":\"5\",\"name\":\"other\",\"type\":0}]}",
		world->users[ANN].id, world->users[BOT_BARE].id);
	buf_putc(&body, '\0');
	struct request *call = call_wait(world, OWNER, "POST", body.ptr, "/guilds");
	must(world, call->status == 201 || call->status == 200, "guild");
	world->guild = json_id(call->reply, "id");
	world->system_channel = json_id(call->reply, "system_channel_id");
	call_free(call);
	buf_done(&body);
}

static struct world_base *base_new(void)
{
	static const struct options plain;
	struct world_base *base = mem_zalloc(sizeof(*base));
	struct world *world = mem_zalloc(sizeof(*world));
	struct making making = { .world = world };

	world_init(world, 1, store_mem_new(NULL), &plain);
	for (uint32_t i = 0; i < VIEWERS; i++)
		world->viewers[i].off = true;
	world_start(world);
	while (!world->serving)
		world_round(world);
	run_fiber(world, make_accounts, &making, &making.done);
	must(world, making.r == 0, "accounts");
	make_guild(world);
	struct joining joining = { .world = world };
	run_fiber(world, make_members, &joining, &joining.done);
	must(world, joining.r == 0, "members");
	struct request *call = call_wait(world, OWNER, "POST", "{\"max_age\":0}",
					 "/channels/%lu/invites", world->system_channel);
	must(world, call->status == 200, "invite");
	snprintf(base->invite, sizeof(base->invite), "%s",
		 json_string_value(json_object_get(call->reply, "code")));
	call_free(call);

	/* Where they can be made: two roles to play with, a channel for each. */
	for (int i = 0; i < 2; i++) {
		call = call_wait(world, OWNER, "POST",
				 "{\"name\":\"base\",\"permissions\":\"8192\"}",
				 "/guilds/%lu/roles", world->guild);
		if (call->status == 200)
			base->roles[base->roles_count++] = json_id(call->reply, "id");
		call_free(call);
	}
	const char *key;
	json_t *channel;
	truth_read(world, &base->truth);
	must(world, base->truth.channels != NULL, "truth");
	json_object_foreach(base->truth.channels, key,
			    channel) if (json_integer_value(json_object_get(channel, "type")) == 0)
		base->channels[base->channels_count++] = strtoull(key, NULL, 10);
	world_settle(world, 1000);
	memcpy(base->users, world->users, sizeof(base->users));
	base->guild = world->guild;
	base->system_channel = world->system_channel;
	base->now_us = world->now_us;
	base->store = store_mem_open(NULL, store_mem_image_of(world->store));
	world_done(world);
	free(world);
	return base;
}

const struct world_base *world_base(void)
{
	static const struct world_base *base;

	if (!base)
		base = base_new();
	return base;
}

static void begin_rows(struct world *world, const struct world_base *base)
{
	char key[64], value[96];
	const char *id;
	json_t *row, *o;
	size_t i;

	json_object_foreach(base->truth.channels, id, row)
	{
		snprintf(key, sizeof(key), "ch:%s", id);
		reg_begin(world, key, json_string_value(json_object_get(row, "name")), true);
		json_array_foreach(json_object_get(row, "permission_overwrites"), i, o)
		{
			snprintf(key, sizeof(key), "ow:%s:%lu", id, json_id(o, "id"));
			snprintf(value, sizeof(value), "%lu:%lu", json_id(o, "allow"),
				 json_id(o, "deny"));
			reg_begin(world, key, value, false);
		}
	}
	json_object_foreach(base->truth.roles, id, row)
	{
		snprintf(key, sizeof(key), "role:%s", id);
		snprintf(value, sizeof(value), "%s|%lu",
			 json_string_value(json_object_get(row, "name")),
			 json_id(row, "permissions"));
		reg_begin(world, key, value, strtoull(id, NULL, 10) != base->guild);
	}
}

void world_from_base(struct world *world, uint64_t seed, const struct options *options)
{
	const struct world_base *base = world_base();
	char key[64];

	world_init(world, seed, store_mem_open(NULL, store_mem_image_of(base->store)), options);
	world->now_us = base->now_us;
	memcpy(world->users, base->users, sizeof(world->users));
	world->guild = base->guild;
	world->system_channel = base->system_channel;
	memcpy(world->channels, base->channels, sizeof(world->channels));
	memcpy(world->roles, base->roles, sizeof(world->roles));
	world->channels_count = base->channels_count;
	world->roles_count = base->roles_count;
	snprintf(world->invite, sizeof(world->invite), "%s", base->invite);
	begin_rows(world, base);
	for (uint32_t i = 0; i < USERS; i++) {
		snprintf(key, sizeof(key), "mem:%u", i);
		reg_begin(world, key, "1", false);
	}
}
