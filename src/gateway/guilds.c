/* A session asks the guilds of its account to let it in: a bounded number at once, and no more
 * while its client has much to read. A guild that cannot answer now is said to be unavailable
 * and asked again later. */
#include <assert.h>
#include <stdlib.h>

#include "gateway/internal.h"
#include "model/errors.h"

enum { SILENT_TRIES = 5 };

struct guild_open {
	struct ask ask;
	struct realm_subscribe subscribe;
	struct session *session; /* NULL: it has ended */
	struct list node; /* of session->opens */
	uint32_t tries;
	bool said; /* that it is unavailable */
	bool lost; /* a silent one whose user was removed meanwhile, or (away) whose guild went away again */
	bool away;
	uint32_t
		missed_from; /* of a silent one: the first kept publication that it has not had (view.c) */
};

static uint64_t open_guild(const struct guild_open *open)
{
	return open->subscribe.work.id;
}

bool guild_is_opening(const struct session *session, uint64_t guild_id)
{
	list_for_each (node, &session->opens)
		if (open_guild(list_entry(node, struct guild_open, node)) == guild_id)
			return true;
	for (uint32_t i = session->guilds ? session->guilds->at : 0;
	     session->guilds && i < session->guilds->count; i++)
		if (session->guilds->ids[i] == guild_id)
			return true;
	return false;
}

void guilds_drop(struct session *session)
{
	if (!session->guilds)
		return;
	free(session->guilds->ids);
	free(TAKE(session->guilds));
}

bool guild_opens_silent(const struct session *session)
{
	list_for_each (node, &session->opens)
		if (list_entry(node, struct guild_open, node)->subscribe.silent)
			return true;
	return false;
}

uint32_t guilds_waiting(const struct session *session, uint64_t **ret)
{
	uint32_t count = session->guilds ? session->guilds->count - session->guilds->at : 0;

	list_for_each (node, &session->opens)
		count++;
	*ret = mem_alloc((count + 1) * sizeof(**ret));
	count = 0;
	list_for_each (node, &session->opens)
		(*ret)[count++] = open_guild(list_entry(node, struct guild_open, node));
	for (uint32_t i = session->guilds ? session->guilds->at : 0;
	     session->guilds && i < session->guilds->count; i++)
		(*ret)[count++] = session->guilds->ids[i];
	return count;
}

void guild_opens_drop(struct session *session)
{
	guilds_drop(session);
	list_for_each (node, &session->opens) {
		struct guild_open *open = list_entry(node, struct guild_open, node);

		list_del(node);
		open->session = NULL;
		if (ask_withdraw(&open->ask)) {
			view_release(session->gateway, open_guild(open));
			free(open);
		}
	}
}

/* Bots that did not ask for GUILDS hear nothing of guilds coming and going. */
static void say_deleted(struct session *session, uint64_t guild_id, bool unavailable)
{
	struct buf text;

	if (!(session->intents & INTENT_GUILDS))
		return;
	buf_init(&text, 128);
	buf_printf(&text, "{\"id\":\"%lu\"%s}", guild_id,
		   unavailable ? ",\"unavailable\":true" : "");
	session_dispatch(session, EVENT_GUILD_DELETE, bytes_from(buf_str(&text)));
	buf_done(&text);
}

static struct guild_open *find_silent(const struct session *session, uint64_t guild_id)
{
	list_for_each (node, &session->opens) {
		struct guild_open *open = list_entry(node, struct guild_open, node);

		if (open_guild(open) == guild_id && open->subscribe.silent)
			return open;
	}
	return NULL;
}

void guild_open_lost(struct session *session, uint64_t guild_id)
{
	struct guild_open *open = find_silent(session, guild_id);

	if (!open || open->lost)
		return;
	open->lost = true;
	say_deleted(session, guild_id, false);
}

void guild_open_away(struct session *session, uint64_t guild_id)
{
	struct guild_open *open = find_silent(session, guild_id);

	if (!open || open->lost)
		return;
	open->lost = open->away = open->said = true;
	say_deleted(session, guild_id, true);
}

bool guild_open_is_lost(const struct session *session, uint64_t guild_id)
{
	const struct guild_open *open = find_silent(session, guild_id);

	return open && open->lost;
}

void guild_open_misses(struct session *session, uint64_t guild_id, uint32_t first)
{
	/* An earlier one may have been let in, but not be answered. */
	list_for_each (node, &session->opens) {
		struct guild_open *open = list_entry(node, struct guild_open, node);

		if (open_guild(open) == guild_id && open->subscribe.silent)
			open->missed_from = first;
	}
}

