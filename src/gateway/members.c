/* Op 8: which members a client asks for. Read here, answered by the guild with
 * GUILD_MEMBERS_CHUNK events. */
#include <math.h>
#include <stdlib.h>

#include "codec/enc.h"
#include "gateway/internal.h"

enum {
	QUERY_MEMBERS_MAX = 100, /* found by a prefix, whatever the client wants */
	UNSENT_MAX =
		1 << 20, /* bytes that a socket has not taken, and no further chunk is asked for */
	WHOLE_ASKS_MAX = 256, /* of a session; what is over is passed over */
};

struct members_ask {
	struct ask ask;
	struct realm_members members;
	struct list node; /* in session->whole_asks */
	struct arena arena;
	bool whole; /* everybody is asked for */
	uint64_t after_us; /* when it was too soon */
};

static void ask_free(struct members_ask *ask)
{
	arena_done(&ask->arena);
	free(ask);
}

/* Everybody of a guild once in a while for each bot, over all its sessions and shards: counted
 * where the guild is. */
static int check_whole(struct gateway_local *owner, struct ask *base)
{
	struct members_ask *ask = container_of(base, struct members_ask, ask);
	uint64_t key = hash_u64(ask->members.user_id) ^ ask->members.work.id;

	ask->after_us = gate_try(&owner->members_gate, key | 1, core_now_us(owner->core),
				 LIMIT_REQUEST_MEMBERS_ALL_MS * 1000ull);
	return ask->after_us ? ASK_REFUSED : 0;
}

static struct bytes *rate_limited_text(const struct members_ask *ask)
{
	struct buf text;
	struct enc enc;

	buf_init(&text, 1024);
	enc_init(&enc, &text, ENC_JSON);
	enc_obj_begin(&enc);
	enc_key(&enc, "opcode");
	enc_int(&enc, GATEWAY_OP_REQUEST_GUILD_MEMBERS);
	enc_key(&enc, "retry_after");
	enc_float(&enc, ceil((double)ask->after_us / 1000) / 1000);
	enc_key(&enc, "meta");
	enc_obj_begin(&enc);
	enc_key(&enc, "guild_id");
	enc_u64(&enc, ask->members.work.id);
	if (ask->members.nonce.ptr) {
		enc_key(&enc, "nonce");
		enc_int_or_str(&enc, ask->members.nonce, ask->members.nonce_is_int);
	}
	enc_obj_end(&enc);
	enc_obj_end(&enc);
	struct bytes *bytes = bytes_from(buf_str(&text));
	buf_done(&text);
	return bytes;
}

static void on_answer(struct gateway_local *gateway, struct ask *base, int r)
{
	struct members_ask *ask = container_of(base, struct members_ask, ask);
	struct session *session = session_find(gateway, ask->members.session);

	if (session && r == ASK_REFUSED)
		session_dispatch(session, EVENT_RATE_LIMITED, rate_limited_text(ask));
	if (session && ask->whole)
		session->whole_runs = false;
	if (session && r == 0 && ask->members.more) {
		ask->ask.check = NULL; /* it goes on */
		list_add_tail(&session->whole_asks, &ask->node);
	} else {
		ask_free(ask);
	}
	if (session)
		members_pump(session);
}

void members_pump(struct session *session)
{
	/* Without a connection too: the session may come back for it, but not for more than it can keep. */
	if (session->whole_runs || list_empty(&session->whole_asks) ||
	    session->ring.unsent_bytes > UNSENT_MAX)
		return;
	struct members_ask *ask = list_entry(list_pop(&session->whole_asks), struct members_ask,
					     node);
	session->whole_runs = true;
	ask_post(session->gateway, &ask->ask, &ask->members.work);
}

void members_asks_drop(struct session *session)
{
	struct list *node;

	while ((node = list_pop(&session->whole_asks)))
		ask_free(list_entry(node, struct members_ask, node));
}

/* -- the payload -- */

static bool read_guild(const json_t *guild_id, uint64_t *ret)
{
	if (json_array_size(guild_id) == 1)
		guild_id = json_array_get(guild_id, 0);
	return json_id(guild_id, ret);
}

