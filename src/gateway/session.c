/* What a session is and how it ends; identify.c and resume.c say how it begins and goes on. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "gateway/internal.h"

enum { SPOILED_SAY_US = 1000000 };
enum { CORE_BITS = 6 }; /* of a session's id; struct cores has at most 64 */

struct event *event_new(enum event_type type, struct bytes *json)
{
	struct event *event = mem_zalloc(sizeof(*event));

	atomic_init(&event->refs, 1);
	event->type = type;
	event->full = json;
	return event;
}

/* -- names -- */

bool session_name_parse(struct str name, uint64_t *ret_id, uint64_t *ret_id2)
{
	return name.len == SESSION_NAME_LEN && str_hex((struct str){ name.ptr, 16 }, ret_id) &&
		str_hex(str_skip(name, 16), ret_id2) && *ret_id != 0;
}

uint32_t session_id_core(uint64_t id)
{
	return (uint32_t)(id & ((1u << CORE_BITS) - 1));
}

bool session_shard_has(const struct session *session, uint64_t guild_id)
{
	return session->shard_count == 0 ||
		(guild_id >> 22) % session->shard_count == session->shard_id;
}

/* -- beginning -- */

void session_init(struct session *session)
{
	ring_init(&session->ring);
	list_init(&session->node);
	list_init(&session->opens);
	list_init(&session->whole_asks);
}

struct session *session_new(struct gateway_local *gateway)
{
	struct session *session = slab_alloc(sizeof(*session));
	uint64_t random[2];

	do {
		random_fill(core_random(gateway->core), random, sizeof(random));
		session->id = random[0] >> CORE_BITS << CORE_BITS | core_index(gateway->core);
		session->id2 = random[1];
	} while (session->id <= core_index(gateway->core) ||
		 map_get(&gateway->sessions, session->id));
	session->gateway = gateway;
	session_init(session);
	map_set(&gateway->sessions, session->id, session);
	stat_add(&gateway->stats.sessions, 1);
	return session;
}

struct session *session_find(struct gateway_local *gateway, uint64_t id)
{
	return map_get(&gateway->sessions, id);
}

void session_go(struct session *session)
{
	session->state = SESSION_LIVE;
	if (session->conn)
		conn_mark(session->conn);
}

/* -- without a connection -- */

struct away_ask {
	struct ask ask;
	struct user_away away;
};

static void on_away(struct gateway_local *gateway, struct ask *ask, int r)
{
	const struct away_ask *told = container_of(ask, struct away_ask, ask);
	const struct session *session = session_find(gateway, told->away.session);

	/* It must be known in the end; unless it is out of date. An account that was restarted is told all again. */
	if (r == -EAGAIN && session && session->away == told->away.away)
		ask_again(gateway, ask, 500);
	else
		free(container_of(ask, struct away_ask, ask));
}

void session_tell_away(struct session *session, bool away)
{
	struct away_ask *ask = mem_zalloc(sizeof(*ask));

	session->away = away;
	ask->ask.answered = on_away;
	ask->away = (struct user_away){
		.work = { .kind = CELL_USER,
			  .id = session->user_id,
			  .if_loaded = true,
			  .run = user_away_run },
		.session = session->id,
		.away = away,
	};
	ask_post(session->gateway, &ask->ask, &ask->away.work);
}

struct session *session_detached_first(struct gateway_local *gateway)
{
	struct list *list = list_empty(&gateway->detached) ? &gateway->fresh : &gateway->detached;

	return list_empty(list) ? NULL : list_entry(list->next, struct session, node);
}

static void detached_watch(struct gateway_local *gateway)
{
	const struct session *first = session_detached_first(gateway);

	if (!first) {
		timer_clear(&gateway->detached_timer);
		return;
	}
	uint64_t end_us = first->detached_us + (uint64_t)gateway->config.detached_ms * 1000;
	uint64_t now_us = core_now_us(gateway->core);
	if (!list_empty(&gateway->fresh)) {
		first = list_entry(gateway->fresh.next, struct session, node);
		end_us = MIN(end_us, first->detached_us + LIMIT_PRESENCE_GRACE_MS * 1000ull);
	}

	timer_set(gateway->core, &gateway->detached_timer,
		  end_us > now_us ? (end_us - now_us) / 1000 + 1 : 0);
}

