#include "gateway/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <assert.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "codec/etf.h"
#include "codec/json.h"
#include "model/errors.h"

bool fake_slowly;
static struct fake *world; /* the fake domain is found by functions without an argument for it */

/* -- what cell/ and user/ would do -- */

void (*publish_apply)(struct core *core, struct publication *publication);

struct event *event_ref(struct event *event)
{
	atomic_fetch_add(&event->refs, 1);
	return event;
}

void event_unref(struct event *event)
{
	if (!event || atomic_fetch_sub(&event->refs, 1) != 1)
		return;
	bytes_unref(event->full);
	bytes_unref(event->alt);
	bytes_unref(event->joined);
	bytes_unref(event->watchers);
	bytes_unref(event->etf[0]);
	bytes_unref(event->etf[1]);
	free(event->mentions);
	free(event->classes);
	free(event);
}

void publication_unref(struct publication *pub)
{
	if (!pub || atomic_fetch_sub(&pub->refs, 1) != 1)
		return;
	for (uint32_t i = 0; i < pub->count; i++) {
		event_unref(pub->effects[i].event);
		bytes_unref(pub->effects[i].see);
		bytes_unref(pub->effects[i].manage);
		bytes_unref(pub->effects[i].threads);
		bytes_unref(pub->effects[i].to.members);
		bytes_unref(pub->effects[i].snapshot);
		bytes_unref(pub->effects[i].own_member);
		bytes_unref(pub->effects[i].presences);
	}
	free(pub);
}

struct core *cell_owner(struct cores *cores, uint64_t id)
{
	return cores->core[hash_u64(id) % cores->count];
}

void cell_post(struct core *from, struct cell_work *work)
{
	int r = work->run(NULL, work);

	if (r != INT32_MIN) /* kept */
		work->done(from, work, r);
}

bool token_parse(struct str token, uint64_t *ret_user_id, uint8_t ret_hash[32])
{
	uint64_t id;

	if (str_starts(token, S("Bot ")))
		token = str_skip(token, 4);
	if (!str_u64((struct str){ token.ptr, str_find(token, '.') }, &id) || token.len > 32)
		return false;
	*ret_user_id = id;
	memset(ret_hash, 0, 32);
	memcpy(ret_hash, token.ptr, token.len);
	return true;
}

struct delivery {
	struct msg msg;
	struct publication *pub;
};

static void on_delivery(struct core *core, struct msg *msg)
{
	struct delivery *delivery = container_of(msg, struct delivery, msg);

	view_apply(core, delivery->pub);
	publication_unref(delivery->pub);
	free(delivery);
}

void fake_publish(struct fake *fake, uint64_t cell_id, enum cell_kind kind, uint64_t views,
		  const struct effect *effects, uint32_t count)
{
	struct publication *pub = mem_zalloc(sizeof(*pub) + count * sizeof(*effects));

	atomic_init(&pub->refs, 1);
	pub->cell_id = cell_id;
	pub->kind = kind;
	pub->count = count;
	memcpy(pub->effects, effects, count * sizeof(*effects));
	for (uint32_t i = 0; i < fake->cores->count; i++) {
		if (!(views >> i & 1))
			continue;
		struct delivery *delivery = mem_zalloc(sizeof(*delivery));
		atomic_fetch_add(&pub->refs, 1);
		delivery->pub = pub;
		delivery->msg.run = on_delivery;
		core_post(fake->cores->core[i], &delivery->msg);
	}
	publication_unref(pub);
}

struct event *fake_event(enum event_type type, uint32_t intents, const char *full, const char *alt)
{
	struct event *event = event_new(type, bytes_from(str_z(full)));

	event->intents = intents;
	event->alt = alt ? bytes_from(str_z(alt)) : NULL;
	return event;
}

/* -- the domain -- */

static struct fake_user *user(uint64_t id)
{
	for (uint32_t i = 0; i < world->users_count; i++)
		if (world->users[i].id == id)
			return &world->users[i];
	return NULL;
}

struct fake_guild *fake_guild(uint64_t id)
{
	for (uint32_t i = 0; i < world->guilds_count; i++)
		if (world->guilds[i].id == id)
			return &world->guilds[i];
	return NULL;
}