static int read_ids(const json_t *ids, struct members_ask *ask)
{
	size_t count = json_is_array(ids) ? json_array_size(ids) : 1;

	if (count > LIMIT_REQUEST_MEMBERS_IDS)
		return CLOSE_DECODE_ERROR;
	ask->members.user_ids = arena_array(&ask->arena, uint64_t, count);
	for (size_t i = 0; i < count; i++)
		if (!json_id(json_is_array(ids) ? json_array_get(ids, i) : ids,
			     &ask->members.user_ids[i]))
			return CLOSE_DECODE_ERROR;
	ask->members.user_ids_count = (uint32_t)count;
	return 0;
}

static int read_request(const json_t *d, struct members_ask *ask)
{
	struct realm_members *members = &ask->members;
	const json_t *query = json_object_get(d, "query"), *ids = json_object_get(d, "user_ids");
	const json_t *limit = json_object_get(d, "limit");
	const json_t *nonce = json_object_get(d, "nonce");

	if (!json_is_object(d) || !read_guild(json_object_get(d, "guild_id"), &members->work.id))
		return CLOSE_DECODE_ERROR;
	if (!json_absent(query) && !json_is_string(query))
		return CLOSE_DECODE_ERROR;
	if (!json_absent(limit) && (!json_is_integer(limit) || json_integer_value(limit) < 0))
		return CLOSE_DECODE_ERROR;
	/* One of the two is a must. Some libraries send an empty query along with ids. */
	if (!json_absent(ids)) {
		if (json_string_length(query) > 0)
			return CLOSE_DECODE_ERROR;
		int r = read_ids(ids, ask);
		if (r)
			return r;
	} else if (json_absent(query)) {
		return CLOSE_DECODE_ERROR;
	} else {
		members->has_query = true;
		members->query = arena_str(&ask->arena, json_text(query));
		members->limit = (uint32_t)MIN(json_integer_value(limit), (json_int_t)UINT32_MAX);
		ask->whole = members->query.len == 0 && members->limit == 0;
		if (!ask->whole && (members->limit == 0 || members->limit > QUERY_MEMBERS_MAX))
			members->limit = QUERY_MEMBERS_MAX;
	}
	members->presences = json_is_true(json_object_get(d, "presences"));
	members->nonce_is_int = json_is_integer(nonce);
	if (members->nonce_is_int)
		members->nonce = arena_printf(&ask->arena, "%" JSON_INTEGER_FORMAT,
					      json_integer_value(nonce));
	else if (json_is_string(nonce) && json_string_length(nonce) <= LIMIT_REQUEST_MEMBERS_NONCE)
		members->nonce = arena_str(&ask->arena, json_text(nonce));
	return 0;
}

int members_request(struct conn *conn, const json_t *d)
{
	struct gateway_local *gateway = conn->gateway;
	struct session *session = conn->session;
	struct members_ask *ask = mem_zalloc(sizeof(*ask));
	struct realm_members *members = &ask->members;

	arena_init(&ask->arena);
	int r = read_request(d, ask);
	/* A guild that the session is not in does not exist for it; nor is it loaded for that. */
	if (r || !session_in_guild(session, members->work.id)) {
		ask_free(ask);
		return r;
	}
	members->work.kind = CELL_GUILD;
	members->work.run = realm_members_run;
	members->session = session->id;
	members->user_id = session->user_id;
	members->bot = session->bot;
	members->intents = session->intents;
	ask->ask.answered = on_answer;
	if (!ask->whole) {
		ask_post(gateway, &ask->ask, &members->work);
		return 0;
	}
	if (gateway->config.rate_limits)
		ask->ask.check = check_whole;
	uint32_t waiting = 0;
	list_for_each (node, &session->whole_asks)
		waiting++;
	if (waiting == WHOLE_ASKS_MAX) {
		ask_free(ask);
		return 0;
	}
	list_add_tail(&session->whole_asks, &ask->node);
	members_pump(session);
	return 0;
}
