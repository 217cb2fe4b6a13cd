#include "main/serve.h"

#include <errno.h>
#include <stdlib.h>

#include "api/intake.h"
#include "api/req.h"
#include "base/log.h"
#include "cdn/serve.h"
#include "cdn/sweep.h"
#include "config/config.h"
#include "core/local.h"
#include "gateway/gateway.h"
#include "main/metrics.h"
#include "model/openapi.h"
#include "net/sock.h"
#include "store/store.h"

enum {
	HELD_MAX = 1024,
	JSON_MAX = 1 << 20,
	HELD_SHARE = 64, /* of memory_max, for answers that wait for slow readers */
	HELD_LEAST = 2 << 20,
};

struct serve {
	struct http_server *server, *metrics;
	struct sock *held[HELD_MAX]; /* accepted before all was ready */
	uint32_t held_count;
	bool begun;
	struct file_sweep *sweep; /* of the process, on the first core */
};

static const char page[] =
	"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Rookery</title>"
	"<meta name=\"viewport\" content=\"width=device-width\"><style>body{font:1rem/1.5 system-ui,sans-serif;"
	"max-width:36rem;margin:15vh auto;padding:0 1rem}code{background:#eee;padding:.1em .3em}</style>"
	"<h1>Rookery</h1><p>This is a community server that speaks Discord's public protocol. The API is at "
	"<code>/api/v10</code>, the gateway at <code>/</code> by WebSocket.</p>"
	"<p>Not affiliated with Discord.</p></html>";

static void respond_text(struct core *core, struct http_request *request, int status,
			 struct str type, struct str text)
{
	http_respond(core, request,
		     &(struct http_response){
			     .status = (uint16_t)status, .content_type = type, .body = text });
}

static void on_request(struct core *core, struct http_request *request)
{
	struct str path = request->head.path;
	struct app *app = app_of(core);

	if (str_eq(path, S("/api/openapi.json"))) {
		respond_text(core, request, 200, S("application/json"),
			     (struct str){ openapi_json, OPENAPI_LEN });
	} else if (str_eq(path, S("/api")) || str_starts(path, S("/api/"))) {
		api_serve(core, request);
	} else if (str_eq(path, S("/healthz"))) {
		respond_text(core, request, 200, S("text/plain"), S("ok\n"));
	} else if (str_eq(path, S("/readyz"))) {
		struct store *store = core_cores(core)->store;
		bool ready = atomic_load(&app->serving) && !store->ops->refusing(store);

		respond_text(core, request, ready ? 200 : 503, S("text/plain"),
			     ready ? S("ready\n") : S("not ready\n"));
	} else if (str_eq(path, S("/metrics"))) {
		metrics_serve(core, request, true);
	} else if (str_eq(path, S("/"))) {
		if (request->head.method == HTTP_GET || request->head.method == HTTP_HEAD)
			respond_text(core, request, 200, S("text/html; charset=utf-8"),
				     (struct str){ page, sizeof(page) - 1 });
		else
			http_respond_json(
				core, request, 405,
				S("{\"message\":\"405: Method Not Allowed\",\"code\":0}"));
	} else if (!cdn_serve(core, request)) {
		http_respond_json(core, request, 404,
				  S("{\"message\":\"404: Not Found\",\"code\":0}"));
	}
}

static enum http_verdict on_headers(struct core *core, struct http_request *request)
{
	if (str_starts(request->head.path, S("/api/")))
		return api_on_headers(core, request);
	return cdn_on_headers(core, request);
}

/* The listener of metrics_listen: nothing but health and counters. */
static void on_metrics_request(struct core *core, struct http_request *request)
{
	struct str path = request->head.path;

	if (str_eq(path, S("/metrics")))
		metrics_serve(core, request, false);
	else if (str_eq(path, S("/healthz")) || str_eq(path, S("/readyz")))
		on_request(core, request);
	else
		http_respond_json(core, request, 404,
				  S("{\"message\":\"404: Not Found\",\"code\":0}"));
}

