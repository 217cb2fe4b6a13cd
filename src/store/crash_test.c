/* Processes that die, power that goes, disks that fail: what was said to be durable is there afterwards.
 * A child writes and tells of each done(0) by a pipe; the parent ends it at some moment, opens what it left and looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "store/internal.h"
#include "store/testing.h"
#include "support/fsyncloss.h"

enum { IN_FLIGHT = 16, ROWS_MAX = 3 };

/* -- what batch number n holds: some rows, all in one partition, all from n -- */

static uint32_t rows_of(uint64_t n)
{
	return 1 + (uint32_t)(hash_u64(n) % ROWS_MAX);
}

static struct str row_key(char room[64], uint64_t n, uint32_t row)
{
	return test_key(room, n % 3 ? 16 : 32, 1 + n % 50, n * ROWS_MAX + row);
}

static struct str row_value(char room[512], uint64_t n, uint32_t row)
{
	size_t len = 20 + hash_u64(n * ROWS_MAX + row + 1) % 480;

	for (size_t i = 0; i < len; i++)
		room[i] = (char)(hash_u64(n + row) >> (i % 8 * 8));
	return (struct str){ room, len };
}

static struct store_batch *batch_of_number(struct core *core, uint64_t n, struct store_gate *gate)
{
	struct store_batch *batch = store_batch_new(core, gate);
	char key[64], value[512];

	for (uint32_t row = 0; row < rows_of(n); row++)
		store_batch_put(batch, row_key(key, n, row), row_value(value, n, row));
	return batch;
}

/* How many rows of batch n are there, all with what they should hold. */
static uint32_t rows_found(struct rig *rig, uint64_t n)
{
	char key[64], value[512];
	uint32_t found = 0;

	for (uint32_t row = 0; row < rows_of(n); row++) {
		struct arena arena;
		struct str got;

		arena_init(&arena);
		int r = rig_get(rig, &arena, row_key(key, n, row), &got);
		if (r == 0)
			assert_true(str_eq(got, row_value(value, n, row)));
		else
			assert_int_equal(r, ENOENT);
		found += r == 0;
		arena_done(&arena);
	}
	return found;
}

static void open_store(struct rig *rig, const char *dir, int sync_interval_ms)
{
	struct store *store;

	assert_int_equal(
		store_rocks_open(&(struct store_rocks_config){ .dir = dir,
							       .cache_bytes = 16 << 20,
							       .sync_interval_ms = sync_interval_ms,
							       .reserve_bytes = 1 << 20 },
				 &store),
		0);
	rig_init(rig, store, false);
}

/* -- the child: crash_test child DIR SYNC_INTERVAL_MS FIRST PIPE COUNT -- */

struct writer {
	struct rig rig;
	uint64_t next, end;
	int pipe;
};
struct job_batch {
	struct writer *writer;
	uint64_t n;
};

static void write_next(struct writer *writer);

static void on_durable(struct core *core, struct store_batch *batch, int r)
{
	struct job_batch *job = batch->owner;
	struct writer *writer = job->writer;

	(void)core;
	if (r != 0 || write(writer->pipe, &job->n, sizeof(job->n)) != sizeof(job->n))
		_exit(3);
	free(job);
	store_batch_free(batch);
	write_next(writer);
}

static void write_next(struct writer *writer)
{
	if (writer->next == writer->end)
		return;
	struct job_batch *job = mem_alloc(sizeof(*job));
	*job = (struct job_batch){ writer, writer->next++ };
	struct store_batch *batch = batch_of_number(writer->rig.core, job->n, NULL);
	batch->owner = job;
	batch->done = on_durable;
	store_commit(writer->rig.store, batch);
}

_Noreturn static void child_main(char **argv)
{
	struct writer writer = { .next = strtoull(argv[4], NULL, 10), .pipe = atoi(argv[5]) };

	writer.end = writer.next + strtoull(argv[6], NULL, 10);

	fsyncloss_watch(argv[2]);
	fsyncloss_cut_on_signal();
	open_store(&writer.rig, argv[2], atoi(argv[3]));
	for (int i = 0; i < IN_FLIGHT; i++)
		write_next(&writer);
	for (;;)
		rig_turn(&writer.rig);
}

