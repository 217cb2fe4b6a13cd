/* rookeryd: the daemon. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "main/daemon.h"

static const char usage[] =
	"usage: rookeryd [--data DIR] [--listen ADDR:PORT] [--cores N] [--config FILE] [--set KEY=VALUE ...]\n"
	"  --data DIR         where everything is kept (default: data)\n"
	"  --listen A:P,...   addresses of the plain listener (default: 127.0.0.1:8080); unix:PATH too\n"
	"  --cores N          threads that serve (default: processors, at most 8)\n"
	"  --config FILE      a file of key = value lines; what stands after it on the command line wins\n"
	"  --set KEY=VALUE    one setting, as in the file\n"
	"  --check            read the configuration, say what is wrong, and end\n";

static int complain(char *error)
{
	fprintf(stderr, "rookeryd: %s\n", error ? error : "out of memory");
	free(error);
	return 2;
}

static int set_pair(struct config *config, char *pair, char **error)
{
	char *eq = strchr(pair, '=');

	if (!eq) {
		*error = mem_strdup("--set takes KEY=VALUE");
		return -1;
	}
	*eq = '\0';
	return config_set(config, pair, eq + 1, error);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },   { "listen", required_argument, NULL, 'l' },
		{ "cores", required_argument, NULL, 'n' },  { "config", required_argument, NULL, 'c' },
		{ "set", required_argument, NULL, 's' },    { "check", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },	    {},
	};
	struct config *config = config_new();
	struct daemon *daemon = NULL;
	char *error = NULL;
	bool check = false;
	int option, r = 0;

	umask(077);
	while (!r && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd': r = config_set(config, "data", optarg, &error); break;
		case 'l': r = config_set(config, "listen", optarg, &error); break;
		case 'n': r = config_set(config, "cores", optarg, &error); break;
		case 'c': r = config_read(config, optarg, &error); break;
		case 's': r = set_pair(config, optarg, &error); break;
		case 'k': check = true; break;
		case 'h':
			fputs(usage, stdout);
			config_free(config);
			return 0;
		default:
			fputs(usage, stderr);
			config_free(config);
			return 2;
		}
	}
	if (!r && !config->listen && !config->listen_tls)
		r = config_set(config, "listen", "127.0.0.1:8080", &error);
	if (!r)
		r = config_check(config, &error);
	if (r) {
		config_free(config);
		return complain(error);
	}
	if (check) {
		puts("the configuration is fine");
		config_free(config);
		return 0;
	}
	r = daemon_new(config, &daemon, &error);
	int status = r ? complain(error) : daemon_run(daemon);
	daemon_free(daemon);
	return status;
}
