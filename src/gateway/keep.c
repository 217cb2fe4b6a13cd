/* Sessions over a clean stop. When the cores have stopped nothing is published any more: what the rings hold then is all that there
 * is to say, and it is written into the store (tables kept_*), an event once for all rings that hold it. The next start makes the
 * sessions again, lets them into their account and guilds without a word, and only then serves: a client that resumes gets every
 * event of before the stop, and those of after it with the next `s`.
 *
 * It is good for the very next opening of the store (the epoch says so), and for as long as a session waits for its client; after a
 * kill there is nothing, and RESUME is refused. */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "codec/json.h"
#include "codec/row.h"
#include "core/fiber.h"
#include "gateway/internal.h"
#include "model/objects.h"
#include "model/tables.h"
#include "store/store.h"

enum {
	BATCH_BYTES = 4 << 20,
	KEEP_BYTES_MAX = 128 << 20, /* of all rows; what does not fit identifies anew */
	KEEP_SESSIONS_MAX = 200000,
	EVENT_BYTES_MAX = 8 << 20,
	HASH_HEX = 64,
	CLOCK_SLACK_US = 60 * 1000000, /* a clock that was set back while we were away */
	AT_ONCE = 256, /* sessions that a core lets in */
	LOOK_MS = 2,
	LET_IN_US = 5 * 1000000,
};

/* -- writing -- */

struct keeping {
	struct gateway_keeping *state;
	struct core *core; /* 0, where the store answers */
	struct store_batch *batch;
	struct map events; /* struct event → its number */
	uint64_t next;
	struct buf text;
};

static void on_written(struct core *core, struct store_batch *batch, int r)
{
	struct gateway_keeping *state = batch->owner;

	(void)core;
	store_batch_free(batch);
	if (r && !state->failed)
		state->failed = r;
	state->waiting--;
}

static void commit(struct keeping *keeping)
{
	struct store_batch *batch = TAKE(keeping->batch);

	if (!batch)
		return;
	batch->owner = keeping->state;
	batch->done = on_written;
	keeping->state->waiting++;
	store_commit(core_cores(keeping->core)->store, batch);
}

static void put(struct keeping *keeping, struct str key, const struct obj_desc *desc,
		const void *row)
{
	buf_clear(&keeping->text);
	row_put(&keeping->text, desc, row);
	if (!keeping->batch)
		keeping->batch = store_batch_new(keeping->core, NULL);
	store_batch_put(keeping->batch, key, buf_str(&keeping->text));
	keeping->state->bytes += keeping->text.len;
	if (keeping->batch->data.len > BATCH_BYTES)
		commit(keeping);
}

/* Its number; it is written when it is met first. Both forms: another session may hold the other one. */
static uint64_t keep_event(struct keeping *keeping, struct event *event)
{
	uint64_t number = (uint64_t)(uintptr_t)map_get(&keeping->events, (uintptr_t)event);
	struct kept_event row = { .name = str_z(event_descs[event->type].name) };
	struct key key;

	if (number)
		return number;
	number = ++keeping->next;
	map_set(&keeping->events, (uintptr_t)event, (void *)(uintptr_t)number);
	row.full = event->full ? bytes_str(event->full) : (struct str){};
	row.short_ = event->alt ? bytes_str(event->alt) : (struct str){};
	put(keeping, key_kept_event(&key, number), &desc_kept_event, &row);
	keeping->state->events++;
	return number;
}

static bool ring_fits(const struct ring *ring)
{
	for (uint64_t seq = ring->first; seq < ring_next(ring); seq++) {
		enum event_form form;
		const struct event *event = ring_get(ring, seq, &form);

		if ((event->full ? event->full->len : 0) + (event->alt ? event->alt->len : 0) >
		    EVENT_BYTES_MAX)
			return false;
	}
	return true;
}

