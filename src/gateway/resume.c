/* Op 6: a session gets a new connection. First the token is checked, as in IDENTIFY: a session's
 * name is no secret. Then the connection goes to the core that has the session, and there the
 * ring's cursor moves back. */
#include <stdlib.h>

#include "base/plant.h"
#include "gateway/internal.h"

struct resume_ask {
	struct ask ask;
	struct user_check check;
	struct conn *conn; /* NULL: gone meanwhile */
	uint64_t id, id2; /* of the session wanted; 0: such a name cannot be */
	uint64_t user_id, seq;
};

void resume_forget(struct resume_ask *ask)
{
	ask->conn = NULL;
}

/* A new IDENTIFY is needed, or (@again) just another RESUME later. */
static void refuse(struct conn *conn, bool again)
{
	stat_add(&conn->gateway->stats.resumes_refused, 1);
	if (conn_send_op(conn, GATEWAY_OP_INVALID_SESSION, again ? S("true") : S("false")))
		conn_alive(conn);
	else
		conn_close(conn, CLOSE_UNKNOWN_ERROR);
}

static bool owns(const struct resume_ask *ask, const struct session *session)
{
	return session->id2 == ask->id2 && session->user_id == ask->user_id &&
		memcmp(session->token_hash, ask->check.token_hash, sizeof(session->token_hash)) ==
		0;
}

/* One session never feeds two sockets. */
static void take_over(struct session *session)
{
	struct conn *old = session->conn;

	if (!old)
		return;
	old->session = NULL;
	session->conn = NULL;
	conn_close(old, CLOSE_UNKNOWN_ERROR);
}

static void resume_here(struct conn *conn, const struct resume_ask *ask)
{
	struct gateway_local *gateway = conn->gateway;
	struct session *session = ask->id ? session_find(gateway, ask->id) : NULL;

	if (!session || session_held(session) || !owns(ask, session) || ask->seq == 0) {
		refuse(conn, false);
		return;
	}
	switch (ring_peek(&session->ring, ask->seq)) {
	case RING_TOO_OLD: refuse(conn, false); return;
	case RING_TOO_NEW:
		/* Libraries come back with the same number after this; so it must be gone. */
		take_over(session);
		session_end(session);
		conn_close(conn, CLOSE_INVALID_SEQ);
		return;
	case RING_OK: break;
	}
	take_over(session);
	ring_rewind(&session->ring, ask->seq);
	if (planted(PLANT_REPEATED_SEQ) && ring_peek(&session->ring, ask->seq - 1) == RING_OK)
		ring_rewind(&session->ring, ask->seq - 1);
	session_attach(session, conn);
	stat_add(&gateway->stats.resumes, 1);
	free(conn->base_url);
	conn->base_url = NULL;
	session_dispatch(session, EVENT_RESUMED, bytes_from(S("{\"_trace\":[]}")));
	conn_mark(conn);
	conn_alive(conn);
	guilds_pump(session);
}

static void on_moved(struct core *core, struct msg *msg)
{
	struct resume_ask *ask = container_of(msg, struct resume_ask, ask.msg);
	struct conn *conn = ask->conn;

	sock_attach(core, conn->sock);
	conn_adopt(gateway_of(core), conn);
	resume_here(conn, ask);
	free(ask);
}

static void move(struct conn *conn, struct resume_ask *ask, struct core *to)
{
	stat_add(&conn->gateway->stats.moves, 1);
	conn_release(conn);
	sock_detach(conn->gateway->core, conn->sock);
	ask->ask.msg.run = on_moved;
	core_post(to, &ask->ask.msg);
}

static void on_checked(struct gateway_local *gateway, struct ask *base, int r)
{
	struct resume_ask *ask = container_of(base, struct resume_ask, ask);
	struct conn *conn = ask->conn;
	struct cores *cores = core_cores(gateway->core);

	if (!conn) {
		free(ask);
		return;
	}
	conn->resuming = NULL;
	if (r == 0 && ask->id && session_id_core(ask->id) < cores->count &&
	    session_id_core(ask->id) != core_index(gateway->core)) {
		move(conn, ask, cores->core[session_id_core(ask->id)]);
		return;
	}
	if (r == 0)
		resume_here(conn, ask);
	else if (r == ENOENT || (r >= 4000 && r < 5000))
		conn_close(conn, CLOSE_AUTHENTICATION_FAILED);
	else
		refuse(conn, true);
	free(ask);
}

int resume(struct conn *conn, const json_t *d)
{
	struct str token = json_text(json_object_get(d, "token"));
	struct str name = json_text(json_object_get(d, "session_id"));
	const json_t *seq = json_object_get(d, "seq");
	struct resume_ask draft = {};

	if (conn->session || conn->resuming)
		return CLOSE_ALREADY_AUTHENTICATED;
	if (!token.ptr || !name.ptr || !(json_absent(seq) || json_is_integer(seq)))
		return CLOSE_DECODE_ERROR;
	if (!token_parse(token, &draft.user_id, draft.check.token_hash))
		return CLOSE_AUTHENTICATION_FAILED;
	if (!session_name_parse(name, &draft.id, &draft.id2))
		draft.id = 0;
	if (json_integer_value(seq) > 0)
		draft.seq = (uint64_t)json_integer_value(seq);
	draft.conn = conn;
	draft.ask.answered = on_checked;
	draft.check.work = (struct cell_work){
		.kind = CELL_USER,
		.id = draft.user_id,
		.run = user_check_run,
	};
	conn->resuming = mem_dup(&draft, sizeof(draft));
	ask_post(conn->gateway, &conn->resuming->ask, &conn->resuming->check.work);
	conn_alive(conn);
	return 0;
}
