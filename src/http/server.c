#include "http/server.h"

#include <stdlib.h>

#include "base/mem.h"
#include "http/internal.h"

static void set_default(uint32_t *value, uint32_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

struct http_server *http_server_new(struct core *core, const struct http_server_config *config)
{
	struct http_server *server = mem_zalloc(sizeof(*server));

	server->core = core;
	server->config = *config;
	if (!server->config.body_max)
		server->config.body_max = 64 << 10;
	set_default(&server->config.idle_timeout_ms, 75000);
	set_default(&server->config.head_timeout_ms, 15000);
	set_default(&server->config.body_bytes_per_s, 500);
	set_default(&server->config.send_bytes_per_s, 500);
	if (!server->config.held_max)
		server->config.held_max = 16 << 20;
	server->date_s = -1;
	list_init(&server->conns);
	list_init(&server->stalled);
	return server;
}

void http_serve(struct http_server *server, struct sock *sock)
{
	http_stat(&server->stats.connections, 1);
	http_conn_new(server, sock);
}

void http_server_drain(struct http_server *server)
{
	server->draining = true;
	list_for_each (node, &server->conns) {
		struct http_conn *conn = list_entry(node, struct http_conn, node);

		conn->close = true;
		if (conn->state == HTTP_STATE_DRAIN ||
		    (conn->state == HTTP_STATE_HEAD && !conn->data.len))
			http_conn_kill(conn);
	}
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	list_for_each (node, &server->conns)
		http_conn_kill(list_entry(node, struct http_conn, node));
	free(server);
}

const struct http_stats *http_server_stats(const struct http_server *server)
{
	return &server->stats;
}
