#include "main/figures.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* -- reading -- */

/* A sum over all lines of one name. */
static const struct {
	const char *name;
	size_t at;
} sums[] = {
#define SUM(field, name) { name, offsetof(struct reading, field) }
	SUM(uptime, "uptime_seconds"),
	SUM(cpu, "cpu_seconds_total"),
	SUM(memory, "resident_memory_bytes"),
	SUM(memory_max, "memory_max_bytes"),
	SUM(ready, "ready"),
	SUM(store_refusing, "store_refusing"),
	SUM(sessions, "gateway_sessions"),
	SUM(detached, "gateway_sessions_detached"),
	SUM(websockets, "gateway_connections"),
	SUM(http, "http_connections"),
	SUM(requests, "http_requests_total"),
	SUM(limited, "rate_limited_total"),
	SUM(events, "cell_events_total"),
	SUM(deliveries, "gateway_deliveries_total"),
	SUM(gateway_bytes, "gateway_sent_bytes_total"),
	SUM(http_bytes, "http_sent_bytes_total"),
	SUM(queue, "store_commit_queue"),
	SUM(batches, "store_batches_total"),
	SUM(rounds, "store_round_batches_count"),
	SUM(round_batches, "store_round_batches_sum"),
	SUM(hops, "cell_hops_total"),
	SUM(restarts, "cell_restarts_total"),
	SUM(refusing, "cells_refusing"),
	SUM(hits, "message_cache_hits_total"),
	SUM(misses, "message_cache_misses_total"),
#undef SUM
};

/* The value of label @key in `{a="b",c="d"}`, which our own values never have quotes in. */
static bool label(const char *labels, const char *key, char *ret, size_t size)
{
	char start[32];

	snprintf(start, sizeof(start), "%s=\"", key);
	const char *at = strstr(labels, start);
	if (!at)
		return false;
	at += strlen(start);
	snprintf(ret, size, "%.*s", (int)strcspn(at, "\""), at);
	return true;
}

static void take_turn(struct reading *reading, const char *labels, double value)
{
	char core[16], le[16];

	if (!label(labels, "core", core, sizeof(core)) || !label(labels, "le", le, sizeof(le)))
		return;
	unsigned long n = strtoul(core, NULL, 10);
	double bound = strtod(le, NULL) * 1e6; /* +Inf too */
	uint32_t step = 0;
	while (step < CORE_TURN_BOUNDS && bound > core_turn_bounds_us[step] + 0.5)
		step++;
	if (n >= FIGURES_CORES)
		return;
	reading->turns[n][step] = value;
	reading->cores = MAX(reading->cores, (uint32_t)n + 1);
}

static void take_route(struct reading *reading, const char *labels, bool calls, double value)
{
	char name[64];
	uint32_t i = 0;

	if (!label(labels, "route", name, sizeof(name)))
		return;
	while (i < reading->route_count && strcmp(reading->routes[i].name, name) != 0)
		i++;
	if (i == ROUTE_COUNT)
		return;
	if (i == reading->route_count) {
		memcpy(reading->routes[i].name, name, sizeof(name));
		reading->route_count++;
	}
	*(calls ? &reading->routes[i].calls : &reading->routes[i].seconds) = value;
}

static void take(struct reading *reading, const char *name, const char *labels, double value)
{
	if (!strcmp(name, "build_info")) {
		label(labels, "version", reading->version, sizeof(reading->version));
	} else if (!strcmp(name, "core_turn_seconds_bucket")) {
		take_turn(reading, labels, value);
	} else if (!strcmp(name, "route_seconds_sum")) {
		take_route(reading, labels, false, value);
	} else if (!strcmp(name, "route_seconds_count")) {
		take_route(reading, labels, true, value);
	} else if (!strcmp(name, "route_errors_total")) {
		if (strstr(labels, "class=\"5xx\""))
			reading->errors_5xx += value;
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
			if (!strcmp(name, sums[i].name))
				*(double *)((char *)reading + sums[i].at) += value;
	}
}

int reading_parse(struct str text, struct reading *ret)
{
	static const char prefix[] = "rookery_";
	char line[512];

	memset(ret, 0, sizeof(*ret));
	while (text.len) {
		size_t len = str_find(text, '\n');

		snprintf(line, sizeof(line), "%.*s", (int)len, text.ptr);
		text = str_skip(text, MIN(len + 1, text.len));
		char *space = strrchr(line, ' ');
		if (strncmp(line, prefix, sizeof(prefix) - 1) != 0 || !space)
			continue;
		*space = '\0';
		char *name = line + sizeof(prefix) - 1, *brace = strchr(name, '{');
		if (brace)
			*brace++ = '\0';
		take(ret, name, brace ? brace : "", strtod(space + 1, NULL));
	}
	return ret->version[0] && ret->uptime > 0 && ret->cores ? 0 : -EPROTO;
}

