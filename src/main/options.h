/* The daemon's command line: read at the start, and again at each SIGHUP. */
#pragma once

#include "config/config.h"

enum options_do { OPTIONS_RUN, OPTIONS_CHECK, OPTIONS_HELP, OPTIONS_WRONG };

struct options {
	int argc;
	char **argv;
};

/* A configuration of file and options together, checked. NULL unless *ret is RUN or CHECK; with WRONG a sentence in @error (malloc), NULL when
 * the usage says it all. @argv is not changed. */
struct config *options_read(const struct options *options, enum options_do *ret, char **error);
/* For daemon_options.reread; @owner is struct options. */
struct config *options_reread(void *owner, char **error);
extern const char options_usage[];