/* One that has its READY, and of which nothing is under way that no ring holds. */
static bool may_keep(const struct session *session)
{
	if (session->state != SESSION_LIVE || session->doom || session->ring.taken == 0 ||
	    guild_opens_silent(session) || !list_empty(&session->whole_asks))
		return false;
	for (const struct sub *sub = session->subs; sub; sub = sub->also) {
		enum cell_kind kind;

		sub_cell(sub, &kind);
		if (kind == CELL_GUILD && (!sub->class || sub->returned))
			return false;
	}
	return ring_fits(&session->ring);
}

static json_t *ids_json(const uint64_t *ids, uint32_t count)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, json_sprintf("%lu", ids[i]));
	return list;
}

/* As the client said it (op 37), so that it can be said again. */
static json_t *interest_json(const struct interest *interest)
{
	json_t *channels = json_object(), *object = json_object();

	for (uint32_t i = 0; i < interest->channels_count; i++) {
		const struct interest_channel *channel = &interest->channels[i];
		json_t *ranges = json_array();
		char id[24];

		for (uint32_t k = 0; k < channel->ranges_count; k++)
			json_array_append_new(ranges,
					      json_pack("[ii]", (int)channel->ranges[k][0],
							(int)channel->ranges[k][1]));
		snprintf(id, sizeof(id), "%lu", channel->channel_id);
		json_object_set_new(channels, id, ranges);
	}
	json_object_set_new(object, "typing", json_boolean(interest->typing || interest->opened));
	json_object_set_new(object, "threads", json_boolean(interest->threads));
	json_object_set_new(object, "activities", json_boolean(interest->activities));
	json_object_set_new(object, "member_updates", json_boolean(interest->member_updates));
	json_object_set_new(object, "members",
			    ids_json(interest->members, interest->members_count));
	json_object_set_new(object, "thread_member_lists",
			    ids_json(interest->thread_lists, interest->thread_lists_count));
	json_object_set_new(object, "channels", channels);
	return object;
}

static char *interests_text(const struct session *session)
{
	json_t *all = json_object();
	char id[24];

	for (const struct interest *interest = session->interest; interest;
	     interest = interest->next) {
		snprintf(id, sizeof(id), "%lu", interest->guild_id);
		json_object_set_new(all, id, interest_json(interest));
	}
	char *text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	return text;
}

static void keep_session(struct keeping *keeping, const struct session *session)
{
	const struct ring *ring = &session->ring;
	uint64_t *events = mem_alloc((ring->count + 1) * sizeof(*events)), *opening;
	char *interests = interests_text(session), hash[HASH_HEX + 1];
	uint32_t guilds_count = 0;
	uint64_t *guilds;
	struct key key;

	for (uint32_t i = 0; i < ring->count; i++) {
		enum event_form form;
		struct event *event = ring_get(ring, ring->first + i, &form);

		events[i] = keep_event(keeping, event) << 1 | form;
	}
	for (const struct sub *sub = session->subs; sub; sub = sub->also)
		guilds_count++;
	guilds = mem_alloc((guilds_count + 1) * sizeof(*guilds));
	guilds_count = 0;
	for (const struct sub *sub = session->subs; sub; sub = sub->also) {
		enum cell_kind kind;
		uint64_t id = sub_cell(sub, &kind);

		if (kind == CELL_GUILD)
			guilds[guilds_count++] = id;
	}
	sodium_bin2hex(hash, sizeof(hash), session->token_hash, sizeof(session->token_hash));
	struct kept_session row = {
		.id2 = session->id2,
		.user_id = session->user_id,
		.token_hash = { hash, HASH_HEX },
		.bot = session->bot,
		.has_intents = session->has_intents,
		.intents = session->intents,
		.capabilities = session->capabilities,
		.large_threshold = session->large_threshold,
		.shard_id = session->shard_id,
		.shard_count = session->shard_count,
		.version = session->version,
		.presence = session->presence ? str_z(session->presence) : (struct str){},
		.first = session->faults & SESSION_FAULT_KEPT ? 0 : (int64_t)ring->first,
		.cursor = (int64_t)ring->cursor,
		.taken = (int64_t)ring->taken,
		.confirmed = (int64_t)ring->confirmed,
		.events = { events, ring->count },
		.guilds = { guilds, guilds_count },
		.interests = interests ? str_z(interests) : S("{}"),
	};
	row.opening.count = guilds_waiting(session, &opening);
	row.opening.items = opening;
	put(keeping, key_kept_session(&key, session->id), &desc_kept_session, &row);
	keeping->state->sessions++;
	free(events);
	free(guilds);
	free(opening);
	free(interests);
}

