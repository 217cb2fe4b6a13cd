/* Oneself and others. */
#include <errno.h>
#include <stdlib.h>

#include "api/req.h"
#include "codec/dup.h"
#include "realm/realm.h"
#include "user/oauth.h"
#include "user/relation.h"
#include "user/user.h"

int api_get_my_user(struct req *req, struct user_self *out)
{
	*out = user_self_view(user_of(req->txn));
	if (req->who.oauth) {
		const struct live_token *token = user_token(user_of(req->txn), req->who.token_hash);
		bool email = token && oauth_scope_in(&token->row->scopes, S("email"));

		out->has.email = out->has.verified = email;
		out->has.phone = out->has.bio = out->has.pronouns = false;
	}
	return 0;
}

int api_get_user(struct req *req, struct user *out)
{
	return user_public_wait(req->core, req->arena, req->path.user_id, out);
}

/* -- profiles -- */

struct profile_reading {
	struct arena *arena;
	struct account account; /* what of it is shown */
	uint64_t *guilds;
	uint32_t guilds_count;
	struct u64_list friends;
};

static int run_read_profile(struct txn *txn, void *arg)
{
	struct profile_reading *reading = arg;
	struct user_state *user = user_of(txn);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	/* Only what everybody may see leaves the cell. */
	struct account shown = { .id = user->account->id,
				 .username = user->account->username,
				 .global_name = user->account->global_name,
				 .discriminator = user->account->discriminator,
				 .avatar = user->account->avatar,
				 .banner = user->account->banner,
				 .accent_color = user->account->accent_color,
				 .bio = user->account->bio,
				 .pronouns = user->account->pronouns,
				 .public_flags = user->account->public_flags,
				 .bot = user->account->bot };
	shown.null.accent_color = user->account->null.accent_color;
	reading->account = *(struct account *)obj_dup_arena(reading->arena, &desc_account, &shown);
	reading->guilds = arena_array(reading->arena, uint64_t, user->guilds.count + 1);
	while (map_next(&user->guilds, &at, &id, &value))
		reading->guilds[reading->guilds_count++] = id;
	reading->friends = relation_friends(user, reading->arena);
	return 0;
}

struct nick_reading {
	struct arena *arena;
	uint64_t asker, user_id;
	struct str nick;
};

static int run_read_nick(struct txn *txn, void *arg)
{
	struct nick_reading *reading = arg;
	struct realm *realm = realm_of(txn);
	struct live_member *member = realm_member(realm, reading->user_id);

	if (!member || !realm_member(realm, reading->asker))
		return ENOENT;
	reading->nick = arena_str(reading->arena, member->row->nick);
	return 0;
}

static bool listed(const struct profile_reading *reading, uint64_t id)
{
	for (uint32_t i = 0; i < reading->guilds_count; i++)
		if (reading->guilds[i] == id)
			return true;
	return false;
}

static bool befriended(const struct profile_reading *reading, uint64_t id)
{
	for (uint32_t i = 0; i < reading->friends.count; i++)
		if (reading->friends.items[i] == id)
			return true;
	return false;
}

static int by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Friends of both, the eldest account first. Puts those of @mine in order. */
static struct u64_list mutual_friends(struct arena *arena, const struct profile_reading *theirs,
				      struct profile_reading *mine)
{
	struct u64_list both = { arena_array(arena, uint64_t, theirs->friends.count + 1), 0 };

	qsort(mine->friends.items, mine->friends.count, sizeof(uint64_t), by_id);
	for (uint32_t i = 0; i < theirs->friends.count; i++)
		if (bsearch(&theirs->friends.items[i], mine->friends.items, mine->friends.count,
			    sizeof(uint64_t), by_id))
			both.items[both.count++] = theirs->friends.items[i];
	qsort(both.items, both.count, sizeof(uint64_t), by_id);
	return both;
}

static int show_mutual_friends_wait(struct req *req, const struct u64_list *ids,
				    struct user_profile *out)
{
	struct user *users = arena_array(req->arena, struct user, ids->count + 1);

	int r = user_publics_wait(req->core, req->arena, ids->items, ids->count, users);
	out->mutual_friends.items = users;
	for (uint32_t i = 0; !r && i < ids->count; i++)
		if (users[i].id)
			users[out->mutual_friends.count++] = users[i];
	return r;
}

static int read_profile_wait(struct req *req, uint64_t user_id, struct profile_reading *ret)
{
	*ret = (struct profile_reading){ .arena = req->arena };
	int r = cell_call_wait(req->core, CELL_USER, user_id, run_read_profile, ret);
	return r == ENOENT ? ERR_UNKNOWN_USER : r;
}

int api_get_user_profile(struct req *req, const struct profile_query *query,
			 struct user_profile *out)
{
	struct profile_reading theirs, mine;
	struct user *user = arena_new(req->arena, struct user);
	struct profile_metadata *metadata = arena_new(req->arena, struct profile_metadata);

	int r = read_profile_wait(req, req->path.user_id, &theirs);
	if (!r)
		r = read_profile_wait(req, req->who.user_id, &mine);
	if (r)
		return r;
	out->mutual_guilds.items = arena_array(req->arena, struct mutual_guild,
					       theirs.guilds_count + 1);
	for (uint32_t i = 0; i < theirs.guilds_count; i++) {
		struct nick_reading nick = { .arena = req->arena,
					     .asker = req->who.user_id,
					     .user_id = req->path.user_id };

		if (!listed(&mine, theirs.guilds[i]))
			continue;
		r = cell_call_wait(req->core, CELL_GUILD, theirs.guilds[i], run_read_nick, &nick);
		if (!r)
			out->mutual_guilds.items[out->mutual_guilds.count++] =
				(struct mutual_guild){ theirs.guilds[i], nick.nick };
	}
	/* Of strangers nothing is told. */
	if (!out->mutual_guilds.count && req->path.user_id != req->who.user_id &&
	    !befriended(&theirs, req->who.user_id))
		return ERR_UNKNOWN_USER;
	struct u64_list both = {};
	if (req->path.user_id != req->who.user_id)
		both = mutual_friends(req->arena, &theirs, &mine);
	if (query->with_mutual_friends) {
		r = show_mutual_friends_wait(req, &both, out);
		if (r)
			return r;
	}
	*user = user_public(&theirs.account);
	user->bio = theirs.account.bio.ptr ? theirs.account.bio : S("");
	user->has.bio = true;
	*metadata = (struct profile_metadata){ .bio = user->bio,
					       .pronouns = theirs.account.pronouns.ptr
						       ? theirs.account.pronouns
						       : S(""),
					       .accent_color = theirs.account.accent_color,
					       .banner = theirs.account.banner };
	metadata->null.accent_color = theirs.account.null.accent_color;
	out->user = user;
	out->user_profile = metadata;
	out->badges = out->guild_badges = out->connected_accounts = S("[]");
	out->premium_type = theirs.account.bot ? 0 : 2;
	out->has.mutual_guilds = query->with_mutual_guilds;
	out->has.mutual_friends = query->with_mutual_friends;
	out->has.mutual_friends_count = query->with_mutual_friends_count;
	out->mutual_friends_count = both.count;
	return 0;
}
