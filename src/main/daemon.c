#include "main/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/control.h"
#include "admin/memory.h"
#include "admin/owner.h"
#include "admin/secrets.h"
#include "base/log.h"
#include "cdn/files.h"
#include "cell/txn.h"
#include "core/fiber.h"
#include "core/local.h"
#include "gateway/gateway.h"
#include "limit/limit.h"
#include "main/ids.h"
#include "main/metrics.h"
#include "main/reload.h"
#include "main/serve.h"
#include "main/version.h"
#include "main/watchdog.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/rlimit.h"
#include "net/signal.h"
#include "net/tls.h"
#include "store/store.h"

enum {
	DRAIN_MS = 5000,
	DRAIN_STEP_MS = 50,
	DRY_TURNS = 5000, /* of a millisecond */
	DRY_QUIET = 10,
	KEEP_TURNS = 10000,
	SETTLE_MS = 60,
	SETTLE_LOOKS = 100,
	FIBERS_MAX = 4096,
	OFFLOAD_THREADS = 2,
	CORES_MAX_DEFAULT = 8,
	CONNECTIONS_MAX = 1 << 20,
	PER_ADDRESS_MAX = 20000,
};

struct daemon {
	struct daemon_options options;
	const struct config *config; /* of the start */
	struct app app;
	struct store *store;
	struct cores *cores;
	struct quota *quota;
	struct tls *tls;
	struct signals *signals;
	struct listener **listeners;
	size_t listeners_count;
	_Atomic uint32_t recovered;
	struct msg shut;
	struct timer drain;
	uint64_t drain_until_us;
	bool stopping;
	struct msg start;
	struct ids_keeper *ids;
	struct admin admin;
	struct control *control;
	struct memory_watch *memory;
	struct reload *reload;
	struct watchdog *watchdog;
	struct gateway_keeping keeping;
};

static int fail(char **error, int r, const char *what)
{
	if (asprintf(error, "%s: %s", what, strerror(-r)) < 0)
		*error = NULL;
	return r;
}

static int open_store(struct daemon *daemon, char **error)
{
	const struct config *config = daemon->config;
	char path[4096];

	if (mkdir(config->data, 0700) && errno != EEXIST)
		return fail(error, -errno, config->data);
	if (chmod(config->data, 0700))
		return fail(error, -errno, config->data);
	snprintf(path, sizeof(path), "%s/store", config->data);
	struct store_rocks_config rocks = {
		.dir = path,
		.cache_bytes = MIN(config->memory_max / 4, 256ULL << 20),
		.readers = 2,
		.sync_interval_ms = config->sync == SYNC_ALWAYS ? -1
			: config->sync == SYNC_NEVER		? 0
								: (int)config->sync_interval_ms,
		/* The reserve is for a server that takes writes; the operator's own commands work in what room there is. */
		.reserve_bytes = daemon->options.offline ? 1 : config->disk_reserve,
	};
	int r = store_rocks_open(&rocks, &daemon->store);
	return r ? fail(error, r, path) : 0;
}

/* Attachments, avatars: beside the store. */
static int open_files(struct daemon *daemon, char **error)
{
	if (asprintf(&daemon->app.files, "%s/files", daemon->config->data) < 0)
		return -ENOMEM;
	int r = files_init(daemon->app.files);
	return r ? fail(error, r, daemon->app.files) : 0;
}

static int parse_proxies(struct daemon *daemon, char **error)
{
	char **list = daemon->config->trusted_proxies;

	for (size_t i = 0; list && list[i]; i++) {
		struct app *app = &daemon->app;

		app->trusted = mem_realloc(app->trusted, (i + 1) * sizeof(*app->trusted));
		if (!cidr_parse(str_z(list[i]), &app->trusted[i]))
			return fail(error, -EINVAL, list[i]);
		app->trusted_count = (uint32_t)i + 1;
	}
	return 0;
}

