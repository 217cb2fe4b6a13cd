/* Counters of the whole process as text for Prometheus (exposition format 0.0.4). */
#pragma once

#include "base/buf.h"
#include "core/core.h"

struct http_request;

/* What may be said to be asked for at most. */
enum { METRICS_TEXT_MAX = 4 << 20 };

/* Appends all of it; any core. @resident: bytes. */
void metrics_write(struct buf *buf, struct cores *cores);
/* Answers a GET of /metrics on the connection's core. @guarded: only with the token of the configuration, and as if there were no such page
 * when none is set; else the token is asked for only when one is set. */
void metrics_serve(struct core *core, struct http_request *request, bool guarded);
