#include "user/headless.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/random.h"
#include "codec/dup.h"
#include "model/limits.h"
#include "user/presence.h"
#include "user/sessions.h"

enum { TOKEN_BYTES = 24, ID_BYTES = 16 };

static uint64_t key_of(const uint8_t hash[TOKEN_HASH_BYTES])
{
	uint64_t key;

	memcpy(&key, hash, sizeof(key));
	return key ? key : 1;
}

static struct headless *find(struct user_state *user, uint64_t application_id, struct str token)
{
	uint8_t hash[TOKEN_HASH_BYTES];

	secret_hash(token, hash);
	struct headless *headless = map_get(&user->headless, key_of(hash));
	if (!headless || !token_hash_eq(headless->token_hash, hash) ||
	    headless->application_id != application_id)
		return NULL;
	return headless;
}

void headless_end(struct user_state *user, struct headless *headless)
{
	map_del(&user->headless, key_of(headless->token_hash));
	region_free(user->region, headless->said);
	region_free(user->region, (void *)headless->session_id.ptr);
	region_free(user->region, headless);
}

static void make_room(struct user_state *user)
{
	struct headless *oldest = NULL;
	uint32_t at = 0;
	uint64_t id;
	void *value;

	if (user->headless.count < LIMIT_HEADLESS_SESSIONS)
		return;
	while (map_next(&user->headless, &at, &id, &value))
		if (!oldest || ((struct headless *)value)->expires_us < oldest->expires_us)
			oldest = value;
	assert(oldest);
	headless_end(user, oldest);
}

static struct headless *make(struct txn *txn, uint64_t application_id, char ret_token[TOKEN_MAX])
{
	struct user_state *user = user_of(txn);
	uint8_t secret[TOKEN_BYTES], id[ID_BYTES];
	char hex[2 + 2 * ID_BYTES + 1] = "h:";

	make_room(user);
	struct headless *headless = region_new(user->region, struct headless);
	random_fill(core_random(txn->core), secret, sizeof(secret));
	random_fill(core_random(txn->core), id, sizeof(id));
	sodium_bin2base64(ret_token, TOKEN_MAX, secret, sizeof(secret),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_bin2hex(hex + 2, sizeof(hex) - 2, id, sizeof(id));
	secret_hash(str_z(ret_token), headless->token_hash);
	headless->application_id = application_id;
	headless->order = ++user->opened;
	headless->session_id = region_str(user->region, str_z(hex));
	map_set(&user->headless, key_of(headless->token_hash), headless);
	return headless;
}

int headless_put(struct txn *txn, uint64_t application_id, struct str token,
		 const struct activity *activity, char ret_token[TOKEN_MAX])
{
	struct user_state *user = user_of(txn);
	struct headless *headless = token.ptr ? find(user, application_id, token)
					      : make(txn, application_id, ret_token);
	struct presence said = { .activities = { (struct activity *)activity, 1 } };

	if (!headless)
		return ENOENT;
	struct presence *before = headless->said;
	headless->said = obj_dup_region(user->region, &desc_presence, &said);
	if (before && str_eq(before->activities.items[0].name, activity->name))
		headless->said->activities.items[0].created_at =
			before->activities.items[0].created_at;
	region_free(user->region, before);
	headless->expires_us = core_now_us(txn->core) + LIMIT_HEADLESS_SESSION_MS * 1000ULL;
	presence_merge(txn);
	return 0;
}

int headless_delete(struct txn *txn, uint64_t application_id, struct str token)
{
	struct headless *headless = find(user_of(txn), application_id, token);

	if (!headless)
		return ENOENT;
	headless_end(user_of(txn), headless);
	presence_merge(txn);
	return 0;
}
