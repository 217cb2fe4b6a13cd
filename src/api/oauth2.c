/* OAuth2: what a person lets an application do, adding its bot to a guild among it. */
#include <errno.h>

#include "api/req.h"
#include "base/url.h"
#include "codec/dup.h"
#include "realm/join.h"
#include "realm/perms.h"
#include "user/bot.h"
#include "user/oauth.h"

struct guild_peek {
	struct arena *arena;
	uint64_t user_id;
	struct authorize_guild guild;
};

static int run_peek(struct txn *txn, void *arg)
{
	struct guild_peek *peek = arg;
	struct realm *realm = realm_of(txn);
	struct live_member *member = realm_member(realm, peek->user_id);

	if (!member)
		return ENOENT;
	peek->guild = (struct authorize_guild){ .id = realm->guild->id,
						.name = arena_str(peek->arena, realm->guild->name),
						.icon = arena_str(peek->arena, realm->guild->icon),
						.mfa_level = realm->guild->mfa_level,
						.permissions = perms_base(realm, member) };
	return 0;
}

static int read_bot_wait(struct req *req, uint64_t client_id, struct bot_reading *reading)
{
	*reading = (struct bot_reading){ .arena = req->arena };
	int r = client_id ? txn_call_wait(req->txn, CELL_USER, client_id, bot_read_run, reading)
			  : ENOENT;
	return r == ENOENT ? ERR_UNKNOWN_APPLICATION : r;
}

int api_oauth2_authorize_info(struct req *req, const struct authorize_query *query,
			      struct authorize_info *out)
{
	struct bot_reading *reading = arena_new(req->arena, struct bot_reading);
	uint64_t *guilds, id;
	uint32_t at = 0, count = 0;
	void *value;

	int r = read_bot_wait(req, query->client_id, reading);
	if (r)
		return r;
	struct user_state *user = user_of(req->txn);
	guilds = arena_array(req->arena, uint64_t, user->guilds.count + 1);
	while (map_next(&user->guilds, &at, &id, &value))
		guilds[count++] = id;
	out->guilds.items = arena_array(req->arena, struct authorize_guild, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		struct guild_peek peek = { .arena = req->arena, .user_id = req->who.user_id };

		r = txn_call_wait(req->txn, CELL_GUILD, guilds[i], run_peek, &peek);
		if (!r && peek.guild.permissions & PERM_MANAGE_GUILD)
			out->guilds.items[out->guilds.count++] = peek.guild;
		else if (r == ERR_RESTARTED)
			return r;
	}
	struct user *me = arena_new(req->arena, struct user);
	*me = user_public(user_of(req->txn)->account);
	*me = *(struct user *)obj_dup_arena(req->arena, &desc_user, me);
	out->application = &reading->application;
	out->user = me;
	out->bot = &reading->user;
	out->has.bot = out->has.guilds = out->has.integration_type = true;
	return 0;
}

static bool redirect_known(const struct application *application, struct str uri)
{
	for (uint32_t i = 0; i < application->redirect_uris.count; i++)
		if (str_eq(application->redirect_uris.items[i], uri))
			return true;
	return false;
}

/* RFC 6749 4.1.2. Values that we add need no escaping; the state comes back as it came, escaped. */
static struct str redirect(struct req *req, const struct authorize_query *query, const char *key,
			   struct str value)
{
	struct str uri = query->redirect_uri.len ? query->redirect_uri : S("/oauth2/authorized");
	char joint = str_find(uri, '?') < uri.len ? '&' : '?';
	struct buf state;

	buf_init(&state, 8192);
	if (query->state.len) {
		buf_put_str(&state, S("&state="));
		url_encode(&state, query->state);
	}
	struct str text = arena_printf(req->arena, "%.*s%c%s=%.*s%.*s", STR_FMT(uri), joint, key,
				       STR_FMT(value), STR_FMT(buf_str(&state)));
	buf_done(&state);
	return text;
}

static int add_bot_wait(struct req *req, const struct bot_reading *reading, uint64_t guild_id,
			uint64_t permissions)
{
	struct realm_join join = { .user = reading->user,
				   .inviter = req->who.user_id,
				   .by_oauth = true,
				   .elevated = req->who.elevated,
				   .permissions = permissions,
				   .reason = req->reason };

	if (!guild_id)
		return req_form_error(req, "guild_id", "BASE_TYPE_REQUIRED",
				      "This field is required");
	if (!reading->application.bot_public && reading->application.owner_id != req->who.user_id)
		return ERR_MISSING_ACCESS;
	int r = txn_call_wait(req->txn, CELL_GUILD, guild_id, realm_join_run, &join);
	return r == ENOENT ? ERR_UNKNOWN_GUILD : r;
}

int api_oauth2_authorize_accept(struct req *req, const struct authorize_accept *in,
				const struct authorize_query *query, struct authorize_result *out)
{
	struct bot_reading reading;

	int r = read_bot_wait(req, query->client_id, &reading);
	if (r)
		return r;
	struct str_list scopes = oauth_scopes(req->arena, query->scope);
	bool bot = oauth_scope_in(&scopes, S("bot")),
	     code = str_eq(query->response_type, S("code"));
	if (!scopes.count)
		return req_form_error(req, "scope", "BASE_TYPE_REQUIRED", "This field is required");
	if (code && !redirect_known(&reading.application, query->redirect_uri))
		return req_form_error(req, "redirect_uri", "INVALID_OAUTH_REDIRECT_URI",
				      "Redirect URI is not registered.");
	if (!code && !bot)
		return req_form_error(req, "response_type", "BASE_TYPE_CHOICES",
				      "Value must be one of ('code',).");
	uint64_t guild_id = in->guild_id ? in->guild_id
		: in->bot_guild_id	 ? in->bot_guild_id
					 : query->guild_id;
	if (!in->authorize) {
		out->location = out->url = redirect(req, query, "error", S("access_denied"));
		return 0;
	}
	if (bot) {
		r = add_bot_wait(req, &reading, guild_id,
				 in->has.permissions ? in->permissions : query->permissions);
		if (r)
			return r;
	}
	out->location = out->url = S("/oauth2/authorized");
	if (!code)
		return 0;
	struct grant_code_row grant = { .application_id = query->client_id,
					.scopes = scopes,
					.redirect_uri = query->redirect_uri,
					.code_challenge = query->code_challenge,
					.code_challenge_method = query->code_challenge_method,
					.guild_id = guild_id };
	char text[TOKEN_MAX];
	oauth_put_code(req->txn, &grant, text);
	out->location = out->url = redirect(req, query, "code", str_z(text));
	return 0;
}

int api_get_my_oauth2_authorization(struct req *req, struct authorization *out)
{
	struct user_state *state = user_of(req->txn);
	const struct live_token *token = user_token(state, req->who.token_hash);
	struct bot_reading *reading = arena_new(req->arena, struct bot_reading);
	struct user *me = arena_new(req->arena, struct user);

	if (!token || !req->who.oauth)
		return ERR_INVALID_OAUTH2_ACCESS_TOKEN;
	struct token_row *row = obj_dup_arena(req->arena, &desc_token_row, token->row);
	*me = user_public(state->account);
	me = obj_dup_arena(req->arena, &desc_user, me);
	int r = read_bot_wait(req, row->application_id, reading);
	if (r)
		return r;
	out->application = &reading->application;
	out->scopes = row->scopes;
	out->expires = row->expires_at;
	if (oauth_scope_in(&row->scopes, S("identify"))) {
		out->user = me;
		out->has.user = true;
	}
	return 0;
}
