/* A REST request on its way: parsed where it arrives (home), run by the owner of what its route names, answered
 * at home. It has one owner at a time and is handed over whole. Handlers see only this. */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "cell/cell.h"
#include "cell/txn.h"
#include "codec/dec.h"
#include "codec/enc.h"
#include "limit/limit.h"
#include "model/errors.h"
#include "model/routes.h"
#include "user/auth.h"

struct http_request;
struct req_file;
struct incoming;

struct req {
	struct core *core; /* that runs it now */
	struct core *home; /* of the connection */
	const struct route *route;
	struct route_params path;
	struct who who;
	struct arena *arena; /* the request's own: freed after the answer */
	struct txn *txn; /* NULL for routes of owner "any" */
	struct cell *cell; /* txn->cell */
	struct str query, reason, method_text, host, user_agent;
	struct str address; /* of the client, as text */
	bool secure; /* https */
	json_t *body; /* NULL: none */
	struct req_file *files;
	uint32_t files_count;
	/* the answer */
	uint16_t
		status; /* 0: the route's own; a handler may set another, with an error too (400 and above) */
	struct buf reply;
	struct enc enc;
	struct dec dec; /* form errors */
	double retry_after; /* with ERR_RATE_LIMITED and slow mode */
	/* the pipeline's */
	struct cell_work work;
	struct msg msg;
	struct http_request *http;
	struct core
		*read_on; /* where it has a turn to read, which ends with the answer; NULL: none */
	uint64_t started_us;
	int result;
	struct limit_state bucket;
	bool bucket_counted, global_over, shared_over;
	struct list held; /* api/hold.c */
	struct flow *flow;
	uint64_t held_us;
};

/* A file of a multipart request. */
struct req_file {
	struct str field, filename, content_type;
	int64_t index; /* n of the field files[n]; -1: it has another name */
	uint64_t size;
	struct str bytes; /* in memory while small, else the null view: */
	struct incoming *
		incoming; /* cdn/incoming.h; NULL: @bytes has all (routes without multipart = true) */
};

/* The generated wrappers' side. 0 or ERR_INVALID_FORM_BODY with the tree in req->dec. */
int req_decode(struct req *req, const struct obj_desc *desc, void *ret);
int req_decode_query(struct req *req, const struct obj_desc *desc, void *ret);
/* The writer of the JSON answer. */
struct enc *req_enc(struct req *req);

/* For handlers. One form error at @path ("embeds.0.title"), returns ERR_INVALID_FORM_BODY. */
int req_form_error(struct req *req, const char *path, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Counts a try of @what ("login") by @who (an address, a name); true when there were more than @limit in @per_ms: answer
 * ERR_RATE_LIMITED. Never with rate_limits = off. On the core where the request arrived. */
bool req_throttled(struct req *req, struct str what, struct str who, uint32_t limit,
		   uint32_t per_ms);
/* The same where all tries come to one core: on the owner of what is tried. */
bool req_limited(struct req *req, struct str what, struct str who, uint32_t limit, uint32_t per_ms);
/* The audit reason, decoded; null view when there is none. */
struct str req_reason(const struct req *req);

/* -- the pipeline (api/pipeline.c) -- */

struct api_local;
struct api_local *api_local_new(struct core *core);
void api_local_free(struct api_local *local);
/* Takes a complete request of a path under /api. Called on the connection's core. */
void api_serve(struct core *core, struct http_request *http);

/* Per-route counters and latency histograms, for /metrics. */
struct route_stats {
	_Atomic uint64_t calls, errors_4xx, errors_5xx, hops, micros;
	_Atomic uint64_t histogram[16]; /* powers of four from 16 µs */
};
const struct route_stats *api_route_stats(struct core *core, uint32_t route_id);
/* Answers of 429, by what was over: all calls of an identity, a route's bucket, or another limit of one user or address (slow mode,
 * logins); shared: a guild whose crowd is too far behind (hold.h). Held: answers that waited for such a crowd. */
struct limited_stats {
	_Atomic uint64_t global, route, user, shared, held;
};
const struct limited_stats *api_limited_stats(struct core *core);