static void detached_add(struct session *session)
{
	struct gateway_local *gateway = session->gateway;

	session->detached_us = core_now_us(gateway->core);
	session->waits = true;
	bool first = list_empty(&gateway->fresh);
	list_add_tail(&gateway->fresh, &session->node);
	stat_add(&gateway->stats.detached, 1);
	stat_add(&gateway->stats.detached_bytes, session->ring.bytes);
	if (first || !timer_is_set(&gateway->detached_timer))
		detached_watch(gateway);
}

static void detached_del(struct session *session)
{
	struct gateway_local *gateway = session->gateway;

	if (!session->waits)
		return;
	session->waits = false;
	list_del(&session->node);
	stat_sub(&gateway->stats.detached, 1);
	stat_sub(&gateway->stats.detached_bytes, session->ring.bytes);
}

void sessions_expire(struct core *core, struct timer *timer)
{
	struct gateway_local *gateway = container_of(timer, struct gateway_local, detached_timer);
	uint64_t keep_us = (uint64_t)gateway->config.detached_ms * 1000;

	struct session *first;

	while ((first = session_detached_first(gateway)) &&
	       first->detached_us + keep_us <= core_now_us(core)) {
		stat_add(&gateway->stats.expired, 1);
		session_end(first);
	}
	while (!list_empty(&gateway->fresh)) {
		first = list_entry(gateway->fresh.next, struct session, node);
		if (first->detached_us + LIMIT_PRESENCE_GRACE_MS * 1000ull > core_now_us(core))
			break;
		list_del(&first->node);
		list_add_tail(&gateway->detached, &first->node);
		session_tell_away(first, true);
	}
	detached_watch(gateway);
}

/* Too many of one user, or of all: the one that waits longest goes. */
static void detached_bound(struct gateway_local *gateway, uint64_t user_id)
{
	struct session *oldest = NULL;
	uint64_t bytes = 0;
	uint32_t count = 0;

	for (struct sub *sub = view_account(gateway, user_id); sub; sub = sub->next) {
		struct session *session = sub->session;

		if (!session->waits)
			continue;
		count++;
		bytes += session->ring.bytes;
		if (!oldest || session->detached_us < oldest->detached_us)
			oldest = session;
	}
	if (count > gateway->config.detached_per_user ||
	    bytes > gateway->config.detached_user_bytes)
		session_end(oldest);
	while (atomic_load_explicit(&gateway->stats.detached, memory_order_relaxed) >
		       gateway->config.detached_max ||
	       (atomic_load_explicit(&gateway->stats.detached_bytes, memory_order_relaxed) >
			gateway->config.detached_bytes &&
		session_detached_first(gateway)))
		session_end(session_detached_first(gateway));
}

void session_wait(struct session *session)
{
	detached_add(session);
}

void session_detach(struct session *session)
{
	assert(session->conn);
	session->conn->session = NULL;
	session->conn = NULL;
	/* Who has not got READY does not know the session's name. */
	if (session->state != SESSION_LIVE || session->ring.taken == 0) {
		session_end(session);
		return;
	}
	if (session->doom)
		return; /* sessions_reap() sees to it. */
	detached_add(session);
	detached_bound(session->gateway, session->user_id);
}

void session_attach(struct session *session, struct conn *conn)
{
	assert(!session->conn && !conn->session);
	detached_del(session);
	session->conn = conn;
	conn->session = session;
	conn->part = 0;
	if (session->away)
		session_tell_away(session, false);
	conn->catching_up = session->ring.unsent_bytes > session->gateway->config.ring_bytes / 2 ||
		ring_next(&session->ring) - session->ring.cursor >
			session->gateway->config.ring_events / 2;
}

/* -- ending -- */

struct close_ask {
	struct ask ask;
	struct user_close close;
};

static void on_closed(struct gateway_local *gateway, struct ask *ask, int r)
{
	/* An account that could not even be asked would be online for ever. One that was
	 * restarted has forgotten us. */
	if (r == -EAGAIN)
		ask_again(gateway, ask, 500);
	else
		free(container_of(ask, struct close_ask, ask));
}

void session_tell_close(struct gateway_local *gateway, uint64_t session_id, uint64_t user_id)
{
	struct close_ask *ask = mem_zalloc(sizeof(*ask));

	ask->ask.answered = on_closed;
	ask->close.work = (struct cell_work){
		.kind = CELL_USER,
		.id = user_id,
		.if_loaded = true,
		.run = user_close_run,
	};
	ask->close.session = session_id;
	ask_post(gateway, &ask->ask, &ask->close.work);
}

