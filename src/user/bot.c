#include "user/bot.h"

#include <errno.h>
#include <sodium.h>

#include "codec/dup.h"

struct str bot_username(struct arena *arena, struct str name)
{
	return arena_str(arena, str_trim(name));
}

int bot_read_run(struct txn *txn, void *arg)
{
	struct bot_reading *reading = arg;
	struct user_state *state = user_of(txn);
	struct user bot;

	if (!state->application)
		return ENOENT;
	struct application view = application_view(state, &bot);
	reading->application = *(struct application *)obj_dup_arena(reading->arena,
								    &desc_application, &view);
	reading->user = *(struct user *)obj_dup_arena(reading->arena, &desc_user, &bot);
	return 0;
}

struct application bot_application(struct arena *arena, struct random *random, uint64_t now_us,
				   uint64_t owner_id, struct str name)
{
	unsigned char seed[crypto_sign_SEEDBYTES], pk[crypto_sign_PUBLICKEYBYTES],
		sk[crypto_sign_SECRETKEYBYTES];
	char public_key[2 * crypto_sign_PUBLICKEYBYTES + 1],
		seed_hex[2 * crypto_sign_SEEDBYTES + 1];

	random_fill(random, seed, sizeof(seed));
	crypto_sign_seed_keypair(pk, sk, seed);
	sodium_bin2hex(public_key, sizeof(public_key), pk, sizeof(pk));
	sodium_bin2hex(seed_hex, sizeof(seed_hex), seed, sizeof(seed));
	struct application application = {
		.name = name,
		.description = S(""),
		.owner_id = owner_id,
		.bot_public = true,
		.verify_key = arena_str(arena, str_z(public_key)),
		.sign_seed = arena_str(arena, str_z(seed_hex)),
		.hook = true,
		.integration_public = true,
		.interactions_version = 1,
		.created_at = (int64_t)now_us,
	};
	application.null.type = true;
	application.has.redirect_uris = application.has.interactions_endpoint_url = true;
	application.has.role_connections_verification_url = true;
	return application;
}

void bot_tell_owner_mfa(struct txn *txn, bool on)
{
	const struct user_state *owner = user_of(txn);
	struct owner_mfa_row row = { .on = on };
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(&owner->applications, &at, &id, &value))
		txn_intent(txn, INTENT_OWNER_MFA, CELL_USER, id, &desc_owner_mfa_row, &row);
}

int bot_intent_owner_mfa(struct txn *txn, const struct intent *intent)
{
	struct owner_mfa_row in = {};

	if (row_get(intent->payload, &desc_owner_mfa_row, txn->arena, &in) ||
	    !user_of(txn)->application)
		return EINVAL;
	struct application row = *user_of(txn)->application;
	row.owner_mfa = in.on;
	user_put_application(txn, &row);
	txn_effect(txn, &(struct effect){ .kind = EFFECT_FORGET });
	return 0;
}

int bot_reset_token(struct txn *txn, char ret_token[TOKEN_MAX])
{
	uint64_t now = core_wall_us(txn->core);
	struct token_row row = { .user_id = txn->cell->id,
				 .kind = TOKEN_BOT,
				 .created_at = (int64_t)now };
	uint8_t hash[TOKEN_HASH_BYTES];

	if (user_of(txn)->account->disabled)
		return ERR_ACCOUNT_DISABLED;
	user_del_tokens(txn, NULL);
	token_make(core_random(txn->core), row.user_id, now / 1000000, ret_token, hash);
	user_put_token(txn, hash, &row);
	return 0;
}