static bool knows(const struct fake_user *who, const uint8_t hash[32])
{
	uint8_t right[32];
	uint64_t id;

	return who && token_parse(str_z(who->token), &id, right) && memcmp(hash, right, 32) == 0;
}

int user_open_run(struct txn *txn, struct cell_work *work)
{
	struct user_open *open = container_of(work, struct user_open, work);
	struct fake_user *who = user(work->id);
	char text[512];

	(void)txn;
	if (!who || !knows(who, open->token_hash))
		return CLOSE_AUTHENTICATION_FAILED;
	if (who->result)
		return who->result;
	if (who->bot && !open->has_intents)
		return CLOSE_INVALID_INTENTS;
	who->opened++;
	who->views |= 1ull << open->core;
	snprintf(who->presence, sizeof(who->presence), "%.*s", STR_FMT(open->presence));
	snprintf(who->resume_url, sizeof(who->resume_url), "%.*s", STR_FMT(open->resume_url));
	fake_publish(world, who->id, CELL_USER, who->views,
		     &(struct effect){ .kind = EFFECT_SUBSCRIBE,
				       .session = open->session,
				       .core = open->core },
		     1);
	open->user_id = who->id;
	open->bot = who->bot;
	open->guilds = mem_dup(who->guilds, who->guilds_count * sizeof(who->guilds[0]));
	open->guilds_count = who->guilds_count;
	snprintf(text, sizeof(text), "{\"v\":%d,\"session_id\":\"%.*s\",\"user\":{\"id\":\"%lu\"}}",
		 open->version, STR_FMT(open->session_id), who->id);
	open->ready = bytes_from(str_z(text));
	return 0;
}

int user_close_run(struct txn *txn, struct cell_work *work)
{
	(void)txn;
	user(work->id)->closed++;
	return 0;
}

int user_away_run(struct txn *txn, struct cell_work *work)
{
	const struct user_away *away = container_of(work, struct user_away, work);

	(void)txn;
	user(work->id)->away = away->away;
	return 0;
}

int user_presence_run(struct txn *txn, struct cell_work *work)
{
	struct user_presence *presence = container_of(work, struct user_presence, work);
	struct fake_user *who = user(work->id);

	(void)txn;
	who->presences++;
	snprintf(who->presence, sizeof(who->presence), "%.*s", STR_FMT(presence->presence));
	return 0;
}

int user_check_run(struct txn *txn, struct cell_work *work)
{
	struct user_check *check = container_of(work, struct user_check, work);
	struct fake_user *who = user(work->id);

	(void)txn;
	if (!who)
		return ENOENT;
	return who->check			? who->check
		: knows(who, check->token_hash) ? 0
						: CLOSE_AUTHENTICATION_FAILED;
}

static int subscribe(struct fake_guild *guild, struct realm_subscribe *in)
{
	char text[256];

	if (guild->failures) {
		guild->failures--;
		return guild->result;
	}
	struct effect effects[] = {
		{ .kind = EFFECT_CLASS,
		  .class_id = 1,
		  .see = bytes_from((struct str){ "\x01", 1 }) },
		{ .kind = EFFECT_SUBSCRIBE,
		  .session = in->session,
		  .user = in->user_id,
		  .core = in->core,
		  .class_id = 1 },
	};
	guild->subscribed++;
	guild->views |= 1ull << in->core;
	snprintf(text, sizeof(text), "{\"id\":\"%lu\",\"name\":\"guild\"}", guild->id);
	if (!in->silent) {
		effects[1].snapshot = bytes_from(str_z(text));
		if (!in->bot) {
			effects[1].own_member = bytes_from(S("[{\"nick\":null}]"));
			effects[1].presences = bytes_from(
				S("{\"voice_states\":[1],\"presences\":[2]}"));
		}
	}
	fake_publish(world, guild->id, CELL_GUILD, guild->views, effects, 2);
	return 0;
}

