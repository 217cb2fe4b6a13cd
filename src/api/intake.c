#include "api/intake.h"

#include <errno.h>

#include "api/auth.h"
#include "api/internal.h"
#include "cdn/incoming.h"
#include "config/config.h"
#include "http/multipart.h"
#include "model/limits.h"
#include "realm/directory.h"
#include "realm/perms.h"
#include "user/token.h"

enum { IMAGE_BODY_BYTES = 16 << 20 }; /* LIMIT_ASSET_BYTES in base64, and the rest of a body */

/* Bodies that hold images as data: URIs. */
static bool takes_images(const struct route *route)
{
	static const char *const names[] = {
		"create_guild",
		"update_guild",
		"create_guild_role",
		"update_guild_role",
		"create_guild_emoji",
		"create_webhook",
		"update_webhook",
		"update_my_user",
		"update_my_guild_member",
		"update_channel",
		"create_application",
		"update_application",
		"update_my_application",
		"create_application_emoji",
		"create_guild_scheduled_event",
		"update_guild_scheduled_event",
		"update_bot",
		"create_guild_soundboard_sound",
		"update_my_profile",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(route->name, names[i]) == 0)
			return true;
	return false;
}

struct intake {
	struct http_request *http;
	const struct route *route;
	struct route_params path;
	struct who who;
	bool files;
};

/* -- may they? -- */

struct look {
	const struct intake *intake;
	int r;
};

static int look_at_channel(struct txn *txn, void *arg)
{
	struct look *look = arg;
	const struct intake *intake = look->intake;
	struct realm *realm = realm_of(txn);
	struct live_channel *channel = realm_channel(realm, intake->path.channel_id);
	struct live_member *member = realm_member(realm, intake->who.user_id);

	if (!channel) {
		look->r = ERR_UNKNOWN_CHANNEL;
		return 0;
	}
	uint64_t perms = perms_channel(realm, member, channel, (int64_t)core_wall_us(txn->core));
	uint64_t need = intake->route->method == HTTP_POST ? PERM_SEND_MESSAGES : 0;
	if (intake->files)
		need |= PERM_ATTACH_FILES;
	if (!(perms & PERM_VIEW_CHANNEL))
		look->r = ERR_MISSING_ACCESS;
	else if ((perms & need) != need)
		look->r = ERR_MISSING_PERMISSIONS;
	return 0;
}

static int look_at_webhook(struct txn *txn, void *arg)
{
	struct look *look = arg;
	struct str token = look->intake->path.webhook_token;
	struct webhook webhook = {};
	struct key key;

	look->r = ERR_UNKNOWN_WEBHOOK;
	int r = txn_get_obj_wait(txn,
				 key_webhook(&key, txn->cell->id, look->intake->path.webhook_id),
				 &desc_webhook, &webhook);
	if (r)
		return r == ENOENT ? 0 : r;
	uint8_t known[TOKEN_HASH_BYTES], given[TOKEN_HASH_BYTES];
	secret_hash(webhook.token, known);
	secret_hash(token, given);
	if (webhook.token.len && token_hash_eq(known, given))
		look->r = 0;
	return 0;
}

static int check_webhook_wait(struct core *core, struct intake *intake)
{
	struct look look = { .intake = intake };
	struct realm_entry entry = {};
	struct str value;
	struct key key;

	int r = store_get_wait(core, &intake->http->arena,
			       key_webhook_entry(&key, intake->path.webhook_id), &value);
	if (!r)
		r = row_get(value, &desc_realm_entry, &intake->http->arena, &entry);
	if (!r)
		r = cell_call_wait(core, CELL_GUILD, entry.realm_id, look_at_webhook, &look);
	if (r == ENOENT)
		return ERR_UNKNOWN_WEBHOOK;
	return r ? r : look.r;
}

