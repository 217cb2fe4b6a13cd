/* HTTP/1.1 connections (RFC 9110, RFC 9112): from an accepted sock to requests, and from answers
 * back to bytes.
 *
 * One server for each core; its connections live and die on that core. A connection has one request
 * at a time: pipelined ones wait, unread beyond a bound, so answers are in order. A request belongs
 * to the connection's core until a callback hands it out; whoever has it then may pass it to other
 * cores and must bring it back to its own core (request->core) for http_respond(),
 * http_request_continue() or http_upgrade(), exactly once, also when the connection is long
 * gone. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "http/form.h"
#include "http/parser.h"
#include "net/addr.h"

struct core;
struct http_conn;
struct http_server;
struct sock;

struct http_request {
	struct core *core; /* of its connection */
	struct arena arena; /* scratch, freed after the answer has been sent */
	struct http_head head;
	struct addr peer; /* of the client, as trusted proxies tell it (X-Forwarded-For) */
	bool secure; /* came over TLS, to us or to a trusted proxy (X-Forwarded-Proto) */
	uint64_t at_us; /* monotonic, when the head was complete */

	/* Set in on_headers, before the body is read: */
	uint64_t body_max; /* bytes: 413. It begins as config.body_max */
	bool no_form; /* do not take a form apart, keep it in @body */
	struct form_limits form_limits; /* zeros: the defaults */
	/* For files of a form; NULL: in memory, within body_max. With no_form: for the whole body,
	 * as one file without a part (open() gets NULL), which is then @file. */
	const struct form_sink *sink;
	void *sink_owner;

	/* There in on_request: */
	struct str body; /* empty when it was a form */
	bool has_form;
	struct form form; /* multipart/form-data or application/x-www-form-urlencoded */
	void *file; /* of the sink, for the whole body; dropped with the request */

	struct buf out; /* the answer may be encoded here (see http_response.body) */
	void *user; /* the handler's */

	/* private to the connection's core */
	struct http_conn *conn; /* NULL when it has gone */
	struct str content_type;
	struct buf body_buf;
	bool file_ended;
};

/* The first field @name, null when absent. Valid as long as the request; whoever has the
 * request. */
static inline struct str http_header(const struct http_request *request, struct str name)
{
	return http_head_get(&request->head, name);
}

/* What on_headers did. */
enum http_verdict {
	HTTP_READ, /* read the body, then call on_request */
	HTTP_PARKED, /* the handler has it; http_request_continue() or http_respond() follows */
	HTTP_RESPONDED, /* http_respond() has been called */
};

struct http_server_config {
	/* The head is there, of the body nothing has been looked at. Not called for upgrades. NULL:
	 * HTTP_READ. */
	enum http_verdict (*on_headers)(struct core *core, struct http_request *request);
	/* The request is complete and the handler's: it must be answered by http_respond(), now or
	 * later. */
	void (*on_request)(struct core *core, struct http_request *request);
	/* A valid WebSocket upgrade, the handler's too: http_upgrade() or http_respond(). NULL:
	 * answered 400. */
	void (*on_upgrade)(struct core *core, struct http_request *request);
	/* The JSON body for an error that is answered here (400, 405, 408, 413, 414, 415, 417, 426, 431, 501,
	 * 505): static text. NULL: {"message":"400: Bad Request","code":0} and so on. */
	struct str (*error_body)(int status);
	const struct http_header *error_headers; /* go with those answers (CORS) */
	uint32_t error_header_count;

	const struct cidr *trusted; /* proxies whose X-Forwarded-* is believed */
	uint32_t trusted_count;
	bool trust_unix; /* and whoever connects by a unix socket */

	/* 0: the default in parentheses. */
	uint64_t body_max; /* bytes, unless on_headers says otherwise (64 KB) */
	uint32_t idle_timeout_ms; /* between requests (75,000) */
	uint32_t head_timeout_ms; /* for a head, from its first byte or the accept (15,000) */
	uint32_t body_bytes_per_s; /* a sender slower than this over 10 s is answered 408 (500) */
	uint32_t send_bytes_per_s; /* a reader slower than this over 20 s is cut off (500) */
	/* Bytes of all answers that wait for slow readers; beyond, who waits longest is cut off (16 MB). */
	uint64_t held_max;
};

/* A server for @core; @config is copied, what it points at outlives the server. */
struct http_server *http_server_new(struct core *core, const struct http_server_config *config);
/* Takes over an accepted sock. On the server's core, like all below. */
void http_serve(struct http_server *server, struct sock *sock);
/* Closes idle connections now and the others after their answer. New ones are served one
 * request. */
void http_server_drain(struct http_server *server);
/* Cuts all connections off and frees the server. Requests that are with handlers stay theirs. */
void http_server_free(struct http_server *server);

/* Monotonic, but for connections; written by the core, read by anybody. */
struct http_stats {
	_Atomic uint64_t connections, requests, upgrades, errors, timeouts, cut, bytes_in,
		bytes_out;
};
const struct http_stats *http_server_stats(const struct http_server *server);

/* Goes on reading the body after HTTP_PARKED, or after a sink's EAGAIN (before that it does
 * nothing). May call on_request at once. When the peer has gone after HTTP_PARKED it frees the
 * request, so what belongs to a request is kept in its arena. */
void http_request_continue(struct core *core, struct http_request *request);

struct http_response {
	uint16_t status; /* 200 to 599 */
	struct str content_type; /* null: none */
	/* More fields, used only during the call. Controls in values are dropped. */
	const struct http_header *headers;
	uint32_t header_count;
	/* The body: one of these, or nothing. */
	struct str body; /* static, or in the request's arena or `out`: it is not copied */
	struct bytes *bytes; /* a reference, taken over */
	bool has_file; /* the next two are set */
	int fd; /* a regular file, taken over: closed when sent or not needed */
	uint64_t file_size; /* bytes of it, from its beginning */
	/* For a 200 to GET or HEAD: If-None-Match, If-Modified-Since, Range and If-Range are obeyed
	 * when these are set. */
	struct str etag; /* strong, with its quotes; null: none */
	int64_t modified_s; /* Unix time; 0: none */
	bool close; /* end the connection after this */
};
/* Answers, and ends the request: the pointer is not the caller's any more. When the peer has gone,
 * it only frees. On request->core. */
void http_respond(struct core *core, struct http_request *request,
		  const struct http_response *response);
/* The same for a JSON text (the Content-Type is exactly application/json). */
void http_respond_json(struct core *core, struct http_request *request, int status,
		       struct str json);
/* Has the peer gone, as far as we know? On request->core. */
bool http_request_gone(const struct http_request *request);
/* Drops a request without an answer and its connection with it: for a handler that must not say
 * anything. */
void http_request_drop(struct core *core, struct http_request *request);

/* Accepts a WebSocket upgrade and ends the request. 0: the handshake is answered and the sock is
 * the caller's, unwatched and without owner; *ret_in holds what came after the request (often
 * nothing), and *ret_out what the sock has not taken yet (mostly nothing): it goes out before
 * anything else. Both are the caller's to buf_done(). ECONNRESET: the peer has gone, nothing was
 * set. On request->core. */
int http_upgrade(struct core *core, struct http_request *request, struct sock **ret_sock,
		 struct buf *ret_in, struct buf *ret_out);

/* "Not Found" and so on; "Unknown" for what we do not send. */
struct str http_reason(int status);
