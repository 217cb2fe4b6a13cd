/* Payloads from clients: which op code may come when, and who reads it. Every function answers 0
 * or a close code. */
#include <assert.h>
#include <stdlib.h>

#include "codec/etf.h"
#include "codec/json.h"
#include "gateway/internal.h"

/* discord.py and others put heartbeats on a clock of their own, so one may come at any time. */
static int heartbeat(struct conn *conn, const json_t *seq)
{
	struct session *session = conn->session;

	if (!json_absent(seq) && !json_is_integer(seq))
		return CLOSE_DECODE_ERROR;
	if (session && !session_held(session) && json_integer_value(seq) > 0)
		ring_confirm(&session->ring, &conn->gateway->ring_limits,
			     (uint64_t)json_integer_value(seq), core_now_us(conn->gateway->core));
	if (session || conn->resuming)
		conn_alive(conn);
	if (!conn_send_op(conn, GATEWAY_OP_HEARTBEAT_ACK, S("null")))
		return CLOSE_UNKNOWN_ERROR;
	/* A stream that only carries heartbeats need not hold its history from one to the next. */
	if (conn->compress && conn->quiet)
		ws_compress_trim(conn->compress);
	conn->quiet = true;
	return 0;
}

static int qos_heartbeat(struct conn *conn, const json_t *d)
{
	if (!json_is_object(d))
		return CLOSE_DECODE_ERROR;
	return heartbeat(conn, json_object_get(d, "seq"));
}

/* -- op 3 -- */

struct presence_ask {
	struct ask ask;
	struct user_presence presence;
	char *text;
};

static void on_presence(struct gateway_local *gateway, struct ask *base, int r)
{
	struct presence_ask *ask = container_of(base, struct presence_ask, ask);

	(void)gateway;
	/* An account that could not take it is restarted; the next op 3 sets it right. */
	(void)r;
	free(ask->text);
	free(ask);
}

static int presence(struct conn *conn, json_t *d)
{
	struct gateway_local *gateway = conn->gateway;
	struct session *session = conn->session;
	uint32_t now_ms = (uint32_t)(core_now_us(gateway->core) / 1000);

	assert(session);
	if (!json_is_object(d))
		return CLOSE_DECODE_ERROR;
	if (now_ms - session->presences_ms > LIMIT_PRESENCE_UPDATES_MS) {
		session->presences_ms = now_ms;
		session->presences = 0;
	}
	/* What is too much is passed over, the connection stays. */
	if (gateway->config.rate_limits && ++session->presences > LIMIT_PRESENCE_UPDATES)
		return 0;
	char *text = json_presence(d);
	if (!text)
		return CLOSE_DECODE_ERROR;
	free(session->presence); /* for when the account has forgotten it */
	session->presence = mem_dup(text, strlen(text) + 1);
	struct presence_ask *ask = mem_zalloc(sizeof(*ask));
	ask->text = text;
	ask->ask.answered = on_presence;
	ask->presence = (struct user_presence){
		.work = { .kind = CELL_USER, .id = session->user_id, .run = user_presence_run },
		.session = session->id,
		.presence = str_z(text),
	};
	ask_post(gateway, &ask->ask, &ask->presence.work);
	return 0;
}

/* -- op 14, 37 -- */

static int subscription(struct conn *conn, json_t *d)
{
	uint64_t guild_id;

	if (!json_is_object(d) || !json_id(json_object_get(d, "guild_id"), &guild_id))
		return CLOSE_DECODE_ERROR;
	return interest_merge(conn->session, guild_id, d);
}

static int subscriptions(struct conn *conn, json_t *d)
{
	json_t *map = json_object_get(d, "subscriptions"), *value;
	const char *key;
	uint64_t guild_id;

	if (!json_is_object(map))
		return CLOSE_DECODE_ERROR;
	json_object_foreach(map, key, value)
	{
		int r = str_u64(str_z(key), &guild_id) && guild_id
			? interest_merge(conn->session, guild_id, value)
			: CLOSE_DECODE_ERROR;
		if (r)
			return r;
	}
	return 0;
}

/* -- which op -- */

/* What only has to make sense: questions that nothing answers yet (voice, soundboard, channel
 * status). */
static int object_or_null(const json_t *d)
{
	return json_absent(d) || json_is_object(d) ? 0 : CLOSE_DECODE_ERROR;
}

static int run(struct conn *conn, enum gateway_op op, json_t *d)
{
	switch (op) {
	case GATEWAY_OP_HEARTBEAT: return heartbeat(conn, d);
	case GATEWAY_OP_QOS_HEARTBEAT: return qos_heartbeat(conn, d);
	case GATEWAY_OP_IDENTIFY: return identify(conn, d);
	case GATEWAY_OP_RESUME: return resume(conn, d);
	case GATEWAY_OP_PRESENCE_UPDATE: return presence(conn, d);
	case GATEWAY_OP_REQUEST_GUILD_MEMBERS: return members_request(conn, d);
	case GATEWAY_OP_GUILD_SUBSCRIPTIONS: return subscription(conn, d);
	case GATEWAY_OP_GUILD_SUBSCRIPTIONS_BULK: return subscriptions(conn, d);
	case GATEWAY_OP_VOICE_SERVER_PING:
	case GATEWAY_OP_UPDATE_TIME_SPENT_SESSION_ID: return 0;
	default: return object_or_null(d);
	}
}

int ops_run(struct conn *conn, const json_t *root)
{
	const json_t *number = json_object_get(root, "op");
	json_t *d = json_object_get(root, "d");

	if (!json_is_object(root) || !json_is_integer(number))
		return CLOSE_DECODE_ERROR;
	json_int_t code = json_integer_value(number);
	if (code < 0 || code >= GATEWAY_OP_COUNT || !gateway_ops[code].send)
		return CLOSE_UNKNOWN_OPCODE;
	const struct op_desc *op = &gateway_ops[code];
	if (!conn->session && !op->early)
		return CLOSE_NOT_AUTHENTICATED;
	/* Whether it is a bot is known when the account has answered. */
	if (op->people && !op->early &&
	    (conn->session->bot || conn->session->state == SESSION_OPENING))
		return CLOSE_UNKNOWN_OPCODE;
	return op->dead ? 0 : run(conn, (enum gateway_op)code, d);
}

int ops_payload(struct conn *conn, bool binary, struct str payload)
{
	json_t *root;
	int r = 0;

	if (conn->etf)
		root = binary ? etf_parse(payload, &r) : NULL;
	else
		root = json_parse(payload);
	if (!root)
		return CLOSE_DECODE_ERROR;
	r = ops_run(conn, root);
	json_decref(root);
	return r;
}
