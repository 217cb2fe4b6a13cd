/* sim SEED [--trace]: one seed. sim --seeds N [--from M] [--jobs J]: many, and before them those of seeds.txt that have failed once.
 * sim --plants [--seeds N]: each planted fault must be found within N seeds.
 *
 * Seeds run in child processes, some hundred in each: what dies there is a seed that failed, and what crashed worlds leave
 * behind goes with them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/plant.h"
#include "main/daemon.h"
#include "sim/sim.h"

enum { CHUNK = 100, SECONDS_PER_SEED = 30, FAILURES_SHOWN = 20, JOBS_MAX = 16 };

/* Shared with the children. */
struct progress {
	uint64_t seed; /* at work on */
	uint64_t passed;
	bool failed; /* this seed, and said so */
};

struct range {
	const uint64_t *list; /* NULL: from, from + step, … */
	uint64_t from, step, count;
};

static uint64_t seed_at(const struct range *range, uint64_t i)
{
	return range->list ? range->list[i] : range->from + i * range->step;
}

static void prepare(const struct options *options)
{
	if (!options->tracing)
		log_set_level((enum log_level) - 1);
	daemon_register();
	ops_init();
}

static void child(const struct range *range, uint64_t at, struct progress *progress,
		  const struct options *options)
{
	for (uint64_t i = at; i < range->count && i < at + CHUNK; i++) {
		progress->seed = seed_at(range, i);
		alarm(SECONDS_PER_SEED);
		if (!run_seed(progress->seed, options)) {
			progress->failed = true;
			fflush(stdout);
			_exit(1);
		}
		progress->passed++;
	}
	_exit(0);
}

/* Runs a range; the failed seeds are counted in *ret_failed. Stops after @failures_max of them. */
static uint64_t run_range(const struct range *range, const struct options *options,
			  uint64_t failures_max, uint64_t *ret_failed)
{
	struct progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t failed = 0, done = 0;

	if (progress == MAP_FAILED)
		exit(2);
	while (done < range->count && failed < failures_max) {
		uint64_t before = progress->passed;
		int status;

		progress->failed = false;
		fflush(stdout);
		pid_t pid = fork();
		if (pid < 0)
			exit(2);
		if (pid == 0)
			child(range, done, progress, options);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			continue;
		done += progress->passed - before;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		if (!progress->failed)
			printf("seed %lu FAILED: the process died of %s\n", progress->seed,
			       WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "an exit");
		failed++;
		done++;
	}
	uint64_t passed = progress->passed;
	munmap(progress, sizeof(*progress));
	*ret_failed = failed;
	return passed;
}

/* One process a job, each with every @jobs-th seed. */
static void run_jobs(const struct range *range, uint32_t jobs, const struct options *options,
		     uint64_t *ret_passed, uint64_t *ret_failed)
{
	uint64_t *sums = mmap(NULL, sizeof(uint64_t) * 2 * JOBS_MAX, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (sums == MAP_FAILED)
		exit(2);
	fflush(stdout);
	for (uint32_t i = 0; i < jobs; i++) {
		struct range part = { .from = range->from + i,
				      .step = jobs,
				      .count = (range->count + jobs - 1 - i) / jobs };
		pid_t pid = fork();

		if (pid < 0)
			exit(2);
		if (pid == 0) {
			sums[2 * i] = run_range(&part, options, FAILURES_SHOWN, &sums[2 * i + 1]);
			fflush(stdout);
			_exit(0);
		}
	}
	while (wait(NULL) > 0 || errno == EINTR)
		continue;
	for (uint32_t i = 0; i < jobs; i++) {
		*ret_passed += sums[2 * i];
		*ret_failed += sums[2 * i + 1];
	}
	munmap(sums, sizeof(uint64_t) * 2 * JOBS_MAX);
}

/* -- seeds.txt: a number, then a comment -- */

static void run_saved(const char *file, const struct options *options, uint64_t *ret_passed,
		      uint64_t *ret_failed)
{
	uint64_t list[1024], failed = 0;
	struct range range = { .list = list };
	char line[512];
	FILE *in = fopen(file, "r");

	if (!in)
		return;
	while (range.count < ARRAY_SIZE(list) && fgets(line, sizeof(line), in)) {
		char *end;
		uint64_t seed = strtoull(line, &end, 0);

		if (end != line)
			list[range.count++] = seed;
	}
	fclose(in);
	*ret_passed += run_range(&range, options, UINT64_MAX, &failed);
	*ret_failed += failed;
}

/* -- planted faults -- */

static int run_plants(uint64_t seeds)
{
	static const char *const names[] = { "reply before sync",
					     "lost intent",
					     "class changed late",
					     "repeated s",
					     "two fibers editing one message",
					     "publish before sync" };
	int passed = 0, missed = 0;

	for (uint32_t plant = 0; plant <= PLANT_COUNT; plant++) {
		struct options options = { .publish_before_sync = plant == PLANT_COUNT };
		struct range range = { .from = 1, .step = 1, .count = seeds };
		uint64_t failed = 0;

		plants = plant < PLANT_COUNT ? 1u << plant : 0;
		fflush(stdout);
		int keep = dup(STDOUT_FILENO);
		FILE *quiet = freopen("/dev/null", "w", stdout);
		uint64_t clean = quiet ? run_range(&range, &options, 1, &failed) : 0;
		fflush(stdout);
		dup2(keep, STDOUT_FILENO);
		close(keep);
		printf("%-32s %s after %lu seeds\n", names[plant], failed ? "found" : "NOT FOUND",
		       clean + failed);
		fflush(stdout);
		passed += failed > 0;
		missed += failed == 0;
	}
	printf("%d passed, %d failed, 0 skipped\n", passed, missed);
	return missed != 0;
}

int main(int argc, char **argv)
{
	struct options options = {};
	struct range range = { .from = 1, .step = 1 };
	uint64_t seed = 0x5eed, passed = 0, failed = 0;
	bool with_plants = false;
	uint32_t jobs = 1;
	const char *saved = "test/sim/seeds.txt";

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--trace"))
			options.tracing = true;
		else if (!strcmp(argv[i], "--plants"))
			with_plants = true;
		else if (!strcmp(argv[i], "--seeds"))
			range.count = strtoull(next, NULL, 0), i++;
		else if (!strcmp(argv[i], "--from"))
			range.from = strtoull(next, NULL, 0), i++;
		else if (!strcmp(argv[i], "--jobs"))
			jobs = (uint32_t)MIN(MAX(strtoul(next, NULL, 0), 1ul),
					     (unsigned long)JOBS_MAX),
			i++;
		else if (!strcmp(argv[i], "--plant"))
			plants |= 1u << (strtoul(next, NULL, 0) % PLANT_COUNT), i++;
		else if (!strcmp(argv[i], "--publish-before-sync"))
			options.publish_before_sync = true;
		else if (!strcmp(argv[i], "--saved"))
			saved = next, i++;
		else
			seed = strtoull(argv[i], NULL, 0);
	}
	prepare(&options);
	if (with_plants)
		return run_plants(range.count ? range.count : 2000);
	if (!range.count) {
		bool fine = run_seed(seed, &options);

		printf("%d passed, %d failed, 0 skipped\n", fine, !fine);
		return !fine;
	}
	run_saved(saved, &options, &passed, &failed);
	run_jobs(&range, jobs, &options, &passed, &failed);
	printf("%lu passed, %lu failed, 0 skipped\n", passed, failed);
	return failed != 0;
}