void gateway_keep(struct cores *cores, struct gateway_keeping *state)
{
	struct keeping keeping = { .state = state, .core = cores->core[0] };
	struct key key;

	*state = (struct gateway_keeping){};
	map_init(&keeping.events);
	buf_init(&keeping.text, ROW_MAX);
	for (uint32_t i = 0; i < cores->count; i++) {
		uint32_t at = 0;
		uint64_t id;
		void *value;

		while (map_next(&gateway_of(cores->core[i])->sessions, &at, &id, &value)) {
			if (may_keep(value) && state->bytes < KEEP_BYTES_MAX &&
			    state->sessions < KEEP_SESSIONS_MAX)
				keep_session(&keeping, value);
			else
				state->left_out++;
		}
	}
	if (state->sessions) {
		struct kept_run run = { .epoch = (int64_t)cores->store->epoch,
					.saved_at = (int64_t)core_wall_us(keeping.core),
					.sessions = state->sessions,
					.events = state->events };

		commit(&keeping); /* in order: when this one is there, the others are */
		put(&keeping, key_kept_run(&key), &desc_kept_run, &run);
		commit(&keeping);
	}
	map_done(&keeping.events);
	buf_done(&keeping.text);
}

/* -- reading -- */

struct returning {
	struct list node;
	struct session *session;
	uint64_t *guilds;
	uint32_t guilds_count;
	json_t *interests;
};

struct restore {
	struct core *core;
	struct fiber *fiber;
	uint32_t left; /* cores that still let in */
	struct map events; /* number → struct event */
	struct list returning[64];
};

static bool is_event(struct str name, enum event_type *ret)
{
	for (uint32_t i = 0; i < EVENT_COUNT; i++)
		if (str_eq(name, str_z(event_descs[i].name))) {
			*ret = (enum event_type)i;
			return true;
		}
	return false;
}

static void take_event(struct restore *restore, struct arena *arena, const struct store_row *row)
{
	struct kept_event kept = {};
	enum event_type type;
	uint64_t number;

	if (!parse_kept_event(row->key, &number) ||
	    row_get(row->value, &desc_kept_event, arena, &kept) || number == 0 ||
	    !is_event(kept.name, &type))
		return;
	struct event *event = event_new(type, kept.full.ptr ? bytes_from(kept.full) : NULL);
	event->alt = kept.short_.ptr ? bytes_from(kept.short_) : NULL;
	event_unref(map_set(&restore->events, number, event));
}

static bool take_ring(struct restore *restore, const struct kept_session *kept, struct ring *ring)
{
	static const struct ring_limits limits = { .events_max = UINT32_MAX,
						   .bytes_max = UINT32_MAX };
	uint64_t first = (uint64_t)kept->first, cursor = (uint64_t)kept->cursor,
		 taken = (uint64_t)kept->taken;

	if (first == 0 || cursor < first || cursor > first + kept->events.count ||
	    taken + 1 < cursor || taken >= first + kept->events.count ||
	    (uint64_t)kept->confirmed > taken)
		return false;
	ring->first = ring->cursor = first;
	for (uint32_t i = 0; i < kept->events.count; i++) {
		struct event *event = map_get(&restore->events, kept->events.items[i] >> 1);
		enum event_form form = kept->events.items[i] & 1 ? FORM_ALT : FORM_FULL;

		if (!event || !(form == FORM_ALT ? event->alt : event->full))
			return false;
		if (!ring_push(ring, &limits, event_ref(event), form))
			return false;
	}
	while (ring->cursor < cursor)
		ring_advance(ring);
	ring->taken = taken;
	ring->confirmed = ring->mark = (uint64_t)kept->confirmed;
	return true;
}

