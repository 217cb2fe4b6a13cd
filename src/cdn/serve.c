#include "cdn/serve.h"

#include <errno.h>

#include "base/log.h"
#include "cdn/avatar.h"
#include "cdn/files.h"
#include "cdn/incoming.h"
#include "cdn/link.h"
#include "config/config.h"
#include "core/fiber.h"
#include "message/attach.h"

enum { HEADERS_MAX = 12, SEGMENTS_MAX = 8, UPLOAD_LIFE_S = 3600, BODY_MAX = 4096 };

/* -- answers -- */

struct answer {
	struct http_header headers[HEADERS_MAX];
	uint32_t count;
};

static void add(struct answer *answer, struct str name, struct str value)
{
	if (answer->count < HEADERS_MAX)
		answer->headers[answer->count++] = (struct http_header){ name, value };
}

/* Any page may show a file; none may run what is in it. */
static void add_common(struct answer *answer)
{
	add(answer, S("Access-Control-Allow-Origin"), S("*"));
	add(answer, S("Access-Control-Expose-Headers"), S("Content-Length, Content-Range, ETag"));
	add(answer, S("Cross-Origin-Resource-Policy"), S("cross-origin"));
	add(answer, S("X-Content-Type-Options"), S("nosniff"));
	add(answer, S("Content-Security-Policy"),
	    S("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
}

static void refuse(struct core *core, struct http_request *request, int status)
{
	struct str text = status == 404 ? S("{\"message\":\"404: Not Found\",\"code\":0}")
		: status == 403
		? S("{\"message\":\"This content is no longer available.\",\"code\":0}")
		: status == 405 ? S("{\"message\":\"405: Method Not Allowed\",\"code\":0}")
		: status == 413 ? S("{\"message\":\"Request entity too large\",\"code\":40005}")
				: S("{\"message\":\"503: Service Unavailable\",\"code\":0}");
	struct answer answer = {};

	add(&answer, S("Access-Control-Allow-Origin"), S("*"));
	http_respond(core, request,
		     &(struct http_response){ .status = (uint16_t)status,
					      .content_type = S("application/json"),
					      .headers = answer.headers,
					      .header_count = answer.count,
					      .body = text });
}

static void allow_preflight(struct core *core, struct http_request *request)
{
	struct answer answer = {};

	add(&answer, S("Access-Control-Allow-Origin"), S("*"));
	add(&answer, S("Access-Control-Allow-Methods"), S("GET, HEAD, PUT"));
	add(&answer, S("Access-Control-Allow-Headers"), S("Content-Type, Range"));
	add(&answer, S("Access-Control-Max-Age"), S("86400"));
	http_respond(core, request,
		     &(struct http_response){ .status = 204,
					      .headers = answer.headers,
					      .header_count = answer.count });
}

struct found {
	struct str name;	 /* below DATA/files */
	struct str type;	 /* null: of the bytes */
	struct str filename; /* null: none is said */
	struct str etag, cache;
};

static void send_file(struct core *core, struct http_request *request, const struct found *found)
{
	struct arena *arena = &request->arena;
	struct answer answer = {};
	int64_t modified_s;
	uint64_t size;
	int fd;

	int r = files_open_wait(core, found->name, &fd, &size, &modified_s);
	if (r) {
		if (r < 0)
			log_warn("a file cannot be opened r=%d", r);
		refuse(core, request, r == ENOENT ? 404 : 503);
		return;
	}
	add_common(&answer);
	add(&answer, S("Cache-Control"), found->cache);
	if (found->filename.ptr)
		add(&answer, S("Content-Disposition"),
		    arena_printf(arena, "%s; filename=\"%.*s\"",
				 sniff_is_inert(found->type) ? "inline" : "attachment",
				 STR_FMT(found->filename)));
	http_respond(core, request,
		     &(struct http_response){ .status = 200,
					      .content_type = found->type,
					      .headers = answer.headers,
					      .header_count = answer.count,
					      .has_file = true,
					      .fd = fd,
					      .file_size = size,
					      .etag = found->etag,
					      .modified_s = modified_s });
}

/* -- attachments -- */

static void serve_attachment(struct core *core, struct http_request *request)
{
	struct arena *arena = &request->arena;
	struct str path = request->head.path, name;
	struct attachment_row row;
	uint64_t channel_id, id;

	if (!link_parse(path, &channel_id, &id, &name)) {
		refuse(core, request, 404);
		return;
	}
	if (!link_check(core, path, request->head.query)) {
		refuse(core, request, 403);
		return;
	}
	int r = attach_get_wait(core, arena, channel_id, id, &row);
	if (r || !str_eq(row.filename, name)) {
		refuse(core, request, r && r != ENOENT ? 503 : 404);
		return;
	}
	struct found found = { .name = files_attachment(arena, channel_id, id),
			       .type = row.content_type.len ? row.content_type
							    : S("application/octet-stream"),
			       .filename = row.filename,
			       .etag = arena_printf(arena, "\"%lx\"", id),
			       .cache = S("private, max-age=3600") };
	send_file(core, request, &found);
}

/* -- images by their hash -- */

struct segments {
	struct str at[SEGMENTS_MAX];
	uint32_t count;
};

static bool split(struct str path, struct segments *ret)
{
	ret->count = 0;
	while (path.len && ret->count < SEGMENTS_MAX) {
		path = str_skip(path, 1);
		size_t slash = str_find(path, '/');
		ret->at[ret->count++] = (struct str){ path.ptr, slash };
		path = str_skip(path, slash);
	}
	return !path.len;
}

static const char *image_type(struct str head)
{
	struct sniffed sniffed = sniff_bytes(head);

	return sniffed.type	      ? sniffed.type
		: sniff_is_text(head) ? "application/json"
				      : "application/octet-stream";
}

static struct str read_type(struct core *core, struct arena *arena, struct str name);

/* @last: HASH.EXT, or ID.EXT where there is one file for each id. */
static void serve_image(struct core *core, struct http_request *request, const char *kind,
			struct str owner, struct str last, bool by_hash)
{
	struct arena *arena = &request->arena;
	struct str hash = { last.ptr, str_find(last, '.') };
	uint64_t id;

	if (!str_u64(by_hash ? owner : hash, &id) || (by_hash && !files_hash_ok(hash))) {
		refuse(core, request, 404);
		return;
	}
	if (!by_hash)
		hash = S("0");
	struct found found = { .name = files_image(arena, kind, id, hash),
			       .etag = arena_printf(arena, "\"%lx-%.*s\"", id, STR_FMT(hash)),
			       .cache = by_hash ? S("public, max-age=604800, immutable")
						: S("public, max-age=86400") };
	found.type = read_type(core, arena, found.name);
	if (!found.type.ptr)
		refuse(core, request, 404);
	else
		send_file(core, request, &found);
}

struct peek {
	const char *path;
	char head[512];
	size_t len;
};

static void peek_job(void *arg)
{
	struct peek *peek = arg;

	peek->len = files_peek(peek->path, peek->head, sizeof(peek->head));
}

static struct str read_type(struct core *core, struct arena *arena, struct str name)
{
	struct peek *peek = arena_new(arena, struct peek);
	char *path = arena_alloc(arena, FILES_PATH_MAX);

	peek->path = path;
	if (!files_path(core, name, path) || fiber_offload_wait(core, peek_job, peek) || !peek->len)
		return (struct str){};
	return str_z(image_type((struct str){ peek->head, peek->len }));
}

static void serve_default_avatar(struct core *core, struct http_request *request, struct str last)
{
	struct str number = { last.ptr, str_find(last, '.') };
	struct answer answer = {};
	uint64_t n;

	if (!str_u64(number, &n)) {
		refuse(core, request, 404);
		return;
	}
	add_common(&answer);
	add(&answer, S("Cache-Control"), S("public, max-age=604800"));
	http_respond(
		core, request,
		&(struct http_response){
			.status = 200,
			.content_type = S("image/png"),
			.headers = answer.headers,
			.header_count = answer.count,
			.body = avatar_default(&request->arena, (uint32_t)(n % AVATARS)),
			.etag = arena_printf(&request->arena, "\"default-%lu\"", n % AVATARS) });
}

/* True when it was one of these paths. */
static bool serve_images(struct core *core, struct http_request *request)
{
	static const struct {
		struct str first;
		const char *kind;
		bool by_hash;
	} kinds[] = {
#define KIND(name, by_hash) { { name, sizeof(name) - 1 }, name, by_hash }
		KIND("avatars", true),
		KIND("icons", true),
		KIND("banners", true),
		KIND("splashes", true),
		KIND("discovery-splashes", true),
		KIND("home-headers", true),
		KIND("role-icons", true),
		KIND("app-icons", true),
		KIND("app-assets", true),
		KIND("channel-icons", true),
		KIND("guild-events", true),
		KIND("team-icons", true),
		KIND("guild-tag-badges", true),
		KIND("emojis", false),
		KIND("stickers", false),
		KIND("soundboard-sounds", false),
#undef KIND
	};
	struct segments s;

	if (!split(request->head.path, &s))
		return false;
	if (s.count == 3 && str_eq(s.at[0], S("embed")) && str_eq(s.at[1], S("avatars"))) {
		serve_default_avatar(core, request, s.at[2]);
		return true;
	}
	/* guilds/GUILD/users/USER/avatars/HASH */
	if (s.count == 6 && str_eq(s.at[0], S("guilds")) && str_eq(s.at[2], S("users"))) {
		uint64_t guild;
		bool avatar = str_eq(s.at[4], S("avatars"));

		if (!str_u64(s.at[1], &guild) || (!avatar && !str_eq(s.at[4], S("banners"))))
			return false;
		struct str kind = arena_printf(&request->arena, "member-%s/%lu",
					       avatar ? "avatars" : "banners", guild);
		serve_image(core, request, kind.ptr, s.at[3], s.at[5], true);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (s.count == (kinds[i].by_hash ? 3u : 2u) && str_eq(s.at[0], kinds[i].first)) {
			serve_image(core, request, kinds[i].kind, s.at[1], s.at[s.count - 1],
				    kinds[i].by_hash);
			return true;
		}
	return false;
}

/* -- uploads -- */

struct str cdn_upload_url(struct core *core, struct arena *arena, uint64_t channel_id, uint64_t id,
			  uint64_t size, struct str filename)
{
	struct str path = arena_printf(arena, "/uploads/%lu/%lu/%lu/%.*s", channel_id, id, size,
				       STR_FMT(filename));
	struct str base = link_base(core, arena),
		   query = link_sign(core, arena, path, UPLOAD_LIFE_S);

	return arena_printf(arena, "%.*s%.*s?%.*s", STR_FMT(base), STR_FMT(path), STR_FMT(query));
}

/* The signature says that we have made this address: so its parts are ours. */
static bool parse_put(struct core *core, const struct http_request *request, uint64_t *ret_id,
		      uint64_t *ret_size)
{
	struct segments s;

	return str_starts(request->head.path, S("/uploads/")) && split(request->head.path, &s) &&
		s.count == 5 && str_u64(s.at[2], ret_id) && str_u64(s.at[3], ret_size) &&
		link_check(core, request->head.path, request->head.query);
}

static void take_upload(struct core *core, struct http_request *request)
{
	struct incoming *incoming = request->file;
	struct answer answer = {};
	uint64_t id, size;

	if (!parse_put(core, request, &id, &size)) {
		refuse(core, request, 403);
		return;
	}
	if (!incoming || incoming->size > size) {
		refuse(core, request, incoming ? 413 : 403);
		return;
	}
	struct incoming_place place = { .incoming = incoming,
					.to = files_upload(&request->arena, id) };
	int r = incoming_place_wait(core, &place, 1);
	if (r) {
		log_warn("an upload cannot be kept r=%d", r);
		refuse(core, request, 503);
		return;
	}
	add(&answer, S("Access-Control-Allow-Origin"), S("*"));
	http_respond(core, request,
		     &(struct http_response){ .status = 200,
					      .headers = answer.headers,
					      .header_count = answer.count });
}

enum http_verdict cdn_on_headers(struct core *core, struct http_request *request)
{
	uint64_t id, size;

	request->body_max = BODY_MAX;
	if (request->head.method != HTTP_PUT || !parse_put(core, request, &id, &size))
		return HTTP_READ;
	request->no_form = true;
	request->body_max = MIN(size, config_of(core)->file_max);
	request->sink = &incoming_sink;
	request->sink_owner = request;
	return HTTP_READ;
}

/* -- all of them -- */

static bool is_file_path(struct str path)
{
	static const struct str firsts[] = {
		{ "/attachments/", 13 },   { "/avatars/", 9 },
		{ "/icons/", 7 },	   { "/banners/", 9 },
		{ "/splashes/", 10 },	   { "/embed/", 7 },
		{ "/guilds/", 8 },	   { "/role-icons/", 12 },
		{ "/app-icons/", 11 },	   { "/app-assets/", 12 },
		{ "/channel-icons/", 15 }, { "/guild-events/", 14 },
		{ "/team-icons/", 12 },	   { "/emojis/", 8 },
		{ "/stickers/", 10 },	   { "/soundboard-sounds/", 19 },
		{ "/uploads/", 9 },	   { "/discovery-splashes/", 20 },
		{ "/home-headers/", 14 },  { "/guild-tag-badges/", 18 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++)
		if (str_starts(path, firsts[i]))
			return true;
	return false;
}

static void serve_fiber(struct core *core, void *arg)
{
	struct http_request *request = arg;

	if (str_starts(request->head.path, S("/uploads/")))
		take_upload(core, request);
	else if (str_starts(request->head.path, S("/attachments/")))
		serve_attachment(core, request);
	else if (!serve_images(core, request))
		refuse(core, request, 404);
}

bool cdn_serve(struct core *core, struct http_request *request)
{
	enum http_method method = request->head.method;
	bool upload = str_starts(request->head.path, S("/uploads/"));

	if (!is_file_path(request->head.path))
		return false;
	if (method == HTTP_OPTIONS)
		allow_preflight(core, request);
	else if (upload ? method != HTTP_PUT : method != HTTP_GET && method != HTTP_HEAD)
		refuse(core, request, 405);
	else if (fiber_start(core, serve_fiber, request))
		refuse(core, request, 503);
	return true;
}
