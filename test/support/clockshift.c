/* LD_PRELOAD: the wall clock is ahead by CLOCKSHIFT_S seconds, for what only happens to old things. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now)
{
	const char *ahead = getenv("CLOCKSHIFT_S");
	int r = (int)syscall(SYS_clock_gettime, id, now);

	if (!r && id == CLOCK_REALTIME && ahead)
		now->tv_sec += atol(ahead);
	return r;
}
