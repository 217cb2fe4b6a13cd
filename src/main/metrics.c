#include "main/metrics.h"

#include <dirent.h>
#include <sodium.h>
#include <stddef.h>
#include <sys/resource.h>

#include "admin/memory.h"
#include "api/req.h"
#include "cell/cell.h"
#include "config/config.h"
#include "core/local.h"
#include "gateway/gateway.h"
#include "http/server.h"
#include "main/serve.h"
#include "main/version.h"
#include "message/latest.h"
#include "store/store.h"

/* A counter: name without the prefix, whether it only grows, where it is in its struct. */
struct counter {
	const char *name, *help;
	bool gauge;
	size_t at;
};
#define COUNTER(type, field, name, help) { name, help, false, offsetof(struct type, field) }
#define GAUGE(type, field, name, help) { name, help, true, offsetof(struct type, field) }

static const struct counter core_counters[] = {
	COUNTER(core_stats, turns, "core_turns_total", "Turns of the loop."),
	COUNTER(core_stats, messages, "core_messages_total", "Messages received from cores."),
	COUNTER(core_stats, doorbells, "core_doorbells_total",
		"Messages that had to wake a sleeping core."),
	COUNTER(core_stats, timers, "core_timers_total", "Timers that ran."),
	COUNTER(core_stats, fibers_started, "core_fibers_started_total", "Fibers started."),
	GAUGE(core_stats, fibers_now, "core_fibers", "Fibers alive."),
	COUNTER(core_stats, offloads, "core_offloads_total", "Jobs given to the pool of threads."),
};
static const struct counter cell_counters[] = {
	GAUGE(cell_stats, loaded, "cells", "Guilds, DMs and accounts in memory."),
	COUNTER(cell_stats, loads, "cell_loads_total", "Cells read from the store."),
	COUNTER(cell_stats, restarts, "cell_restarts_total",
		"Cells that were broken and read anew."),
	COUNTER(cell_stats, load_failures, "cell_load_failures_total", "Loads that failed."),
	GAUGE(cell_stats, refusing, "cells_refusing",
	      "Guilds, DMs and accounts that cannot be loaded and answer 503."),
	COUNTER(cell_stats, landed, "cell_landed_total",
		"Restarts that found a failed write on the disk all the same."),
	COUNTER(cell_stats, evicted, "cell_evictions_total", "Idle cells that left memory."),
	COUNTER(cell_stats, txns, "cell_transactions_total", "Transactions."),
	COUNTER(cell_stats, commits, "cell_commits_total", "Transactions that wrote."),
	COUNTER(cell_stats, events, "cell_events_total", "Events published."),
	COUNTER(cell_stats, intents, "cell_intents_total", "Effects on other cells carried out."),
	COUNTER(cell_stats, hops, "cell_hops_total",
		"Work and publications handed to other cores."),
};
static const struct counter gateway_counters[] = {
	GAUGE(gateway_stats, connections, "gateway_connections", "WebSocket connections."),
	GAUGE(gateway_stats, sessions, "gateway_sessions", "Sessions, connected or not."),
	GAUGE(gateway_stats, detached, "gateway_sessions_detached",
	      "Sessions waiting for a RESUME."),
	GAUGE(gateway_stats, detached_bytes, "gateway_sessions_detached_bytes", "What they hold."),
	COUNTER(gateway_stats, identifies, "gateway_identifies_total",
		"IDENTIFYs that made a session."),
	COUNTER(gateway_stats, resumes, "gateway_resumes_total", "RESUMEs that worked."),
	COUNTER(gateway_stats, restored, "gateway_restored_total",
		"Sessions that a clean stop had kept."),
	COUNTER(gateway_stats, spoiled, "gateway_sessions_spoiled_total",
		"Sessions that had lost something, or could not be read after a stop."),
	COUNTER(gateway_stats, resumes_refused, "gateway_resumes_refused_total",
		"RESUMEs that did not."),
	COUNTER(gateway_stats, moves, "gateway_moves_total",
		"Connections moved to the core of their session."),
	COUNTER(gateway_stats, expired, "gateway_expired_total", "Sessions nobody came back to."),
	COUNTER(gateway_stats, events, "gateway_events_total", "Events appended to sessions."),
	COUNTER(gateway_stats, deliveries, "gateway_deliveries_total",
		"Dispatches handed to sockets."),
	COUNTER(gateway_stats, sends, "gateway_sends_total", "Calls of send."),
	COUNTER(gateway_stats, bytes, "gateway_sent_bytes_total", "Bytes they took."),
	COUNTER(gateway_stats, frames, "gateway_frames_total", "Frames received."),
	GAUGE(gateway_stats, walking, "gateway_walking",
	      "Publications that have not reached all of a crowd yet."),
	COUNTER(gateway_stats, too_slow, "gateway_too_slow_total",
		"Clients dropped because they did not read."),
};
static const struct counter http_counters[] = {
	GAUGE(http_stats, connections, "http_connections", "HTTP connections."),
	COUNTER(http_stats, requests, "http_requests_total", "Requests."),
	COUNTER(http_stats, upgrades, "http_upgrades_total", "Upgrades to WebSocket."),
	COUNTER(http_stats, errors, "http_errors_total", "Requests refused by the HTTP layer."),
	COUNTER(http_stats, timeouts, "http_timeouts_total", "Connections that were too slow."),
	COUNTER(http_stats, cut, "http_cut_total",
		"Slow readers cut off because too many bytes waited for them."),
	COUNTER(http_stats, bytes_in, "http_received_bytes_total", "Bytes received."),
	COUNTER(http_stats, bytes_out, "http_sent_bytes_total", "Bytes sent."),
};
static const struct counter store_counters[] = {
	COUNTER(store_stats, batches, "store_batches_total", "Batches committed."),
	COUNTER(store_stats, syncs, "store_syncs_total", "Syncs of the log."),
	COUNTER(store_stats, rows, "store_rows_total", "Rows written."),
	COUNTER(store_stats, bytes, "store_bytes_total", "Bytes written."),
	COUNTER(store_stats, reads_memory, "store_reads_memory_total", "Reads answered at once."),
	COUNTER(store_stats, reads_disk, "store_reads_disk_total",
		"Reads that went to a reader thread."),
	COUNTER(store_stats, failed, "store_failed_total", "Batches that failed."),
	COUNTER(store_stats, refused, "store_refused_total", "Batches refused."),
	GAUGE(store_stats, queued, "store_commit_queue",
	      "Batches handed over and not decided on yet."),
};
static const struct counter latest_counters[] = {
	COUNTER(latest_stats, hits, "message_cache_hits_total",
		"Pages of latest messages answered from memory."),
	COUNTER(latest_stats, misses, "message_cache_misses_total", "Those that had to be read."),
	GAUGE(latest_stats, bytes, "message_cache_bytes", "What is kept of them."),
};