static int listen_on(struct daemon *daemon, const char *address, struct tls *tls, char **error)
{
	struct listener_config config = {
		.address = address,
		.tls = tls,
		.quota = daemon->quota,
		.on_accept = serve_accept,
	};

	daemon->listeners = mem_realloc(daemon->listeners,
					(daemon->listeners_count + 1) * sizeof(*daemon->listeners));
	int r = listener_open(daemon->cores, &config, &daemon->listeners[daemon->listeners_count]);
	if (r)
		return fail(error, r, address);
	const struct addr *at = listener_address(daemon->listeners[daemon->listeners_count++]);
	if (!daemon->app.default_url) {
		char text[ADDR_TEXT_MAX];

		addr_text(at, text);
		if (asprintf(&daemon->app.default_url, "%s://%s", tls ? "https" : "http", text) < 0)
			daemon->app.default_url = NULL;
	}
	return 0;
}

static int listen_metrics(struct daemon *daemon, char **error)
{
	struct listener_config config = { .address = daemon->config->metrics_listen,
					  .on_accept = serve_accept_metrics };
	struct listener *listener;

	if (!config.address || !config.address[0])
		return 0;
	int r = listener_open(daemon->cores, &config, &listener);
	if (r)
		return fail(error, r, config.address);
	daemon->listeners = mem_realloc(daemon->listeners,
					(daemon->listeners_count + 1) * sizeof(*daemon->listeners));
	daemon->listeners[daemon->listeners_count++] = listener;
	return 0;
}

static int open_listeners(struct daemon *daemon, char **error)
{
	const struct config *config = daemon->config;
	char why[256];
	int r = 0;

	for (size_t i = 0; !r && config->listen && config->listen[i]; i++)
		r = listen_on(daemon, config->listen[i], NULL, error);
	if (!r && config->listen_tls && config->listen_tls[0]) {
		r = tls_server_new(config->tls_certificate, config->tls_key, &daemon->tls, why,
				   sizeof(why));
		if (r)
			return fail(error, r, why);
	}
	for (size_t i = 0; !r && config->listen_tls && config->listen_tls[i]; i++)
		r = listen_on(daemon, config->listen_tls[i], daemon->tls, error);
	return r ? r : listen_metrics(daemon, error);
}

/* -- stopping: op 7 to sessions, answers finished, at most five seconds, then the store is flushed -- */

static void on_drain(struct core *core, struct timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, drain);

	/* Those too that are closed already and only read away what their client still sends, so that it gets the last answer. */
	if (quota_open(daemon->quota) && core_now_us(core) < daemon->drain_until_us) {
		timer_set(core, timer, DRAIN_STEP_MS);
		return;
	}
	if (daemon->admin.busy) {
		/* It may take an hour, and its thread cannot be stopped. What was acknowledged is in the log of the store, so nothing is lost by
		 * not flushing it; half a backup has no manifest. */
		log_warn("ending in the middle of a long command of the operator's");
		_exit(0);
	}
	cores_ask_stop(daemon->cores);
}

static void on_drain_core(struct core *core, struct msg *msg)
{
	serve_drain(core);
	free(msg);
}

/* From core to core, behind what shuts the listeners there: who is told to come back finds no door of ours open any more. */
static void on_shut(struct core *core, struct msg *msg)
{
	struct daemon *daemon = container_of(msg, struct daemon, shut);
	struct cores *cores = daemon->cores;

	if (core_index(core) + 1 < cores->count) {
		core_post(cores->core[core_index(core) + 1], msg);
		return;
	}
	gateway_drain(cores);
	for (uint32_t i = 0; i < cores->count; i++) {
		struct msg *drain = mem_zalloc(sizeof(*drain));

		drain->run = on_drain_core;
		core_post(cores->core[i], drain);
	}
}

