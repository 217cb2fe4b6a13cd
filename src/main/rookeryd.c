/* rookeryd: the daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "main/daemon.h"
#include "main/options.h"

static int complain(char *error)
{
	fprintf(stderr, "rookeryd: %s\n", error ? error : "out of memory");
	free(error);
	return 2;
}

int main(int argc, char **argv)
{
	struct options options = { argc, argv };
	struct daemon *daemon = NULL;
	enum options_do what;
	char *error = NULL;

	umask(077);
	struct config *config = options_read(&options, &what, &error);
	switch (what) {
	case OPTIONS_HELP: fputs(options_usage, stdout); return 0;
	case OPTIONS_WRONG:
		if (error)
			return complain(error);
		fputs(options_usage, stderr);
		return 2;
	case OPTIONS_CHECK:
		puts("the configuration is fine");
		config_free(config);
		return 0;
	case OPTIONS_RUN: break;
	}
	log_set_level((enum log_level)config_log_level(config));
	int r = daemon_new(config,
			   &(struct daemon_options){ .reread = options_reread, .owner = &options },
			   &daemon, &error);
	int status = r ? complain(error) : daemon_run(daemon);
	daemon_free(daemon);
	return status;
}