uint32_t guild_open_missed(const struct session *session, uint64_t guild_id)
{
	const struct guild_open *open = find_silent(session, guild_id);

	assert(open);
	return open->missed_from;
}

static void leave_stray(struct session *session, uint64_t guild_id)
{
	struct sub *sub = session_sub(session, guild_id);

	if (sub && !sub->class)
		sub_leave(sub, false);
}

static uint64_t retry_ms(uint32_t tries)
{
	static const uint32_t after[] = { 1000, 2000, 5000, 10000, 30000 };

	return after[MIN(tries, ARRAY_SIZE(after) - 1)];
}

/* True: it is asked again. */
static bool failed(struct session *session, struct guild_open *open, int r)
{
	uint64_t guild_id = open_guild(open);

	if (r == ERR_UNKNOWN_GUILD || r == ERR_MISSING_ACCESS || r == ENOENT) {
		leave_stray(session, guild_id);
		if (!assembly_answer(session, guild_id, GUILD_GONE) && (!open->lost || open->away))
			say_deleted(session, guild_id, false);
		return false;
	}
	if (open->subscribe.silent && open->tries < SILENT_TRIES) {
		ask_again(session->gateway, &open->ask, 100 << open->tries++);
		return true;
	}
	if (open->subscribe.silent) {
		leave_stray(session, guild_id);
		open->subscribe.silent = false;
		open->tries = 0;
	}
	if (!assembly_answer(session, guild_id, GUILD_UNAVAILABLE) && !open->said)
		say_deleted(session, guild_id, true);
	open->said = true;
	open->subscribe.joined = false; /* It comes back from an outage now. */
	ask_again(session->gateway, &open->ask, retry_ms(open->tries++));
	return true;
}

static void on_answer(struct gateway_local *gateway, struct ask *ask, int r)
{
	struct guild_open *open = container_of(ask, struct guild_open, ask);
	struct session *session = open->session;
	uint64_t guild_id = open_guild(open);

	if (session && !open->said && open->tries == 0 && !open->subscribe.silent)
		session->opens_running--;
	if (session && r && failed(session, open, r)) {
		guilds_pump(session);
		return;
	}
	if (!session && r == 0)
		view_leave_guild(gateway, guild_id, open->subscribe.session,
				 open->subscribe.user_id);
	bool again = session && r == 0 && open->lost, away = open->away;
	if (again) /* a member anew: the silent return was not taken (view.c) */
		view_leave_guild(gateway, guild_id, session->id, session->user_id);
	list_del(&open->node);
	free(open);
	if (again) {
		guild_open_start(session, guild_id, away ? OPEN_FIRST : OPEN_JOINED);
	} else if (session && r == 0) {
		assembly_answer(session, guild_id, GUILD_HERE);
		interest_renew(session, guild_id);
	}
	if (session)
		guilds_pump(session);
	view_release(gateway, guild_id);
}

void guild_open_start(struct session *session, uint64_t guild_id, enum guild_open_why why)
{
	struct guild_open *open = mem_zalloc(sizeof(*open));

	open->ask.answered = on_answer;
	open->session = session;
	open->said = why == OPEN_AWAY;
	open->subscribe = (struct realm_subscribe){
		.work = { .kind = CELL_GUILD, .id = guild_id, .run = realm_subscribe_run },
		.session = session->id,
		.user_id = session->user_id,
		.core = core_index(session->gateway->core),
		.bot = session->bot,
		.silent = why == OPEN_SILENT,
		.joined = why == OPEN_JOINED,
		.intents = session->intents,
		.capabilities = session->capabilities,
		.large_threshold = session->large_threshold,
		.version = session->version,
	};
	list_add_tail(&session->opens, &open->node);
	if (why == OPEN_AWAY)
		say_deleted(session, guild_id, true);
	if (why == OPEN_FIRST || why == OPEN_JOINED)
		session->opens_running++;
	view_hold(session->gateway, guild_id, CELL_GUILD);
	ask_post(session->gateway, &open->ask, &open->subscribe.work);
}

void guilds_queue(struct session *session, uint64_t *ids, uint32_t count)
{
	struct guild_queue draft = { .count = count, .ids = ids };

	guilds_drop(session);
	session->guilds = mem_dup(&draft, sizeof(draft));
}

void guilds_pump(struct session *session)
{
	struct guild_queue *queue = session->guilds;

	while (queue && queue->at < queue->count && session->opens_running < GATEWAY_OPENING_MAX &&
	       session->ring.unsent_bytes < GATEWAY_OPENING_BYTES)
		guild_open_start(session, queue->ids[queue->at++], OPEN_FIRST);
	if (queue && queue->at == queue->count)
		guilds_drop(session);
}
