/* A request's way: route, token, limits and body at home; then the owner of what the route names; then home again. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/auth.h"
#include "api/intake.h"
#include "api/internal.h"
#include "api/stepup.h"
#include "base/log.h"
#include "base/map.h"
#include "base/url.h"
#include "codec/json.h"
#include "config/config.h"
#include "core/fiber.h"
#include "http/server.h"
#include "realm/directory.h"
#include "realm/realm.h"
#include "realm/thread.h"
#include "user/token.h"

enum {
	GLOBAL_PER_SECOND = 50,
	REASON_MAX = 512,
	/* A page of messages is a megabyte or more while it is made. Some at a time keep the store busy; hundreds would only
	 * fill the memory. */
	READING_MAX = 8,
};

static void answer_held(struct req *req);

struct api_local *api_local_new(struct core *core)
{
	struct api_local *local = mem_zalloc(sizeof(*local));

	local->core = core;
	local->auth = auth_cache_new();
	local->buckets = limit_table_new(core);
	local->login = limit_table_new(core);
	local->routes = mem_zalloc(sizeof(*local->routes) * ROUTE_COUNT);
	hold_init(&local->hold, answer_held);
	return local;
}

void api_local_free(struct api_local *local)
{
	if (!local)
		return;
	hold_done(&local->hold);
	auth_cache_free(local->auth);
	limit_table_free(local->buckets);
	limit_table_free(local->login);
	free(local->routes);
	free(local);
}

const struct route_stats *api_route_stats(struct core *core, uint32_t route_id)
{
	return &local_of(core)->api->routes[route_id];
}

const struct limited_stats *api_limited_stats(struct core *core)
{
	return &local_of(core)->api->limited;
}

static bool limits_on(struct core *core)
{
	return config_of(core)->rate_limits == RATE_LIMITS_DISCORD;
}

/* -- the answer -- */

enum { HEADERS_MAX = 20 };
struct headers {
	struct http_header list[HEADERS_MAX];
	uint32_t count;
};

static void add(struct headers *headers, struct str name, struct str value)
{
	if (headers->count < HEADERS_MAX)
		headers->list[headers->count++] = (struct http_header){ name, value };
}

/* Any page may call the API with a token it has been given; no cookie authenticates anybody. */
static void add_cors(struct req *req, struct headers *headers)
{
	if (!http_header(req->http, S("origin")).ptr && req->http->head.method != HTTP_OPTIONS)
		return;
	add(headers, S("Access-Control-Allow-Origin"), S("*"));
	add(headers, S("Access-Control-Expose-Headers"),
	    S("Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-RateLimit-Reset-After, "
	      "X-RateLimit-Bucket, X-RateLimit-Global, X-RateLimit-Scope"));
	if (req->http->head.method != HTTP_OPTIONS)
		return;
	add(headers, S("Access-Control-Allow-Methods"), S("GET, HEAD, POST, PUT, PATCH, DELETE"));
	add(headers, S("Access-Control-Allow-Headers"),
	    S("Authorization, Content-Type, X-Audit-Log-Reason, X-Super-Properties, X-Discord-Locale, "
	      "X-Discord-Timezone, X-Debug-Options, X-Discord-MFA-Authorization, X-RateLimit-Precision, X-Track, X-Context-Properties, X-Fingerprint"));
	add(headers, S("Access-Control-Max-Age"), S("86400"));
}

static struct str seconds_text(struct arena *arena, double s)
{
	return arena_printf(arena, "%.3f", s);
}

