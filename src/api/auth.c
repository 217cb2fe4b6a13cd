#include "api/auth.h"

#include <errno.h>
#include <stdlib.h>

#include "api/internal.h"
#include "base/map.h"
#include "core/fiber.h"
#include "user/token.h"

enum { REMEMBERED_MAX = 1 << 16 };

struct auth_cache {
	struct map entries; /* first 8 bytes of the hash → struct who */
	uint64_t
		generation; /* grows with each forgetting: an answer from before it is not remembered */
};

struct auth_cache *auth_cache_new(void)
{
	struct auth_cache *cache = mem_zalloc(sizeof(*cache));

	map_init(&cache->entries);
	return cache;
}

static void drop(struct auth_cache *cache, uint64_t user_id)
{
	struct map kept;
	uint32_t at = 0;
	uint64_t key;
	void *value;

	map_init(&kept);
	while (map_next(&cache->entries, &at, &key, &value)) {
		struct who *who = value;

		if (user_id && who->user_id != user_id)
			map_set(&kept, key, who);
		else
			free(who);
	}
	map_done(&cache->entries);
	cache->entries = kept;
	cache->generation++;
}

void auth_cache_free(struct auth_cache *cache)
{
	if (!cache)
		return;
	drop(cache, 0);
	free(cache);
}

static uint64_t key_of(const uint8_t hash[32])
{
	uint64_t key;

	memcpy(&key, hash, sizeof(key));
	return key ? key : 1;
}

static bool remembered(struct auth_cache *cache, const uint8_t hash[32], struct who *ret)
{
	const struct who *who = map_get(&cache->entries, key_of(hash));

	if (!who || !token_hash_eq(who->token_hash, hash))
		return false;
	*ret = *who;
	return true;
}

bool auth_cached(struct core *core, struct str header, struct who *ret)
{
	uint8_t hash[32];
	uint64_t user_id;

	return token_parse(header, &user_id, hash) &&
		remembered(local_of(core)->api->auth, hash, ret);
}

int auth_wait(struct core *core, struct str header, struct who *ret)
{
	struct auth_cache *cache = local_of(core)->api->auth;
	struct auth_query query = {};
	uint64_t user_id;

	if (!token_parse(header, &user_id, query.hash))
		return ERR_UNAUTHORIZED;
	if (remembered(cache, query.hash, ret))
		return 0;
	uint64_t generation = cache->generation;
	int r = cell_call_wait(core, CELL_USER, user_id, user_auth, &query);
	if (r == ENOENT || r == ERR_UNAUTHORIZED)
		return ERR_UNAUTHORIZED;
	if (r)
		return ERR_UNAVAILABLE;
	query.who.token_id = key_of(query.hash);
	memcpy(query.who.token_hash, query.hash, sizeof(query.hash));
	*ret = query.who;
	if (generation == cache->generation) {
		if (cache->entries.count >= REMEMBERED_MAX)
			drop(cache, 0);
		free(map_set(&cache->entries, query.who.token_id,
			     mem_dup(&query.who, sizeof(query.who))));
	}
	return 0;
}

void auth_forget(struct core *core, uint64_t user_id)
{
	drop(local_of(core)->api->auth, user_id);
}