/* -- between two readings -- */

/* Below which time 99 of 100 turns of a core stayed, within a step by straight lines; the worst of the cores. Negative: no turns. */
static double turn_p99(const struct reading *before, const struct reading *now)
{
	double worst = -1;

	for (uint32_t core = 0; core < now->cores; core++) {
		double from = 0, count_below = 0;
		double all = now->turns[core][CORE_TURN_BOUNDS] -
			before->turns[core][CORE_TURN_BOUNDS];

		if (!(all > 0))
			continue;
		for (uint32_t n = 0; n <= CORE_TURN_BOUNDS; n++) {
			double to = n < CORE_TURN_BOUNDS ? core_turn_bounds_us[n] / 1e6 : from;
			double count = now->turns[core][n] - before->turns[core][n];

			if (count >= all * 0.99) {
				worst = MAX(worst,
					    from +
						    (to - from) * (all * 0.99 - count_below) /
							    (count - count_below));
				break;
			}
			from = to;
			count_below = count;
		}
	}
	return worst;
}

struct slow {
	const char *name;
	double calls, mean;
};

static int slower(const void *a, const void *b)
{
	double x = ((const struct slow *)a)->mean, y = ((const struct slow *)b)->mean;

	return (x < y) - (x > y);
}

static json_t *slowest(const struct reading *before, const struct reading *now, double seconds)
{
	struct slow *list = mem_zalloc(sizeof(*list) * ROUTE_COUNT);
	json_t *array = json_array();
	uint32_t count = 0;

	for (uint32_t i = 0; i < now->route_count; i++) {
		double calls = now->routes[i].calls, took = now->routes[i].seconds;

		for (uint32_t j = 0; j < before->route_count; j++)
			if (!strcmp(before->routes[j].name, now->routes[i].name)) {
				calls -= before->routes[j].calls;
				took -= before->routes[j].seconds;
			}
		if (calls > 0)
			list[count++] = (struct slow){ now->routes[i].name, calls,
						       MAX(took, 0) / calls };
	}
	qsort(list, count, sizeof(*list), slower);
	for (uint32_t i = 0; i < MIN(count, (uint32_t)FIGURES_SLOWEST); i++)
		json_array_append_new(array,
				      json_pack("{s:s,s:f,s:f}", "route", list[i].name,
						"calls_per_s", list[i].calls / seconds, "mean_s",
						list[i].mean));
	free(list);
	return array;
}

static void set(json_t *figures, const char *key, double value)
{
	json_object_set_new(figures, key, json_real(value));
}

static void set_count(json_t *figures, const char *key, double value)
{
	json_object_set_new(figures, key, json_integer((json_int_t)value));
}

/* Null when there was nothing to divide by. */
static void set_part(json_t *figures, const char *key, double part, double of)
{
	json_object_set_new(figures, key, of > 0 ? json_real(part / of) : json_null());
}

json_t *figures_new(const struct reading *before, const struct reading *now)
{
	struct reading *nothing = NULL;
	json_t *figures = json_object();

	if (now->uptime < before->uptime)
		before = nothing = mem_zalloc(sizeof(*nothing));
	double seconds = MAX(now->uptime - before->uptime, 1e-6), p99 = turn_p99(before, now);
#define RATE(key, field) set(figures, key, (now->field - before->field) / seconds)
#define NOW(key, field) set_count(figures, key, now->field)
	json_object_set_new(figures, "version", json_string(now->version));
	set(figures, "seconds", seconds);
	set(figures, "uptime_s", now->uptime);
	json_object_set_new(figures, "ready", json_boolean(now->ready > 0));
	json_object_set_new(figures, "store_refusing", json_boolean(now->store_refusing > 0));
	NOW("cores", cores);
	NOW("memory_bytes", memory);
	NOW("memory_max", memory_max);
	RATE("cpu", cpu);
	NOW("sessions", sessions);
	NOW("sessions_detached", detached);
	NOW("connections", websockets);
	NOW("http_connections", http);
	RATE("requests_per_s", requests);
	RATE("limited_per_s", limited);
	RATE("errors_5xx_per_s", errors_5xx);
	RATE("events_per_s", events);
	RATE("deliveries_per_s", deliveries);
	RATE("gateway_bytes_per_s", gateway_bytes);
	RATE("http_bytes_per_s", http_bytes);
	RATE("hops_per_s", hops);
	NOW("commit_queue", queue);
	RATE("commits_per_s", batches);
	set_part(figures, "batches_per_round", now->round_batches - before->round_batches,
		 now->rounds - before->rounds);
	json_object_set_new(figures, "turn_p99_s", p99 < 0 ? json_null() : json_real(p99));
	NOW("restarts", restarts);
	NOW("refusing", refusing);
	double hits = now->hits - before->hits, reads = hits + now->misses - before->misses;
	set(figures, "cache_reads_per_s", reads / seconds);
	set_part(figures, "cache_hit_rate", hits, reads);
#undef RATE
#undef NOW
	json_object_set_new(figures, "slowest", slowest(before, now, seconds));
	free(nothing);
	return figures;
}