int realm_subscribe_run(struct txn *txn, struct cell_work *work)
{
	struct fake_guild *guild = fake_guild(work->id);

	(void)txn;
	if (!guild)
		return ERR_UNKNOWN_GUILD;
	if (guild->slow && !guild->kept) {
		guild->kept = work;
		return INT32_MIN;
	}
	return subscribe(guild, container_of(work, struct realm_subscribe, work));
}

void fake_guild_answer(struct fake *fake, struct fake_guild *guild)
{
	struct cell_work *work = guild->kept;

	guild->kept = NULL;
	guild->slow = false;
	work->done(cell_owner(fake->cores, guild->id), work,
		   subscribe(guild, container_of(work, struct realm_subscribe, work)));
}

int realm_unsubscribe_run(struct txn *txn, struct cell_work *work)
{
	(void)txn;
	fake_guild(work->id)->left++;
	return 0;
}

int realm_members_run(struct txn *txn, struct cell_work *work)
{
	struct fake_guild *guild = fake_guild(work->id);

	(void)txn;
	guild->members_asked++;
	guild->members = *container_of(work, struct realm_members, work);
	snprintf(guild->members_query, sizeof(guild->members_query), "%.*s",
		 STR_FMT(guild->members.query));
	return 0;
}

int realm_lists_run(struct txn *txn, struct cell_work *work)
{
	struct fake_guild *guild = fake_guild(work->id);

	(void)txn;
	guild->lists_asked++;
	guild->lists = *container_of(work, struct realm_lists, work);
	return 0;
}

void fake_say(struct fake *fake, struct fake_guild *guild, int n)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"n\":%d}", n);
	fake_publish(fake, guild->id, CELL_GUILD, guild->views,
		     &(struct effect){ .kind = EFFECT_EVENT,
				       .event = fake_event(EVENT_MESSAGE_CREATE,
							   INTENT_GUILD_MESSAGES, text, NULL) },
		     1);
}

/* -- the world -- */

static uint64_t fake_mono(struct clock *clock)
{
	return container_of(clock, struct fake, clock)->now_us;
}

struct fake *fake_new(const struct gateway_config *config)
{
	struct fake *fake = mem_zalloc(sizeof(*fake));

	world = fake;
	fake->clock = (struct clock){ fake_mono, fake_mono };
	fake->now_us = 1000000000;
	random_seeded_init(&fake->random, 7);
	fake->cores = cores_new(&(struct cores_config){ .count = FAKE_CORES,
							.fibers_max = 4,
							.clock = &fake->clock,
							.random = &fake->random.random });
	if (config)
		fake->config = *config;
	else
		gateway_config_init(&fake->config);
	fake->config.fan_slowly |= fake_slowly;
	publish_apply = view_apply;
	for (uint32_t i = 0; i < FAKE_CORES; i++) {
		fake->locals[i].gateway = gateway_local_new(fake->cores->core[i], &fake->config);
		core_set_local(fake->cores->core[i], &fake->locals[i]);
	}
	return fake;
}

void fake_free(struct fake *fake)
{
	fake_run(fake);
	for (uint32_t i = 0; i < FAKE_CORES; i++)
		gateway_local_free(fake->locals[i].gateway);
	cores_free(fake->cores);
	free(fake);
	world = NULL;
}

void fake_run(struct fake *fake)
{
	for (uint32_t quiet = 0; quiet < 4;) {
		bool busy = false;

		for (uint32_t i = 0; i < fake->cores->count; i++)
			busy |= core_turn(fake->cores->core[i], 0) == 0;
		quiet = busy ? 0 : quiet + 1;
	}
}

void fake_pass(struct fake *fake, uint64_t ms)
{
	fake_run(fake);
	while (ms) {
		uint64_t step = MIN(ms, 500u);

		fake->now_us += step * 1000;
		ms -= step;
		fake_run(fake);
	}
}

struct fake_user *fake_user_add(struct fake *fake, uint64_t id, const char *token, bool bot)
{
	struct fake_user *who = &fake->users[fake->users_count++];

	who->id = id;
	who->token = token;
	who->bot = bot;
	return who;
}

struct fake_guild *fake_guild_add(struct fake *fake, uint64_t id)
{
	struct fake_guild *guild = &fake->guilds[fake->guilds_count++];

	guild->id = id;
	return guild;
}

