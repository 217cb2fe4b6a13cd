/* A user's cell: the account, its logins, guilds, DMs, relationships; for a bot its application too (an application has its
 * bot's id). Lives on its owner core, all in the cell's region. */
#pragma once

#include "base/map.h"
#include "cell/cell.h"
#include "cell/txn.h"
#include "model/errors.h"
#include "model/objects.h"
#include "model/tables.h"
#include "user/read_rule.h"

enum token_kind {
	TOKEN_PERSON,
	TOKEN_BOT,
	TOKEN_OAUTH,
	TOKEN_REFRESH,
	TOKEN_MAIL,
	TOKEN_RESET,
	TOKEN_MFA
};

/* STATUS_FOLLOW: what the settings say. */
enum user_status { STATUS_FOLLOW, STATUS_ONLINE, STATUS_IDLE, STATUS_DND, STATUS_INVISIBLE };

/* A gateway session of this user, on any core. */
struct user_session {
	uint64_t id;
	uint32_t core;
	uint32_t order; /* of two the later opened has the greater one */
	enum user_status status;
	uint8_t platform; /* enum platform */
	bool afk, away; /* away: it has lost its connection for a while */
	int64_t since; /* Unix ms; not 0: idle by itself */
	struct presence *said; /* in the region, its activities alone; NULL: none */
	const char *os; /* as platform_os() says it */
	uint64_t id2; /* the second half of its name */
};

/* Rich presence without a gateway: user/headless.h. */
struct headless {
	uint8_t token_hash[32];
	uint64_t application_id;
	uint32_t order;
	uint64_t expires_us; /* monotonic */
	struct str session_id; /* in the region */
	struct presence *said; /* in the region, its activity alone */
};

struct live_token {
	uint8_t hash[32];
	struct token_row *row;
};

struct user_state {
	struct cell *cell;
	struct region *region;
	struct account *account;
	struct application *application; /* of a bot */
	struct map tokens; /* first 8 bytes of the hash → live_token */
	struct map guilds; /* guild id → guild_entry_row */
	struct map dms; /* channel id → dm_entry_row */
	struct map relationships; /* user id → relationship_row */
	struct map applications; /* owned: application id → owned_application_row */
	struct map sessions; /* session id → user_session */
	struct map reads[READ_TYPES]; /* id → read_mark: user/reads.h */
	struct map headless; /* first 8 bytes of the token's hash → headless */
	struct presence *presence; /* merged; NULL: offline (or invisible) */
	uint32_t reads_count;
	int64_t reads_version; /* the greatest that a mark has had */
	uint32_t opened; /* sessions so far */
	struct map
		watchers; /* while @presence is there: friends with sessions, who are told of it (user/friends.h) */
	struct map friends; /* while @watching: friends that are there: user id → presence */
	bool watching; /* this user is told of friends: it has sessions, or the first one comes just now */
	bool untold; /* after a restart: guilds may show something else */
	uint64_t
		lingers_until_us; /* not 0: nobody is here, and @presence stays as it is until then (monotonic) */
	struct timer presence_timer; /* when it changes by itself */
};

static inline struct user_state *user_of(struct txn *txn)
{
	return txn->cell->state;
}
void user_register(void);

/* Replace memory and put the row. */
void user_put_account(struct txn *txn, const struct account *row);
/* The same when others may see a difference: USER_UPDATE to the user's sessions, and its guilds' copies by intents (txn_outbox_wait() before). */
void user_change_account(struct txn *txn, const struct account *row);
void user_put_application(struct txn *txn, const struct application *row);
void user_put_token(struct txn *txn, const uint8_t hash[32], const struct token_row *row);
void user_del_token(struct txn *txn, const uint8_t hash[32]);
/* All tokens (but @keep, may be NULL), and their sessions are closed with 4004. */
void user_del_tokens(struct txn *txn, const uint8_t *keep);
void user_put_guild(struct txn *txn, const struct guild_entry_row *row);
void user_del_guild(struct txn *txn, uint64_t guild_id);
void user_put_dm(struct txn *txn, const struct dm_entry_row *row);
void user_put_relationship(struct txn *txn, const struct relationship_row *row);
void user_del_relationship(struct txn *txn, uint64_t other_id);
void user_put_owned(struct txn *txn, uint64_t application_id);

struct live_token *user_token(struct user_state *user, const uint8_t hash[32]);

/* What others see; strings shared. */
struct user user_public(const struct account *account);
/* What the user itself sees. */
struct user_self user_self_view(const struct user_state *user);
/* The application with its derived fields; @bot and @owner (may be NULL) are the caller's storage. */
struct application application_view(const struct user_state *user, struct user *bot);

/* On a fiber of any core: the public view of a user, copied into @arena. 0, ERR_UNKNOWN_USER, ERR_UNAVAILABLE. */
int user_public_wait(struct core *core, struct arena *arena, uint64_t user_id, struct user *ret);
/* Of many, as their stored rows say it: no account is loaded into memory for it. @ret[i].id is 0 when there is no such account. 0, or
 * negative errno. */
int user_publics_wait(struct core *core, struct arena *arena, const uint64_t *ids, uint32_t count,
		      struct user *ret);
/* Audience: all sessions of this user. */
static inline struct audience aud_self(void)
{
	return (struct audience){};
}
/* A fresh state while it is made or loaded. */
struct user_state *user_new(struct cell *cell);
/* Tells this user's presence to a guild that has begun to watch it (fn for cell_tell; arg: uint64_t guild id). */
int user_tell_presence(struct txn *txn, void *arg);
