/* The driver of all fuzz targets.
 *
 *	fuzz --list                  prints the targets' names
 *	fuzz --replay DIR [NAME...]  runs the files in DIR/NAME through each target, then thousands of seeded
 *	                             mutations of them; prints TAP. The ordinary test.
 *	FUZZ_TARGET=NAME fuzz ...    libFuzzer's own options (only where it is linked in)
 *
 * Without FUZZ_TARGET libFuzzer runs the target that the first byte names. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "support/fuzz.h"

enum { INPUT_MAX = 1 << 20, MUTATIONS = 2000, MUTANT_MAX = 4096, INPUT_SECONDS = 20 };

static uint32_t target_count(void)
{
	uint32_t count = 0;

	while (fuzz_targets[count].name)
		count++;
	return count;
}

static const struct fuzz_target *target_find(const char *name)
{
	for (const struct fuzz_target *target = fuzz_targets; target->name; target++) {
		if (strcmp(target->name, name) == 0)
			return target;
	}
	return NULL;
}

/* A copy of exactly the input's size, so that a sanitizer sees a read past its end. */
static void run_exact(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
	uint8_t *copy = mem_dup(data, size);

	alarm(INPUT_SECONDS); /* an input that hangs ends the test, too */
	target->run(copy, size);
	alarm(0);
	free(copy);
}

/* Flips, cuts, repeats and splices a little. Seeded: the same on every machine. */
static size_t mutate(struct random *random, uint8_t *data, size_t size)
{
	static const uint8_t interesting[] = { 0,    1,	   0x7f, 0x80, 0xff, '"', '{',
					       '\\', '\r', '\n', ':',  '0',  '-' };
	uint64_t rounds = 1 + random_below(random, 6);

	while (rounds--) {
		uint64_t at = size ? random_below(random, size) : 0;
		uint64_t len = size ? random_below(random, MIN(size - at, 32U) + 1) : 0;

		switch (random_below(random, 6)) {
		case 0:
			if (size)
				data[at] = (uint8_t)(data[at] ^ (1U << random_below(random, 8)));
			break;
		case 1:
			if (size)
				data[at] =
					interesting[random_below(random, ARRAY_SIZE(interesting))];
			break;
		case 2:
			if (size)
				random_fill(random, data + at, MIN(len, 8U));
			break;
		case 3: /* cut out */
			memmove(data + at, data + at + len, size - at - len);
			size -= len;
			break;
		case 4: /* repeat */
			if (size + len <= MUTANT_MAX) {
				memmove(data + at + len, data + at, size - at);
				size += len;
			}
			break;
		default: /* insert */
			if (size < MUTANT_MAX) {
				memmove(data + at + 1, data + at, size - at);
				data[at] =
					interesting[random_below(random, ARRAY_SIZE(interesting))];
				size++;
			}
		}
	}
	return size;
}

static int file_read(const char *path, uint8_t *buf, size_t *ret_size)
{
	FILE *file = fopen(path, "rbe");

	if (!file)
		return -errno;
	*ret_size = fread(buf, 1, INPUT_MAX, file);
	fclose(file);
	return 0;
}

/* All saved inputs of @target, each followed by its share of mutants. Returns how many inputs there were. */
static uint32_t replay_dir(const char *dir, const struct fuzz_target *target, uint8_t *buf)
{
	struct random_seeded seeded;
	struct dirent **entries = NULL;
	char path[4096];
	uint32_t count = 0;
	uint8_t mutant[MUTANT_MAX];
	size_t size;
	int n;

	snprintf(path, sizeof(path), "%s/%s", dir, target->name);
	n = scandir(path, &entries, NULL, alphasort);
	random_seeded_init(&seeded, 1);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", dir, target->name, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && file_read(path, buf, &size) == 0) {
			printf("# %s\n", path);
			fflush(stdout);
			run_exact(target, buf, size);
			count++;
			for (int m = 0; m < MUTATIONS / n; m++) {
				size_t mutant_size = MIN(size, (size_t)MUTANT_MAX);

				memcpy(mutant, buf, mutant_size);
				mutant_size = mutate(&seeded.random, mutant, mutant_size);
				run_exact(target, mutant, mutant_size);
			}
		}
		free(entries[i]);
	}
	free(entries);
	/* And from nothing, for a target without saved inputs. */
	run_exact(target, (const uint8_t *)"", 0);
	for (int m = 0; m < MUTATIONS; m++) {
		size = random_below(&seeded.random, 64);
		random_fill(&seeded.random, mutant, size);
		run_exact(target, mutant, mutate(&seeded.random, mutant, size));
	}
	return count;
}

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

static int replay(const char *dir, char **names)
{
	uint8_t *buf = mem_alloc(INPUT_MAX);
	uint32_t done = 0;

	printf("TAP version 13\n");
	for (const struct fuzz_target *target = fuzz_targets; target->name; target++) {
		if (!wanted(target->name, names))
			continue;
		uint32_t count = replay_dir(dir, target, buf);

		printf("ok %u %s, %u saved inputs\n", ++done, target->name, count);
		fflush(stdout);
	}
	printf("1..%u\n", done);
	free(buf);
	return 0;
}

/* Our own words on the command line; -1 if it is libFuzzer's. */
static int own_command(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (const struct fuzz_target *target = fuzz_targets; target->name; target++)
			puts(target->name);
		return 0;
	}
	if (argc >= 3 && strcmp(argv[1], "--replay") == 0)
		return replay(argv[2], argv + 3);
	return -1;
}

#ifdef LIBFUZZER
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fuzz_target *chosen;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");
	int r = own_command(*argc, *argv);

	if (r >= 0)
		exit(r);
	chosen = name ? target_find(name) : NULL;
	if (name && !chosen) {
		fprintf(stderr, "fuzz: no target %s (see --list)\n", name);
		exit(2);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (chosen)
		return chosen->run(data, size);
	return size ? fuzz_targets[data[0] % target_count()].run(data + 1, size - 1) : 0;
}
#else
int main(int argc, char **argv)
{
	const char *name = getenv("FUZZ_TARGET");
	const struct fuzz_target *target = name ? target_find(name) : NULL;
	uint8_t *buf;
	size_t size;
	int r = own_command(argc, argv);

	if (r >= 0)
		return r;
	if (argc < 2 || (name && !target)) {
		fprintf(stderr,
			"usage: fuzz --list | --replay DIR [NAME...] | FILE... (with FUZZ_TARGET)\n");
		return 2;
	}
	buf = mem_alloc(INPUT_MAX);
	for (int i = 1; i < argc; i++) {
		if (file_read(argv[i], buf, &size) < 0)
			continue;
		if (target)
			run_exact(target, buf, size);
		else if (size)
			run_exact(&fuzz_targets[buf[0] % target_count()], buf + 1, size - 1);
	}
	free(buf);
	return 0;
}
#endif