static pid_t child_start(const char *dir, int sync_interval_ms, uint64_t first, uint64_t count,
			 int *ret_pipe)
{
	char self[PATH_MAX] = "", sync[16], from[24], number[24], fd[16];
	int ends[2];

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_int_equal(pipe(ends), 0);
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	snprintf(sync, sizeof(sync), "%d", sync_interval_ms);
	snprintf(from, sizeof(from), "%llu", (unsigned long long)first);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)count);
	snprintf(fd, sizeof(fd), "%d", ends[1]);
	pid_t pid = fork();
	if (pid == 0) {
		execl(self, self, "child", dir, sync, from, fd, number, (char *)NULL);
		_exit(2);
	}
	close(ends[1]);
	*ret_pipe = ends[0];
	return pid;
}

/* Reads numbers until @want of them have come, or (@want 0) until the end. */
static void hear(int fd, bool *heard, uint64_t *high, uint64_t want, uint64_t max)
{
	uint64_t n, count = 0;

	while ((!want || count < want) && read(fd, &n, sizeof(n)) == sizeof(n)) {
		assert_true(n < max);
		heard[n] = true;
		*high = MAX(*high, n);
		count++;
	}
	assert_true(!want || count == want);
}

/* Rounds of a life and a death each, on one directory. With @idle_ms the child stops writing that long before it dies.
 * Returns how many batches were lost though said durable. */
static uint64_t die_and_look(int signal_number, int sync_interval_ms, int rounds, uint32_t idle_ms)
{
	enum { NUMBERS = 1 << 20, IDLE_COUNT = 500 };
	bool *heard = mem_zalloc(NUMBERS);
	char *dir = test_dir();
	uint64_t high = 0, lost = 0;

	for (int round = 0; round < rounds; round++) {
		uint64_t first = high + 1, rows, bad;
		struct rig rig;
		int fd, status;
		pid_t pid = child_start(dir, sync_interval_ms, first,
					idle_ms ? IDLE_COUNT : NUMBERS, &fd);

		hear(fd, heard, &high, idle_ms ? IDLE_COUNT : 1 + random_below(&random_real, 3000),
		     NUMBERS);
		usleep(idle_ms * 1000);
		kill(pid, signal_number);
		hear(fd, heard, &high, 0, NUMBERS);
		close(fd);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

		open_store(&rig, dir, -1);
		assert_int_equal(rig.store->epoch, 2 * round + 2);
		assert_int_equal(rig.store->ops->check(rig.store, &rows, &bad), 0);
		assert_int_equal(bad, 0);
		for (uint64_t n = 1; n <= high; n++) {
			uint32_t found = rows_found(&rig, n);

			/* A batch is whole or not there. */
			assert_true(found == 0 || found == rows_of(n));
			if (heard[n] && !found) {
				heard[n] = false;
				lost++;
			}
		}
		/* So that next round's numbers are new: those that were under way have perhaps landed. */
		high += IN_FLIGHT;
		rig_done(&rig);
	}
	test_dir_remove(dir);
	free(dir);
	free(heard);
	return lost;
}

static void a_killed_process_loses_nothing_that_was_durable(void **state)
{
	(void)state;
	assert_int_equal(die_and_look(SIGKILL, -1, 6, 0), 0);
}

static void a_killed_process_loses_nothing_without_syncs_either(void **state)
{
	(void)state;
	assert_int_equal(die_and_look(SIGKILL, 0, 3, 0), 0);
}

static void a_power_cut_loses_nothing_that_was_durable(void **state)
{
	(void)state;
	assert_int_equal(die_and_look(SIGUSR1, -1, 6, 0), 0);
}

/* Else the test above would prove nothing. */
static void a_power_cut_without_syncs_loses_what_was_said_to_be_durable(void **state)
{
	(void)state;
	assert_true(die_and_look(SIGUSR1, 0, 2, 0) > 0);
}

static void with_an_interval_a_power_cut_loses_only_what_came_since(void **state)
{
	(void)state;
	assert_int_equal(die_and_look(SIGUSR1, 50, 2, 500), 0);
}

/* -- failing writes -- */

