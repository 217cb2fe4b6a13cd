/* Payloads of clients, JSON and ETF, into the op dispatcher; the questions that they lead to are
 * answered by the input too. The first byte chooses encoding, who speaks, and the answers; then
 * payloads, each after its length. */
#include <assert.h>
#include <stdlib.h>

#include "gateway/internal.h"
#include "model/errors.h"

int fuzz_gateway(const uint8_t *data, size_t size);

enum { GUILD = 77 };

static struct world {
	struct cores *cores;
	struct local local;
	struct random_seeded random;
	uint8_t answer;
} world;

/* Instead of the domain: never runs the work. */
static void answer(struct core *core, struct cell_work *work)
{
	static const int results[] = {
		0, 4004, ENOENT, -EAGAIN, ERR_RESTARTED, ERR_UNKNOWN_GUILD, -EIO, 0
	};
	int r = results[world.answer++ % ARRAY_SIZE(results)];

	if (work->run == user_open_run && r == 0) {
		struct user_open *open = container_of(work, struct user_open, work);

		open->user_id = work->id;
		open->bot = world.answer & 8;
		open->ready = bytes_from(S("{\"v\":10}"));
		open->guilds = mem_alloc(sizeof(uint64_t));
		open->guilds[0] = GUILD;
		open->guilds_count = 1;
	}
	work->done(core, work, r);
}

static void begin(void)
{
	struct gateway_config config;

	random_seeded_init(&world.random, 1);
	world.cores = cores_new(&(struct cores_config){ .count = 1,
							.fibers_max = 1,
							.clock = &clock_real,
							.random = &world.random.random });
	gateway_config_init(&config);
	config.rate_limits = false;
	world.local.gateway = gateway_local_new(world.cores->core[0], &config);
	world.local.gateway->post = answer;
	core_set_local(world.cores->core[0], &world.local);
}

static void turn(void)
{
	for (int i = 0; i < 12; i++)
		core_turn(world.cores->core[0], 0);
}

/* A session that is in a guild, as if it had identified. */
static void log_in(struct conn *conn, bool bot)
{
	struct gateway_local *gateway = conn->gateway;
	struct session *session = session_new(gateway);
	struct publication *pub = mem_zalloc(sizeof(*pub) + sizeof(struct effect));

	session->user_id = 5;
	session->bot = bot;
	session->intents = UINT32_MAX;
	session->state = SESSION_LIVE;
	session_attach(session, conn);
	session_dispatch(session, EVENT_READY, bytes_from(S("{}")));
	pub->refs = 1;
	pub->cell_id = GUILD;
	pub->kind = CELL_GUILD;
	pub->count = 1;
	pub->effects[0] = (struct effect){ .kind = EFFECT_SUBSCRIBE, .session = session->id };
	view_hold(gateway, GUILD, CELL_GUILD);
	view_apply(gateway->core, pub);
	view_release(gateway, GUILD);
	publication_unref(pub);
}

int fuzz_gateway(const uint8_t *data, size_t size)
{
	struct sock *server, *client;

	if (size < 1)
		return 0;
	if (!world.cores)
		begin();
	struct core *core = world.cores->core[0];
	uint8_t mode = data[0];
	world.answer = mode >> 3;
	sock_pair(core, core, NULL, &server, &client);
	gateway_serve(core, server,
		      &(struct gateway_upgrade){ .query = mode & 1 ? S("encoding=etf")
								   : S("encoding=json"),
						 .host = S("h") });
	struct conn *conn = sock_owner(server);
	if (mode & 2)
		log_in(conn, mode & 4);
	turn();
	data++;
	size--;
	while (size > 2 && !list_empty(&world.local.gateway->conns)) {
		size_t len = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		len = MIN(len, size);
		int code = conn->closing
			? 0
			: ops_payload(conn, mode & 1, (struct str){ (const char *)data, len });
		if (code) {
			assert(close_find(code));
			conn_close(conn, code);
			break;
		}
		data += len;
		size -= len;
		turn();
	}
	sock_close(core, client);
	turn();
	/* Sessions without a connection, and those whose questions are asked again, do not
	 * outlive the input. */
	for (struct session *first; (first = session_detached_first(world.local.gateway));)
		session_end(first);
	turn();
	return 0;
}