static void on_stop(struct cores *cores, int number, void *owner)
{
	struct daemon *daemon = owner;

	if (daemon->stopping) { /* asked twice: at once */
		cores_ask_stop(cores);
		return;
	}
	daemon->stopping = true;
	log_info("stopping signal=%d", number);
	sd_notify(0, "STOPPING=1");
	for (size_t i = 0; i < daemon->listeners_count; i++)
		listener_stop(daemon->listeners[i]);
	control_stop(daemon->control);
	daemon->shut.run = on_shut;
	core_post(cores->core[0], &daemon->shut);
	daemon->drain_until_us = core_now_us(cores->core[0]) + DRAIN_MS * 1000ULL;
	timer_init(&daemon->drain, on_drain);
	timer_set(cores->core[0], &daemon->drain, DRAIN_STEP_MS);
}

static void on_reload(struct cores *cores, void *owner)
{
	struct daemon *daemon = owner;

	(void)cores;
	reload_begin(daemon->reload);
}

/* -- starting -- */

static void on_serve(struct core *core, struct msg *msg)
{
	serve_begin(core);
	free(msg);
}

/* What a command began in other cells (a guild that is swept away, say) goes on until nothing more is written, or for a while. */
static void settle_wait(struct daemon *daemon, struct core *core)
{
	uint64_t before = UINT64_MAX;

	for (int i = 0; i < SETTLE_LOOKS; i++) {
		uint64_t now = atomic_load(&daemon->store->stats.batches);

		if (now == before)
			break;
		before = now;
		fiber_sleep(core, SETTLE_MS);
	}
}

/* Without listeners: what the caller wants to do, on a fiber of core 0. */
static void run_offline(struct core *core, void *arg)
{
	struct daemon *daemon = arg;

	daemon->options.offline(core, &daemon->admin, daemon->options.owner);
	settle_wait(daemon, core);
	cores_ask_stop(daemon->cores);
}

static void on_offline(struct core *core, struct msg *msg)
{
	struct daemon *daemon = container_of(msg, struct daemon, start);

	if (fiber_start(core, run_offline, daemon))
		cores_ask_stop(daemon->cores);
}

static void tell_ready(struct daemon *daemon)
{
	/* Before the line that callers wait for, so that they have this too. */
	if (!atomic_load(&daemon->app.has_owner))
		log_info(
			"nobody owns this server yet; make its owner: rookery --data %s users create NAME --owner",
			daemon->admin.data);
	printf("rookeryd ready %s\n", daemon->app.default_url ? daemon->app.default_url : "");
	fflush(stdout);
	sd_notify(0, "READY=1\nSTATUS=");
}

static struct daemon *daemon_of(struct core *core)
{
	return container_of(app_of(core), struct daemon, app);
}

static void on_recovered(struct core *core)
{
	struct daemon *daemon = daemon_of(core);
	struct cores *cores = daemon->cores;

	if (atomic_fetch_add(&daemon->recovered, 1) + 1 != cores->count)
		return;
	if (daemon->options.offline) {
		daemon->start.run = on_offline;
		core_post(cores->core[0], &daemon->start);
		return;
	}
	atomic_store(&daemon->app.serving, true);
	if (daemon->config->faults)
		log_warn(
			"the operator may break things here (faults = true): not for a server that people use");
	for (uint32_t i = 0; i < cores->count; i++) {
		struct msg *msg = mem_zalloc(sizeof(*msg));

		msg->run = on_serve;
		core_post(cores->core[i], msg);
	}
	if (daemon->options.ready)
		daemon->options.ready(cores, daemon->options.owner);
	tell_ready(daemon);
}

static void on_recover(struct core *core, struct msg *msg)
{
	free(msg);
	intents_recover(core, on_recovered);
}

static void recover(struct core *core, void *arg)
{
	struct cores *cores = core_cores(core);
	uint64_t owner_id;

	(void)arg;
	int r = owner_load_wait(core, &owner_id);
	if (r && r != ENOENT)
		log_error("who owns this server cannot be read r=%d", r);
	if (fiber_self(core) && !daemon_of(core)->options.offline)
		gateway_restore_wait(core);
	atomic_store(&daemon_of(core)->app.returning, false);
	for (uint32_t i = 0; i < cores->count; i++) {
		struct msg *msg = mem_zalloc(sizeof(*msg));

		msg->run = on_recover;
		core_post(cores->core[i], msg);
	}
}