void session_free(struct session *session)
{
	struct gateway_local *gateway = session->gateway;

	detached_del(session);
	list_del(&session->node);
	map_del(&gateway->sessions, session->id);
	stat_sub(&gateway->stats.sessions, 1);
	if (session->conn)
		session->conn->session = NULL;
	guild_opens_drop(session);
	members_asks_drop(session);
	assembly_free(session->assembly);
	interests_free(session);
	free(session->presence);
	ring_done(&session->ring);
	slab_free(session);
}

void session_end(struct session *session)
{
	struct gateway_local *gateway = session->gateway;
	uint64_t id = session->id, user_id = session->user_id;
	bool opening = session->state == SESSION_OPENING;

	while (session->subs)
		sub_leave(session->subs, true);
	session_free(session);
	/* While it is opening the account does not know it yet; the answer will find it gone
	 * (identify.c). */
	if (!opening)
		session_tell_close(gateway, id, user_id);
}

void session_revoke(struct session *session)
{
	struct conn *conn = session->conn;

	session_end(session);
	if (conn)
		conn_close(conn, CLOSE_AUTHENTICATION_FAILED);
}

/* -- events -- */

void session_doom(struct session *session, enum session_doom doom)
{
	struct gateway_local *gateway = session->gateway;

	if (session->doom < doom)
		session->doom = (uint8_t)doom;
	detached_del(session);
	list_del(&session->node);
	list_add_tail(&gateway->doomed, &session->node);
	core_defer(gateway->core, &gateway->flush);
}

/* Many may at once, when nobody reads: not each is worth a line. */
static void session_spoiled(const struct session *session)
{
	struct gateway_local *gateway = session->gateway;
	uint64_t now_us = core_now_us(gateway->core);

	stat_add(&gateway->stats.spoiled, 1);
	if (gateway->spoiled_said_us && now_us - gateway->spoiled_said_us < SPOILED_SAY_US)
		return;
	gateway->spoiled_said_us = now_us;
	log_warn("a session could not hold its events, it ends session=%016lx user=%lu "
		 "connected=%d events=%u bytes=%u",
		 session->id, session->user_id, session->conn != NULL, session->ring.count,
		 (unsigned)session->ring.bytes);
}

void sessions_reap(struct gateway_local *gateway)
{
	struct list *node;

	while ((node = list_pop(&gateway->doomed))) {
		struct session *session = list_entry(node, struct session, node);
		struct conn *conn = session->conn;
		bool dead = session->doom == DOOM_DEAD;

		session->doom = DOOM_NONE;
		if (dead)
			session_spoiled(session);
		if (dead)
			session_end(session);
		else if (!conn)
			detached_add(session);
		if (conn) {
			stat_add(&gateway->stats.too_slow, 1);
			conn_close(conn, CLOSE_UNKNOWN_ERROR);
		}
	}
}

static bool fault_ring(struct session *session)
{
	bool now = session->faults & SESSION_FAULT_RING;

	session->faults &= (uint8_t)~SESSION_FAULT_RING;
	return now;
}

static bool lose(struct event *event)
{
	event_unref(event);
	return false;
}

void session_append(struct session *session, struct event *event, enum event_form form)
{
	struct gateway_local *gateway = session->gateway;
	struct ring *ring = &session->ring;
	size_t before = ring->bytes;

	if (session->doom == DOOM_DEAD) {
		event_unref(event);
		return;
	}
	bool fits = fault_ring(session) ? lose(event)
					: ring_push(ring, &gateway->ring_limits, event, form);

	stat_add(&gateway->stats.events, 1);
	if (session->waits)
		stat_add(&gateway->stats.detached_bytes, ring->bytes - before);
	if (!fits)
		session_doom(session, DOOM_DEAD);
	if (!session->conn || session_held(session))
		return;
	conn_mark(session->conn);
	bool behind = ring_next(ring) - ring->cursor > gateway->config.ring_events ||
		ring->unsent_bytes > gateway->config.ring_bytes;
	if (behind && !session->conn->catching_up && !session->doom)
		session_doom(session, DOOM_SLOW);
}

void session_dispatch(struct session *session, enum event_type type, struct bytes *json)
{
	session_append(session, event_new(type, json), FORM_FULL);
}

/* -- faults -- */

bool gateway_session_parse(struct str name, uint64_t *ret_id, uint32_t *ret_core)
{
	uint64_t id2;

	if (!session_name_parse(name, ret_id, &id2))
		return false;
	*ret_core = session_id_core(*ret_id);
	return true;
}

bool gateway_fault(struct core *core, uint64_t id, enum session_fault fault)
{
	struct session *session = session_find(gateway_of(core), id);

	if (session)
		session->faults |= (uint8_t)fault;
	return session != NULL;
}