static struct session *session_of(struct restore *restore, uint64_t id,
				  const struct kept_session *kept)
{
	struct session *session = slab_alloc(sizeof(*session));
	size_t len = 0;

	session->id = id;
	session->id2 = kept->id2;
	session->user_id = kept->user_id;
	session->bot = kept->bot;
	session->has_intents = kept->has_intents;
	session->intents = (uint32_t)kept->intents;
	session->capabilities = (uint32_t)kept->capabilities;
	session->large_threshold = (uint8_t)kept->large_threshold;
	session->shard_id = (uint32_t)kept->shard_id;
	session->shard_count = (uint32_t)kept->shard_count;
	session->version = (uint8_t)kept->version;
	session->state = SESSION_LIVE;
	if (kept->presence.ptr) {
		session->presence = mem_zalloc(kept->presence.len + 1);
		memcpy(session->presence, kept->presence.ptr, kept->presence.len);
	}
	session_init(session);
	if (sodium_hex2bin(session->token_hash, sizeof(session->token_hash), kept->token_hash.ptr,
			   kept->token_hash.len, NULL, &len, NULL) ||
	    len != sizeof(session->token_hash) || !take_ring(restore, kept, &session->ring)) {
		ring_done(&session->ring);
		free(session->presence);
		slab_free(session);
		return NULL;
	}
	return session;
}

static bool ids_good(const struct u64_list *ids)
{
	for (uint32_t i = 0; i < ids->count; i++)
		if (!ids->items[i])
			return false;
	return true;
}

/* Whether the row says what identify.c would have let through: what we hold is trusted, what a disk says is not. */
static bool may_return(uint64_t id, const struct kept_session *kept)
{
	bool shard_good = kept->shard_count ? kept->shard_id < kept->shard_count : !kept->shard_id;

	return id && kept->user_id && (kept->version == 9 || kept->version == 10) &&
		kept->shard_id >= 0 && kept->shard_count <= UINT32_MAX && shard_good &&
		ids_good(&kept->guilds) && ids_good(&kept->opening);
}

static uint64_t *ids_dup(const uint64_t *items, uint32_t count)
{
	return count ? mem_dup(items, count * sizeof(*items)) : NULL;
}

static void unreadable(struct restore *restore, uint64_t id, uint64_t user_id)
{
	stat_add(&gateway_of(restore->core)->stats.spoiled, 1);
	log_warn("a session of the last run cannot be read, it identifies anew session=%016lx "
		 "user=%lu",
		 id, user_id);
}

static void take_session(struct restore *restore, struct arena *arena, const struct store_row *row)
{
	struct cores *cores = core_cores(restore->core);
	struct kept_session kept = {};
	uint64_t id = 0;

	if (!parse_kept_session(row->key, &id) ||
	    row_get(row->value, &desc_kept_session, arena, &kept) || !may_return(id, &kept)) {
		unreadable(restore, id, kept.user_id);
		return;
	}
	if (session_id_core(id) >= cores->count)
		return; /* there are fewer cores now */
	struct session *session = session_of(restore, id, &kept);
	if (!session) {
		unreadable(restore, id, kept.user_id);
		return;
	}
	struct returning *returning = mem_zalloc(sizeof(*returning));
	if (kept.opening.count)
		guilds_queue(session, ids_dup(kept.opening.items, kept.opening.count),
			     kept.opening.count);
	returning->session = session;
	returning->guilds = ids_dup(kept.guilds.items, kept.guilds.count);
	returning->guilds_count = kept.guilds.count;
	returning->interests = json_parse(kept.interests);
	list_add_tail(&restore->returning[session_id_core(id)], &returning->node);
}

/* -- letting in -- */

struct letting {
	struct msg msg;
	struct restore *restore;
	struct list waiting; /* of returning */
	uint64_t *ids; /* under way */
	uint32_t count;
};