static void add_limits(struct req *req, struct headers *headers, int status)
{
	struct arena *arena = &req->http->arena;

	if (req->bucket_counted) {
		const struct limit_state *state = &req->bucket;
		double after = (double)state->reset_after_us / 1e6;
		double wall = (double)core_wall_us(req->home) / 1e6;

		add(headers, S("X-RateLimit-Limit"), arena_printf(arena, "%u", state->limit));
		add(headers, S("X-RateLimit-Remaining"),
		    arena_printf(arena, "%u", state->remaining));
		add(headers, S("X-RateLimit-Reset"), seconds_text(arena, wall + after));
		add(headers, S("X-RateLimit-Reset-After"), seconds_text(arena, after));
		add(headers, S("X-RateLimit-Bucket"),
		    str_z(route_buckets[req->route->bucket].hash));
	}
	if (status != 429)
		return;
	add(headers, S("Retry-After"),
	    arena_printf(arena, "%.0f", fmax(1, ceil(req->retry_after))));
	add(headers, S("X-RateLimit-Scope"),
	    req->global_over	       ? S("global")
		    : req->shared_over ? S("shared")
				       : S("user"));
	if (req->global_over)
		add(headers, S("X-RateLimit-Global"), S("true"));
}

static void encode_error(struct req *req, int r, const struct error_desc *desc)
{
	struct enc *enc = req_enc(req);

	if (r == ERR_INVALID_FORM_BODY && dec_failed(&req->dec)) {
		enc_form_errors(enc, &req->dec);
		return;
	}
	enc_obj_begin(enc);
	enc_key(enc, "message");
	if (r == ERR_NOT_FOUND && req->route && !req->route->served)
		enc_str(enc,
			arena_printf(&req->http->arena, "404: Not Found (%.*s %s)",
				     STR_FMT(http_method_name(req->route->method)),
				     req->route->template));
	else
		enc_str(enc, str_z(desc->message));
	if (r == ERR_RATE_LIMITED) {
		enc_key(enc, "retry_after");
		enc_float(enc, req->retry_after);
		enc_key(enc, "global");
		enc_bool(enc, req->global_over);
	} else {
		enc_key(enc, "code");
		enc_int(enc, desc->wire);
		if (req->retry_after > 0) {
			enc_key(enc, "retry_after");
			enc_float(enc, req->retry_after);
		}
		if (r == ERR_MFA_REQUIRED && req->who.user_id && !req->who.bot && !req->who.oauth)
			stepup_enc(req, enc);
	}
	enc_obj_end(enc);
}

static void count_limited(struct req *req)
{
	struct limited_stats *stats = &local_of(req->home)->api->limited;
	bool route = req->bucket_counted && req->bucket.over;

	atomic_fetch_add_explicit(req->global_over	     ? &stats->global
					  : req->shared_over ? &stats->shared
					  : route	     ? &stats->route
							     : &stats->user,
				  1, memory_order_relaxed);
}

static void count(struct req *req, int status)
{
	if (status == 429)
		count_limited(req);
	if (!req->route)
		return;
	struct route_stats *stats = &local_of(req->home)->api->routes[req->route->id];
	uint64_t us = core_cores(req->home)->clock->mono_us(core_cores(req->home)->clock) -
		req->started_us;
	uint32_t step = 0;

	for (uint64_t bound = 16; us > bound && step < 15; bound *= 4)
		step++;
	atomic_fetch_add_explicit(&stats->calls, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&stats->micros, us, memory_order_relaxed);
	if (req->core != req->home) /* there and back */
		atomic_fetch_add_explicit(&stats->hops, 2, memory_order_relaxed);
	atomic_fetch_add_explicit(&stats->histogram[step], 1, memory_order_relaxed);
	if (status >= 500)
		atomic_fetch_add_explicit(&stats->errors_5xx, 1, memory_order_relaxed);
	else if (status >= 400)
		atomic_fetch_add_explicit(&stats->errors_4xx, 1, memory_order_relaxed);
}

/* -- turns to read -- */

static void on_turn(struct core *core, struct msg *msg)
{
	free(msg);
	fiber_wait_wake(core, &local_of(core)->api->to_read, false);
}

