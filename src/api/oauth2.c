/* OAuth2: adding a bot to a guild. */
#include <errno.h>

#include "api/req.h"
#include "codec/dup.h"
#include "realm/join.h"
#include "realm/perms.h"
#include "user/bot.h"

static bool has_scope(struct str scopes, struct str scope)
{
	while (scopes.len) {
		size_t end = 0;

		while (end < scopes.len && scopes.ptr[end] != ' ' && scopes.ptr[end] != '+')
			end++;
		if (str_eq((struct str){ scopes.ptr, end }, scope))
			return true;
		scopes = str_skip(scopes, end + 1);
	}
	return false;
}

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
	int r = client_id ? txn_call_wait(req->txn, CELL_USER, client_id, bot_read_run, reading) : ENOENT;
	return r == ENOENT ? ERR_UNKNOWN_APPLICATION : r;
}

int api_oauth2_authorize_info(struct req *req, const struct authorize_query *query, struct authorize_info *out)
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

int api_oauth2_authorize_accept(struct req *req, const struct authorize_accept *in, const struct authorize_query *query,
				struct authorize_result *out)
{
	struct bot_reading reading;

	int r = read_bot_wait(req, query->client_id, &reading);
	if (r)
		return r;
	if (!has_scope(query->scope, S("bot")))
		return req_form_error(req, "scope", "INVALID_OAUTH_SCOPE", "Only the scope bot can be granted here yet.");
	uint64_t guild_id = in->guild_id ? in->guild_id : in->bot_guild_id ? in->bot_guild_id : query->guild_id;
	out->location = out->url = arena_printf(req->arena, "/oauth2/authorized");
	if (!in->authorize) {
		out->location = out->url = arena_printf(req->arena, "/oauth2/authorized?error=access_denied");
		return 0;
	}
	if (!guild_id)
		return req_form_error(req, "guild_id", "BASE_TYPE_REQUIRED", "This field is required");
	if (!reading.application.bot_public && reading.application.owner_id != req->who.user_id)
		return ERR_MISSING_ACCESS;
	struct realm_join join = { .user = reading.user,
				   .inviter = req->who.user_id,
				   .by_oauth = true,
				   .permissions = in->has.permissions ? in->permissions : query->permissions,
				   .reason = req->reason };
	r = txn_call_wait(req->txn, CELL_GUILD, guild_id, realm_join_run, &join);
	return r == ENOENT ? ERR_UNKNOWN_GUILD : r;
}

int api_get_my_oauth2_authorization(struct req *req, struct authorization *out)
{
	struct user *me = arena_new(req->arena, struct user);
	struct user_state *state = user_of(req->txn);
	struct application *application = arena_new(req->arena, struct application);
	struct user *bot = arena_new(req->arena, struct user);

	*me = user_public(state->account);
	if (!state->application)
		return ERR_INVALID_OAUTH2_ACCESS_TOKEN;
	*application = application_view(state, bot);
	out->application = application;
	out->user = me;
	out->has.user = true;
	return 0;
}