struct gateway_local *fake_gateway(struct fake *fake, uint32_t core)
{
	return fake->locals[core].gateway;
}

/* -- clients -- */

struct client *client_new(struct fake *fake, uint32_t core, const char *query, size_t capacity)
{
	struct client *client = mem_zalloc(sizeof(*client));
	struct sock_pair_config config = { .capacity = capacity ? capacity : 16 << 20,
					   .random = fake->torn ? &fake->random.random : NULL };
	struct sock *server;

	client->fake = fake;
	client->core = fake->cores->core[core];
	client->etf = strstr(query, "encoding=etf");
	buf_init(&client->in, 64 << 20);
	buf_init(&client->plain, 64 << 20);
	if (strstr(query, "zlib-stream")) {
		client->inflate = mem_zalloc(sizeof(z_stream));
		assert_int_equal(inflateInit(client->inflate), Z_OK);
	}
	sock_pair(client->core, client->core, &config, &server, &client->sock);
	gateway_serve(client->core, server,
		      &(struct gateway_upgrade){ .query = str_z(query), .host = S("chat:1") });
	fake_run(fake);
	if (!fake->hasty)
		fake_pass(fake, GATEWAY_HELLO_MS);
	return client;
}

void client_free(struct client *client)
{
	sock_close(client->core, client->sock);
	fake_run(client->fake);
	if (client->inflate)
		inflateEnd(client->inflate);
	free(client->inflate);
	buf_done(&client->in);
	buf_done(&client->plain);
	free(client);
}

void client_send_frame(struct client *client, uint8_t opcode, const void *payload, size_t len)
{
	struct buf frame;

	buf_init(&frame, 1 << 20);
	buf_putc(&frame, (char)(0x80 | opcode));
	if (len < 126) {
		buf_putc(&frame, (char)(0x80 | len));
	} else {
		buf_putc(&frame, (char)(0x80 | 126));
		buf_put_u16(&frame, (uint16_t)len);
	}
	buf_put(&frame, "\1\2\3\4", 4);
	for (size_t i = 0; i < len; i++)
		buf_putc(&frame, (char)(((const char *)payload)[i] ^ "\1\2\3\4"[i % 4]));
	for (size_t at = 0; at < frame.len;) {
		ssize_t n = sock_send(client->sock, frame.ptr + at, frame.len - at);

		assert_true(n > 0 || n == -EAGAIN);
		at += n > 0 ? (size_t)n : 0;
		fake_run(client->fake);
	}
	buf_done(&frame);
}

void client_send(struct client *client, const char *format, ...)
{
	char text[20000];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	client_send_frame(client, WS_TEXT, text, (size_t)n);
}

static void fill(struct client *client)
{
	char bytes[65536];
	ssize_t n = 0;

	/* A torn sock says at times that there is nothing, when there is. */
	for (int empty = 0; empty < (client->fake->torn ? 20 : 1);) {
		n = sock_recv(client->sock, bytes, sizeof(bytes));
		if (n > 0)
			buf_put(&client->in, bytes, (size_t)n);
		else
			empty++;
		fake_run(client->fake);
	}
	client->ended = n != -EAGAIN;
}

static json_t *decode(struct client *client, uint8_t opcode, struct str payload)
{
	int error = 0;

	if (client->inflate) {
		z_stream *z = client->inflate;

		assert_int_equal(opcode, WS_BINARY);
		assert_true(payload.len >= 4 &&
			    !memcmp(payload.ptr + payload.len - 4, "\0\0\xff\xff", 4));
		buf_clear(&client->plain);
		z->next_in = (Bytef *)(uintptr_t)payload.ptr;
		z->avail_in = (uInt)payload.len;
		do {
			char *dst = buf_reserve(&client->plain, 65536);
			z->next_out = (Bytef *)dst;
			z->avail_out = 65536;
			int r = inflate(z, Z_SYNC_FLUSH);
			assert_true(r == Z_OK || r == Z_BUF_ERROR);
			client->plain.len += 65536 - z->avail_out;
		} while (z->avail_out == 0);
		payload = buf_str(&client->plain);
	} else if (!client->etf && opcode == WS_BINARY) { /* payload zlib */
		uLongf size = 1 << 20;
		char *dst;

		buf_clear(&client->plain);
		dst = buf_reserve(&client->plain, size);
		assert_int_equal(
			uncompress((Bytef *)dst, &size, (const Bytef *)payload.ptr, payload.len),
			Z_OK);
		client->plain.len = size;
		payload = buf_str(&client->plain);
	}
	if (client->etf)
		assert_int_equal(opcode, WS_BINARY);
	json_t *json = client->etf ? etf_parse(payload, &error) : json_parse(payload);
	assert_non_null(json);
	return json;
}