/* The turn on @core is over, said from @home. Who waits there waits for this. */
static void turn_over(struct core *home, struct core *core)
{
	struct api_local *api = local_of(core)->api;

	if (atomic_fetch_sub(&api->reading, 1) <= READING_MAX)
		return;
	if (core == home) {
		fiber_wait_wake(core, &api->to_read, false);
		return;
	}
	struct msg *msg = mem_zalloc(sizeof(*msg));
	msg->run = on_turn;
	core_post(core, msg);
}

/* -- the answer -- */

/* At home. The request is gone afterwards. */
static void finish(struct req *req)
{
	struct http_request *http = req->http;
	struct core *home = req->home, *read_on = req->read_on;
	struct headers headers = {};
	int r = req->result, status;

	if (r == -EAGAIN)
		r = ERR_UNAVAILABLE;
	if (r == ENOENT)
		r = req->route && req->route->owner == OWNER_GUILD ? ERR_UNKNOWN_GUILD
								   : ERR_UNKNOWN_CHANNEL;
	if (r < 0) {
		log_error("request failed route=%s r=%d", req->route ? req->route->name : "?", r);
		r = ERR_INTERNAL;
	}
	if (r == 0) {
		assert(req->status || req->route);
		status = req->status ? req->status : req->route->status;
	} else {
		const struct error_desc *desc = error_find(r);

		status = req->status >= 400 ? req->status : desc->http;
		encode_error(req, r, desc);
	}
	count(req, status);
	add_cors(req, &headers);
	add_limits(req, &headers, status);
	if (status == 429 || req->bucket_counted)
		add(&headers, S("Via"), S("1.1 rookery"));
	if (status == 405)
		add(&headers, S("Allow"), S("GET, POST, PUT, PATCH, DELETE"));
	if (req->body)
		json_decref(req->body);
	buf_done(&http->out);
	http->out = req->reply;
	struct http_response response = { .status = (uint16_t)status,
					  .headers = headers.list,
					  .header_count = headers.count };
	if (http->out.len && status != 204) {
		response.content_type = S("application/json");
		response.body = buf_str(&http->out);
	}
	http_respond(home, http, &response);
	if (read_on)
		turn_over(home, read_on);
}

static void on_home(struct core *core, struct msg *msg)
{
	(void)core;
	finish(container_of(msg, struct req, msg));
}

/* From wherever it ran. */
static void go_home(struct req *req, int r)
{
	req->result = r;
	if (req->core == req->home) {
		finish(req);
		return;
	}
	req->msg.run = on_home;
	core_post(req->home, &req->msg);
}

bool req_limited(struct req *req, struct str what, struct str who, uint32_t limit, uint32_t per_ms)
{
	uint64_t key = 0xcbf29ce484222325ULL;

	if (!limits_on(req->core))
		return false;
	for (size_t i = 0; i < what.len; i++)
		key = (key ^ (unsigned char)what.ptr[i]) * 0x100000001b3ULL;
	for (size_t i = 0; i < who.len; i++)
		key = (key ^ (unsigned char)who.ptr[i]) * 0x100000001b3ULL;
	struct limit_state state = limit_hit(local_of(req->core)->api->login, key, limit, per_ms);
	if (state.over)
		req->retry_after = (double)state.reset_after_us / 1e6;
	return state.over;
}

bool req_throttled(struct req *req, struct str what, struct str who, uint32_t limit,
		   uint32_t per_ms)
{
	/* Calls of one address land on every core: each has its part of the allowance. */
	return req_limited(req, what, who, MAX(1u, limit / core_cores(req->core)->count), per_ms);
}

/* -- with the owner -- */

/* Who is behind an address: IPv6 networks are handed out by the /64. */
static uint64_t addr_hash(const struct addr *addr)
{
	uint64_t network = 0;

	memcpy(&network, addr->ip, addr->family == ADDR_IP6 ? 8 : 4);
	return hash_u64(network + addr->family);
}