static void on_ids(struct core *core)
{
	if (fiber_self(core) || fiber_start(core, recover, NULL))
		recover(core, NULL);
}

/* The store takes nothing, so that the start goes no further: most often the disk is smaller than the reserve. */
static void on_ids_waiting(struct core *core, int r, bool first)
{
	const struct daemon *daemon = daemon_of(core);
	const struct config *config = daemon->config;
	unsigned long long room = files_free(config->data), reserve = config->disk_reserve;

	if (r != -ENOSPC ||
	    daemon->options.offline) { /* which has no reserve, and an output of its own */
		log_warn("the store takes no writes, the start waits until it does r=%d", r);
		return;
	}
	log_warn("too little room on the disk, the start waits until there is an eighth more than "
		 "disk_reserve, or set that lower "
		 "free=%llu disk_reserve=%llu dir=%s",
		 room, reserve, config->data);
	if (!first)
		return;
	printf("rookeryd waiting for room on the disk: %llu MB free in %s, disk_reserve is %llu "
	       "MB\n",
	       room >> 20, config->data, reserve >> 20);
	fflush(stdout);
	sd_notifyf(0, "STATUS=waiting for room on the disk: %llu MB free, disk_reserve is %llu MB",
		   room >> 20, reserve >> 20);
}

static void on_start(struct core *core, struct msg *msg)
{
	struct daemon *daemon = container_of(msg, struct daemon, start);

	daemon->ids = ids_keeper_new(core, on_ids, on_ids_waiting);
}

/* What only a serving daemon has: listeners, signals, the operator's socket, signs of life. */
static int open_doors(struct daemon *daemon, char **error)
{
	int r = open_listeners(daemon, error);

	if (r)
		return r;
	r = control_open(&daemon->admin, &daemon->control);
	if (r)
		return fail(error, r, "control.sock");
	daemon->memory = memory_watch_new(daemon->cores->core[0]);
	daemon->watchdog = watchdog_new_systemd(daemon->cores);
	daemon->reload = reload_new(daemon->cores, daemon->tls, daemon->options.reread,
				    daemon->options.owner);
	return signals_open(daemon->cores,
			    &(struct signals_config){
				    .on_stop = on_stop, .on_reload = on_reload, .owner = daemon },
			    &daemon->signals);
}

static void make_cores(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	daemon->cores = cores_new(&(struct cores_config){
		.count = config->cores ? config->cores
				       : (uint32_t)MIN(MAX(processors, 1), CORES_MAX_DEFAULT),
		.fibers_max = FIBERS_MAX,
		.offload_threads = OFFLOAD_THREADS,
		.clock = &clock_real,
		.random = &random_real,
		.store = daemon->store,
		.app = &daemon->app,
	});
	daemon->quota = quota_new(
		&(struct quota_config){ .total_max = CONNECTIONS_MAX,
					.per_address_max = PER_ADDRESS_MAX,
					.exempt = daemon->app.trusted,
					.exempt_count = daemon->app.trusted_count },
		&random_real);
	daemon->admin.cores = daemon->cores;
	daemon->admin.metrics = daemon->options.offline ? NULL : metrics_write;
	for (uint32_t i = 0; i < daemon->cores->count; i++) {
		daemon_local_new(daemon->cores->core[i], i);
		serve_new(daemon->cores->core[i]);
	}
}

int daemon_new(struct config *config, const struct daemon_options *options,
	       struct daemon **ret_daemon, char **error)
{
	struct daemon *daemon = mem_zalloc(sizeof(*daemon));

