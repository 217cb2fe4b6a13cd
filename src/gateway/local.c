/* A core's gateway: made, dropped, drained. */
#include <stdlib.h>

#include "gateway/heavy.h"
#include "gateway/internal.h"

enum {
	DETACHED_MS = 300000,
	DETACHED_PER_USER = 1024, /* a bot may have many shards, and lose them all at once; */
	DETACHED_USER_BYTES = 128 << 20, /* but nobody has all the room */
	DETACHED_MAX = 200000,
	DETACHED_BYTES = 512 << 20,
	RING_EVENTS = 8192,
	RING_BYTES = 8 << 20,
	/* What the client has confirmed is kept a while: some come back with an older number
	 * than their heartbeats said. */
	RING_KEEP_EVENTS = 512,
	RING_KEEP_BYTES = 256 << 10,
	RING_KEEP_US = 120 * 1000 * 1000,
};

void gateway_config_init(struct gateway_config *config)
{
	*config = (struct gateway_config){
		.rate_limits = true,
		.heartbeat_ms = LIMIT_HEARTBEAT_INTERVAL_MS,
		.connections_max = UINT32_MAX,
		.detached_ms = DETACHED_MS,
		.detached_per_user = DETACHED_PER_USER,
		.detached_user_bytes = DETACHED_USER_BYTES,
		.detached_max = DETACHED_MAX,
		.detached_bytes = DETACHED_BYTES,
		.ring_events = RING_EVENTS,
		.ring_bytes = RING_BYTES,
	};
}

struct gateway_local *gateway_local_new(struct core *core, const struct gateway_config *config)
{
	struct gateway_local *gateway = mem_zalloc(sizeof(*gateway));

	gateway->core = core;
	gateway->config = *config;
	/* A connection that is too slow is closed at the configured size; its session then has
	 * some room left, so that the client may still come back. */
	gateway->ring_limits = (struct ring_limits){
		.events_max = config->ring_events + config->ring_events / 4,
		.bytes_max = config->ring_bytes + config->ring_bytes / 4,
		.keep_events = MIN(RING_KEEP_EVENTS, config->ring_events),
		.keep_bytes = MIN(RING_KEEP_BYTES, config->ring_bytes),
		.keep_us = RING_KEEP_US,
	};
	gateway->post = cell_post;
	map_init(&gateway->sessions);
	map_init(&gateway->views);
	list_init(&gateway->conns);
	list_init(&gateway->dirty);
	list_init(&gateway->doomed);
	list_init(&gateway->waiting);
	list_init(&gateway->fresh);
	list_init(&gateway->detached);
	list_init(&gateway->heavies);
	walks_init(&gateway->walks);
	pace_init(&gateway->pace);
	deferred_init(&gateway->flush, conn_on_deferred);
	timer_init(&gateway->detached_timer, sessions_expire);
	gateway->slot = mem_alloc(GATEWAY_SLOT);
	gateway->input = mem_alloc(GATEWAY_INPUT);
	buf_init(&gateway->scratch, GATEWAY_BODY_MAX);
	buf_init(&gateway->packed, GATEWAY_BODY_MAX);
	return gateway;
}

void gateway_local_change(struct gateway_local *gateway, const struct gateway_config *config)
{
	gateway->config.rate_limits = config->rate_limits;
	gateway->config.public_url = config->public_url;
}

static void drop_sessions(struct gateway_local *gateway)
{
	for (;;) {
		uint32_t at = 0;
		uint64_t id;
		void *value;

		if (!map_next(&gateway->sessions, &at, &id, &value))
			break;
		struct session *session = value;
		while (session->subs)
			sub_leave(session->subs, false);
		session_free(session);
	}
}

void gateway_local_free(struct gateway_local *gateway)
{
	if (!gateway)
		return;
	while (!list_empty(&gateway->conns)) {
		struct conn *conn = list_entry(gateway->conns.next, struct conn, node);

		if (conn->session)
			conn->session->conn = NULL;
		conn_free(conn);
	}
	drop_sessions(gateway);
	heavy_end(gateway);
	while (!list_empty(&gateway->waiting)) {
		struct ask *ask = list_entry(gateway->waiting.next, struct ask, node);

		ask_withdraw(ask);
		free(ask);
	}
	view_drop_all(gateway);
	pace_done(&gateway->pace);
	core_undefer(&gateway->flush);
	core_undefer(&gateway->walks.deferred);
	timer_clear(&gateway->detached_timer);
	map_done(&gateway->sessions);
	map_done(&gateway->views);
	snapshots_free(gateway->snapshots);
	gate_done(&gateway->identify_gate);
	gate_done(&gateway->members_gate);
	buf_done(&gateway->scratch);
	buf_done(&gateway->packed);
	ws_compress_free(gateway->payload_zlib);
	for (uint32_t i = 0; i < ARRAY_SIZE(gateway->shares); i++)
		ws_share_free(gateway->shares[i]);
	free(gateway->slot);
	free(gateway->input);
	free(gateway);
}

/* -- draining -- */

void gateway_finish(struct core *core)
{
	walks_finish(gateway_of(core));
}

static void on_drain(struct core *core, struct msg *msg)
{
	struct gateway_local *gateway = gateway_of(core);

	free(msg);
	if (gateway->draining)
		return;
	gateway->draining = true;
	list_for_each (node, &gateway->conns) {
		struct conn *conn = list_entry(node, struct conn, node);

		if (!conn->closing && !conn_send_op(conn, GATEWAY_OP_RECONNECT, S("null")))
			conn_close(conn, CLOSE_UNKNOWN_ERROR);
	}
}

void gateway_drain(struct cores *cores)
{
	for (uint32_t i = 0; i < cores->count; i++) {
		struct msg *msg = mem_zalloc(sizeof(*msg));

		msg->run = on_drain;
		core_post(cores->core[i], msg);
	}
}

/* -- when memory is short -- */

uint32_t gateway_shed(struct core *core)
{
	struct gateway_local *gateway = gateway_of(core);
	uint32_t count = 0;

	for (struct session *first; (first = session_detached_first(gateway)); count++)
		session_end(first);
	return count;
}

void gateway_fan_slowly(struct core *core)
{
	gateway_of(core)->config.fan_slowly = true;
}

void gateway_shut(struct core *core, bool shut)
{
	gateway_of(core)->shut = shut;
}

/* -- figures -- */

const struct gateway_stats *gateway_stats(struct core *core)
{
	return &gateway_of(core)->stats;
}

uint32_t gateway_close_slot(int code)
{
	if (code >= 1000 && code < 1016)
		return (uint32_t)(code - 1000);
	if (code >= 4000 && code < 4016)
		return (uint32_t)(code - 4000 + 16);
	return 0;
}

int gateway_close_code(uint32_t slot)
{
	return slot < 16 ? 1000 + (int)slot : 4000 + (int)slot - 16;
}
