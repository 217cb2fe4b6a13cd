/* Gateway sessions on the user's side: who may identify, READY, who is there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/enc.h"
#include "gateway/domain.h"
#include "model/closecodes.h"
#include "model/intents.h"
#include "model/limits.h"
#include "user/auth.h"
#include "user/friends.h"
#include "user/oauth.h"
#include "user/platform.h"
#include "user/presence.h"
#include "user/ready.h"
#include "user/token.h"

enum { SESSIONS_MAX = 1024 };

/* When somebody was last here, to six hours: for prunes. */
static void note_seen(struct txn *txn)
{
	const int64_t often_us = 6 * 3600LL * 1000000, now = (int64_t)core_wall_us(txn->core);
	struct account row = *user_of(txn)->account;

	if (row.last_seen_at + often_us > now)
		return;
	row.last_seen_at = now;
	user_put_account(txn, &row);
}

static bool token_good(const struct user_state *user, const struct live_token *token,
		       uint64_t wall_us)
{
	if (!token || user->account->disabled || user->account->delete_at)
		return false;
	if (token->row->kind != TOKEN_PERSON && token->row->kind != TOKEN_BOT)
		return false;
	return !token->row->expires_at || token->row->expires_at > (int64_t)wall_us;
}

int user_auth(struct txn *txn, void *arg)
{
	struct auth_query *query = arg;
	struct user_state *user = user_of(txn);

	const struct live_token *token = user_token(user, query->hash);
	bool oauth = token && token->row->kind == TOKEN_OAUTH && !user->account->disabled &&
		!user->account->delete_at &&
		token->row->expires_at > (int64_t)core_wall_us(txn->core);
	if (!oauth && !token_good(user, token, core_wall_us(txn->core)))
		return ERR_UNAUTHORIZED;
	query->who = (struct who){
		.user_id = txn->cell->id,
		.oauth = oauth,
		.scopes = oauth ? oauth_scope_bits(&token->row->scopes) : 0,
		.application_id = oauth ? token->row->application_id : 0,
		.bot = user->account->bot,
		.elevated = user->application ? user->application->owner_mfa
					      : user->account->totp_secret.len > 0,
		.app_flags = user->application ? (uint64_t)user->application->flags : 0,
	};
	return 0;
}

int user_check_run(struct txn *txn, struct cell_work *work)
{
	struct user_check *check = container_of(work, struct user_check, work);
	struct user_state *user = user_of(txn);

	return token_good(user, user_token(user, check->token_hash), core_wall_us(txn->core))
		? 0
		: CLOSE_AUTHENTICATION_FAILED;
}

/* A bot asks for a privileged intent that its application has not been given. */
static bool disallowed(const struct user_state *user, uint32_t intents)
{
	int64_t flags = user->application ? user->application->flags : 0;

	for (size_t i = 0; i < INTENT_PRIVILEGED_COUNT; i++)
		if (intents & intent_privileged[i].intent &&
		    !(flags & (int64_t)intent_privileged[i].flags))
			return true;
	return false;
}

static int pick_guilds(struct user_state *user, struct user_open *open)
{
	uint32_t at = 0;
	uint64_t id;
	void *value;

	open->guilds = mem_alloc((user->guilds.count + 1) * sizeof(uint64_t));
	open->guilds_count = 0;
	while (map_next(&user->guilds, &at, &id, &value))
		if (!open->shard_count || (id >> 22) % open->shard_count == open->shard_id)
			open->guilds[open->guilds_count++] = id;
	if (user->account->bot && open->guilds_count > LIMIT_GUILDS_PER_SHARD) {
		free(TAKE(open->guilds));
		return CLOSE_SHARDING_REQUIRED;
	}
	return 0;
}

static void session_free(struct user_state *user, struct user_session *session)
{
	if (!session)
		return;
	region_free(user->region, session->said);
	region_free(user->region, session);
}

int user_open_run(struct txn *txn, struct cell_work *work)
{
	struct user_open *open = container_of(work, struct user_open, work);
	struct user_state *user = user_of(txn);
	struct ready_rows rows = {};

	if (!token_good(user, user_token(user, open->token_hash), core_wall_us(txn->core)))
		return CLOSE_AUTHENTICATION_FAILED;
	if (!user->account->bot) { /* waits: what follows looks at everything again */
		int rr;

		do {
			rr = friends_watch_wait(txn);
			if (!rr)
				rr = ready_rows_wait(txn, &rows);
		} while (!rr && !user->watching); /* the last session went meanwhile */
		if (rr)
			return rr;
	}

	if (!token_good(user, user_token(user, open->token_hash), core_wall_us(txn->core)))
		return CLOSE_AUTHENTICATION_FAILED;
	if (user->account->bot) {
		if (!open->has_intents)
			return CLOSE_INVALID_INTENTS;
		if (disallowed(user, open->intents))
			return CLOSE_DISALLOWED_INTENTS;
	}
	if (user->sessions.count >= SESSIONS_MAX)
		return user->account->bot ? CLOSE_RATE_LIMITED : CLOSE_TOO_MANY_SESSIONS;
	int r = pick_guilds(user, open);
	if (r)
		return r;
	open->user_id = txn->cell->id;
	open->bot = user->account->bot;

	struct user_session *session = region_new(user->region, struct user_session);
	session->id = open->session;
	session->core = open->core;
	session->os = platform_os(open->client_os).ptr;
	session->platform = (uint8_t)platform_of_client(open->client_name);
	session->id2 = open->session2;
	session->order = ++user->opened;
	session_free(user, map_set(&user->sessions, session->id, session));
	presence_set(txn, session, open->presence);
	presence_merge(txn);
	open->ready = user->account->bot ? ready_bot(txn, open) : ready_person(txn, open, &rows);
	open->friends = friends_merged(txn);
	txn_effect(txn,
		   &(struct effect){ .kind = EFFECT_SUBSCRIBE,
				     .session = open->session,
				     .user = open->user_id,
				     .core = open->core });
	note_seen(txn);
	return 0;
}

int user_close_run(struct txn *txn, struct cell_work *work)
{
	struct user_close *close = container_of(work, struct user_close, work);
	struct user_state *user = user_of(txn);
	struct user_session *session = map_del(&user->sessions, close->session);

	if (session) {
		if (!session->away)
			presence_linger(txn);
		session_free(user, session);
	}
	txn_effect(txn, &(struct effect){ .kind = EFFECT_UNSUBSCRIBE, .session = close->session });
	if (!user->sessions.count)
		friends_unwatch(txn);
	presence_merge(txn);
	note_seen(txn);
	return 0;
}

int user_away_run(struct txn *txn, struct cell_work *work)
{
	struct user_away *in = container_of(work, struct user_away, work);
	struct user_session *session = map_get(&user_of(txn)->sessions, in->session);

	if (!session)
		return 0;
	session->away = in->away;
	presence_merge(txn);
	return 0;
}

int user_presence_run(struct txn *txn, struct cell_work *work)
{
	struct user_presence *in = container_of(work, struct user_presence, work);
	struct user_state *user = user_of(txn);
	struct user_session *session = map_get(&user->sessions, in->session);

	if (!session)
		return 0;
	presence_set(txn, session, in->presence);
	presence_merge(txn);
	return 0;
}
