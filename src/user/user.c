#include "user/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/dup.h"
#include "codec/row.h"
#include "core/local.h"
#include "realm/member.h"
#include "store/store.h"
#include "user/presence.h"
#include "user/reads.h"
#include "user/token.h"

struct user_state *user_new(struct cell *cell)
{
	struct user_state *user = region_new(&cell->region, struct user_state);

	user->cell = cell;
	user->region = &cell->region;
	map_init_in(&user->tokens, user->region);
	map_init_in(&user->guilds, user->region);
	map_init_in(&user->dms, user->region);
	map_init_in(&user->relationships, user->region);
	map_init_in(&user->applications, user->region);
	map_init_in(&user->sessions, user->region);
	map_init_in(&user->headless, user->region);
	map_init_in(&user->watchers, user->region);
	map_init_in(&user->friends, user->region);
	for (uint32_t type = 0; type < READ_TYPES; type++)
		map_init_in(&user->reads[type], user->region);
	presence_init(user);
	cell->state = user;
	return user;
}

static uint64_t token_key(const uint8_t hash[32])
{
	uint64_t key;

	memcpy(&key, hash, sizeof(key));
	return key ? key : 1;
}

struct live_token *user_token(struct user_state *user, const uint8_t hash[32])
{
	struct live_token *token = map_get(&user->tokens, token_key(hash));

	return token && token_hash_eq(token->hash, hash) ? token : NULL;
}

static void add_token(struct user_state *user, const uint8_t hash[32], const struct token_row *row)
{
	struct live_token *token = region_new(user->region, struct live_token);

	memcpy(token->hash, hash, sizeof(token->hash));
	token->row = obj_dup_region(user->region, &desc_token_row, row);
	region_free(user->region, map_set(&user->tokens, token_key(hash), token));
}

/* A row of a map of rows: the copy in the region replaces what was there. */
static void *add_row(struct user_state *user, struct map *map, uint64_t id,
		     const struct obj_desc *desc, const void *row)
{
	void *copy = obj_dup_region(user->region, desc, row);

	region_free(user->region, map_set(map, id, copy));
	return copy;
}

/* -- puts -- */

void user_put_account(struct txn *txn, const struct account *row)
{
	struct user_state *user = user_of(txn);
	struct account *copy = obj_dup_region(user->region, &desc_account, row);
	struct key key;

	region_free(user->region, user->account);
	user->account = copy;
	txn_put(txn, key_account(&key, txn->cell->id), &desc_account, copy);
}

void user_change_account(struct txn *txn, const struct account *row)
{
	struct user_state *user = user_of(txn);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	user_put_account(txn, row);
	struct user_self self = user_self_view(user);
	txn_event(txn, EVENT_USER_UPDATE, aud_self(), &self);
	struct user shown = user_public(user->account);
	struct member_row copy = {};
	member_set_user(&copy, &shown);
	while (map_next(&user->guilds, &at, &id, &value))
		txn_intent(txn, INTENT_MEMBER_RENAME, CELL_GUILD, id, &desc_member_row, &copy);
	at = 0;
	while (map_next(&user->dms, &at, &id, &value))
		txn_intent(txn, INTENT_MEMBER_RENAME, CELL_DM, id, &desc_member_row, &copy);
}

void user_put_application(struct txn *txn, const struct application *row)
{
	struct user_state *user = user_of(txn);
	struct application *copy = obj_dup_region(user->region, &desc_application, row);
	struct key key;

	region_free(user->region, user->application);
	user->application = copy;
	txn_put(txn, key_application(&key, txn->cell->id), &desc_application, copy);
}

void user_put_token(struct txn *txn, const uint8_t hash[32], const struct token_row *row)
{
	struct key key;

	add_token(user_of(txn), hash, row);
	txn_put(txn, key_token(&key, txn->cell->id, hash), &desc_token_row,
		user_token(user_of(txn), hash)->row);
}

static void logout(struct txn *txn, const uint8_t *hash)
{
	struct effect effect = { .kind = EFFECT_LOGOUT };

	memcpy(effect.token_hash, hash, sizeof(effect.token_hash));
	txn_effect(txn, &effect);
}

void user_del_token(struct txn *txn, const uint8_t hash[32])
{
	struct user_state *user = user_of(txn);
	struct key key;

	if (!user_token(user, hash))
		return;
	txn_del(txn, key_token(&key, txn->cell->id, hash));
	logout(txn, hash);
	struct live_token *token = map_del(&user->tokens, token_key(hash));
	region_free(user->region, token->row);
	region_free(user->region, token);
}