	daemon->options = *options;
	daemon->config = config;
	daemon->admin.data = config->data;
	daemon->admin.version = ROOKERY_VERSION;
	atomic_store(&daemon->app.returning, true);
	daemon->app.started_us = clock_mono_us(&clock_real);
	atomic_store(&daemon->app.config, config);
	daemon->app.limits = limit_global_new();
	config_settle(config);
	*ret_daemon = daemon;
	if (!options->offline)
		signals_block();
	rlimit_raise_files();
	int r = sodium_init() < 0 ? fail(error, -ENOSYS, "libsodium") : 0;
	if (!r)
		r = open_store(daemon, error);
	if (!r) /* after the store, whose lock says that we are alone here */
		r = open_files(daemon, error);
	if (!r) {
		r = secrets_open(config->data, daemon->app.file_keys[0]);
		if (r)
			fail(error, r, "secrets");
	}
	if (!r)
		r = parse_proxies(daemon, error);
	if (r)
		return r;
	daemon_register();
	make_cores(daemon);
	return options->offline ? 0 : open_doors(daemon, error);
}

/* -- after the cores have stopped: they are turned by hand, for what must not be lost -- */

/* A core that was asked to stop never sleeps in its turn, so the disk is given its time here. */
static void turn_all(struct cores *cores)
{
	for (uint32_t i = 0; i < cores->count; i++)
		core_turn(cores->core[i], 0);
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* What was committed is answered and published, and what was published has reached the sessions. */
static void run_dry(struct cores *cores)
{
	struct store *store = cores->store;
	uint32_t quiet = 0;

	for (int i = 0; i < DRY_TURNS && quiet < DRY_QUIET; i++) {
		uint64_t before = 0, after = 0;

		for (uint32_t k = 0; k < cores->count; k++)
			before += atomic_load(&core_stats(cores->core[k])->messages) +
				atomic_load(&store->stats.batches);
		for (uint32_t k = 0; k < cores->count; k++)
			gateway_finish(cores->core[k]);
		turn_all(cores);
		for (uint32_t k = 0; k < cores->count; k++)
			after += atomic_load(&core_stats(cores->core[k])->messages) +
				atomic_load(&store->stats.batches);
		quiet = before == after && !atomic_load(&store->stats.queued) ? quiet + 1 : 0;
	}
}

static void keep_sessions(struct daemon *daemon)
{
	struct cores *cores = daemon->cores;
	struct gateway_keeping *keeping = &daemon->keeping;

	if (daemon->options.offline || !atomic_load(&daemon->app.serving))
		return;
	run_dry(cores);
	gateway_keep(cores, keeping);
	for (int i = 0; keeping->waiting && i < KEEP_TURNS; i++)
		turn_all(cores);
	if (keeping->waiting || keeping->failed)
		log_warn("sessions could not be kept, they will identify anew r=%d",
			 keeping->failed);
	else
		log_info("sessions kept sessions=%u left_out=%u events=%u bytes=%lu",
			 keeping->sessions, keeping->left_out, keeping->events, keeping->bytes);
}

int daemon_run(struct daemon *daemon)
{
	daemon->start.run = on_start;
	core_post(daemon->cores->core[0], &daemon->start);
	cores_start(daemon->cores);
	cores_join(daemon->cores); /* the main thread has nothing else to do */
	keep_sessions(daemon);
	return 0;
}

void daemon_free(struct daemon *daemon)
{
	if (!daemon)
		return;
	if (daemon->store) /* first: what is in flight still posts to the cores */
		daemon->store->ops->close(daemon->store);
	for (uint32_t i = 0; daemon->cores && i < daemon->cores->count; i++) {
		serve_free(daemon->cores->core[i]);
		daemon_local_free(daemon->cores->core[i]);
	}
	for (size_t i = 0; i < daemon->listeners_count; i++)
		listener_free(daemon->listeners[i]);
	free(daemon->listeners);
	control_free(daemon->control);
	memory_watch_free(daemon->memory);
	watchdog_free(daemon->watchdog);
	signals_free(daemon->signals);
	ids_keeper_free(daemon->ids);
	if (daemon->cores)
		cores_free(daemon->cores);
	tls_unref(daemon->tls);
	quota_unref(daemon->quota);
	limit_global_free(daemon->app.limits);
	free(daemon->app.trusted);
	free(daemon->app.default_url);
	free(daemon->app.files);
	config_free((struct config *)daemon->config);
	reload_free(daemon->reload); /* configurations that came later */
	free(daemon);
}