/* One call against the route's bucket; true when it is over. */
static bool over_bucket(struct req *req)
{
	const struct route_bucket *bucket = &route_buckets[req->route->bucket];

	if (!limits_on(req->core) || bucket->limit == 0)
		return false;
	uint64_t major = req->path.channel_id ? req->path.channel_id
		: req->path.guild_id	      ? req->path.guild_id
					      : req->path.webhook_id;
	uint64_t who = req->who.user_id ? req->who.token_id : hash_u64(addr_hash(&req->http->peer));
	uint64_t key = hash_u64(who ^ hash_u64(major ^ hash_u64(req->route->bucket + 1u)));
	req->bucket = limit_hit(local_of(req->core)->api->buckets, key, bucket->limit,
				bucket->per_ms);
	req->bucket_counted = true;
	if (req->bucket.over)
		req->retry_after = (double)req->bucket.reset_after_us / 1e6;
	return req->bucket.over;
}

static int run(struct req *req)
{
	if (over_bucket(req))
		return ERR_RATE_LIMITED;
	return req->route->run(req);
}

/* Waits for a turn when that many are being read on this core; with the owner, so that only those wait whose owner is
 * there to be read. */
static int run_in_turn_wait(struct req *req)
{
	struct api_local *api = local_of(req->core)->api;

	if (req->read_on)
		return run(req); /* once more */
	req->read_on = req->core;
	if (atomic_fetch_add(&api->reading, 1) >= READING_MAX)
		fiber_wait_on(req->core, &api->to_read);
	int r = txn_still(req->txn);
	return r ? r : run(req);
}

static int run_work(struct txn *txn, struct cell_work *work)
{
	struct req *req = container_of(work, struct req, work);
	const struct route *route = req->route;

	req->core = txn->core;
	req->txn = txn;
	req->cell = txn->cell;
	int r = hold_refuses(req) ? ERR_RATE_LIMITED : 0;

	if (!r && route->early && txn->cell->kind == CELL_GUILD)
		r = realm_member_fetch_wait(txn, req->who.user_id);
	if (!r && route->owner == OWNER_CHANNEL && txn->cell->kind == CELL_GUILD)
		r = thread_fetch_wait(txn, req->path.channel_id);
	if (!r)
		r = route->method == HTTP_GET && route->owner == OWNER_CHANNEL
			? run_in_turn_wait(req)
			: run(req);
	req->txn = NULL;
	req->cell = NULL;
	return r;
}

static void on_work_done(struct core *core, struct cell_work *work, int r)
{
	struct req *req = container_of(work, struct req, work);

	req->core = core;
	req->result = r;
	struct api_local *api = local_of(core)->api;
	if (!r && hold_takes(&api->hold, req))
		atomic_fetch_add_explicit(&api->limited.held, 1, memory_order_relaxed);
	else
		go_home(req, r);
}

static void answer_held(struct req *req)
{
	go_home(req, req->result);
}

/* -- at home, on a fiber -- */

static int authenticate_wait(struct req *req)
{
	const struct route *route = req->route;
	struct str header = http_header(req->http, S("authorization"));

	if (!header.ptr || !header.len)
		return route->auth & (AUTH_NONE | AUTH_CLIENT) ? 0 : ERR_UNAUTHORIZED;
	if (route->auth & AUTH_CLIENT)
		return 0; /* Basic: the handler reads it */
	int r = auth_wait(req->home, header, &req->who);
	if (r && route->auth & AUTH_NONE && r == ERR_UNAUTHORIZED)
		return 0; /* an invite's page with a stale login is still an invite's page */
	if (r)
		return r;
	/* A bot says "Bot ", a person its bare token; "Bearer " is for OAuth2. */
	bool bot = header.len > 4 && str_ieq((struct str){ header.ptr, 4 }, S("Bot "));
	bool bearer = header.len > 7 && str_ieq((struct str){ header.ptr, 7 }, S("Bearer "));
	if (bearer != req->who.oauth || (!bearer && bot != req->who.bot))
		return ERR_UNAUTHORIZED;
	if (bearer) {
		bool open = route->auth & AUTH_OAUTH2 &&
			(route->scopes == OAUTH_SCOPES_ANY || route->scopes & req->who.scopes);

		return open || route->auth & AUTH_NONE ? 0 : ERR_MISSING_REQUIRED_OAUTH2_SCOPE;
	}
	if (req->who.bot && !(route->auth & AUTH_BOT))
		return route->auth & AUTH_NONE ? 0 : ERR_BOTS_CANNOT_USE;
	if (!req->who.bot && !(route->auth & (AUTH_USER | AUTH_NONE)))
		return ERR_ONLY_BOTS_CAN_USE;
	return 0;
}