static int check_channel_wait(struct core *core, struct intake *intake)
{
	struct look look = { .intake = intake };
	enum cell_kind kind;
	uint64_t id;

	int r = directory_channel_wait(core, intake->path.channel_id, &kind, &id);
	if (!r)
		r = cell_call_wait(core, kind, id, look_at_channel, &look);
	if (r == ENOENT)
		return ERR_UNKNOWN_CHANNEL;
	return r ? r : look.r;
}

static int check_wait(struct core *core, struct intake *intake)
{
	struct str header = http_header(intake->http, S("authorization"));

	if (!header.len && intake->route->owner == OWNER_WEBHOOK && intake->path.webhook_token.len)
		return check_webhook_wait(core, intake);
	int r = auth_wait(core, header, &intake->who);
	if (!r && intake->route->owner == OWNER_CHANNEL)
		r = check_channel_wait(core, intake);
	return r;
}

/* -- how much -- */

static void allow(struct core *core, struct http_request *http, const struct route *route,
		  bool files)
{
	uint64_t file_max = config_of(core)->file_max;

	if (files) {
		http->body_max = LIMIT_ATTACHMENTS * file_max + LIMIT_BODY_BYTES;
		http->form_limits.file_max = file_max;
	} else {
		http->body_max = takes_images(route) ? IMAGE_BODY_BYTES : LIMIT_BODY_BYTES;
	}
}

static void intake_fiber(struct core *core, void *arg)
{
	struct intake *intake = arg;
	struct http_request *http = intake->http;

	int r = check_wait(core, intake);
	if (r) {
		api_refuse(core, http, r);
		return;
	}
	allow(core, http, intake->route, intake->files);
	http_request_continue(core, http);
}

enum http_verdict api_on_headers(struct core *core, struct http_request *http)
{
	const struct http_head *head = &http->head;
	struct intake *intake = arena_new(&http->arena, struct intake);
	struct str path = head->path, boundary;
	bool small = !head->chunked && head->length <= LIMIT_BODY_UNCHECKED_BYTES;

	http->body_max = LIMIT_BODY_UNCHECKED_BYTES;
	if (!head->chunked && !head->length)
		return HTTP_READ;
	if (!api_strip(&path) ||
	    route_find(head->method, path, &intake->route, &intake->path, &http->arena) ||
	    !intake->route->served)
		return HTTP_READ;
	intake->http = http;
	intake->files = intake->route->multipart &&
		multipart_boundary(http_header(http, S("content-type")), &boundary);
	if (intake->files) {
		http->sink = &incoming_sink;
		http->sink_owner = http;
	}
	bool known = !(intake->route->auth & (AUTH_NONE | AUTH_CLIENT)) ||
		intake->route->owner == OWNER_WEBHOOK;
	if (small || !known)
		return HTTP_READ;
	if (fiber_start(core, intake_fiber, intake)) {
		api_refuse(core, http, ERR_UNAVAILABLE);
		return HTTP_RESPONDED;
	}
	return HTTP_PARKED;
}

/* -- what came -- */

/* n of files[n]; -1: another name. */
static int64_t index_of(struct str name)
{
	uint64_t n;

	if (!str_starts(name, S("files[")) || name.ptr[name.len - 1] != ']' ||
	    !str_u64((struct str){ name.ptr + 6, name.len - 7 }, &n) || n > INT32_MAX)
		return -1;
	return (int64_t)n;
}

void intake_files(struct req *req)
{
	const struct form *form = &req->http->form;

	req->files = arena_array(req->arena, struct req_file, form->count + 1);
	for (uint32_t i = 0; i < form->count; i++) {
		const struct form_part *part = &form->parts[i];

		if (!part->filename.ptr)
			continue;
		req->files[req->files_count++] = (struct req_file){
			.field = part->name,
			.filename = part->filename,
			.content_type = part->content_type,
			.index = index_of(part->name),
			.size = part->size,
			.bytes = part->file ? incoming_bytes(part->file) : part->data,
			.incoming = part->file
		};
	}
}