static void head(struct buf *buf, const char *name, const char *help, const char *type)
{
	buf_printf(buf, "# HELP rookery_%s %s\n# TYPE rookery_%s %s\n", name, help, name, type);
}

static void one(struct buf *buf, const char *name, const char *help, bool gauge, double value)
{
	head(buf, name, help, gauge ? "gauge" : "counter");
	buf_printf(buf, "rookery_%s %.15g\n", name, value);
}

static uint64_t counter_of(const void *stats, const struct counter *counter)
{
	const _Atomic uint64_t *value = (const void *)((const char *)stats + counter->at);

	return atomic_load_explicit(value, memory_order_relaxed);
}

/* A line for each core. */
static void each_core(struct buf *buf, struct cores *cores, const struct counter *counters,
		      size_t count, const void *(*stats_of)(struct core *core))
{
	for (size_t n = 0; n < count; n++) {
		head(buf, counters[n].name, counters[n].help,
		     counters[n].gauge ? "gauge" : "counter");
		for (uint32_t i = 0; i < cores->count; i++)
			buf_printf(buf, "rookery_%s{core=\"%u\"} %lu\n", counters[n].name, i,
				   counter_of(stats_of(cores->core[i]), &counters[n]));
	}
}

static const void *of_core(struct core *core)
{
	return core_stats(core);
}

static const void *of_cells(struct core *core)
{
	return cell_stats(core);
}

static const void *of_gateway(struct core *core)
{
	return gateway_stats(core);
}

static const void *of_http(struct core *core)
{
	return serve_stats(core);
}

static const void *of_latest(struct core *core)
{
	return latest_stats(core);
}