static void on_upgrade(struct core *core, struct http_request *request)
{
	struct buf in, out;
	struct sock *sock;

	if (!str_eq(request->head.path, S("/")) && !str_eq(request->head.path, S(""))) {
		http_respond_json(core, request, 404,
				  S("{\"message\":\"404: Not Found\",\"code\":0}"));
		return;
	}
	if (atomic_load(&app_of(core)->memory_short)) {
		http_respond_json(core, request, 503,
				  S("{\"message\":\"503: Service Unavailable\",\"code\":0}"));
		return;
	}
	/* The request ends with the upgrade: keep what the gateway wants to know. */
	struct arena arena;
	arena_init(&arena);
	struct str query = arena_str(&arena, request->head.query),
		   host = arena_str(&arena, request->head.host);
	bool secure = request->secure;
	if (http_upgrade(core, request, &sock, &in, &out) == 0) {
		if (out.len) /* its socket cannot take the 130 bytes of a handshake: it reads nothing */
			sock_close(core, sock);
		else
			gateway_serve(core, sock,
				      &(struct gateway_upgrade){ .leftover = buf_str(&in),
								 .query = query,
								 .host = host,
								 .secure = secure });
		buf_done(&in);
		buf_done(&out);
	}
	arena_done(&arena);
}

/* What the HTTP layer refuses by itself, in Discord's shape. */
static struct str error_body(int status)
{
	switch (status) {
#define PLAIN(n, text) \
	case n: return S("{\"message\":\"" #n ": " text "\",\"code\":0}")
		PLAIN(400, "Bad Request");
		PLAIN(408, "Request Timeout");
		PLAIN(414, "URI Too Long");
		PLAIN(415, "Unsupported Media Type");
		PLAIN(417, "Expectation Failed");
		PLAIN(426, "Upgrade Required");
		PLAIN(431, "Request Header Fields Too Large");
		PLAIN(501, "Not Implemented");
		PLAIN(505, "HTTP Version Not Supported");
#undef PLAIN
	case 413: return S("{\"message\":\"Request entity too large\",\"code\":40005}");
	default: return S("{\"message\":\"Error\",\"code\":0}");
	}
}

static struct serve *of(struct core *core)
{
	return local_of(core)->serve;
}

struct http_server *serve_new(struct core *core)
{
	struct serve *serve = mem_zalloc(sizeof(*serve));
	struct http_server_config config = {
		.on_headers = on_headers,
		.on_request = on_request,
		.on_upgrade = on_upgrade,
		.error_body = error_body,
		.body_max = JSON_MAX,
		.held_max = MAX(config_of(core)->memory_max / HELD_SHARE / core_cores(core)->count,
				(uint64_t)HELD_LEAST),
		.trust_unix = true,
	};

	config.trusted = app_of(core)->trusted;
	config.trusted_count = app_of(core)->trusted_count;
	serve->server = http_server_new(core, &config);
	serve->metrics = http_server_new(
		core,
		&(struct http_server_config){ .on_request = on_metrics_request, .body_max = 1 });
	local_of(core)->serve = serve;
	return serve->server;
}

/* One answer, and the door is shut again: what is inside already goes on. TLS would want memory for its handshake first. */
static void refuse(struct core *core, struct sock *sock)
{
	static const char answer[] =
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 47\r\n"
		"Retry-After: 5\r\nConnection: close\r\n\r\n"
		"{\"message\":\"503: Service Unavailable\",\"code\":0}";

	if (!sock_is_tls(sock) && sock_send(sock, answer, sizeof(answer) - 1) > 0)
		sock_finish(core, sock);
	else
		sock_close(core, sock);
}

const struct http_stats *serve_stats(struct core *core)
{
	return http_server_stats(of(core)->server);
}

void serve_accept_metrics(struct core *core, struct sock *sock, void *owner)
{
	(void)owner;
	http_serve(of(core)->metrics, sock);
}

void serve_accept(struct core *core, struct sock *sock, void *owner)
{
	struct serve *serve = of(core);

	(void)owner;
	if (atomic_load_explicit(&app_of(core)->memory_short, memory_order_relaxed)) {
		refuse(core, sock);
		return;
	}
	if (serve->begun)
		http_serve(serve->server, sock);
	else if (serve->held_count < HELD_MAX)
		serve->held[serve->held_count++] = sock;
	else
		sock_close(core, sock);
}

void serve_begin(struct core *core)
{
	struct serve *serve = of(core);

	serve->begun = true;
	if (core_index(core) == 0)
		serve->sweep = file_sweep_new(core);
	for (uint32_t i = 0; i < serve->held_count; i++)
		http_serve(serve->server, serve->held[i]);
	serve->held_count = 0;
}

void serve_drain(struct core *core)
{
	http_server_drain(of(core)->server);
	http_server_drain(of(core)->metrics);
}

void serve_free(struct core *core)
{
	struct serve *serve = of(core);

	if (!serve)
		return;
	for (uint32_t i = 0; i < serve->held_count; i++)
		sock_close(core, serve->held[i]);
	http_server_free(serve->server);
	http_server_free(serve->metrics);
	file_sweep_free(serve->sweep);
	free(serve);
	local_of(core)->serve = NULL;
}
