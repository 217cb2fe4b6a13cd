/* rookeryd, with a hand inside it: presences of a guild's members are put right where users' own cells would tell them, so that
 * a hundred thousand can be online without as many sessions. Takes rookeryd's options; reads commands from the pipe that
 * BENCH_CONTROL names and answers each with a line on the one that BENCH_ANSWERS names:
 *	online GUILD COUNT            so many members come online, spread over all; says how many, and the microseconds of its
 *	                              longest turn at it
 *	storm GUILD PER_SECOND SECONDS  presences change, of anybody
 *	wait                          the longest that each core kept a message waiting since the last such question, and how much
 *	                              of it the core was at work, in microseconds */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/random.h"
#include "codec/dup.h"
#include "core/fiber.h"
#include "main/daemon.h"
#include "main/options.h"
#include "realm/member_heap.h"
#include "realm/presence.h"

enum { TICK_MS = 10, PROBE_MS = 2 };

static struct bench {
	struct cores *cores;
	struct random_seeded random;
	uint64_t *ids; /* of the guild's members */
	uint32_t count;
	FILE *answers;
	_Atomic bool finished, over;
	pthread_t prober;
} bench;

struct order {
	struct msg msg;
	uint64_t guild;
	uint32_t online, per_second, ticks;
	struct timer timer;
};

static void finish(void)
{
	atomic_store(&bench.finished, true);
}

static void change(struct core *core, uint64_t guild, uint64_t id)
{
	static const struct str statuses[] = {
		{ "online", 6 }, { "idle", 4 }, { "dnd", 3 }, { "offline", 7 }
	};
	struct str status = statuses[random_below(&bench.random.random, 4)];
	struct client_status client = { .desktop = status };
	struct user_partial user = { .id = id };
	struct presence presence = { .user = &user, .status = status, .client_status = &client };

	client.has.desktop = status.len != 7;
	cell_tell(core, CELL_GUILD, guild, true, realm_presence_run,
		  obj_dup(&desc_presence, &presence));
}

/* In the guild: everybody's id, and some come online, a few in each transaction. */
static int run_online(struct txn *txn, void *arg)
{
	struct order *order = *(struct order **)arg;
	struct realm *realm = realm_of(txn);
	struct client_status client = { .web = S("online") };
	struct presence presence = { .status = S("online"), .client_status = &client };
	const struct live_member *member;
	uint32_t at = 0;

	client.has.web = true;
	free(bench.ids);
	bench.ids = mem_alloc(realm->members.count * sizeof(*bench.ids));
	bench.count = 0;
	while ((member = member_next(realm, &at)))
		bench.ids[bench.count++] = member_id(realm, member);
	uint32_t step = MAX(bench.count / MAX(order->online, 1u), 1u);
	for (uint32_t i = 0, done = 0; i < bench.count && done < order->online; i += step, done++) {
		struct user_partial user = { .id = bench.ids[i] };

		presence.user = &user;
		cell_tell(txn->core, CELL_GUILD, txn->cell->id, true, realm_presence_run,
			  obj_dup(&desc_presence, &presence));
		/* One after the other, as they would come, and the guild quiet in between: nothing is to pile up. */
		for (uint32_t tries = 0;
		     done % 64 == 63 && realm->online_count <= done && tries < 1000; tries++)
			fiber_yield(txn->core);
		if (done % 64 == 63)
			members_quiet(realm);
	}
	fprintf(bench.answers, "%u of %u\n", realm->online_count, realm->members.count);
	finish();
	return 0;
}

static void on_online(struct core *core, struct msg *msg)
{
	struct order **arg = mem_alloc(sizeof(struct order *));

	*arg = container_of(msg, struct order, msg);
	cell_tell(core, CELL_GUILD, (*arg)->guild, false, run_online, arg);
}

static void on_tick(struct core *core, struct timer *timer)
{
	struct order *order = container_of(timer, struct order, timer);

	for (uint32_t i = 0; i < order->per_second * TICK_MS / 1000; i++)
		change(core, order->guild,
		       bench.ids[random_below(&bench.random.random, bench.count)]);
	if (order->ticks--) {
		timer_set(core, timer, TICK_MS);
		return;
	}
	fprintf(bench.answers, "done\n");
	finish();
}

static void on_storm(struct core *core, struct msg *msg)
{
	struct order *order = container_of(msg, struct order, msg);

	timer_init(&order->timer, on_tick);
	timer_set(core, &order->timer, TICK_MS);
}

/* A message to each core every now and then: how long it waits is how long the core was at something else. By the core's own
 * processor time too, which does not count when the machine was at something else. */