static uint64_t value_of(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void turns(struct buf *buf, struct cores *cores)
{
	head(buf, "core_turn_seconds", "How long turns of the loop took, without their sleep.",
	     "histogram");
	for (uint32_t i = 0; i < cores->count; i++) {
		const struct core_stats *stats = core_stats(cores->core[i]);
		uint64_t below = 0;

		for (uint32_t n = 0; n < CORE_TURN_BOUNDS; n++) {
			below += value_of(&stats->turns_took[n]);
			buf_printf(buf,
				   "rookery_core_turn_seconds_bucket{core=\"%u\",le=\"%g\"} %lu\n",
				   i, (double)core_turn_bounds_us[n] / 1e6, below);
		}
		below += value_of(&stats->turns_took[CORE_TURN_BOUNDS]);
		buf_printf(buf, "rookery_core_turn_seconds_bucket{core=\"%u\",le=\"+Inf\"} %lu\n",
			   i, below);
		buf_printf(buf, "rookery_core_turn_seconds_sum{core=\"%u\"} %.15g\n", i,
			   (double)value_of(&stats->turns_us) / 1e6);
		buf_printf(buf, "rookery_core_turn_seconds_count{core=\"%u\"} %lu\n", i, below);
	}
}

static void rounds(struct buf *buf, const struct store_stats *stats)
{
	uint64_t below = 0;

	head(buf, "store_round_batches", "Batches written together, with one sync.", "histogram");
	for (uint32_t n = 0; n < STORE_ROUND_STEPS; n++) {
		below += value_of(&stats->rounds[n]);
		if (n < STORE_ROUND_STEPS - 1)
			buf_printf(buf, "rookery_store_round_batches_bucket{le=\"%u\"} %lu\n",
				   1u << n, below);
	}
	buf_printf(buf, "rookery_store_round_batches_bucket{le=\"+Inf\"} %lu\n", below);
	buf_printf(buf, "rookery_store_round_batches_sum %lu\n", value_of(&stats->round_batches));
	buf_printf(buf, "rookery_store_round_batches_count %lu\n", below);
}

static void limited(struct buf *buf, struct cores *cores)
{
	uint64_t global = 0, route = 0, user = 0, shared = 0, held = 0;

	for (uint32_t i = 0; i < cores->count; i++) {
		const struct limited_stats *stats = api_limited_stats(cores->core[i]);

		global += value_of(&stats->global);
		route += value_of(&stats->route);
		user += value_of(&stats->user);
		shared += value_of(&stats->shared);
		held += value_of(&stats->held);
	}
	one(buf, "api_held_total",
	    "Answers to writes that waited because the guild's crowd was behind.", false,
	    (double)held);
	head(buf, "rate_limited_total",
	     "Answers of 429, by what was over: all calls, the route's bucket, another limit of "
	     "one user, a guild whose crowd is behind.",
	     "counter");
	buf_printf(buf, "rookery_rate_limited_total{scope=\"global\"} %lu\n", global);
	buf_printf(buf, "rookery_rate_limited_total{scope=\"route\"} %lu\n", route);
	buf_printf(buf, "rookery_rate_limited_total{scope=\"user\"} %lu\n", user);
	buf_printf(buf, "rookery_rate_limited_total{scope=\"shared\"} %lu\n", shared);
}

static void closes(struct buf *buf, struct cores *cores)
{
	head(buf, "gateway_closes_total", "WebSocket connections closed by us, by code.",
	     "counter");
	for (uint32_t slot = 0; slot < 32; slot++) {
		uint64_t sum = 0;

		for (uint32_t i = 0; i < cores->count; i++)
			sum += atomic_load_explicit(&gateway_stats(cores->core[i])->closes[slot],
						    memory_order_relaxed);
		if (sum)
			buf_printf(buf, "rookery_gateway_closes_total{code=\"%d\"} %lu\n",
				   gateway_close_code(slot), sum);
	}
}

/* -- routes: only those that were called -- */

struct route_sum {
	uint64_t calls, errors_4xx, errors_5xx, hops, micros, histogram[16];
};

static void sum_route(struct cores *cores, uint32_t id, struct route_sum *ret)
{
	*ret = (struct route_sum){};
	for (uint32_t i = 0; i < cores->count; i++) {
		const struct route_stats *stats = api_route_stats(cores->core[i], id);

#define ADD(field) ret->field += atomic_load_explicit(&stats->field, memory_order_relaxed)
		ADD(errors_4xx);
		ADD(errors_5xx);
		ADD(hops);
		ADD(micros);
		for (int step = 0; step < 16; step++)
			ADD(histogram[step]);
#undef ADD
	}
	for (int step = 0; step < 16;
	     step++) /* so that the sum of the parts is the whole, whenever they are read */
		ret->calls += ret->histogram[step];
}

static void route_histogram(struct buf *buf, const char *name, const struct route_sum *sum)
{
	uint64_t below = 0;
	double bound = 16e-6;

	for (int step = 0; step < 15; step++, bound *= 4) {
		below += sum->histogram[step];
		buf_printf(buf, "rookery_route_seconds_bucket{route=\"%s\",le=\"%.9g\"} %lu\n",
			   name, bound, below);
	}
	buf_printf(buf, "rookery_route_seconds_bucket{route=\"%s\",le=\"+Inf\"} %lu\n", name,
		   sum->calls);
	buf_printf(buf, "rookery_route_seconds_sum{route=\"%s\"} %.9g\n", name,
		   (double)sum->micros / 1e6);
	buf_printf(buf, "rookery_route_seconds_count{route=\"%s\"} %lu\n", name, sum->calls);
}

static void route_metrics(struct buf *buf, struct cores *cores)
{
	struct route_sum sum;

	head(buf, "route_seconds", "Time from a complete request to its answer.", "histogram");
	for (uint32_t id = 0; id < ROUTE_COUNT; id++) {
		sum_route(cores, id, &sum);
		if (sum.calls)
			route_histogram(buf, routes[id].name, &sum);
	}
	head(buf, "route_errors_total", "Answers that were errors, by class.", "counter");
	for (uint32_t id = 0; id < ROUTE_COUNT; id++) {
		sum_route(cores, id, &sum);
		if (sum.errors_4xx)
			buf_printf(buf,
				   "rookery_route_errors_total{route=\"%s\",class=\"4xx\"} %lu\n",
				   routes[id].name, sum.errors_4xx);
		if (sum.errors_5xx)
			buf_printf(buf,
				   "rookery_route_errors_total{route=\"%s\",class=\"5xx\"} %lu\n",
				   routes[id].name, sum.errors_5xx);
	}
	head(buf, "route_hops_total", "Messages to other cores for requests.", "counter");
	for (uint32_t id = 0; id < ROUTE_COUNT; id++) {
		sum_route(cores, id, &sum);
		if (sum.hops)
			buf_printf(buf, "rookery_route_hops_total{route=\"%s\"} %lu\n",
				   routes[id].name, sum.hops);
	}
}

static uint64_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count > 3 ? count - 3 : 0; /* ".", ".." and this one */
}