static bool over_global(struct req *req)
{
	if (!limits_on(req->home) || route_buckets[req->route->bucket].global_exempt)
		return false;
	uint64_t identity = req->who.user_id ? req->who.token_id : addr_hash(&req->http->peer);
	struct limit_state state = limit_global_hit(app_of(req->home)->limits, identity,
						    GLOBAL_PER_SECOND, core_wall_us(req->home));
	if (state.over) {
		req->retry_after = (double)state.reset_after_us / 1e6;
		req->global_over = true;
	}
	return state.over;
}

/* The JSON of a body, whatever it came in. */
static int read_body(struct req *req)
{
	struct http_request *http = req->http;
	struct str text = http->body;

	if (http->has_form) {
		intake_files(req);
		const struct form_part *payload = form_find(&http->form, S("payload_json"));

		if (payload) {
			text = payload->data;
		} else {
			/* Plain fields: each a string of an object. */
			req->body = json_object();
			for (uint32_t i = 0; i < http->form.count; i++) {
				const struct form_part *part = &http->form.parts[i];

				if (!part->filename.ptr && str_utf8_valid(part->name) &&
				    str_utf8_valid(part->data))
					json_object_setn_new(
						req->body, part->name.ptr, part->name.len,
						json_stringn(part->data.ptr, part->data.len));
			}
			return 0;
		}
	}
	if (!text.len)
		return 0;
	req->body = json_parse(text);
	return req->body ? 0 : ERR_INVALID_JSON;
}

static void read_reason(struct req *req)
{
	struct str header = http_header(req->http, S("x-audit-log-reason"));

	if (!header.ptr || !header.len)
		return;
	struct str reason = str_trim(dec_percent(&req->http->arena, header, false));
	if (!reason.len)
		return;
	/* Longer ones are cut at a whole character, as Discord does. */
	size_t chars = 0, end = 0;
	while (end < reason.len) {
		if (((unsigned char)reason.ptr[end] & 0xc0) != 0x80 && chars++ == REASON_MAX)
			break;
		end++;
	}
	req->reason = (struct str){ reason.ptr, end };
}

static int prepare_wait(struct req *req)
{
	int r = authenticate_wait(req);
	if (r)
		return r;
	if (over_global(req))
		return ERR_RATE_LIMITED;
	if (!req->route->served)
		return ERR_NOT_FOUND;
	if (req->route->mfa && !stepup_proven(req)) {
		req->status = 401;
		return ERR_MFA_REQUIRED;
	}
	if (req->path.bad.ptr)
		return req_form_error(req, req->path.bad_name, "NUMBER_TYPE_COERCE",
				      "Value \"%.*s\" is not snowflake.",
				      (int)MIN(req->path.bad.len, (size_t)64), req->path.bad.ptr);
	r = read_body(req);
	if (r)
		return r;
	if (req->route->reason)
		read_reason(req);

	struct cell_work *work = &req->work;
	*work = (struct cell_work){ .run = run_work,
				    .done = on_work_done,
				    .early = req->route->early };
	switch (req->route->owner) {
	case OWNER_USER:
		work->kind = CELL_USER;
		work->id = req->who.user_id;
		break;
	case OWNER_APPLICATION: /* an application's rows lie with its bot, which has the same id */
		work->kind = CELL_USER;
		work->id = req->path.application_id ? req->path.application_id : req->who.user_id;
		break;
	case OWNER_GUILD:
		work->kind = CELL_GUILD;
		work->id = req->path.guild_id;
		break;
	case OWNER_CHANNEL:
		r = directory_channel_wait(req->home, req->path.channel_id, &work->kind, &work->id);
		return r == ENOENT ? ERR_UNKNOWN_CHANNEL : r;
	default: /* any: here, without a transaction */ work->run = NULL; break;
	}
	return 0;
}