static bool settled(struct gateway_local *gateway, uint64_t id)
{
	const struct session *session = session_find(gateway, id);

	return !session || (session_sub(session, session->user_id) && !guild_opens_silent(session));
}

static void let_in(struct gateway_local *gateway, struct letting *letting,
		   struct returning *returning)
{
	struct session *session = returning->session;
	const char *key;
	json_t *interest;
	uint64_t guild_id;

	session->gateway = gateway;
	session->ring.mark_ms = (uint32_t)(core_now_us(gateway->core) / 1000);
	map_set(&gateway->sessions, session->id, session);
	stat_add(&gateway->stats.sessions, 1);
	stat_add(&gateway->stats.restored, 1);
	session_wait(session);
	letting->ids[letting->count++] = session->id;
	session_reopen(session);
	for (uint32_t i = 0; i < returning->guilds_count; i++)
		guild_open_start(session, returning->guilds[i], OPEN_SILENT);
	json_object_foreach(returning->interests, key, interest) if (str_u64(str_z(key), &guild_id))
		interest_merge(session, guild_id, interest);
	json_decref(returning->interests);
	free(returning->guilds);
	free(returning);
}

static void forget_settled(struct gateway_local *gateway, struct letting *letting)
{
	for (uint32_t i = letting->count; i > 0; i--)
		if (settled(gateway, letting->ids[i - 1]))
			letting->ids[i - 1] = letting->ids[--letting->count];
}

static void on_let_in(struct core *core, struct msg *msg)
{
	struct letting *letting = container_of(msg, struct letting, msg);
	struct restore *restore = letting->restore;

	free(letting->ids);
	free(letting);
	if (--restore->left == 0)
		fiber_wake(core, restore->fiber);
}

static void let_all_in(struct core *core, void *arg)
{
	struct letting *letting = arg;
	struct gateway_local *gateway = gateway_of(core);
	uint64_t until_us = core_now_us(core) + LET_IN_US;
	struct list *node;

	letting->ids = mem_alloc(AT_ONCE * sizeof(*letting->ids));
	for (;;) {
		while (letting->count < AT_ONCE && (node = list_pop(&letting->waiting)))
			let_in(gateway, letting, list_entry(node, struct returning, node));
		forget_settled(gateway, letting);
		if (list_empty(&letting->waiting) && letting->count == 0)
			break;
		if (core_now_us(core) >= until_us) {
			/* A guild or an account that cannot be read just now: they identify anew. */
			while (letting->count < AT_ONCE && (node = list_pop(&letting->waiting)))
				let_in(gateway, letting, list_entry(node, struct returning, node));
			while (letting->count) {
				struct session *session = session_find(
					gateway, letting->ids[--letting->count]);

				if (session)
					session_end(session);
			}
			continue;
		}
		fiber_sleep(core, LOOK_MS);
	}
	letting->msg.run = on_let_in;
	core_post(letting->restore->core, &letting->msg);
}

static void on_letting(struct core *core, struct msg *msg)
{
	struct letting *letting = container_of(msg, struct letting, msg);

	int r = fiber_start(core, let_all_in, letting);
	assert(r == 0); /* nothing else runs yet */
}

static void let_in_wait(struct restore *restore)
{
	struct cores *cores = core_cores(restore->core);

	restore->fiber = fiber_self(restore->core);
	restore->left = cores->count;
	for (uint32_t i = 0; i < cores->count; i++) {
		struct letting *letting = mem_zalloc(sizeof(*letting));

		letting->restore = restore;
		list_init(&letting->waiting);
		list_for_each (node, &restore->returning[i]) {
			list_del(node);
			list_add_tail(&letting->waiting, node);
		}
		letting->msg.run = on_letting;
		core_post(cores->core[i], &letting->msg);
	}
	while (restore->left)
		fiber_park(restore->core);
}

