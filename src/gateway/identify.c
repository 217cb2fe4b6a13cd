/* Op 2: a session begins. The payload is checked here as far as the wire goes; whether the token
 * is good and the intents are allowed is for the account to say (gateway/domain.h, user_open).
 *
 * Until the account has answered the session is OPENING: the account's events may come before
 * the answer, and are held. */
#include <assert.h>
#include <stdlib.h>

#include "gateway/internal.h"

enum { SHARDS_MAX = 16384, INTENT_BITS = 29 };

struct open_ask {
	struct ask ask;
	struct user_open open;
	struct arena arena;
};

static void open_free(struct open_ask *ask)
{
	arena_done(&ask->arena);
	free(ask);
}

/* One IDENTIFY for each token and concurrency bucket in a while, over all cores: asked where the
 * account lives. */
static int check_concurrency(struct gateway_local *owner, struct ask *ask)
{
	const struct user_open *open = &container_of(ask, struct open_ask, ask)->open;
	uint64_t key;

	if (!owner->config.rate_limits)
		return 0;
	memcpy(&key, open->token_hash, sizeof(key));
	key = (key ^ (open->shard_id % LIMIT_MAX_CONCURRENCY)) | 1;
	return gate_try(&owner->identify_gate, key, core_now_us(owner->core),
			LIMIT_IDENTIFY_WINDOW_MS * 1000ull)
		? ASK_REFUSED
		: 0;
}

/* The account's view was held by the question. What it brought is not wanted. */
static void drop_answer(struct open_ask *ask)
{
	bytes_unref(ask->open.ready);
	bytes_unref(ask->open.friends);
	free(ask->open.guilds);
	ask->open.ready = ask->open.friends = NULL;
	ask->open.guilds = NULL;
}

static void opened(struct session *session, struct open_ask *ask)
{
	struct user_open *open = &ask->open;

	session->bot = open->bot;
	/* Intents filter what bots get; people get all that is for them. */
	if (!session->bot)
		session->intents = UINT32_MAX;
	if (!session->large_threshold)
		session->large_threshold = session->bot ? LIMIT_LARGE_THRESHOLD_BOT
							: LIMIT_LARGE_THRESHOLD_USER;
	struct sub *own = session_sub(session, session->user_id);
	if (own)
		own->intents = session->intents;
	free(session->conn->base_url);
	session->conn->base_url = NULL;
	stat_add(&session->gateway->stats.identifies, 1);
	if (session->bot) {
		guilds_queue(session, TAKE(open->guilds), open->guilds_count);
		ring_push_front(&session->ring, event_new(EVENT_READY, TAKE(open->ready)),
				FORM_FULL);
		session_go(session);
		guilds_pump(session);
	} else {
		assembly_start(session, TAKE(open->ready), TAKE(open->friends), TAKE(open->guilds),
			       open->guilds_count);
	}
}

/* No session came of it: @r is a close code, or something that may be better another time. */
static void not_opened(struct session *session, int r)
{
	struct conn *conn = session->conn;

	session_end(session);
	if (!conn)
		return;
	if (r == ENOENT)
		r = CLOSE_AUTHENTICATION_FAILED;
	if (r >= 4000 && r < 5000)
		conn_close(conn, r);
	else if (!conn_send_op(conn, GATEWAY_OP_INVALID_SESSION, S("false")))
		conn_close(conn, CLOSE_UNKNOWN_ERROR);
	else
		conn_alive(conn);
}

static void on_opened(struct gateway_local *gateway, struct ask *base, int r)
{
	struct open_ask *ask = container_of(base, struct open_ask, ask);
	struct session *session = session_find(gateway, ask->open.session);
	uint64_t user_id = ask->open.work.id;

	if (!session && r == 0)
		session_tell_close(gateway, ask->open.session, user_id);
	else if (session && r == 0)
		opened(session, ask);
	else if (session)
		not_opened(session, r);
	drop_answer(ask);
	open_free(ask);
	view_release(gateway, user_id);
}

static void on_reopened(struct gateway_local *gateway, struct ask *base, int r)
{
	struct open_ask *ask = container_of(base, struct open_ask, ask);
	struct session *session = session_find(gateway, ask->open.session);

	drop_answer(ask);
	if (session && r != 0 && (r == ENOENT || (r >= 4000 && r < 5000))) {
		session_revoke(session);
	} else if (session && r != 0) {
		ask_again(gateway, base, 1000);
		return;
	} else if (!session && r == 0) {
		session_tell_close(gateway, ask->open.session, ask->open.work.id);
	} else if (session && session->away) {
		session_tell_away(session, true); /* the account believes that it is here */
	}
	view_release(gateway, ask->open.work.id);
	open_free(ask);
}

static struct open_ask *open_ask_new(struct session *session)
{
	struct open_ask *ask = mem_zalloc(sizeof(*ask));
	struct user_open *open = &ask->open;
	char name[SESSION_NAME_LEN + 1];

