/* What comes in by HTTP, told apart by its path: the API, the gateway, files, health, the client's place. */
#pragma once

#include "http/server.h"

/* A server for @core. */
struct http_server *serve_new(struct core *core);
/* Begins to serve connections that were accepted (and held back) before; on each core once everything is ready. */
void serve_begin(struct core *core);
/* For listener_config.on_accept. */
void serve_accept(struct core *core, struct sock *sock, void *owner);
/* The same for the listener of metrics_listen. */
void serve_accept_metrics(struct core *core, struct sock *sock, void *owner);
/* Of the server that serves the world. Any core. */
const struct http_stats *serve_stats(struct core *core);
void serve_drain(struct core *core);
void serve_free(struct core *core);