static struct probe {
	struct msg msg;
	_Atomic bool out;
	uint64_t sent_us, sent_cpu_us;
	clockid_t clock; /* of the core's thread; known after the first */
	_Atomic bool known;
	_Atomic uint64_t longest_us, longest_cpu_us;
} probes[64];

static uint64_t cpu_us(const struct probe *probe)
{
	struct timespec time;

	clock_gettime(probe->clock, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void note(_Atomic uint64_t *longest, uint64_t us)
{
	if (us > atomic_load(longest))
		atomic_store(longest, us);
}

static void on_probe(struct core *core, struct msg *msg)
{
	struct probe *probe = container_of(msg, struct probe, msg);

	(void)core;
	note(&probe->longest_us, clock_mono_us(&clock_real) - probe->sent_us);
	if (atomic_load(&probe->known))
		note(&probe->longest_cpu_us, cpu_us(probe) - probe->sent_cpu_us);
	else if (pthread_getcpuclockid(pthread_self(), &probe->clock) == 0)
		atomic_store(&probe->known, true);
	atomic_store(&probe->out, false);
}

static void *probe_main(void *arg)
{
	struct timespec pause = { .tv_nsec = PROBE_MS * 1000000 };

	(void)arg;
	while (!atomic_load(&bench.over)) {
		nanosleep(&pause, NULL);
		for (uint32_t i = 0; i < bench.cores->count; i++) {
			if (atomic_load(&probes[i].out))
				continue;
			atomic_store(&probes[i].out, true);
			probes[i].msg.run = on_probe;
			probes[i].sent_us = clock_mono_us(&clock_real);
			if (atomic_load(&probes[i].known))
				probes[i].sent_cpu_us = cpu_us(&probes[i]);
			else
				probes[i].sent_cpu_us = 0;
			core_post(bench.cores->core[i], &probes[i].msg);
		}
	}
	return NULL;
}

static void say_waits(void)
{
	for (uint32_t i = 0; i < bench.cores->count; i++)
		fprintf(bench.answers, "%lu/%lu ", atomic_exchange(&probes[i].longest_us, 0),
			atomic_exchange(&probes[i].longest_cpu_us, 0));
	fprintf(bench.answers, "\n");
}

static void *control_main(void *arg)
{
	FILE *control = fopen(getenv("BENCH_CONTROL"), "r");
	char line[256];

	(void)arg;
	bench.answers = fopen(getenv("BENCH_ANSWERS"), "w");
	while (control && fgets(line, sizeof(line), control)) {
		struct order *order = mem_zalloc(sizeof(*order));
		uint32_t seconds;

		atomic_store(&bench.finished, false);
		if (sscanf(line, "online %lu %u", &order->guild, &order->online) == 2) {
			order->msg.run = on_online;
			core_post(bench.cores->core[0], &order->msg);
		} else if (sscanf(line, "storm %lu %u %u", &order->guild, &order->per_second,
				  &seconds) == 3) {
			order->ticks = seconds * 1000 / TICK_MS;
			order->msg.run = on_storm;
			core_post(bench.cores->core[0], &order->msg);
		} else {
			say_waits();
			finish();
		}
		while (!atomic_load(&bench.finished))
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		fflush(bench.answers);
	}
	return NULL;
}

static void on_ready(struct cores *cores, void *owner)
{
	pthread_t thread;

	(void)owner;
	bench.cores = cores;
	if (pthread_create(&bench.prober, NULL, probe_main, NULL))
		abort();
	if (getenv("BENCH_CONTROL") && pthread_create(&thread, NULL, control_main, NULL) == 0)
		pthread_detach(thread);
}

int main(int argc, char **argv)
{
	struct options options = { argc, argv };
	struct daemon *daemon = NULL;
	enum options_do what;
	char *error = NULL;

	umask(077);
	random_seeded_init(&bench.random, 1);
	struct config *config = options_read(&options, &what, &error);
	if (what != OPTIONS_RUN) {
		fprintf(stderr, "%s\n", error ? error : options_usage);
		return 2;
	}
	int r = daemon_new(config,
			   &(struct daemon_options){
				   .reread = options_reread, .ready = on_ready, .owner = &options },
			   &daemon, &error);
	int status = r ? 2 : daemon_run(daemon);
	if (r)
		fprintf(stderr, "%s\n", error);
	atomic_store(&bench.over, true);
	if (bench.cores)
		pthread_join(bench.prober, NULL);
	daemon_free(daemon);
	return status;
}