	arena_init(&ask->arena);
	session_name(session->id, session->id2, name);
	open->work = (struct cell_work){ .kind = CELL_USER,
					 .id = session->user_id,
					 .run = user_open_run };
	memcpy(open->token_hash, session->token_hash, sizeof(open->token_hash));
	open->session = session->id;
	open->session2 = session->id2;
	open->core = core_index(session->gateway->core);
	open->has_intents = session->has_intents;
	open->intents = session->has_intents ? session->intents : 0;
	open->capabilities = session->capabilities;
	open->large_threshold = session->large_threshold;
	open->version = session->version;
	open->shard_id = session->shard_id;
	open->shard_count = session->shard_count;
	open->session_id = arena_str(&ask->arena, str_z(name));
	return ask;
}

void session_reopen(struct session *session)
{
	if (session->state == SESSION_OPENING)
		return; /* Its own question is on its way, and fails or comes after the restart. */
	struct open_ask *ask = open_ask_new(session);

	ask->ask.answered = on_reopened;
	if (session->presence)
		ask->open.presence = arena_str(&ask->arena, str_z(session->presence));
	view_hold(session->gateway, session->user_id, CELL_USER);
	ask_post(session->gateway, &ask->ask, &ask->open.work);
}

/* -- the payload -- */

static struct str property(struct arena *arena, const json_t *properties, const char *key,
			   const char *old_key)
{
	struct str text = json_text(json_object_get(properties, key));

	if (!text.ptr)
		text = json_text(json_object_get(properties, old_key));
	return text.ptr ? arena_str(arena, text) : text;
}

static struct str read_presence(struct session *session, struct arena *arena, json_t *presence)
{
	if (!json_is_object(presence))
		return (struct str){};
	session->presence = json_presence(presence);
	return session->presence ? arena_str(arena, str_z(session->presence)) : (struct str){};
}

static int read_shard(const json_t *shard, struct session *session)
{
	if (json_absent(shard))
		return 0;
	json_int_t id = json_integer_value(json_array_get(shard, 0));
	json_int_t count = json_integer_value(json_array_get(shard, 1));
	if (json_array_size(shard) != 2 || count < 1 || count > SHARDS_MAX || id < 0 || id >= count)
		return CLOSE_INVALID_SHARD;
	session->shard_id = (uint32_t)id;
	session->shard_count = (uint32_t)count;
	return 0;
}

static int read_numbers(const json_t *d, struct session *session)
{
	const json_t *intents = json_object_get(d, "intents");
	const json_t *large = json_object_get(d, "large_threshold");

	session->intents = UINT32_MAX;
	if (!json_absent(intents)) {
		json_int_t bits = json_integer_value(intents);

		if (!json_is_integer(intents) || bits < 0 || bits >> INTENT_BITS)
			return CLOSE_INVALID_INTENTS;
		session->has_intents = true;
		session->intents = (uint32_t)bits;
	}
	session->capabilities = (uint32_t)json_integer_value(json_object_get(d, "capabilities"));
	if (json_is_integer(large)) {
		json_int_t n = json_integer_value(large);

		static_assert(LIMIT_LARGE_THRESHOLD_MAX <= UINT8_MAX, "it is kept in a byte");
		session->large_threshold = (uint8_t)MAX(LIMIT_LARGE_THRESHOLD_MIN,
							MIN(n, LIMIT_LARGE_THRESHOLD_MAX));
	}
	return read_shard(json_object_get(d, "shard"), session);
}

static int read_identify(const json_t *d, struct session *session)
{
	struct str token = json_text(json_object_get(d, "token"));

	if (!token.ptr)
		return CLOSE_DECODE_ERROR;
	if (!token_parse(token, &session->user_id, session->token_hash))
		return CLOSE_AUTHENTICATION_FAILED;
	return read_numbers(d, session);
}

int identify(struct conn *conn, const json_t *d)
{
	struct gateway_local *gateway = conn->gateway;

	if (conn->session || conn->resuming)
		return CLOSE_ALREADY_AUTHENTICATED;
	if (!json_is_object(d))
		return CLOSE_DECODE_ERROR;
	if (gateway->shut)
		return CLOSE_SERVICE_RESTART;
	struct session *session = session_new(gateway);
	int r = read_identify(d, session);
	if (r) {
		session_free(session);
		return r;
	}
	session->version = conn->version;
	session_attach(session, conn);
	if (!conn->compress && !conn->shared && !conn->etf &&
	    json_is_true(json_object_get(d, "compress")))
		conn->payload_zlib = true;

	struct open_ask *ask = open_ask_new(session);
	struct user_open *open = &ask->open;
	const json_t *properties = json_object_get(d, "properties");
	open->resume_url = arena_str(&ask->arena, str_z(conn->base_url));
	open->presence = read_presence(session, &ask->arena, json_object_get(d, "presence"));
	open->client_os = property(&ask->arena, properties, "os", "$os");
	open->client_name = property(&ask->arena, properties, "browser", "$browser");
	ask->ask.check = check_concurrency;
	ask->ask.answered = on_opened;
	view_hold(gateway, session->user_id, CELL_USER);
	ask_post(gateway, &ask->ask, &open->work);
	conn_alive(conn);
	return 0;
}