static void fails_and_repairs(const char *suffix, int err, int want)
{
	char *dir = test_dir();
	struct store_gate *gate = store_gate_new();
	struct rig_count count = {};
	char key[64], value[512];
	struct rig rig;
	int left = 5000;

	fsyncloss_watch(dir);
	open_store(&rig, dir, -1);
	uint64_t epoch = rig.store->epoch;
	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(rig_commit(&rig, batch_of_number(rig.core, n, NULL)), 0);

	struct store_batch *first = store_batch_new(rig.core, gate),
			   *second = store_batch_new(rig.core, gate);
	store_batch_put(first, row_key(key, 1000, 0), row_value(value, 1000, 0));
	store_batch_put(second, row_key(key, 1001, 0), row_value(value, 1001, 0));
	fsyncloss_fail(suffix, err, 1);
	assert_int_equal(rig_commit(&rig, first), want);
	assert_int_equal(rig_commit(&rig, second), -ESTALE);
	store_gate_reopen(gate);

	while (rig.store->ops->refusing(rig.store) && left--)
		rig_turn(&rig);
	assert_false(rig.store->ops->refusing(rig.store));
	struct store_batch *third = store_batch_new(rig.core, gate);
	store_batch_put(third, row_key(key, 1002, 0), row_value(value, 1002, 0));
	rig_commit_counted(&rig, third, &count);
	while (!count.durable && !count.failed && !count.stale)
		rig_turn(&rig);
	assert_int_equal(count.durable, 1);
	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(rows_found(&rig, n), rows_of(n));
	rig_done(&rig);

	open_store(&rig, dir, -1);
	assert_true(rig.store->epoch > epoch + 1); /* the repair took one too */
	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(rows_found(&rig, n), rows_of(n));
	assert_int_equal(rig.store->ops->check(rig.store, &(uint64_t){ 0 }, &(uint64_t){ 0 }), 0);
	rig_done(&rig);
	store_gate_unref(gate);
	test_dir_remove(dir);
	free(dir);
}

static void a_log_that_takes_no_write_is_repaired(void **state)
{
	(void)state;
	fails_and_repairs(".log", EIO, -EIO);
}

static void a_log_without_room_is_repaired(void **state)
{
	(void)state;
	fails_and_repairs(".log", ENOSPC, -ENOSPC);
}

static void a_disk_that_fails_for_a_while_fails_writes_and_reads_but_nothing_more(void **state)
{
	char *dir = test_dir();
	struct store_gate *gate = store_gate_new();
	struct arena arena;
	struct rig rig;
	char key[64];
	struct str got;
	int turns = 0;

	(void)state;
	fsyncloss_watch(dir);
	open_store(&rig, dir, -1);
	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(rig_commit(&rig, batch_of_number(rig.core, n, NULL)), 0);
	/* Nothing can be written, so it does not open again either. */
	fsyncloss_fail("", EIO, INT_MAX);
	struct store_batch *failed = batch_of_number(rig.core, 21, gate);
	assert_int_equal(rig_commit(&rig, failed), -EIO);
	assert_true(rig.store->ops->refusing(rig.store));
	store_gate_reopen(gate);
	struct store_batch *early = store_batch_new(rig.core, gate);
	assert_int_equal(rig_commit(&rig, batch_of_number(rig.core, 22, NULL)), -EIO);
	arena_init(&arena);
	int r = rig_get(&rig, &arena, row_key(key, 1, 0), &got);
	assert_true(r == 0 || r == -EIO);
	fsyncloss_fail("", EIO, 0);
	while (rig.store->ops->refusing(rig.store) && turns++ < 5000)
		rig_turn(&rig);
	assert_true(turns < 5000);
	/* What failed may have come to light in the repair, so whoever has loaded before does so again. */
	assert_int_equal(rig_commit(&rig, early), -ESTALE);
	uint32_t landed = rows_found(&rig, 21);
	assert_true(landed == 0 || landed == rows_of(21));
	store_gate_reopen(gate);
	assert_int_equal(rig_commit(&rig, store_batch_new(rig.core, gate)), 0);
	assert_int_equal(rig_commit(&rig, batch_of_number(rig.core, 23, NULL)), 0);
	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(rows_found(&rig, n), rows_of(n));
	arena_done(&arena);
	rig_done(&rig);
	store_gate_unref(gate);
	test_dir_remove(dir);
	free(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_process_loses_nothing_that_was_durable),
		cmocka_unit_test(a_killed_process_loses_nothing_without_syncs_either),
		cmocka_unit_test(a_power_cut_loses_nothing_that_was_durable),
		cmocka_unit_test(a_power_cut_without_syncs_loses_what_was_said_to_be_durable),
		cmocka_unit_test(with_an_interval_a_power_cut_loses_only_what_came_since),
		cmocka_unit_test(a_log_that_takes_no_write_is_repaired),
		cmocka_unit_test(a_log_without_room_is_repaired),
		cmocka_unit_test(
			a_disk_that_fails_for_a_while_fails_writes_and_reads_but_nothing_more),
	};

	log_set_level(LOG_ERROR);
	if (argc == 7 && strcmp(argv[1], "child") == 0)
		child_main(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