static void returning_free(struct returning *returning)
{
	ring_done(&returning->session->ring);
	free(returning->session->presence);
	guilds_drop(returning->session);
	slab_free(returning->session);
	free(returning->guilds);
	json_decref(returning->interests);
	free(returning);
}

/* The rows of one kind. One that cannot be read costs only the session that it is, or those that need that event. */
static int take_rows(struct restore *restore, struct arena *arena, struct str prefix,
		     void (*take)(struct restore *restore, struct arena *arena,
				  const struct store_row *row),
		     uint32_t *ret_count)
{
	struct store_row *rows;

	int r = store_scan_wait(restore->core, arena, prefix, (struct str){}, (struct str){}, false,
				0, &rows, ret_count);
	for (uint32_t i = 0; !r && i < *ret_count; i++)
		take(restore, arena, &rows[i]);
	return r;
}

static int read_all(struct restore *restore, struct arena *arena, const struct kept_run *run)
{
	uint32_t events = 0, sessions = 0;
	struct key key;

	int r = take_rows(restore, arena, prefix_kept_event(&key), take_event, &events);
	if (!r)
		r = take_rows(restore, arena, prefix_kept_session(&key), take_session, &sessions);
	return r ? r : sessions == run->sessions && events == run->events ? 0 : -EBADMSG;
}

/* 0; ENOENT: there is nothing, or it is too old. */
static int read_run(struct core *core, struct arena *arena, struct kept_run *ret)
{
	int64_t now_us = (int64_t)core_wall_us(core),
		keep_us = (int64_t)gateway_of(core)->config.detached_ms * 1000;
	struct str value;
	struct key key;

	int r = store_get_wait(core, arena, key_kept_run(&key), &value);
	if (!r)
		r = row_get(value, &desc_kept_run, arena, ret);
	if (r)
		return r;
	if ((uint64_t)ret->epoch + 1 != core_cores(core)->store->epoch ||
	    ret->saved_at < now_us - keep_us || ret->saved_at > now_us + CLOCK_SLACK_US) {
		log_info("sessions of an earlier run are too old sessions=%ld", ret->sessions);
		return ENOENT;
	}
	return 0;
}

static void on_dropped(struct core *core, struct store_batch *batch, int r)
{
	(void)core;
	(void)r; /* what is still there is of no use to the next opening */
	store_batch_free(batch);
}

static void drop_rows(struct core *core)
{
	struct store_batch *batch = store_batch_new(core, NULL);
	struct key key;

	store_batch_drop(batch, partition_kept_run(&key));
	batch->done = on_dropped;
	store_commit(core_cores(core)->store, batch);
}

uint32_t gateway_restore_wait(struct core *core)
{
	struct cores *cores = core_cores(core);
	struct restore restore = { .core = core };
	struct kept_run run = {};
	struct arena arena;
	uint64_t sessions = 0, number;
	uint32_t at = 0;
	void *event;

	arena_init(&arena);
	map_init(&restore.events);
	for (uint32_t i = 0; i < ARRAY_SIZE(restore.returning); i++)
		list_init(&restore.returning[i]);
	int r = read_run(core, &arena, &run);
	bool any = r == 0 || run.sessions;
	if (!r)
		r = read_all(&restore, &arena, &run);
	if (r && r != ENOENT)
		log_warn("sessions of the last run cannot be read, they identify anew r=%d", r);
	if (!r)
		let_in_wait(&restore);
	for (uint32_t i = 0; i < ARRAY_SIZE(restore.returning); i++)
		list_for_each (node, &restore.returning[i])
			returning_free(list_entry(node, struct returning, node));
	while (map_next(&restore.events, &at, &number, &event))
		event_unref(event);
	map_done(&restore.events);
	arena_done(&arena);
	if (any || r)
		drop_rows(core);
	for (uint32_t i = 0; i < cores->count; i++)
		sessions += atomic_load(&gateway_of(cores->core[i])->stats.sessions);
	if (run.sessions)
		log_info("sessions of the last run wait for their clients sessions=%lu of=%ld",
			 sessions, run.sessions);
	return (uint32_t)sessions;
}