void metrics_write(struct buf *buf, struct cores *cores)
{
	struct store *store = cores->store;
	struct app *app = cores->app;
	struct rusage usage = {};

	getrusage(RUSAGE_SELF, &usage);
	head(buf, "build_info", "What runs.", "gauge");
	buf_printf(buf, "rookery_build_info{version=\"%s\"} 1\n", ROOKERY_VERSION);
	one(buf, "uptime_seconds", "Since the start.", true,
	    (double)(cores->clock->mono_us(cores->clock) - app->started_us) / 1e6);
	one(buf, "cpu_seconds_total", "User and system time.", false,
	    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	one(buf, "resident_memory_bytes", "Resident memory.", true, (double)memory_resident());
	one(buf, "memory_max_bytes", "The budget of the configuration.", true,
	    (double)atomic_load(&app->config)->memory_max);
	one(buf, "memory_short", "1 while nothing new is let in for lack of memory.", true,
	    atomic_load(&app->memory_short));
	one(buf, "open_files", "Descriptors.", true, (double)open_files());
	one(buf, "ready", "1 when all is up and writes are taken.", true,
	    atomic_load(&app->serving) && !store->ops->refusing(store));
	one(buf, "store_refusing", "1 while writes are refused.", true,
	    store->ops->refusing(store));
	for (size_t n = 0; n < ARRAY_SIZE(store_counters); n++)
		one(buf, store_counters[n].name, store_counters[n].help, store_counters[n].gauge,
		    (double)counter_of(&store->stats, &store_counters[n]));
	rounds(buf, &store->stats);
	each_core(buf, cores, core_counters, ARRAY_SIZE(core_counters), of_core);
	turns(buf, cores);
	each_core(buf, cores, cell_counters, ARRAY_SIZE(cell_counters), of_cells);
	each_core(buf, cores, gateway_counters, ARRAY_SIZE(gateway_counters), of_gateway);
	each_core(buf, cores, http_counters, ARRAY_SIZE(http_counters), of_http);
	each_core(buf, cores, latest_counters, ARRAY_SIZE(latest_counters), of_latest);
	limited(buf, cores);
	closes(buf, cores);
	route_metrics(buf, cores);
}

static bool token_ok(const struct http_request *request, const char *token)
{
	struct str header = http_header(request, S("authorization")), given = str_skip(header, 7);

	return header.len > 7 && str_ieq((struct str){ header.ptr, 7 }, S("Bearer ")) &&
		given.len == strlen(token) && sodium_memcmp(given.ptr, token, given.len) == 0;
}

void metrics_serve(struct core *core, struct http_request *request, bool guarded)
{
	const char *token = config_of(core)->metrics_token;
	bool set = token && token[0];

	if (guarded && !set) {
		http_respond_json(core, request, 404,
				  S("{\"message\":\"404: Not Found\",\"code\":0}"));
		return;
	}
	if (set && !token_ok(request, token)) {
		http_respond_json(core, request, 401,
				  S("{\"message\":\"401: Unauthorized\",\"code\":0}"));
		return;
	}
	buf_init(&request->out, METRICS_TEXT_MAX);
	metrics_write(&request->out, core_cores(core));
	http_respond(core, request,
		     &(struct http_response){
			     .status = 200,
			     .content_type = S("text/plain; version=0.0.4; charset=utf-8"),
			     .body = buf_str(&request->out) });
}