static void req_fiber(struct core *core, void *arg)
{
	struct req *req = arg;

	int r = prepare_wait(req);
	if (!r && req->work.run && req->work.id) {
		cell_post(core, &req->work);
		return;
	}
	if (!r && req->work.run)
		r = req->route->owner == OWNER_GUILD ? ERR_UNKNOWN_GUILD : ERR_UNKNOWN_CHANNEL;
	else if (!r)
		r = run(req);
	go_home(req, r);
}

bool api_strip(struct str *path)
{
	struct str rest = str_skip(*path, sizeof("/api") - 1);

	if (str_starts(rest, S("/v"))) {
		size_t end = 2;

		while (end < rest.len && rest.ptr[end] >= '0' && rest.ptr[end] <= '9')
			end++;
		struct str version = { rest.ptr + 2, end - 2 };
		if (version.len && (end == rest.len || rest.ptr[end] == '/')) {
			/* 8 is 9 before there were threads; Discord4J 3.2 asks for it. */
			if (!str_eq(version, S("8")) && !str_eq(version, S("9")) &&
			    !str_eq(version, S("10")) && !str_eq(version, S("6")))
				return false;
			rest = str_skip(rest, end);
		}
	}
	*path = rest;
	return true;
}

static struct req *req_new(struct core *core, struct http_request *http)
{
	struct req *req = arena_new(&http->arena, struct req);

	http->user = req;
	req->http = http;
	req->home = req->core = core;
	req->arena = &http->arena;
	req->query = http->head.query;
	req->host = http->head.host;
	req->user_agent = http_header(http, S("user-agent"));
	req->secure = http->secure;
	req->started_us = core_now_us(core);
	char *address = arena_alloc(req->arena, ADDR_TEXT_MAX);
	req->address = (struct str){ address, addr_text_ip(&http->peer, address) };
	dec_init(&req->dec, req->arena);
	buf_init(&req->reply, 1 << 20);
	return req;
}

void api_refuse(struct core *core, struct http_request *http, int r)
{
	struct req *req = req_new(core, http);
	struct str path = http->head.path;

	/* With its route, so that it is counted. */
	if (!api_strip(&path) ||
	    route_find(http->head.method, path, &req->route, &req->path, req->arena))
		req->route = NULL;
	go_home(req, r);
}

void api_serve(struct core *core, struct http_request *http)
{
	struct req *req = req_new(core, http);
	struct str path = http->head.path;

	if (http->head.method == HTTP_OPTIONS) {
		req->status = 204;
		go_home(req, 0);
		return;
	}
	if (!api_strip(&path)) {
		go_home(req, ERR_INVALID_API_VERSION);
		return;
	}
	enum http_method method = http->head.method == HTTP_HEAD ? HTTP_GET : http->head.method;
	int r = route_find(method, path, &req->route, &req->path, req->arena);
	if (r) {
		req->route = NULL;
		go_home(req, r == 405 ? ERR_METHOD_NOT_ALLOWED : ERR_NOT_FOUND);
		return;
	}
	if (fiber_start(core, req_fiber, req))
		go_home(req, -EAGAIN);
}
