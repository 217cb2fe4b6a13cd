/* Applications and their bots: made by people for themselves. An application has the id of its bot and lies with it. */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "api/images.h"
#include "api/req.h"
#include "codec/dup.h"
#include "codec/json.h"
#include "config/config.h"
#include "model/limits.h"
#include "user/account.h"
#include "user/bot.h"

enum { APPLICATIONS_MAX = 100, DESCRIPTION_MAX = 400 };

/* Flags that the owner may set: the privileged intents. */
#define FLAGS_EDITABLE ((1 << 12) | (1 << 13) | (1 << 14) | (1 << 15) | (1 << 18) | (1 << 19))

static struct str text_of(struct arena *arena, struct str json)
{
	json_t *tree = json.ptr ? json_parse(json) : NULL;
	json_t *text = json_is_object(tree) ? json_object_get(tree, "default") : tree;
	struct str s = json_is_string(text)
		? arena_str(arena,
			    (struct str){ json_string_value(text), json_string_length(text) })
		: S("");

	json_decref(tree);
	return s;
}

/* The caller owns the application of this cell (or is its bot). */
static int own(struct req *req, struct user_state **ret)
{
	struct user_state *state = user_of(req->txn);

	if (!state->application ||
	    (state->application->owner_id != req->who.user_id &&
	     req->txn->cell->id != req->who.user_id))
		return ERR_UNKNOWN_APPLICATION;
	*ret = state;
	return 0;
}

/* The whole application, for its owner. Waits for the owner's name. */
static int show_own_wait(struct req *req, struct application *out)
{
	struct user *bot = arena_new(req->arena, struct user),
		    *owner = arena_new(req->arena, struct user);
	struct user_state *state;

	int r = own(req, &state);
	if (r)
		return r;
	r = user_public_wait(req->core, req->arena, state->application->owner_id, owner);
	if (r && r != ERR_UNKNOWN_USER)
		return r;
	r = own(req, &state);
	if (r)
		return r;
	*out = application_view(state, bot);
	out->owner = owner;
	out->has.owner = true;
	return 0;
}

int api_create_application(struct req *req, const struct application_create *in,
			   struct application *out)
{
	struct user_state *user = user_of(req->txn);
	char token[TOKEN_MAX];
	uint64_t id;

	if (config_of(req->core)->applications == CREATE_OPERATORS && !user->account->operator)
		return ERR_MISSING_ACCESS;
	if (user->applications.count >= APPLICATIONS_MAX)
		return ERR_MAX_APPLICATIONS;
	struct application application = bot_application(req->arena, core_random(req->core),
							 core_wall_us(req->core), req->who.user_id,
							 in->name);
	if (in->description.ptr)
		application.description = in->description;
	application.bot_require_code_grant = in->bot_require_code_grant;
	application.owner_mfa = req->who.elevated;
	struct account_new spec = { .username = bot_username(req->arena, in->name),
				    .bot = true,
				    .application = &application };
	int r = account_create_wait(req->core, &spec, &id, token);
	if (r)
		return r;
	struct bot_reading reading = { .arena = req->arena };
	r = txn_call_wait(req->txn, CELL_USER, id, bot_read_run, &reading);
	if (r)
		return r;
	struct user *owner = arena_new(req->arena, struct user);
	*owner = user_public(user_of(req->txn)->account);
	*out = reading.application;
	out->owner = owner;
	out->has.owner = true;
	user_put_owned(req->txn, id);
	return 0;
}

int api_list_applications(struct req *req, const struct applications_query *query,
			  struct application_list *out)
{
	struct user_state *user = user_of(req->txn);
	uint64_t *ids = arena_array(req->arena, uint64_t, user->applications.count + 1);
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	(void)query;
	while (map_next(&user->applications, &at, &id, &value))
		ids[count++] = id;
	out->items = arena_array(req->arena, struct application, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		struct bot_reading reading = { .arena = req->arena };
		int r = txn_call_wait(req->txn, CELL_USER, ids[i], bot_read_run, &reading);

		if (r == ENOENT)
			continue;
		if (r)
			return r;
		out->items[out->count++] = reading.application;
	}
	return 0;
}

int api_get_my_application(struct req *req, struct application *out)
{
	return show_own_wait(req, out);
}

int api_get_my_oauth2_application(struct req *req, struct application *out)
{
	return show_own_wait(req, out);
}

int api_get_application(struct req *req, struct application *out)
{
	return show_own_wait(req, out);
}

