#include "base/err.h"

#include <string.h>

#include "base/log.h"

int err_trace_at(int r, const char *file, int line)
{
	if (r < 0)
		log_debug("error passed up r=%d text=\"%s\" at=%s:%d", r, strerror(-r), file, line);
	return r;
}