/* One frame off client->in: its length in all, 0 when it is not complete. */
static size_t frame_of(const struct buf *in, uint8_t *ret_opcode, struct str *ret_payload)
{
	const uint8_t *p = (const uint8_t *)in->ptr;
	size_t head = 2, len;

	if (in->len < 2)
		return 0;
	len = p[1];
	if (len == 126)
		head = 4;
	if (len == 127)
		head = 10;
	if (in->len < head)
		return 0;
	if (head > 2) {
		len = 0;
		for (size_t i = 2; i < head; i++)
			len = len << 8 | p[i];
	}
	if (in->len < head + len)
		return 0;
	assert_int_equal(p[0] & 0xf0, 0x80);
	*ret_opcode = p[0] & 15;
	*ret_payload = (struct str){ in->ptr + head, len };
	return head + len;
}

json_t *client_next(struct client *client)
{
	struct str payload;
	uint8_t opcode;
	size_t used;

	fill(client);
	while ((used = frame_of(&client->in, &opcode, &payload))) {
		json_t *json = NULL;

		if (opcode == WS_CLOSE)
			client->close_code = (uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1];
		else if (opcode != WS_PONG)
			json = decode(client, opcode, payload);
		buf_consume(&client->in, used);
		if (json && json_integer_value(json_object_get(json, "op")) == 0) {
			int64_t seq = json_integer_value(json_object_get(json, "s"));

			assert_int_equal(seq, client->seq + 1); /* no gap, no repeat */
			client->seq = seq;
		}
		if (json)
			return json;
	}
	return NULL;
}

json_t *client_expect(struct client *client, int op, const char *name)
{
	json_t *json = client_next(client);

	if (!json)
		fail_msg("op %d %s did not come (close code %d)", op, name ? name : "",
			 client->close_code);
	const char *t = json_string_value(json_object_get(json, "t"));
	if (json_integer_value(json_object_get(json, "op")) != op ||
	    (name && (!t || strcmp(t, name) != 0))) {
		char *text = json_dumps(json, 0);
		fail_msg("wanted op %d %s, got %s", op, name ? name : "", text);
	}
	assert_true(json_object_get(json, "s") && json_object_get(json, "t"));
	json_t *d = json_incref(json_object_get(json, "d"));
	json_decref(json);
	return d;
}

void client_expect_nothing(struct client *client)
{
	json_t *json = client_next(client);

	if (json)
		fail_msg("got %s", json_dumps(json, 0));
	assert_int_equal(client->close_code, 0);
}

int client_closed(struct client *client)
{
	json_t *json;

	while ((json = client_next(client)))
		json_decref(json);
	return client->close_code;
}

void client_identify(struct client *client, const char *token, uint32_t intents)
{
	json_decref(client_expect(client, GATEWAY_OP_HELLO, NULL));
	client_send(client, "{\"op\":2,\"d\":{\"token\":\"%s\",\"intents\":%u,\"properties\":{}}}",
		    token, intents);
	json_t *ready = client_expect(client, 0, "READY");
	snprintf(client->session_id, sizeof(client->session_id), "%s",
		 json_string_value(json_object_get(ready, "session_id")));
	json_decref(ready);
}

void client_leave(struct client *client, int code)
{
	uint8_t bytes[2] = { (uint8_t)(code >> 8), (uint8_t)code };

	if (code) {
		client_send_frame(client, WS_CLOSE, bytes, 2);
		client_closed(client);
	} else {
		sock_pair_reset(client->sock);
	}
	fake_run(client->fake);
}
