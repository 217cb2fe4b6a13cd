/* What the files of the server share. Everything here lives on the connection's core. */
#pragma once

#include "core/core.h"
#include "http/body.h"
#include "http/date.h"
#include "http/server.h"
#include "net/sock.h"

enum {
	HTTP_SCRATCH = 64 << 10,	 /* one read */
	HTTP_AHEAD_MAX = 16 << 10, /* read ahead while a request is being answered */
	/* Of a body nobody wants, before we give the connection up: many clients look for an answer
	 * only when all is sent, and most uploads are smaller. */
	HTTP_DRAIN_MAX = 8 << 20,
	HTTP_BODY_WINDOW_MS = 10000,
	HTTP_SEND_WINDOW_MS = 20000,
	HTTP_IN_MAX = 256 << 10, /* never reached: bounds of its parts are lower */
	HTTP_OUT_MAX = 256 << 10,
	HTTP_FIRST_SEND = 16 << 10, /* of the body, put behind the head into one send */
};

struct http_server {
	struct core *core;
	struct http_server_config config;
	struct list conns;
	struct list
		stalled; /* connections whose answers wait in memory for their readers, the longest first */
	uint64_t held; /* bytes of those answers */
	struct http_stats stats;
	bool draining;
	struct http_conn *scratch_user; /* its input may lie in @scratch */
	int64_t date_s; /* second of the text */
	char date[HTTP_DATE_LEN];
	char scratch[HTTP_SCRATCH];
};

enum http_state {
	HTTP_STATE_HEAD, /* a head is awaited or half there */
	HTTP_STATE_PARKED, /* a head has come, the handler thinks about it */
	HTTP_STATE_BODY, /* its body is being read */
	HTTP_STATE_USER, /* the handler has the request */
	HTTP_STATE_SEND, /* the answer is on its way */
	HTTP_STATE_DRAIN, /* the rest of a body that the answer did not wait for */
	HTTP_STATE_DEAD, /* to be freed at the end of http_conn_run() */
};

struct http_file_reader;

struct http_conn {
	struct list node;
	struct list stalled;
	uint64_t held; /* bytes of the answer when it stalled */
	struct http_server *server;
	struct sock *sock; /* NULL once handed over */
	struct timer timer;
	uint8_t state;
	uint8_t waits; /* what the timer is set for: enum http_wait */
	bool lent; /* the request is with the handler, perhaps on another core */
	bool running; /* http_conn_run() is below us on the stack */
	bool readable; /* the last read did not say -EAGAIN */
	bool blocked; /* the last send did */
	bool eof;
	bool close; /* after this answer */
	bool finish; /* sock_finish() instead of sock_close(): we leave input unread */
	bool expects; /* 100 (Continue) is owed before the body is read */
	bool first; /* no request yet */
	uint32_t watching;
	struct http_parser parser;
	struct http_body framing;
	uint64_t window; /* bytes in the time window of a body or an answer */

	/* Input not used yet: @data is a view into @in or into the server's scratch. */
	struct str data;
	struct buf in;

	struct http_request *request;

	/* The answer. */
	struct buf out;
	size_t out_at;
	struct str body; /* its rest, after @out */
	struct bytes *bytes;
	struct http_file_reader *file;
};

enum http_wait {
	HTTP_WAIT_NONE,
	HTTP_WAIT_IDLE,
	HTTP_WAIT_HEAD,
	HTTP_WAIT_BODY,
	HTTP_WAIT_SEND,
	HTTP_WAIT_DRAIN
};

struct http_conn *http_conn_new(struct http_server *server, struct sock *sock);
/* conn.c: does all that can be done now; the connection may be freed by it. */
void http_conn_run(struct http_conn *conn);
void http_conn_kill(struct http_conn *conn);
void http_request_free(struct http_request *request);

/* send.c: sends what is there. 0: all is out; -EAGAIN; other negative errno. */
int http_conn_flush(struct http_conn *conn);
/* Puts an error of our own into the answer; @request may be NULL. The connection ends after it. */
void http_conn_error(struct http_conn *conn, int status);
/* The reader does not take the answer: it waits in memory, with as many others as held_max allows. Those that wait
 * longest are cut off, perhaps @conn itself. */
void http_conn_stall(struct http_conn *conn);
/* Drops the answer's body. */
void http_conn_drop_answer(struct http_conn *conn);
struct str http_server_date(struct http_server *server);

/* peer.c: who asks, through trusted proxies. */
void http_peer(const struct http_server_config *config, const struct sock *sock,
	       struct http_request *request);
void http_peer_resolve(const struct http_server_config *config, const struct http_head *head,
		       struct addr *peer, bool *secure);

/* file.c: a file as a stream of chunks that are read without blocking the loop. */
struct http_file_reader *http_file_reader_new(struct core *core, int fd, uint64_t from,
					      uint64_t length);
/* The chunk at hand. 0: *ret is not empty. ENODATA: the end. EAGAIN: it is being read, @wake is
 * called later. -EIO: the file is shorter than it was said to be, or broken. */
int http_file_reader_peek(struct http_file_reader *reader, struct str *ret,
			  void (*wake)(void *owner), void *owner);
void http_file_reader_consume(struct http_file_reader *reader, size_t size);
/* Closes the file, if need be after a read in flight. NULL is allowed. */
void http_file_reader_free(struct http_file_reader *reader);

/* Adds to a counter of this core. */
void http_stat(_Atomic uint64_t *counter, uint64_t n);
