/* What `rookery top` shows: read from the text of /metrics (main/metrics.h), so that both count the same; the rates between two
 * readings, for people and for programs. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "core/core.h"
#include "model/routes.h"

enum { FIGURES_CORES = 64, FIGURES_SLOWEST = 5 };

/* One reading; what each core counts is added up. */
struct reading {
	char version[32];
	double uptime, cpu, memory, memory_max, ready, store_refusing;
	double sessions, detached, websockets, http;
	double requests, limited, errors_5xx, events, deliveries, gateway_bytes, http_bytes;
	double queue, batches, rounds, round_batches, hops;
	double restarts, refusing, hits, misses;
	double turns[FIGURES_CORES][CORE_TURN_BOUNDS + 1]; /* each with those below it */
	uint32_t cores;
	struct {
		char name[64];
		double seconds, calls;
	} routes[ROUTE_COUNT];
	uint32_t route_count;
};

/* 0; -EPROTO when the text is not of a rookeryd. */
int reading_parse(struct str text, struct reading *ret);
/* What happened from @before to @now. A daemon that was started anew in between counts from its start. */
json_t *figures_new(const struct reading *before, const struct reading *now);
/* As lines of up to some 75 columns. */
void figures_write(struct buf *buf, const json_t *figures);