void user_del_tokens(struct txn *txn, const uint8_t *keep)
{
	struct user_state *user = user_of(txn);
	uint8_t(*hashes)[32] = arena_alloc(txn->arena, (user->tokens.count + 1) * sizeof(*hashes));
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	while (map_next(&user->tokens, &at, &id, &value))
		memcpy(hashes[count++], ((struct live_token *)value)->hash, 32);
	for (uint32_t i = 0; i < count; i++)
		if (!keep || !token_hash_eq(hashes[i], keep))
			user_del_token(txn, hashes[i]);
}

void user_put_guild(struct txn *txn, const struct guild_entry_row *row)
{
	struct key key;

	/* @row may be made of what this replaces: from here on only the copy counts. */
	row = add_row(user_of(txn), &user_of(txn)->guilds, row->guild_id, &desc_guild_entry_row,
		      row);
	txn_put(txn, key_guild_entry(&key, txn->cell->id, row->guild_id), &desc_guild_entry_row,
		row);
}

void user_del_guild(struct txn *txn, uint64_t guild_id)
{
	struct key key;

	region_free(user_of(txn)->region, map_del(&user_of(txn)->guilds, guild_id));
	txn_del(txn, key_guild_entry(&key, txn->cell->id, guild_id));
}

void user_put_dm(struct txn *txn, const struct dm_entry_row *row)
{
	struct key key;

	row = add_row(user_of(txn), &user_of(txn)->dms, row->channel_id, &desc_dm_entry_row, row);
	txn_put(txn, key_dm_entry(&key, txn->cell->id, row->channel_id), &desc_dm_entry_row, row);
}

void user_put_relationship(struct txn *txn, const struct relationship_row *row)
{
	struct key key;

	row = add_row(user_of(txn), &user_of(txn)->relationships, row->user_id,
		      &desc_relationship_row, row);
	txn_put(txn, key_relationship(&key, txn->cell->id, row->user_id), &desc_relationship_row,
		row);
}

void user_del_relationship(struct txn *txn, uint64_t other_id)
{
	struct key key;

	region_free(user_of(txn)->region, map_del(&user_of(txn)->relationships, other_id));
	txn_del(txn, key_relationship(&key, txn->cell->id, other_id));
}

void user_put_owned(struct txn *txn, uint64_t application_id)
{
	struct owned_application_row row = { .application_id = application_id };
	struct key key;

	add_row(user_of(txn), &user_of(txn)->applications, application_id,
		&desc_owned_application_row, &row);
	txn_put(txn, key_owned_application(&key, txn->cell->id, application_id),
		&desc_owned_application_row, &row);
}

/* -- loading -- */

static int scan(struct cell *cell, struct arena *arena, struct str prefix, struct store_row **rows,
		uint32_t *count)
{
	return store_scan_wait(cell->core, arena, prefix, (struct str){}, (struct str){}, false, 0,
			       rows, count);
}

static int load_one(struct cell *cell, struct arena *arena, struct str key,
		    const struct obj_desc *desc, void *ret)
{
	struct str value;

	int r = store_get_wait(cell->core, arena, key, &value);
	if (!r && fault_take(cell->faults, FAULT_ROW))
		return -EBADMSG;
	return r ? r : row_get(value, desc, arena, ret);
}

static int load_tokens(struct user_state *user, struct arena *arena)
{
	struct cell *cell = user->cell;
	struct store_row *rows;
	struct key key;
	uint32_t count;

	int r = scan(cell, arena, prefix_token(&key, cell->id), &rows, &count);
	for (uint32_t i = 0; !r && i < count; i++) {
		struct token_row row = {};

		if (rows[i].key.len < 32)
			return -EBADMSG;
		r = row_get(rows[i].value, &desc_token_row, arena, &row);
		if (!r)
			add_token(user, (const uint8_t *)rows[i].key.ptr + rows[i].key.len - 32,
				  &row);
	}
	return r;
}

/* Rows whose key ends in a u64 id. */
static int load_map(struct user_state *user, struct arena *arena, struct str prefix,
		    const struct obj_desc *desc, struct map *map)
{
	struct store_row *rows;
	uint32_t count;

	int r = scan(user->cell, arena, prefix, &rows, &count);
	for (uint32_t i = 0; !r && i < count; i++) {
		void *row = arena_alloc(arena, desc->size);
		uint64_t id;

		memcpy(&id, rows[i].key.ptr + rows[i].key.len - 8, 8);
		r = row_get(rows[i].value, desc, arena, row);
		if (!r)
			add_row(user, map, __builtin_bswap64(id), desc, row);
	}
	return r;
}

