/* Linked into every unit test: a test program that ends with more descriptors open than it began with
 * fails. (Leaked memory is the address sanitizer's to find.) */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SYMBOLIZER_PIPES \
	2 /* the thread sanitizer keeps its symbolizer running once it had to ask it */
#endif
#endif
#ifndef SYMBOLIZER_PIPES
#define SYMBOLIZER_PIPES 0
#endif

static int open_at_start;

static int open_now(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

__attribute__((constructor)) static void leaks_begin(void)
{
	open_at_start = open_now();
}

__attribute__((destructor)) static void leaks_end(void)
{
	int leaked = open_now() - open_at_start;
	char path[64], target[256];
	ssize_t n;

	if (!open_at_start || leaked <= 0 || leaked == SYMBOLIZER_PIPES)
		return;
	fprintf(stderr, "leaks: %d descriptors left open:\n", leaked);
	for (int fd = 3; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		fprintf(stderr, "leaks: %d %s\n", fd, target);
	}
	fflush(NULL);
	_exit(99);
}