/* -- for people -- */

static double value_of(const json_t *figures, const char *key)
{
	return json_number_value(json_object_get(figures, key));
}

static const char *bytes_text(double bytes, char ret[32])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t n = 0;

	for (; bytes >= 1000 && n < ARRAY_SIZE(units) - 1; n++)
		bytes /= 1000;
	snprintf(ret, 32, n ? "%.1f %s" : "%.0f %s", bytes, units[n]);
	return ret;
}

/* A share as "97.3 %", "-" where there is none. */
static const char *share_text(const json_t *value, char ret[32])
{
	if (json_is_number(value))
		snprintf(ret, 32, "%.1f %%", json_number_value(value) * 100);
	else
		snprintf(ret, 32, "-");
	return ret;
}

void figures_write(struct buf *buf, const json_t *figures)
{
	char a[32], b[32];
	uint64_t up = (uint64_t)value_of(figures, "uptime_s");
	const json_t *p99 = json_object_get(figures, "turn_p99_s"), *route;
	bool refusing = json_is_true(json_object_get(figures, "store_refusing"));
	size_t at;

#define V(key) value_of(figures, key)
	buf_printf(buf, "rookeryd %s, up %lud %02lu:%02lu:%02lu, %s\n\n",
		   json_string_value(json_object_get(figures, "version")), up / 86400,
		   up / 3600 % 24, up / 60 % 60, up % 60,
		   refusing ? "THE STORE REFUSES WRITES"
			   : json_is_true(json_object_get(figures, "ready")) ? "ready"
									     : "NOT READY");
	buf_printf(buf, "sessions     %10.0f   detached     %10.0f   memory    %10s\n",
		   V("sessions"), V("sessions_detached"), bytes_text(V("memory_bytes"), a));
	buf_printf(buf, "connections  %10.0f   http         %10.0f   of        %10s\n",
		   V("connections"), V("http_connections"), bytes_text(V("memory_max"), a));
	buf_printf(buf, "requests/s   %10.1f   429/s        %10.1f   5xx/s     %10.1f\n",
		   V("requests_per_s"), V("limited_per_s"), V("errors_5xx_per_s"));
	buf_printf(buf, "events/s     %10.1f   deliveries/s %10.1f   hops/s    %10.1f\n",
		   V("events_per_s"), V("deliveries_per_s"), V("hops_per_s"));
	buf_printf(buf, "gateway/s    %10s   http/s       %10s   cpu       %8.1f %%\n",
		   bytes_text(V("gateway_bytes_per_s"), a), bytes_text(V("http_bytes_per_s"), b),
		   V("cpu") * 100);
	buf_printf(buf, "commits/s    %10.1f   in a round   %10.1f   queue     %10.0f\n",
		   V("commits_per_s"), V("batches_per_round"), V("commit_queue"));
	buf_printf(buf, "restarts     %10.0f   refusing     %10.0f   cache     %10s\n",
		   V("restarts"), V("refusing"),
		   share_text(json_object_get(figures, "cache_hit_rate"), a));
	if (json_is_number(p99))
		buf_printf(buf, "turn p99     %7.2f ms   of the slowest of %.0f cores\n",
			   json_number_value(p99) * 1e3, V("cores"));
	else
		buf_printf(buf, "turn p99              -\n");
	buf_printf(buf, "\n%-48s %10s %12s\n", "slowest routes", "calls/s", "mean");
	json_array_foreach(json_object_get(figures, "slowest"), at, route) buf_printf(
		buf, "%-48s %10.1f %9.2f ms\n", json_string_value(json_object_get(route, "route")),
		value_of(route, "calls_per_s"), value_of(route, "mean_s") * 1e3);
#undef V
}