static int load_all(struct user_state *user, struct arena *arena)
{
	struct cell *cell = user->cell;
	struct application application = {};
	struct account account = {};
	struct key key;

	int r = load_one(cell, arena, key_account(&key, cell->id), &desc_account, &account);
	if (r)
		return r;
	user->account = obj_dup_region(user->region, &desc_account, &account);
	if (account.bot) {
		r = load_one(cell, arena, key_application(&key, cell->id), &desc_application,
			     &application);
		if (r && r != ENOENT)
			return r;
		if (!r)
			user->application = obj_dup_region(user->region, &desc_application,
							   &application);
	}
	r = load_tokens(user, arena);
	if (!r)
		r = load_map(user, arena, prefix_guild_entry(&key, cell->id), &desc_guild_entry_row,
			     &user->guilds);
	if (!r)
		r = load_map(user, arena, prefix_dm_entry(&key, cell->id), &desc_dm_entry_row,
			     &user->dms);
	if (!r)
		r = load_map(user, arena, prefix_relationship(&key, cell->id),
			     &desc_relationship_row, &user->relationships);
	if (!r)
		r = load_map(user, arena, prefix_owned_application(&key, cell->id),
			     &desc_owned_application_row, &user->applications);
	if (!r && !account.bot)
		r = reads_load_wait(user, arena);
	return r;
}

static int load_wait(struct cell *cell)
{
	struct user_state *user = user_new(cell);
	struct arena arena;

	arena_init(&arena);
	int r = load_all(user, &arena);
	arena_done(&arena);
	if (!r && cell->generation)
		presence_after_restart(user);
	return r;
}

static bool busy(const struct cell *cell)
{
	const struct user_state *user = cell->state;

	return user && (user->sessions.count > 0 || presence_pending(user));
}

static void drop(struct cell *cell)
{
	presence_done(cell->state);
}

void user_register(void)
{
	static const struct cell_type type = {
		.name = "user", .load_wait = load_wait, .drop = drop, .busy = busy
	};

	cell_type_register(CELL_USER, &type);
}

/* -- views -- */

struct user user_public(const struct account *account)
{
	struct user user = {
		.id = account->id,
		.username = account->username,
		.global_name = account->global_name,
		.avatar = account->avatar,
		.discriminator = account->discriminator,
		.public_flags = account->public_flags,
		.bot = account->bot,
		.banner = account->banner,
		.accent_color = account->accent_color,
		.avatar_decoration_data = account->avatar_decoration_data,
	};

	user.has.bot = account->bot;
	return user;
}

struct user_self user_self_view(const struct user_state *state)
{
	const struct account *account = state->account;
	struct user_self self = {
		.id = account->id,
		.username = account->username,
		.global_name = account->global_name,
		.avatar = account->avatar,
		.discriminator = account->discriminator,
		.public_flags = account->public_flags,
		.flags = account->flags,
		.bot = account->bot,
		.banner = account->banner,
		.accent_color = account->accent_color,
		.avatar_decoration_data = account->avatar_decoration_data,
		.bio = account->bio.ptr ? account->bio : S(""),
		.pronouns = account->pronouns.ptr ? account->pronouns : S(""),
		.email = account->email,
		.verified = account->verified,
		.mfa_enabled = account->totp_secret.len > 0 ||
			account->webauthn_credentials.count > 0,
		.locale = account->locale.len ? account->locale : S("en-US"),
		.premium_type = account->bot ? 0 : 2,
		.nsfw_allowed = true,
		.linked_users = S("[]"),
	};

	self.null.accent_color = account->null.accent_color;
	self.has.bot = account->bot;
	self.has.bio = self.has.pronouns = self.has.email = self.has.verified = self.has.locale =
		true;
	self.has.premium_type = self.has.phone = true;
	if (!account->bot)
		self.has.purchased_flags = self.has.nsfw_allowed = self.has.linked_users = true;
	return self;
}

struct application application_view(const struct user_state *state, struct user *bot)
{
	struct application view = *state->application;

	view.summary = S("");
	view.flags_new = (uint64_t)view.flags;
	if (bot) {
		*bot = user_public(state->account);
		view.bot = bot;
		view.has.bot = true;
	}
	view.approximate_guild_count = state->guilds.count;
	view.has.approximate_guild_count = view.has.approximate_user_install_count = true;
	view.has.approximate_user_authorization_count = true;
	view.team = (struct str){};
	view.has.team = true;
	return view;
}

struct public_query {
	struct arena *arena;
	struct user user;
};

static int run_public(struct txn *txn, void *arg)
{
	struct public_query *query = arg;
	struct user user = user_public(user_of(txn)->account);

	query->user = *(struct user *)obj_dup_arena(query->arena, &desc_user, &user);
	return 0;
}

int user_public_wait(struct core *core, struct arena *arena, uint64_t user_id, struct user *ret)
{
	struct public_query query = { .arena = arena };

	if (!user_id)
		return ERR_UNKNOWN_USER;
	int r = cell_call_wait(core, CELL_USER, user_id, run_public, &query);
	if (r == ENOENT)
		return ERR_UNKNOWN_USER;
	if (r)
		return ERR_UNAVAILABLE;
	*ret = query.user;
	return 0;
}