static int edit(struct req *req, const struct application_edit *in, struct application *out)
{
	struct user_state *state;

	int r = show_own_wait(req, out);
	if (r)
		return r;
	struct image_edit images[] = {
		image_edit("icon", "app-icons", req->cell->id, in->has.icon, in->icon),
		image_edit("cover_image", "app-icons", req->cell->id, in->has.cover_image,
			   in->cover_image),
	};
	r = images_store_wait(req, images, ARRAY_SIZE(images));
	if (!r)
		r = own(req, &state);
	if (r)
		return r;
	struct application row = *state->application;
	image_take(req, &images[0], &row.icon);
	image_take(req, &images[1], &row.cover_image);
	if (in->has.name)
		row.name = in->name;
	if (in->has.description) {
		row.description = text_of(req->arena, in->description);
		if (str_utf8_len(row.description) > DESCRIPTION_MAX)
			return req_form_error(req, "description", "BASE_TYPE_MAX_LENGTH",
					      "Must be %d or fewer in length.", DESCRIPTION_MAX);
	}
	if (in->has.flags && !in->null.flags) {
		if ((in->flags ^ row.flags) & ~(int64_t)FLAGS_EDITABLE)
			return req_form_error(req, "flags", "APPLICATION_FLAGS_INVALID",
					      "Only the flags of privileged intents can be set.");
		row.flags = in->flags;
	}
	if (in->has.tags) {
		row.tags = in->tags;
		row.has.tags = in->tags.items != NULL;
	}
	if (in->has.redirect_uris) {
		row.redirect_uris = in->redirect_uris;
		row.has.redirect_uris = true;
	}
	if (in->has.install_params) {
		row.install_params = in->install_params;
		row.has.install_params = true;
	}
	if (in->has.custom_install_url) {
		row.custom_install_url = in->custom_install_url;
		row.has.custom_install_url = true;
	}
	if (in->has.interactions_endpoint_url)
		row.interactions_endpoint_url = in->interactions_endpoint_url;
	if (in->has.role_connections_verification_url)
		row.role_connections_verification_url = in->role_connections_verification_url;
	if (in->has.terms_of_service_url) {
		row.terms_of_service_url = in->terms_of_service_url;
		row.has.terms_of_service_url = true;
	}
	if (in->has.privacy_policy_url) {
		row.privacy_policy_url = in->privacy_policy_url;
		row.has.privacy_policy_url = true;
	}
	if (in->has.integration_types_config) {
		row.integration_types_config = in->integration_types_config;
		row.has.integration_types_config = true;
	}
	if (in->has.bot_public && !in->null.bot_public)
		row.bot_public = in->bot_public;
	if (in->has.bot_require_code_grant && !in->null.bot_require_code_grant)
		row.bot_require_code_grant = in->bot_require_code_grant;
	user_put_application(req->txn, &row);
	images_drop_old(req, images, ARRAY_SIZE(images));
	txn_effect(req->txn,
		   &(struct effect){
			   .kind = EFFECT_FORGET }); /* the flags go with a remembered token */
	struct user *owner = out->owner;
	struct user *bot = arena_new(req->arena, struct user);
	*out = application_view(state, bot);
	out->owner = owner;
	out->has.owner = true;
	return 0;
}

int api_update_my_application(struct req *req, const struct application_edit *in,
			      struct application *out)
{
	return edit(req, in, out);
}

int api_update_application(struct req *req, const struct application_edit *in,
			   struct application *out)
{
	return edit(req, in, out);
}

int api_update_bot(struct req *req, const struct bot_edit *in, struct user *out)
{
	struct user_state *state;

	struct image_edit images[] = {
		image_edit("avatar", "avatars", req->cell->id, in->has.avatar, in->avatar),
		image_edit("banner", "banners", req->cell->id, in->has.banner, in->banner),
	};

	int r = own(req, &state);
	if (!r)
		r = images_store_wait(req, images, ARRAY_SIZE(images));
	if (!r)
		r = txn_outbox_wait(req->txn);
	if (!r)
		r = own(req, &state);
	if (r)
		return r;
	struct account row = *state->account;
	image_take(req, &images[0], &row.avatar);
	image_take(req, &images[1], &row.banner);
	if (in->has.username)
		row.username = bot_username(req->arena, in->username);
	struct application application = *state->application;
	if (in->has.public && !in->null.public)
		application.bot_public = in->public;
	user_put_application(req->txn, &application);
	user_change_account(req->txn, &row);
	images_drop_old(req, images, ARRAY_SIZE(images));
	*out = user_public(state->account);
	return 0;
}

/* A new token; whoever had the old one is out. */
static int reset_token(struct req *req, struct bot_token *out)
{
	struct user_state *state;
	char token[TOKEN_MAX];

	int r = own(req, &state);
	if (!r)
		r = bot_reset_token(req->txn, token);
	if (r)
		return r;
	out->token = arena_str(req->arena, str_z(token));
	return 0;
}

int api_reset_bot_token(struct req *req, const struct code_body *in, struct bot_token *out)
{
	(void)in;
	return reset_token(req, out);
}

int api_create_bot_legacy(struct req *req, const struct code_body *in, struct bot_token *out)
{
	(void)in;
	return reset_token(req, out);
}

int api_reset_client_secret(struct req *req, const struct code_body *in, struct client_secret *out)
{
	struct user_state *state;
	unsigned char secret[32];
	uint8_t hash[TOKEN_HASH_BYTES];
	char text[64], hex[2 * TOKEN_HASH_BYTES + 1];

	(void)in;
	int r = own(req, &state);
	if (r)
		return r;
	random_fill(core_random(req->core), secret, sizeof(secret));
	sodium_bin2base64(text, sizeof(text), secret, sizeof(secret),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	out->secret = arena_str(req->arena, str_z(text));
	secret_hash(out->secret, hash);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	struct application row = *state->application;
	row.secret_hash = str_z(hex);
	user_put_application(req->txn, &row);
	return 0;
}
